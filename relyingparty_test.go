package ginoidc_test

import (
	"net/http"
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
