package ginoidc_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestToken: Token returns the kept token while it is valid and refreshes it before it expires, with or without
// rotation. Cases 60, 71.
func TestToken(t *testing.T) {
	for name, tt := range map[string]struct {
		store   sessions.Store
		does    fakeop.Misbehaviour
		noEnd   bool // the provider does not send expires_in
		refresh int
	}{
		"cookies":              {nil, "", false, 3},
		"a store":              {memstore.NewStore([]byte(testapp.CookieSecret)), "", false, 3},
		"no new refresh token": {nil, fakeop.RefreshWithoutRefreshToken, false, 3},
		"no ID token":          {nil, fakeop.RefreshWithoutIDToken, false, 3},
		"no expires_in":        {nil, "", true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = tt.store })
				if tt.noEnd {
					a.OP.OnTokenAnswer(func(answer map[string]any) { delete(answer, "expires_in") })
				}
				if tt.does != "" {
					a.OP.Misbehave(tt.does)
				}
				b := a.Browser()
				b.MustSignIn("alice")
				seen := map[string]bool{}
				for range 4 {
					r := b.Fetch("/token")
					if r.StatusCode != http.StatusOK || !tt.noEnd && !a.OP.Active(r.Body) {
						t.Fatalf("%d %s\n%s", r.StatusCode, r.Body, a.Logs)
					}
					seen[r.Body] = true
					time.Sleep(4*time.Minute + 29*time.Second)
					if again := b.Fetch("/token"); again.Body != r.Body || len(again.Header["Set-Cookie"]) != 0 {
						t.Errorf("refreshed before its time, cookies %v", again.Header["Set-Cookie"])
					}
					time.Sleep(2 * time.Second)
				}
				if a.OP.Refreshes() != tt.refresh || len(seen) != tt.refresh+1 || b.WhoAmI() != "alice" {
					t.Errorf("%d refreshes, %d tokens", a.OP.Refreshes(), len(seen))
				}
			})
		})
	}
}

// TestShortTokens: tokens that expire before they count as fresh are refreshed once per request.
func TestShortTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.NewWithTokens(t, func(_ *ginoidc.Config, op *fakeop.Config) { op.TokenLife = 20 * time.Second })
		b := a.Browser()
		b.MustSignIn("alice")
		for n := range 3 {
			if r := b.Fetch("/token"); !a.OP.Active(r.Body) || a.OP.Refreshes() != n+1 { // the route calls Token twice
				t.Errorf("%d %s after %d refreshes", r.StatusCode, r.Body, a.OP.Refreshes())
			}
		}
	})
}

// TestRepeatedNonce: the ID token of every refresh may have the nonce of the sign-in (OpenID Connect Core 1.0, section
// 12.2). The table below checks that it may not have another one.
func TestRepeatedNonce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.NewWithTokens(t)
		var nonce any
		a.OP.OnIDToken(func(claims map[string]any) {
			if nonce == nil {
				nonce = claims["nonce"]
			}
			claims["nonce"] = nonce
		})
		b := a.Browser()
		b.MustSignIn("alice")
		for n := range 2 {
			time.Sleep(5 * time.Minute)
			if r := b.Fetch("/token"); !a.OP.Active(r.Body) || a.OP.Refreshes() != n+1 || nonce == nil {
				t.Errorf("%d %s after %d refreshes, nonce %v", r.StatusCode, r.Body, a.OP.Refreshes(), nonce)
			}
		}
	})
}

// TestRefreshRefused: if the provider refuses a refresh, or responds with tokens of another user, the session ends. If
// it does not respond, the session stays, and Token does not return an expired token. Cases 70, 72, 244.
func TestRefreshRefused(t *testing.T) {
	for _, tt := range []struct {
		does   fakeop.Misbehaviour
		status int
		ended  bool
	}{
		{fakeop.RefreshInvalidIssuer, 401, true},
		{fakeop.RefreshInvalidSub, 401, true},
		{fakeop.RefreshInvalidAud, 401, true},
		{fakeop.RefreshInvalidSig, 401, true},
		{fakeop.RefreshSigNone, 401, true},
		{fakeop.NonceInvalid, 401, true},
		{fakeop.RefreshInvalidGrant, 401, true},
		{fakeop.Refresh503, 503, false},
		{fakeop.RefreshSlow, 503, false},
	} {
		t.Run(string(tt.does), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ends []ginoidc.EndReason
				a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) {
					c.OnSessionEnd = func(_ context.Context, e ginoidc.SessionEnd) { ends = append(ends, e.Reason) }
				})
				b := a.Browser()
				b.MustSignIn("alice")
				a.OP.Misbehave(tt.does)
				time.Sleep(4*time.Minute + 40*time.Second)
				if r := b.Fetch("/token"); !tt.ended && tt.status == 503 && r.StatusCode != http.StatusOK { // valid for 20 seconds
					t.Errorf("before its end: %d", r.StatusCode)
				}
				time.Sleep(21 * time.Second)
				if !tt.ended || b.WhoAmI() != "" {
					if r := b.Fetch("/token"); r.StatusCode != tt.status || len(r.Body) == 0 {
						t.Errorf("%d %s, want %d\n%s", r.StatusCode, r.Body, tt.status, a.Logs)
					}
				}
				if ended := b.WhoAmI() == ""; ended != tt.ended || ended != (len(b.Cookies()) == 0) {
					t.Errorf("ended: %t, cookies %v", ended, b.Cookies())
				}
				if tt.ended && (len(ends) != 1 || ends[0] != ginoidc.EndedByRefresh) {
					t.Errorf("ends %v", ends)
				}
				a.OP.Misbehave()
				if r := b.Fetch("/token"); !tt.ended && r.StatusCode != http.StatusOK {
					t.Errorf("afterwards: %d %s", r.StatusCode, r.Body)
				}
			})
		})
	}
}

// TestOneRefresh: a hundred concurrent requests on each of two instances make one refresh each time. The provider
// rotates refresh tokens and ends the grant if one is replayed. Cases 269, 276.
func TestOneRefresh(t *testing.T) {
	for name, store := range map[string]sessions.Store{"cookies": nil,
		"a store": memstore.NewStore([]byte(testapp.CookieSecret))} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared := state.NewMemory(0)
				one := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State, c.Store = shared, store })
				two := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) {
					c.State, c.Store, c.Providers[0].Transport = shared, store, one.OP.Transport()
				})
				b := one.Browser()
				b.MustSignIn("alice")
				for cycle := range 10 {
					time.Sleep(5 * time.Minute)
					var wg sync.WaitGroup
					var mu sync.Mutex
					got := map[string]int{}
					for _, a := range []*testapp.App{one, two} {
						for range 100 {
							request := &testapp.Browser{App: a, Jar: b.Jar}
							wg.Go(func() {
								r := request.Fetch("/token")
								mu.Lock()
								defer mu.Unlock()
								got[r.Body]++
							})
						}
					}
					wg.Wait()
					if len(got) != 1 || one.OP.Refreshes() != cycle+1 {
						t.Fatalf("cycle %d: %d tokens by %d refreshes", cycle, len(got), one.OP.Refreshes())
					}
				}
			})
		})
	}
}

// TestLateRequest: a request that still carries the earlier tokens, because it was sent before the refresh, gets the
// new ones.
func TestLateRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.NewWithTokens(t)
		b := a.Browser()
		b.MustSignIn("alice")
		late := a.Browser()
		late.Jar.SetCookies(testapp.ParseURL(t, testapp.URL), b.Jar.Cookies(testapp.ParseURL(t, testapp.URL)))
		time.Sleep(5 * time.Minute)
		now := b.Fetch("/token").Body
		later := a.Browser()
		later.Jar.SetCookies(testapp.ParseURL(t, testapp.URL), late.Jar.Cookies(testapp.ParseURL(t, testapp.URL)))
		time.Sleep(time.Minute)
		if r := late.Fetch("/token"); r.Body != now || a.OP.Refreshes() != 1 {
			t.Errorf("%d %s after %d refreshes", r.StatusCode, r.Body, a.OP.Refreshes())
		}
		time.Sleep(5 * time.Minute) // the new tokens have expired too
		if r := later.Fetch("/token"); !a.OP.Active(r.Body) || a.OP.Refreshes() != 2 {
			t.Errorf("later: %d %s after %d refreshes", r.StatusCode, r.Body, a.OP.Refreshes())
		}
	})
}

// overtaken lets another request refresh just before it takes the lease.
type overtaken struct {
	*state.Memory
	rival func()
	once  *sync.Once
}

func (o overtaken) Lease(ctx context.Context, key string, ttl time.Duration) (func(context.Context) error,
	bool, error) {
	o.once.Do(o.rival)
	return o.Memory.Lease(ctx, key, ttl)
}

// TestOvertakenRefresh: a request that gets the lease after another one has refreshed does not refresh again. Case 269.
func TestOvertakenRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := state.NewMemory(0)
		var rival func()
		one := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.State = overtaken{shared, func() { rival() }, &sync.Once{}}
		})
		two := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.State, c.Providers[0].Transport = shared,
				one.OP.Transport()
		})
		b := one.Browser()
		b.MustSignIn("alice")
		jar := b.Jar.Cookies(testapp.ParseURL(t, testapp.URL))
		rival = func() {
			other := two.Browser()
			other.Jar.SetCookies(testapp.ParseURL(t, testapp.URL), jar)
			other.Fetch("/token")
		}
		time.Sleep(5 * time.Minute)
		if r := b.Fetch("/token"); r.StatusCode != http.StatusOK || one.OP.Refreshes() != 1 {
			t.Errorf("%d after %d refreshes", r.StatusCode, one.OP.Refreshes())
		}
	})
}

// TestSlowRefresh: during a refresh of nine seconds, no instance presents the refresh token a second time, and waiting
// requests get the result even if the first browser has disconnected. Cases 270, 272.
func TestSlowRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := state.NewMemory(0)
		one := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
		two := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.State, c.Providers[0].Transport = shared,
				one.OP.Transport()
		})
		b := one.Browser()
		b.MustSignIn("alice")
		time.Sleep(5 * time.Minute)
		one.SlowToken(4 * time.Second)
		leaves, leave := context.WithCancel(t.Context())
		one.Engine.GET("/leaves", func(c *gin.Context) {
			c.Request = c.Request.WithContext(leaves)
			if _, err := one.Auth.Token(c); err == nil {
				t.Error("a token for a browser that has left")
			}
		})
		var wg sync.WaitGroup
		wg.Go(func() { b.Fetch("/leaves") })
		synctest.Wait()
		leave()
		for _, a := range []*testapp.App{one, two} {
			wg.Go(func() {
				if r := (&testapp.Browser{App: a, Jar: b.Jar}).Fetch("/token"); r.StatusCode != http.StatusOK {
					t.Errorf("%d %s\n%s", r.StatusCode, r.Body, a.Logs)
				}
			})
		}
		wg.Wait()
		if one.OP.Refreshes() != 1 {
			t.Errorf("%d refreshes", one.OP.Refreshes())
		}
	})
}

// killed is a State whose first lease of a refresh belongs to an instance that was killed and never releases it.
type killed struct {
	*state.Memory
	once *sync.Once
}

func (k killed) Lease(ctx context.Context, key string, ttl time.Duration) (func(context.Context) error, bool, error) {
	if key[0] == 't' {
		k.once.Do(func() { _, _, _ = k.Memory.Lease(ctx, key, ttl) })
	}
	return k.Memory.Lease(ctx, key, ttl)
}

// TestKilledRefresh: other instances wait until the lease of a killed instance expires, but no longer. Case 271.
func TestKilledRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.NewWithTokens(t, func(c *ginoidc.Config,
			_ *fakeop.Config) {
			c.State = killed{state.NewMemory(0), &sync.Once{}}
		})
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(5 * time.Minute)
		if r := b.Fetch("/token"); r.StatusCode != http.StatusServiceUnavailable || b.WhoAmI() != "alice" {
			t.Errorf("while the lease lasts: %d", r.StatusCode)
		}
		if r := b.Fetch("/token"); r.StatusCode != http.StatusOK {
			t.Errorf("afterwards: %d %s", r.StatusCode, r.Body)
		}
	})
}

// TestSignOutDuringRefresh: tokens that a refresh returns after the sign-out are revoked and not kept. Case 170.
func TestSignOutDuringRefresh(t *testing.T) {
	for name, store := range map[string]sessions.Store{"cookies": nil,
		"a store": memstore.NewStore([]byte(testapp.CookieSecret))} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
				b := a.Browser()
				b.MustSignIn("alice")
				time.Sleep(5 * time.Minute)
				fresh := ""
				a.OP.OnRefreshAnswer(func(answer map[string]any) { fresh, _ = answer["access_token"].(string) })
				a.SlowToken(4 * time.Second)
				tab := a.Browser()
				tab.Jar.SetCookies(testapp.ParseURL(t, testapp.URL), b.Jar.Cookies(testapp.ParseURL(t, testapp.URL)))
				var wg sync.WaitGroup
				wg.Go(func() {
					if r := tab.Fetch("/token"); r.StatusCode != http.StatusUnauthorized {
						t.Errorf("the request under way: %d %s", r.StatusCode, r.Body)
					}
				})
				time.Sleep(time.Second)
				b.Do("POST", "/auth/signout", nil)
				wg.Wait()
				if fresh == "" || a.OP.Active(fresh) || tab.WhoAmI() != "" || b.WhoAmI() != "" || len(tab.Cookies()) != 0 {
					t.Errorf("the new token is alive: %t; cookies %v", a.OP.Active(fresh), tab.Cookies())
				}
			})
		})
	}
}

// TestRevocation: a sign-out revokes the tokens at the provider, including those of a refresh whose response this
// browser has not received, and takes at most two seconds for it. Case 171.
func TestRevocation(t *testing.T) {
	for _, does := range []fakeop.Misbehaviour{"", fakeop.Revocation503, fakeop.RevocationSlow} {
		t.Run(string(does), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.NewWithTokens(t)
				b := a.Browser()
				b.MustSignIn("alice")
				old := a.Browser()
				old.Jar.SetCookies(testapp.ParseURL(t, testapp.URL), b.Jar.Cookies(testapp.ParseURL(t, testapp.URL)))
				time.Sleep(5 * time.Minute)
				token := b.Fetch("/token").Body
				if does != "" {
					a.OP.Misbehave(does)
				}
				began := time.Now()
				r := old.Do("POST", "/auth/signout", nil)
				if r.StatusCode != http.StatusSeeOther || b.WhoAmI() != "" || time.Since(began) > 2*time.Second {
					t.Errorf("%d after %v", r.StatusCode, time.Since(began))
				}
				if alive := a.OP.Active(token); alive != (does != "") {
					t.Errorf("the token is alive: %t", alive)
				}
				for _, cookie := range old.Cookies() {
					t.Errorf("cookie %s is left", cookie)
				}
			})
		})
	}
}

// TestClient: a Client sends the user's token, with a DPoP proof if needed, and does not send it to another host.
func TestClient(t *testing.T) {
	for name, dpop := range map[string]bool{"Bearer": false, "DPoP": true} {
		t.Run(name, func(t *testing.T) {
			op := fakeop.Start(t, fakeop.Config{ClientSecret: testapp.ClientSecret, SigningAlg: "ES256",
				AlwaysRefreshToken: true, RequireDPoP: dpop, DPoPNonces: dpop})
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
				p := &c.Providers[0]
				p.Issuer, c.KeepTokens, p.DPoP, p.Transport = op.Issuer(), true, dpop, http.DefaultTransport
			})
			a.OP = op
			elsewhere := 0
			a.Engine.GET("/upstream", func(c *gin.Context) {
				client, err := a.Auth.Client(c)
				if err != nil {
					t.Fatal(err)
				}
				address, err := a.Auth.UserInfoURL(c)
				if err != nil {
					t.Fatal(err)
				}
				r, err := client.Get(address)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Body.Close()
				_, _ = io.Copy(c.Writer, r.Body)
				op.Intercept(fakeop.UserInfo, func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, strings.Replace(op.Issuer(), "127.0.0.1", "localhost", 1)+"/elsewhere", http.StatusFound)
				})
				op.Intercept(fakeop.Elsewhere, func(_ http.ResponseWriter, r *http.Request) {
					if elsewhere++; r.Header.Get("Authorization") != "" || r.Header.Get("DPoP") != "" {
						t.Error("the token went to another host")
					}
				})
				if r, err := client.Get(address); err != nil || r.Body.Close() != nil {
					t.Error(err)
				}
			})
			b := a.Browser()
			b.MustSignIn("alice")
			var claims map[string]any
			if r := b.Fetch("/upstream"); json.Unmarshal([]byte(r.Body), &claims) != nil || claims["sub"] != "alice" ||
				elsewhere != 1 {
				t.Errorf("%d %s, %d calls elsewhere", r.StatusCode, r.Body, elsewhere)
			}
		})
	}
}

// TestClientTrusts the same roots as calls to the provider, and no others.
func TestClientTrusts(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	defer server.Close()
	a := testapp.NewWithTokens(t, func(c *ginoidc.Config, op *fakeop.Config) {
		p := &c.Providers[0]
		p.Issuer, op.Issuer, p.Transport, p.RootCAs = server.URL, server.URL, testapp.Network{}, x509.NewCertPool()
		c.Providers[0].RootCAs.AddCert(server.Certificate())
	})
	server.Config.Handler = a.OP
	stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0)
	stranger.TLS = &tls.Config{Certificates: []tls.Certificate{testapp.SelfSigned(t)}}
	stranger.StartTLS()
	defer stranger.Close()
	a.Engine.GET("/upstream", func(c *gin.Context) {
		client, err := a.Auth.Client(c)
		if err != nil {
			t.Fatal(err)
		}
		r, err := client.Get(server.URL + string(fakeop.UserInfo))
		if err != nil || r.StatusCode != http.StatusOK || r.Body.Close() != nil {
			t.Errorf("%v", err)
		}
		if r, err := client.Get(stranger.URL); err == nil {
			t.Errorf("a stranger was trusted: %d", r.StatusCode)
		}
	})
	b := a.Browser()
	b.MustSignIn("alice")
	if r := b.Fetch("/upstream"); r.StatusCode != http.StatusOK {
		t.Errorf("%d", r.StatusCode)
	}
}

// TestNoToken: each reason why there is no token has its own error.
func TestNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.NewWithTokens(t, func(_ *ginoidc.Config, op *fakeop.Config) { op.AlwaysRefreshToken = false })
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(5 * time.Minute)
		if r := b.Fetch("/token"); r.StatusCode != 401 || r.JSON(t)["error"] != "no_token" || b.WhoAmI() != "alice" {
			t.Errorf("expired, without a refresh token: %d %s", r.StatusCode, r.Body)
		}
		if r := b.Navigate("/token"); r.StatusCode != http.StatusFound || !strings.HasPrefix(r.Location(), "/auth/signin?") {
			t.Errorf("in a browser: %d to %q", r.StatusCode, r.Location())
		}
		a.Engine.POST("/start", func(c *gin.Context) {
			if err := a.Auth.StartSession(c, &ginoidc.User{Subject: "alice"}); err != nil {
				t.Error(err)
			}
		})
		b.Do("POST", "/start", nil)
		if r := b.Fetch("/token"); r.StatusCode != 401 || r.JSON(t)["error"] != "no_token" || b.WhoAmI() != "alice" {
			t.Errorf("of a session without: %d %s", r.StatusCode, r.Body)
		}
		a = testapp.NewWithTokens(t)
		a.Engine.GET("/late", func(c *gin.Context) {
			c.String(http.StatusOK, "written")
			if _, err := a.Auth.Token(c); err == nil { // case 146
				t.Error("a refresh that cannot be kept")
			}
		})
		b = a.Browser()
		b.MustSignIn("alice")
		time.Sleep(5 * time.Minute)
		if b.Fetch("/late"); a.OP.Refreshes() != 0 {
			t.Error("refreshed after the response has started")
		}
		a = testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.KeepTokens = false })
		b = a.Browser()
		b.MustSignIn("alice")
		if r := b.Fetch("/token"); r.StatusCode != 500 || len(b.Cookies()) != 1 {
			t.Errorf("not kept: %d %s, cookies %v", r.StatusCode, r.Body, b.Cookies())
		}
	})
}

// TestRefusedRefreshThatIsNotRemembered: the provider refuses a refresh, but the end of the session cannot be saved.
// The response is 503 and not 401, because the session has not ended.
func TestRefusedRefreshThatIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &readOnlyState{Memory: state.NewMemory(0)}
		a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
		b := a.Browser()
		b.MustSignIn("alice")
		a.OP.Misbehave(fakeop.RefreshInvalidGrant)
		time.Sleep(10 * time.Minute)
		shared.readOnly = true
		if r := b.Fetch("/token"); r.StatusCode != http.StatusServiceUnavailable || b.WhoAmI() != "alice" {
			t.Errorf("%d %s, and %q is signed in", r.StatusCode, r.Body, b.WhoAmI())
		}
		shared.readOnly = false
		if r := b.Fetch("/token"); r.StatusCode != http.StatusUnauthorized || b.WhoAmI() != "" {
			t.Errorf("asked again: %d %s, and %q is signed in", r.StatusCode, r.Body, b.WhoAmI())
		}
	})
}

// TestTransport: a reverse proxy to another API takes the user's token along, and neither the app's cookies nor a token
// that the browser made up.
func TestTransport(t *testing.T) {
	a := testapp.NewWithTokens(t)
	var got http.Header
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		_, _ = io.WriteString(w, "from upstream: "+r.URL.Path)
	}))
	defer upstream.Close()
	target := testapp.ParseURL(t, upstream.URL)
	a.Engine.Any("/things/*path", a.Auth.RequireAuth(), func(c *gin.Context) {
		transport, err := a.Auth.Transport(c)
		if err != nil {
			a.Auth.Deny(c, err)
			return
		}
		proxy := httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Del("Cookie")
		}}
		proxy.ServeHTTP(struct{ http.ResponseWriter }{c.Writer}, c.Request) // a recorder is not an http.CloseNotifier
	})
	b := a.Browser()
	if r := b.Fetch("/things/1"); r.StatusCode != http.StatusUnauthorized || got != nil {
		t.Errorf("nobody: %d", r.StatusCode)
	}
	b.MustSignIn("alice")
	token := b.Fetch("/token").Body
	r := b.Do(http.MethodGet, "/things/1", nil, "Authorization", "Bearer of-the-browser")
	if r.StatusCode != http.StatusOK || r.Body != "from upstream: /things/1" {
		t.Fatalf("%d %s", r.StatusCode, r.Body)
	}
	if got.Get("Authorization") != "Bearer "+token || len(got["Authorization"]) != 1 || got.Get("Cookie") != "" {
		t.Errorf("upstream got %v", got)
	}
}
