package ginoidc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// The default State of an app with one process. The tests in e2e/store check the same behaviour of redisstate.
var _ ginoidc.SharedState = (*state.Memory)(nil)

// hooked is a State that fails in some methods: before is called with the name of each, and its error is returned
// unless it is nil.
type hooked struct {
	ginoidc.SharedState
	before func(ctx context.Context, method string) error
}

func (s hooked) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	if err := s.before(ctx, "Revoke"); err != nil {
		return err
	}
	return s.SharedState.Revoke(ctx, key, at, ttl)
}

func (s hooked) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	if err := s.before(ctx, "Revoked"); err != nil {
		return nil, err
	}
	return s.SharedState.Revoked(ctx, keys...)
}

func (s hooked) MarkUsed(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	if err := s.before(ctx, "MarkUsed"); err != nil {
		return false, err
	}
	return s.SharedState.MarkUsed(ctx, key, ttl)
}

func (s hooked) Enlist(ctx context.Context, owner, session string, ttl time.Duration) error {
	if err := s.before(ctx, "Enlist"); err != nil {
		return err
	}
	return s.SharedState.Enlist(ctx, owner, session, ttl)
}

func (s hooked) Delist(ctx context.Context, owner, session string) error {
	if err := s.before(ctx, "Delist"); err != nil {
		return err
	}
	return s.SharedState.Delist(ctx, owner, session)
}

func (s hooked) Listed(ctx context.Context, owner string) ([]string, error) {
	if err := s.before(ctx, "Listed"); err != nil {
		return nil, err
	}
	return s.SharedState.Listed(ctx, owner)
}

func (s hooked) Lease(ctx context.Context, key string, ttl time.Duration) (func(context.Context) error, bool, error) {
	if err := s.before(ctx, "Lease"); err != nil {
		return nil, false, err
	}
	return s.SharedState.Lease(ctx, key, ttl)
}

func (s hooked) Keep(ctx context.Context, key, value string, ttl time.Duration) error {
	if err := s.before(ctx, "Keep"); err != nil {
		return err
	}
	return s.SharedState.Keep(ctx, key, value, ttl)
}

func (s hooked) Kept(ctx context.Context, key string) (string, bool, error) {
	if err := s.before(ctx, "Kept"); err != nil {
		return "", false, err
	}
	return s.SharedState.Kept(ctx, key)
}

// without is a State that does not support some methods.
func without(methods ...string) ginoidc.SharedState {
	return hooked{state.NewMemory(0), func(_ context.Context, method string) error {
		if slices.Contains(methods, method) {
			return fmt.Errorf("wrapped: %w", errors.ErrUnsupported)
		}
		return nil
	}}
}

// TestStateThatCanDoLess: a State that lacks methods is an error of New or one warning, depending on what needs them. A
// State with all methods, wrapped or not, and one that does not respond at the moment, is neither.
func TestStateThatCanDoLess(t *testing.T) {
	const list, leases = "keeps no list of sessions", "shares no refreshes"
	for _, tt := range []struct {
		name        string
		state       ginoidc.SharedState
		maxSessions int
		keepTokens  bool
		problems    []string
		warning     string
	}{
		{"everything", state.NewMemory(0), 1, true, nil, ""},
		{"wrapped", struct{ ginoidc.SharedState }{state.NewMemory(0)}, 1, true, nil, ""},
		{"no revocations", without("Revoke"), 0, false, []string{"State "}, ""},
		{"no reading of them", without("Revoked"), 0, false, []string{"State "}, ""},
		{"nothing used once", without("MarkUsed"), 0, false, []string{"State "}, ""},
		{"no list", without("Enlist", "Delist", "Listed"), 0, true, nil, list},
		{"no list, and a limit", without("Enlist", "Delist", "Listed"), 1, false, []string{"MaxSessions "}, ""},
		{"a list that cannot be written", without("Enlist"), 0, false, nil, list},
		{"a list that cannot be written, and a limit", without("Enlist"), 1, false, []string{"MaxSessions "}, ""},
		{"a list that only grows", without("Delist"), 0, false, nil, list},
		{"a list that cannot be read", without("Listed"), 0, false, nil, list},
		{"no leases", without("Lease"), 1, true, nil, leases},
		{"nothing kept", without("Keep", "Kept"), 0, true, nil, leases},
		{"nothing to read back", without("Kept"), 0, true, nil, leases},
		{"no leases, no tokens", without("Lease", "Keep", "Kept"), 0, false, nil, ""},
		{"nothing", without("Revoke", "Revoked", "MarkUsed", "Enlist", "Delist", "Listed", "Lease", "Keep", "Kept"), 1, true,
			[]string{"State ", "MaxSessions "}, ""},
		{"a panic", struct{ ginoidc.SharedState }{}, 1, false, []string{"State ", "MaxSessions "}, ""},
		{"down", hooked{state.NewMemory(0), func(context.Context, string) error { return errStateDown }}, 1, true, nil, ""},
		{"no answer", hooked{state.NewMemory(0),
			func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }}, 1, true, nil, ""},
		{"no answer whatever is said", hooked{state.NewMemory(0),
			func(context.Context, string) error { time.Sleep(time.Hour); return nil }}, 1, true, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var logs strings.Builder
				cfg := validConfig()
				cfg.State, cfg.MaxSessions, cfg.KeepTokens = tt.state, tt.maxSessions, tt.keepTokens
				cfg.Logger = slog.New(slog.NewTextHandler(&logs, nil))
				began := time.Now()
				auth, err := ginoidc.New(cfg)
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("New took %v", took)
				}
				if got := problemsOf(err); !slices.Equal(got, tt.problems) || (auth == nil) != (tt.problems != nil) {
					t.Errorf("problems %q, want %q", got, tt.problems)
				}
				lines := strings.Count(logs.String(), "level=WARN")
				if warned := lines == 1 && strings.Contains(logs.String(), tt.warning); warned != (tt.warning != "") || lines > 1 {
					t.Errorf("logged %q, want %q", logs.String(), tt.warning)
				}
				time.Sleep(2 * time.Hour) // until the slowest call has returned
			})
		})
	}
}

// TestRefreshWithoutSharedLeases: without leases in State, this process still deduplicates its own refreshes.
func TestRefreshWithoutSharedLeases(t *testing.T) {
	for _, methods := range [][]string{{"Lease"}, {"Keep", "Kept"}, {"Lease", "Keep", "Kept"}} {
		t.Run(strings.Join(methods, " "), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = without(methods...) })
				b := a.Browser()
				b.MustSignIn("alice")
				first := b.Fetch("/token").Body
				time.Sleep(5 * time.Minute)
				if r := b.Fetch("/token"); r.StatusCode != 200 || r.Body == first {
					t.Errorf("token: %d %s", r.StatusCode, r.Body)
				}
			})
		})
	}
}

// TestKeptValuesCannotBeMoved: write access to the shared state is not enough to give a browser the tokens or the
// session of another user, or of another session of the same user.
func TestKeptValuesCannotBeMoved(t *testing.T) {
	for _, victim := range []string{"alice", "bob"} {
		synctest.Test(t, func(t *testing.T) {
			var first string
			on := false
			a := testapp.NewWithTokens(t, func(c *ginoidc.Config,
				_ *fakeop.Config) {
				c.State = swapping{state.NewMemory(0), &first, &on}
			})
			a.Engine.POST("/name", func(c *gin.Context) {
				if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "new"; return nil }); err != nil {
					t.Error(err)
				}
			})
			b, mallory := a.Browser(), a.Browser()
			b.MustSignIn(victim)
			mallory.MustSignIn("bob")
			time.Sleep(5 * time.Minute)
			first = ""                       // forget the result of a callback
			stolen := b.Fetch("/token").Body // is refreshed and kept
			if first == "" {
				t.Fatal("nothing was kept")
			}
			on = true
			if r := mallory.Fetch("/token"); r.StatusCode != http.StatusOK || r.Body == stolen {
				t.Errorf("mallory's token: %d, the victim's: %t", r.StatusCode, r.Body == stolen)
			}
			first, on = "", false
			b.Do("POST", "/name", nil) // its cookies are kept
			earlier := mallory.Twin()
			mallory.Do("POST", "/name", nil)
			if on = true; first == "" || earlier.Fetch("/me").StatusCode != http.StatusUnauthorized {
				t.Errorf("mallory has got the victim's session: %q", earlier.WhoAmI())
			}
		})
	}
}

// swapping is a State that returns the first kept value for every key, as if someone had copied it there.
type swapping struct {
	ginoidc.SharedState
	first *string
	on    *bool
}

func (s swapping) Keep(ctx context.Context, key, value string, ttl time.Duration) error {
	if *s.first == "" && key != "probe" {
		*s.first = value
	}
	return s.SharedState.Keep(ctx, key, value, ttl)
}

func (s swapping) Kept(ctx context.Context, key string) (string, bool, error) {
	if *s.on && *s.first != "" {
		return *s.first, true, nil
	}
	return s.SharedState.Kept(ctx, key)
}

var errReadOnly = errors.New("read only")

// readOnlyState answers every query but, while readOnly, fails to write.
type readOnlyState struct {
	*state.Memory
	readOnly bool
}

func (s *readOnlyState) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	if s.readOnly {
		return errReadOnly
	}
	return s.Memory.Revoke(ctx, key, at, ttl)
}

// readOnlyStore loads every session but does not save those whose name ends in refuses, unless that is "".
type readOnlyStore struct {
	sessions.Store
	refuses atomic.Value
}

func (s *readOnlyStore) Save(r *http.Request, w http.ResponseWriter, session *gsessions.Session) error {
	if refuses, _ := s.refuses.Load().(string); refuses != "" && strings.HasSuffix(session.Name(), refuses) {
		return errReadOnly
	}
	return s.Store.Save(r, w, session)
}

// sessionEnds returns the ways to end the session of a browser. Each returns the status.
func sessionEnds(a *testapp.App) map[string]func(b *testapp.Browser) int {
	answer := func(c *gin.Context, err error) {
		if err != nil {
			a.Auth.Deny(c, err)
			return
		}
		c.Status(http.StatusNoContent)
	}
	a.Engine.POST("/destroy", func(c *gin.Context) { answer(c, a.Auth.EndSession(c)) })
	a.Engine.POST("/everywhere", func(c *gin.Context) { answer(c, a.Auth.EndUserSessions(c, "alice")) })
	a.Engine.POST("/end", func(c *gin.Context) {
		list, err := a.Auth.UserSessions(c.Request.Context(), "alice")
		if err != nil || len(list) != 1 {
			a.T.Errorf("sessions: %v, %v", list, err)
			return
		}
		answer(c, a.Auth.EndUserSession(c, "alice", list[0].ID))
	})
	post := func(path string) func(b *testapp.Browser) int {
		return func(b *testapp.Browser) int { return b.Do("POST", path, nil).StatusCode }
	}
	return map[string]func(b *testapp.Browser) int{
		"sign-out": post("/auth/signout"), "EndSession": post("/destroy"), "EndUserSessions": post("/everywhere"),
		"EndUserSession": post("/end"),
		"back channel":   func(*testapp.Browser) int { return a.BackChannelLogout("alice", "", nil).StatusCode },
		"front channel": func(b *testapp.Browser) int {
			return b.Navigate("/auth/frontchannel-logout?iss=https://idp.example&sid=s-1").StatusCode
		},
	}
}

// TestStateThatRefusesToWrite: if a revocation cannot be saved, the response is 503 and the session has not ended.
// Another try ends it.
func TestStateThatRefusesToWrite(t *testing.T) {
	shared := &readOnlyState{Memory: state.NewMemory(0)}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
	a.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = "s-1" })
	for name, end := range sessionEnds(a) {
		shared.readOnly = false
		b := a.Browser()
		b.MustSignIn("alice")
		shared.readOnly = true
		if status := end(b); status != http.StatusServiceUnavailable || b.WhoAmI() != "alice" {
			t.Errorf("%s: %d, and %q is signed in", name, status, b.WhoAmI())
		}
		shared.readOnly = false
		if status := end(b); status >= 400 || b.WhoAmI() != "" {
			t.Errorf("%s, asked for again: %d, and %q is signed in", name, status, b.WhoAmI())
		}
	}
}

// TestStoreThatRefusesToWrite: if the record of a session or of its tokens cannot be deleted, the request fails or the
// log says so.
func TestStoreThatRefusesToWrite(t *testing.T) {
	for _, refuses := range []string{"ginoidc", "-tokens"} {
		store := &readOnlyStore{Store: memstore.NewStore([]byte(testapp.CookieSecret))}
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store, c.KeepTokens = store, true })
		ends := sessionEnds(a)
		for _, name := range []string{"sign-out", "EndSession"} {
			b := a.Browser()
			b.MustSignIn("alice")
			store.refuses.Store(refuses)
			if status := ends[name](b); status != http.StatusServiceUnavailable {
				t.Errorf("%s while %s cannot be written: %d", name, refuses, status)
			}
			store.refuses.Store("")
		}
	}
}

// TestSharedStateOfTwoProviders: the same subject and session id at two providers are different users, even in a shared
// state.
func TestSharedStateOfTwoProviders(t *testing.T) {
	shared := state.NewMemory(0)
	apps := map[string]*testapp.App{}
	for _, issuer := range []string{"https://one.example", "https://two.example"} {
		apps[issuer] = testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
			c.Providers[0].Issuer, op.Issuer,
				c.State = issuer, issuer, shared
		})
	}
	one, two := apps["https://one.example"], apps["https://two.example"]
	b := two.Browser()
	b.MustSignIn("alice")
	if r := one.BackChannelLogout("alice", "", nil); r.StatusCode != 200 || b.WhoAmI() != "alice" {
		t.Errorf("logout token: %d, %q is signed in", r.StatusCode, b.WhoAmI())
	}
	if err := one.Auth.EndUserSessions(t.Context(), "alice"); err != nil || b.WhoAmI() != "alice" {
		t.Errorf("everywhere: %v, %q is signed in", err, b.WhoAmI())
	}
}

// forgetfulState returns too few results once a user is signed in.
type forgetfulState struct{ ginoidc.SharedState }

func (s forgetfulState) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	if keys[0][0] != 'e' {
		return s.SharedState.Revoked(ctx, keys...)
	}
	return nil, nil
}

// TestStateThatAnswersTooLittle: a State that returns too few results counts as not responding, so nobody is let in.
func TestStateThatAnswersTooLittle(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = forgetfulState{state.NewMemory(0)} })
	b := a.Browser()
	b.MustSignIn("alice")
	if r := b.Fetch("/me"); r.StatusCode != 503 {
		t.Errorf("%d %s", r.StatusCode, r.Body)
	}
}

// brokenState is a shared state that does not respond.
type brokenState struct{ ginoidc.SharedState }

func (brokenState) Revoke(context.Context, string, time.Time, time.Duration) error {
	return errStateDown
}

func (brokenState) Revoked(context.Context, ...string) ([]time.Time, error) { return nil, errStateDown }

func (brokenState) MarkUsed(context.Context, string, time.Duration) (bool, error) {
	return false, errStateDown
}

var errStateDown = errors.New("state down")

// TestStateDown: signed-in users get 503, everyone else gets the public page, and nothing is half done. Cases 164, 189
// and 246.
func TestStateDown(t *testing.T) {
	up := testapp.New(t)
	b := up.Browser()
	callback := b.Start("/auth/signin", "bob")
	b.MustSignIn("alice")
	down := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.State, c.Providers[0].Transport = brokenState{}, up.OP.Transport()
	})
	down.Engine.POST("/start", func(c *gin.Context) {
		if err := down.Auth.StartSession(c, &ginoidc.User{Subject: "bob"}); !errors.Is(err, ginoidc.ErrSessionStore) {
			t.Errorf("StartSession: %v", err)
		}
		c.Header("Retry-After", "1")
		c.Status(http.StatusServiceUnavailable)
	})
	there := down.Browser()
	there.Jar = b.Jar
	for _, tt := range []struct {
		name   string
		got    testapp.Reply
		status int
	}{
		{"public", there.Navigate("/"), 200},
		{"guarded page", there.Navigate("/me"), 503},
		{"guarded call", there.Fetch("/me"), 503},
		{"userinfo", there.Fetch("/auth/userinfo"), 503},
		{"sign-out", there.Do("POST", "/auth/signout", nil), 503},
		{"callback", there.Navigate(callback), 503},
		{"StartSession", there.Do("POST", "/start", nil), 503},
		{"signed out", down.Browser().Fetch("/me"), 401},
	} {
		if tt.got.StatusCode != tt.status || tt.got.Header.Get("Set-Cookie") != "" ||
			(tt.got.Header.Get("Retry-After") != "") != (tt.status == 503) {
			t.Errorf("%s: %d %v", tt.name, tt.got.StatusCode, tt.got.Header)
		}
	}
	token, err := up.OP.LogoutToken("alice", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := down.PostBackChannel("logout_token=" + token); r.StatusCode != 503 {
		t.Errorf("back-channel: %d %s", r.StatusCode, r.Body)
	}
	if b.WhoAmI() != "alice" {
		t.Error("a failure ended the session")
	}
}

func errIf(failed bool) error {
	if failed {
		return errStateDown
	}
	return nil
}
