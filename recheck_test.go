package ginoidc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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
const dexRefuses fakeop.Misbehaviour = "Refresh token is invalid or has already been claimed by another client."

// refusesRequests makes the provider respond to refreshes with invalid_request and this description.
func refusesRequests(a *testapp.App, description string) {
	a.OP.Intercept(fakeop.Token, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"error":"invalid_request","error_description":%q}`, description)
	})
}

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
					refusesRequests(a, string(tt.does))
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

// TestRecheckInvalidRequest: a provider that takes the requests of this client for malformed says nothing about the
// user. Otherwise one change there would sign out everybody.
func TestRecheckInvalidRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.OnEvent = r.receive })
		b := a.Browser()
		b.MustSignIn("alice")
		refusesRequests(a, "a parameter is missing: no token was looked at")
		time.Sleep(due)
		r.take()
		if answer := b.Fetch("/me"); answer.StatusCode != http.StatusOK {
			t.Errorf("%d %s", answer.StatusCode, answer.Body)
		}
		if told := summary(r.take()); !strings.Contains(told, "recheck_failed") || strings.Contains(told, "session_ended") {
			t.Error(told)
		}
		a.OP.Intercept(fakeop.Token, nil)
		time.Sleep(11 * time.Second)
		if answer := b.Fetch("/me"); answer.StatusCode != http.StatusOK {
			t.Errorf("afterwards: %d %s", answer.StatusCode, answer.Body)
		}
	})
}

// TestRecheckHookPanics: tokens of a user who may no longer sign in are revoked, also if OnSessionEnd panics.
func TestRecheckHookPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.OnSignIn = func(_ context.Context, s *ginoidc.PendingSignIn) error {
				if s.Recheck {
					return fmt.Errorf("disabled")
				}
				return nil
			}
			c.OnSessionEnd = func(context.Context, ginoidc.SessionEnd) { panic("a fault of the app") }
		})
		token := ""
		a.OP.OnTokenAnswer(func(answer map[string]any) { token, _ = answer["access_token"].(string) })
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(due)
		b.Fetch("/me")
		if a.OP.Active(token) {
			t.Error("the tokens are not revoked")
		}
		if b.WhoAmI() != "" {
			t.Error("still signed in")
		}
	})
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

// TestRecheckInBackground: within the grace, requests go on with what is known while one check is under way. After it
// they wait for the check.
func TestRecheckInBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.RecheckInBackground = true })
		b := a.Browser()
		b.MustSignIn("alice")
		asMember(a)
		a.SlowToken(2 * time.Second)
		time.Sleep(due)
		for range 3 {
			began := time.Now()
			if status := b.Fetch("/admin").StatusCode; status != http.StatusOK || time.Since(began) > 0 {
				t.Errorf("at first: %d after %s", status, time.Since(began))
			}
		}
		time.Sleep(2100 * time.Millisecond)
		if status := b.Fetch("/admin").StatusCode; status != http.StatusForbidden || a.OP.Refreshes() != 1 {
			t.Errorf("after the check: %d, %d refreshes\n%s", status, a.OP.Refreshes(), a.Logs)
		}
		asMember(a, "admin")
		time.Sleep(16 * time.Minute)
		if status := b.Fetch("/admin").StatusCode; status != http.StatusOK {
			t.Errorf("after the grace: %d", status)
		}
	})
}

// TestRecheckInBackgroundWithoutHeaders: a handler may change the headers of its request while the check is made.
func TestRecheckInBackgroundWithoutHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowLease{Memory: state.NewMemory(0)}
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.RecheckInBackground, c.State = true, slow })
		a.Engine.GET("/proxy", func(c *gin.Context) {
			ginoidc.UserFrom(c)
			c.Request.Header.Del("Cookie")
		})
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(due)
		slow.wait = time.Second
		b.Fetch("/proxy")
		time.Sleep(5 * time.Second)
		if b.WhoAmI() != "alice" || a.OP.Refreshes() != 1 {
			t.Errorf("%q after %d refreshes\n%s", b.WhoAmI(), a.OP.Refreshes(), a.Logs)
		}
	})
}

// slowLease takes its time for a lease.
type slowLease struct {
	*state.Memory
	wait time.Duration
}

func (s *slowLease) Lease(
	ctx context.Context, key string, ttl time.Duration,
) (func(context.Context) error, bool, error) {
	time.Sleep(s.wait)
	return s.Memory.Lease(ctx, key, ttl)
}

// TestSlowRecheck: a request waits for a check no longer than Provider.Timeout, and the check continues when its
// browser has disconnected.
func TestSlowRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t)
		leaves, leave := context.WithCancel(t.Context())
		a.Engine.GET("/leaves", func(c *gin.Context) {
			c.Request = c.Request.WithContext(leaves)
			ginoidc.UserFrom(c)
		})
		b := a.Browser()
		b.MustSignIn("alice")
		asMember(a)
		time.Sleep(due)
		slowUserInfo(a)
		a.SlowToken(4 * time.Second)
		go b.Fetch("/leaves")
		synctest.Wait()
		leave()
		began := time.Now()
		if status := b.Twin().Fetch("/admin").StatusCode; status != http.StatusOK || time.Since(began) != 5*time.Second {
			t.Errorf("%d after %s", status, time.Since(began))
		}
		if status := b.Twin().Fetch("/admin").StatusCode; status != http.StatusForbidden || a.OP.Refreshes() != 1 {
			t.Errorf("%d with the result, %d refreshes\n%s", status, a.OP.Refreshes(), a.Logs)
		}
	})
}

// TestSignOutWithoutRecheck: sign-out and a new sign-in need no check, so they also end a session that the provider
// cannot confirm, and its tokens are revoked.
func TestSignOutWithoutRecheck(t *testing.T) {
	for name, leave := range map[string]func(*testapp.Browser){
		"sign-out":       func(b *testapp.Browser) { b.Do(http.MethodPost, "/auth/signout", nil) },
		"sign-out later": func(b *testapp.Browser) { b.WhoAmI(); b.Do(http.MethodPost, "/auth/signout", nil) },
		"EndSession":     func(b *testapp.Browser) { b.Do(http.MethodPost, "/leave", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var token string
				a := newRechecked(t)
				a.Engine.POST("/leave", func(c *gin.Context) {
					if _, ok := ginoidc.UserFrom(c); ok {
						t.Error("the user is not confirmed")
					}
					if err := a.Auth.EndSession(c); err != nil {
						t.Error(err)
					}
				})
				a.OP.OnTokenAnswer(func(answer map[string]any) { token, _ = answer["access_token"].(string) })
				b := a.Browser()
				b.MustSignIn("alice")
				copied := b.Twin()
				time.Sleep(16 * time.Minute)
				a.OP.Misbehave(fakeop.Refresh503)
				if status := b.Twin().Fetch("/me").StatusCode; status != http.StatusServiceUnavailable {
					t.Errorf("%d", status)
				}
				leave(b)
				a.OP.Misbehave()
				time.Sleep(time.Minute)
				if copied.WhoAmI() != "" || len(b.Cookies()) != 0 || token == "" || a.OP.Active(token) {
					t.Errorf("cookies %v, token active %t\n%s", b.Cookies(), a.OP.Active(token), a.Logs)
				}
			})
		})
	}
}

// TestRecheckAndTokens: checks and Token share one refresh token, which the provider rotates, and neither uses one
// twice. Without KeepTokens the app gets no token.
func TestRecheckAndTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		every := func(c *ginoidc.Config, _ *fakeop.Config) { c.RecheckEvery = 2 * time.Minute }
		a := testapp.NewWithTokens(t, every)
		b := a.Browser()
		b.MustSignIn("alice")
		for n := range 20 {
			time.Sleep(time.Duration(n) * 20 * time.Second)
			copied := b.Twin()
			var wg sync.WaitGroup
			for _, path := range []string{"/token", "/me", "/token"} {
				wg.Go(func() {
					if r := copied.Fetch(path); r.StatusCode != http.StatusOK {
						t.Errorf("%d: %s %d %s\n%s", n, path, r.StatusCode, r.Body, a.Logs)
					}
				})
			}
			wg.Wait()
			if r := b.Fetch("/token"); !a.OP.Active(r.Body) {
				t.Errorf("%d: %s is not active", n, r.Body)
			}
		}
		without := newRechecked(t)
		without.Engine.GET("/token", func(c *gin.Context) {
			if token, err := without.Auth.Token(c); token != nil || err == nil {
				t.Errorf("%v, %v", token, err)
			}
		})
		b = without.Browser()
		b.MustSignIn("alice")
		b.Fetch("/token")
	})
}

// TestRecheckAfterTheResponse: a handler that asks for the user only after it has written gets the result too. The
// session cannot keep it any longer, but the next request takes it from the state.
func TestRecheckAfterTheResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t)
		a.Engine.GET("/late", func(c *gin.Context) {
			c.String(http.StatusOK, "late ")
			c.Writer.Flush()
			u, _ := ginoidc.UserFrom(c)
			c.String(http.StatusOK, strings.Join(u.Groups, " "))
		})
		b := a.Browser()
		b.MustSignIn("alice")
		asMember(a, "root")
		time.Sleep(due)
		for range 2 {
			if r := b.Fetch("/late"); r.Body != "late root" || len(r.Header["Set-Cookie"]) != 0 || a.OP.Refreshes() != 1 {
				t.Errorf("%s, cookies %v, %d refreshes", r.Body, r.Header["Set-Cookie"], a.OP.Refreshes())
			}
		}
	})
}

// TestRecheckOfManyGroups: a user who is too large for the shared state is read by each request itself, and the tokens
// of a check are not lost.
func TestRecheckOfManyGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.RecheckInBackground = true })
		groups := []string{"admin"}
		for n := range 400 {
			groups = append(groups, strings.Repeat(string(rune('a'+n%26)), 30)+strings.Repeat("x", n/26))
		}
		b := a.Browser()
		b.MustSignIn("alice")
		asMember(a, groups...)
		for n := range 3 {
			time.Sleep(due)
			copied := b.Twin()
			b.Fetch("/me") // in the background
			synctest.Wait()
			for _, browser := range []*testapp.Browser{b, copied} {
				if r := browser.Fetch("/me"); r.StatusCode != http.StatusOK || !strings.Contains(r.Body, groups[400]) {
					t.Fatalf("%d: %d, %d bytes\n%.3000s", n, r.StatusCode, len(r.Body), a.Logs)
				}
			}
		}
		if !strings.Contains(a.Logs.String(), "not shared") {
			t.Errorf("no warning\n%.3000s", a.Logs)
		}
	})
}

// brokenKept is a State that cannot say what a check has found.
type brokenKept struct{ *state.Memory }

func (b brokenKept) Kept(ctx context.Context, key string) (string, bool, error) {
	if key[0] == 'k' {
		return "", false, errors.New("down")
	}
	return b.Memory.Kept(ctx, key)
}

// TestRecheckWithoutState: if the state cannot respond, a due session is 503, as every session is then.
func TestRecheckWithoutState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = brokenKept{state.NewMemory(0)} })
		b := a.Browser()
		b.MustSignIn("alice")
		if b.WhoAmI() != "alice" {
			t.Error("a session that is not due needs no check")
		}
		time.Sleep(due)
		if r := b.Fetch("/me"); r.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%d %s", r.StatusCode, r.Body)
		}
	})
}

// TestRecheckKeepsTokens: the session keeps tokens that a check has refreshed, also if the check failed afterwards.
// With the earlier ones, the provider would revoke the grant after what is shared has expired.
func TestRecheckKeepsTokens(t *testing.T) {
	for name, does := range map[string][]fakeop.Misbehaviour{
		"a check": nil, "a check that failed": {fakeop.UserInfoNull},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newRechecked(t)
				b := a.Browser()
				b.MustSignIn("alice")
				time.Sleep(due)
				a.OP.Misbehave(does...)
				b.Fetch("/me")
				a.OP.Misbehave()
				time.Sleep(3 * time.Hour)
				if r := b.Fetch("/me"); r.StatusCode != http.StatusOK || a.OP.Refreshes() != 2 {
					t.Errorf("%d %s after %d refreshes\n%s", r.StatusCode, r.Body, a.OP.Refreshes(), a.Logs)
				}
			})
		})
	}
}

// slowUserInfo makes userinfo respond after three seconds.
func slowUserInfo(a *testapp.App) {
	a.OP.Intercept(fakeop.UserInfo, func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(3 * time.Second)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"sub":"alice"}`))
	})
}

// TestSignOutDuringRecheck: a request that waits for a check while the user signs out is 401, and its response sets no
// session again.
func TestSignOutDuringRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t)
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(due)
		slowUserInfo(a)
		tab := b.Twin()
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if r := tab.Fetch("/me"); r.StatusCode != http.StatusUnauthorized {
				t.Errorf("%d %s", r.StatusCode, r.Body)
			}
		})
		time.Sleep(time.Second)
		b.Do(http.MethodPost, "/auth/signout", nil)
		waiting.Wait()
		a.OP.Intercept(fakeop.UserInfo, nil)
		if tab.WhoAmI() != "" || b.WhoAmI() != "" {
			t.Error("somebody is signed in")
		}
	})
}

// TestUpdateDuringRecheck: what the app changes in the session during a check is not lost, and neither is what the
// check has found.
func TestUpdateDuringRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.RecheckInBackground = true
			c.OnSignIn = func(_ context.Context, s *ginoidc.PendingSignIn) error {
				if !s.Recheck {
					s.User.Data = []byte("0")
				}
				return nil
			}
		})
		a.Engine.POST("/data", func(c *gin.Context) {
			change := func(u *ginoidc.User) error { u.Data = []byte("1"); return nil }
			if err := a.Auth.UpdateSession(c, change); err != nil {
				t.Error(err)
			}
		})
		a.Engine.GET("/data", func(c *gin.Context) {
			if u, ok := ginoidc.UserFrom(c); ok {
				c.String(http.StatusOK, "%s %s", u.Data, u.Groups)
			}
		})
		b := a.Browser()
		b.MustSignIn("alice")
		asMember(a, "root")
		time.Sleep(due)
		slowUserInfo(a)
		b.Fetch("/me") // starts the check
		time.Sleep(time.Second)
		b.Do(http.MethodPost, "/data", nil)
		time.Sleep(3 * time.Second)
		if r := b.Fetch("/data"); r.Body != "1 [root]" {
			t.Errorf("got %s\n%s", r.Body, a.Logs)
		}
	})
}

// due is just above the RecheckEvery of newRechecked.
const due = 5*time.Minute + time.Second

// TestRecheckResolver: the resolver's groups count, also for a session that the app started, which OnSignIn has never
// seen. It never sees what it returned before. Its failure is an outage.
func TestRecheckResolver(t *testing.T) {
	for _, byApp := range []bool{false, true} {
		t.Run(fmt.Sprint("by the app ", byApp), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var groups []string
				var failure error
				a := newRechecked(t, withoutRefreshTokens, func(c *ginoidc.Config, op *fakeop.Config) {
					op.TokenLife = time.Minute
					c.OnSignIn = func(context.Context, *ginoidc.PendingSignIn) error {
						if byApp {
							t.Error("OnSignIn was called")
						}
						return nil
					}
					c.Providers[0].GroupsResolver = func(_ context.Context, u *ginoidc.User, _ string) ([]string, error) {
						if slices.Contains(u.Groups, "resolved") {
							t.Error("the resolver got its own groups")
						}
						return groups, failure
					}
				})
				startAs(a, "carol")
				b := a.Browser()
				groups = []string{"admin", "resolved"}
				if byApp {
					b.Fetch("/start")
					time.Sleep(due)
				} else {
					b.MustSignIn("carol")
				}
				if status := b.Fetch("/admin").StatusCode; status != http.StatusOK {
					t.Fatalf("%d\n%s", status, a.Logs)
				}
				groups = []string{"resolved"}
				time.Sleep(due)
				if status := b.Fetch("/admin").StatusCode; status != http.StatusForbidden {
					t.Errorf("after the loss of a group: %d", status)
				}
				failure = errors.New("directory down")
				time.Sleep(due)
				if status := b.Fetch("/admin").StatusCode; status != http.StatusForbidden {
					t.Errorf("in the grace: %d", status)
				}
				time.Sleep(10 * time.Minute)
				if status := b.Fetch("/admin").StatusCode; status != http.StatusServiceUnavailable {
					t.Errorf("after the grace: %d", status)
				}
			})
		})
	}
}

// startAs adds a route at which the app starts a session itself.
func startAs(a *testapp.App, subject string) {
	a.Engine.GET("/start", func(c *gin.Context) {
		if err := a.Auth.StartSession(c, &ginoidc.User{Subject: subject, Groups: []string{"staff"}}); err != nil {
			a.T.Error(err)
		}
	})
}

// TestRecheckNeedsASource: a session of which nothing can be read again ends, unless the app started it: there the
// provider has never said anything. Case 341.
func TestRecheckNeedsASource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t, withoutRefreshTokens, func(_ *ginoidc.Config, op *fakeop.Config) { op.TokenLife = time.Minute })
		startAs(a, "carol")
		own, b := a.Browser(), a.Browser()
		own.Fetch("/start")
		b.MustSignIn("alice")
		time.Sleep(due)
		if own.WhoAmI() != "carol" || b.WhoAmI() != "" {
			t.Errorf("own %q, signed in %q", own.WhoAmI(), b.WhoAmI())
		}
	})
}

// TestRecheckedHook: OnSignIn sees the claims as they are and the Data of the session, and may change the latter. An
// error that leaves open whether the user may sign in is an outage.
func TestRecheckedHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failure error
		seen := []string{}
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.AppState = func(*gin.Context) (string, error) { return "state", nil }
			c.OnSignIn = func(_ context.Context, s *ginoidc.PendingSignIn) error {
				seen = append(seen, fmt.Sprintln(s.Recheck, s.User.Groups, string(s.User.Data), s.AppState != "",
					s.Request != nil, s.AccessToken != ""))
				s.User.Data = []byte(fmt.Sprintf(`%d`, len(seen)))
				return failure
			}
		})
		a.Engine.GET("/data", func(c *gin.Context) {
			if u, ok := ginoidc.UserFrom(c); ok {
				c.String(http.StatusOK, string(u.Data))
			}
		})
		b := a.Browser()
		b.MustSignIn("alice")
		asMember(a, "a")
		time.Sleep(due)
		if data := b.Fetch("/data").Body; data != "2" {
			t.Errorf("data %s\n%s", data, a.Logs)
		}
		for _, failure = range []error{
			fmt.Errorf("directory: %w", ginoidc.ErrProviderUnavailable), fmt.Errorf("database: %w", ginoidc.ErrSessionStore),
		} {
			time.Sleep(due)
			if data := b.Fetch("/data").Body; data != "2" {
				t.Errorf("data %s after %v\n%s", data, failure, a.Logs)
			}
		}
		want := []string{
			"false [admin audit staff]  true true true\n", "true [a] 1 false false true\n",
			"true [a] 2 false false true\n", "true [a] 2 false false true\n",
		}
		if !slices.Equal(seen, want) {
			t.Errorf("got %q\nwant %q", seen, want)
		}
	})
}

// TestRecheckProvesNothing: a check replaces the profile and the end that the provider sets. It never raises what the
// sign-in proved: a new ID token does not mean that the user was there. Case 343.
func TestRecheckProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t)
		a.Engine.GET("/user", func(c *gin.Context) {
			u, ok := ginoidc.UserFrom(c)
			if !ok {
				c.String(http.StatusOK, "nobody")
				return
			}
			c.String(http.StatusOK, "%s %s %s %s %s", u.Name, u.ACR, u.AMR, time.Since(u.AuthTime), u.Extra)
		})
		edit := map[string]any{"acr": "low", "amr": []any{"pwd"}, "auth_time": time.Now().Unix(), "plan": "free"}
		a.OP.OnIDToken(func(claims map[string]any) {
			for name, value := range edit {
				claims[name] = value
			}
		})
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(due)
		edit = map[string]any{
			"acr": "gold", "amr": []any{"hwk"}, "auth_time": time.Now().Unix(), "plan": "paid", "name": "Alice Brown",
			"session_expiry": time.Now().Add(time.Minute).Unix(),
		}
		if got := b.Fetch("/user").Body; got != `Alice Brown low [pwd] 5m1s {"plan":"paid"}` {
			t.Errorf("got %s", got)
		}
		time.Sleep(time.Minute + time.Second)
		if got := b.Fetch("/user").Body; got != "nobody" {
			t.Errorf("after session_expiry: %s", got)
		}
	})
}

// TestRecheckSessionExpiry: a session_expiry that has passed, or cannot be read, ends the session.
func TestRecheckSessionExpiry(t *testing.T) {
	for name, value := range map[string]any{"past": 1, "odd": "soon"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newRechecked(t)
				b := a.Browser()
				b.MustSignIn("alice")
				a.OP.OnIDToken(func(claims map[string]any) { claims["session_expiry"] = value })
				time.Sleep(due)
				if who := b.WhoAmI(); who != "" || !strings.Contains(a.Logs.String(), "session_expiry") {
					t.Errorf("%q\n%s", who, a.Logs)
				}
			})
		})
	}
}
