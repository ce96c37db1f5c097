package ginoidc_test

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestProviderMisbehaves: whatever the provider responds, the sign-in ends with the given status. Nobody is signed in,
// the attempt is used, at most one token request is made, and the reason is only in the log, under the id that the page
// shows. Groups C, D and E, case 301; the tests of internal/provider have more detailed rows.
func TestProviderMisbehaves(t *testing.T) {
	claim := func(name string, value any) func(*fakeop.Provider) {
		return func(p *fakeop.Provider) { p.OnIDToken(func(c map[string]any) { c[name] = value }) }
	}
	answer := func(name string, value any) func(*fakeop.Provider) {
		return func(p *fakeop.Provider) { p.OnTokenAnswer(func(a map[string]any) { a[name] = value }) }
	}
	does := func(m fakeop.Misbehaviour) func(*fakeop.Provider) {
		return func(p *fakeop.Provider) { p.Misbehave(m) }
	}
	now := time.Now().Unix()
	for _, tt := range []struct {
		name   string
		fault  func(*fakeop.Provider)
		status int
		code   string
	}{
		{"token: redirect", does(fakeop.Redirect307), 502, "provider_error"},           // case 52
		{"token: page", does(fakeop.HTMLAnswer), 502, "provider_error"},                // case 54
		{"token: no ID token", does(fakeop.NoIDToken), 502, "provider_error"},          // case 55
		{"token: ID token is a number", answer("id_token", 7), 502, "provider_error"},  // case 56
		{"token: ID token is null", answer("id_token", nil), 502, "provider_error"},    // case 56
		{"token: error beside tokens", answer("error", "nope"), 502, "provider_error"}, // case 57
		{"token: twin", answer("ACCESS_TOKEN", "x"), 502, "provider_error"},            // case 59
		{"token: type mac", answer("token_type", "mac"), 502, "provider_error"},
		{"token: gzip bomb", does(fakeop.GzipBomb), 502, "provider_error"},                // cases 61, 62
		{"token: invalid_grant", does(fakeop.ErrorInvalidGrant), 401, "sign_in_refused"},  // case 64
		{"token: invalid_client", does(fakeop.ErrorInvalidClient), 502, "provider_error"}, // case 65
		{"token: 503", does(fakeop.Unavailable503), 503, "provider_unavailable"},          // case 66
		{"ID token: none", does(fakeop.SigNone), 401, "invalid_token"},                    // case 75
		{"ID token: HS256", does(fakeop.InvalidSigHS256), 401, "invalid_token"},           // case 76
		{"ID token: signature", does(fakeop.BadSignature), 401, "invalid_token"},          // case 79
		{"ID token: unknown kid", does(fakeop.UnknownKid), 401, "invalid_token"},
		{"ID token: iss", does(fakeop.WrongIss), 401, "invalid_token"},                             // case 84
		{"ID token: iss with a slash", claim("iss", "https://idp.example/"), 401, "invalid_token"}, // case 84
		{"ID token: aud", does(fakeop.WrongAud), 401, "invalid_token"},                             // case 85
		{"ID token: no aud", does(fakeop.MissingAud), 401, "invalid_token"},                        // case 85
		{"ID token: extra aud", does(fakeop.ExtraAudience), 401, "invalid_token"},                  // case 86
		{"ID token: azp", does(fakeop.WrongAzp), 401, "invalid_token"},                             // case 86
		{"ID token: no sub", does(fakeop.MissingSub), 401, "invalid_token"},                        // case 87
		{"ID token: sub is a number", claim("sub", 7), 401, "invalid_token"},                       // case 87
		{"ID token: no iat", does(fakeop.MissingIat), 401, "invalid_token"},                        // case 89
		{"ID token: old iat", claim("iat", now-7300), 401, "invalid_token"},                        // case 89
		{"ID token: iat ahead", claim("iat", now+7200), 401, "invalid_token"},                      // case 89
		{"ID token: nbf ahead", claim("nbf", now+3600), 401, "invalid_token"},                      // case 90
		{"ID token: no exp", does(fakeop.MissingExp), 401, "invalid_token"},
		{"ID token: expired", does(fakeop.Expired), 401, "invalid_token"},
		{"ID token: nonce", does(fakeop.NonceInvalid), 401, "invalid_token"},     // case 91
		{"ID token: no nonce", does(fakeop.NonceMissing), 401, "invalid_token"},  // case 91
		{"ID token: sub twice", does(fakeop.DuplicateSub), 401, "invalid_token"}, // case 94
		{"ID token: SUB", does(fakeop.SubCaseTwin), 401, "invalid_token"},        // case 95
		{"ID token: \u017fub", claim("\u017fub", "admin"), 401, "invalid_token"}, // case 95
		{"userinfo: other sub", does(fakeop.UserInfoInvalidSub), 401, "invalid_token"},
		{"userinfo: null", does(fakeop.UserInfoNull), 502, "provider_error"}, // case 104
		{"userinfo: 401", does(fakeop.UserInfo401), 502, "provider_error"},   // case 106
		{"userinfo: signed", func(p *fakeop.Provider) { // case 105
			p.Intercept(fakeop.UserInfo, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/jwt")
				_, _ = w.Write([]byte("e30.e30."))
			})
		}, 502, "provider_error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := testapp.New(t)
			b := a.Browser()
			callback := b.Start("/auth/signin", "alice")
			tt.fault(a.OP)
			r := b.Do("GET", callback, nil)
			if r.StatusCode != tt.status || r.JSON(t)["error"] != tt.code {
				t.Fatalf("%d %s, want %d %s\n%s", r.StatusCode, r.Body, tt.status, tt.code, a.Logs)
			}
			if id, _ := r.JSON(t)["request_id"].(string); id == "" || !strings.Contains(a.Logs.String(), "request_id="+id) {
				t.Errorf("request %q is not in the log", id)
			}
			if after := r.Header.Get("Retry-After"); (after == "7") != (tt.status == 503) { // as the provider asked
				t.Errorf("Retry-After %q", after)
			}
			if b.WhoAmI() != "" || len(b.Cookies()) != 0 {
				t.Errorf("%q is signed in, cookies %v", b.WhoAmI(), b.Cookies())
			}
			if r := b.Do("GET", callback, nil); r.StatusCode != 400 {
				t.Errorf("the attempt was not spent: %d", r.StatusCode)
			}
			if n := a.OP.Count(fakeop.Token); n != 1 { // case 67
				t.Errorf("%d token requests", n)
			}
			if a.OP.Count(fakeop.Elsewhere) != 0 { // case 107
				t.Error("a redirect was followed")
			}
			for _, hidden := range []string{callback[strings.Index(callback, "code=")+5:][:20], testapp.ClientSecret, "eyJ"} {
				if strings.Contains(a.Logs.String(), hidden) {
					t.Errorf("the log shows %q", hidden)
				}
			}
		})
	}
}

// TestCallbackOfAnotherInstance: an attempt that one process started can be completed by another with the same secrets.
// While that process has no metadata of the provider, the attempt is not used, and a reload completes it. Case 294.
func TestCallbackOfAnotherInstance(t *testing.T) {
	first := testapp.New(t)
	down := true
	second := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if down {
				return nil, errors.New("no route to host")
			}
			return first.OP.Transport().RoundTrip(r)
		})
	})
	b := first.Browser()
	callback := b.Start("/auth/signin?return_to=/app", "alice")
	there := second.Browser()
	there.Jar = b.Jar
	if r := there.Navigate(callback); r.StatusCode != 503 || r.Header.Get("Set-Cookie") != "" {
		t.Errorf("provider unknown: %d %v", r.StatusCode, r.Header)
	}
	down = false
	time.Sleep(300 * time.Millisecond) // the first pause after a failure
	if r := there.Navigate(callback); r.Location() != "/app" || there.WhoAmI() != "alice" {
		t.Errorf("reload: %d %s", r.StatusCode, r.Body)
	}
}

// TestRefusalSpendsNothing: anyone can forge an error response, so none takes up room in the table of used attempts.
func TestRefusalSpendsNothing(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	kept := b.Twin()
	refused := strings.Replace(callback, "code=", "error=access_denied&x=", 1)
	if r := b.Navigate(refused); r.StatusCode != http.StatusUnauthorized || len(b.Cookies()) != 0 {
		t.Errorf("refused: %d, cookies %q", r.StatusCode, b.Cookies())
	}
	if r := kept.Navigate(callback); r.StatusCode != http.StatusSeeOther || kept.WhoAmI() != "alice" {
		t.Errorf("with the cookie put back: %d", r.StatusCode)
	}
}

// TestTrustedAudiences: an additional audience is accepted only if it is configured. Case 86.
func TestTrustedAudiences(t *testing.T) {
	for _, trusted := range [][]string{nil, {"project"}} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].TrustedAudiences = trusted })
		a.OP.OnIDToken(func(c map[string]any) { c["aud"], c["azp"] = []string{"app", "project"}, "app" })
		if r := a.Browser().SignIn("alice"); (r.StatusCode == 303) != (trusted != nil) {
			t.Errorf("trusted %q: %d", trusted, r.StatusCode)
		}
	}
}

// TestSignInEnds: a sign-in returns to acceptable targets only, and with the required headers. Cases 12, 51 and 155.
func TestSignInEnds(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.ReturnOrigins = []string{"https://shop.example.net:8443"}
	})
	for returnTo, want := range map[string]string{
		"":                                   "/",
		"/app?tab=1&x=a%20b#top":             "/app?tab=1&x=a%20b#top",
		"/a&scope=admin":                     "/a&scope=admin",
		testapp.URL + "/home":                testapp.URL + "/home",
		"https://shop.example.net:8443/cart": "https://shop.example.net:8443/cart",
		"https://shop.example.net/":          "/",
		"//evil.example":                     "/",
		"/\\evil.example":                    "/",
		"/./\\evil.example":                  "/", // case 155
		"/auth/signout":                      "/",
		"/" + strings.Repeat("a", 3000):      "/", // case 15
	} {
		b := a.Browser()
		callback := b.Start("/auth/signin?return_to="+url.QueryEscape(returnTo), "alice")
		for _, name := range b.Cookies() {
			if !strings.HasPrefix(name, "__Host-ginoidc.") {
				t.Errorf("cookie %s before the callback", name)
			}
		}
		r := b.Do("GET", callback, nil, append([]string{"Referer", "https://evil.example/", "Origin", "https://evil.example"},
			testapp.Navigation()...)...) // case 156
		if r.StatusCode != http.StatusSeeOther || r.Location() != want {
			t.Errorf("return_to %.40q: %d to %q, want %q", returnTo, r.StatusCode, r.Location(), want)
		}
		if h := r.Header; h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" ||
			h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("headers %v", h)
		}
		if names := b.Cookies(); len(names) != 1 || names[0] != "__Host-ginoidc" || b.WhoAmI() != "alice" {
			t.Errorf("after the sign-in: cookies %v, user %q", names, b.WhoAmI())
		}
		for _, line := range r.Header["Set-Cookie"] {
			if c, _ := http.ParseSetCookie(line); c.Name == "__Host-ginoidc" &&
				(c.Path != "/" || c.Domain != "" || c.MaxAge != 43200 || !c.HttpOnly || !c.Secure ||
					c.SameSite != http.SameSiteLaxMode) { // it must stay Lax (case 147)
				t.Errorf("session cookie: %s", line[strings.Index(line, ";"):])
			}
			if len(line) > 4096 {
				t.Errorf("a cookie of %d bytes", len(line))
			}
		}
	}
}

// TestAliasHost: a callback under another host name of the app finds no cookie, and the log has that name. Case 50.
func TestAliasHost(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	for _, alias := range []string{"https://alias.example.com", "http://app.example.com"} {
		if r := b.Navigate(strings.Replace(callback, testapp.URL, alias, 1)); r.StatusCode != 400 ||
			!strings.Contains(r.Body, "cookie was lost") {
			t.Errorf("%s: %d %s", alias, r.StatusCode, r.Body)
		}
	}
	logged := regexp.MustCompile(`code=attempt_missing request_id=\w+ host=alias\.example\.com `)
	if out := a.Logs.String(); !logged.MatchString(out) || a.OP.Count(fakeop.Token) != 0 {
		t.Errorf("log %s", out)
	}
}
