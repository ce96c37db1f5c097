package fakeop

import (
	"testing"
	"testing/synctest"
	"time"
)

// A provider that runs for weeks keeps only what has not expired.
func TestVaultIsSwept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v vault[int]
		kept := v.put(7, time.Hour)
		for range 10_000 {
			v.put(1, time.Minute)
			time.Sleep(time.Second / 4)
		}
		if len(v.entries) > 800 {
			t.Errorf("%d entries, of which 240 are alive", len(v.entries))
		}
		if value, ok := v.get(kept); !ok || value != 7 {
			t.Error("a living entry was thrown out")
		}
	})
}

// A one-time value may be used again after it has been forgotten.
func TestVaultAddsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v vault[int]
		for _, want := range []bool{true, false} {
			if got := v.add("jti", 1, time.Minute); got != want {
				t.Errorf("added: %v, want %v", got, want)
			}
		}
		time.Sleep(time.Minute)
		if !v.add("jti", 2, time.Minute) {
			t.Error("an expired entry is in the way")
		}
		if value, ok := v.get("jti"); !ok || value != 2 {
			t.Errorf("value = %d, %v", value, ok)
		}
	})
}
