package start

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
)

// Redis is a running redis-server that keeps nothing on disk.
type Redis struct {
	*Process
	Addr string // "127.0.0.1:port"
}

// RunRedis starts an empty Redis.
func RunRedis(t testing.TB) Redis {
	t.Helper()
	port := FreePort(t)
	cmd := exec.Command(Find(t, "redis-server", "redis-server"), "--bind", "127.0.0.1", "--port", port, "--save", "",
		"--appendonly", "no")
	cmd.Dir = t.TempDir()
	addr := net.JoinHostPort("127.0.0.1", port)
	return Redis{run(t, cmd, func(ctx context.Context) error { return answersLine(ctx, addr, "PING", "+PONG") }), addr}
}

// answersLine requires more than a connection: a server that is still loading accepts one and responds with an error.
func answersLine(ctx context.Context, addr, question, answer string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(question + "\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, answer) {
		err = fmt.Errorf("%s: %q to %q", addr, line, question)
	}
	return err
}
