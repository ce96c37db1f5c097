package ginoidc

import (
	"context"
	"slices"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/revocation"
	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

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

// The methods of a SharedState by the features that need them.
func endingMethods() []string { return []string{"Revoke", "Revoked", "MarkUsed"} }
func listMethods() []string   { return []string{"Enlist", "Delist", "Listed"} }
func leaseMethods() []string  { return []string{"Lease", "Keep", "Kept"} }

// probeLimit is for all calls together, so that an app starts while its state is down.
const probeLimit = time.Second

// probeState records which methods State does not support. One that does not respond in time counts as supported.
func (c *Config) probeState() {
	if c.State == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeLimit)
	defer cancel()
	var once flight.Group[[]string]
	probe := func() ([]string, error) { return shared.Unsupported(ctx, c.State), nil }
	c.lacksMethods, _, _ = once.Do(ctx, "probe", probe)
}

// unsupported returns those of the methods that State does not support.
func (c *Config) unsupported(methods []string) []string {
	return slices.DeleteFunc(methods, func(name string) bool { return !slices.Contains(c.lacksMethods, name) })
}

// warnOfState logs which features are lost with a State that does not support every method.
func (c *Config) warnOfState() {
	if missing := c.unsupported(listMethods()); len(missing) > 0 {
		c.Logger.Warn("ginoidc: State keeps no list of sessions, so front-channel logout ends none without a cookie, "+
			"and UserSessions and EndUserSession fail", "unsupported", missing)
	}
	if missing := c.unsupported(leaseMethods()); len(missing) > 0 && c.keepsTokens() {
		c.Logger.Warn("ginoidc: State shares no refreshes, so each instance refreshes tokens by itself, "+
			"and a provider that rotates refresh tokens ends the grant", "unsupported", missing)
	}
}

// seals encrypt and authenticate texts that leave the process. Each purpose has its own keys, so a text sealed for one
// cannot be used for another.
type seals struct {
	kept       *sealed.Text // values that one request keeps for others, in the shared state
	recent     *sealed.Text // the sign-in that a browser has just completed, in a cookie of the sign-in route
	parameters *sealed.Text // parameters that the app adds to a sign-in, in a URL
	proofs     *sealed.Text // the nonces of DPoP proofs
}

// newSeals derives the keys of each purpose from the cookie secrets.
func newSeals(secrets []string, audience string) (s seals, err error) {
	for purpose, text := range map[string]**sealed.Text{
		"kept values": &s.kept, "landed": &s.recent, "sign-in parameters": &s.parameters,
		"DPoP nonce": &s.proofs,
	} {
		if *text, err = sealed.New(purpose, secrets, audience); err != nil {
			return seals{}, err
		}
	}
	return s, nil
}

// The purposes of values that are kept for other requests.
const (
	replacedTokens = "replaced tokens" // from the start of a sign-in for its callback
	updatedCookies = "updated session" // from an update for concurrent requests
)

// sharedValues are values in the shared state, and the leases under which requests take turns.
type sharedValues struct {
	shared.Values
	*reporter
}

// inTurn is [shared.Values.Turn] with a release that logs its failure.
func (v sharedValues) inTurn(
	ctx context.Context, key string, ttl, limit time.Duration,
) (release func(), waited bool, err error) {
	giveBack, waited, err := v.Turn(ctx, key, ttl, limit)
	if err != nil {
		return nil, waited, err
	}
	return func() {
		if err := giveBack(context.WithoutCancel(ctx)); err != nil {
			v.leaseNotReleased(ctx, err)
		}
	}, waited, nil
}

// leaseNotReleased reports that others wait until a lease expires.
func (r *reporter) leaseNotReleased(ctx context.Context, err error) {
	r.emit(ctx, events.Event{Kind: events.LeaseNotReleased, Err: err})
}

// newLedger returns the ledger of sessions of an audience, or of the app.
func newLedger(a *core, audience shared.Audience, stepUps bool) *revocation.Ledger {
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
// just begun, even if another one started later, while the user was at the provider. A session in which
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
		l.emit(ctx, events.Event{Kind: events.SessionNotListed, Subject: s.Subject, Err: err})
	}
}

// delist removes a session from the lists of its user. A failure is only logged: the session has ended already.
func (l sessionLedger) delist(ctx context.Context, ref revocation.Ref) {
	if err := l.Delist(ctx, ref); err != nil {
		l.emit(ctx, events.Event{Kind: events.SessionStillListed, Err: err})
	}
}
