package revocation_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/revocation"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

const (
	audience = shared.Audience("https://idp.example app ")
	app      = shared.Audience("https://app.example ")
)

func newLedger() *revocation.Ledger { return ledgerWith(state.NewMemory(0), audience, app) }

func ledgerWith(s revocation.State, audience, app shared.Audience) *revocation.Ledger {
	return revocation.New(revocation.Config{
		State: s, Audience: audience, App: app, StepUps: true, Lifetime: time.Hour,
	})
}

// record returns alice's session, whose sign-in started and whose ID token was issued that long before now.
func record(started, issued time.Duration) *session.Record {
	now := time.Now()
	return &session.Record{
		ID: shared.Hash{1}, Subject: "alice", SID: "s-1", Started: now.Add(-started),
		Issued: now.Add(-issued).Truncate(time.Second),
	}
}

// ended reports whether a session was ended: by its Ref, and by its record with and without the hashes that are kept
// since some version.
func ended(t *testing.T, l *revocation.Ledger, r *session.Record) bool {
	t.Helper()
	hashed := *r
	l.SetHashes(&hashed, "")
	ended, err := l.Ended(t.Context(), l.RefOf(r))
	for _, r := range []*session.Record{r, &hashed} {
		v, judgeErr := l.Judge(t.Context(), r)
		if v.Ended != ended {
			t.Errorf("ended %t by the Ref, and %t by %+v", ended, v.Ended, r)
		}
		err = errors.Join(err, judgeErr)
	}
	if err != nil {
		t.Error(err)
	}
	return ended
}

// TestJudge: which ends apply to a session, on the clocks of the app and of the provider.
func TestJudge(t *testing.T) {
	const minute = time.Minute
	for name, tt := range map[string]struct {
		started, issued time.Duration // before now
		end             func(ctx context.Context, l *revocation.Ledger) error
		ended           bool
	}{
		"nothing": {minute, minute, func(context.Context, *revocation.Ledger) error { return nil }, false},
		"itself": {minute, minute, func(ctx context.Context, l *revocation.Ledger) error {
			return l.EndSession(ctx, shared.Hash{1})
		}, true},
		"itself, before it is saved": {-minute, -minute, func(ctx context.Context, l *revocation.Ledger) error {
			return l.EndSession(ctx, shared.Hash{1})
		}, true},
		"another session": {minute, minute, func(ctx context.Context, l *revocation.Ledger) error {
			return l.EndSession(ctx, shared.Hash{2})
		}, false},
		"the user": {minute, minute, func(ctx context.Context, l *revocation.Ledger) error {
			return l.EndUser(ctx, "alice")
		}, true},
		"another user": {minute, minute, func(ctx context.Context, l *revocation.Ledger) error {
			return l.EndUser(ctx, "bob")
		}, false},
		"all users": {minute, minute, func(ctx context.Context, l *revocation.Ledger) error { return l.EndAll(ctx) }, true},
		"all users, before its sign-in": {-minute, -minute, func(ctx context.Context, l *revocation.Ledger) error {
			return l.EndAll(ctx)
		}, false},
		"before its sign-in": {-minute, -minute, func(ctx context.Context, l *revocation.Ledger) error {
			return l.EndUser(ctx, "alice")
		}, false},
		"within the skew": {-4 * time.Second, 0, func(ctx context.Context, l *revocation.Ledger) error {
			return l.EndUser(ctx, "alice")
		}, true},
		"a logout token":       {minute, minute, byProvider("alice", "", 0), true},
		"of the sid":           {minute, minute, byProvider("", "s-1", 0), true},
		"of both":              {minute, minute, byProvider("alice", "s-1", 0), true},
		"of another sid":       {minute, minute, byProvider("alice", "s-2", 0), false},
		"of another user":      {minute, minute, byProvider("bob", "s-1", 0), false},
		"older than the token": {minute, minute, byProvider("alice", "", 2*minute), false},
		"of the same second":   {minute, minute, byProvider("alice", "", minute), true},
		"before the sign-in":   {-minute, -minute, byProvider("alice", "", 0), false},
		"a fast provider":      {-minute, 0, byProvider("alice", "", -minute), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLedger()
				if err := tt.end(t.Context(), l); err != nil {
					t.Fatal(err)
				}
				if ended := ended(t, l, record(tt.started, tt.issued)); ended != tt.ended {
					t.Errorf("ended %t, want %t", ended, tt.ended)
				}
			})
		})
	}
}

// byProvider ends sessions by a logout token of that age.
func byProvider(subject, sid string, age time.Duration) func(context.Context, *revocation.Ledger) error {
	return func(ctx context.Context, l *revocation.Ledger) error {
		return l.EndByProvider(ctx, subject, sid, time.Now().Add(-age).Truncate(time.Second))
	}
}

// TestUpdate: an update ends the previous state of a session, and not the session.
func TestUpdate(t *testing.T) {
	l, r := newLedger(), record(time.Minute, time.Minute)
	at := time.Now().Truncate(time.Microsecond)
	if err := l.Update(t.Context(), r.ID, at); err != nil {
		t.Fatal(err)
	}
	l.SetHashes(r, "")
	v, err := l.Judge(t.Context(), r)
	if v.Ended || !v.Updated.Equal(at) || !v.StepUp.IsZero() || err != nil {
		t.Errorf("%+v, %v; want %v", v, err, at)
	}
}

// TestSignInAgain: a session that begins right after an end, of its user or of the actor, lives, and ends with the next
// one, also if that comes before the session is saved.
func TestSignInAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		for _, user := range []string{"alice", "boss", "alice"} {
			if err := l.EndUser(t.Context(), user); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
			r := record(0, 0)
			l.SetHashes(r, "boss")
			var err error
			if r.Began, err = l.Began(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if ended(t, l, r) {
				t.Fatal("ended by what was before it")
			}
			time.Sleep(time.Millisecond)
			if err := l.EndUser(t.Context(), user); err != nil {
				t.Fatal(err)
			}
			if r.Began, err = l.Began(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if !ended(t, l, r) {
				t.Error("not ended by what was after it")
			}
			time.Sleep(time.Minute)
		}
	})
}

// TestEndAll: one mark ends the sessions of all audiences of the app, whose users can sign in again at once, and none
// of another app that shares the state.
func TestEndAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := state.NewMemory(0)
		l, second := ledgerWith(s, audience, app), ledgerWith(s, "second ", app)
		other := ledgerWith(s, audience, "https://other.example ")
		r := record(time.Minute, time.Minute)
		if err := l.EndAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			ledger *revocation.Ledger
			want   bool
		}{{l, true}, {second, true}, {other, false}} {
			if ended := ended(t, tt.ledger, r); ended != tt.want {
				t.Errorf("ended %t, want %t", ended, tt.want)
			}
		}
		time.Sleep(time.Millisecond)
		again := record(0, 0)
		var err error
		if again.Began, err = l.Began(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		if ended(t, l, again) {
			t.Error("signed in again, and ended")
		}
	})
}

// TestStepUp: something that happened at the provider makes the sessions of before require an authentication, and ends
// none. It is compared as a logout token is.
func TestStepUp(t *testing.T) {
	const minute = time.Minute
	for name, tt := range map[string]struct {
		started, issued, happened time.Duration // before now
		subject, actor            string
		want, without             bool
	}{
		"before it":                  {started: minute, issued: minute, subject: "alice", want: true},
		"another user":               {started: minute, issued: minute, subject: "bob"},
		"signed in since it":         {started: minute, issued: minute, happened: 2 * minute, subject: "alice"},
		"signed in since it arrived": {started: -minute, issued: -minute, subject: "alice"},
		"a fast provider":            {started: -minute, happened: -minute, subject: "alice"},
		"of the actor":               {started: minute, issued: minute, subject: "bob", actor: "bob", want: true},
		"not for this app":           {started: minute, issued: minute, subject: "alice", without: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, state := range []revocation.State{
					state.NewMemory(0), struct{ revocation.State }{state.NewMemory(0)}, // the second rules nothing out
				} {
					l := revocation.New(revocation.Config{
						State: state, Audience: audience, App: app, StepUps: !tt.without, Lifetime: time.Hour,
					})
					happened := time.Now().Add(-tt.happened)
					if err := l.StepUp(t.Context(), tt.subject, happened); err != nil {
						t.Fatal(err)
					}
					r := record(tt.started, tt.issued)
					l.SetHashes(r, tt.actor)
					v, err := l.Judge(t.Context(), r)
					if v.Ended || v.StepUp.IsZero() == tt.want || tt.want && !v.StepUp.Equal(happened) || err != nil {
						t.Errorf("%T: %+v, %v; want a step-up: %t", state, v, err, tt.want)
					}
				}
			})
		})
	}
}

// TestIndex: the sessions of a user and of a sid, as stored in the entries.
func TestIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		old, young := l.RefOf(record(2*time.Minute, time.Minute)), l.RefOf(record(time.Minute, time.Second))
		young.ID, old.Began = shared.Hash{2}, old.Started.Add(-3*time.Second)
		for _, ref := range []revocation.Ref{old, young} {
			if err := l.Enlist(t.Context(), ref, time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		byUser, err := l.OfUser(t.Context(), "alice")
		bySID, errSID := l.OfSID(t.Context(), "s-1")
		if want := []revocation.Ref{young, old}; err != nil || errSID != nil || !slices.EqualFunc(byUser, want, same) ||
			!slices.EqualFunc(bySID, want, same) {
			t.Fatalf("by user %+v, %v\nby sid %+v, %v\nwant %+v", byUser, err, bySID, errSID, want)
		}
		if err := errors.Join(l.EndSession(t.Context(), young.ID), l.Delist(t.Context(), old)); err != nil {
			t.Fatal(err)
		}
		if left, err := l.OfUser(t.Context(), "alice"); len(left) != 0 || err != nil {
			t.Errorf("left %+v, %v", left, err)
		}
	})
}

func same(a, b revocation.Ref) bool {
	return a.ID == b.ID && a.Subject == b.Subject && a.SID == b.SID && a.Started.Equal(b.Started) &&
		a.Began.Equal(b.Began) && a.Issued.Equal(b.Issued)
}

// TestNoIndex: without lists, enlisting does nothing and is not an error, but requesting the list is.
func TestNoIndex(t *testing.T) {
	l := ledgerWith(noIndex{state.NewMemory(0)}, audience, app)
	ref := l.RefOf(record(0, 0))
	if err := errors.Join(l.Enlist(t.Context(), ref, time.Hour), l.Delist(t.Context(), ref)); err != nil {
		t.Error(err)
	}
	if _, err := l.OfUser(t.Context(), "alice"); !errors.Is(err, errors.ErrUnsupported) ||
		errors.Is(err, shared.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

type noIndex struct{ *state.Memory }

func (noIndex) Enlist(context.Context, string, string, time.Duration) error {
	return errors.ErrUnsupported
}
func (noIndex) Delist(context.Context, string, string) error     { return errors.ErrUnsupported }
func (noIndex) Listed(context.Context, string) ([]string, error) { return nil, errors.ErrUnsupported }

// TestFailures: what the state cannot report is an error and never "not ended".
func TestFailures(t *testing.T) {
	for name, s := range map[string]revocation.State{"down": down{}, "few answers": fewAnswers{state.NewMemory(0)}} {
		l := ledgerWith(s, audience, app)
		if ended, err := l.Ended(t.Context(), l.RefOf(record(0, 0))); ended || !errors.Is(err, shared.ErrUnavailable) {
			t.Errorf("%s: ended %t, %v", name, ended, err)
		}
		if began, err := l.Began(t.Context(), record(0, 0)); !began.IsZero() || !errors.Is(err, shared.ErrUnavailable) {
			t.Errorf("%s: began %v, %v", name, began, err)
		}
		if name != "down" {
			continue
		}
		for what, err := range map[string]error{
			"EndUser": l.EndUser(t.Context(), "alice"), "EndAll": l.EndAll(t.Context()),
			"EndByProvider": l.EndByProvider(t.Context(), "alice", "", time.Now()),
			"StepUp":        l.StepUp(t.Context(), "alice", time.Now()),
			"EndSession":    l.EndSession(t.Context(), shared.Hash{1}),
			"Update":        l.Update(t.Context(), shared.Hash{1}, time.Now()),
			"Ready":         l.Ready(t.Context(), shared.Probe),
			"a write alone": ledgerWith(readOnly{state.NewMemory(0)}, audience, app).EndUser(t.Context(), "alice"),
		} {
			if !errors.Is(err, shared.ErrUnavailable) || !errors.Is(err, errDown) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}

// unlisted is a state whose lists are away.
type unlisted struct{ *state.Memory }

func (unlisted) Enlist(context.Context, string, string, time.Duration) error {
	return errors.New("away")
}

func (unlisted) Listed(context.Context, string) ([]string, error) { return nil, errDown }

// TestListFails: a session that could not be added to the lists is known as such, and a list that cannot be read is not
// taken for an empty one.
func TestListFails(t *testing.T) {
	l := ledgerWith(unlisted{state.NewMemory(0)}, audience, app)
	if err := l.Enlist(t.Context(), l.RefOf(record(0, 0)), time.Hour); err == nil {
		t.Error("no error")
	}
	if refs, err := l.OfUser(t.Context(), "alice"); refs != nil || !errors.Is(err, shared.ErrUnavailable) {
		t.Errorf("%+v, %v", refs, err)
	}
}

// TestSameAtProvider: sessions are one at the provider if its identifier says so, and never without one.
func TestSameAtProvider(t *testing.T) {
	l := newLedger()
	one, two, none, bob := record(0, 0), record(0, 0), record(0, 0), record(0, 0)
	two.SID, none.SID, bob.Subject = "s-2", "", "bob"
	for _, tt := range []struct {
		a, b *session.Record
		want bool
	}{{one, one, true}, {one, two, false}, {none, none, false}, {one, none, false}, {one, bob, false}} {
		if got := l.RefOf(tt.a).SameAtProvider(l.RefOf(tt.b)); got != tt.want {
			t.Errorf("%q and %q: %t", tt.a.SID, tt.b.SID, got)
		}
	}
}

// TestFailuresOfTwins: if the time on the provider's clock cannot be read, a session is not judged, neither as that of
// its user nor as that of its actor.
func TestFailuresOfTwins(t *testing.T) {
	l := ledgerWith(noTwins{state.NewMemory(0)}, audience, app)
	if err := l.EndByProvider(t.Context(), "bob", "", time.Now()); err != nil {
		t.Fatal(err)
	}
	ofUser, ofActor := record(time.Minute, time.Minute), record(time.Minute, time.Minute)
	ofUser.Subject, ofActor.ActorHash = "bob", audience.Hash("bob")
	for name, r := range map[string]*session.Record{"user": ofUser, "actor": ofActor} {
		if v, err := l.Judge(t.Context(), r); v.Ended || !errors.Is(err, shared.ErrUnavailable) {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
}

type noTwins struct{ *state.Memory }

func (s noTwins) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	if strings.HasSuffix(keys[0], "i") {
		return nil, errDown
	}
	return s.Memory.Revoked(ctx, keys...)
}

// TestEndTwiceAtOnce: of two ends at one moment, also by clocks that differ, the second one ends what began between
// them.
func TestEndTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		if err := l.EndUser(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		r := record(-time.Millisecond, 0)
		var err error
		if r.Began, err = l.Began(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		for _, want := range []bool{false, true} {
			if ended := ended(t, l, r); ended != want {
				t.Errorf("ended %t, want %t", ended, want)
			}
			if err := l.EndUser(t.Context(), "alice"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

var errDown = errors.New("down")

type down struct{ revocation.State }

func (down) Revoke(context.Context, string, time.Time, time.Duration) error { return errDown }
func (down) Revoked(context.Context, ...string) ([]time.Time, error)        { return nil, errDown }

type readOnly struct{ *state.Memory }

func (readOnly) Revoke(context.Context, string, time.Time, time.Duration) error { return errDown }

type fewAnswers struct{ revocation.State }

func (s fewAnswers) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	times, err := s.State.Revoked(ctx, keys...)
	return times[1:], err
}

// FuzzParseEntry: any entry parses or does not, without a panic, and what parses is written the same.
func FuzzParseEntry(f *testing.F) {
	for _, e := range newLedger().RefOf(record(time.Minute, time.Minute)).Entries() {
		f.Add(e.Owner, e.Session)
	}
	f.Add("", "")
	f.Add("u", "AA")
	f.Fuzz(func(t *testing.T, owner, text string) {
		ref, ok := revocation.ParseEntry(revocation.Entry{Owner: owner, Session: text})
		if !ok {
			return
		}
		again, ok := revocation.ParseEntry(ref.Entries()[0])
		if !ok || !same(again, ref) && ref.Issued.Unix() >= 0 && !ref.Began.Before(ref.Started.Add(-16*time.Second)) {
			t.Errorf("%+v is written as %+v", ref, again)
		}
	})
}
