package ginoidctest

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
)

// SignInAs returns a client that is signed in to the app as user, without a provider: auth itself creates the session,
// in the store it is configured with. It never uses the network, not even when the client signs out. The client
//
//   - calls the engine in memory; a request for another host than the app's fails,
//   - accepts paths ("/api/me") as well as full URLs, and resolves them against the app URL,
//   - keeps cookies, so that a sign-out or a renewed session takes effect,
//   - does not follow redirects, so that a test can inspect them.
//
// user needs a Subject; its Issuer is the configured one. Every middleware of the engine runs as always. Only the
// sign-in is skipped.
func SignInAs(tb TB, auth *ginoidc.Auth, engine http.Handler, user ginoidc.User) *http.Client {
	tb.Helper()
	client, app, err := newClient(auth, engine)
	if err == nil {
		c, w := throwAway(app)
		err = auth.StartSession(c, &user)
		client.Jar.SetCookies(app, (&http.Response{Header: w.Header()}).Cookies())
	}
	if err != nil {
		tb.Fatalf("signing in as %q: %v", user.Subject, err)
		return nil
	}
	return client
}

// LoginAs is the former name of SignInAs.
//
// Deprecated: use [SignInAs].
func LoginAs(tb TB, auth *ginoidc.Auth, engine http.Handler, user ginoidc.User) *http.Client {
	tb.Helper()
	return SignInAs(tb, auth, engine, user)
}

// SignIn signs in to the app as a user of idp and returns a client like that of [SignInAs]. It goes through the whole
// flow like a browser: the app's sign-in route, the provider, where the user approves, and the app's callback. auth
// must be configured with idp's Issuer and Transport, and its routes mounted in the engine. If the app refuses the
// sign-in, the test fails; to test a refusal, use [Provider.Approve].
func SignIn(tb TB, auth *ginoidc.Auth, engine http.Handler, idp *Provider, subject string) *http.Client {
	tb.Helper()
	client, _, err := newClient(auth, engine)
	if err == nil {
		err = idp.signIn(client, auth.SignInURL(""), subject)
	}
	if err != nil {
		tb.Fatalf("signing in as %q through the provider: %v", subject, err)
		return nil
	}
	return client
}

func (p *Provider) signIn(client *http.Client, signInURL, subject string) error {
	started, err := client.Get(signInURL)
	if err != nil {
		return err
	}
	if err := redirects(started); err != nil {
		return fmt.Errorf("the sign-in route: %w", err)
	}
	response, err := p.op.ApproveResponse(started.Header.Get("Location"), subject)
	if err != nil {
		return err
	}
	var ended *http.Response
	if response.Method == http.MethodPost {
		ended, err = client.PostForm(response.URL, response.Form)
	} else {
		ended, err = client.Get(response.URL)
	}
	if err != nil {
		return err
	}
	if err := redirects(ended); err != nil {
		return fmt.Errorf("the callback: %w", err)
	}
	return nil
}

// redirects closes a response and returns an error if it is not a redirect, or a page that goes on by itself, which is
// the response of the callback with a SameSite=Strict cookie. The error quotes the body, where the app gives the
// reason.
func redirects(r *http.Response) error {
	defer func() { _ = r.Body.Close() }()
	if _, err := r.Location(); err == nil || r.Header.Get("Refresh") != "" {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1024))
	if err != nil {
		return err
	}
	return fmt.Errorf("status %d and no redirect: %s", r.StatusCode, strings.TrimSpace(string(body)))
}

// throwAway returns a Gin context outside any engine. gin.New would print warnings.
func throwAway(u *url.URL) (*gin.Context, http.ResponseWriter) {
	w := headerOnly{}
	c := gin.CreateTestContextOnly(w, new(gin.Engine))
	c.Request = &http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: make(http.Header), Body: http.NoBody}
	return c, w
}

// headerOnly is a response of which only the header is used.
type headerOnly http.Header

func (w headerOnly) Header() http.Header         { return http.Header(w) }
func (w headerOnly) Write(b []byte) (int, error) { return len(b), nil }
func (w headerOnly) WriteHeader(int)             {}
