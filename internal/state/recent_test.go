package state_test

import (
	"encoding/binary"
	"encoding/hex"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// TestRevokedSince: what was revoked is never missed, and almost nothing else is suspected.
func TestRevokedSince(t *testing.T) {
	hashOf := func(i int) (hash [16]byte) {
		binary.BigEndian.PutUint64(hash[:], uint64(i)*0x9e3779b97f4a7c15)
		return hash
	}
	m, at := state.NewMemory(0), time.UnixMicro(1_800_000_000_000_000)
	if m.RevokedSince(0, 'e', hashOf(1)) {
		t.Error("an empty memory suspects a key")
	}
	const n = 1000
	for i := range n {
		hash := hashOf(i)
		for _, kind := range "eup" {
			key := string(kind) + hex.EncodeToString(hash[:])
			for _, when := range []time.Time{at, at.Add(-time.Hour)} { // the later one counts
				if err := m.Revoke(t.Context(), key, when, time.Hour); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	suspected := 0
	for i := range 2 * n {
		for _, kind := range []byte("eup") {
			for since, want := range map[int64]bool{
				0: true, at.UnixMicro() - 1: true, at.UnixMicro(): true, at.UnixMicro() + 1: false,
			} {
				switch got := m.RevokedSince(since, kind, hashOf(i)); {
				case i < n && got != want:
					t.Fatalf("key %d, since %d: %t", i, since, got)
				case i >= n && got:
					suspected++
				}
			}
		}
	}
	if all := n * 3 * 3; suspected > all/10 {
		t.Errorf("%d of %d others are suspected", suspected, all)
	}
	for _, odd := range []string{"", "e", "probe", "ewxyz"} {
		if err := m.Revoke(t.Context(), odd, at.Add(time.Hour), time.Hour); err != nil {
			t.Error(err)
		}
	}
	for _, hash := range [][16]byte{hashOf(0), hashOf(1)} {
		if m.RevokedSince(at.UnixMicro()+1, 'e', hash) {
			t.Error("a key of another form counts for others")
		}
	}
	if err := m.Revoke(t.Context(), "ebeef", at.Add(time.Hour), time.Hour); err != nil {
		t.Error(err)
	}
	if !m.RevokedSince(at.Add(time.Hour).UnixMicro(), 'e', [16]byte{0xbe, 0xef}) {
		t.Error("a key that is as long as what is noted of it is missed")
	}
}

// TestRevokedSinceTakesNoMemory: it is asked several times on each request.
func TestRevokedSinceTakesNoMemory(t *testing.T) {
	m := state.NewMemory(0)
	if err := m.Revoke(t.Context(), "e"+hex.EncodeToString(make([]byte, 16)), time.Now(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { m.RevokedSince(0, 'e', [16]byte{}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
