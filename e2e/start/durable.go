package start

import (
	"context"
	"net"
	"os/exec"
	"syscall"
	"testing"
)

// RunDurableRedis starts a Redis on the port that writes every change to a file in dir before it responds, so that it
// loses nothing when it is killed and restarted.
func RunDurableRedis(t testing.TB, port, dir string) Redis {
	t.Helper()
	cmd := exec.Command(Find(t, "redis-server", "redis-server"), "--bind", "127.0.0.1", "--port", port, "--save", "",
		"--appendonly", "yes", "--appendfsync", "always", "--dir", dir)
	addr := net.JoinHostPort("127.0.0.1", port)
	return Redis{run(t, cmd, func(ctx context.Context) error { return answersLine(ctx, addr, "PING", "+PONG") }), addr}
}

// Kill ends the process at once, so that it cannot finish anything.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	p.stopped = true
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Errorf("%s was gone before it was killed: %v", p.cmd.Path, err)
	}
	<-p.exited
}
