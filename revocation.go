package ginoidc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// A session can be ended under several names. Sessions of a sealed cookie cannot be deleted, so what ended them is
// looked up whenever one is opened. Each name is a letter for its kind and a hash that says nothing of the user:
//
//	e: this session alone: all of it at the time forever, and what it was before an update at the time of that
//	u: all of the user's, by the app
//	p: all of the user's; those of one session there; those of both, by the provider. With a name of its own for both,
//	   a token with the sid of one user and the sub of another ends nothing (case 174). A session without a sid has one
//	   for the user and no sid, since such a token means it too (Back-Channel Logout 1.0, section 2.7).
//
// A name of kind p has a twin that ends in "i" and holds the provider's clock: the iat of the logout token.
const (
	keySize = 1 + 2*hashSize
	keys    = 1 + 1 + 3 // of one session, at most
)

const hashSize = 16

// hash is for names that must not stand in the shared state, such as subjects.
type hash [hashSize]byte

func (a *core) hash(name string) (h hash) {
	var buffer [256]byte // on the stack: this runs on each request
	sum := sha256.Sum256(append(append(buffer[:0], a.audience...), name...))
	copy(h[:], sum[:])
	return h
}

func appendKey(b []byte, kind byte, h hash) []byte { return hex.AppendEncode(append(b, kind), h[:]) }

func key(kind byte, h hash) string { return string(appendKey(nil, kind, h)) }

// sessionKey ends one session.
func sessionKey(id hash) string { return key('e', id) }

// userKey ends all sessions of a user.
func (a *core) userKey(subject string) string { return key('u', a.hash(subject)) }

// providerKey ends what a logout token with these members names. sid is "" when there is none, or subject.
func (a *core) providerKey(subject, sid string) string {
	switch {
	case sid == "":
		return key('p', a.hash(subject))
	case subject == "":
		return key('p', a.hash(sidPrefix+sid))
	}
	return key('p', both(a.hash(subject), a.hash(sidPrefix+sid)))
}

// noSIDKey ends the sessions of a user to which the provider gave no sid.
func (a *core) noSIDKey(subject string) string { return key('p', both(a.hash(subject), hash{})) }

// sidPrefix keeps a sid from being taken for a subject, which never begins with it.
const sidPrefix = "\x00sid "

func both(subject, sid hash) (h hash) {
	copy(h[:hashSize/2], subject[:])
	copy(h[hashSize/2:], sid[:])
	return h
}

// issued is the twin of a key.
func issued(key string) string { return key + "i" }

// forever is later than any time of a clock, and exact in the numbers of Redis.
func forever() time.Time { return time.UnixMicro(1 << 52).UTC() }

// clockSkew is how far the clocks of instances may differ.
const clockSkew = 5 * time.Second

// trace is what tells whether a session was ended.
type trace struct {
	id, subject, sid       hash      // sid: the zero hash where the provider names none
	started, began, issued time.Time // began: what was ended since then means this session
}

func (a *core) traceOf(r *session.Record) trace {
	t := trace{id: r.ID, subject: a.hash(r.Subject), started: r.Started, began: r.Began, issued: r.Issued}
	if r.SID != "" {
		t.sid = a.hash(sidPrefix + r.SID)
	}
	if t.began.IsZero() {
		t.began = r.Started.Add(-clockSkew)
	}
	return t
}

// names lists the keys under which the session can have been ended: its own, its user's, and then the provider's.
func (t trace) names() []string {
	var buffer [keys * keySize]byte
	b := appendKey(appendKey(buffer[:0], 'e', t.id), 'u', t.subject)
	b = appendKey(b, 'p', t.subject)
	if t.sid != (hash{}) {
		b = appendKey(b, 'p', t.sid)
	}
	b = appendKey(b, 'p', both(t.subject, t.sid))
	all := string(b) // one allocation for all names
	names := make([]string, len(all)/keySize)
	for i := range names {
		names[i] = all[i*keySize : (i+1)*keySize]
	}
	return names
}

// judged tells whether a session was ended since it began, and otherwise when it was last updated, the zero time for
// never. What the app ends is compared on the app's clock. What the provider ends is so twice: a sign-in that began here
// before the logout token came in, and whose ID token was issued no later than it, is meant. So a token that comes late
// does not end a newer session, one that comes while the callback still runs wins, and signing in again works at once
// (cases 181, 187).
func (a *core) judged(ctx context.Context, t trace) (ended bool, updated time.Time, err error) {
	names := t.names()
	times, err := a.revoked(ctx, names...)
	if err != nil {
		return false, time.Time{}, err
	}
	if !times[0].Before(forever()) || since(times[1], t.began) {
		return true, time.Time{}, nil
	}
	for i, received := range times[2:] {
		if !since(received, t.began) {
			continue
		}
		// Only now, for most requests have nothing to compare it with.
		iat, err := a.revoked(ctx, issued(names[2+i]))
		if err != nil || !iat[0].Before(t.issued) {
			return err == nil, time.Time{}, err
		}
	}
	return false, times[0], nil
}

// ended is judged for who does not mind updates.
func (a *core) ended(ctx context.Context, t trace) (bool, error) {
	ended, _, err := a.judged(ctx, t)
	return ended, err
}

// since tells whether something was ended at that time or later. Never is the zero time, which is before any.
func since(ended, began time.Time) bool { return !ended.Before(began) }

// began is when a session began for those who end sessions, the zero time for a moment before its sign-in started: who
// ends it may have a clock that is late. But what is known by now to have been ended before the sign-in does not mean it,
// so signing in again works at once.
func (a *core) began(ctx context.Context, r *session.Record) (time.Time, error) {
	t := a.traceOf(r)
	times, err := a.revoked(ctx, t.names()[1:]...)
	if err != nil {
		return time.Time{}, err
	}
	var began time.Time
	for _, ended := range times {
		if since(ended, t.began) && ended.Before(r.Started.Truncate(time.Microsecond)) {
			t.began = ended.Add(time.Microsecond)
			began = t.began
		}
	}
	return began, nil
}

// revoked asks the shared state, and holds it to an answer for each name.
func (a *core) revoked(ctx context.Context, names ...string) ([]time.Time, error) {
	times, err := a.state.Revoked(ctx, names...)
	if err == nil && len(times) != len(names) {
		err = fmt.Errorf("%d answers to %d keys", len(times), len(names))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSessionStore, err)
	}
	return times, nil
}

// revoke remembers the end of something for as long as a session can live that somebody is signing in to now. It goes on
// when the browser has gone: what was asked for is a sign-out.
func (a *core) revoke(ctx context.Context, key string, at time.Time) error {
	ttl := a.config.SessionLifetime + a.config.AttemptLife
	if err := a.state.Revoke(context.WithoutCancel(ctx), key, at, ttl); err != nil {
		return fmt.Errorf("%w: %w", ErrSessionStore, err)
	}
	return nil
}

// revokeNow ends what is there now under a name of several sessions: at a time later than the last, which an instance
// with a fast clock may have set, or it would pass for that one.
func (a *core) revokeNow(ctx context.Context, key string) error {
	last, err := a.revoked(context.WithoutCancel(ctx), key)
	if err != nil {
		return err
	}
	at := time.Now()
	if !last[0].Before(at.Truncate(time.Microsecond)) {
		at = last[0].Add(time.Microsecond)
	}
	return a.revoke(ctx, key, at)
}

// revokeSession ends one session, whatever becomes of it meanwhile.
func (a *core) revokeSession(ctx context.Context, id hash) error {
	return a.revoke(ctx, sessionKey(id), forever())
}

// SignOutEverywhere ends all sessions of a user of the configured issuer, on every instance that shares State, at their
// next request. Signing in again works at once. The provider is not told.
func (a *Auth) SignOutEverywhere(ctx context.Context, subject string) error {
	ctx = requestContext(ctx)
	if err := a.revokeNow(ctx, a.userKey(subject)); err != nil {
		return err
	}
	a.sessionEnded(ctx, SessionEnd{Subject: subject, Reason: EndedByApp})
	return nil
}
