package ginoidc_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"reflect"
	"slices"
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

// TestSlowRefresh: during a refresh of eight seconds, of which a new key of the provider takes half, no instance
// presents the refresh token a second time, and waiting requests get the result even if the first browser has
// disconnected. Cases 270, 272.
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
		if err := one.OP.RotateKeys(true); err != nil {
			t.Fatal(err)
		}
		one.SlowToken(4 * time.Second)
		one.Slow(fakeop.JWKS, 4*time.Second)
		start := time.Now()
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
		if took := time.Since(start); one.OP.Refreshes() != 1 || took < 8*time.Second {
			t.Errorf("%d refreshes in %v", one.OP.Refreshes(), took)
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

// meanwhile runs another request after each value that is kept.
type meanwhile struct {
	*state.Memory
	request func()
}

func (m *meanwhile) Keep(ctx context.Context, key, value string, ttl time.Duration) error {
	err := m.Memory.Keep(ctx, key, value, ttl)
	if m.request != nil {
		m.request()
	}
	return err
}

// TestOneTokenForAtAnyMoment: whatever a request on another instance finds of a call that is about to end, it makes
// none of its own.
func TestOneTokenForAtAnyMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &meanwhile{Memory: state.NewMemory(0)}
		one := newForAPIs(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
		two := newForAPIs(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.State, c.Providers[0].Transport = shared.Memory, one.OP.Transport()
		})
		b := one.Browser()
		b.MustSignIn("alice")
		var others []string
		shared.request = func() {
			other := b.Twin()
			other.App = two
			others = append(others, other.Fetch(forAPI(calendar)).Body)
		}
		token := b.Fetch(forAPI(calendar)).Body
		if len(others) < 3 || one.OP.Refreshes() != 1 {
			t.Errorf("%d requests made %d refreshes", len(others)+1, one.OP.Refreshes())
		}
		if slices.ContainsFunc(others, func(other string) bool { return other != token }) {
			t.Error("other requests got another token")
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

// TestTokensAndFailingStores: what a request with a token gets, and what the log says, if the store fails meanwhile.
func TestTokensAndFailingStores(t *testing.T) {
	const notDeleted, notRevoked = "cookies of an ended session not deleted", "tokens not revoked"
	for name, tt := range map[string]struct {
		does    fakeop.Misbehaviour
		happens func(*fadingStore) // while the tokens are refreshed
		path    string
		status  int
		says    string
	}{
		"nothing":                    {"", func(*fadingStore) {}, "/token", 200, ""},
		"the session is lost":        {"", func(s *fadingStore) { s.lost.Store(true) }, "/token", 401, ""},
		"a refusal":                  {fakeop.RefreshInvalidGrant, func(*fadingStore) {}, "/token", 401, ""},
		"a refusal, and not deleted": {fakeop.RefreshInvalidGrant, refuses("ginoidc"), "/token", 401, notDeleted},
		"a sign-out":                 {"", func(*fadingStore) {}, "/auth/signout", 303, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var logged bytes.Buffer
				store := &fadingStore{readOnlyStore: readOnlyStore{Store: memstore.NewStore([]byte(testapp.CookieSecret))}}
				on := false
				a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) {
					c.Store = store
					c.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
					c.State = hooked{state.NewMemory(0), func(_ context.Context, method string) error {
						if on && method == "Lease" {
							tt.happens(store)
						}
						return nil
					}}
				})
				b := a.Browser()
				b.MustSignIn("alice")
				time.Sleep(6 * time.Minute)
				if on = true; tt.does != "" {
					a.OP.Misbehave(tt.does)
				}
				method := map[bool]string{true: http.MethodGet, false: http.MethodPost}[tt.path == "/token"]
				if r := b.Do(method, tt.path, nil); r.StatusCode != tt.status {
					t.Errorf("%d %s\n%s", r.StatusCode, r.Body, logged.String())
				}
				for _, says := range []string{notDeleted, notRevoked} {
					if strings.Contains(logged.String(), says) != (says == tt.says) {
						t.Errorf("%q: %s", says, logged.String())
					}
				}
			})
		})
	}
}

// refuses makes a store save no session whose name ends so.
func refuses(suffix string) func(*fadingStore) {
	return func(s *fadingStore) { s.refuses.Store(suffix) }
}

// TestUserInfoURL: the address is that of the provider of the user, or of the only one.
func TestUserInfoURL(t *testing.T) {
	a := several(t)
	var address string
	var failure error
	a.Engine.GET("/address", func(c *gin.Context) { address, failure = a.Auth.UserInfoURL(c) })
	b := a.Browser()
	b.MustSignInAt("two", "alice")
	if b.Fetch("/address"); failure != nil || !strings.HasPrefix(address, testapp.IssuerOf("two")) {
		t.Errorf("of two: %q, %v", address, failure)
	}
	if a.Browser().Fetch("/address"); failure == nil || address != "" {
		t.Errorf("of nobody: %q", address)
	}
	if address, err := a.Auth.UserInfoURL(t.Context()); err == nil || address != "" {
		t.Errorf("of no request: %q", address)
	}
	one := testapp.New(t)
	if address, err := one.Auth.UserInfoURL(t.Context()); err != nil || !strings.HasPrefix(address, testapp.Issuer) {
		t.Errorf("of the only one: %q, %v", address, err)
	}
	away := testapp.New(t)
	away.OP.Intercept(fakeop.Discovery, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	if _, err := away.Auth.UserInfoURL(t.Context()); !errors.Is(err, ginoidc.ErrProviderUnavailable) {
		t.Errorf("while the provider is away: %v", err)
	}
}

// TestTokensOfNobody: whatever needs a token says why there is none.
func TestTokensOfNobody(t *testing.T) {
	down := false
	a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.State = fallibleState{state.NewMemory(0), &down}
	})
	exchange := ginoidc.TokenRequest{Exchange: true, Audience: "other"}
	for name, call := range map[string]func(*gin.Context) error{
		"Token":     func(c *gin.Context) error { _, err := a.Auth.Token(c); return err },
		"Transport": func(c *gin.Context) error { _, err := a.Auth.Transport(c); return err },
		"ClientFor": func(c *gin.Context) error { _, err := a.Auth.ClientFor(c, ginoidc.TokenRequest{}); return err },
		"exchange":  func(c *gin.Context) error { _, err := a.Auth.TokenFor(c, exchange); return err },
	} {
		var got error
		a.Engine.GET("/"+name, func(c *gin.Context) { got = call(c) })
		start := func(c *gin.Context) {
			if err := a.Auth.StartSession(c, &ginoidc.User{Subject: "carol"}); err != nil {
				t.Error(err)
			}
		}
		a.Engine.GET("/own/"+name, start, func(c *gin.Context) { got = call(c) })
		b := a.Browser()
		b.MustSignIn("alice")
		for path, want := range map[string]error{"/" + name: ginoidc.ErrUnauthenticated, "/own/" + name: ginoidc.ErrNoToken} {
			if a.Browser().Fetch(path); !errors.Is(got, want) {
				t.Errorf("%s: %v", path, got)
			}
		}
		down = true
		if b.Fetch("/" + name); !errors.Is(got, ginoidc.ErrSessionStore) {
			t.Errorf("%s while the state is down: %v", name, got)
		}
		down = false
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
