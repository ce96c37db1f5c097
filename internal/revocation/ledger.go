// Package revocation knows which sessions were ended, by whom and on whose clock, and which sessions a user has.
package revocation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// State is the part of ginoidc.SharedState that a Ledger needs.
type State interface {
	Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error
	Revoked(ctx context.Context, keys ...string) ([]time.Time, error)
	Enlist(ctx context.Context, owner, session string, ttl time.Duration) error
	Delist(ctx context.Context, owner, session string) error
	Listed(ctx context.Context, owner string) ([]string, error)
}

// Ledger remembers which sessions were ended. It is safe for concurrent use. Errors wrap [shared.ErrUnavailable].
type Ledger struct {
	state    State
	filter   filter // nil if the state is none
	audience shared.Audience
	everyone shared.Hash // in place of a subject: all users of the app
	stepUps  bool
	lifetime time.Duration
}

// Config describes a Ledger.
type Config struct {
	State    State
	Audience shared.Audience // whose sessions they are
	App      shared.Audience // the same for all ledgers of an app, so that one mark ends the sessions of all
	StepUps  bool            // whether StepUp may be called, which costs each Judge a key more

	// Lifetime is for how long an end is remembered. It must cover the life of a session whose sign-in has already
	// started.
	Lifetime time.Duration
}

// New returns a Ledger.
func New(cfg Config) *Ledger {
	filter, _ := cfg.State.(filter)
	everyone := cfg.App.Hash("\x00everyone") // no subject begins with it
	return &Ledger{cfg.State, filter, cfg.Audience, everyone, cfg.StepUps, cfg.Lifetime}
}

// Audience returns the audience of the sessions.
func (l *Ledger) Audience() shared.Audience { return l.audience }

// Verdict is what happened to a session since it began.
type Verdict struct {
	Ended   bool
	Updated time.Time // when it was last updated; zero for never
	StepUp  time.Time // on the provider's clock; unless zero, the user must be authenticated again, after this time
}

// Judge returns what happened to a session since it began. An end by the app is compared on the app's clock. An end by
// the provider is compared twice: it applies to sign-ins that began here before the logout token arrived, and whose ID
// token was issued no later than the logout token. So a late logout token does not end a newer session, one that
// arrives during the callback wins, and signing in again works at once. A step-up is compared as an
// end by the provider. What happens to the sessions of an actor happens to those in which the actor acts as another
// user.
func (l *Ledger) Judge(ctx context.Context, r *session.Record) (Verdict, error) {
	if marks := r.Marks(); l.Untouched(&marks) {
		return Verdict{}, nil
	}
	return l.judge(ctx, l.RefOf(r))
}

func (l *Ledger) judge(ctx context.Context, ref Ref) (v Verdict, err error) {
	var ofActor Verdict
	if ref.Actor != (shared.Hash{}) {
		actor, _ := ref.ofActor()
		if ofActor, err = l.judgeOne(ctx, &actor); ofActor.Ended || err != nil {
			return Verdict{Ended: ofActor.Ended}, err
		}
	}
	if v, err = l.judgeOne(ctx, &ref); ofActor.StepUp.After(v.StepUp) {
		v.StepUp = ofActor.StepUp
	}
	return v, err
}

// judgeOne judges a session by its user and not by the actor.
func (l *Ledger) judgeOne(ctx context.Context, ref *Ref) (v Verdict, err error) {
	keys := l.keys(ref)
	times, err := l.revoked(ctx, keys...)
	if err != nil {
		return Verdict{}, err
	}
	if !times[0].Before(forever()) || since(times[1], ref.Began) || since(times[2], ref.Began) {
		return Verdict{Ended: true}, nil
	}
	v.Updated = times[0]
	for i, received := range times[3:] {
		if !since(received, ref.Began) {
			continue
		}
		// Only now, because most requests need no comparison.
		key := keys[3+i]
		at, err := l.revoked(ctx, issuedAtKey(key))
		switch {
		case err != nil:
			return Verdict{}, err
		case at[0].Before(ref.Issued):
		case key[0] == shared.KindStepUp:
			v.StepUp = at[0]
		default:
			return Verdict{Ended: true}, nil
		}
	}
	return v, nil
}

// Ended is Judge for callers that ignore updates and step-ups.
func (l *Ledger) Ended(ctx context.Context, ref Ref) (bool, error) {
	v, err := l.judge(ctx, ref)
	return v.Ended, err
}

// since reports whether something was ended at that time or later. The zero time means never, and is before any other.
func since(ended, began time.Time) bool { return !ended.Before(began) }

// Began returns the time from which on an end applies to a session: the zero time means [ClockSkew] before its sign-in
// started, because the clock of another instance may be behind. An end that is already known and precedes the sign-in
// does not apply, so that signing in again works at once.
func (l *Ledger) Began(ctx context.Context, r *session.Record) (time.Time, error) {
	ref := l.RefOf(r)
	keys := l.keys(&ref)[1:]
	if actor, ok := ref.ofActor(); ok {
		keys = append(keys, l.keys(&actor)[1:]...)
	}
	times, err := l.revoked(ctx, keys...)
	if err != nil {
		return time.Time{}, err
	}
	var began time.Time
	for _, ended := range times {
		if since(ended, ref.Began) && ended.Before(r.Started.Truncate(time.Microsecond)) {
			ref.Began = ended.Add(time.Microsecond)
			began = ref.Began
		}
	}
	return began, nil
}

// EndSession ends one session for good, even if another request is saving it at the same time.
func (l *Ledger) EndSession(ctx context.Context, id shared.Hash) error {
	return l.revoke(ctx, shared.Key(shared.KindSession, id), forever())
}

// Update ends the state of a session before its update at that time.
func (l *Ledger) Update(ctx context.Context, id shared.Hash, at time.Time) error {
	return l.revoke(ctx, shared.Key(shared.KindSession, id), at)
}

// EndUser ends all sessions of a user.
func (l *Ledger) EndUser(ctx context.Context, subject string) error {
	return l.revokeNow(ctx, l.userKey(subject))
}

// EndAll ends all sessions of all users of the app.
func (l *Ledger) EndAll(ctx context.Context) error {
	return l.revokeNow(ctx, shared.Key(shared.KindUser, l.everyone))
}

// EndByProvider ends what a logout token names: sid, subject or both. issuedAt is its iat, on the provider's clock.
func (l *Ledger) EndByProvider(ctx context.Context, subject, sid string, issuedAt time.Time) error {
	for _, key := range l.logoutKeys(subject, sid) {
		if err := l.revokeBoth(ctx, key, issuedAt); err != nil {
			return err
		}
	}
	return nil
}

// StepUp makes the sessions of a user require a new authentication, because of something that happened at that time on
// the provider's clock.
func (l *Ledger) StepUp(ctx context.Context, subject string, happened time.Time) error {
	return l.revokeBoth(ctx, shared.Key(shared.KindStepUp, l.audience.Hash(subject)), happened)
}

// revokeBoth revokes a key now and its twin at a time of the provider's clock.
func (l *Ledger) revokeBoth(ctx context.Context, key string, at time.Time) error {
	return errors.Join(l.revoke(ctx, issuedAtKey(key), at), l.revokeNow(ctx, key))
}

// Ready returns nil if the state responds, using a key that ends nothing.
func (l *Ledger) Ready(ctx context.Context, key string) error {
	_, err := l.revoked(ctx, key)
	return err
}

// revoked asks the state, and requires one result for each key.
func (l *Ledger) revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	times, err := l.state.Revoked(ctx, keys...)
	if err == nil && len(times) != len(keys) {
		err = fmt.Errorf("%d answers to %d keys", len(times), len(keys))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", shared.ErrUnavailable, err)
	}
	return times, nil
}

// revoke continues if the browser disconnects: the sign-out was requested.
func (l *Ledger) revoke(ctx context.Context, key string, at time.Time) error {
	if err := l.state.Revoke(context.WithoutCancel(ctx), key, at, l.lifetime); err != nil {
		return fmt.Errorf("%w: %w", shared.ErrUnavailable, err)
	}
	return nil
}

// revokeNow ends the sessions that a key has now. The time is later than the last one of that key, which an
// instance with a fast clock may have set: otherwise this end would be mistaken for that one.
func (l *Ledger) revokeNow(ctx context.Context, key string) error {
	last, err := l.revoked(context.WithoutCancel(ctx), key)
	if err != nil {
		return err
	}
	at := time.Now()
	if !last[0].Before(at.Truncate(time.Microsecond)) {
		at = last[0].Add(time.Microsecond)
	}
	return l.revoke(ctx, key, at)
}
