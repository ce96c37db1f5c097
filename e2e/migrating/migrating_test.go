// Package migrating_test compiles the programs of docs/migrating.md and docs/migrating-others.md, and runs those
// between which users move.
package migrating_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	_ "github.com/appleboy/gin-jwt/v2" // of the programs: go.mod lists what some file imports
	_ "github.com/coreos/go-oidc/v3/oidc"
	_ "github.com/gin-contrib/sessions/cookie"
	_ "github.com/markbates/goth/gothic"
	_ "github.com/markbates/goth/providers/openidConnect"
	_ "golang.org/x/oauth2"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

const secret = "a-secret-of-32-bytes-or-of-more-!"

// programs returns the complete programs of a page, in order.
func programs(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	program := regexp.MustCompile("(?s)```go(?: build)?\n(package main\n.*?)```")
	for _, m := range program.FindAllStringSubmatch(string(text), -1) {
		found = append(found, m[1])
	}
	return found
}

// compiled builds a program with the dependencies of this module.
func compiled(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	file, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "program")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, source)
	}
	return program
}

// run runs a program on a port until stop is called, and waits until it listens.
func run(t *testing.T, program, port string, env ...string) (stop func()) {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), append(env, "GIN_MODE=release", "PORT="+port, "OIDC_COOKIE_SECRET="+secret)...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("%s:\n%s", program, out.String())
		}
	})
	for range 600 {
		if resp, err := http.Get("http://localhost:" + port + "/"); err == nil {
			_ = resp.Body.Close()
			return stop
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s does not listen", program)
	return nil
}

// get returns the status and the body of a page, and where it is.
func get(t *testing.T, client *http.Client, method, address string, form url.Values) (int, string, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Request.URL.String()
}

func TestPrograms(t *testing.T) {
	all := append(programs(t, "migrating.md"), programs(t, "migrating-others.md")...)
	if len(all) != 5 {
		t.Fatalf("%d programs", len(all))
	}
	for _, source := range all {
		compiled(t, source)
	}
}

// TestHandMade: a user of the program written by hand is signed out by the new one, and is not if the new one adopts
// sessions as the page says.
func TestHandMade(t *testing.T) {
	port := start.FreePort(t)
	app := "http://localhost:" + port
	idp, stop, err := ginoidctest.Listen(ginoidctest.Config{ClientID: "shop", ClientSecret: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	env := []string{"OIDC_ISSUER=" + idp.Issuer(), "OIDC_CLIENT_ID=shop", "OIDC_CLIENT_SECRET=" + secret,
		"OIDC_APP_URL=" + app, "SESSION_KEY=" + secret}
	page := programs(t, "migrating.md")
	before, after := compiled(t, page[1]), compiled(t, page[0])
	adopting := compiled(t, withAdoption(t, page[0]))

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	alice := &http.Client{Jar: jar, Timeout: time.Minute}
	end := run(t, before, port, env...)
	signIn(t, alice, idp, app+"/login")
	if status, body, at := get(t, alice, http.MethodGet, app+"/admin", nil); status != 200 || body != "Hello, alice" {
		t.Fatalf("before: %d %q at %s", status, body, at)
	}
	end()

	end = run(t, after, port, env...)
	still := *alice
	still.CheckRedirect = stay
	if status, _, _ := get(t, &still, http.MethodGet, app+"/admin", nil); status != http.StatusFound {
		t.Errorf("without adoption: %d", status)
	}
	end()

	run(t, adopting, port, env...)
	for range 2 { // at once, and with the new session alone
		if status, body, at := get(t, alice, http.MethodGet, app+"/admin", nil); status != 200 || body != "Hello, alice" {
			t.Fatalf("with adoption: %d %q at %s", status, body, at)
		}
	}
}

// stay makes a client follow no redirect.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// signIn signs alice in at the provider.
func signIn(t *testing.T, client *http.Client, idp *ginoidctest.Provider, address string) {
	t.Helper()
	once := *client
	once.CheckRedirect = stay
	resp, err := once.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	back, err := idp.Approve(resp.Header.Get("Location"), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if resp, err = client.Get(back); err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}

// withAdoption returns the program with the functions of the page that keep users signed in.
func withAdoption(t *testing.T, program string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "migrating.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```go\n(// adopt .*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatal("docs/migrating.md does not say how to adopt sessions")
	}
	program = strings.Replace(program, "import (\n", `import (
	"os"
	"strings"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
`, 1)
	program = strings.Replace(program, "router := gin.Default()\n", `router := gin.Default()
	keepUsersSignedIn(router, auth, cookie.NewStore([]byte(os.Getenv("SESSION_KEY"))))
`, 1)
	return program + string(m[1])
}

// TestGinJWT: a token of gin-jwt is accepted by the new program, and one that it did not issue is not.
func TestGinJWT(t *testing.T) {
	page, port := programs(t, "migrating-others.md"), start.FreePort(t)
	env := []string{"JWT_KEY=" + secret, "PASSWORD=x", "OIDC_ISSUER=https://idp.example", "OIDC_CLIENT_ID=shop",
		"OIDC_CLIENT_SECRET=" + secret, "OIDC_APP_URL=http://localhost:" + port}
	end := run(t, compiled(t, page[0]), port, env...)
	_, body, _ := get(t, http.DefaultClient, http.MethodPost, "http://localhost:"+port+"/login",
		url.Values{"name": {"alice"}, "password": {"x"}})
	var answer struct{ Token string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Token == "" {
		t.Fatalf("%v: %s", err, body)
	}
	end()
	run(t, compiled(t, page[1]), port, env...)
	for token, want := range map[string]int{answer.Token: http.StatusOK, answer.Token + "x": http.StatusUnauthorized} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost:"+port+"/api/me", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		me, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != want || want == http.StatusOK && !strings.Contains(string(me), `"alice"`) {
			t.Errorf("%d %s, want %d", resp.StatusCode, me, want)
		}
	}
}
