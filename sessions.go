package ginoidc

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
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
	rp, err := a.providers.ForCall(requestContext(ctx), a.provider)
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
		if infos[i].Label, err = a.labels.Of(requestContext(ctx), ref.ID, subject); err != nil {
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
	rp, err := a.providers.ForCall(ctx, a.provider)
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
	ledger := relyingPartyOf(&own.Record).ledger
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
	ledger := relyingPartyOf(&s.Record).ledger
	return ledger.Ended(requestContext(ctx), ledger.RefOf(&s.Record))
}

// EndUserSessions ends all sessions of a user of the configured issuer, on all instances that share State, with their
// next request. The user can sign in again at once. The provider is not informed. Call it when the app locks or deletes
// an account, or when a password was changed elsewhere. With several providers it needs [Auth.ForProvider]. The error
// is [ErrSessionStore] if State does not respond.
func (a *Auth) EndUserSessions(ctx context.Context, subject string) error {
	ctx = requestContext(ctx)
	rp, err := a.providers.ForCall(ctx, a.provider)
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
	if err := newLedger(a.core, "", false).EndAll(ctx); err != nil {
		return err
	}
	a.sessionEnded(ctx, SessionEnd{Reason: EndedByApp})
	return nil
}

// watchEvery is the interval at which Ended checks the session.
const watchEvery = time.Second

// Ended returns a channel that is closed within about a second after the session of the request ends: by a sign-out on
// any instance that shares State, by the provider, or by expiry. Use it in event streams and WebSockets, because a
// guard checks the session only once, at the start of a request.
//
//	ended := auth.Ended(c)
//	for {
//		select {
//		case <-ended:
//			return
//		case event := <-events:
//			c.SSEvent("", event)
//			c.Writer.Flush()
//		}
//	}
//
// The channel is closed when the request is done, and at once if nobody is signed in. It stays open while State does
// not respond, and for users whom an [Authenticator] identified. Renewals by other requests are not seen, so the idle
// limit counts from the start of the request. Each call queries State once a second.
func (a *Auth) Ended(c *gin.Context) <-chan struct{} {
	ended := make(chan struct{})
	id, err := a.requestOf(c).identify(c)
	if err != nil || id.nobody() {
		close(ended)
		return ended
	}
	ctx := c.Request.Context()
	go func() {
		defer close(ended)
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if id.visit == nil {
				if by := id.access; by != nil && !by.Expires.IsZero() && !time.Now().Before(by.Expires) {
					return
				}
				continue
			}
			over, err := flight.Try(a.log, func() (bool, error) { return a.SessionEnded(ctx) })
			if over && err == nil {
				return
			}
		}
	}()
	return ended
}
