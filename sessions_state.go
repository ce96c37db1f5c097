package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// SharedState is what the instances of an app share about sessions. One process needs none of its own; for several,
// package redisstate keeps it in Redis. It is safe for concurrent use, and each method limits its own time.
//
// Keys, owners and sessions are opaque ASCII of at most 128 bytes and hold neither a subject nor an e-mail address in
// clear. The first byte of a key is a letter for its kind, so that one kind need not take room from another.
//
// What an implementation cannot do it says by an error that wraps [errors.ErrUnsupported]. [New] asks once, with keys
// that begin with "probe", and waits for a second at most: it fails without Revoke, Revoked or MarkUsed, or without the
// list where MaxSessions needs it, and warns of what is lost without the others. Any other error means that the state
// cannot answer now: requests are then 503, not signed out.
type SharedState interface {
	// Revoke remembers for ttl that key was ended at the given time. Of several times the latest counts, and so does
	// the longest ttl.
	Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error
	// Revoked returns, for each key in order, when it was ended: the zero time where it was not.
	Revoked(ctx context.Context, keys ...string) ([]time.Time, error)
	// MarkUsed reports whether key is new, and remembers it for ttl: true exactly once for all instances. Strangers can
	// have keys of the kind 'a' made, so their number has to be bounded; one that finds no room answers true and forgets
	// a key, which the provider then refuses to use twice.
	MarkUsed(ctx context.Context, key string, ttl time.Duration) (first bool, err error)

	// Enlist, Delist and Listed are the list of a user's sessions, whatever store keeps them: for [Auth.UserSessions],
	// MaxSessions and front-channel logout.
	//
	// Enlist remembers for ttl that session belongs to owner; a second call replaces the ttl.
	Enlist(ctx context.Context, owner, session string, ttl time.Duration) error
	// Delist forgets a session of owner. Nothing to forget is no error.
	Delist(ctx context.Context, owner, session string) error
	// Listed returns owner's sessions whose time has not passed, in any order; of very many the newest thousand.
	Listed(ctx context.Context, owner string) ([]string, error)

	// Lease, Keep and Kept have one instance do what all wait for and the others take its result: a refresh of tokens, a
	// change of a session, a callback. Without them each instance goes by itself. Strangers can have keys of the kind 'c'
	// made, which last for ten seconds, or for as long as one callback takes.
	//
	// Lease takes key for ttl; not ok, somebody else has it. release gives it back, unless it has passed on by then.
	Lease(ctx context.Context, key string, ttl time.Duration) (release func(context.Context) error, ok bool, err error)
	// Keep remembers value, sealed text of at most 16 kB, for ttl. A second call replaces it.
	Keep(ctx context.Context, key, value string, ttl time.Duration) error
	// Kept returns what is remembered. Nothing is no error.
	Kept(ctx context.Context, key string) (value string, ok bool, err error)
}

// ownMemory is a State that keeps in this process what it cannot share.
type ownMemory struct {
	SharedState
	memory *state.Memory
}

// Lease implements SharedState.
func (s ownMemory) Lease(ctx context.Context, key string, ttl time.Duration) (func(context.Context) error, bool, error) {
	release, ok, err := s.SharedState.Lease(ctx, key, ttl)
	if errors.Is(err, errors.ErrUnsupported) {
		return s.memory.Lease(ctx, key, ttl)
	}
	return release, ok, err
}

// Keep implements SharedState.
func (s ownMemory) Keep(ctx context.Context, key, value string, ttl time.Duration) error {
	err := s.SharedState.Keep(ctx, key, value, ttl)
	if errors.Is(err, errors.ErrUnsupported) {
		return s.memory.Keep(ctx, key, value, ttl)
	}
	return err
}

// Kept implements SharedState.
func (s ownMemory) Kept(ctx context.Context, key string) (string, bool, error) {
	value, ok, err := s.SharedState.Kept(ctx, key)
	if errors.Is(err, errors.ErrUnsupported) {
		return s.memory.Kept(ctx, key)
	}
	return value, ok, err
}

// The methods of a SharedState by what needs them.
func endingMethods() []string { return []string{"Revoke", "Revoked", "MarkUsed"} }
func listMethods() []string   { return []string{"Enlist", "Delist", "Listed"} }
func leaseMethods() []string  { return []string{"Lease", "Keep", "Kept"} }

const (
	probe      = "probe"     // a key of no session
	probeLimit = time.Second // for all questions, so that an app starts while its state is down
)

// askState notes what State says it cannot do. One that does not answer in time may be able to do everything.
func (c *Config) askState() {
	if c.State == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeLimit)
	defer cancel()
	var once flight.Group[[]string]
	c.lacks, _, _ = once.Do(ctx, probe, func() ([]string, error) { return lacks(ctx, c.State), nil })
}

// lacks calls each method with a key that stands for nothing. Those after the limit are taken for supported.
func lacks(ctx context.Context, s SharedState) (missing []string) {
	for _, ask := range []struct {
		method string
		call   func() error
	}{
		{"Revoke", func() error { return s.Revoke(ctx, probe, time.Unix(1, 0), time.Second) }},
		{"Revoked", func() error { _, err := s.Revoked(ctx, probe); return err }},
		{"MarkUsed", func() error { _, err := s.MarkUsed(ctx, probe, time.Second); return err }},
		{"Enlist", func() error { return s.Enlist(ctx, probe, probe, time.Second) }},
		{"Delist", func() error { return s.Delist(ctx, probe, probe) }},
		{"Listed", func() error { _, err := s.Listed(ctx, probe); return err }},
		{"Keep", func() error { return s.Keep(ctx, probe, probe, time.Second) }},
		{"Kept", func() error { _, _, err := s.Kept(ctx, probe); return err }},
		{"Lease", func() error {
			release, ok, err := s.Lease(ctx, probe, time.Second)
			if err == nil && ok {
				_ = release(ctx) // or it passes
			}
			return err
		}},
	} {
		if ctx.Err() != nil {
			return missing
		}
		if isMissing(ask.call) {
			missing = append(missing, ask.method)
		}
	}
	return missing
}

// isMissing takes a method that panics, such as one of an embedded nil, for one that is not there.
func isMissing(call func() error) (missing bool) {
	defer func() {
		if recover() != nil {
			missing = true
		}
	}()
	return errors.Is(call(), errors.ErrUnsupported)
}

// cannot lists those of the methods that State does not support.
func (c *Config) cannot(methods []string) []string {
	return slices.DeleteFunc(methods, func(name string) bool { return !slices.Contains(c.lacks, name) })
}

// validateState reports what has to be there.
func (c *Config) validateState(p *problems) {
	if missing := c.cannot(endingMethods()); len(missing) > 0 {
		p.add("State", fmt.Sprintf("does not support %v, without which no session ends", missing), "use one that does")
	}
	switch missing := c.cannot(listMethods()); {
	case c.MaxSessions < 0:
		p.add("MaxSessions", "is negative", "use 0 for no limit")
	case c.MaxSessions > 0 && len(missing) > 0:
		p.add("MaxSessions", fmt.Sprintf("is set and State does not support %v, so nobody counts sessions", missing), "use a State that does, or no limit")
	}
}

// warnOfState tells, at the start, of what is lost with a State that can do less.
func (c *Config) warnOfState() {
	if missing := c.cannot(listMethods()); len(missing) > 0 {
		c.Logger.Warn("ginoidc: State keeps no list of sessions, so front-channel logout ends none without a cookie, "+
			"and UserSessions and EndUserSession fail", "unsupported", missing)
	}
	if missing := c.cannot(leaseMethods()); len(missing) > 0 && c.KeepTokens {
		c.Logger.Warn("ginoidc: State shares no refreshes, so each instance refreshes tokens by itself, and a provider that gives a refresh token out once ends the grant", "unsupported", missing)
	}
}

// seals are for texts that leave the process, each of a purpose and with keys of its own.
type seals struct {
	kept       *sealed.Text // what one request leaves for others, in the shared state
	landed     *sealed.Text // which sign-in a browser comes from, in a cookie of the sign-in route
	parameters *sealed.Text // what code adds to a sign-in, in a URL
}

func newSeals(secrets []string, audience string) (s seals, err error) {
	for purpose, text := range map[string]**sealed.Text{
		"kept values": &s.kept, "landed": &s.landed, "sign-in parameters": &s.parameters,
	} {
		if *text, err = sealed.New(purpose, secrets, audience); err != nil {
			return seals{}, err
		}
	}
	return s, nil
}

// What is kept for other requests.
const (
	replacedTokens = "replaced tokens" // that a sign-in leaves for its callback
	callbackAnswer = "callback answer" // that one instance leaves for the others
	updatedCookies = "updated session" // that an update leaves for requests that are on their way
)

// inTurn is [shared.Values.Turn] with a release that reports its failure.
func (a *core) inTurn(ctx context.Context, key string, ttl, limit time.Duration) (release func(), waited bool, err error) {
	giveBack, waited, err := a.values.Turn(ctx, key, ttl, limit)
	if err != nil {
		return nil, waited, err
	}
	return func() {
		if err := giveBack(context.WithoutCancel(ctx)); err != nil {
			a.emit(ctx, event{kind: eventLeaseNotReleased, err: err})
		}
	}, waited, nil
}
