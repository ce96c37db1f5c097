package start

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
)

// RedisPrograms returns the servers that speak the protocol of Redis: Redis and Valkey. Valkey is left out, and said to
// be, on a machine that lacks it. In the workflow that is a failure.
func RedisPrograms(t testing.TB) map[string]string {
	t.Helper()
	programs := map[string]string{"Redis": Find(t, "redis-server", "redis-server")}
	valkey, err := exec.LookPath("valkey-server")
	switch {
	case err == nil:
		programs["Valkey"] = valkey
	case os.Getenv("GITHUB_ACTIONS") == "true":
		t.Error("valkey-server is not installed")
	default:
		t.Log("Valkey is left out: valkey-server is not installed")
	}
	return programs
}

// RunRedisProgram starts a program of [RedisPrograms] on the port, with its files in dir and further arguments, and
// waits until it answers.
func RunRedisProgram(t testing.TB, program, port, dir string, args ...string) Redis {
	t.Helper()
	addr := net.JoinHostPort("127.0.0.1", port)
	cmd := exec.Command(program, append([]string{"--bind", "127.0.0.1", "--port", port, "--save", "", "--dir", dir,
		"--shutdown-timeout", "0"}, args...)...) // it would wait for replicas
	cmd.Dir = dir
	return Redis{run(t, cmd, func(ctx context.Context) error { return answersLine(ctx, addr, "PING", "+PONG") }), addr}
}

// RunRedisTLS starts a program that accepts only TLS, and only clients with a certificate of the authority.
func RunRedisTLS(t testing.TB, program, caFile, certFile, keyFile string) Redis {
	t.Helper()
	port, dir := FreePort(t), t.TempDir()
	addr := net.JoinHostPort("127.0.0.1", port)
	cmd := exec.Command(program, "--bind", "127.0.0.1", "--port", "0", "--tls-port", port, "--save", "", "--dir", dir,
		"--tls-ca-cert-file", caFile, "--tls-cert-file", certFile, "--tls-key-file", keyFile, "--tls-auth-clients", "yes")
	cmd.Dir = dir
	return Redis{run(t, cmd, func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		return conn.Close()
	}), addr}
}

// RunSentinel starts a Sentinel that watches the primary at addr under the name "main", and promotes a replica as soon
// as the primary has not answered for two seconds.
func RunSentinel(t testing.TB, program, addr string) Redis {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	dir, own := t.TempDir(), FreePort(t)
	file := dir + "/sentinel.conf"
	config := fmt.Sprintf("port %s\nbind 127.0.0.1\ndir %s\nsentinel monitor main %s %s 1\n"+
		"sentinel down-after-milliseconds main 2000\nsentinel failover-timeout main 2000\n", own, dir, host, port)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, file, "--sentinel")
	cmd.Dir = dir
	self := net.JoinHostPort("127.0.0.1", own)
	return Redis{run(t, cmd, func(ctx context.Context) error { return answersLine(ctx, self, "PING", "+PONG") }), self}
}
