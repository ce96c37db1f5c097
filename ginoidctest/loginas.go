package ginoidctest

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"

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
