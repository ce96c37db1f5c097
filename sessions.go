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

// SessionInfo is one session of a user.
type SessionInfo struct {
	ID      string    // for EndSession; the cookie cannot be told from it
	Started time.Time // when the user began to sign in
	Current bool      // it is the session of the request whose context asked
}

// Sessions lists the sessions in which a user of the configured issuer is signed in, on all instances that share State,
// the newest first. The error wraps [errors.ErrUnsupported] where State keeps no list.
func (a *Auth) Sessions(ctx context.Context, subject string) ([]SessionInfo, error) {
	traces, err := a.listed(requestContext(ctx), a.userKey(subject))
	if err != nil {
		return nil, err
	}
	var current hash
	if req := requestIn(ctx, a.core); req != nil {
		if s, err := req.ownSession(ctx); err == nil {
			current = s.ID
		}
	}
	infos := make([]SessionInfo, len(traces))
	for i, t := range traces {
		infos[i] = SessionInfo{ID: hex.EncodeToString(t.id[:]), Started: t.started, Current: t.id == current}
	}
	return infos, nil
}

// EndSession ends one session of a user, by the id that [Auth.Sessions] gave. It succeeds when there is none with that id,
// and leaves the sessions of other users alone. The error wraps [errors.ErrUnsupported] where State keeps no list.
func (a *Auth) EndSession(ctx context.Context, subject, id string) error {
	ctx = requestContext(ctx)
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
	return a.ended(requestContext(ctx), a.traceOf(&s.Record))
}

// endListed ends a session of which no more is known than the index holds.
func (a *core) endListed(ctx context.Context, t trace, e SessionEnd) error {
	if err := a.revokeSession(ctx, t.id); err != nil {
		return err
	}
	a.delist(ctx, t)
	a.sessionEnded(ctx, e)
	return nil
}

// limitSessions ends the oldest sessions of a user who has more than Config.MaxSessions, and never the one that has just
// begun (case 152), although another may have been started while its user was at the provider.
func (a *core) limitSessions(ctx context.Context, begun *session.Session) error {
	if a.config.MaxSessions == 0 {
		return nil
	}
	traces, err := a.listed(ctx, a.userKey(begun.Subject))
	others := slices.DeleteFunc(traces, func(t trace) bool { return t.id == begun.ID })
	for i := a.config.MaxSessions - 1; err == nil && i < len(others); i++ {
		err = a.endListed(ctx, others[i], SessionEnd{Subject: begun.Subject, Reason: EndedByLimit})
	}
	return err
}

// enlist keeps a session in the index as long as it lives if nothing renews it. The index is for people who look at their
// sessions: where it fails, nobody is kept from signing in.
func (a *core) enlist(ctx context.Context, s *session.Session) {
	t, left := a.traceOf(&s.Record), a.sessions.Left(&s.Record)
	for _, e := range t.entries() {
		if err := a.state.Enlist(ctx, e.owner, e.session, left); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			a.emit(ctx, event{kind: eventSessionNotListed, err: err})
		}
	}
}

func (a *core) delist(ctx context.Context, t trace) {
	for _, e := range t.entries() {
		if err := a.state.Delist(ctx, e.owner, e.session); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			a.emit(ctx, event{kind: eventSessionStillListed, err: err})
		}
	}
}

// listed returns the sessions of an owner that live, the newest first. What ended them is asked for again, since a logout
// token ends sessions without knowing which.
func (a *core) listed(ctx context.Context, owner string) ([]trace, error) {
	entries, err := a.state.Listed(ctx, owner)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, errNoList
	}
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

// skewBits hold how long before its start a session began, in microseconds: clockSkew at most. The seconds of its ID token
// have the others.
const skewBits = 24

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
	skew := max(0, t.started.Sub(t.began).Microseconds())
	b = binary.BigEndian.AppendUint64(b, uint64(max(0, t.issued.Unix())<<skewBits|skew))
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
	last := int64(binary.BigEndian.Uint64(b[2*hashSize+8:]))
	t.issued, t.began = time.Unix(last>>skewBits, 0).UTC(), t.started.Add(-time.Duration(last&(1<<skewBits-1))*time.Microsecond)
	return t, true
}
