package provider_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// probed asks a real provider in memory, and returns it too.
func probed(
	t *testing.T, op fakeop.Config, change ...func(*provider.Config, *fakeop.Provider),
) (*provider.Probe, *fakeop.Provider) {
	t.Helper()
	op.Issuer, op.ClientSecret = issuer, "s3cret-of-the-client-of-32-bytes"
	op.RedirectURIs = append(op.RedirectURIs, "https://app.example/auth/callback")
	idp, err := fakeop.New(op)
	if err != nil {
		t.Fatal(err)
	}
	cfg := provider.Config{
		Issuer: issuer, ClientID: "app", ClientSecret: op.ClientSecret, AuthMethod: "client_secret_basic",
		RedirectURL: "https://app.example/auth/callback", Scopes: []string{"openid"}, ClockTolerance: time.Minute,
		Transport: idp.Transport(),
	}
	for _, f := range change {
		f(&cfg, idp)
	}
	return provider.New(cfg).Probe(t.Context(),
		url.Values{"prompt": {"login"}, "ui_locales": {"de"}},
		url.Values{"client_id": {"app"}, "post_logout_redirect_uri": {"https://app.example/"}}), idp
}

// answers replaces an endpoint.
func answers(e fakeop.Endpoint, script http.HandlerFunc) func(*provider.Config, *fakeop.Provider) {
	return func(_ *provider.Config, op *fakeop.Provider) { op.Intercept(e, script) }
}

// with changes the configuration of the client.
func with(change func(*provider.Config)) func(*provider.Config, *fakeop.Provider) {
	return func(cfg *provider.Config, _ *fakeop.Provider) { change(cfg) }
}

// TestProbe: a provider that is as it should be accepts the client, refuses the code, and sends the browser back.
func TestProbe(t *testing.T) {
	for _, mode := range []string{"query", "form_post", "query.jwt", "form_post.jwt"} {
		for _, push := range []string{"auto", "always"} {
			p, op := probed(t, fakeop.Config{}, with(func(c *provider.Config) {
				c.ResponseMode, c.PushedAuthorization = mode, push
			}))
			switch {
			case p.Metadata == nil || p.Discovery.Err != nil || p.Named != "" || p.Keys.Err != nil:
				t.Errorf("%s: metadata %+v, keys %v", mode, p.Discovery, p.Keys.Err)
			case !slices.Equal(p.KeyTypes, []string{"RS256"}) || !slices.Equal(p.Fitting, []string{"RS256"}):
				t.Errorf("%s: keys %q, fitting %q", mode, p.KeyTypes, p.Fitting)
			case !p.Dated || p.Skew.Abs() > time.Minute:
				t.Errorf("%s: skew %s, dated %v", mode, p.Skew, p.Dated)
			case p.Token.Status != 400 || p.Token.Code != "invalid_grant" || p.Token.Description == "":
				t.Errorf("%s: token %+v", mode, p.Token)
			case (p.Pushed != nil) != (push == "always") || p.Pushed != nil && p.Pushed.Status != 201:
				t.Errorf("%s: pushed %+v", mode, p.Pushed)
			case !slices.Contains(p.Offers.Scopes, "groups") || !p.Offers.BackChannelLogout || p.Offers.GrantTypes == nil:
				t.Errorf("%s: offers %+v", mode, p.Offers)
			}
			if got := outcome(p); !strings.HasSuffix(got, "; came back login_required") {
				t.Errorf("%s, %s: %s", mode, push, got)
			}
			if p.SignOut.Outcome != provider.CameBack {
				t.Errorf("sign-out %+v", p.SignOut)
			}
			if n := op.Count(fakeop.Token); n != 1 {
				t.Errorf("%d token requests", n)
			}
		}
	}
}

// TestProbeOfOthers: nothing but the metadata is asked of a provider that is not the configured one, so that neither
// the secret nor a code goes to it.
func TestProbeOfOthers(t *testing.T) {
	for misbehaviour, code := range map[fakeop.Misbehaviour]string{
		fakeop.IssuerMismatch: "issuer_mismatch", fakeop.IssuerTrailingSlash: "issuer_mismatch",
		fakeop.EndpointsHTTP: "bad_endpoint",
	} {
		p, op := probed(t, fakeop.Config{}, func(_ *provider.Config, op *fakeop.Provider) { op.Misbehave(misbehaviour) })
		if p.Metadata != nil || p.Discovery.Err == nil || p.Discovery.Err.Code != code ||
			(p.Named != "") != (code == "issuer_mismatch") {
			t.Errorf("%s: named %q, %+v", misbehaviour, p.Named, p.Discovery)
		}
		for _, e := range []fakeop.Endpoint{fakeop.Token, fakeop.Authorize, fakeop.JWKS, fakeop.PAR, fakeop.Elsewhere} {
			if n := op.Count(e); n != 0 {
				t.Errorf("%s: %d requests to %s", misbehaviour, n, e)
			}
		}
	}
}

// TestProbeAnswers: what each answer becomes. No redirect is followed.
func TestProbeAnswers(t *testing.T) {
	to := func(location string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", strings.ReplaceAll(location, "STATE", r.FormValue("state")))
			w.WriteHeader(http.StatusFound)
		}
	}
	const callback = "https://app.example/auth/callback"
	for name, tt := range map[string]struct {
		op     fakeop.Config
		change func(*provider.Config, *fakeop.Provider)
		want   string
	}{
		"another secret": {change: with(func(c *provider.Config) { c.ClientSecret = "another" }),
			want: "401 invalid_client; came back login_required"},
		"another client": {change: with(func(c *provider.Config) { c.ClientID = "another" }),
			want: "401 invalid_client; page 400"},
		"another redirect URI": {change: with(func(c *provider.Config) { c.RedirectURL += "2" }),
			want: "400 invalid_grant; page 400 Test provider The app sent a request that cannot be answered: redirect_uri is"},
		"another redirect URI, pushed": {
			change: with(func(c *provider.Config) { c.RedirectURL, c.PushedAuthorization = callback+"2", "always" }),
			want:   "400 invalid_grant; pushed 400 invalid_request; "},
		"no openid": {change: with(func(c *provider.Config) { c.Scopes = []string{"profile"} }),
			want: "400 invalid_grant; came back invalid_scope"},
		"pushed requests required": {op: fakeop.Config{RequirePAR: true},
			want: "400 invalid_grant; pushed 201 ; came back login_required"},
		"DPoP required": {op: fakeop.Config{RequireDPoP: true}, want: "400 invalid_dpop_proof; came back login_required"},
		"DPoP with a nonce": {op: fakeop.Config{RequireDPoP: true, DPoPNonces: true},
			change: with(func(c *provider.Config) { c.DPoP = true }), want: "400 invalid_grant; came back login_required"},
		"token endpoint away": {change: answers(fakeop.Token, textAnswer(503, "text/html", "<h1>gone")),
			want: "503 provider_status; came back login_required"},
		"token endpoint redirects": {change: answers(fakeop.Token, to("https://elsewhere.example/")),
			want: "302 redirect; came back login_required"},
		"leads elsewhere": {change: answers(fakeop.Authorize, to("https://user:pw@elsewhere.example/e?secret#f")),
			want: "400 invalid_grant; went on https://elsewhere.example/e"},
		"leads nowhere": {change: answers(fakeop.Authorize, to("https://%zz")),
			want: "400 invalid_grant; went on https://%zz"},
		"offers several choices": {change: answers(fakeop.Authorize, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://elsewhere.example/e")
			w.WriteHeader(http.StatusMultipleChoices)
		}), want: "400 invalid_grant; went on https://elsewhere.example/e"},
		"a page to read": {change: answers(fakeop.Authorize, textAnswer(200, "text/html", "<p>Please wait</p>")),
			want: "400 invalid_grant; page 200 Please wait"},
		"loses the state": {change: answers(fakeop.Authorize, to(callback+"?error=login_required&iss="+issuer)),
			want: "400 invalid_grant; came back login_required lost"},
		"lacks iss": {change: answers(fakeop.Authorize, to(callback+"?error=login_required&state=STATE")),
			want: "400 invalid_grant; came back login_required response_issuer"},
		"sign-in page": {change: answers(fakeop.Authorize, textAnswer(200, "text/html",
			"<head><title>x</title></head><style>p{}</style>Please&nbsp;sign<br>in<form action='/x'><input name=a></form>")),
			want: "400 invalid_grant; page 200 Please sign in form"},
		"JARM without a response": {change: func(c *provider.Config, op *fakeop.Provider) {
			c.ResponseMode = "query.jwt"
			op.Intercept(fakeop.Authorize, to(callback+"?error=login_required&state=STATE"))
		}, want: "400 invalid_grant; came back malformed"},
	} {
		change := tt.change
		if change == nil {
			change = func(*provider.Config, *fakeop.Provider) {}
		}
		p, op := probed(t, tt.op, change)
		if got := outcome(p); !strings.HasPrefix(got, tt.want) || strings.HasSuffix(got, " form") !=
			strings.HasSuffix(tt.want, " form") {
			t.Errorf("%s:\n got %s\nwant %s", name, got, tt.want)
		}
		if n := op.Count(fakeop.Elsewhere); n != 0 {
			t.Errorf("%s: %d requests went elsewhere", name, n)
		}
	}
}

// outcome describes the answers that a probe got.
func outcome(p *provider.Probe) string {
	if p.Discovery.Err != nil {
		return p.Discovery.Err.Error()
	}
	reply := func(r provider.Reply) string {
		if r.Err != nil {
			return fmt.Sprint(r.Status, " ", r.Err.Code)
		}
		return fmt.Sprint(r.Status, " ", r.Code)
	}
	text := reply(p.Token) + "; "
	if p.Pushed != nil {
		text += "pushed " + reply(*p.Pushed) + "; "
	}
	a := p.Authorization
	switch a.Outcome {
	case provider.CameBack:
		text += "came back " + a.Code
		if a.StateLost {
			text += " lost"
		}
		if a.Err != nil {
			text = strings.TrimSuffix(text, " lost") + " " + a.Err.Code
		}
		return strings.ReplaceAll(text, "  ", " ")
	case provider.WentOn:
		return text + "went on " + a.To
	case provider.ShownPage:
		text += fmt.Sprint("page ", a.Status, " ", a.Text)
		if a.Form {
			text += " form"
		}
		return text
	}
	if a.Status != 0 {
		return text + fmt.Sprint(a.Status)
	}
	return text
}

// TestProbeIsBounded: a huge page, and an endless one, end within the limits of every call.
func TestProbeIsBounded(t *testing.T) {
	p, _ := probed(t, fakeop.Config{}, answers(fakeop.Authorize, textAnswer(200, "text/html", strings.Repeat("a", 2<<20))))
	if e := p.Authorization.Err; e == nil || e.Code != "body_too_large" {
		t.Errorf("a page of 2 MiB: %+v", e)
	}
	long := strings.Repeat("a ", 400<<10)
	p, _ = probed(t, fakeop.Config{}, answers(fakeop.Authorize, textAnswer(200, "text/html", long)))
	if n := len(p.Authorization.Text); n != 2<<10 {
		t.Errorf("%d bytes of text", n)
	}
}

// TestProbeTellsNoSecret: a provider that echoes what it was sent does not make a finding of it.
func TestProbeTellsNoSecret(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		_, password, _ := r.BasicAuth()
		jsonAnswer(400, object{"error": "invalid_request",
			"error_description": password + " " + r.PostForm.Encode() + r.PostForm.Get("client_assertion")})(w, r)
	}
	secret := "s3cret-of-the-client-of-32-bytes"
	for _, method := range []string{"client_secret_basic", "client_secret_post", "client_secret_jwt"} {
		p, _ := probed(t, fakeop.Config{}, func(c *provider.Config, op *fakeop.Provider) {
			c.AuthMethod, c.PushedAuthorization = method, "always"
			op.Intercept(fakeop.Token, echo)
			op.Intercept(fakeop.PAR, echo)
		})
		for _, reply := range []provider.Reply{p.Token, *p.Pushed} {
			if reply.Code != "invalid_request" || reply.Description == "" || strings.Contains(reply.Description, secret) ||
				strings.Contains(reply.Description, "eyJ") {
				t.Errorf("%s: %+v", method, reply)
			}
		}
	}
}

// TestProbeOfTLS: the certificate and the clock are those of the provider.
func TestProbeOfTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		jsonAnswer(200, object{"issuer": "https://another.example"})(w, r)
	}))
	defer server.Close()
	p := provider.New(provider.Config{Issuer: server.URL, ClientID: "app", Transport: server.Client().Transport}).
		Probe(t.Context(), nil, nil)
	if p.TLS != "TLS 1.3" || !p.ValidUntil.Equal(server.Certificate().NotAfter) || !p.Dated ||
		p.Skew.Round(time.Minute) != -time.Hour || p.Named != "https://another.example" {
		t.Errorf("%+v", p)
	}
	p = provider.New(provider.Config{Issuer: server.URL, ClientID: "app"}).Probe(t.Context(), nil, nil)
	if p.Discovery.Err == nil || p.Discovery.Err.Code != "tls" || p.Discovery.Status != 0 {
		t.Errorf("an unknown authority: %+v", p.Discovery)
	}
}
