package store_test

import (
	"context"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// redisServer is a server that can be killed and restarted with its data on disk.
type redisServer struct {
	addr string
	cmd  *exec.Cmd
	args []string
	dir  string
}

func newRedisServer(t *testing.T, args ...string) *redisServer {
	t.Helper()
	port := start.FreePort(t)
	s := &redisServer{addr: "127.0.0.1:" + port, dir: t.TempDir()}
	s.args = append([]string{"--bind", "127.0.0.1", "--port", port, "--save", ""}, args...)
	s.start(t)
	t.Cleanup(func() { s.kill(t) })
	return s
}

func (s *redisServer) start(t *testing.T) {
	t.Helper()
	s.cmd = exec.Command(start.Find(t, "redis-server", "redis-server"), s.args...)
	s.cmd.Dir = s.dir
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (s *redisServer) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// kill gives it no time to write anything.
func (s *redisServer) kill(t *testing.T) {
	t.Helper()
	s.signal(t, syscall.SIGKILL)
	_ = s.cmd.Wait() // it was killed, which is an error
}

// client returns a client of the server once it responds.
func (s *redisServer) client(t *testing.T, password string, db int) rueidis.Client {
	t.Helper()
	return eventually(t, func() (rueidis.Client, error) {
		client, err := rueidis.NewClient(rueidis.ClientOption{
			InitAddress: []string{s.addr}, Password: password, SelectDB: db, DisableCache: true,
		})
		if err == nil {
			t.Cleanup(client.Close)
		}
		return client, err
	})
}

// eventually polls: a server does not report that it has begun to listen.
func eventually[T any](t *testing.T, try func() (T, error)) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		value, err := try()
		if err == nil {
			return value
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// command returns the server's reply.
func command(t *testing.T, client rueidis.Client, args ...string) rueidis.RedisMessage {
	t.Helper()
	answer, err := client.Do(t.Context(), client.B().Arbitrary(args...).Build()).ToMessage()
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return answer
}
