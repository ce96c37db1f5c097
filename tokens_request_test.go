package ginoidc_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

const (
	calendar = "https://calendar.example.com"
	contacts = "https://contacts.example.com"
)

// newForAPIs returns an app whose users have tokens for several APIs. Its route /for shows the token that the query
// describes.
func newForAPIs(t *testing.T, change ...testapp.Change) *testapp.App {
	t.Helper()
	a := testapp.NewWithTokens(t, append([]testapp.Change{func(c *ginoidc.Config, op *fakeop.Config) {
		op.JWTAccessTokens = true
		c.Providers[0].SignInParameters = url.Values{"resource": {calendar, contacts}}
	}}, change...)...)
	a.Engine.GET("/for", a.Auth.RequireAuth(), func(c *gin.Context) {
		token, err := a.Auth.TokenFor(c, ginoidc.TokenRequest{
			Resource: c.Query("resource"), Scopes: c.QueryArray("scope"),
			Exchange: c.Query("exchange") != "", Audience: c.Query("audience"),
		})
		if err != nil {
			a.Auth.Deny(c, err)
			return
		}
		if token.Type != "Bearer" && token.Type != "DPoP" || time.Until(token.Expiry) <= 0 {
			t.Errorf("type %q, expiry %s", token.Type, token.Expiry)
		}
		c.String(http.StatusOK, token.AccessToken)
	})
	return a
}

// forAPI returns the path of a request for the token of an API.
func forAPI(resource string, scopes ...string) string {
	return "/for?" + url.Values{"resource": {resource}, "scope": scopes}.Encode()
}

// claimsOf returns the claims of a JWT.
func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no JWT: %q", token)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// TestTokenFor: each API and each set of scopes has a token of its own, with its own expiry. The token of the sign-in
// stays as it is, and no token makes the cookies grow. Case 386.
func TestTokenFor(t *testing.T) {
	for name, keep := range map[string]bool{"rotation": false, "no rotation": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newForAPIs(t, func(_ *ginoidc.Config, op *fakeop.Config) { op.KeepRefreshToken = keep })
				b := a.Browser()
				b.MustSignIn("alice")
				first, size := b.Fetch("/token").Body, len(b.CookieHeader())
				time.Sleep(2 * time.Minute)
				dates := b.Fetch(forAPI(calendar)).Body
				people := b.Fetch(forAPI(contacts)).Body
				little := b.Fetch(forAPI(calendar, "email", "openid")).Body
				same := b.Fetch(forAPI(calendar, "openid", "email")).Body
				none := b.Fetch(forAPI("", "openid")).Body
				if a.OP.Refreshes() != 4 || little != same {
					t.Errorf("%d refreshes for four tokens", a.OP.Refreshes())
				}
				for _, tt := range []struct {
					token      string
					aud, scope any
				}{
					{dates, calendar, "openid profile email"},
					{people, contacts, "openid profile email"},
					{little, calendar, "email openid"},
					{none, []any{calendar, contacts}, "openid"},
				} {
					claims := claimsOf(t, tt.token)
					if !reflect.DeepEqual(claims["aud"], tt.aud) || claims["scope"] != tt.scope || claims["sub"] != "alice" {
						t.Errorf("%v, want %v, %v", claims, tt.aud, tt.scope)
					}
				}
				if again := b.Fetch("/token").Body; again != first {
					t.Error("the token of the sign-in changed")
				}
				if now := len(b.CookieHeader()); now > size+16 {
					t.Errorf("cookies grew from %d to %d bytes", size, now)
				}
				time.Sleep(3 * time.Minute) // the token of the sign-in has expired, and no other one
				if b.Fetch(forAPI(calendar)).Body != dates || a.OP.Refreshes() != 4 {
					t.Errorf("%d refreshes before the end", a.OP.Refreshes())
				}
				if second := b.Fetch("/token").Body; second == first || !a.OP.Active(second) || a.OP.Refreshes() != 5 {
					t.Errorf("%d refreshes after the end of the first token", a.OP.Refreshes())
				}
				time.Sleep(2 * time.Minute)
				if next := b.Fetch(forAPI(calendar)).Body; next == dates || !a.OP.Active(next) || a.OP.Refreshes() != 6 {
					t.Errorf("%d refreshes after the end of the calendar's", a.OP.Refreshes())
				}
				other := a.Browser()
				other.MustSignIn("bob")
				if claims := claimsOf(t, other.Fetch(forAPI(calendar)).Body); claims["sub"] != "bob" {
					t.Errorf("another user got the token of %v", claims["sub"])
				}
			})
		})
	}
}

// TestOneTokenFor: concurrent requests on two instances make one call for each token. The provider rotates refresh
// tokens and ends the grant if one is replayed.
func TestOneTokenFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := state.NewMemory(0)
		one := newForAPIs(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
		two := newForAPIs(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.State, c.Providers[0].Transport = shared, one.OP.Transport()
		})
		b := one.Browser()
		b.MustSignIn("alice")
		paths := []string{"/token", forAPI(calendar), forAPI(contacts), forAPI(calendar, "email"), forAPI("", "email")}
		for cycle := range 5 {
			time.Sleep(6 * time.Minute)
			var wg sync.WaitGroup
			var mu sync.Mutex
			got := map[string]int{}
			for _, a := range []*testapp.App{one, two} {
				for n := range 100 {
					request := &testapp.Browser{App: a, Jar: b.Jar}
					wg.Go(func() {
						r := request.Fetch(paths[n%len(paths)])
						mu.Lock()
						defer mu.Unlock()
						if got[r.Body]++; r.StatusCode != http.StatusOK {
							t.Errorf("%d %s", r.StatusCode, r.Body)
						}
					})
				}
			}
			wg.Wait()
			if len(got) != len(paths) || one.OP.Refreshes() != (cycle+1)*len(paths) {
				t.Fatalf("cycle %d: %d tokens by %d refreshes\n%s", cycle, len(got), one.OP.Refreshes(), one.Logs)
			}
		}
	})
}

// TestTokenForInAnyOrder: two requests that get tokens for two APIs answer in any order, and either answer may be lost.
// The refresh token of the browser may then be one that is spent, but the next refresh redeems the newest one. Case
// 386.
func TestTokenForInAnyOrder(t *testing.T) {
	for _, next := range []string{"/token", forAPI(calendar)} {
		for name, lost := range map[string]func(b, before, between *testapp.Browser) *testapp.Browser{
			"the last answer": func(_, _, between *testapp.Browser) *testapp.Browser { return between },
			"both answers":    func(_, before, _ *testapp.Browser) *testapp.Browser { return before },
			"neither":         func(b, _, _ *testapp.Browser) *testapp.Browser { return b },
		} {
			t.Run(name+" "+next, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := newForAPIs(t)
					b := a.Browser()
					b.MustSignIn("alice")
					before := b.Twin()
					b.Fetch(forAPI(calendar))
					between := b.Twin()
					b.Fetch(forAPI(contacts))
					time.Sleep(20 * time.Minute) // longer than results are kept
					left := lost(b, before, between)
					for n := range 3 {
						if r := left.Fetch(next); r.StatusCode != 200 || !a.OP.Active(r.Body) || a.OP.Refreshes() != 3+n {
							t.Fatalf("%d %s after %d refreshes\n%s", r.StatusCode, r.Body, a.OP.Refreshes(), a.Logs)
						}
						time.Sleep(20 * time.Minute)
					}
				})
			})
		}
	}
}

// TestTokenForRefused: what the provider refuses for one API ends no session. A forged answer does.
func TestTokenForRefused(t *testing.T) {
	refuse := func(status int, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"error":"` + code + `"}`))
		}
	}
	for _, tt := range []struct {
		name   string
		does   fakeop.Misbehaviour
		answer http.HandlerFunc
		path   string
		status int
		code   string
		ended  bool
	}{
		{"not in the sign-in", "", nil, forAPI("https://other.example.com"), 502, "provider_error", false},
		{"a scope not in the sign-in", "", nil, forAPI(calendar, "admin"), 502, "provider_error", false},
		{"no consent", "", refuse(400, "invalid_grant"), forAPI(calendar), 401, "no_token", false},
		{"an exchange refused", "", refuse(400, "access_denied"), forAPI(calendar) + "&exchange=1", 502, "provider_error",
			false},
		{"an exchange refused for the token", "", refuse(400, "invalid_grant"), forAPI(calendar) + "&exchange=1", 502,
			"provider_error", false},
		{"away", "", refuse(503, "x"), forAPI(calendar), 503, "provider_unavailable", false},
		{"another user's", fakeop.RefreshInvalidSub, nil, forAPI(calendar), 401, "unauthorized", true},
		{"a bad signature", fakeop.RefreshInvalidSig, nil, forAPI(calendar), 401, "unauthorized", true},
		{"no URI", "", nil, forAPI("calendar"), 500, "internal", false},
		{"a fragment", "", nil, forAPI(calendar + "#x"), 500, "internal", false},
		{"two scopes in one", "", nil, forAPI(calendar, "a b"), 500, "internal", false},
		{"an audience without an exchange", "", nil, "/for?audience=calendar", 500, "internal", false},
		{"an exchange for nothing", "", nil, "/for?exchange=1", 500, "internal", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newForAPIs(t)
				b := a.Browser()
				b.MustSignIn("alice")
				a.OP.Intercept(fakeop.Token, tt.answer)
				if tt.does != "" {
					a.OP.Misbehave(tt.does)
				}
				r := b.Fetch(tt.path)
				if r.StatusCode != tt.status || r.JSON(t)["error"] != tt.code {
					t.Errorf("%d %s\n%s", r.StatusCode, r.Body, a.Logs)
				}
				if ended := b.WhoAmI() == ""; ended != tt.ended {
					t.Errorf("session ended: %t", ended)
				}
				if tt.ended {
					return
				}
				a.OP.Intercept(fakeop.Token, nil)
				if r := b.Fetch(forAPI(calendar)); r.StatusCode != 200 {
					t.Errorf("afterwards: %d %s", r.StatusCode, r.Body)
				}
			})
		})
	}
}

// TestTokenForWithout: each reason why there is no other token has its own error.
func TestTokenForWithout(t *testing.T) {
	a := newForAPIs(t, func(_ *ginoidc.Config, op *fakeop.Config) { op.AlwaysRefreshToken = false })
	b := a.Browser()
	b.MustSignIn("alice")
	if r := b.Fetch(forAPI(calendar)); r.StatusCode != 401 || r.JSON(t)["error"] != "no_token" {
		t.Errorf("no refresh token: %d %s", r.StatusCode, r.Body)
	}
	off := newForAPIs(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.KeepTokens = false })
	b = off.Browser()
	b.MustSignIn("alice")
	if r := b.Fetch(forAPI(calendar)); r.StatusCode != 500 {
		t.Errorf("not kept: %d %s", r.StatusCode, r.Body)
	}
	late := newForAPIs(t)
	late.Engine.GET("/late", func(c *gin.Context) {
		c.String(http.StatusOK, "written")
		if _, err := late.Auth.TokenFor(c, ginoidc.TokenRequest{Resource: calendar}); err == nil {
			t.Error("a refresh token that cannot be kept")
		}
	})
	b = late.Browser()
	b.MustSignIn("alice")
	if b.Fetch("/late"); late.OP.Refreshes() != 0 {
		t.Error("refreshed after the response has started")
	}
}

// TestTokenForTooLarge: a token that the state cannot keep is used once, and the log says so.
func TestTokenForTooLarge(t *testing.T) {
	a := newForAPIs(t)
	a.OP.OnAccessToken(func(claims map[string]any) {
		if claims["aud"] == calendar {
			claims["padding"] = strings.Repeat("x", 16<<10)
		}
	})
	b := a.Browser()
	b.MustSignIn("alice")
	if one, two := b.Fetch(forAPI(calendar)), b.Fetch(forAPI(calendar)); one.StatusCode != 200 || two.StatusCode != 200 ||
		one.Body == two.Body || a.OP.Refreshes() != 2 {
		t.Errorf("%d and %d after %d refreshes", one.StatusCode, two.StatusCode, a.OP.Refreshes())
	}
	if !strings.Contains(a.Logs.String(), "not shared with other requests") || strings.Contains(a.Logs.String(), "eyJ") {
		t.Errorf("the log: %s", a.Logs)
	}
}

// TestTokenForSignOut: a sign-out revokes the newest refresh token, also from a browser that has an earlier one.
func TestTokenForSignOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newForAPIs(t)
		b := a.Browser()
		b.MustSignIn("alice")
		before := b.Twin()
		b.Fetch(forAPI(calendar))
		people := b.Fetch(forAPI(contacts)).Body
		time.Sleep(time.Minute)
		before.Do("POST", "/auth/signout", nil, "Sec-Fetch-Site", "same-origin", "Origin", testapp.URL)
		if a.OP.Active(people) {
			t.Error("the grant was not revoked")
		}
		if r := b.Fetch(forAPI(calendar)); r.StatusCode != 401 {
			t.Errorf("after the sign-out: %d %s", r.StatusCode, r.Body)
		}
	})
}

// TestExchange: the token of the session, or that of an API client, is exchanged once for each API, on all instances.
func TestExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := state.NewMemory(0)
		accept := func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Audience, c.State = api, shared }
		one := newForAPIs(t, accept)
		two := newForAPIs(t, accept, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers[0].Transport = one.OP.Transport()
		})
		b := one.Browser()
		b.MustSignIn("alice")
		token, err := one.OP.AccessToken("bob", api, "openid", "email")
		if err != nil {
			t.Fatal(err)
		}
		for user, headers := range map[string][]string{"alice": nil, "bob": {"Authorization", "Bearer " + token}} {
			for path, audience := range map[string]string{
				"/for?exchange=1&resource=https://elsewhere.example.com": "https://elsewhere.example.com",
				"/for?exchange=1&audience=billing&scope=email":           "billing",
			} {
				calls := one.OP.Count(fakeop.Token)
				var wg sync.WaitGroup
				var mu sync.Mutex
				got := map[string]bool{}
				for _, a := range []*testapp.App{one, two} {
					for range 20 {
						wg.Go(func() {
							r := (&testapp.Browser{App: a, Jar: b.Jar}).Do("GET", path, nil, headers...)
							mu.Lock()
							defer mu.Unlock()
							if got[r.Body] = true; r.StatusCode != 200 || r.Header.Get("Set-Cookie") != "" {
								t.Errorf("%s: %d %s", path, r.StatusCode, r.Body)
							}
						})
					}
				}
				wg.Wait()
				if len(got) != 1 || one.OP.Count(fakeop.Token) != calls+1 {
					t.Fatalf("%s of %s: %d tokens by %d calls", path, user, len(got), one.OP.Count(fakeop.Token)-calls)
				}
				for token := range got {
					if claims := claimsOf(t, token); claims["sub"] != user || claims["aud"] != audience {
						t.Errorf("%s of %s: %v", path, user, claims)
					}
				}
			}
		}
		robot := one.Browser().Do("GET", forAPI(calendar), nil, "Authorization", "Bearer "+token)
		if robot.StatusCode != 403 || robot.JSON(t)["error"] != "no_session" {
			t.Errorf("a refresh without a session: %d %s", robot.StatusCode, robot.Body)
		}
		if r := one.Browser().Fetch("/for?exchange=1&audience=billing"); r.StatusCode != 401 {
			t.Errorf("nobody: %d", r.StatusCode)
		}
	})
}

// TestExchangeAnswers: an answer that is not an access token is refused.
func TestExchangeAnswers(t *testing.T) {
	a := newForAPIs(t)
	b := a.Browser()
	b.MustSignIn("alice")
	for name, edit := range map[string]func(answer map[string]any){
		"no type":       func(answer map[string]any) { delete(answer, "issued_token_type") },
		"a JWT":         func(answer map[string]any) { answer["issued_token_type"] = "urn:ietf:params:oauth:token-type:jwt" },
		"not a bearer":  func(answer map[string]any) { answer["token_type"] = "N_A" },
		"nothing in it": func(answer map[string]any) { delete(answer, "access_token") },
	} {
		a.OP.OnTokenAnswer(edit)
		if r := b.Fetch("/for?exchange=1&audience=a"); r.StatusCode != 502 || r.JSON(t)["error"] != "provider_error" {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.Body)
		}
	}
}

// TestClientFor: the client sends the token of the API, with DPoP bound to the key of the sign-in.
func TestClientFor(t *testing.T) {
	for name, tt := range map[string]struct {
		dpop bool
		want ginoidc.TokenRequest
	}{
		"a bearer token":    {false, ginoidc.TokenRequest{Scopes: []string{"openid", "email"}}},
		"DPoP":              {true, ginoidc.TokenRequest{Scopes: []string{"openid", "email"}}},
		"an exchange":       {false, ginoidc.TokenRequest{Scopes: []string{"openid", "email"}, Exchange: true}},
		"an exchange, DPoP": {true, ginoidc.TokenRequest{Scopes: []string{"openid", "email"}, Exchange: true}},
	} {
		t.Run(name, func(t *testing.T) {
			op := fakeop.Start(t, fakeop.Config{ClientSecret: testapp.ClientSecret, SigningAlg: "ES256",
				AlwaysRefreshToken: true, RequireDPoP: tt.dpop, DPoPNonces: tt.dpop})
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
				p := &c.Providers[0]
				p.Issuer, c.KeepTokens, p.DPoP, p.Transport = op.Issuer(), true, tt.dpop, http.DefaultTransport
			})
			a.OP = op
			a.Engine.GET("/upstream", a.Auth.RequireAuth(), func(c *gin.Context) {
				client, err := a.Auth.ClientFor(c, tt.want)
				if err != nil {
					a.Auth.Deny(c, err)
					return
				}
				r, err := client.Get(op.Issuer() + string(fakeop.UserInfo))
				if err != nil {
					t.Error(err)
					return
				}
				_ = r.Body.Close()
				c.Status(r.StatusCode)
			})
			b := a.Browser()
			b.MustSignIn("alice")
			used := ""
			op.Intercept(fakeop.UserInfo, func(w http.ResponseWriter, r *http.Request) {
				used = r.Header.Get("Authorization")
				op.Intercept(fakeop.UserInfo, nil)
				op.ServeHTTP(w, r)
			})
			scheme := map[bool]string{false: "Bearer ", true: "DPoP "}[tt.dpop]
			if r := b.Fetch("/upstream"); r.StatusCode != http.StatusOK || !strings.HasPrefix(used, scheme) {
				t.Errorf("%d with %.10q\n%s", r.StatusCode, used, a.Logs)
			}
		})
	}
}
