package ginoidctest

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// newClient returns a client of the app in memory, not signed in, and the app's URL.
func newClient(auth *ginoidc.Auth, engine http.Handler) (*http.Client, *url.URL, error) {
	app, err := url.Parse(auth.AppURL() + "/")
	if err != nil {
		return nil, nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, nil, err
	}
	return &http.Client{
		Transport:     &appTransport{app: app, pipe: inMemory(engine)},
		Jar:           &appJar{app: app, CookieJar: jar},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, app, nil
}

func inMemory(h http.Handler) http.RoundTripper { return fakeop.Pipe(h, slog.New(slog.DiscardHandler)) }

// appTransport serves requests for the app in memory.
type appTransport struct {
	app  *url.URL
	pipe http.RoundTripper
}

func (t *appTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	u := t.app.ResolveReference(r.URL)
	if u.Scheme != t.app.Scheme || u.Host != t.app.Host {
		if r.Body != nil {
			_ = r.Body.Close() // a RoundTripper must close it, even on error
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
