package revocation_test

import (
	"context"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/revocation"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// failsOnce fails one call of Revoked: the first one if n is 1.
type failsOnce struct {
	revocation.State
	n int
}

func (s *failsOnce) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	if s.n--; s.n == 0 {
		return nil, errDown
	}
	return s.State.Revoked(ctx, keys...)
}

// TestOneFailure: a single lookup that fails is an error, although all others find nothing that ended the session.
func TestOneFailure(t *testing.T) {
	ctx := t.Context()
	for name, tt := range map[string]struct {
		n    int
		call func(l *revocation.Ledger, ref revocation.Ref) error
	}{
		"of the actor": {1, func(l *revocation.Ledger, ref revocation.Ref) error {
			ref.Actor = shared.Hash{7}
			ended, err := l.Ended(ctx, ref)
			if ended {
				t.Error("ended")
			}
			return err
		}},
		"of the session": {1, func(l *revocation.Ledger, ref revocation.Ref) error {
			_, err := l.Ended(ctx, ref)
			return err
		}},
		"of the provider's time": {2, func(l *revocation.Ledger, ref revocation.Ref) error {
			ended, err := l.Ended(ctx, ref)
			if ended {
				t.Error("ended")
			}
			return err
		}},
		"at the sign-in": {1, func(l *revocation.Ledger, _ revocation.Ref) error {
			_, err := l.Began(ctx, record(0, 0))
			return err
		}},
		"of a listed session": {1, func(l *revocation.Ledger, ref revocation.Ref) error {
			if err := l.Enlist(ctx, ref, time.Hour); err != nil {
				t.Error(err)
			}
			_, err := l.OfUser(ctx, "alice")
			return err
		}},
	} {
		s := state.NewMemory(0)
		late := ledgerWith(s, audience, app) // a logout token that is older than the sign-in
		if err := late.EndByProvider(ctx, "alice", "", time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
		l := ledgerWith(&failsOnce{s, tt.n}, audience, app)
		if err := tt.call(l, l.RefOf(record(time.Minute, time.Minute))); !errors.Is(err, shared.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type noDelisting struct{ *state.Memory }

func (noDelisting) Delist(context.Context, string, string) error { return errDown }

// TestDelistingFails: a session that stays in the list is an error.
func TestDelistingFails(t *testing.T) {
	l := ledgerWith(noDelisting{state.NewMemory(0)}, audience, app)
	if err := l.Delist(t.Context(), l.RefOf(record(0, 0))); !errors.Is(err, errDown) {
		t.Error(err)
	}
}

// TestOddEntries: what is no entry is no session, in a list too.
func TestOddEntries(t *testing.T) {
	owner := shared.Key(shared.KindUser, audience.Hash("alice"))
	s := state.NewMemory(0)
	l := ledgerWith(s, audience, app)
	bytes := func(n int) string { return base64.RawURLEncoding.EncodeToString(make([]byte, n)) }
	good := l.RefOf(record(0, 0)).Entries()[0]
	if _, ok := revocation.ParseEntry(good); !ok {
		t.Fatalf("%+v does not parse", good)
	}
	for _, e := range []revocation.Entry{
		{Owner: owner, Session: ""}, {Owner: owner, Session: "%"}, {Owner: owner, Session: good.Session + "="},
		{Owner: owner, Session: bytes(47)}, {Owner: owner, Session: bytes(49)},
		{Owner: owner[1:], Session: good.Session}, {Owner: owner + "0", Session: good.Session},
		{Owner: "u" + owner[1:32] + "x", Session: good.Session}, {Session: good.Session},
	} {
		if ref, ok := revocation.ParseEntry(e); ok || ref != (revocation.Ref{}) {
			t.Errorf("%+v is %+v", e, ref)
		}
		if err := s.Enlist(t.Context(), owner, e.Session+"%", time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if listed, err := l.OfUser(t.Context(), "alice"); len(listed) != 0 || err != nil {
		t.Errorf("%+v, %v", listed, err)
	}
	alone := record(0, 0)
	if alone.SID = ""; len(l.RefOf(alone).Entries()) != 1 {
		t.Errorf("a session without a sid has the entries %+v", l.RefOf(alone).Entries())
	}
}

// TestFastClock: an end is later than the last one, which an instance with a fast clock has made.
func TestFastClock(t *testing.T) {
	s := state.NewMemory(0)
	l := ledgerWith(s, audience, app)
	key, fast := shared.Key(shared.KindUser, audience.Hash("alice")), time.Now().Add(3*time.Second)
	if err := errors.Join(s.Revoke(t.Context(), key, fast, time.Hour), l.EndUser(t.Context(), "alice")); err != nil {
		t.Fatal(err)
	}
	if times, err := s.Revoked(t.Context(), key); err != nil || !times[0].After(fast) {
		t.Errorf("%v, %v; want after %v", times, err, fast)
	}
}

// TestListOfActor: a session in which a user acts as another one is in the list of the user who acts.
func TestListOfActor(t *testing.T) {
	l, r := newLedger(), record(0, 0)
	l.SetHashes(r, "boss")
	if err := l.Enlist(t.Context(), l.RefOf(r), time.Hour); err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]int{"alice": 0, "boss": 1} {
		if refs, err := l.OfUser(t.Context(), user); len(refs) != want || err != nil {
			t.Errorf("%s has %+v, %v", user, refs, err)
		}
	}
}

// TestEndOfActor: what ends the sessions of a user ends those in which that user acts as another one.
func TestEndOfActor(t *testing.T) {
	for actor, want := range map[string]bool{"": false, "boss": true, "other": false} {
		l := newLedger()
		r := record(time.Minute, time.Minute)
		l.SetHashes(r, actor)
		if err := l.EndUser(t.Context(), "boss"); err != nil {
			t.Fatal(err)
		}
		if ended := ended(t, l, r); ended != want {
			t.Errorf("%q acts: ended %t", actor, ended)
		}
	}
}
