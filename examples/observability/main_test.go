package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// running is the app and its metrics, on loopback ports.
type running struct {
	*testing.T
	app, metrics *httptest.Server
	idp          *ginoidctest.Provider
}

func start(t *testing.T) *running {
	t.Helper()
	app := httptest.NewUnstartedServer(nil)
	idp, stop, err := ginoidctest.Listen(ginoidctest.Config{AlwaysRefreshToken: true, TokenLife: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	cfg := configFor(idp)
	cfg.AppURL = "http://" + app.Listener.Addr().String()
	cfg.Providers[0].Audience = cfg.AppURL + "/api"
	handler, metrics, err := newApp(cfg)
	if err != nil {
		t.Fatal(err)
	}
	app.Config.Handler = handler
	app.Start()
	r := &running{T: t, app: app, metrics: httptest.NewServer(metrics), idp: idp}
	t.Cleanup(r.app.Close)
	t.Cleanup(r.metrics.Close)
	return r
}

// browser returns a client with cookies that does not follow redirects.
func (r *running) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Jar: jar, CheckRedirect: stay}
}

// send sends a request and checks the status of the response.
func (r *running) send(client *http.Client, method, target string, status int, header ...string) (location string) {
	r.Helper()
	if strings.HasPrefix(target, "/") {
		target = r.app.URL + target
	}
	request, err := http.NewRequest(method, target, nil)
	if err != nil {
		r.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := client.Do(request)
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != status {
		r.Errorf("%s %s: got %s, want %d", method, target, response.Status, status)
	}
	return response.Header.Get("Location")
}

// signIn signs in at the provider.
func (r *running) signIn(client *http.Client, subject string) {
	r.Helper()
	callback, err := r.idp.Approve(r.send(client, "GET", "/auth/signin", 302), subject)
	if err != nil {
		r.Fatal(err)
	}
	r.send(client, "GET", callback, 303)
}

// drive does what makes each metric appear: sign-ins and refused ones, denied requests, refreshes, access tokens.
func (r *running) drive() {
	r.Helper()
	alice, bob := r.browser(), r.browser()
	r.signIn(alice, "alice")
	r.signIn(bob, "bob")
	r.send(alice, "GET", "/", 200)
	r.send(alice, "GET", "/staff", 200)
	r.send(alice, "GET", "/admin", 200)
	r.send(alice, "GET", "/change", 200)
	r.send(bob, "GET", "/admin", 403)
	r.send(r.browser(), "GET", "/staff", 401)
	r.send(alice, "GET", "/broken", 503)
	callback, err := r.idp.Deny(r.send(r.browser(), "GET", "/auth/signin", 302), "access_denied")
	if err != nil {
		r.Fatal(err)
	}
	r.send(r.browser(), "GET", callback, 400)
	r.send(alice, "GET", "/api/token", 200)
	token := r.idp.AccessToken(r, "alice", r.app.URL+"/api")
	for range 2 {
		r.send(r.browser(), "GET", "/staff", 200, "Authorization", "Bearer "+token)
	}
	r.idp.Misbehave(r, ginoidctest.RefreshInvalidGrant)
	r.send(bob, "GET", "/api/token", 401)
	r.idp.Misbehave(r)
	r.send(alice, "POST", "/auth/signout", 303, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate")
}

// scrape returns the page of metrics.
func (r *running) scrape() string {
	r.Helper()
	response, err := http.Get(r.metrics.URL)
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		r.Fatal(err)
	}
	return string(page)
}

// TestApp: guards decide, and the page of metrics has the counts, by few labels and without users.
func TestApp(t *testing.T) {
	r := start(t)
	r.drive()
	page := r.scrape()
	for _, want := range []string{
		`ginoidc_sign_ins_total{ginoidc_provider="staff"} 2`,
		`ginoidc_sign_ins_total{error_type="attempt_missing",ginoidc_provider="staff"} 1`,
		`ginoidc_guard_decisions_total{error_type="forbidden",ginoidc_outcome="denied"} 1`,
		`ginoidc_guard_decisions_total{error_type="unauthorized",ginoidc_outcome="denied"} 2`,
		`ginoidc_failures_total{error_type="session_unavailable"} 1`,
		`ginoidc_refreshes_total{error_type="invalid_grant",ginoidc_provider="staff"} 1`,
		`ginoidc_access_token_lookups_total{ginoidc_result="hit"} 1`,
	} {
		if !strings.Contains(page, want+"\n") {
			t.Errorf("the page lacks %s", want)
		}
	}
	host, err := url.Parse(r.app.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{"alice", "bob", "secret", host.Host} {
		if strings.Contains(page, private) {
			t.Errorf("the page has %q", private)
		}
	}
	var labels []string
	for _, m := range regexp.MustCompile(`[{,](\w+)="`).FindAllStringSubmatch(page, -1) {
		labels = append(labels, m[1])
	}
	slices.Sort(labels)
	want := []string{"error_type", "ginoidc_end_reason", "ginoidc_event", "ginoidc_operation", "ginoidc_outcome",
		"ginoidc_provider", "ginoidc_result", "http_response_status_code", "le"}
	if got := slices.Compact(labels); !slices.Equal(got, want) {
		t.Errorf("labels %q, want %q", got, want)
	}
}
