package example_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/e2e/browser"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// cases 305, 306, 310: all problems of a configuration are reported at once, each with its variable, and nothing
// listens.
func TestBadConfiguration(t *testing.T) {
	example := start.BuildExample(t)
	cmd := example.Command(t,
		"ADDR=localhost:"+start.FreePort(t),
		"OIDC_ISSUER=http://provider.example",
		"OIDC_CLIENT_ID=",
		"OIDC_COOKIE_SECRET=short",
		"OIDC_SCOPES=profile",
		"OIDC_SESSION_IDLE=a day",
	)
	timer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("ended with %v, want exit status 2", err)
	}
	for _, name := range []string{"OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_COOKIE_SECRET", "OIDC_SCOPES",
		"OIDC_SESSION_IDLE"} {
		if !strings.Contains(string(out), name) {
			t.Errorf("no line names %s:\n%s", name, out)
		}
	}
}

// case 297: the app starts while its provider is unavailable, and users stay signed in; only the readiness check fails.
func TestRestartWhileProviderIsAway(t *testing.T) {
	example, port := start.BuildExample(t), start.FreePort(t)
	provider := start.RunProvider(t, "http://localhost:"+port, start.GroupsInUserInfo)
	env := append(provider.Env(), "OIDC_COOKIE_SECRET="+secret())
	app := example.Run(t, port, env...)
	v := visit{T: t, app: app, tab: browser.Start(t).Profile(t)}
	v.atApp(v.signIn("alice"), "/")
	wantStatus(t, app.URL+"/readyz", 200)
	app.Stop(t)
	provider.Stop(t)

	app = example.Run(t, port, env...)
	if page := v.tab.Open(app.URL + "/profile"); page.Status != 200 || !strings.Contains(page.Text, "alice@example.com") {
		t.Errorf("profile after the restart: %+v", page)
	}
	wantStatus(t, app.URL+"/", 200)
	wantStatus(t, app.URL+"/api/me", 401)
	wantStatus(t, app.URL+"/auth/signin", 503)
	if reason := wantStatus(t, app.URL+"/readyz", 503); !json.Valid(reason) {
		t.Errorf("the reason is not JSON: %s", reason)
	}
}

// wantStatus sends a request without a session.
func wantStatus(t *testing.T, url string, want int) []byte {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		t.Errorf("%s: %d %s (%v), want %d", url, resp.StatusCode, body, err, want)
	}
	return body
}

// secret returns a cookie secret that no configuration check considers weak.
func secret() string { return rand.Text() + rand.Text() }
