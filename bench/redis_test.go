package bench

import (
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/gin-contrib/sessions/redis"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// startRedis returns the address of an empty redis-server that keeps nothing on disk, or "" if there is no such
// program.
func startRedis(t testing.TB) (addr string) {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return ""
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(program, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no")
	cmd.Dir = t.TempDir()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 100 {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return addr
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("redis-server does not listen")
	return ""
}

// onRedis returns what keeps sessions or shared state in Redis. The sessions of one Redis need not be removed in
// between.
func onRedis(t testing.TB, addr string) []contender {
	t.Helper()
	newState := func() *redisstate.Store {
		store, err := redisstate.New(redisstate.Config{URL: "redis://" + addr, Secrets: []string{testapp.CookieSecret}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(store.Close)
		return store
	}
	theirs, err := redis.NewStore(10, "tcp", addr, "", "", []byte(testapp.CookieSecret))
	if err != nil {
		t.Fatal(err)
	}
	return []contender{
		plugin(t, "**ginoidc**, sealed cookie, state in Redis", 3, func(c *ginoidc.Config) {
			c.State = newState()
		}),
		plugin(t, "**ginoidc**, session and state in Redis", 3, func(c *ginoidc.Config) {
			store := newState()
			c.Store, c.State = store, store
		}),
		ginContrib(t, "gin-contrib, Redis, struct", theirs, false),
	}
}
