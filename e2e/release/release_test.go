// Package release_test uses the plugin as its users get it: from a module proxy, without the files around it. The proxy
// has the modules of the work tree, as they would be in the next release.
package release_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

const (
	plugin = "github.com/seed-d65cea4d/ginoidc"
	root   = "../.."
)

// nextVersion is the one with which the modules of the repository require the plugin.
func nextVersion(t *testing.T) string {
	t.Helper()
	m := regexp.MustCompile(plugin + ` (v\S+)\n`).FindStringSubmatch(read(t, root, "otel", "go.mod"))
	if m == nil || m[1] == "v0.0.0" {
		t.Fatalf("otel/go.mod requires no release of the plugin, but %q: its users could not download it", m)
	}
	return m[1]
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, text []byte, path ...string) {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// publish adds a module of the work tree to a proxy. Directories that are modules of their own are left out.
func publish(t *testing.T, proxy, path, version, dir string) {
	t.Helper()
	at := filepath.Join(proxy, path, "@v")
	info, err := json.Marshal(map[string]string{"Version": version})
	if err != nil {
		t.Fatal(err)
	}
	write(t, []byte(version+"\n"), at, "list")
	write(t, info, at, version+".info")
	write(t, []byte(read(t, dir, "go.mod")), at, version+".mod")
	archive, err := os.Create(filepath.Join(at, version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	if err := zip.CreateFromDir(archive, module.Version{Path: path, Version: version}, dir); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
}

// user is somebody with a directory, a module cache of their own and the proxy.
type user struct {
	*testing.T
	env []string
}

func newUser(t *testing.T) (user, string) {
	t.Helper()
	version, proxy := nextVersion(t), t.TempDir()
	publish(t, proxy, plugin, version, root)
	publish(t, proxy, plugin+"/otel", version, filepath.Join(root, "otel"))
	cached, err := exec.CommandContext(t.Context(), "go", "env", "GOMODCACHE", "GOPROXY").Output()
	if err != nil {
		t.Fatal(err)
	}
	modcache, others, _ := strings.Cut(strings.TrimSpace(string(cached)), "\n")
	u := user{t, append(os.Environ(), "GOWORK=off", "GOFLAGS=-modcacherw -mod=mod -trimpath", "GONOSUMDB="+plugin,
		"GOMODCACHE="+t.TempDir(), // which may be filled from what this machine has downloaded before
		fmt.Sprintf("GOPROXY=file://%s,file://%s/cache/download,%s", proxy, modcache, others))}
	return u, version
}

// run runs the go command in a directory and returns its output.
func (u user) run(dir string, args ...string) string {
	u.Helper()
	cmd := exec.CommandContext(u.Context(), "go", args...)
	cmd.Dir, cmd.Env = dir, u.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		u.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestNewUser: the program of README compiles in a new module, and so does one with metrics. The command runs without
// being installed.
func TestNewUser(t *testing.T) {
	u, version := newUser(t)
	dir := t.TempDir()
	program := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").FindStringSubmatch(read(t, root, "README.md"))
	if program == nil {
		t.Fatal("README has no program")
	}
	write(t, []byte(program[1]), dir, "main.go")
	u.run(dir, "mod", "init", "example.com/shop")
	u.run(dir, "get", plugin+"@"+version)
	u.run(dir, "mod", "tidy")
	u.run(dir, "vet", "./...")
	u.run(dir, "mod", "verify")
	if got := u.run(dir, "list", "-m", plugin); strings.TrimSpace(got) != plugin+" "+version {
		t.Errorf("built with %s", got)
	}

	u.run(dir, "get", plugin+"/otel@"+version)
	write(t, []byte(strings.NewReplacer("ginoidc.New(", "ginoidcotel.New(", "\""+plugin+"\"",
		"\""+plugin+"\"\n\tginoidcotel \""+plugin+"/otel\"").Replace(program[1])), dir, "main.go")
	u.run(dir, "mod", "tidy")
	u.run(dir, "vet", "./...")

	if secret := u.run(t.TempDir(), "run", plugin+"/cmd/ginoidc@"+version, "secret"); len(secret) < 40 {
		t.Errorf("the command prints %q", secret)
	}
}

// TestExamples: the examples and their tests work with the release, outside of the repository. That of the cluster is
// left out: its test builds an image from the repository.
func TestExamples(t *testing.T) {
	u, version := newUser(t)
	dir := filepath.Join(t.TempDir(), "examples")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "examples"))); err != nil {
		t.Fatal(err)
	}
	mod := regexp.MustCompile(`(?m)^replace .*$`).ReplaceAllString(read(t, dir, "go.mod"), "")
	if !strings.Contains(mod, plugin+" "+version+"\n") {
		t.Errorf("examples/go.mod does not require %s", version)
	}
	write(t, []byte(mod), dir, "go.mod")
	u.run(dir, "build", "./...")
	u.run(dir, "test", "./api", "./saas", "./several", "./spa")
}
