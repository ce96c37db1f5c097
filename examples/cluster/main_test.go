package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// startLimit bounds how long a process may take to start.
const startLimit = 30 * time.Second

// cluster is what compose.yaml describes, as processes of this machine. A provider of package ginoidctest takes the
// place of Keycloak.
type cluster struct {
	*testing.T
	appURL    string
	idp       *ginoidctest.Provider
	processes map[string]*exec.Cmd
}

func start(t *testing.T) *cluster {
	t.Helper()
	dir := t.TempDir()
	ports := map[string]string{}
	for _, name := range []string{"8080", "8081", "9001", "9002", "9003", "redis"} {
		ports[name] = freePort(t)
	}
	c := &cluster{T: t, appURL: "http://localhost:" + ports["8080"], processes: map[string]*exec.Cmd{}}
	env := readCompose(t)["app1"].Environment
	moved := strings.NewReplacer("localhost:8080", "localhost:"+ports["8080"],
		"localhost:8081", "localhost:"+ports["8081"], "redis:6379", "127.0.0.1:"+ports["redis"])
	var err error
	c.idp, err = ginoidctest.New(ginoidctest.Config{
		Issuer: moved.Replace(env["OIDC_ISSUER"]), ClientID: env["OIDC_CLIENT_ID"], ClientSecret: env["OIDC_CLIENT_SECRET"],
		RedirectURIs: []string{c.appURL + "/auth/callback"},
	})
	if err != nil {
		t.Fatal(err)
	}
	keycloak := httptest.NewServer(c.idp)
	t.Cleanup(keycloak.Close)

	proxy := strings.NewReplacer("9001", ports["9001"], "9002", ports["9002"], "9003", ports["9003"],
		"listen 8080", "listen 127.0.0.1:"+ports["8080"], "listen 8081", "listen 127.0.0.1:"+ports["8081"],
		"http://keycloak:8080", keycloak.URL).Replace(readFile(t, "nginx.conf"))
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(proxy), 0o600); err != nil {
		t.Fatal(err)
	}
	c.run("nginx", nil, program(t, "nginx", "nginx"), "-c", filepath.Join(dir, "nginx.conf"), "-g",
		"daemon off; error_log stderr; pid "+filepath.Join(dir, "nginx.pid")+";")
	c.run("redis", nil, program(t, "redis-server", "redis-server"), "--port", ports["redis"], "--bind", "127.0.0.1",
		"--dir", dir, "--save", "", "--maxmemory-policy", "noeviction")
	app := filepath.Join(dir, "app")
	if out, err := exec.Command("go", "build", "-o", app, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, name := range instances() {
		own := readCompose(t)[name].Environment
		for key, value := range own {
			own[key] = moved.Replace(value)
		}
		own["PORT"] = ports[own["PORT"]]
		c.run(name, own, app)
		c.awaitReady("http://127.0.0.1:" + own["PORT"] + "/readyz")
	}
	return c
}

// run starts a process that ends with the test, with this environment.
func (c *cluster) run(name string, env map[string]string, path string, args ...string) {
	c.Helper()
	cmd := exec.Command(path, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	for key, value := range env {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	if err := cmd.Start(); err != nil {
		c.Fatal(err)
	}
	c.processes[name] = cmd
	c.Cleanup(func() {
		c.stop(name)
		if c.Failed() {
			c.Logf("%s:\n%s", name, out.String())
		}
	})
}

// stop ends a process as Docker does. A second call does nothing.
func (c *cluster) stop(name string) {
	cmd := c.processes[name]
	if cmd.ProcessState == nil {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
}

// program returns the path of a program. Without it the test fails: one that skips itself looks like one that passed.
func program(t *testing.T, name, debianPackage string) string {
	t.Helper()
	for _, dir := range []string{"", "/usr/sbin"} { // where Debian has nginx, which is not in the path of every user
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	t.Fatalf("%s is not installed: apt-get install %s", name, debianPackage)
	return ""
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// awaitReady polls, since a process does not report that it listens.
func (c *cluster) awaitReady(address string) {
	c.Helper()
	for deadline := time.Now().Add(startLimit); ; time.Sleep(50 * time.Millisecond) {
		response, err := http.Get(address)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			c.Fatalf("%s: %v, %v", address, response, err)
		}
	}
}

// browser returns a client with cookies that follows no redirects.
func (c *cluster) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Jar: jar, CheckRedirect: stay}
}

// get asks through the proxy.
func (c *cluster) get(client *http.Client, address string) (status int, body, location string) {
	c.Helper()
	if strings.HasPrefix(address, "/") {
		address = c.appURL + address
	}
	response, err := client.Get(address)
	if err != nil {
		c.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.Fatal(err)
	}
	return response.StatusCode, string(text), response.Header.Get("Location")
}

func (c *cluster) signIn(subject string) *http.Client {
	c.Helper()
	client := c.browser()
	_, _, authorization := c.get(client, "/auth/signin")
	callback, err := c.idp.Approve(authorization, subject)
	if err != nil {
		c.Fatal(err)
	}
	if status, body, _ := c.get(client, callback); status != http.StatusSeeOther {
		c.Fatalf("%d %s", status, body)
	}
	return client
}

// TestThreeInstances: whichever instance a request reaches, the user is signed in, and signed out everywhere at once.
// When an instance ends, nobody notices.
func TestThreeInstances(t *testing.T) {
	c := start(t)
	alice, bob := c.signIn("alice"), c.signIn("bob")
	served := map[string]bool{}
	for range 9 {
		status, body, _ := c.get(alice, "/")
		_, instance, _ := strings.Cut(strings.TrimSuffix(body, ".\n"), " from ")
		served[instance] = true
		if status != http.StatusOK {
			t.Errorf("%d %s", status, body)
		}
	}
	if got := slices.Sorted(maps.Keys(served)); !slices.Equal(got, instances()) {
		t.Errorf("served by %q", got)
	}
	for client, want := range map[*http.Client]int{alice: 200, bob: 403, c.browser(): 401} {
		for range 3 {
			if status, body, _ := c.get(client, "/admin"); status != want {
				t.Errorf("/admin: got %d, want %d: %s", status, want, body)
			}
		}
	}

	form := url.Values{"logout_token": {c.idp.LogoutToken(t, "alice", "")}}
	response, err := http.PostForm(c.appURL+"/auth/backchannel-logout", form)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	for range 6 {
		if status, _, _ := c.get(alice, "/"); status != http.StatusUnauthorized {
			t.Errorf("after the back-channel logout: %d", status)
		}
	}

	c.stop("app2")
	for range 6 {
		if status, body, _ := c.get(bob, "/"); status != http.StatusOK || strings.Contains(body, "app2") {
			t.Errorf("without app2: %d %s", status, body)
		}
	}
	c.signIn("carol")
}
