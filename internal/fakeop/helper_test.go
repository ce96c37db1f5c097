package fakeop_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

const (
	redirectURI = "https://app.example/auth/callback"
	verifier    = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636, appendix B
	challenge   = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// app is a relying party that checks as little as possible, to show what the provider does. Its client is a browser
// too: it keeps cookies and does not follow redirects.
type app struct {
	t      *testing.T
	idp    *fakeop.Provider
	client *http.Client
	id     string
}

func newApp(t *testing.T, cfg fakeop.Config) *app {
	t.Helper()
	idp, err := fakeop.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return appOf(t, idp, idp.Transport(), cfg.ClientID)
}

func appOf(t *testing.T, idp *fakeop.Provider, transport http.RoundTripper, clientID string) *app {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{
		Transport: transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if clientID == "" {
		clientID = "app"
	}
	return &app{t: t, idp: idp, client: client, id: clientID}
}

// changes replace parameters of a valid authorization request; nil removes one.
type changes map[string][]string

func (c changes) to(form url.Values) url.Values {
	for name, values := range c {
		if form[name] = values; values == nil {
			delete(form, name)
		}
	}
	return form
}

func (a *app) url(e fakeop.Endpoint) string {
	return strings.TrimSuffix(a.idp.Issuer(), "/") + string(e)
}

func (a *app) authURL(c changes) string {
	return a.url(fakeop.Authorize) + "?" + c.to(url.Values{
		"response_type": {"code"}, "client_id": {a.id}, "redirect_uri": {redirectURI},
		"scope": {"openid profile email offline_access"}, "state": {"the-state"}, "nonce": {"the-nonce"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}).Encode()
}

// answer is a response with its body read; JSON objects are decoded.
type answer struct {
	*http.Response
	text   string
	object map[string]any
}

func (a *app) do(method, target string, form url.Values, header http.Header) answer {
	a.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(a.t.Context(), method, target, body)
	if err != nil {
		a.t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := a.client.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	got := answer{Response: resp, text: string(text)}
	_ = json.Unmarshal(text, &got.object) // tests look at what they expect
	return got
}

func (a *app) get(target string) answer { return a.do(http.MethodGet, target, nil, nil) }

// location returns where a response redirects to, or nil.
func (r answer) location() *url.URL {
	if u, err := r.Location(); err == nil {
		return u
	}
	return &url.URL{}
}

// approve signs a user in and returns the callback's parameters.
func (a *app) approve(subject string, c changes) url.Values {
	a.t.Helper()
	callback, err := a.idp.Approve(a.authURL(c), subject)
	if err != nil {
		a.t.Fatal(err)
	}
	u, err := url.Parse(callback)
	if err != nil {
		a.t.Fatal(err)
	}
	return u.Query()
}

// token posts to the token endpoint as the default client, by client_secret_post unless changes say otherwise.
func (a *app) token(c changes, header http.Header) answer {
	a.t.Helper()
	return a.do(http.MethodPost, a.url(fakeop.Token), c.to(url.Values{
		"client_id": {a.id}, "client_secret": {"secret"}, "redirect_uri": {redirectURI}, "code_verifier": {verifier},
		"grant_type": {"authorization_code"},
	}), header)
}

func (a *app) redeem(code string) answer {
	a.t.Helper()
	return a.token(changes{"code": {code}}, nil)
}

func (a *app) refresh(token string) answer {
	a.t.Helper()
	return a.token(changes{
		"grant_type": {"refresh_token"}, "refresh_token": {token}, "redirect_uri": nil, "code_verifier": nil,
	}, nil)
}

// signIn runs the whole flow and requires it to succeed.
func (a *app) signIn(subject string) answer {
	a.t.Helper()
	got := a.redeem(a.approve(subject, nil).Get("code"))
	if got.StatusCode != http.StatusOK {
		a.t.Fatalf("token endpoint: %d %s", got.StatusCode, got.text)
	}
	return got
}

func (a *app) userInfo(accessToken string) answer {
	a.t.Helper()
	return a.do(http.MethodGet, a.url(fakeop.UserInfo), nil, http.Header{"Authorization": {"Bearer " + accessToken}})
}

// verify verifies an ID token with go-oidc, after discovery.
func (a *app) verify(raw string, algs ...string) (*oidc.IDToken, error) {
	return a.verifyFor(a.id, raw, algs...)
}

// verifyFor verifies a JWT for any audience.
func (a *app) verifyFor(audience, raw string, algs ...string) (*oidc.IDToken, error) {
	ctx := oidc.ClientContext(context.WithoutCancel(a.t.Context()), a.client)
	provider, err := oidc.NewProvider(ctx, a.idp.Issuer())
	if err != nil {
		return nil, err
	}
	return provider.VerifierContext(ctx, &oidc.Config{ClientID: audience, SupportedSigningAlgs: algs}).Verify(ctx, raw)
}

// part decodes the header (0) or the claims (1) of a JWS without verifying it.
func part(t *testing.T, raw string, i int) map[string]any {
	t.Helper()
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is not a JWS", raw)
	}
	var object map[string]any
	if err := json.Unmarshal(decode(t, parts[i]), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

func text(object map[string]any, name string) string {
	s, _ := object[name].(string)
	return s
}
