package blackbox_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestKeyFlood: ten thousand logout tokens with made-up keys in an hour cause at most one fetch of the provider's keys
// per minute, and do not prevent sign-ins with a new key. Cases 119, 190, 256.
func TestKeyFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		a.Browser().MustSignIn("alice")
		stranger, err := fakeop.New(fakeop.Config{Issuer: "https://idp.example", ClientSecret: testapp.ClientSecret,
			SigningAlg: "ES256"})
		if err != nil {
			t.Fatal(err)
		}
		before := a.OP.Count(fakeop.JWKS)
		for sent := range 10_000 {
			if err := stranger.RotateKeys(false); err != nil {
				t.Fatal(err)
			}
			token, err := stranger.LogoutToken("alice", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			if r := a.PostBackChannel("logout_token=" + token); r.StatusCode != http.StatusBadRequest {
				t.Fatalf("forged token %d: %d", sent, r.StatusCode)
			}
			if sent%2_500 == 0 { // meanwhile the provider rotates its key and signs with the new one at once
				if err := a.OP.RotateKeys(false); err != nil {
					t.Fatal(err)
				}
				a.Browser().MustSignIn("alice")
			}
			time.Sleep(time.Hour / 10_000)
		}
		if n := a.OP.Count(fakeop.JWKS) - before; n > 60+4+1 { // and those of the sign-ins and the hourly one
			t.Errorf("%d fetches of keys in an hour", n)
		}
	})
}

// TestProviderAway: the provider is down for ten minutes. Signed-in users are not affected. Sign-ins get 503 with
// Retry-After, and work again within 15 seconds of the provider's return, with or without a restart. Cases 116, 240,
// 242, 297.
func TestProviderAway(t *testing.T) {
	endpoints := []fakeop.Endpoint{fakeop.Discovery, fakeop.JWKS, fakeop.Token, fakeop.UserInfo}
	gone := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	for name, known := range map[string]bool{"known before": true, "never seen": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t)
				b := a.Browser()
				if known {
					b.MustSignIn("alice")
				}
				for _, e := range endpoints {
					a.OP.Intercept(e, gone)
				}
				waiting := a.Browser()
				for range 60 {
					if known {
						if b.WhoAmI() != "alice" {
							t.Fatal("signed out while the provider is away")
						}
						callback := waiting.Start("/auth/signin", "alice")
						if r := waiting.Navigate(callback); r.StatusCode != http.StatusServiceUnavailable ||
							r.Header.Get("Retry-After") == "" {
							t.Fatalf("callback: %d", r.StatusCode)
						}
					} else if r := waiting.Navigate("/auth/signin"); r.StatusCode != http.StatusServiceUnavailable ||
						r.Header.Get("Retry-After") == "" {
						t.Fatalf("sign-in: %d", r.StatusCode)
					}
					time.Sleep(10 * time.Second)
				}
				for _, e := range endpoints {
					a.OP.Intercept(e, nil)
				}
				back := time.Now()
				for waiting.Navigate("/auth/signin").StatusCode != http.StatusFound && time.Since(back) < time.Minute {
					time.Sleep(time.Second)
				}
				if waited := time.Since(back); waited > 15*time.Second {
					t.Errorf("sign-in works %v after the provider's return", waited)
				}
				waiting.MustSignIn("alice")
			})
		})
	}
}

// TestProviderMoves: new endpoints and withdrawn keys take effect within an hour of use, without a restart. Sessions
// are not affected. Cases 257, 259.
func TestProviderMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		b := a.Browser()
		b.MustSignIn("alice")
		a.OP.OnDiscovery(func(doc map[string]any) {
			doc["authorization_endpoint"] = "https://idp.example/authorize?moved=1"
		})
		if err := a.OP.RotateKeys(false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		a.Browser().Navigate("/auth/signin") // is served from the cached copy and triggers a fetch
		synctest.Wait()
		r := a.Browser().Navigate("/auth/signin")
		if !testapp.ParseURL(t, r.Location()).Query().Has("moved") {
			t.Errorf("an hour later: %s", r.Location())
		}
		a.Browser().MustSignIn("alice") // under the new key
		if b.WhoAmI() != "alice" {
			t.Error("the session of before is gone")
		}
	})
}

// slowTransport takes four seconds for each call.
type slowTransport struct{ to func() http.RoundTripper }

func (s slowTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-time.After(4 * time.Second):
		return s.to().RoundTrip(r)
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}

// TestCallbackLimit: calls that are each within their limit may together take too long. The whole callback is bounded
// by ten seconds.
func TestCallbackLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a *testapp.App
		a = testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers[0].Transport = slowTransport{func() http.RoundTripper { return a.OP.Transport() }}
		})
		b := a.Browser()
		callback := b.Start("/auth/signin", "alice")
		began := time.Now()
		if r := b.Navigate(callback); r.StatusCode != http.StatusServiceUnavailable || time.Since(began) != 10*time.Second {
			t.Errorf("%d after %v", r.StatusCode, time.Since(began)) // token, keys and userinfo would take twelve
		}
	})
}
