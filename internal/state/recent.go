package state

import (
	"encoding/hex"
	"sync/atomic"
	"time"
)

// recent says of most keys that they were not revoked since a time, without a lock and without their text. Keys share
// slots, so of the others it does not know. It never forgets: a slot holds the latest time of any of its keys.
type recent struct {
	slots atomic.Pointer[[1 << 16]atomic.Int64] // in microseconds; nil until something is revoked
}

// slotOf returns the slot of the key of a kind for a hash of which these are the first bytes.
func slotOf(kind byte, hash [2]byte) uint16 {
	const spread = 0x9e37 // so that the keys of one subject have different slots
	return (uint16(hash[0])<<8 | uint16(hash[1])) ^ uint16(kind)*spread
}

// add notes a revocation. Keys that are not of a kind and a hash, such as those of a probe, are never asked for.
func (r *recent) add(key string, at time.Time) {
	var hash [2]byte
	if len(key) < 5 {
		return
	}
	if _, err := hex.Decode(hash[:], []byte(key[1:5])); err != nil {
		return
	}
	slots := r.slots.Load()
	for slots == nil {
		r.slots.CompareAndSwap(nil, new([1 << 16]atomic.Int64))
		slots = r.slots.Load()
	}
	slot := &slots[slotOf(key[0], hash)]
	for latest, us := slot.Load(), max(1, at.UnixMicro()); us > latest && !slot.CompareAndSwap(latest, us); {
		latest = slot.Load()
	}
}

// RevokedSince reports whether the key of this kind and hash may have been revoked with this time, in Unix
// microseconds, or a later one. If not, Revoked need not be called for it, which takes about fifty times as long.
func (m *Memory) RevokedSince(since int64, kind byte, hash [16]byte) bool {
	slots := m.recent.slots.Load()
	if slots == nil {
		return false
	}
	latest := slots[slotOf(kind, [2]byte(hash[:2]))].Load()
	return latest != 0 && latest >= since
}
