package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
)

// runMain makes the test binary run the app itself, for tests of the process.
const runMain = "EXAMPLE_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		main()
		return
	}
	gin.SetMode(gin.TestMode)
	os.Exit(m.Run())
}

// process returns the app with env as its only configuration.
func process(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "OIDC_") &&
			!slices.Contains([]string{"ADDR", "PORT", "REDIS_URL", "DATABASE_URL"}, name) {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(append(cmd.Env, env...), runMain+"=1")
	return cmd
}

func TestBadConfigurationEndsTheProcess(t *testing.T) {
	var out, errOut bytes.Buffer
	cmd := process(t, "ADDR=nowhere", "OIDC_ISSUER=http://idp.example", "OIDC_CLIENT_ID=app", "OIDC_SESSION_IDLE=soon",
		"REDIS_URL=http://localhost")
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if cmd.ProcessState.ExitCode() != 2 || out.Len() > 0 {
		t.Errorf("%v, output %q", err, out.String())
	}
	lines := strings.Split(strings.TrimSpace(errOut.String()), "\n")
	for _, name := range []string{
		"ADDR", "OIDC_ISSUER", "OIDC_CLIENT_SECRET", "OIDC_COOKIE_SECRET", "OIDC_SESSION_IDLE", "REDIS_URL",
	} {
		n := 0
		for _, line := range lines {
			if strings.Contains(line, ": "+name+" ") || strings.Contains(line, ": "+name+":") {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d lines about %s, want 1", n, name)
		}
	}
	if len(lines) != 6 {
		t.Errorf("%d problems, want 6:\n%s", len(lines), errOut.String())
	}
}

func TestProcess(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(sig.String(), func(t *testing.T) {
			addr := freeAddr(t)
			cmd := process(t, "ADDR="+addr)
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			cmd.Stderr = &log
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			greeting := readUntil(t, stdout, "end with this process")
			for _, text := range []string{
				"http://" + addr + "\n", "http://127.0.0.1:",
				"alice ", "admin, staff, audit", "acme", "bob ", "globex", "carol ", "no group",
			} {
				if !strings.Contains(greeting, text) {
					t.Errorf("greeting without %q:\n%s", text, greeting)
				}
			}
			isReady(t, addr)
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("exit: %v\n%s", err, log.String())
			}
		})
	}
}

// After shutdown nothing of the app is left.
func TestRunStopsTheProvider(t *testing.T) {
	addr := freeAddr(t)
	setenv(t, map[string]string{"ADDR": addr})
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	status := make(chan int, 1)
	go func() { status <- run(ctx, in, io.Discard) }()
	greeting := readUntil(t, out, "end with this process")
	isReady(t, addr)
	stop()
	if got := <-status; got != exitOK {
		t.Errorf("status %d", got)
	}
	provider := regexp.MustCompile(`127\.0\.0\.1:\d+, a test provider`).FindString(greeting)
	provider, _, _ = strings.Cut(provider, ",")
	if conn, err := net.Dial("tcp", provider); err == nil {
		conn.Close()
		t.Errorf("the provider still listens at %s", provider)
	} else if provider == "" {
		t.Errorf("no provider in the greeting:\n%s", greeting)
	}
}

func TestTakenAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	setenv(t, map[string]string{"ADDR": taken.Addr().String()})
	var out, errOut bytes.Buffer
	if status := run(t.Context(), &out, &errOut); status != exitFailed || out.Len() > 0 ||
		!strings.Contains(errOut.String(), "cannot listen") {
		t.Errorf("status %d, output %q, errors %q", status, out.String(), errOut.String())
	}
}

// After a signal, running requests have ten seconds to finish.
func TestShutdown(t *testing.T) {
	for needs, finishes := range map[time.Duration]bool{9 * time.Second: true, 11 * time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			server := newServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				stop()
				time.Sleep(needs)
				w.WriteHeader(http.StatusTeapot)
			}), slog.New(slog.DiscardHandler))
			listener, client := newPipe()
			ended := make(chan error, 1)
			go func() { ended <- serve(ctx, server, listener) }()
			start := time.Now()
			if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			go io.Copy(io.Discard, client)
			if err := <-ended; (err == nil) != finishes || time.Since(start) > shutdownLimit {
				t.Errorf("a request of %s: %v after %s", needs, err, time.Since(start))
			}
			time.Sleep(needs) // the bubble ends once the handler has returned
			client.Close()
		})
	}
}

// isReady calls the readiness probe of the app, which calls the provider.
func isReady(t *testing.T, addr string) {
	t.Helper()
	resp, err := http.Get("http://" + addr + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("ready: %s", resp.Status)
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// readUntil reads lines up to the one that contains last.
func readUntil(t *testing.T, r io.Reader, last string) string {
	t.Helper()
	var text strings.Builder
	for lines := bufio.NewScanner(r); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), last) {
			return text.String()
		}
	}
	t.Fatalf("the output ends without %q:\n%s", last, text.String())
	return ""
}
