package throttle_test

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/throttle"
)

// client returns the key of a numbered address.
func client(n uint32) throttle.Key {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return throttle.Key{Client: netip.AddrFrom4(b), Action: "a"}
}

// TestTake: a client may act so often at once, and then as often as time passes. Waiting as long as it is told is
// enough, asking again meanwhile costs nothing, and others do not notice.
func TestTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, one, other := throttle.New(6, time.Minute, 100), client(1), client(1)
		other.Action = "b"
		for range 6 {
			if wait := l.Take(one); wait != 0 {
				t.Fatalf("wait %v", wait)
			}
		}
		for range 100 {
			if wait := l.Take(one); wait != 10*time.Second {
				t.Fatalf("wait %v", wait)
			}
		}
		if l.Take(other) != 0 || l.Take(client(2)) != 0 {
			t.Error("another client or action has to wait")
		}
		time.Sleep(10*time.Second - 1)
		if wait := l.Take(one); wait != 1 {
			t.Errorf("wait %v", wait)
		}
		time.Sleep(time.Nanosecond)
		if l.Take(one) != 0 || l.Take(one) != 10*time.Second {
			t.Error("not one more")
		}
		time.Sleep(time.Hour)
		allowed := 0
		for range 100 {
			if l.Take(one) == 0 {
				allowed++
			}
		}
		if allowed != 6 {
			t.Errorf("%d after a pause", allowed)
		}
	})
}

// TestOnce: a limit of one leaves no slack.
func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := throttle.New(1, time.Minute, 1)
		if l.Take(client(1)) != 0 || l.Take(client(1)) != time.Minute {
			t.Error("not once")
		}
		time.Sleep(time.Minute)
		if l.Take(client(1)) != 0 {
			t.Error("not once a minute")
		}
	})
}

// TestBounded: memory is bounded whatever number of clients comes, and those seen last are remembered. Case
// 281.
func TestBounded(t *testing.T) {
	const size = 1000
	l := throttle.New(1, time.Hour, size)
	for i := range uint32(50 * size) {
		l.Take(client(i))
		if n := l.Len(); n > 2*size {
			t.Fatalf("%d keys", n)
		}
	}
	for i := range uint32(size) {
		if l.Take(client(50*size-1-i)) == 0 {
			t.Fatalf("client %d from the end was forgotten", i)
		}
	}
	busy := client(1 << 31)
	l.Take(busy)
	for i := range uint32(10 * size) {
		l.Take(client(1<<20 + i))
		if i%(size/2) == 0 && l.Take(busy) == 0 {
			t.Fatal("a client that keeps asking was forgotten")
		}
	}
	if l.Take(client(0)) != 0 {
		t.Error("a client of long ago is remembered")
	}
}

// TestConcurrent: concurrent requests do not get more.
func TestConcurrent(t *testing.T) {
	l := throttle.New(100, time.Hour, 10)
	var allowed atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 50 {
				if l.Take(client(1)) == 0 {
					allowed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if allowed.Load() != 100 {
		t.Errorf("%d allowed", allowed.Load())
	}
}

// TestClientOf: what one client can choose freely does not make it another one.
func TestClientOf(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::",
		"2001:db8:1:2::": "2001:db8:1:2::", "fe80::1%eth0": "fe80::", "::1": "::",
	} {
		if got, ok := throttle.Address(text); !ok || throttle.ClientOf(got).String() != want {
			t.Errorf("%s: %v, want %s", text, throttle.ClientOf(got), want)
		}
	}
	for _, text := range []string{"", "@", "app.example.com", "192.0.2.1:80", "192.0.2"} {
		if got, ok := throttle.Address(text); ok {
			t.Errorf("%q: %v", text, got)
		}
	}
}
