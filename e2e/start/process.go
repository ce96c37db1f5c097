// Package start runs the processes that the end-to-end tests talk to: the example app, an OpenID provider and stores.
// Each listens on loopback only, is ended by its process id when the test ends, and must exit with status 0.
package start

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A first start on a busy machine takes long, that of Keycloak a minute; a server that needs longer than these is
// broken.
const (
	startLimit = 3 * time.Minute
	stopLimit  = 20 * time.Second
)

// Process is one running server.
type Process struct {
	cmd     *exec.Cmd
	out     *output
	signal  syscall.Signal // the signal that ends it
	status  int            // its exit status then
	exited  chan struct{}
	err     error // of Wait; readable once exited is closed
	stopped bool
}

// run starts cmd and returns when ready reports nil. The end of the test stops it.
func run(t testing.TB, cmd *exec.Cmd, ready func(context.Context) error) *Process {
	t.Helper()
	return Server(t, cmd, 0, ready)
}

// Server is run for a server of a test's own, which exits with this status after SIGTERM.
func Server(t testing.TB, cmd *exec.Cmd, status int, ready func(context.Context) error) *Process {
	t.Helper()
	p := &Process{cmd: cmd, out: &output{}, signal: syscall.SIGTERM, status: status, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.out, p.out
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", cmd.Path, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.Stop(t)
		if t.Failed() {
			t.Logf("output of %s:\n%s", cmd.Path, p.out)
		}
	})
	p.await(t, ready)
	return p
}

// await polls: a process does not report that it has begun to listen.
func (p *Process) await(t testing.TB, ready func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return
		}
		select {
		case <-p.exited:
			t.Fatalf("%s ended before it was ready: %v", p.cmd.Path, p.err)
		case <-ctx.Done():
			t.Fatalf("%s not ready after %s: %v", p.cmd.Path, startLimit, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop sends SIGTERM, or the server's own signal, and requires exit status 0, or the server's usual status. A second
// call does nothing.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	if p.stopped {
		return
	}
	p.stopped = true
	if err := p.cmd.Process.Signal(p.signal); err != nil {
		t.Errorf("%s was gone before it was stopped: %v", p.cmd.Path, err)
	}
	select {
	case <-p.exited:
	case <-time.After(stopLimit):
		t.Errorf("%s still runs %s after %s", p.cmd.Path, stopLimit, p.signal)
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	if got := p.cmd.ProcessState.ExitCode(); got != p.status {
		t.Errorf("%s after %s: %v, want exit status %d", p.cmd.Path, p.signal, p.err, p.status)
	}
}

// Goroutines ends a Go program, and returns how many goroutines it had.
func (p *Process) Goroutines(t testing.TB) int {
	t.Helper()
	p.stopped = true
	if err := p.cmd.Process.Signal(syscall.SIGQUIT); err != nil { // the runtime prints all stacks
		t.Fatal(err)
	}
	select {
	case <-p.exited:
	case <-time.After(stopLimit):
		t.Fatalf("%s still runs %s after SIGQUIT", p.cmd.Path, stopLimit)
	}
	return strings.Count(p.out.String(), "\ngoroutine ")
}

// PID returns the id of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Output returns everything the process has printed so far.
func (p *Process) Output() string { return p.out.String() }

// FreePort returns a loopback port on which nothing listens at the moment.
func FreePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// Find returns the path of the first program that is installed, and fails the test if none is: a test that skips itself
// looks like one that passed.
func Find(t testing.TB, debianPackage string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("none of %s is installed. On Debian: apt-get install %s", strings.Join(names, ", "), debianPackage)
	return ""
}

// answers is ready when url responds with 200.
func answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", url, resp.Status)
		}
		return nil
	}
}

// clean returns the environment without variables that would configure the servers behind the test's back.
func clean(env []string, extra ...string) []string {
	var kept []string
	for _, v := range env {
		if !strings.HasPrefix(v, "OIDC_") && !strings.HasPrefix(v, "PORT=") && !strings.HasPrefix(v, "ADDR=") &&
			!strings.HasPrefix(v, "REDIS_URL=") && !strings.HasPrefix(v, "DATABASE_URL=") {
			kept = append(kept, v)
		}
	}
	return append(kept, extra...)
}

// moduleDir returns the directory of the module's sources.
func moduleDir(t testing.TB, module string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module)
	cmd.Stderr = os.Stderr
	dir, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list -m %s: %v", module, err)
	}
	return strings.TrimSpace(string(dir))
}

// output collects what a process prints while the test may read it.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
