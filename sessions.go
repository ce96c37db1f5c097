package ginoidc

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/revocation"
	"github.com/seed-d65cea4d/ginoidc/internal/roster"
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
	list, err := rp.ledger.List(requestContext(ctx), subject)
	if err != nil {
		return nil, err
	}
	var current shared.Hash
	if req := requestIn(ctx, a.core); req != nil {
		if s, err := req.ownSession(ctx); err == nil {
			current = s.ID
		}
	}
	infos := make([]SessionInfo, len(list))
	for i, e := range list {
		infos[i] = SessionInfo{ID: e.ID, Started: e.Started, Current: e.Hash == current, Label: e.Label}
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
	return rp.ledger.EndOne(ctx, subject, id, string(EndedByApp))
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
	return relyingPartyOf(&own.Record).ledger.EndOthers(requestContext(ctx), &own.Record, string(EndedByApp))
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
	return rp.ledger.EndUser(ctx, subject, string(EndedByApp))
}

// EndAllSessions ends all sessions of all users, on all instances that share State, with their next request: for
// example after a break-in. It costs as much as ending one session, however many there are. Users can sign in again at
// once. The provider is not informed. [Config].OnSessionEnd is called once, without Subject and SID.
func (a *Auth) EndAllSessions(ctx context.Context) error {
	return a.ledger.EndAll(requestContext(ctx), string(EndedByApp))
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
	id, _ := a.requestOf(c).identify(c)
	if id.nobody() { // or it is not known who makes the request
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
			if over, _ := flight.Try(a.log, func() (bool, error) { return a.SessionEnded(ctx) }); over {
				return
			}
		}
	}()
	return ended
}

// SharedState holds what the instances of an app share about sessions. A single process does not need one; for several,
// package redisstate keeps it in Redis. Implementations must be safe for concurrent use, and each method must bound its
// own time.
//
// Keys, owners and sessions are opaque ASCII strings of at most 128 bytes. They contain neither a subject nor an e-mail
// address in the clear. The first byte of a key is a letter for its kind, so that an implementation can limit each kind
// separately.
//
// A method that an implementation does not support returns an error that wraps [errors.ErrUnsupported]. [New] calls
// each method once, with keys that begin with "probe", for at most a second in total. It fails without Revoke, Revoked
// or MarkUsed, and without the list if MaxSessions needs it; for the other methods it logs what is lost. Any other
// error means that the state does not respond at the moment: requests then get 503, and nobody is signed out.
type SharedState interface {
	// Revoke remembers for ttl that key was revoked at the given time. Of several calls, the latest time and the longest
	// ttl count.
	Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error
	// Revoked returns, for each key in order, when it was revoked, or the zero time if it was not.
	Revoked(ctx context.Context, keys ...string) ([]time.Time, error)
	// MarkUsed remembers key for ttl and reports whether it is new. It returns true exactly once across all instances,
	// which stops replays. Anonymous requests can create keys of the kind 'a', so bound their number. If there is no room,
	// return true and forget another key: the provider still refuses to redeem its code twice.
	MarkUsed(ctx context.Context, key string, ttl time.Duration) (first bool, err error)

	// Enlist, Delist and Listed keep the list of a user's sessions, for [Auth.UserSessions], MaxSessions and front-channel
	// logout. It is independent of the store that holds the sessions.
	//
	// Enlist remembers for ttl that session belongs to owner. A second call replaces the ttl.
	Enlist(ctx context.Context, owner, session string, ttl time.Duration) error
	// Delist removes a session of owner. It is not an error if there is none.
	Delist(ctx context.Context, owner, session string) error
	// Listed returns the sessions of owner that have not expired, in any order. If there are very many, it may return the
	// newest thousand only.
	Listed(ctx context.Context, owner string) ([]string, error)

	// Lease, Keep and Kept let one instance do some work while the others wait for its result: a refresh of tokens, an
	// update of a session, a callback. Without them each instance works on its own. Anonymous requests can create keys of
	// the kind 'c', which last for ten seconds or as long as one callback takes.
	//
	// Lease takes key for ttl. If ok is false, another caller holds it. release gives up the key, unless the lease has
	// expired and another caller holds it by then.
	Lease(ctx context.Context, key string, ttl time.Duration) (release func(context.Context) error, ok bool, err error)
	// Keep stores value, a sealed text of at most 16 kB, for ttl. A second call replaces it.
	Keep(ctx context.Context, key, value string, ttl time.Duration) error
	// Kept returns the stored value. It is not an error if there is none.
	Kept(ctx context.Context, key string) (value string, ok bool, err error)
}

// unsupported returns those of the methods that State does not support.
func (c *Config) unsupported(methods []string) []string {
	return slices.DeleteFunc(methods, func(name string) bool { return !slices.Contains(c.lacksMethods, name) })
}

// warnOfState logs which features are lost with a State that does not support every method.
func (c *Config) warnOfState() {
	if missing := c.unsupported(shared.ListMethods()); len(missing) > 0 {
		c.Logger.Warn("ginoidc: State keeps no list of sessions, so front-channel logout ends none without a cookie, "+
			"and UserSessions and EndUserSession fail", "unsupported", missing)
	}
	if missing := c.unsupported(shared.LeaseMethods()); len(missing) > 0 && c.keepsTokens() {
		c.Logger.Warn("ginoidc: State shares no refreshes, so each instance refreshes tokens by itself, "+
			"and a provider that rotates refresh tokens ends the grant", "unsupported", missing)
	}
}

// newRoster returns the roster of the sessions of one provider's users, or of all.
func newRoster(
	cfg *Config, state SharedState, audience shared.Audience, stepUps bool, labels revocation.Labels, r *reporter,
) roster.Roster {
	return roster.Roster{Labels: labels, Events: r.events, Ledger: revocation.New(revocation.Config{
		State: state, Audience: audience, App: shared.Audience(cfg.audience()), StepUps: stepUps,
		Lifetime: cfg.SessionLifetime + cfg.AttemptLife,
	})}
}
