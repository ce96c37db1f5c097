package update_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/cookiestore"
	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/revocation"
	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
	"github.com/seed-d65cea4d/ginoidc/internal/update"
	"github.com/seed-d65cea4d/ginoidc/memorystore"
)

const grace = 10 * time.Second

// faulty is a state whose methods fail if the errors are set.
type faulty struct {
	*testapp.Outage
	keep, revoke error
}

func (f *faulty) Keep(ctx context.Context, key, value string, ttl time.Duration) error {
	if f.keep != nil {
		return f.keep
	}
	return f.Outage.Keep(ctx, key, value, ttl)
}

func (f *faulty) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	if f.revoke != nil {
		return f.revoke
	}
	return f.Outage.Revoke(ctx, key, at, ttl)
}

// app is what updates need, and the session of alice.
type app struct {
	t       *testing.T
	state   *faulty
	ledger  *revocation.Ledger
	updates *update.Updates
	events  []events.Kind
	request *http.Request // as alice's browser sends it
}

// eachStore calls test with sessions in cookies and on a server.
func eachStore(t *testing.T, test func(*testing.T, *app)) {
	embedded, err := cookiestore.New(cookiestore.Config{Secrets: []string{strings.Repeat("s", 32)}})
	if err != nil {
		t.Fatal(err)
	}
	server := memorystore.New(memorystore.Config{})
	for name, store := range map[string]sessions.Store{"cookies": embedded, "server": server} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, newApp(t, store)) })
		})
	}
}

func newApp(t *testing.T, store sessions.Store) *app {
	t.Helper()
	m, err := session.New(session.Config{
		Store: store, Name: "sid", Path: "/", Idle: time.Hour, Lifetime: 8 * time.Hour, Audience: "op app",
		Secrets: []string{strings.Repeat("s", 32)},
	})
	if err != nil {
		t.Fatal(err)
	}
	seal, err := sealed.New("kept values", []string{strings.Repeat("s", 32)}, "app")
	if err != nil {
		t.Fatal(err)
	}
	a := &app{t: t, state: &faulty{Outage: testapp.NewOutage()}}
	a.ledger = revocation.New(revocation.Config{State: a.state, Audience: "op app", App: "app", Lifetime: 9 * time.Hour})
	a.updates = &update.Updates{
		Values: shared.Values{State: a.state, Seal: seal}, Sessions: m, Log: slog.New(slog.DiscardHandler),
		Events: &events.Reporter{Log: slog.New(slog.DiscardHandler), OnEvent: func(_ context.Context, e events.Event) {
			a.events = append(a.events, e.Kind)
		}},
	}
	h := http.Header{}
	a.request = (&http.Request{Header: http.Header{}}).WithContext(t.Context())
	alice := session.Record{Subject: "alice", Name: "first", Started: time.Now()}
	if _, err := m.Begin(h, a.request, alice, nil); err != nil {
		t.Fatal(err)
	}
	a.request = cookie.After(a.request, h["Set-Cookie"])
	return a
}

// load returns the session that a request carries.
func (a *app) load(r *http.Request) *session.Session {
	a.t.Helper()
	s, err := a.updates.Sessions.Load(r)
	if err != nil || s == nil {
		a.t.Fatalf("%+v, %v", s, err)
	}
	return s
}

// change gives the user of the session in r another name, and returns the request with the new cookies.
func (a *app) change(r *http.Request, name string) *http.Request {
	a.t.Helper()
	next, err := a.updates.Change(a.t.Context(), a.ledger, r, a.load(r), session.Record{Subject: "alice", Name: name})
	if err != nil || next.Session == nil || next.Session.Name != name || len(next.Cookies) == 0 {
		a.t.Fatalf("%+v, %v", next, err)
	}
	return next.Request
}

// latest returns the name of the user whom the session in r has now, "" if it has ended, and whether the request lacks
// its cookies.
func (a *app) latest(r *http.Request) (name string, newer bool) {
	a.t.Helper()
	is, err := a.updates.Latest(a.t.Context(), a.ledger, r, a.load(r))
	if err != nil {
		a.t.Fatal(err)
	}
	if is.Session == nil {
		return "", false
	}
	if (is.Cookies == nil) != (is.Request == nil) {
		a.t.Errorf("cookies %q and request %v", is.Cookies, is.Request)
	}
	return is.Session.Name, is.Cookies != nil
}

// TestChange: requests with the earlier cookies are led to the newest state during the grace, and not afterwards.
func TestChange(t *testing.T) {
	eachStore(t, func(t *testing.T, a *app) {
		first := a.request
		var newest *http.Request
		for i, from := 0, first; i < 3; i++ {
			from = a.change(from, strings.Repeat("x", i+1))
			newest = from
		}
		if name, newer := a.latest(first); name != "xxx" || !newer {
			t.Errorf("earlier cookies lead to %q, newer %v", name, newer)
		}
		if name, newer := a.latest(newest); name != "xxx" || newer {
			t.Errorf("new cookies lead to %q, newer %v", name, newer)
		}
		time.Sleep(grace + time.Second)
		if s, err := a.updates.Sessions.Load(first); err != nil || s != nil {
			if name, _ := a.latest(first); name != "" { // a copy of an earlier cookie does not undo the update
				t.Errorf("after the grace: %q, %v", name, err)
			}
		}
		if name, _ := a.latest(newest); name != "xxx" {
			t.Errorf("the newest cookies after the grace: %q", name)
		}
	})
}

// TestManyUpdates: a request follows only so many updates.
func TestManyUpdates(t *testing.T) {
	eachStore(t, func(t *testing.T, a *app) {
		first, r := a.request, a.request
		for range 32 {
			r = a.change(r, "within")
		}
		if name, _ := a.latest(first); name != "within" {
			t.Errorf("32 updates lead to %q", name)
		}
		a.change(r, "beyond")
		if name, _ := a.latest(first); name != "" {
			t.Errorf("33 updates lead to %q", name)
		}
	})
}

// TestEnded: a session that has ended is neither found nor changed, whichever state of it a request carries.
func TestEnded(t *testing.T) {
	eachStore(t, func(t *testing.T, a *app) {
		newest := a.change(a.request, "x")
		s := a.load(newest)
		if err := a.ledger.EndSession(t.Context(), s.ID); err != nil {
			t.Fatal(err)
		}
		for _, r := range []*http.Request{a.request, newest} {
			if name, _ := a.latest(r); name != "" {
				t.Errorf("latest is %q", name)
			}
			next, err := a.updates.Change(t.Context(), a.ledger, r, a.load(r), session.Record{Subject: "alice"})
			if err != nil || next.Session != nil || next.Cookies != nil || next.Request != nil {
				t.Errorf("changed: %+v, %v", next, err)
			}
		}
	})
}

// TestExpired: a session whose time is over while it waits for its turn is not changed.
func TestExpired(t *testing.T) {
	eachStore(t, func(t *testing.T, a *app) {
		s := a.load(a.request)
		time.Sleep(2 * time.Hour)
		next, err := a.updates.Change(t.Context(), a.ledger, a.request, s, session.Record{Subject: "alice"})
		if err != nil || next.Session != nil {
			t.Errorf("%+v, %v", next, err)
		}
	})
}

// TestOthersCookies: values in the shared state that lead to another session, or to another user's, lead nowhere.
func TestOthersCookies(t *testing.T) {
	later := func(t *testing.T, a *app, r *http.Request, s *session.Session, subject string) []string {
		t.Helper()
		_, lines, err := a.updates.Sessions.Change(r, s, session.Record{Subject: subject}, time.Now().Add(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return lines
	}
	begun := func(t *testing.T, a *app, subject string) []string {
		t.Helper()
		h, r := http.Header{}, (&http.Request{Header: http.Header{}}).WithContext(t.Context())
		s, err := a.updates.Sessions.Begin(h, r, session.Record{Subject: subject}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return later(t, a, cookie.After(r, h["Set-Cookie"]), s, subject)
	}
	for name, cookies := range map[string]func(*testing.T, *app, *session.Session) []string{
		"no session":               func(*testing.T, *app, *session.Session) []string { return []string{"sid=x"} },
		"another user's session":   func(t *testing.T, a *app, _ *session.Session) []string { return begun(t, a, "bob") },
		"another session of alice": func(t *testing.T, a *app, _ *session.Session) []string { return begun(t, a, "alice") },
		"this session with another user": func(t *testing.T, a *app, s *session.Session) []string {
			return later(t, a, a.request, s, "bob")
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachStore(t, func(t *testing.T, a *app) {
				first := a.request
				s := a.load(first)
				a.change(first, "x")
				// What an attacker could write who has the keys of the state alone: the same key, purpose and owner cannot
				// be sealed without the secret, so the test seals it.
				state := append(s.ID[:len(s.ID):len(s.ID)], make([]byte, 8)...)
				for i, at := 0, uint64(s.Updated.UnixMicro()); i < 8; i++ {
					state[len(s.ID)+i] = byte(at >> (56 - 8*i))
				}
				key := shared.Key(shared.KindUpdated, shared.Audience("op app").Hash("\x00updated "+string(state)))
				text := strings.Join(cookies(t, a, s), "\n")
				if _, ok, _ := a.updates.Values.Kept(t.Context(), "updated session", key, s.Owner()); !ok {
					t.Fatal("the key of the cookies has changed")
				}
				if err := a.updates.Values.Keep(t.Context(), "updated session", key, s.Owner(), text, grace); err != nil {
					t.Fatal(err)
				}
				is, err := a.updates.Latest(t.Context(), a.ledger, first, s)
				if err != nil || is.Session != nil || is.Cookies != nil {
					t.Errorf("leads to %+v, %v", is, err)
				}
			})
		})
	}
}

// TestFailures: an update that is not recorded has no effect, and one that cannot be kept for other requests has.
func TestFailures(t *testing.T) {
	eachStore(t, func(t *testing.T, a *app) {
		down := errors.New("down")
		a.state.revoke = down
		next, err := a.updates.Change(
			t.Context(), a.ledger, a.request, a.load(a.request), session.Record{Subject: "alice", Name: "x"})
		if !errors.Is(err, shared.ErrUnavailable) || next.Session != nil {
			t.Errorf("%+v, %v", next, err)
		}
		time.Sleep(grace + time.Second)
		if name, newer := a.latest(a.request); name != "first" || newer {
			t.Errorf("the state before: %q, newer %v", name, newer)
		}
		a.state.revoke, a.state.keep = nil, down
		newest := a.change(a.request, "y")
		if name, _ := a.latest(newest); name != "y" {
			t.Errorf("%q", name)
		}
		if name, _ := a.latest(a.request); name != "" {
			t.Errorf("without a kept value: %q", name)
		}
	})
}

// TestTurns: concurrent updates of a session come one after the other, and each begins with the result of the one
// before.
func TestTurns(t *testing.T) {
	eachStore(t, func(t *testing.T, a *app) {
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				s := a.load(a.request)
				release, err := a.updates.Turn(t.Context(), s)
				if err != nil {
					t.Error(err)
					return
				}
				defer release()
				is, err := a.updates.Latest(t.Context(), a.ledger, a.request, s)
				if err != nil || is.Session == nil {
					t.Errorf("%+v, %v", is, err)
					return
				}
				r := a.request
				if is.Request != nil {
					r = is.Request
				}
				time.Sleep(time.Second)
				rec := session.Record{Subject: "alice", Name: is.Session.Name + "x"}
				if _, err := a.updates.Change(t.Context(), a.ledger, r, is.Session, rec); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if name, _ := a.latest(a.request); name != "firstxxxxx" {
			t.Errorf("%q", name)
		}
	})
}

// TestTurnTaken: a request waits for its turn for a limited time, and is told why it has none.
func TestTurnTaken(t *testing.T) {
	eachStore(t, func(t *testing.T, a *app) {
		s, began := a.load(a.request), time.Now()
		release, err := a.updates.Turn(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.updates.Turn(t.Context(), s); !errors.Is(err, shared.ErrTurn) || time.Since(began) != 10*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		release()
		if _, err := a.updates.Turn(t.Context(), s); err != nil || time.Since(began) != 10*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if len(a.events) > 0 {
			t.Errorf("%v", a.events)
		}
	})
}

// TestOutages: whichever call of the state fails, a session is not taken for ended and an update has no effect, except
// that requests with the earlier cookies may not find a successor.
func TestOutages(t *testing.T) {
	unavailable := func(t *testing.T, is update.State, err error) {
		t.Helper()
		if !errors.Is(err, shared.ErrUnavailable) || is.Session != nil || is.Cookies != nil || is.Request != nil {
			t.Errorf("%+v, %v", is, err)
		}
	}
	eachStore(t, func(t *testing.T, a *app) {
		first := a.request
		newest := a.change(first, "x")
		for name, call := range map[string]func() string{
			"latest": func() (failed string) {
				is, err := a.updates.Latest(t.Context(), a.ledger, first, a.load(first))
				if _, failed = a.state.End(); failed != "" {
					unavailable(t, is, err)
				}
				return failed
			},
			"change": func() (failed string) {
				rec := session.Record{Subject: "alice", Name: "y"}
				is, err := a.updates.Change(t.Context(), a.ledger, newest, a.load(newest), rec)
				_, failed = a.state.End()
				if found, _ := a.latest(newest); failed == "Keep" && (err != nil || is.Session.Name != "y" || found != "") {
					t.Errorf("%+v, %v; the earlier cookies lead to %q", is, err, found)
				} else if failed != "" && failed != "Keep" {
					unavailable(t, is, err)
					if found != "x" {
						t.Errorf("leads to %q", found)
					}
				}
				if is.Request != nil {
					newest = a.change(is.Request, "x")
				}
				return failed
			},
			"turn": func() (failed string) {
				release, err := a.updates.Turn(t.Context(), a.load(first))
				if _, failed = a.state.End(); failed != "" {
					unavailable(t, update.State{}, err)
				} else {
					release()
				}
				return failed
			},
		} {
			for at, failed := 1, "first"; failed != ""; at++ {
				a.state.Begin(at)
				failed = call()
				if at == 1 && failed == "" {
					t.Errorf("%s: no call failed", name)
				}
			}
		}
	})
}

// failingStore is a store whose calls fail if the errors are set: New, and each Save in turn.
type failingStore struct {
	sessions.Store
	load error
	save []error
}

func (f *failingStore) New(r *http.Request, name string) (*gsessions.Session, error) {
	s, err := f.Store.New(r, name)
	if f.load != nil {
		return s, f.load
	}
	return s, err
}

func (f *failingStore) Save(r *http.Request, w http.ResponseWriter, s *gsessions.Session) error {
	if len(f.save) > 0 {
		err := f.save[0]
		if f.save = f.save[1:]; err != nil {
			return err
		}
	}
	return f.Store.Save(r, w, s)
}

// TestStoreOutages: a session is not taken for ended while the store is down, an update that is not saved has no
// effect, and one whose earlier state cannot be retired has.
func TestStoreOutages(t *testing.T) {
	down := errors.New("down")
	for name, tt := range map[string]struct {
		save    []error
		err     error
		changed bool
		events  []events.Kind
	}{
		"nothing fails":            {nil, nil, true, nil},
		"not saved":                {[]error{down}, session.ErrStore, false, nil},
		"the earlier one is stuck": {[]error{nil, nil, down}, nil, true, []events.Kind{events.OldStateStored}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &failingStore{Store: memorystore.New(memorystore.Config{})}
				a := newApp(t, store)
				s := a.load(a.request)
				store.save = tt.save
				next, err := a.updates.Change(t.Context(), a.ledger, a.request, s, session.Record{Subject: "alice"})
				if !errors.Is(err, tt.err) || (next.Session != nil) != tt.changed {
					t.Errorf("%+v, %v", next, err)
				}
				if !slices.Equal(a.events, tt.events) {
					t.Errorf("events %q", a.events)
				}
				if !tt.changed {
					return
				}
				store.load = down
				is, err := a.updates.Latest(t.Context(), a.ledger, a.request, s)
				if !errors.Is(err, session.ErrStore) || is.Session != nil {
					t.Errorf("%+v, %v", is, err)
				}
			})
		})
	}
}

// TestDeleted: a session that was deleted in its store during an update has ended, and nothing is left of the update.
func TestDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memorystore.New(memorystore.Config{})
		a := newApp(t, store)
		s := a.load(a.request)
		a.updates.Sessions.Discard(a.request)
		next, err := a.updates.Change(t.Context(), a.ledger, a.request, s, session.Record{Subject: "alice"})
		if sessions, _ := store.Usage(); err != nil || next.Session != nil || sessions != 0 || len(a.events) > 0 {
			t.Errorf("%+v, %v, %d sessions, events %q", next, err, sessions, a.events)
		}
	})
}

// TestLeaseNotReleased: a turn that cannot be given back is reported.
func TestLeaseNotReleased(t *testing.T) {
	eachStore(t, func(t *testing.T, a *app) {
		release, err := a.updates.Turn(t.Context(), a.load(a.request))
		if err != nil {
			t.Fatal(err)
		}
		a.state.Begin(1)
		if release(); !slices.Equal(a.events, []events.Kind{events.LeaseNotReleased}) {
			t.Errorf("events %q", a.events)
		}
	})
}
