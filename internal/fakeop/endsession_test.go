package fakeop_test

import (
	"maps"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

const afterwards = "https://app.example/bye"

func TestEndSession(t *testing.T) {
	const hint = "(the ID token)" // replaced by the token of the sign-in
	to, state := []string{afterwards}, []string{"s&1"}
	tests := map[string]struct {
		params   url.Values
		status   int
		location string
		alive    bool // the session afterwards
	}{
		"client and target": {
			url.Values{"client_id": {"app"}, "post_logout_redirect_uri": to, "state": state},
			303, afterwards + "?state=s%261", false,
		},
		"hint and target": {url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": to}, 303, afterwards, false},
		"empty state": {
			url.Values{"client_id": {"app"}, "post_logout_redirect_uri": to, "state": {""}}, 303, afterwards + "?state=", false,
		},
		"nothing":          {url.Values{}, 200, "", false},
		"client only":      {url.Values{"client_id": {"app"}, "state": state}, 200, "", false},
		"target of nobody": {url.Values{"post_logout_redirect_uri": to}, 200, "", false},
		"unregistered target": {
			url.Values{"client_id": {"app"}, "post_logout_redirect_uri": {afterwards + "/"}}, 200, "", false,
		},
		"unknown client":       {url.Values{"client_id": {"x"}, "post_logout_redirect_uri": to}, 400, "", true},
		"hint not a token":     {url.Values{"id_token_hint": {"x"}, "post_logout_redirect_uri": to}, 400, "", true},
		"hint without a value": {url.Values{"id_token_hint": {""}, "post_logout_redirect_uri": to}, 400, "", true},
	}
	for name, tt := range tests {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(name+" "+method, func(t *testing.T) {
				a := newApp(t, fakeop.Config{PostLogoutRedirectURIs: to})
				signedIn := a.do(http.MethodPost, logInForm(t, a.get(a.authURL(nil))).action, url.Values{"subject": {"alice"}}, nil)
				answer := a.redeem(signedIn.location().Query().Get("code"))
				params := maps.Clone(tt.params)
				if params.Get("id_token_hint") == hint {
					params.Set("id_token_hint", text(answer.object, "id_token"))
				}
				target, form := a.url(fakeop.EndSession), params
				if method == http.MethodGet {
					target, form = target+"?"+params.Encode(), nil
				}
				got := a.do(method, target, form, nil)
				if got.StatusCode != tt.status || got.Header.Get("Location") != tt.location {
					t.Errorf("%d to %q, want %d to %q", got.StatusCode, got.Header.Get("Location"), tt.status, tt.location)
				}
				if cookies := got.Cookies(); (len(cookies) == 1 && cookies[0].MaxAge < 0) == tt.alive {
					t.Errorf("cookies = %v", cookies)
				}
				cookie := signedIn.Cookies()[0] // kept by an attacker
				a.client.Jar = nil
				silent := a.do(http.MethodGet, a.authURL(changes{"prompt": {"none"}}), nil, http.Header{
					"Cookie": {cookie.Name + "=" + cookie.Value},
				})
				if alive := silent.location().Query().Has("code"); alive != tt.alive {
					t.Errorf("the session is alive: %v, want %v", alive, tt.alive)
				}
			})
		}
	}
}

// The hint alone names the session, from any browser, even if the token has expired; another provider's token, or one
// whose key is withdrawn, names nothing.
func TestEndSessionByHint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, fakeop.Config{SigningAlg: "ES256"})
		signIn := func() (idToken string) {
			callback := a.press(logInForm(t, a.get(a.authURL(changes{"prompt": {"login"}}))), "subject", "alice")
			return text(a.redeem(callback.Get("code")).object, "id_token")
		}
		end := func(hint string) int {
			elsewhere := appOf(t, a.idp, a.idp.Transport(), "")
			return elsewhere.get(a.url(fakeop.EndSession) + "?id_token_hint=" + hint).StatusCode
		}
		alive := func() bool {
			return a.get(a.authURL(changes{"prompt": {"none"}})).location().Query().Has("code")
		}
		idToken := signIn()
		time.Sleep(2 * time.Hour)
		if status := end(idToken); status != 200 || alive() {
			t.Errorf("expired hint: %d, alive %v", status, alive())
		}

		idToken = signIn()
		stranger := newApp(t, fakeop.Config{SigningAlg: "ES256"})
		foreign := text(stranger.signIn("alice").object, "id_token")
		if status := end(foreign); status != 400 || !alive() {
			t.Errorf("another provider's hint: %d", status)
		}
		if err := a.idp.RotateKeys(true); err != nil {
			t.Fatal(err)
		}
		if err := a.idp.RotateKeys(false); err != nil {
			t.Fatal(err)
		}
		if status := end(idToken); status != 400 || !alive() {
			t.Errorf("hint of a withdrawn key: %d", status)
		}

		for _, wrong := range []fakeop.Misbehaviour{fakeop.WrongAud, fakeop.WrongIss} {
			a.idp.Misbehave(wrong)
			if status := end(signIn()); status != 400 {
				t.Errorf("hint with %s: %d", wrong, status)
			}
		}
	})
}

// Whatever the hint, the provider responds with 200 or 400.
func FuzzIDTokenHint(f *testing.F) {
	f.Add("eyJhbGciOiJSUzI1NiJ9.e30.AA")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add(`{"payload":"e30","signatures":[]}`)
	idp, err := fakeop.New(fakeop.Config{})
	if err != nil {
		f.Fatal(err)
	}
	client := &http.Client{Transport: idp.Transport()}
	f.Fuzz(func(t *testing.T, hint string) {
		resp, err := client.PostForm(idp.Issuer()+"/endsession", url.Values{"id_token_hint": {hint}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != 400 {
			t.Errorf("%q: %s", hint, resp.Status)
		}
	})
}
