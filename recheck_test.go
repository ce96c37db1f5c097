package ginoidc_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// newRechecked returns an app that reads users again after five minutes, for up to ten more if the provider does not
// respond. Access tokens last for an hour and there are refresh tokens, unless a change turns them off.
func newRechecked(t testing.TB, change ...testapp.Change) *testapp.App {
	t.Helper()
	return testapp.New(t, append([]testapp.Change{func(c *ginoidc.Config, op *fakeop.Config) {
		c.RecheckEvery, c.RecheckGrace, op.AlwaysRefreshToken = 5*time.Minute, 10*time.Minute, true
	}}, change...)...)
}

// withoutRefreshTokens leaves userinfo as the only way to read a user again.
func withoutRefreshTokens(_ *ginoidc.Config, op *fakeop.Config) { op.AlwaysRefreshToken = false }

func skipUserInfo(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].SkipUserInfo = true }

// asMember makes alice a member of these groups at the provider.
func asMember(a *testapp.App, groups ...string) {
	a.OP.AddUser(fakeop.User{Subject: "alice", Name: "Alice Archer", Groups: groups})
}

// TestRecheckedGroups: a group that the provider has taken away or given counts from RecheckEvery on, not earlier,
// whichever way the user is read again, also with the cookies from before. An absent claim means no groups. Each change
// is an event. Cases 202, 340, 346.
func TestRecheckedGroups(t *testing.T) {
	secret := []byte(testapp.CookieSecret)
	for name, tt := range map[string]struct {
		change    testapp.Change
		refreshes int // by three checks
	}{
		"refresh":                  {func(*ginoidc.Config, *fakeop.Config) {}, 3},
		"refresh without userinfo": {skipUserInfo, 3},
		"refresh, tokens kept":     {func(c *ginoidc.Config, _ *fakeop.Config) { c.KeepTokens = true }, 3},
		"refresh, session on a server": {
			func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = memstore.NewStore(secret) }, 3,
		},
		"refresh, groups in userinfo": {func(_ *ginoidc.Config, op *fakeop.Config) { op.GroupsInUserInfoOnly = true }, 3},
		"userinfo":                    {withoutRefreshTokens, 0},
		"userinfo, session on a server": {
			func(c *ginoidc.Config, op *fakeop.Config) {
				c.Store, op.AlwaysRefreshToken = memstore.NewStore(secret), false
			}, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				a := newRechecked(t, tt.change, func(c *ginoidc.Config, _ *fakeop.Config) { c.OnEvent = r.receive })
				b := a.Browser()
				b.MustSignIn("alice")
				for _, step := range []struct {
					groups       []string
					gained, lost string
					status       int
				}{
					{nil, "", "[admin audit staff]", http.StatusForbidden},
					{[]string{"admin", "root"}, "[admin root]", "", http.StatusOK},
					{[]string{"root"}, "", "[admin]", http.StatusForbidden},
				} {
					asMember(a, step.groups...)
					copied := b.Twin()
					time.Sleep(5 * time.Minute)
					before := b.Fetch("/admin").StatusCode
					r.take()
					time.Sleep(time.Second)
					for range 2 { // the second request has the result of the first in its cookie
						if now := b.Fetch("/admin").StatusCode; now != step.status || before == now {
							t.Fatalf("%v: %d, and %d before\n%s", step.groups, now, before, a.Logs)
						}
					}
					if status := copied.Fetch("/admin").StatusCode; status != step.status {
						t.Errorf("%v: %d with the cookies from before", step.groups, status)
					}
					checkChange(t, r.take(), step.gained, step.lost)
				}
				if a.OP.Refreshes() != tt.refreshes {
					t.Errorf("%d refreshes", a.OP.Refreshes())
				}
			})
		})
	}
}

// checkChange fails the test unless one event tells which groups were gained and lost.
func checkChange(t *testing.T, events []ginoidc.Event, gained, lost string) {
	t.Helper()
	told := 0
	for _, e := range events {
		if e.Name != ginoidc.EventMembershipsChanged {
			continue
		}
		told++
		attrs := map[string]string{}
		for _, attr := range e.Attrs {
			attrs[attr.Key] = fmt.Sprint(attr.Value.Any())
		}
		if e.Subject != "alice" || attrs["groups_gained"] != gained || attrs["groups_lost"] != lost {
			t.Errorf("%s: %v", e.Subject, attrs)
		}
	}
	if told != 1 {
		t.Errorf("%d events: %s", told, summary(events))
	}
}

// dexRefuses is Dex's response to a refresh token that has expired or was revoked.
const dexRefuses fakeop.Misbehaviour = "invalid_request"

// TestRecheckRefused: a user whom the provider or the app refuses is signed out, with all copies of the session, and
// tokens that are still valid are revoked. Cases 340, 342.
func TestRecheckRefused(t *testing.T) {
	none := func(*ginoidc.Config, *fakeop.Config) {}
	forbids := func(c *ginoidc.Config, _ *fakeop.Config) {
		c.OnSignIn = func(_ context.Context, s *ginoidc.PendingSignIn) error {
			if s.Recheck {
				return fmt.Errorf("disabled")
			}
			return nil
		}
	}
	for name, tt := range map[string]struct {
		change testapp.Change
		does   fakeop.Misbehaviour
	}{
		"refresh refused":          {none, fakeop.RefreshInvalidGrant},
		"refusal as Dex has it":    {none, dexRefuses},
		"another issuer":           {none, fakeop.RefreshInvalidIssuer},
		"another user":             {none, fakeop.RefreshInvalidSub},
		"another client":           {none, fakeop.RefreshInvalidAud},
		"a forged ID token":        {none, fakeop.RefreshInvalidSig},
		"another sign-in's nonce":  {none, fakeop.NonceInvalid},
		"access token refused":     {none, fakeop.UserInfo401},
		"userinfo of another user": {none, fakeop.UserInfoInvalidSub},
		"the same, no refresh":     {withoutRefreshTokens, fakeop.UserInfo401},
		"OnSignIn":                 {forbids, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				a := newRechecked(t, tt.change, func(c *ginoidc.Config, _ *fakeop.Config) { c.OnEvent = r.receive })
				token := ""
				a.OP.OnTokenAnswer(func(answer map[string]any) { token, _ = answer["access_token"].(string) })
				b := a.Browser()
				b.MustSignIn("alice")
				copied := b.Twin()
				switch tt.does {
				case "":
				case dexRefuses:
					a.OP.Intercept(fakeop.Token, func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Content-Type", "application/json")
						w.WriteHeader(http.StatusBadRequest)
						_, _ = w.Write([]byte(`{"error":"invalid_request"}`))
					})
				default:
					a.OP.Misbehave(tt.does)
				}
				time.Sleep(due)
				r.take()
				if answer := b.Fetch("/me"); answer.StatusCode != http.StatusUnauthorized {
					t.Fatalf("%d %s\n%s", answer.StatusCode, answer.Body, a.Logs)
				}
				told := summary(r.take())
				for _, want := range []string{"recheck_refused alice", "session_ended alice"} {
					if strings.Count(told, want) != 1 {
						t.Errorf("%s: want one %q", told, want)
					}
				}
				if !strings.Contains(told, string(ginoidc.EndedByRecheck)) {
					t.Errorf("no reason: %s", told)
				}
				a.OP.Misbehave()
				if revocable := name == "OnSignIn" || name == "access token refused"; revocable && a.OP.Active(token) {
					t.Error("the tokens are not revoked")
				}
				if copied.WhoAmI() != "" || b.WhoAmI() != "" {
					t.Error("a copy of the cookie is signed in")
				}
			})
		})
	}
}

// TestRecheckDuringOutage: while the provider does not respond, a session is used until the grace ends. After that
// requests get 503 until the provider responds again, and nobody has to sign in. Cases 344, 345.
func TestRecheckDuringOutage(t *testing.T) {
	for name, tt := range map[string]struct {
		does  fakeop.Misbehaviour
		store sessions.Store
	}{
		"refused connections":  {fakeop.Refresh503, nil},
		"no response":          {fakeop.RefreshSlow, nil},
		"userinfo is nonsense": {fakeop.UserInfoNull, nil},
		"a store":              {fakeop.Refresh503, memstore.NewStore([]byte(testapp.CookieSecret))},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store, c.OnEvent = tt.store, r.receive })
				b := a.Browser()
				b.MustSignIn("alice")
				began := time.Now()
				asMember(a)
				a.OP.Misbehave(tt.does)
				checks := 0
				for time.Since(began) < 16*time.Minute {
					want := http.StatusOK
					if time.Since(began) > 15*time.Minute {
						want = http.StatusServiceUnavailable
					}
					sent := time.Now()
					answer := b.Fetch("/admin")
					crossed := sent.Sub(began) <= 15*time.Minute && time.Since(began) > 15*time.Minute
					if answer.StatusCode != want && !crossed {
						t.Fatalf("%d after %s, want %d", answer.StatusCode, sent.Sub(began), want)
					}
					if want != http.StatusOK && answer.Header.Get("Retry-After") == "" {
						t.Error("no Retry-After")
					}
					checks += strings.Count(summary(r.take()), "recheck_failed")
					time.Sleep(2 * time.Second)
				}
				if checks < 25 || checks > 95 { // in eleven minutes: as the provider asks, or every ten seconds
					t.Errorf("%d failed checks", checks)
				}
				a.OP.Misbehave()
				time.Sleep(11 * time.Second)
				if status := b.Fetch("/admin").StatusCode; status != http.StatusForbidden || b.WhoAmI() != "alice" {
					t.Errorf("%d afterwards\n%s", status, a.Logs)
				}
			})
		})
	}
}

// TestOneRecheck: a hundred concurrent requests on each of two instances make one check. The provider rotates refresh
// tokens and ends the grant if one is replayed. Case 345.
func TestOneRecheck(t *testing.T) {
	for name, store := range map[string]sessions.Store{
		"cookies": nil, "a store": memstore.NewStore([]byte(testapp.CookieSecret)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared := state.NewMemory(0)
				one := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State, c.Store = shared, store })
				two := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) {
					c.State, c.Store, c.Providers[0].Transport = shared, store, one.OP.Transport()
				})
				b := one.Browser()
				b.MustSignIn("alice")
				one.SlowToken(time.Second)
				for cycle := range 5 {
					time.Sleep(5*time.Minute + time.Second)
					asMember(one, map[bool]string{true: "admin", false: "staff"}[cycle%2 == 1])
					var wg sync.WaitGroup
					var mu sync.Mutex
					statuses := map[int]int{}
					for _, a := range []*testapp.App{one, two} {
						for range 100 {
							request := &testapp.Browser{App: a, Jar: b.Jar}
							wg.Go(func() {
								r := request.Fetch("/auth/userinfo")
								mu.Lock()
								defer mu.Unlock()
								statuses[r.StatusCode]++
								if strings.Contains(r.Body, "admin") != (cycle%2 == 1) {
									t.Errorf("cycle %d: %s", cycle, r.Body)
								}
							})
						}
					}
					wg.Wait()
					if statuses[http.StatusOK] != 200 || one.OP.Refreshes() != cycle+1 {
						t.Fatalf("cycle %d: %v by %d refreshes\n%s", cycle, statuses, one.OP.Refreshes(), one.Logs)
					}
				}
			})
		})
	}
}
