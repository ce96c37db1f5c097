package ginoidctest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
)

// LoginAs returns a client that is signed in to the app as user, without a
// provider: the session is made by auth itself, in the store it is configured
// with. The client
//
//   - calls the engine in memory; a request for another host than the app's fails,
//   - takes paths ("/api/me") as well as full URLs, and resolves them against the app URL,
//   - keeps cookies, so that signing out or a renewed session shows,
//   - does not follow redirects, so that a test can look at them.
//
// user needs a Subject; its Issuer is the configured one. Every middleware of
// the engine runs as always: only the sign-in is left out.
func LoginAs(tb TB, auth *ginoidc.Auth, engine http.Handler, user ginoidc.User) *http.Client {
	tb.Helper()
	app, err := url.Parse(auth.AppURL() + "/")
	if err != nil {
		tb.Fatalf("the app's URL: %v", err)
		return nil
	}
	c, w := throwAway(app)
	if err := auth.StartSession(c, &user); err != nil {
		tb.Fatalf("signing in as %q: %v", user.Subject, err)
		return nil
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatalf("making a cookie jar: %v", err)
		return nil
	}
	jar.SetCookies(app, (&http.Response{Header: w.Header()}).Cookies())
	return &http.Client{
		Transport:     &appTransport{app: app, pipe: newPipe(engine, slog.New(slog.DiscardHandler))},
		Jar:           &appJar{app: app, CookieJar: jar},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// throwAway is a Gin context outside any engine. gin.New would print warnings.
func throwAway(u *url.URL) (*gin.Context, http.ResponseWriter) {
	w := headerOnly{}
	c := gin.CreateTestContextOnly(w, new(gin.Engine))
	c.Request = &http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: make(http.Header), Body: http.NoBody}
	return c, w
}

// headerOnly is a response of which only the header is of interest.
type headerOnly http.Header

func (w headerOnly) Header() http.Header         { return http.Header(w) }
func (w headerOnly) Write(b []byte) (int, error) { return len(b), nil }
func (w headerOnly) WriteHeader(int)             {}

// appTransport serves requests for the app in memory.
type appTransport struct {
	app  *url.URL
	pipe *http.Transport
}

func (t *appTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	u := t.app.ResolveReference(r.URL)
	if u.Scheme != t.app.Scheme || u.Host != t.app.Host {
		if r.Body != nil {
			_ = r.Body.Close() // a RoundTripper must, also when it fails
		}
		return nil, fmt.Errorf("ginoidctest: this client reaches only the app at %s, not %q", t.app, u.Scheme+"://"+u.Host)
	}
	r = r.Clone(r.Context())
	r.URL = u
	return t.pipe.RoundTrip(r)
}

// appJar keeps cookies of relative URLs like those of full ones.
type appJar struct {
	http.CookieJar
	app *url.URL
}

func (j *appJar) Cookies(u *url.URL) []*http.Cookie {
	return j.CookieJar.Cookies(j.app.ResolveReference(u))
}

func (j *appJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	j.CookieJar.SetCookies(j.app.ResolveReference(u), cookies)
}

// ownRoutes are handlers of the plugin itself, which decide on their own.
const ownRoutes = "github.com/seed-d65cea4d/ginoidc."

var wildcard = regexp.MustCompile(`[:*][^/]*`)

// OpenRoutes asks every route of the engine as a program that is not signed in
// would, and lists those that let it in ("GET /reports/:id"): that answer with
// something else than 401, 403 or 503. A guard registered after a route does not
// protect that route, and a test with OpenRoutes notices:
//
//	if open := ginoidctest.OpenRoutes(engine, "/", "/healthz"); len(open) > 0 {
//		t.Errorf("routes without a guard: %q", open)
//	}
//
// Public route patterns, as for ProtectAll, and the plugin's own routes are not
// asked and not listed.
//
// Danger: the handlers of open routes really run, with "x" for each path
// parameter and no body. Run it against test data only: a DELETE route somebody
// forgot to guard deletes. A route that does not answer within five seconds, or
// panics, counts as open.
func OpenRoutes(engine *gin.Engine, public ...string) []string {
	pipe := newPipe(engine, slog.New(slog.DiscardHandler))
	var open []string
	for _, route := range engine.Routes() {
		if slices.Contains(public, route.Path) || strings.HasPrefix(route.Handler, ownRoutes) {
			continue
		}
		if !guarded(pipe, route.Method, wildcard.ReplaceAllLiteralString(route.Path, "x")) {
			open = append(open, route.Method+" "+route.Path)
		}
	}
	slices.Sort(open)
	return open
}

func guarded(pipe *http.Transport, method, path string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "https://localhost"+path, nil)
	if err != nil {
		return false
	}
	resp, err := pipe.RoundTrip(r)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable:
		return true
	}
	return false
}
