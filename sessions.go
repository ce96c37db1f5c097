package ginoidc

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/revocation"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// SessionInfo is one session of a user. It may be sent to that user as JSON.
type SessionInfo struct {
	ID      string    `json:"id"`      // for EndUserSession; the cookie cannot be derived from it
	Started time.Time `json:"started"` // when the user began to sign in
	Current bool      `json:"current"` // it is the session of the request whose context was given
}

// UserSessions lists the sessions in which a user of the configured issuer is signed in, on all instances that share
// State, newest first. The error wraps [errors.ErrUnsupported] where State keeps no list.
func (a *Auth) UserSessions(ctx context.Context, subject string) ([]SessionInfo, error) {
	refs, err := a.ledger.OfUser(requestContext(ctx), subject)
	if err != nil {
		return nil, err
	}
	var current shared.Hash
	if req := requestIn(ctx, a.core); req != nil {
		if s, err := req.ownSession(ctx); err == nil {
			current = s.ID
		}
	}
	infos := make([]SessionInfo, len(refs))
	for i, ref := range refs {
		infos[i] = SessionInfo{ID: hex.EncodeToString(ref.ID[:]), Started: ref.Started, Current: ref.ID == current}
	}
	return infos, nil
}

// EndUserSession ends one session of a user, by the id that [Auth.UserSessions] gave. It succeeds when there is none with
// that id, and leaves the sessions of other users alone. The error wraps [errors.ErrUnsupported] where State keeps no
// list.
func (a *Auth) EndUserSession(ctx context.Context, subject, id string) error {
	ctx = requestContext(ctx)
	refs, err := a.ledger.OfUser(ctx, subject)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if hex.EncodeToString(ref.ID[:]) == id {
			return a.endListed(ctx, ref, SessionEnd{Subject: subject, Reason: EndedByApp})
		}
	}
	return nil
}

// SessionEnded reports whether the session of the request whose context it is has ended since it was opened, by whomever or
// by its limits, and true when nobody was signed in. Guards look once, when a request comes in: what goes on for long, such
// as an event stream or a WebSocket, has to look again. It costs what a guard costs. Renewals by other requests are not
// seen, so the idle limit counts from the request's own beginning. [ErrSessionStore] when State cannot answer.
func (a *Auth) SessionEnded(ctx context.Context) (bool, error) {
	req := requestIn(ctx, a.core)
	if req == nil {
		return true, nil
	}
	s, err := req.ownSession(ctx)
	switch {
	case errors.Is(err, ErrUnauthenticated):
		return true, nil
	case err != nil:
		return false, err
	case a.sessions.Left(&s.Record) <= 0:
		return true, nil
	}
	return a.ledger.Ended(requestContext(ctx), a.ledger.RefOf(&s.Record))
}

// endListed ends a session of which no more is known than the index holds.
func (a *core) endListed(ctx context.Context, ref revocation.Ref, e SessionEnd) error {
	if err := a.ledger.EndSession(ctx, ref.ID); err != nil {
		return err
	}
	a.delist(ctx, ref)
	a.sessionEnded(ctx, e)
	return nil
}

// limitSessions ends the oldest sessions of a user who has more than Config.MaxSessions, and never the one that has just
// begun (case 152), although another may have been started while its user was at the provider.
func (a *core) limitSessions(ctx context.Context, begun *session.Session) error {
	if a.config.MaxSessions == 0 {
		return nil
	}
	refs, err := a.ledger.OfUser(ctx, begun.Subject)
	others := slices.DeleteFunc(refs, func(ref revocation.Ref) bool { return ref.ID == begun.ID })
	for i := a.config.MaxSessions - 1; err == nil && i < len(others); i++ {
		err = a.endListed(ctx, others[i], SessionEnd{Subject: begun.Subject, Reason: EndedByLimit})
	}
	return err
}

// enlist adds a session to the lists of its user. They are for people who look at their sessions, so a failure keeps
// nobody from signing in.
func (a *core) enlist(ctx context.Context, s *session.Session) {
	if err := a.ledger.Enlist(ctx, a.ledger.RefOf(&s.Record), a.sessions.Left(&s.Record)); err != nil {
		a.emit(ctx, event{kind: eventSessionNotListed, subject: s.Subject, err: err})
	}
}

func (a *core) delist(ctx context.Context, ref revocation.Ref) {
	if err := a.ledger.Delist(ctx, ref); err != nil {
		a.emit(ctx, event{kind: eventSessionStillListed, err: err})
	}
}

// EndUserSessions ends all sessions of a user of the configured issuer, on every instance that shares State, at their
// next request. Signing in again works at once. The provider is not told.
func (a *Auth) EndUserSessions(ctx context.Context, subject string) error {
	ctx = requestContext(ctx)
	if err := a.ledger.EndUser(ctx, subject); err != nil {
		return err
	}
	a.sessionEnded(ctx, SessionEnd{Subject: subject, Reason: EndedByApp})
	return nil
}
