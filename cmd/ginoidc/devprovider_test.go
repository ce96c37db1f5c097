package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
)

// runDevProvider starts the command on a free port until the test ends, and returns what it printed.
func runDevProvider(t *testing.T, args ...string) (printed string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	done := make(chan int)
	var errOut bytes.Buffer
	go func() {
		status := run(ctx, append([]string{"dev-provider", "-addr", "127.0.0.1:0"}, args...), writer, &errOut)
		_ = writer.Close()
		done <- status
	}()
	t.Cleanup(func() {
		stop()
		if status := <-done; status != exitOK {
			t.Errorf("exit status %d: %s", status, errOut.String())
		}
	})
	lines := bufio.NewScanner(reader)
	for lines.Scan() {
		printed += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "the last user") || strings.HasPrefix(lines.Text(), "#   carol") {
			break
		}
	}
	return printed
}

// exported sets the variables that the command printed.
func exported(t *testing.T, printed string) {
	t.Helper()
	for line := range strings.Lines(printed) {
		if setting, ok := strings.CutPrefix(strings.TrimSpace(line), "export "); ok {
			name, value, _ := strings.Cut(setting, "=")
			t.Setenv(name, strings.Trim(value, "'"))
		}
	}
}

// TestDevProvider: with the printed variables alone, alice signs in and is in the group admin, and bob is not.
func TestDevProvider(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	printed := runDevProvider(t, "-client-secret", "a secret with blanks")
	if !strings.Contains(printed, "\n#   alice; groups admin, staff, audit; organizations acme\n") {
		t.Errorf("printed\n%s", printed)
	}
	exported(t, printed)
	cfg, err := ginoidc.ConfigFromEnv("OIDC_")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Logger = slog.New(slog.DiscardHandler)
	auth, err := ginoidc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	engine := gin.New()
	auth.Mount(engine)
	engine.GET("/admin", auth.RequireGroups("admin"), func(c *gin.Context) { c.String(http.StatusOK, "hello") })
	for user, want := range map[string]int{"alice": http.StatusOK, "bob": http.StatusForbidden} {
		app := httptest.NewRecorder()
		engine.ServeHTTP(app, httptest.NewRequest(http.MethodGet, "/auth/signin", nil))
		resp, err := noRedirects().PostForm(app.Header().Get("Location"), url.Values{"subject": {user}})
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		callback := httptest.NewRequest(http.MethodGet, resp.Header.Get("Location"), nil)
		signedIn := httptest.NewRecorder()
		engine.ServeHTTP(signedIn, withCookies(callback, app))
		page := httptest.NewRecorder()
		engine.ServeHTTP(page, withCookies(httptest.NewRequest(http.MethodGet, "/admin", nil), signedIn))
		if page.Code != want {
			t.Errorf("%s: sign-in %d, page %d, want %d", user, signedIn.Code, page.Code, want)
		}
	}
}

func noRedirects() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// withCookies adds the cookies that a response has set.
func withCookies(r *http.Request, from *httptest.ResponseRecorder) *http.Request {
	for _, cookie := range from.Result().Cookies() {
		r.AddCookie(cookie)
	}
	return r
}

// TestDevProviderUsers: the users of a file replace those of the demonstration.
func TestDevProviderUsers(t *testing.T) {
	users := file(t, "users.json", `[{"sub":"dora","groups":["ops"],"claims":{"plan":"pro"}},{"sub":"the last user"}]`)
	printed := runDevProvider(t, "-users", users, "-redirect-uri", "http://localhost:1/a",
		"-redirect-uri", "http://localhost:2/b", "-client-id", "it's")
	for _, want := range []string{
		"#   dora; groups ops\n#   the last user\n", "\n# Redirect URIs: http://localhost:1/a, http://localhost:2/b\n",
		"\nexport OIDC_CLIENT_ID='it'\\''s'\n", "\nexport OIDC_CLIENT_SECRET=secret\n",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("lacks %q:\n%s", want, printed)
		}
	}
	if strings.Contains(printed, "alice") {
		t.Errorf("alice is there:\n%s", printed)
	}
}

// TestDevProviderProblems: it never listens where other machines could reach it, and says what is wrong with a file.
func TestDevProviderProblems(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"-addr", ":9400"}, exitFailed, `"" is no loopback address`},
		{[]string{"-addr", "0.0.0.0:9400"}, exitFailed, `"0.0.0.0" is no loopback address`},
		{[]string{"-addr", "[::]:9400"}, exitFailed, `"::" is no loopback address`},
		{[]string{"-addr", "192.0.2.1:9400"}, exitFailed, "anyone who can reach it can sign in as anyone"},
		{[]string{"-addr", "localhost.example.com:9400"}, exitFailed, "is no loopback address"},
		{[]string{"-addr", "localhost"}, exitFailed, "missing port"},
		{[]string{"-users", file(t, "none.json", "[]")}, exitMisuse, "there is no user"},
		{[]string{"-users", file(t, "odd.json", `[{"subject":"a"}]`)}, exitMisuse, `unknown field "subject"`},
		{[]string{"-users", file(t, "no.json", `[{"name":"A"}]`)}, exitMisuse, "user 1 has no sub"},
		{[]string{"-users", "no such file"}, exitMisuse, "no such file"},
		{[]string{"x"}, exitMisuse, `"x" is no flag`},
		{[]string{"-h"}, exitOK, "usage"},
	} {
		status, out, errOut := called(append([]string{"dev-provider"}, tt.args...)...)
		if status != tt.status || out != "" || !strings.Contains(errOut, tt.says) {
			t.Errorf("%q: %d, printed %q, said %q", tt.args, status, out, errOut)
		}
	}
}
