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
//	e: this session alone
//	u: all of the user's, by the app
//	p: all of the user's; those of one session there; those of both, by the provider. With a name of its own for both,
//	   a token with the sid of one user and the sub of another ends nothing (case 174).
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

// sidPrefix keeps a sid from being taken for a subject, which never begins with it.
const sidPrefix = "\x00sid "

func both(subject, sid hash) (h hash) {
	copy(h[:hashSize/2], subject[:])
	copy(h[hashSize/2:], sid[:])
	return h
}

// issued is the twin of a key.
func issued(key string) string { return key + "i" }

// trace is what tells whether a session was ended.
type trace struct {
	id, subject, sid hash // sid: the zero hash where the provider names none
	started, issued  time.Time
}

func (a *core) traceOf(r *session.Record) trace {
	t := trace{id: r.ID, subject: a.hash(r.Subject), started: r.Started, issued: r.Issued}
	if r.SID != "" {
		t.sid = a.hash(sidPrefix + r.SID)
	}
	return t
}

// names lists the keys under which the session can have been ended: its own, its user's, and then the provider's.
func (t trace) names() []string {
	var buffer [keys * keySize]byte
	b := appendKey(appendKey(buffer[:0], 'e', t.id), 'u', t.subject)
	b = appendKey(b, 'p', t.subject)
	if t.sid != (hash{}) {
		b = appendKey(appendKey(b, 'p', t.sid), 'p', both(t.subject, t.sid))
	}
	all := string(b) // one allocation for all names
	names := make([]string, len(all)/keySize)
	for i := range names {
		names[i] = all[i*keySize : (i+1)*keySize]
	}
	return names
}

// ended tells whether a session was ended since it began. What the app ends is compared on the app's clock. What the
// provider ends is so twice: a sign-in that began here before the logout token came in, and whose ID token was issued no
// later than it, is meant. So a token that comes late does not end a newer session, one that comes while the callback
// still runs wins, and signing in again works at once (cases 181, 187).
func (a *core) ended(ctx context.Context, t trace) (bool, error) {
	names := t.names()
	times, err := a.revoked(ctx, names...)
	if err != nil {
		return false, err
	}
	if !times[0].IsZero() || sinceStart(times[1], t.started) {
		return true, nil
	}
	for i, received := range times[2:] {
		if !sinceStart(received, t.started) {
			continue
		}
		// Only now, for most requests have nothing to compare it with.
		iat, err := a.revoked(ctx, issued(names[2+i]))
		if err != nil || !iat[0].Before(t.issued) {
			return err == nil, err
		}
	}
	return false, nil
}

// sinceStart tells whether something was ended after a sign-in began. Never is the zero time, which is before any.
func sinceStart(ended, started time.Time) bool { return !ended.Before(started) }

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

// revoke remembers the end of something for as long as a session of now can live. It goes on when the browser has gone:
// what was asked for is a sign-out.
func (a *core) revoke(ctx context.Context, key string, at time.Time) error {
	if err := a.state.Revoke(context.WithoutCancel(ctx), key, at, a.config.SessionLifetime); err != nil {
		return fmt.Errorf("%w: %w", ErrSessionStore, err)
	}
	return nil
}

// SignOutEverywhere ends all sessions of a user of the configured issuer, on every instance that shares State, at their
// next request. Signing in again works at once. The provider is not told.
func (a *Auth) SignOutEverywhere(ctx context.Context, subject string) error {
	ctx = requestContext(ctx)
	if err := a.revoke(ctx, a.userKey(subject), time.Now()); err != nil {
		return err
	}
	a.sessionEnded(ctx, SessionEnd{Subject: subject, Reason: EndedByApp})
	return nil
}
