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

// Enlist adds a session to the lists of its user and of its sid, for as long as it lives without renewal. The user is
// the actor, if somebody acts as another user. A state without lists is not an error.
func (l *Ledger) Enlist(ctx context.Context, ref Ref, left time.Duration) (err error) {
	for _, e := range ref.ListedAs().Entries() {
		err = errors.Join(err, supported(l.state.Enlist(ctx, e.Owner, e.Session, left)))
	}
	return err
}

// Delist removes a session from its lists.
func (l *Ledger) Delist(ctx context.Context, ref Ref) (err error) {
	for _, e := range ref.ListedAs().Entries() {
		err = errors.Join(err, supported(l.state.Delist(ctx, e.Owner, e.Session)))
	}
	return err
}

// ListedAs returns the session as the lists have it: as one of the actor, if there is one.
func (ref Ref) ListedAs() Ref {
	if actor, ok := ref.ofActor(); ok {
		return actor
	}
	return ref
}

func supported(err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// OfUser returns the live sessions of a user, the newest first.
func (l *Ledger) OfUser(ctx context.Context, subject string) ([]Ref, error) {
	return l.listed(ctx, l.userKey(subject))
}

// OfSID returns the live sessions that belong to one session at the provider, the newest first.
func (l *Ledger) OfSID(ctx context.Context, sid string) ([]Ref, error) {
	return l.listed(ctx, l.sidKey(sid))
}

// listed also checks what ended the listed sessions, because a logout token ends sessions without naming them.
func (l *Ledger) listed(ctx context.Context, owner string) ([]Ref, error) {
	entries, err := l.state.Listed(ctx, owner)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, ErrNoIndex
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", shared.ErrUnavailable, err)
	}
	var alive []Ref
	for _, text := range entries {
		ref, ok := ParseEntry(Entry{owner, text})
		if !ok {
			continue
		}
		ended, err := l.Ended(ctx, ref)
		if err != nil {
			return nil, err
		}
		if !ended {
			alive = append(alive, ref)
		}
	}
	slices.SortFunc(alive, func(x, y Ref) int {
		return cmp.Or(y.Started.Compare(x.Started), slices.Compare(x.ID[:], y.ID[:]))
	})
	return alive, nil
}

// Entry is a session in the list of its owner: a user, or a session at the provider.
type Entry struct{ Owner, Session string }

// skewBits is the number of bits that hold how long before its start a session began, in microseconds: at most
// [ClockSkew]. The other bits hold the iat of its ID token in seconds.
const skewBits = 24

// Entries returns an entry under the user and, if there is a sid, one under the sid. An entry omits what the owner's
// key already says: 48 bytes make 64 characters, and longer ones take four times the memory in Redis.
func (ref Ref) Entries() []Entry {
	entries := []Entry{{shared.Key(shared.KindUser, ref.Subject), ref.entry(ref.SID)}}
	if ref.SID != (shared.Hash{}) {
		entries = append(entries, Entry{shared.Key(shared.KindProvider, ref.SID), ref.entry(ref.Subject)})
	}
	return entries
}

func (ref Ref) entry(other shared.Hash) string {
	b := append(ref.ID[:len(ref.ID):len(ref.ID)], other[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(ref.Started.UnixMicro()))
	skew := max(0, ref.Started.Sub(ref.Began).Microseconds())
	b = binary.BigEndian.AppendUint64(b, uint64(max(0, ref.Issued.Unix())<<skewBits|skew))
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseEntry reverses Entries.
func ParseEntry(e Entry) (ref Ref, ok bool) {
	var owner shared.Hash
	b, err := base64.RawURLEncoding.DecodeString(e.Session)
	if err != nil || len(e.Owner) != shared.KeySize {
		return Ref{}, false
	}
	if _, err := hex.Decode(owner[:], []byte(e.Owner[1:])); err != nil {
		return Ref{}, false
	}
	r := wire.NewReader(b)
	copy(ref.ID[:], r.Bytes(shared.HashSize))
	copy(ref.SID[:], r.Bytes(shared.HashSize))
	started, last := int64(r.Uint64()), int64(r.Uint64())
	if !r.Done() {
		return Ref{}, false
	}
	ref.Subject = owner
	if e.Owner[0] == shared.KindProvider {
		ref.Subject, ref.SID = ref.SID, ref.Subject
	}
	ref.Started = time.UnixMicro(started).UTC()
	ref.Issued = time.Unix(last>>skewBits, 0).UTC()
	ref.Began = ref.Started.Add(-time.Duration(last&(1<<skewBits-1)) * time.Microsecond)
	return ref, true
}
