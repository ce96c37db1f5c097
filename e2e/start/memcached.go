package start

import (
	"context"
	"net"
	"os/exec"
	"testing"
)

// Memcached is a running memcached.
type Memcached struct {
	*Process
	Addr string // "127.0.0.1:port"
}

// RunMemcached starts an empty memcached.
func RunMemcached(t testing.TB) Memcached {
	t.Helper()
	port := FreePort(t)
	// As root it refuses to run without -u.
	cmd := exec.Command(Find(t, "memcached", "memcached"), "-l", "127.0.0.1", "-p", port, "-U", "0", "-u", "nobody")
	cmd.Dir = t.TempDir()
	addr := net.JoinHostPort("127.0.0.1", port)
	return Memcached{run(t, cmd, func(ctx context.Context) error { return answersLine(ctx, addr, "version", "VERSION ") }),
		addr}
}
