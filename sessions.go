package ginoidc

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// SessionIndex is what a [SharedState] may do beside: list sessions, whatever store keeps them. The memory of one process
// and package redisstate do. owner and session are opaque ASCII of at most 128 bytes and name nobody in clear.
type SessionIndex interface {
	// Enlist remembers for ttl that session belongs to owner; a second call replaces the ttl.
	Enlist(ctx context.Context, owner, session string, ttl time.Duration) error
	// Delist forgets a session of owner. Nothing to forget is no error.
	Delist(ctx context.Context, owner, session string) error
	// Listed returns owner's sessions whose time has not passed, in any order; of very many the newest thousand.
	Listed(ctx context.Context, owner string) ([]string, error)
}

// ErrNoSessionIndex: Config.State is no [SessionIndex], so sessions cannot be listed.
var ErrNoSessionIndex = errors.New("ginoidc: the shared state keeps no list of sessions")

// SessionInfo is one session of a user.
type SessionInfo struct {
	ID      string    // for EndSession; the cookie cannot be told from it
	Started time.Time // when the user began to sign in
	Current bool      // it is the session of the request whose context asked
}

// Sessions lists the sessions in which a user of the configured issuer is signed in, on all instances that share State,
// the newest first.
func (a *Auth) Sessions(ctx context.Context, subject string) ([]SessionInfo, error) {
	traces, err := a.listed(ctx, a.userKey(subject))
	if err != nil {
		return nil, err
	}
	var current hash
	if v, ok := ctx.Value(visitKey{}).(*visit); ok && v.auth == a.core && v.signedIn() {
		current = v.session.ID
	}
	infos := make([]SessionInfo, len(traces))
	for i, t := range traces {
		infos[i] = SessionInfo{ID: hex.EncodeToString(t.id[:]), Started: t.started, Current: t.id == current}
	}
	return infos, nil
}

// EndSession ends one session of a user, by the id that [Auth.Sessions] gave. It succeeds when there is none with that id,
// and leaves the sessions of other users alone.
func (a *Auth) EndSession(ctx context.Context, subject, id string) error {
	traces, err := a.listed(ctx, a.userKey(subject))
	if err != nil {
		return err
	}
	for _, t := range traces {
		if hex.EncodeToString(t.id[:]) == id {
			return a.endListed(ctx, t, SessionEnd{Subject: subject, Reason: EndedByApp})
		}
	}
	return nil
}

// endListed ends a session of which no more is known than the index holds.
func (a *core) endListed(ctx context.Context, t trace, e SessionEnd) error {
	if err := a.revoke(ctx, sessionKey(t.id), time.Now()); err != nil {
		return err
	}
	a.delist(ctx, t)
	a.sessionEnded(ctx, e)
	return nil
}

// limitSessions ends the oldest sessions of a user who has more than Config.MaxSessions (case 152).
func (a *core) limitSessions(ctx context.Context, subject string) error {
	if a.config.MaxSessions == 0 {
		return nil
	}
	traces, err := a.listed(ctx, a.userKey(subject))
	for i := a.config.MaxSessions; err == nil && i < len(traces); i++ {
		err = a.endListed(ctx, traces[i], SessionEnd{Subject: subject, Reason: EndedByLimit})
	}
	return err
}

// enlist keeps a session in the index as long as it lives if nothing renews it. The index is for people who look at their
// sessions: where it fails, nobody is kept from signing in.
func (a *core) enlist(ctx context.Context, s *session.Session) {
	if a.index == nil {
		return
	}
	t, left := a.traceOf(&s.Record), a.sessions.Left(&s.Record)
	for _, e := range t.entries() {
		if err := a.index.Enlist(ctx, e.owner, e.session, left); err != nil {
			a.log.WarnContext(ctx, "ginoidc: session not listed", "error", err)
		}
	}
}

func (a *core) delist(ctx context.Context, t trace) {
	if a.index == nil {
		return
	}
	for _, e := range t.entries() {
		if err := a.index.Delist(ctx, e.owner, e.session); err != nil {
			a.log.WarnContext(ctx, "ginoidc: session still listed", "error", err)
		}
	}
}

// listed returns the sessions of an owner that live, the newest first. What ended them is asked for again, since a logout
// token ends sessions without knowing which.
func (a *core) listed(ctx context.Context, owner string) ([]trace, error) {
	if a.index == nil {
		return nil, ErrNoSessionIndex
	}
	entries, err := a.index.Listed(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSessionStore, err)
	}
	var alive []trace
	for _, entry := range entries {
		t, ok := parseEntry(owner, entry)
		if !ok {
			continue
		}
		ended, err := a.ended(ctx, t)
		if err != nil {
			return nil, err
		}
		if !ended {
			alive = append(alive, t)
		}
	}
	slices.SortFunc(alive, func(x, y trace) int {
		return cmp.Or(y.started.Compare(x.started), slices.Compare(x.id[:], y.id[:]))
	})
	return alive, nil
}

// entry is how a session stands in the index.
type entry struct{ owner, session string }

// entries are one under the user and one under the provider's sid. What the owner's key says is left out of the entry: 48
// bytes make 64 characters, and longer ones take Redis four times the memory.
func (t trace) entries() []entry {
	entries := []entry{{key('u', t.subject), t.entry(t.sid)}}
	if t.sid != (hash{}) {
		entries = append(entries, entry{key('p', t.sid), t.entry(t.subject)})
	}
	return entries
}

func (t trace) entry(other hash) string {
	b := append(t.id[:len(t.id):len(t.id)], other[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(t.started.UnixMicro()))
	b = binary.BigEndian.AppendUint64(b, uint64(t.issued.Unix()))
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseEntry reverses entries.
func parseEntry(owner, text string) (t trace, ok bool) {
	var of hash
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != 2*hashSize+16 {
		return trace{}, false
	}
	if _, err := hex.Decode(of[:], []byte(owner[1:])); err != nil { // it is one of our own keys
		return trace{}, false
	}
	t.id, t.subject, t.sid = hash(b), of, hash(b[hashSize:])
	if owner[0] == 'p' {
		t.subject, t.sid = t.sid, t.subject
	}
	t.started = time.UnixMicro(int64(binary.BigEndian.Uint64(b[2*hashSize:]))).UTC()
	t.issued = time.Unix(int64(binary.BigEndian.Uint64(b[2*hashSize+8:])), 0).UTC()
	return t, true
}
