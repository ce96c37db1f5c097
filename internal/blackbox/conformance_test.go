package blackbox_test

import (
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// These tests have the names of the relying-party modules in the OpenID Foundation's conformance suite, plan by plan,
// and the same misbehaviour of the provider. docs/conformance.md says which modules are left out and why.

// module is one of these modules: what the provider does, and whether the user is signed in afterwards.
type module struct {
	name     string
	does     func(*fakeop.Provider)
	signedIn bool
	userInfo int // requests to the userinfo endpoint
}

// runs signs alice in and compares the result with the module.
func (m module) runs(t *testing.T, a *testapp.App) *testapp.Browser {
	t.Helper()
	b := a.Browser()
	if m.does != nil {
		m.does(a.OP)
	}
	started := b.Navigate("/auth/signin")
	if started.StatusCode != http.StatusFound {
		t.Fatalf("no authorization request: %d %s", started.StatusCode, a.Logs)
	}
	callback, err := a.OP.Approve(started.Location(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	deliver := b.Navigate
	if strings.HasPrefix(a.ResponseMode, "form_post") {
		deliver = func(callback string) testapp.Reply { return b.PostCallback(callback) }
	}
	r := deliver(callback)
	if signedIn := b.WhoAmI() == "alice"; signedIn != m.signedIn || (r.StatusCode == http.StatusSeeOther) != m.signedIn {
		t.Errorf("%d, signed in: %t\n%s", r.StatusCode, signedIn, a.Logs)
	}
	if n := a.OP.Count(fakeop.UserInfo); n != m.userInfo {
		t.Errorf("%d userinfo requests, want %d", n, m.userInfo)
	}
	return b
}

// appended appends text to a claim of the ID token.
func appended(name, more string) func(*fakeop.Provider) {
	return func(p *fakeop.Provider) {
		p.OnIDToken(func(claims map[string]any) { claims[name] = claims[name].(string) + more })
	}
}

func misbehaves(names ...fakeop.Misbehaviour) func(*fakeop.Provider) {
	return func(p *fakeop.Provider) { p.Misbehave(names...) }
}

func rotates(t *testing.T, p *fakeop.Provider, keepOld bool) {
	t.Helper()
	if err := p.RotateKeys(keepOld); err != nil {
		t.Fatal(err)
	}
}

// basicModules returns the modules of the plan for the code flow.
func basicModules(t *testing.T) []module {
	return []module{
		{"oidcc-client-test", nil, true, 1},
		{"oidcc-client-test-invalid-iss", appended("iss", "1"), false, 0},
		{"oidcc-client-test-missing-sub", misbehaves(fakeop.MissingSub), false, 0},
		{"oidcc-client-test-invalid-aud", appended("aud", "1"), false, 0},
		{"oidcc-client-test-missing-iat", misbehaves(fakeop.MissingIat), false, 0},
		{"oidcc-client-test-kid-absent-single-jwks", misbehaves(fakeop.KidAbsent, fakeop.UnknownCurves), true, 1},
		{"oidcc-client-test-kid-absent-multiple-jwks", func(p *fakeop.Provider) {
			rotates(t, p, true)
			rotates(t, p, true)
			p.Misbehave(fakeop.KidAbsent)
		}, true, 1},
		{"oidcc-client-test-idtoken-sig-rs256", nil, true, 1},
		{"oidcc-client-test-idtoken-sig-none", misbehaves(fakeop.SigNone), false, 0},
		{"oidcc-client-test-invalid-sig-rs256", misbehaves(fakeop.BadSignature), false, 0},
		{"oidcc-client-test-userinfo-invalid-sub", func(p *fakeop.Provider) {
			p.OnUserInfo(func(claims map[string]any) { claims["sub"] = claims["sub"].(string) + "invalid" })
		}, false, 1},
		{"oidcc-client-test-nonce-invalid", appended("nonce", "1"), false, 0},
		{"oidcc-client-test-scope-userinfo-claims", nil, true, 1},
		{"oidcc-client-test-client-secret-basic", nil, true, 1},
		// From the comprehensive plan.
		{"oidcc-client-test-missing-aud", misbehaves(fakeop.MissingAud), false, 0},
		{"oidcc-client-test-invalid-sig-hs256", misbehaves(fakeop.InvalidSigHS256), false, 0},
		{"oidcc-client-test-aggregated-claims", func(p *fakeop.Provider) {
			p.OnUserInfo(func(claims map[string]any) {
				claims["_claim_names"] = map[string]any{"address": "src1"}
				claims["_claim_sources"] = map[string]any{"src1": map[string]any{"JWT": "eyJhbGciOiJub25lIn0.e30."}}
			})
		}, true, 1},
	}
}

// TestConformanceBasic runs the plans oidcc-client-basic-certification-test-plan and
// oidcc-client-formpost-basic-certification-test-plan: the same modules with query and with form_post.
func TestConformanceBasic(t *testing.T) {
	for _, mode := range []string{"query", "form_post"} {
		t.Run(mode, func(t *testing.T) {
			for _, m := range basicModules(t) {
				t.Run(m.name, func(t *testing.T) {
					seen := &testapp.Recorder{}
					a := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
						p := &c.Providers[0]
						p.ResponseMode, p.SigningAlgs, op.SigningAlg = mode, []string{"RS256"}, "RS256"
						c.Providers[0].Transport = seen
					})
					b := m.runs(t, a)
					if m.signedIn {
						checkCalls(seen, t)
						if claims := b.Fetch("/auth/userinfo").JSON(t); claims["email"] != "alice@example.com" {
							t.Errorf("claims %v", claims)
						}
					}
				})
			}
		})
	}
	t.Run("oidcc-client-test-invalid-sig-es256", func(t *testing.T) {
		module{"", misbehaves(fakeop.BadSignature), false, 0}.runs(t, testapp.New(t))
	})
	t.Run("oidcc-client-test-form-post-error", func(t *testing.T) {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].ResponseMode = "form_post" })
		b := a.Browser()
		callback, err := a.OP.Deny(b.Navigate("/auth/signin?prompt=none&max_age=0").Location(), "login_required")
		if err != nil {
			t.Fatal(err)
		}
		if r := b.PostCallback(callback); r.StatusCode != http.StatusUnauthorized || a.OP.Count(fakeop.Token) != 0 {
			t.Errorf("%d after %d token requests", r.StatusCode, a.OP.Count(fakeop.Token))
		}
	})
}

// checkCalls checks that the client secret and the access token were sent in the header and nowhere else
// (oidcc-client-test-client-secret-basic, oidcc-client-test-userinfo-bearer-header).
func checkCalls(s *testapp.Recorder, t *testing.T) {
	t.Helper()
	if !strings.HasPrefix(s.Header["/token"].Get("Authorization"), "Basic ") || s.Form["/token"].Has("client_secret") ||
		!strings.HasPrefix(s.Header["/userinfo"].Get("Authorization"), "Bearer ") || s.Form["/userinfo"].Has("access_token") {
		t.Errorf("headers %v, forms %v", s.Header, s.Form)
	}
}

// TestConformanceConfig runs the plan oidcc-client-config-certification-test-plan.
func TestConformanceConfig(t *testing.T) {
	t.Run("oidcc-client-test-discovery-openid-config", func(t *testing.T) {
		a := testapp.New(t)
		if err := a.Auth.Ready(t.Context()); err != nil || a.OP.Count(fakeop.Discovery) != 1 {
			t.Errorf("%v after %d requests", err, a.OP.Count(fakeop.Discovery))
		}
	})
	t.Run("oidcc-client-test-discovery-jwks-uri-keys", func(t *testing.T) {
		seen := &testapp.Recorder{}
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Transport = seen })
		a.OP.OnDiscovery(func(doc map[string]any) { doc["jwks_uri"] = doc["jwks_uri"].(string) + "?abcdefghij=1" })
		if err := a.Auth.Ready(t.Context()); err != nil || !seen.Form[string(fakeop.JWKS)].Has("abcdefghij") {
			t.Errorf("%v, keys asked for with %v", err, seen.Form)
		}
	})
	t.Run("oidcc-client-test-discovery-issuer-mismatch", func(t *testing.T) {
		a := testapp.New(t)
		a.OP.OnDiscovery(func(doc map[string]any) { doc["issuer"] = doc["issuer"].(string) + "INVALID" })
		if r := a.Browser().Navigate("/auth/signin"); r.StatusCode != http.StatusServiceUnavailable || r.Location() != "" {
			t.Errorf("%d to %q", r.StatusCode, r.Location())
		}
	})
	for _, m := range []module{
		{"oidcc-client-test-idtoken-sig-none", misbehaves(fakeop.SigNone), false, 0},
		{"oidcc-client-test-signing-key-rotation-just-before-signing", func(p *fakeop.Provider) {
			p.OnIDToken(func(map[string]any) { rotates(t, p, false) })
		}, true, 1},
	} {
		t.Run(m.name, func(t *testing.T) {
			a := testapp.New(t)
			if err := a.Auth.Ready(t.Context()); err != nil { // fetches the old keys
				t.Fatal(err)
			}
			m.runs(t, a)
		})
	}
	t.Run("oidcc-client-test-signing-key-rotation", func(t *testing.T) {
		a := testapp.New(t)
		module{"", nil, true, 1}.runs(t, a)
		rotates(t, a.OP, false)
		module{"", nil, true, 2}.runs(t, a)
		if n := a.OP.Count(fakeop.JWKS); n != 2 {
			t.Errorf("%d requests for keys", n)
		}
	})
}

// TestConformanceLogout runs the plans oidcc-client-rp-initiated-logout-rp-basic,
// oidcc-client-back-channel-logout-rp-basic and oidcc-client-front-channel-logout-rp-basic. In each of them the app
// starts the sign-out with the ID token as a hint, the provider sends its logout request meanwhile, and the browser
// returns to the app.
func TestConformanceLogout(t *testing.T) {
	const odd = "abcdefghijklmnopqrst0123456789&# %+" // a sid of the suite, with its punctuation
	back := func(edit func(claims map[string]any)) func(*testing.T, *testapp.App) int {
		return func(t *testing.T, a *testapp.App) int {
			return a.BackChannelLogout("alice", odd, func(claims map[string]any) {
				delete(claims, "typ")
				claims["ignored_claim"] = "x"
				if edit != nil {
					edit(claims)
				}
			}).StatusCode
		}
	}
	raw := func(header string) func(*testing.T, *testapp.App) int {
		return func(t *testing.T, a *testapp.App) int {
			good, err := a.OP.LogoutToken("alice", odd, nil)
			if err != nil {
				t.Fatal(err)
			}
			payload := strings.Split(good, ".")[1]
			return a.PostBackChannel("logout_token=" + base64.RawURLEncoding.EncodeToString([]byte(header)) +
				"." + payload + ".").StatusCode
		}
	}
	for _, tt := range []struct {
		name     string
		call     func(*testing.T, *testapp.App) int
		status   int
		answer   func(url.Values) // changes the query of the return
		location string           // target of the redirect, or "" for a page
	}{
		{"oidcc-client-test-rp-init-logout", back(nil), 200, nil, "/"},
		{"oidcc-client-test-rp-init-logout-other-state", back(nil), 200,
			func(q url.Values) { q.Set("state", q.Get("state")+"_INVALID") }, ""},
		{"oidcc-client-test-rp-init-logout-no-state", back(nil), 200, func(q url.Values) { q.Del("state") }, ""},
		{"oidcc-client-test-rp-backchannel-rpinitlogout", back(nil), 200, nil, "/"},
		{"oidcc-client-test-rp-backchannel-rpinitlogout-alg-none", raw(`{"alg":"none"}`), 400, nil, "/"},
		{"oidcc-client-test-rp-backchannel-rpinitlogout-no-event", back(func(c map[string]any) { delete(c, "events") }),
			400, nil, "/"},
		{"oidcc-client-test-rp-backchannel-rpinitlogout-with-nonce",
			back(func(c map[string]any) { c["nonce"] = "logout_tokens_must_not_contain_a_nonce" }), 400, nil, "/"},
		{"oidcc-client-test-rp-backchannel-rpinitlogout-wrong-alg", otherAlgorithm(odd), 400, nil, "/"},
		{"oidcc-client-test-rp-backchannel-rpinitlogout-wrong-aud", back(func(c map[string]any) { c["aud"] = "appINVALID" }),
			400, nil, "/"},
		{"oidcc-client-test-rp-backchannel-rpinitlogout-wrong-event", back(func(c map[string]any) {
			c["events"] = map[string]any{"http://schemas.openid.net/event/foobar": map[string]any{}}
		}), 400, nil, "/"},
		{"oidcc-client-test-rp-backchannel-rpinitlogout-wrong-iss",
			back(func(c map[string]any) { c["iss"] = "https://idp.exampleINVALID" }), 400, nil, "/"},
		{"oidcc-client-test-rp-frontchannel-rpinitlogout", framed(odd), 200, nil, "/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
				c.KeepIDToken, c.Providers[0].UntypedLogoutTokens, c.PostSignOutURL = "always", true, testapp.URL+"/auth/signed-out"
				op.PostLogoutRedirectURIs = []string{c.PostSignOutURL}
			})
			a.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = odd })
			b := a.Browser()
			b.MustSignIn("alice")
			out := b.Do("POST", "/auth/signout", nil)
			if q := testapp.ParseURL(t, out.Location()).Query(); q.Get("id_token_hint") == "" ||
				q.Get("post_logout_redirect_uri") != testapp.URL+"/auth/signed-out" {
				t.Fatalf("end-session request %q", out.Location())
			}
			if status := tt.call(t, a); status != tt.status {
				t.Errorf("the provider's call: %d, want %d\n%s", status, tt.status, a.Logs)
			}
			returned := testapp.ParseURL(t, endSession(a, out.Location()))
			query := returned.Query()
			if tt.answer != nil {
				tt.answer(query)
			}
			r := b.Navigate(returned.Path + "?" + query.Encode())
			if r.Location() != tt.location || r.StatusCode >= 400 || b.WhoAmI() != "" {
				t.Errorf("return: %d to %q, %q signed in", r.StatusCode, r.Location(), b.WhoAmI())
			}
		})
	}
	t.Run("oidcc-client-test-rp-frontchannel-opinitlogout", func(t *testing.T) {
		a := testapp.New(t)
		a.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = odd })
		b := a.Browser()
		b.MustSignIn("alice")
		if status := framed(odd)(t, a); status != http.StatusOK || b.WhoAmI() != "" {
			t.Errorf("%d, %q signed in", status, b.WhoAmI())
		}
	})
}

// endSession sends the browser to the provider and returns the address to which the provider redirects it.
func endSession(a *testapp.App, location string) string {
	a.T.Helper()
	w := httptest.NewRecorder()
	a.OP.ServeHTTP(w, httptest.NewRequest("GET", location, nil))
	if w.Code != http.StatusSeeOther {
		a.T.Fatalf("end session: %d %s", w.Code, w.Body)
	}
	return w.Header().Get("Location")
}

// framed loads the front-channel route in a frame of another site, which brings no cookie.
func framed(sid string) func(*testing.T, *testapp.App) int {
	return func(_ *testing.T, a *testapp.App) int {
		query := url.Values{"iss": {a.OP.Issuer()}, "sid": {sid}}
		return a.Browser().Do("GET", "/auth/frontchannel-logout?"+query.Encode(), nil, "Sec-Fetch-Dest", "iframe",
			"Sec-Fetch-Site", "cross-site").StatusCode
	}
}

// otherAlgorithm posts a logout token that is signed with a published key of another algorithm than the configured one.
func otherAlgorithm(sid string) func(*testing.T, *testapp.App) int {
	return func(t *testing.T, a *testapp.App) int {
		other, err := fakeop.New(fakeop.Config{Issuer: a.OP.Issuer(), ClientSecret: testapp.ClientSecret,
			SigningAlg: "RS256"})
		if err != nil {
			t.Fatal(err)
		}
		a.OP.Intercept(fakeop.JWKS, other.ServeHTTP)
		token, err := other.LogoutToken("alice", sid, nil)
		if err != nil {
			t.Fatal(err)
		}
		return a.PostBackChannel("logout_token=" + token).StatusCode
	}
}

// TestConformanceRefresh runs the plan oidcc-client-refreshtoken-test-plan.
func TestConformanceRefresh(t *testing.T) {
	for name, tt := range map[string]struct {
		does fakeop.Misbehaviour
		good bool
	}{
		"oidcc-client-test-refresh-token":                {"", true},
		"oidcc-client-test-refresh-token-invalid-issuer": {fakeop.RefreshInvalidIssuer, false},
		"oidcc-client-test-refresh-token-invalid-sub":    {fakeop.RefreshInvalidSub, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.NewWithTokens(t)
				b := a.Browser()
				b.MustSignIn("alice")
				if tt.does != "" {
					a.OP.Misbehave(tt.does)
				}
				time.Sleep(5 * time.Minute)
				if r := b.Fetch("/token"); (r.StatusCode == http.StatusOK) != tt.good || (b.WhoAmI() == "alice") != tt.good {
					t.Errorf("%d %s", r.StatusCode, r.Body)
				}
			})
		})
	}
}

// TestConformanceThirdParty runs the plan oidcc-client-test-3rd-party-init-login-test-plan.
func TestConformanceThirdParty(t *testing.T) {
	t.Run("oidcc-client-test-3rd-party-init-login", func(t *testing.T) {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].InitiateLogin = true })
		b := a.Browser()
		callback := b.Start("/auth/signin?iss="+url.QueryEscape(a.OP.Issuer()), "alice")
		if r := b.Navigate(callback); r.StatusCode != http.StatusSeeOther || a.OP.Count(fakeop.UserInfo) != 1 {
			t.Errorf("%d", r.StatusCode)
		}
	})
}

// fapi2Modules returns the modules of fapi2-security-profile-final-client-test-plan for a plain client with OpenID
// Connect and DPoP. The plan of the second implementer's draft, fapi2-security-profile-id2-client-test-plan, has the
// same modules under names with id2.
func fapi2Modules(t *testing.T) []module {
	without := func(name string) func(*fakeop.Provider) {
		return func(p *fakeop.Provider) { p.OnIDToken(func(claims map[string]any) { delete(claims, name) }) }
	}
	return []module{
		{"happy-path", nil, true, 1},
		{"invalid-iss", appended("iss", "1"), false, 0},
		{"invalid-aud", appended("aud", "1"), false, 0},
		{"invalid-secondary-aud", func(p *fakeop.Provider) {
			p.OnIDToken(func(claims map[string]any) { claims["aud"] = []any{"app", "app1"} })
		}, false, 0},
		{"invalid-null-alg", misbehaves(fakeop.SigNone), false, 0},
		{"invalid-alternate-alg", alternateAlg(t), false, 0},
		{"invalid-expired-exp", func(p *fakeop.Provider) {
			p.OnIDToken(func(claims map[string]any) { claims["exp"] = time.Now().Add(-6 * time.Minute).Unix() })
		}, false, 0},
		{"invalid-missing-exp", without("exp"), false, 0},
		{"invalid-missing-aud", without("aud"), false, 0},
		{"invalid-missing-iss", without("iss"), false, 0},
		{"valid-aud-as-array", func(p *fakeop.Provider) {
			p.OnIDToken(func(claims map[string]any) { claims["aud"] = []any{"app"} })
		}, true, 1},
		{"invalid-nonce", appended("nonce", "1"), false, 0},
		{"invalid-missing-nonce", without("nonce"), false, 0},
		{"invalid-authorization-response-iss", misbehaves(fakeop.WrongIssParam), false, 0},
		{"remove-authorization-response-iss", misbehaves(fakeop.MissingIss), false, 0},
		{"ensure-authorization-response-with-invalid-state-fails", misbehaves(fakeop.InvalidState), false, 0},
		{"ensure-authorization-response-with-invalid-missing-state-fails", misbehaves(fakeop.MissingState), false, 0},
		{"token-endpoint-response-without-expires_in", func(p *fakeop.Provider) {
			p.OnTokenAnswer(func(answer map[string]any) { delete(answer, "expires_in") })
		}, true, 1},
		{"token-type-case-insensitivity", func(p *fakeop.Provider) {
			p.OnTokenAnswer(func(answer map[string]any) { answer["token_type"] = "dpOp" })
		}, true, 1},
	}
}

// alternateAlg signs ID tokens with RS256 and another published key, although ES256 is configured.
func alternateAlg(t *testing.T) func(*fakeop.Provider) {
	return func(p *fakeop.Provider) {
		other, err := fakeop.New(fakeop.Config{Issuer: p.Issuer(), SigningAlg: "RS256"})
		if err != nil {
			t.Fatal(err)
		}
		p.Intercept(fakeop.JWKS, other.ServeHTTP)
		var idToken map[string]any
		p.OnIDToken(func(claims map[string]any) { idToken = maps.Clone(claims) })
		p.OnTokenAnswer(func(answer map[string]any) {
			answer["id_token"], err = other.LogoutToken("", "", func(claims map[string]any) {
				clear(claims)
				maps.Copy(claims, idToken)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestConformanceFAPI2 runs the plan of the FAPI 2.0 Security Profile: pushed requests, private_key_jwt and DPoP
// throughout, which the test provider requires.
func TestConformanceFAPI2(t *testing.T) {
	const prefix = "fapi2-security-profile-final-client-test-"
	keys := testapp.NewClientKeys(t)
	for _, m := range fapi2Modules(t) {
		t.Run(prefix+m.name, func(t *testing.T) { m.runs(t, testapp.New(t, keys.FAPI2)) })
	}
	t.Run(prefix+"happy-path-no-dpop-nonce", func(t *testing.T) {
		module{"", nil, true, 1}.runs(t, testapp.New(t, keys.FAPI2,
			func(_ *ginoidc.Config, op *fakeop.Config) { op.DPoPNonces = false }))
	})
	t.Run(prefix+"discovery-issuer-mismatch", func(t *testing.T) {
		a := testapp.New(t, keys.FAPI2)
		a.OP.OnDiscovery(func(doc map[string]any) { doc["issuer"] = doc["issuer"].(string) + "INVALID" })
		if r := a.Browser().Navigate("/auth/signin"); r.StatusCode != http.StatusServiceUnavailable || r.Location() != "" {
			t.Errorf("%d to %q", r.StatusCode, r.Location())
		}
	})
	t.Run(prefix+"rs-dpop-auth-scheme-case-insensitivity", func(t *testing.T) {
		a := testapp.New(t, keys.FAPI2)
		asked := false
		a.OP.Intercept(fakeop.UserInfo, func(w http.ResponseWriter, r *http.Request) {
			if !asked {
				asked = true
				w.Header().Set("DPoP-Nonce", "the-resource-server-s")
				w.Header().Set("WWW-Authenticate", `dPoP realm="x", error="use_dpop_nonce"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"sub":"alice","groups":["admin"]}`)
		})
		module{"", nil, true, 2}.runs(t, a)
	})
}
