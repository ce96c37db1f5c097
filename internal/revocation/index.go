package revocation

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

	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// ErrNoIndex means that the state keeps no list of sessions. It wraps [errors.ErrUnsupported].
var ErrNoIndex = fmt.Errorf("ginoidc: the shared state keeps no list of sessions: %w", errors.ErrUnsupported)

// Enlist adds a session to the lists of its user and of its sid for as long as it lives if nothing renews it. A state
// without lists is not an error.
func (l *Ledger) Enlist(ctx context.Context, t Trace, left time.Duration) (err error) {
	for _, e := range t.Entries() {
		err = errors.Join(err, supported(l.state.Enlist(ctx, e.Owner, e.Session, left)))
	}
	return err
}

// Delist takes a session off its lists.
func (l *Ledger) Delist(ctx context.Context, t Trace) (err error) {
	for _, e := range t.Entries() {
		err = errors.Join(err, supported(l.state.Delist(ctx, e.Owner, e.Session)))
	}
	return err
}

func supported(err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// OfUser returns the sessions of a user that live, the newest first.
func (l *Ledger) OfUser(ctx context.Context, subject string) ([]Trace, error) {
	return l.listed(ctx, l.userKey(subject))
}

// OfSID returns the sessions of one session at the provider that live, the newest first.
func (l *Ledger) OfSID(ctx context.Context, sid string) ([]Trace, error) {
	return l.listed(ctx, l.sidKey(sid))
}

// listed asks again what ended the listed sessions, since a logout token ends sessions without knowing which.
func (l *Ledger) listed(ctx context.Context, owner string) ([]Trace, error) {
	entries, err := l.state.Listed(ctx, owner)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, ErrNoIndex
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", shared.ErrUnavailable, err)
	}
	var alive []Trace
	for _, text := range entries {
		t, ok := ParseEntry(Entry{owner, text})
		if !ok {
			continue
		}
		ended, err := l.Ended(ctx, t)
		if err != nil {
			return nil, err
		}
		if !ended {
			alive = append(alive, t)
		}
	}
	slices.SortFunc(alive, func(x, y Trace) int {
		return cmp.Or(y.Started.Compare(x.Started), slices.Compare(x.ID[:], y.ID[:]))
	})
	return alive, nil
}

// Entry is a session in the list of its owner: a user, or a session at the provider.
type Entry struct{ Owner, Session string }

// skewBits is the number of bits that hold how long before its start a session began, in microseconds: [ClockSkew] at
// most. The other bits hold the seconds of its ID token.
const skewBits = 24

// Entries returns an entry under the user and, if there is a sid, one under that. An entry leaves out what the key of
// its owner says: 48 bytes make 64 characters, and longer ones take Redis four times the memory.
func (t Trace) Entries() []Entry {
	entries := []Entry{{shared.Key(shared.KindUser, t.Subject), t.entry(t.SID)}}
	if t.SID != (shared.Hash{}) {
		entries = append(entries, Entry{shared.Key(shared.KindProvider, t.SID), t.entry(t.Subject)})
	}
	return entries
}

func (t Trace) entry(other shared.Hash) string {
	b := append(t.ID[:len(t.ID):len(t.ID)], other[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(t.Started.UnixMicro()))
	skew := max(0, t.Started.Sub(t.Began).Microseconds())
	b = binary.BigEndian.AppendUint64(b, uint64(max(0, t.Issued.Unix())<<skewBits|skew))
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseEntry reverses Entries.
func ParseEntry(e Entry) (t Trace, ok bool) {
	var owner shared.Hash
	b, err := base64.RawURLEncoding.DecodeString(e.Session)
	if err != nil || len(e.Owner) != shared.KeySize {
		return Trace{}, false
	}
	if _, err := hex.Decode(owner[:], []byte(e.Owner[1:])); err != nil {
		return Trace{}, false
	}
	r := wire.NewReader(b)
	copy(t.ID[:], r.Bytes(shared.HashSize))
	copy(t.SID[:], r.Bytes(shared.HashSize))
	started, last := int64(r.Uint64()), int64(r.Uint64())
	if !r.Done() {
		return Trace{}, false
	}
	t.Subject = owner
	if e.Owner[0] == shared.KindProvider {
		t.Subject, t.SID = t.SID, t.Subject
	}
	t.Started = time.UnixMicro(started).UTC()
	t.Issued = time.Unix(last>>skewBits, 0).UTC()
	t.Began = t.Started.Add(-time.Duration(last&(1<<skewBits-1)) * time.Microsecond)
	return t, true
}
