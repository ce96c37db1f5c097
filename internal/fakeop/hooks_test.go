package fakeop_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// A hook edits after the misbehaviours, and nil removes it.
func TestHooks(t *testing.T) {
	tests := map[string]struct {
		hook     func(p *fakeop.Provider, edit func(map[string]any))
		document func(a *app) map[string]any
	}{
		"OnDiscovery": {(*fakeop.Provider).OnDiscovery, func(a *app) map[string]any {
			return a.get(a.url(fakeop.Discovery)).object
		}},
		"OnIDToken": {(*fakeop.Provider).OnIDToken, func(a *app) map[string]any {
			return part(a.t, a.idToken("alice"), 1)
		}},
		"OnTokenAnswer": {(*fakeop.Provider).OnTokenAnswer, func(a *app) map[string]any {
			return a.signIn("alice").object
		}},
		"OnRefreshAnswer": {(*fakeop.Provider).OnRefreshAnswer, func(a *app) map[string]any {
			return a.refresh(text(a.signIn("alice").object, "refresh_token")).object
		}},
		"OnUserInfo": {(*fakeop.Provider).OnUserInfo, func(a *app) map[string]any {
			return a.userInfo(text(a.signIn("alice").object, "access_token")).object
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, fakeop.Config{})
			a.idp.Misbehave(fakeop.WrongIss, fakeop.UserInfoInvalidSub, fakeop.IssuerMismatch, fakeop.NoIDToken)
			if name == "OnIDToken" {
				a.idp.Misbehave(fakeop.WrongIss)
			}
			before := tt.document(a)
			tt.hook(a.idp, func(document map[string]any) {
				document["seen"] = a.idp.Issuer() // a hook may ask the provider
				for _, spoilt := range []string{"iss", "sub", "issuer", "id_token"} {
					document[spoilt] = "fixed"
				}
			})
			has(t, tt.document(a), map[string]any{
				"seen": a.idp.Issuer(), "iss": "fixed", "sub": "fixed", "issuer": "fixed", "id_token": "fixed",
			})
			tt.hook(a.idp, nil)
			if after := tt.document(a); len(after) != len(before) || after["seen"] != nil {
				t.Errorf("after nil: %v", after)
			}
		})
	}
}

func TestIntercept(t *testing.T) {
	a := newApp(t, fakeop.Config{})
	teapot := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }
	a.idp.Misbehave(fakeop.HTMLAnswer)
	for _, e := range []fakeop.Endpoint{fakeop.Discovery, fakeop.Token, fakeop.Elsewhere} {
		a.idp.Intercept(e, teapot)
		if got := a.get(a.url(e)); got.StatusCode != http.StatusTeapot || a.idp.Count(e) != 1 {
			t.Errorf("%s: %d, counted %d", e, got.StatusCode, a.idp.Count(e))
		}
	}
	a.idp.Intercept(fakeop.Token, nil)
	if got := a.redeem("x"); !strings.Contains(got.text, "hotel") {
		t.Errorf("the misbehaviour below is not back: %d", got.StatusCode)
	}
	a.idp.Misbehave()
	if got := a.redeem("x"); text(got.object, "error") != "invalid_grant" {
		t.Errorf("the endpoint is not back: %d", got.StatusCode)
	}
}

// A fault of one endpoint can be applied to every other.
func TestFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, fakeop.Config{})
		a.idp.Intercept(fakeop.JWKS, a.idp.Fault(fakeop.Unavailable503))
		a.idp.Intercept(fakeop.Discovery, a.idp.Fault(fakeop.Slow))
		if got := a.get(a.url(fakeop.JWKS)); got.StatusCode != 503 {
			t.Errorf("keys: %d", got.StatusCode)
		}
		if got := a.get(a.url(fakeop.Discovery)); got.StatusCode != 504 {
			t.Errorf("discovery: %d", got.StatusCode)
		}
		if a.idp.Fault(fakeop.WrongIss) != nil || a.idp.Fault("x") != nil {
			t.Error("a fault of a misbehaviour that replaces no endpoint")
		}
	})
}

// A client that gives up does not leave a handler running for the rest of the minute.
func TestSlowEndsWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, fakeop.Config{})
		start, ended := time.Now(), make(chan time.Duration, 1)
		a.idp.Intercept(fakeop.Token, func(w http.ResponseWriter, r *http.Request) {
			a.idp.Fault(fakeop.Slow)(w, r)
			ended <- time.Since(start)
		})
		a.client.Timeout = 10 * time.Second
		if resp, err := a.client.Post(a.url(fakeop.Token), "text/plain", strings.NewReader("code=x")); err == nil {
			_ = resp.Body.Close()
			t.Error("there was an answer")
		}
		if after := <-ended; after != 10*time.Second {
			t.Errorf("the handler ended after %s", after)
		}
	})
}

func TestSeveralMisbehaviours(t *testing.T) {
	a := newApp(t, fakeop.Config{})
	a.idp.Misbehave(fakeop.MissingAud, fakeop.SigNone, fakeop.MissingState)
	a.idp.Misbehave(fakeop.MissingIat, fakeop.KidAbsent, fakeop.MissingIss)
	callback := a.approve("alice", nil)
	if callback.Has("iss") || !callback.Has("state") {
		t.Errorf("callback = %v", callback)
	}
	raw := text(a.redeem(callback.Get("code")).object, "id_token")
	has(t, part(t, raw, 0), map[string]any{"kid": nil, "alg": "RS256"})
	has(t, part(t, raw, 1), map[string]any{"iat": nil, "aud": "app"})
}

func TestMisspeltMisbehaviour(t *testing.T) {
	a := newApp(t, fakeop.Config{})
	a.idp.Misbehave(fakeop.SigNone, "sig-nine")
	if got := a.get(a.url(fakeop.Discovery)); got.StatusCode != http.StatusNotImplemented ||
		!strings.Contains(got.text, `"sig-nine"`) {
		t.Errorf("%d %s", got.StatusCode, got.text)
	}
	a.idp.Misbehave()
	if got := a.get(a.url(fakeop.Discovery)); got.StatusCode != 200 {
		t.Errorf("afterwards: %d", got.StatusCode)
	}
}

func TestRotateKeys(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		a := newApp(t, fakeop.Config{SigningAlg: alg})
		old := a.idToken("alice")
		if err := a.idp.RotateKeys(true); err != nil {
			t.Fatal(err)
		}
		fresh := a.idToken("alice")
		if part(t, old, 0)["kid"] == part(t, fresh, 0)["kid"] {
			t.Errorf("%s: the kid did not change", alg)
		}
		for name, raw := range map[string]string{"kept": old, "new": fresh} {
			if _, err := a.verify(raw, alg); err != nil {
				t.Errorf("%s: %s key: %v", alg, name, err)
			}
		}
		if err := a.idp.RotateKeys(false); err != nil {
			t.Fatal(err)
		}
		if _, err := a.verify(a.idToken("alice"), alg); err != nil {
			t.Errorf("%s: newest key: %v", alg, err)
		}
		for _, raw := range []string{old, fresh} {
			if _, err := a.verify(raw, alg); err == nil {
				t.Errorf("%s: a withdrawn key still verifies", alg)
			}
		}
	}
}

func TestTransportServesTheIssuerOnly(t *testing.T) {
	a := newApp(t, fakeop.Config{Issuer: "https://idp.example:8443/tenant"})
	for i, target := range []string{
		"https://idp.example/tenant/jwks", "http://idp.example:8443/tenant/jwks", "https://elsewhere.example/", "/jwks",
	} {
		resp, err := a.client.Post(target, "text/plain", strings.NewReader("x"))
		if err == nil {
			_ = resp.Body.Close()
		}
		if err == nil || a.idp.Count(fakeop.Elsewhere) != i+1 {
			t.Errorf("%s: %v, counted %d", target, err, a.idp.Count(fakeop.Elsewhere))
		}
	}
}

// A listening provider also detects a followed redirect: loopback has two names.
func TestElsewhereWhenListening(t *testing.T) {
	idp := fakeop.Start(t, fakeop.Config{Issuer: "/tenant"})
	idp.Misbehave(fakeop.Redirect307)
	resp, err := http.Post(idp.Issuer()+"/token", "text/plain", strings.NewReader("code=x"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.Request.URL.Hostname() != "localhost" || idp.Count(fakeop.Elsewhere) != 1 {
		t.Errorf("followed to %s, counted %d", resp.Request.URL, idp.Count(fakeop.Elsewhere))
	}
}

func TestDiscovery(t *testing.T) {
	a := newApp(t, fakeop.Config{Issuer: "https://idp.example/tenant/", SigningAlg: "EdDSA"})
	doc := a.get("https://idp.example/tenant/.well-known/openid-configuration").object
	has(t, doc, map[string]any{
		"issuer":                                         "https://idp.example/tenant/",
		"authorization_endpoint":                         "https://idp.example/tenant/authorize",
		"token_endpoint":                                 "https://idp.example/tenant/token",
		"userinfo_endpoint":                              "https://idp.example/tenant/userinfo",
		"jwks_uri":                                       "https://idp.example/tenant/jwks",
		"end_session_endpoint":                           "https://idp.example/tenant/endsession",
		"response_types_supported":                       []any{"code"},
		"code_challenge_methods_supported":               []any{"S256"},
		"id_token_signing_alg_values_supported":          []any{"EdDSA"},
		"token_endpoint_auth_methods_supported":          []any{"client_secret_basic", "client_secret_post"},
		"authorization_response_iss_parameter_supported": true,
	})
	public := newApp(t, fakeop.Config{Public: true})
	has(t, public.get(public.url(fakeop.Discovery)).object, map[string]any{
		"token_endpoint_auth_methods_supported": []any{"none"},
	})
}
