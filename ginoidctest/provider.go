package ginoidctest

import (
	"net/http"
	"slices"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// TB is the part of *testing.T that the helpers need, so that this package does not import testing.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
}

// endpoints are those that the app itself calls, by their path below the issuer.
func endpoints() []fakeop.Endpoint {
	return []fakeop.Endpoint{
		fakeop.Discovery, fakeop.JWKS, fakeop.PAR, fakeop.Token, fakeop.UserInfo, fakeop.Revocation, fakeop.Introspection,
	}
}

// Provider is an OpenID provider. It is an [http.Handler] and safe for concurrent use.
type Provider struct{ op *fakeop.Provider }

// New returns a provider that does not listen: mount it as a handler, or reach it through [Provider.Transport]. It
// returns an error if the issuer is not an http or https URL, an algorithm or method is unknown, or a key is missing or
// unsuitable.
func New(cfg Config) (*Provider, error) {
	op, err := fakeop.New(cfg.provider())
	if err != nil {
		return nil, err
	}
	return &Provider{op}, nil
}

// Listen starts a provider on a free loopback port, for programs such as an example app, and for tests with a browser.
// stop ends it and closes its connections.
func Listen(cfg Config) (p *Provider, stop func(), err error) {
	op, stop, err := fakeop.Listen(cfg.provider())
	if err != nil {
		return nil, nil, err
	}
	return &Provider{op}, stop, nil
}

// Issuer returns the issuer identifier, byte for byte as in the provider's tokens.
func (p *Provider) Issuer() string { return p.op.Issuer() }

// Transport reaches the provider in memory, including inside a testing/synctest bubble. A request for another host
// fails.
func (p *Provider) Transport() http.RoundTripper { return p.op.Transport() }

// ServeHTTP serves every endpoint.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.op.ServeHTTP(w, r) }

// AddUser adds a user, or replaces the one with the same subject: later tokens and userinfo responses have the new
// claims.
func (p *Provider) AddUser(u User) { p.op.AddUser(fakeop.User(u)) }

// Approve plays the browser and the user at the provider, without HTML. Given the authorization URL, which is the
// Location of the app's sign-in route, it returns the callback URL with code and state. In form_post mode the query of
// the returned URL is the body to post. It returns an error if the provider refuses the request. [SignIn] goes through
// the whole flow instead.
func (p *Provider) Approve(authorizationURL, subject string) (callbackURL string, err error) {
	return p.op.Approve(authorizationURL, subject)
}

// Deny is [Provider.Approve] for a user or provider that refuses: the callback URL carries the error code, such as
// "access_denied" or "login_required".
func (p *Provider) Deny(authorizationURL, code string) (callbackURL string, err error) {
	return p.op.Deny(authorizationURL, code)
}

// OnIDToken edits the claims of every ID token before it is signed, after the misbehaviours, on the goroutine of the
// request; nil removes the edit.
func (p *Provider) OnIDToken(edit func(claims map[string]any)) { p.op.OnIDToken(edit) }

// Intercept serves an endpoint with h instead, whatever the method; nil restores the endpoint. Requests are still
// counted. The endpoint is the path below the issuer: "/.well-known/openid-configuration", "/jwks", "/par", "/token",
// "/userinfo", "/revoke" or "/introspect". Another one fails the test.
func (p *Provider) Intercept(tb TB, endpoint string, h http.HandlerFunc) {
	tb.Helper()
	if known(tb, endpoint) {
		p.op.Intercept(fakeop.Endpoint(endpoint), h)
	}
}

// Count returns how many requests an endpoint has received. The endpoints are those of [Provider.Intercept].
func (p *Provider) Count(tb TB, endpoint string) int {
	tb.Helper()
	if !known(tb, endpoint) {
		return 0
	}
	return p.op.Count(fakeop.Endpoint(endpoint))
}

// known fails the test if there is no such endpoint: a misspelt one would make it pass without testing anything.
func known(tb TB, endpoint string) bool {
	tb.Helper()
	ok := slices.Contains(endpoints(), fakeop.Endpoint(endpoint))
	if !ok {
		tb.Fatalf("unknown endpoint %q; there are %q", endpoint, endpoints())
	}
	return ok
}
