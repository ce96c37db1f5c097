package roster_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/revocation"
	"github.com/seed-d65cea4d/ginoidc/internal/roster"
	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// faulty is a state whose methods fail if the errors are set.
type faulty struct {
	*state.Memory
	list, kept, revoke error
	once               bool // revoke is returned once
}

func (f *faulty) Enlist(ctx context.Context, owner, session string, ttl time.Duration) error {
	return errors.Join(f.list, f.Memory.Enlist(ctx, owner, session, ttl))
}

func (f *faulty) Delist(ctx context.Context, owner, session string) error {
	return errors.Join(f.list, f.Memory.Delist(ctx, owner, session))
}

func (f *faulty) Listed(ctx context.Context, owner string) ([]string, error) {
	if f.list != nil {
		return nil, f.list
	}
	return f.Memory.Listed(ctx, owner)
}

func (f *faulty) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	err := f.revoke
	if f.once {
		f.revoke = nil
	}
	if err != nil {
		return err
	}
	return f.Memory.Revoke(ctx, key, at, ttl)
}

func (f *faulty) Kept(ctx context.Context, key string) (string, bool, error) {
	if f.kept != nil {
		return "", false, f.kept
	}
	return f.Memory.Kept(ctx, key)
}

// office has a roster with three sessions of alice, the last of which has a sid of its own, and one of bob.
type office struct {
	roster.Roster
	t       *testing.T
	state   *faulty
	records []*session.Record // alice 1, alice 2, alice 3, bob
	reports []string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	seal, err := sealed.New("kept values", []string{strings.Repeat("s", 32)}, "app")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	o := &office{t: t, state: &faulty{Memory: state.NewMemory(0)}}
	o.Roster = roster.Roster{
		Ledger: revocation.New(revocation.Config{
			State: o.state, Audience: "op app", App: "app", Lifetime: time.Hour,
		}),
		Labels: revocation.Labels{
			Values: shared.Values{State: o.state, Seal: seal}, Lifetime: time.Hour, Log: log,
			Make: func(r *http.Request) string { return r.UserAgent() },
		},
		Events: &events.Reporter{Log: log, OnEvent: func(_ context.Context, e events.Event) {
			o.reports = append(o.reports, strings.Join([]string{e.Name, e.Subject, e.SID, e.Reason}, " "))
		}},
	}
	for i, of := range []struct{ subject, sid string }{
		{"alice", "s-1"}, {"alice", "s-1"}, {"alice", "s-2"}, {"bob", "s-3"},
	} {
		rec := &session.Record{ID: shared.Hash{byte(i + 1)}, Subject: of.subject, SID: of.sid, Started: time.Now()}
		o.records = append(o.records, rec)
		o.Add(t.Context(), rec, time.Hour)
		time.Sleep(time.Second)
	}
	return o
}

// alive returns the numbers of the sessions that have not ended.
func (o *office) alive() (numbers string) {
	for i, rec := range o.records {
		ended, err := o.Ended(o.t.Context(), o.RefOf(rec))
		if err != nil {
			o.t.Error(err)
		}
		if !ended {
			numbers += fmt.Sprint(i + 1)
		}
	}
	return numbers
}

// listed returns the numbers of the sessions in the list of a user, in its order.
func (o *office) listed(subject string) (numbers string) {
	list, err := o.List(o.t.Context(), subject)
	if err != nil {
		o.t.Error(err)
	}
	for _, e := range list {
		numbers += fmt.Sprint(e.Hash[0])
	}
	return numbers
}

// TestEnds: each way ends exactly its sessions, takes them from the list, and reports them once.
func TestEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		end                   func(context.Context, *office) error
		alive, listed, report string
	}{
		"one": {func(ctx context.Context, o *office) error { return o.End(ctx, o.records[1], "why") },
			"134", "31", "session_ended alice s-1 why"},
		"by its id": {func(ctx context.Context, o *office) error {
			list, err := o.List(ctx, "alice")
			return errors.Join(err, o.EndOne(ctx, "alice", list[0].ID, "why"))
		}, "124", "21", "session_ended alice  why"},
		"of another user": {func(ctx context.Context, o *office) error {
			list, err := o.List(ctx, "alice")
			return errors.Join(err, o.EndOne(ctx, "bob", list[0].ID, "why"))
		}, "1234", "321", ""},
		"of nobody": {func(ctx context.Context, o *office) error { return o.EndOne(ctx, "alice", "", "why") },
			"1234", "321", ""},
		"all others": {func(ctx context.Context, o *office) error { return o.EndOthers(ctx, o.records[1], "why") },
			"24", "2", "session_ended alice  why, session_ended alice  why"},
		"of a sid": {func(ctx context.Context, o *office) error {
			n, err := o.EndSID(ctx, "s-1", "why")
			if n != 2 {
				t.Errorf("%d have ended", n)
			}
			return err
		}, "34", "3", "session_ended  s-1 why, session_ended  s-1 why"},
		"of an unknown sid": {func(ctx context.Context, o *office) error {
			n, err := o.EndSID(ctx, "s-4", "why")
			if n != 0 {
				t.Errorf("%d have ended", n)
			}
			return err
		}, "1234", "321", ""},
		"of a user": {func(ctx context.Context, o *office) error { return o.EndUser(ctx, "alice", "why") },
			"4", "", "session_ended alice  why"},
		"all": {func(ctx context.Context, o *office) error { return o.EndAll(ctx, "why") }, "", "", "session_ended   why"},
		"after its end": {func(ctx context.Context, o *office) error {
			err := o.EndSession(ctx, o.records[0].ID)
			o.Close(ctx, o.records[0], "why")
			return err
		}, "234", "32", "session_ended alice s-1 why"},
		"more than two": {func(ctx context.Context, o *office) error { return o.Limit(ctx, o.records[2], 2, "why") },
			"234", "32", "session_ended alice  why"},
		"more than one": {func(ctx context.Context, o *office) error { return o.Limit(ctx, o.records[2], 1, "why") },
			"34", "3", "session_ended alice  why, session_ended alice  why"},
		"never the new one": {func(ctx context.Context, o *office) error { return o.Limit(ctx, o.records[0], 2, "why") },
			"134", "31", "session_ended alice  why"},
		"no more than three": {func(ctx context.Context, o *office) error { return o.Limit(ctx, o.records[2], 3, "why") },
			"1234", "321", ""},
		"no limit": {func(ctx context.Context, o *office) error { return o.Limit(ctx, o.records[2], 0, "why") },
			"1234", "321", ""},
		"as another user": {func(ctx context.Context, o *office) error {
			acting := *o.records[2]
			acting.Actor = []byte("{}")
			return o.Limit(ctx, &acting, 1, "why")
		}, "1234", "321", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t)
				if err := tt.end(t.Context(), o); err != nil {
					t.Fatal(err)
				}
				if alive, listed := o.alive(), o.listed("alice"); alive != tt.alive || listed != tt.listed {
					t.Errorf("alive %s, listed %s; want %s, %s", alive, listed, tt.alive, tt.listed)
				}
				if got := strings.Join(o.reports, ", "); got != tt.report {
					t.Errorf("reported %q, want %q", got, tt.report)
				}
			})
		})
	}
}

// TestClose: the lists do not keep a session that has ended.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.Close(t.Context(), o.records[2], "why")
		for _, e := range o.RefOf(o.records[2]).Entries() {
			if entries, err := o.state.Listed(t.Context(), e.Owner); slices.Contains(entries, e.Session) || err != nil {
				t.Errorf("%q, %v", entries, err)
			}
		}
	})
}

// TestList: each entry has its own label and time, and an ID that is not the one in the cookie.
func TestList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		r := &http.Request{Header: http.Header{"User-Agent": {"a telephone"}}}
		if err := o.Labels.Keep(t.Context(), r, &session.Session{Record: *o.records[1]}); err != nil {
			t.Fatal(err)
		}
		list, err := o.List(t.Context(), "alice")
		if err != nil || len(list) != 3 {
			t.Fatalf("%+v, %v", list, err)
		}
		for i, e := range list {
			rec := o.records[2-i]
			if label := map[int]string{1: "a telephone"}[i]; e.Label != label || !e.Started.Equal(rec.Started) ||
				e.Hash != rec.ID || e.ID == "" || i > 0 && e.ID == list[i-1].ID {
				t.Errorf("%d: %+v", i, e)
			}
		}
	})
}

// TestStateFails: a session of which it is not recorded that it has ended is not reported as ended. What concerns the
// list alone stops nothing, except where the list says which sessions to end.
func TestStateFails(t *testing.T) {
	down := errors.New("down")
	for name, tt := range map[string]struct {
		fail   func(*office)
		call   func(context.Context, *office) error
		fails  bool
		alive  string
		report string
	}{
		"end": {func(o *office) { o.state.revoke = down },
			func(ctx context.Context, o *office) error { return o.End(ctx, o.records[0], "why") }, true, "1234", ""},
		"end a user": {func(o *office) { o.state.revoke = down },
			func(ctx context.Context, o *office) error { return o.EndUser(ctx, "alice", "why") }, true, "1234", ""},
		"end all": {func(o *office) { o.state.revoke = down },
			func(ctx context.Context, o *office) error { return o.EndAll(ctx, "why") }, true, "1234", ""},
		"end, without the list": {func(o *office) { o.state.list = down },
			func(ctx context.Context, o *office) error { return o.End(ctx, o.records[0], "why") }, false, "234",
			"trouble   , session_ended alice s-1 why"},
		"add": {func(o *office) { o.state.list = down }, func(ctx context.Context, o *office) error {
			o.Add(ctx, o.records[0], time.Hour)
			return nil
		}, false, "1234", "trouble alice  "},
		"by id": {func(o *office) { o.state.list = down },
			func(ctx context.Context, o *office) error { return o.EndOne(ctx, "alice", "x", "why") }, true, "1234", ""},
		"others": {func(o *office) { o.state.list = down },
			func(ctx context.Context, o *office) error { return o.EndOthers(ctx, o.records[0], "why") }, true, "1234", ""},
		"others, of which the first does not end": {func(o *office) { o.state.revoke, o.state.once = down, true },
			func(ctx context.Context, o *office) error { return o.EndOthers(ctx, o.records[0], "why") }, true, "1234", ""},
		"list": {func(o *office) { o.state.list = down }, func(ctx context.Context, o *office) error {
			_, err := o.List(ctx, "alice")
			return err
		}, true, "1234", ""},
		"by id, of one that does not end": {func(o *office) { o.state.revoke = down },
			func(ctx context.Context, o *office) error {
				list, err := o.List(ctx, "alice")
				return cmp.Or(err, o.EndOne(ctx, "alice", list[0].ID, "why"))
			}, true, "1234", ""},
		"list, without the labels": {func(o *office) { o.state.kept = down }, func(ctx context.Context, o *office) error {
			_, err := o.List(ctx, "alice")
			return err
		}, true, "1234", ""},
		"sid": {func(o *office) { o.state.list = down }, func(ctx context.Context, o *office) error {
			_, err := o.EndSID(ctx, "s-1", "why")
			return err
		}, true, "1234", ""},
		"limit": {func(o *office) { o.state.list = down },
			func(ctx context.Context, o *office) error { return o.Limit(ctx, o.records[0], 1, "why") }, true, "1234", ""},
		"limit, of the first": {func(o *office) { o.state.revoke = down },
			func(ctx context.Context, o *office) error { return o.Limit(ctx, o.records[2], 1, "why") }, true, "1234", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t)
				tt.fail(o)
				if err := tt.call(t.Context(), o); errors.Is(err, shared.ErrUnavailable) != tt.fails || !tt.fails && err != nil {
					t.Errorf("%v", err)
				}
				if got := strings.Join(o.reports, ", "); got != tt.report {
					t.Errorf("reported %q, want %q", got, tt.report)
				}
				o.state.list, o.state.revoke = nil, nil
				if alive := o.alive(); alive != tt.alive {
					t.Errorf("alive: %s, want %s", alive, tt.alive)
				}
			})
		})
	}
}
