package store

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Joint is a Backend that also keeps revocations, and returns a text and revocations in one round trip.
type Joint interface {
	Backend
	// Revoked returns for each key, in order, when it was revoked, or the zero time.
	Revoked(ctx context.Context, keys []string) ([]time.Time, error)
	// LoadRevoked is Load and Revoked.
	LoadRevoked(ctx context.Context, key string, revocations []string) (text string, ok bool, at []time.Time, err error)
}

// round is what the requests for a session and for its revocations tell each other. It belongs to one goroutine.
type round struct {
	session string      // the key of the session that was loaded
	keys    []string    // the revocations that were asked for with it
	at      []time.Time // nil after they have been used: a later question gets a new answer
}

type roundKey struct{}

// OneRound returns a context in which loading a session and then looking for its revocations takes one round trip to a
// server that keeps both. Under which keys a session can be revoked is known only after it has been opened. But they
// stay the same while it lives, so a Server remembers them, and the first request of a session takes two.
func OneRound(ctx context.Context) context.Context {
	return context.WithValue(ctx, roundKey{}, &round{})
}

func roundOf(ctx context.Context) *round {
	r, _ := ctx.Value(roundKey{}).(*round)
	return r
}

// read returns the text of a session. In the context of [OneRound] it also asks for the revocations.
func (s *Server) read(ctx context.Context, key string) (text string, ok bool, err error) {
	r, joint := roundOf(ctx), s.joint()
	if r == nil || joint == nil {
		return s.Backend.Load(ctx, key)
	}
	*r = round{session: key, keys: s.asked.get(key)}
	if r.keys == nil {
		return s.Backend.Load(ctx, key)
	}
	text, ok, at, err := joint.LoadRevoked(ctx, key, r.keys)
	if err == nil { // otherwise at, whatever it is, says nothing
		r.at = at
	}
	return text, ok, err
}

// Revoked returns what the Backend does, or what it returned together with the session. The Backend must be Joint.
func (s *Server) Revoked(ctx context.Context, keys []string) ([]time.Time, error) {
	r := roundOf(ctx)
	if r != nil && r.at != nil && slices.Equal(r.keys, keys) {
		at := r.at
		r.at = nil
		return at, nil
	}
	at, err := s.joint().Revoked(ctx, keys)
	if err == nil && r != nil && r.session != "" {
		s.asked.put(r.session, keys)
	}
	return at, err
}

func (s *Server) joint() Joint {
	joint, _ := s.Backend.(Joint)
	return joint
}

// asked remembers the keys of the revocations of sessions in use. Only a session that was opened gets here, so forged
// cookies displace none. A wrong or forgotten entry costs one round trip.
type asked struct {
	mu         sync.Mutex
	young, old map[string][]string // those that are used move from old to young
}

const maxAsked = 4096 // sessions in each map; about 350 bytes each

func (a *asked) get(session string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	keys, ok := a.young[session]
	if !ok {
		if keys, ok = a.old[session]; ok {
			a.putLocked(session, keys)
		}
	}
	return keys
}

func (a *asked) put(session string, keys []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.putLocked(session, keys)
}

func (a *asked) putLocked(session string, keys []string) {
	if a.young == nil || len(a.young) >= maxAsked {
		a.young, a.old = make(map[string][]string), a.young
	}
	a.young[session] = keys
}
