package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// signIn follows the redirects from a guarded page through the sign-in, and returns the response of the page.
func (a *app) signIn(t *testing.T, client *http.Client, page, who string) answer {
	t.Helper()
	toSignIn := a.navigate(t, client, page)
	toProvider := a.navigate(t, client, toSignIn.Header.Get("Location"))
	callback, err := a.provider.Approve(toProvider.Header.Get("Location"), who)
	if err != nil {
		t.Fatalf("%s: %d, %v", page, toSignIn.StatusCode, err)
	}
	back := a.navigate(t, client, callback)
	if back.StatusCode != http.StatusSeeOther {
		t.Fatalf("callback: %d %s", back.StatusCode, back.body)
	}
	return a.navigate(t, client, back.Header.Get("Location"))
}

// Step-up works with the bundled provider as the example configures it.
func TestStepUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, localhost)
		client := a.client(t, "")
		a.signIn(t, client, "/profile", "alice")
		if r := a.navigate(t, client, "/api/fresh"); r.StatusCode != http.StatusOK ||
			r.body != `{"message":"You signed in within the last minute."}` {
			t.Errorf("fresh: %d %s", r.StatusCode, r.body)
		}
		time.Sleep(3 * time.Minute)
		if r := a.send(t, client, http.MethodGet, "/api/fresh", ""); r.StatusCode != http.StatusUnauthorized ||
			!strings.Contains(r.Header.Get("WWW-Authenticate"), `max_age="60"`) {
			t.Errorf("not fresh: %d %q", r.StatusCode, r.Header.Get("WWW-Authenticate"))
		}
		if r := a.signIn(t, client, "/api/fresh", "alice"); r.StatusCode != http.StatusOK {
			t.Errorf("fresh again: %d %s", r.StatusCode, r.body)
		}
		if r := a.send(t, client, http.MethodGet, "/api/mfa", ""); r.StatusCode != http.StatusUnauthorized ||
			!strings.Contains(r.Header.Get("WWW-Authenticate"), `acr_values="urn:example:mfa"`) {
			t.Errorf("one factor: %d %q", r.StatusCode, r.Header.Get("WWW-Authenticate"))
		}
		if r := a.signIn(t, client, "/api/mfa", "alice"); r.StatusCode != http.StatusOK ||
			r.body != `{"message":"You signed in with a second factor."}` {
			t.Errorf("two factors: %d %s", r.StatusCode, r.body)
		}
		time.Sleep(time.Minute)
	})
}

// A silent sign-in is tried once, and the page is shown whatever the result.
func TestSilent(t *testing.T) {
	a := newApp(t, localhost)
	client := a.client(t, "")
	asks := a.navigate(t, client, "/silent")
	at, err := url.Parse(asks.Header.Get("Location"))
	if err != nil || asks.StatusCode != http.StatusFound || at.Query().Get("prompt") != "none" {
		t.Fatalf("%d to %s", asks.StatusCode, at)
	}
	callback, err := a.provider.Deny(at.String(), "login_required")
	if err != nil {
		t.Fatal(err)
	}
	if back := a.navigate(t, client, callback); back.Header.Get("Location") != "/silent" {
		t.Fatalf("%d to %q", back.StatusCode, back.Header.Get("Location"))
	}
	if page := a.navigate(t, client, "/silent"); page.StatusCode != http.StatusOK ||
		!strings.Contains(page.body, ">Nobody is signed in<") {
		t.Errorf("%d %s", page.StatusCode, page.body)
	}
	if page := a.navigate(t, a.client(t, "bob"), "/silent"); !strings.Contains(page.body, ">Signed in as Bob ") {
		t.Errorf("bob sees %s", page.body)
	}
	other := a.client(t, "")
	if page := a.signIn(t, other, "/profile", "alice"); page.StatusCode != http.StatusOK {
		t.Errorf("%d %s", page.StatusCode, page.body)
	}
	if page := a.navigate(t, other, "/silent"); !strings.Contains(page.body, ">Signed in as Alice Archer<") {
		t.Errorf("alice sees %s", page.body)
	}
}

// The bundled provider signs users in with each setting of the client.
func TestBundledProviderSuitsTheClient(t *testing.T) {
	ecKey, rsaKey := keyFiles(t)
	tests := []struct {
		name string
		env  map[string]string
	}{
		{"nothing set", nil},
		{"route prefix", map[string]string{"OIDC_ROUTE_PREFIX": "/api/auth", "OIDC_CALLBACK_URL": "/api/auth/callback"}},
		{"ES256", map[string]string{"OIDC_SIGNING_ALGS": "PS256 ES256"}},
		{"private_key_jwt", map[string]string{
			"OIDC_CLIENT_AUTH_METHOD": "private_key_jwt", "OIDC_CLIENT_KEY_FILE": ecKey, "OIDC_CLIENT_KEY_ID": "k1",
		}},
		{"PKCS #1", map[string]string{
			"OIDC_CLIENT_AUTH_METHOD": "private_key_jwt", "OIDC_CLIENT_KEY_FILE": rsaKey, "OIDC_CLIENT_KEY_ALG": "PS256",
		}},
		{"signed requests", map[string]string{"OIDC_SIGN_REQUESTS": "true", "OIDC_CLIENT_KEY_FILE": ecKey}},
		{"encrypted ID tokens", map[string]string{"OIDC_DECRYPTION_KEY_FILE": rsaKey}},
		{"DPoP", map[string]string{"OIDC_DPOP": "true", "OIDC_USE_PAR": "true"}},
		{"signed response", map[string]string{"OIDC_RESPONSE_MODE": "query.jwt"}},
		{"FAPI 2.0", map[string]string{"OIDC_PROFILE": "fapi2", "OIDC_CLIENT_KEY_FILE": ecKey}},
		{"public", map[string]string{"OIDC_CLIENT_AUTH_METHOD": "none"}},
		{"client_secret_jwt", map[string]string{"OIDC_CLIENT_AUTH_METHOD": "client_secret_jwt"}},
		{"groups elsewhere", map[string]string{
			"OIDC_GROUPS_PATH": "groups", "OIDC_FETCH_USER_INFO": "false", "OIDC_KEEP_TOKENS": "true",
			"OIDC_MAX_SESSIONS": "1",
		}},
		{"parameters", map[string]string{
			"OIDC_SIGN_IN_PARAMETERS":  "audience=a&acr_values=urn%3Aexample%3Amfa",
			"OIDC_SIGN_OUT_PARAMETERS": "logout_uri=http://localhost:8080/",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			setenv(t, test.env)
			s, err := settingsFromEnv()
			if err != nil {
				t.Fatal(err)
			}
			a := &app{url: localhost, log: &logText{}}
			s.oidc.Logger = a.logger()
			client, err := bundledClient(&s.oidc, s.prefix)
			if err != nil {
				t.Fatal(err)
			}
			client.Issuer = "https://idp.example"
			if a.provider, err = ginoidctest.New(client); err != nil {
				t.Fatal(err)
			}
			s.oidc.Providers[0].Issuer, s.oidc.Providers[0].Transport = client.Issuer, a.provider.Transport()
			if a.auth, err = ginoidc.New(s.oidc); err != nil {
				t.Fatal(err)
			}
			if a.engine, err = newEngine(t.Context(), a.auth, s.oidc, s.oidc.Logger); err != nil {
				t.Fatal(err)
			}
			browser := a.client(t, "")
			if page := a.signIn(t, browser, "/profile", "alice"); page.StatusCode != http.StatusOK ||
				!strings.Contains(page.body, "Alice Archer") {
				t.Errorf("%d %s\n%s", page.StatusCode, page.body, a.log)
			}
			if a.navigate(t, browser, "/api/mfa").StatusCode == http.StatusFound { // a sign-in may request the class itself
				a.signIn(t, browser, "/api/mfa", "alice")
			}
			if r := a.navigate(t, browser, "/api/mfa"); r.StatusCode != http.StatusOK {
				t.Errorf("no second factor: %d %s", r.StatusCode, r.body)
			}
		})
	}
}
