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

// SessionInfo describes one session of a user. It is safe to send to that user as JSON.
type SessionInfo struct {
	ID      string    `json:"id"`              // for EndUserSession; the session cookie cannot be derived from it
	Started time.Time `json:"started"`         // when the user began to sign in
	Current bool      `json:"current"`         // whether it is the session of this request
	Label   string    `json:"label,omitempty"` // what Config.SessionLabel returned
}

// UserSessions returns the sessions of a user of the configured issuer, on all instances that share State, newest
// first. With several providers it needs [Auth.ForProvider]. The error is [ErrSessionStore] if State does not respond,
// and wraps [errors.ErrUnsupported] if State keeps no list.
func (a *Auth) UserSessions(ctx context.Context, subject string) ([]SessionInfo, error) {
	rp, err := a.providers.forCall(requestContext(ctx), a.provider)
	if err != nil {
		return nil, err
	}
	refs, err := rp.ledger.OfUser(requestContext(ctx), subject)
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
		if infos[i].Label, err = a.sessionLabel(ctx, ref.ID, subject); err != nil {
			return nil, err
		}
	}
	return infos, nil
}

// EndUserSession ends one session of a user, by an id from [Auth.UserSessions]. It is idempotent, and it cannot end a
// session of another user. An unknown id is not an error. With several providers it needs [Auth.ForProvider]. The error
// is [ErrSessionStore] if State does not respond, and wraps [errors.ErrUnsupported] if State keeps no list.
func (a *Auth) EndUserSession(ctx context.Context, subject, id string) error {
	ctx = requestContext(ctx)
	rp, err := a.providers.forCall(ctx, a.provider)
	if err != nil {
		return err
	}
	refs, err := rp.ledger.OfUser(ctx, subject)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if hex.EncodeToString(ref.ID[:]) == id {
			return rp.ledger.endListed(ctx, ref, SessionEnd{Subject: subject, Reason: EndedByApp})
		}
	}
	return nil
}

// EndOtherSessions ends all sessions of the user who makes the request except the one of the request, for example after
// a change of password. It does not reach copies of the cookie of this session: to end those too, use
// [Auth.EndUserSessions]. The error is [ErrUnauthenticated] if nobody is signed in, and wraps [errors.ErrUnsupported]
// if State keeps no list.
func (a *Auth) EndOtherSessions(ctx context.Context) error {
	req := requestIn(ctx, a.core)
	if req == nil {
		return ErrUnauthenticated
	}
	own, err := req.ownSession(ctx)
	if err != nil {
		return err
	}
	ctx = requestContext(ctx)
	ledger := a.providers.ofSession(&own.Record).ledger
	refs, err := ledger.OfUser(ctx, own.Subject)
	for _, ref := range refs {
		if ref.ID != own.ID && err == nil {
			err = ledger.endListed(ctx, ref, SessionEnd{Subject: own.Subject, Reason: EndedByApp})
		}
	}
	return err
}

// SessionEnded reports whether the session of the request with this context has ended or expired since it was opened.
// It returns true if nobody was signed in. A guard checks the session once, at the start of a request; long-lived
// responses, such as event streams and WebSockets, must check it again. A check costs as much as a guard. Renewals by
// other requests are not seen, so the idle limit counts from the start of the request. The error is [ErrSessionStore]
// if State does not respond.
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
	ledger := a.providers.ofSession(&s.Record).ledger
	return ledger.Ended(requestContext(ctx), ledger.RefOf(&s.Record))
}

// newLedger returns the ledger of sessions of an audience, or of the app.
func (a *core) newLedger(audience shared.Audience, stepUps bool) *revocation.Ledger {
	return revocation.New(revocation.Config{
		State: a.state, Audience: audience, App: shared.Audience(a.config.audience()), StepUps: stepUps,
		Lifetime: a.config.SessionLifetime + a.config.AttemptLife,
	})
}

// sessionLedger is the ledger of the sessions that one provider's users have. It reports what it ends.
type sessionLedger struct {
	*revocation.Ledger
	*reporter
}

// endListed ends a session of which only the entry in the list is known.
func (l sessionLedger) endListed(ctx context.Context, ref revocation.Ref, e SessionEnd) error {
	if err := l.EndSession(ctx, ref.ID); err != nil {
		return err
	}
	l.delist(ctx, ref)
	l.sessionEnded(ctx, e)
	return nil
}

// limit ends the oldest sessions of a user who has more than most, unless that is 0. It never ends the session that has
// just begun (case 152), even if another one started later, while the user was at the provider. A session in which
// somebody else acts as the user does not count, so that it ends none of the user's own.
func (l sessionLedger) limit(ctx context.Context, begun *session.Session, most int) error {
	if most == 0 || len(begun.Actor) > 0 {
		return nil
	}
	refs, err := l.OfUser(ctx, begun.Subject)
	others := slices.DeleteFunc(refs, func(ref revocation.Ref) bool { return ref.ID == begun.ID })
	for i := most - 1; err == nil && i < len(others); i++ {
		err = l.endListed(ctx, others[i], SessionEnd{Subject: begun.Subject, Reason: EndedByLimit})
	}
	return err
}

// enlist adds a session, which lasts for left without renewal, to the lists of its user. A failure is only logged and
// does not prevent the sign-in, because the lists only serve to display and count sessions.
func (l sessionLedger) enlist(ctx context.Context, s *session.Session, left time.Duration) {
	if err := l.Enlist(ctx, l.RefOf(&s.Record), left); err != nil {
		l.emit(ctx, event{kind: eventSessionNotListed, subject: s.Subject, err: err})
	}
}

// delist removes a session from the lists of its user. A failure is only logged: the session has ended already.
func (l sessionLedger) delist(ctx context.Context, ref revocation.Ref) {
	if err := l.Delist(ctx, ref); err != nil {
		l.emit(ctx, event{kind: eventSessionStillListed, err: err})
	}
}

// EndUserSessions ends all sessions of a user of the configured issuer, on all instances that share State, with their
// next request. The user can sign in again at once. The provider is not informed. Call it when the app locks or deletes
// an account, or when a password was changed elsewhere. With several providers it needs [Auth.ForProvider]. The error
// is [ErrSessionStore] if State does not respond.
func (a *Auth) EndUserSessions(ctx context.Context, subject string) error {
	ctx = requestContext(ctx)
	rp, err := a.providers.forCall(ctx, a.provider)
	if err != nil {
		return err
	}
	if err := rp.ledger.EndUser(ctx, subject); err != nil {
		return err
	}
	rp.sessionEnded(ctx, SessionEnd{Subject: subject, Reason: EndedByApp})
	return nil
}

// EndAllSessions ends all sessions of all users, on all instances that share State, with their next request: for
// example after a break-in. It costs as much as ending one session, however many there are. Users can sign in again at
// once. The provider is not informed. [Config].OnSessionEnd is called once, without Subject and SID.
func (a *Auth) EndAllSessions(ctx context.Context) error {
	ctx = requestContext(ctx)
	if err := a.newLedger("", false).EndAll(ctx); err != nil {
		return err
	}
	a.sessionEnded(ctx, SessionEnd{Reason: EndedByApp})
	return nil
}
