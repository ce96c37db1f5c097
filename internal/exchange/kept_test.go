package exchange_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/exchange"
	"github.com/seed-d65cea4d/ginoidc/internal/guard"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
	"github.com/seed-d65cea4d/ginoidc/memorystore"
)

// down is a session store that does not respond.
type down struct{ sessions.Store }

func (down) Get(*http.Request, string) (*gsessions.Session, error) { return nil, testapp.ErrOutage }
func (down) New(*http.Request, string) (*gsessions.Session, error) { return nil, testapp.ErrOutage }

// manager returns the sessions of an audience in a store, unless change says otherwise.
func manager(t *testing.T, store sessions.Store, audience string, change ...func(*session.Config)) *session.Manager {
	t.Helper()
	cfg := session.Config{
		Store: store, Name: "sid", Path: "/", Idle: time.Hour, Lifetime: 8 * time.Hour, Audience: audience,
		Secrets: []string{strings.Repeat("s", 32)},
	}
	for _, f := range change {
		f(&cfg)
	}
	m, err := session.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// signingIn returns a function that redeems a code in a second, begins the session of alice in m, and counts itself.
func signingIn(t *testing.T, m *session.Manager, redeemed *int) exchange.Redeem {
	return func(ctx context.Context, leave func(*exchange.Result)) *exchange.Result {
		*redeemed++
		time.Sleep(time.Second)
		h, r := http.Header{}, httptest.NewRequestWithContext(ctx, http.MethodGet, "/auth/callback", nil)
		s, err := m.Begin(h, r, session.Record{Subject: "alice", Started: time.Now()}, nil)
		if err != nil {
			t.Error(err)
		}
		result := &exchange.Result{Cookies: h["Set-Cookie"], Session: s}
		leave(result)
		return result
	}
}

// TestKeptSession: an instance that waited serves the session that the other one has begun. It reads the session from
// the store, since that is what the browser's next request finds: if it is not there, the sign-in has not succeeded
// here, and if the store does not respond, that is unknown.
func TestKeptSession(t *testing.T) {
	store, broken := memorystore.New(memorystore.Config{}), errors.New("database")
	lookupFails := func(c *session.Config) {
		c.Parties = func(context.Context, string, []byte) (*session.Party, error) { return nil, broken }
	}
	for _, tt := range []struct {
		name     string
		sessions *session.Manager // of the instance that waits
		links    bool
		redeemed int
		signedIn bool
		err      error
	}{
		{"the same store", manager(t, store, "op app"), false, 1, true, nil},
		{"a store of its own", manager(t, memorystore.New(memorystore.Config{}), "op app"), false, 2, false, nil},
		{"another audience", manager(t, store, "op other"), false, 2, false, nil},
		{"a store that does not respond", manager(t, down{store}, "op app"), false, 1, false, shared.ErrUnavailable},
		{"a provider that cannot be looked up", manager(t, store, "", lookupFails), false, 1, false, broken},
		{"a link to an account", manager(t, down{store}, "op app"), true, 1, false, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				groups, redeemed := instances(t, 2, false), 0
				groups[1].Sessions = tt.sessions
				r := response("c")
				r.Links = tt.links
				redeem := signingIn(t, manager(t, store, "op app"), &redeemed)
				var first *exchange.Result
				go func() { first, _ = groups[0].Do(t.Context(), r, redeem) }()
				synctest.Wait()
				again := func(context.Context, func(*exchange.Result)) *exchange.Result {
					redeemed++
					return &exchange.Result{}
				}
				got, err := groups[1].Do(t.Context(), r, again)
				synctest.Wait()
				if err != nil || redeemed != tt.redeemed || !errors.Is(got.Err, tt.err) {
					t.Fatalf("%+v, %v after %d exchanges", got, err, redeemed)
				}
				if signedIn := got.Session != nil; signedIn != tt.signedIn || signedIn && got.Session.Subject != "alice" {
					t.Errorf("the session %+v", got.Session)
				}
				if shared := tt.redeemed == 1 && tt.err == nil; shared && !slices.Equal(got.Cookies, first.Cookies) {
					t.Errorf("the cookies %q, and not %q", got.Cookies, first.Cookies)
				}
			})
		})
	}
}

// TestKeptRefusal: a refusal by the other instance is one here, too, with its cookies and no session.
func TestKeptRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		groups := instances(t, 2, false)
		groups[1].Sessions = manager(t, down{}, "op app")
		r := response("c")
		r.Links = false
		refuse := func(_ context.Context, leave func(*exchange.Result)) *exchange.Result {
			time.Sleep(time.Second)
			result := &exchange.Result{Cookies: []string{"attempt="}, Err: guard.ErrForbidden, Code: "forbidden"}
			leave(result)
			return result
		}
		go func() { _, _ = groups[0].Do(t.Context(), r, refuse) }()
		synctest.Wait()
		got, err := groups[1].Do(t.Context(), r, refuse)
		if err != nil || !errors.Is(got.Err, guard.ErrForbidden) || got.Code != "forbidden" || got.Session != nil ||
			!slices.Equal(got.Cookies, []string{"attempt="}) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// TestNothingKept: an instance that waited for another one that has kept nothing redeems itself. A code that was
// redeemed before is refused then, and the response of a provider that was down can still succeed.
func TestNothingKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		groups := instances(t, 2, false)
		fails := func(context.Context, func(*exchange.Result)) *exchange.Result {
			time.Sleep(time.Second)
			return &exchange.Result{Err: shared.ErrUnavailable}
		}
		go func() { _, _ = groups[0].Do(t.Context(), response("c"), fails) }()
		synctest.Wait()
		works := func(context.Context, func(*exchange.Result)) *exchange.Result {
			return &exchange.Result{Cookies: []string{"a=1"}}
		}
		if got, err := groups[1].Do(t.Context(), response("c"), works); err != nil || got.Err != nil ||
			len(got.Cookies) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// TestKeptForItsOwner: the result of a response is that of the browser with the attempt, whose cookie has the verifier.
// Someone with only the URL of the callback waits and gets nothing.
func TestKeptForItsOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		groups, redeemed := instances(t, 2, false), 0
		redeem := signingIn(t, manager(t, memorystore.New(memorystore.Config{}), "op app"), &redeemed)
		go func() { _, _ = groups[0].Do(t.Context(), response("c"), redeem) }()
		synctest.Wait()
		stranger := response("c")
		stranger.Verifier = "another"
		replay := errors.New("replay")
		refuse := func(context.Context, func(*exchange.Result)) *exchange.Result { return &exchange.Result{Err: replay} }
		if got, err := groups[1].Do(t.Context(), stranger, refuse); err != nil || got.Err != replay || got.Cookies != nil {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// forgetful is a state of the app that cannot keep values.
type forgetful struct {
	*state.Memory
	keep func() error
}

func (f forgetful) Keep(context.Context, string, string, time.Duration) error { return f.keep() }

// TestKeepFails: if the result cannot be kept for others, even because of a panic in the app's state, this user is
// signed in all the same, and the log says why others may not be.
func TestKeepFails(t *testing.T) {
	for name, keep := range map[string]func() error{
		"kept": func() error { return nil }, "outage": func() error { return testapp.ErrOutage },
		"panic": func() error { panic("of the app") },
	} {
		var log bytes.Buffer
		group := instances(t, 1, false)[0]
		group.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		group.Values.State = forgetful{state.NewMemory(0), keep}
		redeem := func(_ context.Context, leave func(*exchange.Result)) *exchange.Result {
			result := &exchange.Result{Cookies: []string{"a=secret"}}
			leave(result)
			return result
		}
		got, err := group.Do(t.Context(), response("c"), redeem)
		if err != nil || got.Err != nil || len(got.Cookies) != 1 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if text := log.String(); strings.Contains(text, "not shared with other instances") != (name != "kept") ||
			strings.Contains(text, "secret") {
			t.Errorf("%s: %s", name, text)
		}
	}
}
