// Package update changes the user of a session. Each update makes a new state of the session, with new cookies, and
// ends the one before it in the shared state, so that replaying an earlier cookie does not undo the change. For a
// while, requests that carry the earlier cookies are led to the new state.
package update

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/revocation"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

const (
	purpose = "updated session"

	grace = 10 * time.Second // for concurrent requests that carry the cookies from before the update
	limit = 10 * time.Second // how long an update waits for others of the same session
	lease = 20 * time.Second

	maxFollowed = 32 // how many updates within the grace a request follows
)

// Updates makes and finds the states of sessions. It is safe for concurrent use.
type Updates struct {
	Values      shared.Values
	Sessions    *session.Manager
	DropIDToken bool // an ID token for which there is no room may be dropped
	Events      *events.Reporter
	Log         *slog.Logger
}

// State is a state of a session. The zero value says that the session has ended.
type State struct {
	Session *session.Session
	Cookies []string      // lead to this state; nil if the request carries them itself
	Request *http.Request // as the browser would send it with these cookies; nil if they are nil
}

// Latest returns the latest state of s, which r carries, after updates by other requests. The caller sends its cookies,
// because the response with them may have been lost. The ledger is that of the session.
func (u *Updates) Latest(
	ctx context.Context, ledger *revocation.Ledger, r *http.Request, s *session.Session,
) (State, error) {
	v, err := ledger.Judge(ctx, &s.Record)
	if v.Ended || err != nil {
		return State{}, err
	}
	if !s.Updated.Before(v.Updated) {
		s.StepUp = v.StepUp
		return State{Session: s}, nil
	}
	for range maxFollowed {
		text, ok, err := u.Values.Kept(ctx, purpose, key(ledger, s), s.Owner())
		if !ok || err != nil {
			return State{}, err
		}
		cookies := strings.Split(text, "\n")
		r = cookie.After(r, cookies)
		next, err := u.Sessions.Load(r)
		if err != nil {
			return State{}, err
		}
		if next == nil || next.ID != s.ID || next.Subject != s.Subject || !next.Updated.After(s.Updated) {
			return State{}, nil
		}
		if s = next; !s.Updated.Before(v.Updated) {
			s.StepUp = v.StepUp
			return State{s, cookies, r}, nil
		}
	}
	return State{}, nil
}

// Turn waits until no other request updates the session, on whichever instance. The caller releases its turn. Without
// turns, two updates at the same time would begin with the same user, and one of the changes would be lost.
func (u *Updates) Turn(ctx context.Context, s *session.Session) (release func(), err error) {
	giveBack, _, err := u.Values.Turn(ctx, shared.Key(shared.KindUpdate, s.ID), lease, limit)
	if err != nil {
		return nil, err
	}
	return func() {
		if err := giveBack(context.WithoutCancel(ctx)); err != nil {
			u.Events.Emit(ctx, events.Event{Kind: events.LeaseNotReleased, Err: err})
		}
	}, nil
}

// Change replaces s, the latest state of a session, by one with the user of rec. The zero State says that the session
// has ended in the meantime. The change takes effect when the ledger records it, so after an error s is still valid.
func (u *Updates) Change(
	ctx context.Context, ledger *revocation.Ledger, r *http.Request, s *session.Session, rec session.Record,
) (State, error) {
	if ended, err := ledger.Ended(ctx, ledger.RefOf(&s.Record)); ended || err != nil {
		return State{}, err
	}
	var next State
	old := *s
	size := rec.Size() + len(old.SID) + len(old.AskedACR) + len(old.IDToken)
	err := u.Sessions.Fit(ctx, size, &old.IDToken, u.DropIDToken, func() (err error) {
		next.Session, next.Cookies, err = u.Sessions.Change(r, &old, rec, s.Updated)
		return err
	})
	if errors.Is(err, session.ErrGone) {
		return State{}, nil
	}
	if err != nil {
		return State{}, err
	}
	next.Request = cookie.After(r, next.Cookies)
	text := strings.Join(next.Cookies, "\n")
	if err := u.Values.Keep(ctx, purpose, key(ledger, s), s.Owner(), text, grace); err != nil {
		u.Log.DebugContext(ctx, "ginoidc: no grace for requests with the cookie from before the update", "error", err)
	}
	gone, err := false, ledger.Update(ctx, s.ID, next.Session.Updated)
	if err == nil {
		gone = u.retire(ctx, r, s)
	}
	if gone || err != nil {
		u.Sessions.Discard(next.Request)
		return State{}, err
	}
	return next, nil
}

// retire lets a store forget the state before an update, and reports whether the session was deleted meanwhile.
func (u *Updates) retire(ctx context.Context, r *http.Request, s *session.Session) (gone bool) {
	err := u.Sessions.Retire(r, s, grace)
	if gone = errors.Is(err, session.ErrGone); !gone && err != nil {
		u.Events.Emit(ctx, events.Event{Kind: events.OldStateStored, Subject: s.Subject, Err: err})
	}
	return gone
}

// key returns the key of the cookies that replace this state of a session.
func key(ledger *revocation.Ledger, s *session.Session) string {
	state := binary.BigEndian.AppendUint64(s.ID[:len(s.ID):len(s.ID)], uint64(s.Updated.UnixMicro()))
	return shared.Key(shared.KindUpdated, ledger.Audience().Hash("\x00updated "+string(state)))
}
