package exchange_test

import (
	"context"
	"errors"
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

// manager returns the sessions in a store. Those of another issuer are of no use.
func manager(t *testing.T, store sessions.Store, audience string) *session.Manager {
	t.Helper()
	m, err := session.New(session.Config{
		Store: store, Name: "sid", Path: "/", Idle: time.Hour, Lifetime: 8 * time.Hour, Audience: audience,
		Secrets: []string{strings.Repeat("s", 32)},
	})
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
	store := memorystore.New(memorystore.Config{})
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

// panics is a state of the app that cannot keep values.
type panics struct{ *state.Memory }

func (panics) Keep(context.Context, string, string, time.Duration) error { panic("of the app") }

// TestKeepPanics: a panic of the app's state while a result is kept for others does not cost this user the sign-in.
func TestKeepPanics(t *testing.T) {
	group := instances(t, 1, false)[0]
	group.Values.State = panics{state.NewMemory(0)}
	redeem := func(_ context.Context, leave func(*exchange.Result)) *exchange.Result {
		result := &exchange.Result{Cookies: []string{"a=1"}}
		leave(result)
		return result
	}
	if got, err := group.Do(t.Context(), response("c"), redeem); err != nil || got.Err != nil || len(got.Cookies) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}
