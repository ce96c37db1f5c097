package start

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const plugin = "github.com/seed-d65cea4d/ginoidc"

// Example is the example app as a built program.
type Example struct{ Path string }

// BuildExample builds the example app in the plugin's own module, and so with the versions that `go run ./example`
// uses.
func BuildExample(t testing.TB) Example {
	t.Helper()
	path := filepath.Join(t.TempDir(), "example")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./example")
	cmd.Dir = moduleDir(t, plugin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build ./example: %v\n%s", err, out)
	}
	return Example{path}
}

// App is a running example app.
type App struct {
	*Process
	URL string // without a trailing slash
}

// Run starts the app on http://localhost:port with env ("NAME=value") and waits for /healthz.
func (e Example) Run(t testing.TB, port string, env ...string) App {
	t.Helper()
	url := "http://localhost:" + port
	p := run(t, e.Command(t, append(env, "ADDR=localhost:"+port)...), answers(url+"/healthz"))
	return App{p, url}
}

// AwaitReady waits until the app has a provider and its store.
func (a App) AwaitReady(t testing.TB) {
	t.Helper()
	a.await(t, answers(a.URL+"/readyz"))
}

// Command returns the app with env, not started.
func (e Example) Command(t testing.TB, env ...string) *exec.Cmd {
	cmd := exec.Command(e.Path)
	cmd.Env = clean(os.Environ(), env...)
	cmd.Dir = t.TempDir() // it must find no files next to it
	return cmd
}
