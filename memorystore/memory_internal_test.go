package memorystore

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func quiet(maxBytes int) *memory {
	m := newMemory(maxBytes)
	m.log = slog.New(slog.DiscardHandler)
	return m
}

func save(t testing.TB, m *memory, key, text string, life time.Duration, replace bool) bool {
	t.Helper()
	saved, err := m.Save(t.Context(), key, text, life, replace)
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

// TestLikeAMap compares random operations on few keys with those of a map.
func TestLikeAMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type session struct {
			text string
			ends time.Time
		}
		m, want, chance := quiet(16<<20), map[string]session{}, rand.New(rand.NewPCG(1, 2))
		for range 50_000 {
			key := fmt.Sprint("key ", chance.IntN(500))
			life := time.Duration(chance.IntN(100)) * time.Second
			text := strings.Repeat("x", chance.IntN(300)) + fmt.Sprint(chance.Uint64())
			old, live := want[key]
			live = live && time.Now().Before(old.ends)
			switch chance.IntN(10) {
			case 0:
				time.Sleep(time.Duration(chance.IntN(1000)) * time.Millisecond)
			case 1:
				if err := m.Delete(t.Context(), key); err != nil {
					t.Fatal(err)
				}
				delete(want, key)
			case 2:
				replace := chance.IntN(2) == 0
				if saved := save(t, m, key, text, life, replace); saved != (!replace || live) {
					t.Fatalf("saved %t: replace %t, live %t", saved, replace, live)
				} else if saved {
					want[key] = session{text, time.Now().Add(life)}
				}
			default:
				if got, ok, _ := m.Load(t.Context(), key); ok != live || ok && got != old.text {
					t.Fatalf("%q: %q, %t, want %q, %t", key, got, ok, old.text, live)
				}
			}
		}
		if sessions, bytes := m.usage(); sessions > 500 || bytes > 1<<20 {
			t.Errorf("%d sessions in %d bytes after 5,000 saves of 500", sessions, bytes)
		}
	})
}

// TestBound: memory is never used beyond the limit, and sessions end in the order in which they were saved.
func TestBound(t *testing.T) {
	const limit, n = 1 << 20, 20_000
	m := quiet(limit)
	text := strings.Repeat("x", 200)
	for i := range n {
		save(t, m, fmt.Sprint(i), text, time.Hour, false)
		if _, bytes := m.usage(); i%100 == 0 && bytes > limit {
			t.Fatalf("%d bytes after %d sessions, limit %d", bytes, i, limit)
		}
	}
	alive := 0
	for i := range n {
		_, ok, _ := m.Load(t.Context(), fmt.Sprint(i))
		if ok {
			alive++
		}
		if i < n/2 && ok || i > n-1000 && !ok {
			t.Fatalf("session %d of %d: %t", i, n, ok)
		}
	}
	if least := limit / (headSize + len(text) + placeSize) / 2; alive < least {
		t.Errorf("%d sessions fit, at least %d should", alive, least)
	}
}

// TestExpiredGoFirst: no session ends before its time if there is room that expired ones have left.
func TestExpiredGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines strings.Builder
		m := newMemory(4 << 20) // for all but the expired ones, with room for shards that get more than others
		m.log = slog.New(slog.NewTextHandler(&lines, nil))
		for round := range 3 {
			for i := range 6000 {
				save(t, m, fmt.Sprint(round, i), strings.Repeat("x", 200), time.Minute, false)
			}
			for i := range 6000 {
				if _, ok, _ := m.Load(t.Context(), fmt.Sprint(round, i)); !ok {
					t.Fatalf("session %d of round %d ended", i, round)
				}
			}
			time.Sleep(time.Minute)
		}
		sessions, bytes := m.usage()
		if lines.Len() > 0 || sessions > 2*6000 || bytes < sessions*(headSize+200+placeSize) {
			t.Errorf("%d sessions in %d bytes, %s", sessions, bytes, &lines)
		}
	})
}

// TestLongAmongShort: long sessions do not end when the many short ones between them have expired, and do not keep
// their memory either.
func TestLongAmongShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit, long = 4 << 20, 1000
		m, text := quiet(limit), strings.Repeat("x", 200)
		for i := range 8 * long {
			life := time.Minute
			if i%8 == 0 {
				life = time.Hour
			}
			save(t, m, fmt.Sprint("old ", i), text, life, false)
		}
		time.Sleep(time.Minute)
		for i := range 8 * long {
			save(t, m, fmt.Sprint("new ", i), text, time.Hour, false)
		}
		left := 0
		for i := 0; i < 8*long; i += 8 {
			if _, ok, _ := m.Load(t.Context(), fmt.Sprint("old ", i)); ok {
				left++
			}
		}
		if _, bytes := m.usage(); left < long*9/10 || bytes > limit { // a small block may have had several of them
			t.Errorf("%d of %d are left, in %d bytes", left, long, bytes)
		}
	})
}

// TestEnd: a session has ended at its end, for those who load it and for those who save it again.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := quiet(1 << 20)
		save(t, m, "a", "x", time.Minute, false)
		for _, step := range []struct {
			later time.Duration
			lives bool
		}{{time.Minute - time.Nanosecond, true}, {time.Nanosecond, false}} {
			time.Sleep(step.later)
			if _, ok, _ := m.Load(t.Context(), "a"); ok != step.lives {
				t.Errorf("%s later: %t", step.later, ok)
			}
		}
		if save(t, m, "a", "y", time.Minute, true) {
			t.Error("a session that has ended was saved again")
		}
	})
}

// TestDeletedStaysDeleted: the sessions that move, when the memory of ended ones is used again, are those that live.
func TestDeletedStaysDeleted(t *testing.T) {
	const n = 2000
	m := quiet(1 << 20)
	key := func(i int) string { return fmt.Sprint("deleted ", i) }
	for i := range n {
		save(t, m, key(i), strings.Repeat("x", 200), time.Hour, false)
	}
	for i := range n {
		if err := m.Delete(t.Context(), key(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		save(t, m, fmt.Sprint("other ", i), strings.Repeat("x", 200), time.Hour, false)
	}
	for i := range n {
		if _, ok, _ := m.Load(t.Context(), key(i)); ok {
			t.Fatalf("session %d is back", i)
		}
	}
}

// TestSavedAgain: a session that is saved again takes no other's place, and does not end for itself.
func TestSavedAgain(t *testing.T) {
	s := shard{limit: 1024, at: map[digest]place{}}
	text := strings.Repeat("x", 400)
	for i, d := range []digest{{1}, {2}, {1}, {2}, {1}} {
		if ended, ok := s.put(d, text, 0, 1); ended != 0 || !ok {
			t.Errorf("save %d ends %d sessions, %t", i, ended, ok)
		}
	}
}

// TestTooLarge: a session takes at most half of a shard, or each would end all others there.
func TestTooLarge(t *testing.T) {
	m := quiet(64 << 10)
	save(t, m, "a", strings.Repeat("x", 512-headSize), time.Hour, false)
	if _, err := m.Save(t.Context(), "a", strings.Repeat("x", 513-headSize), time.Hour, false); err == nil {
		t.Error("a byte more is saved")
	}
	_, err := m.Save(t.Context(), "a", strings.Repeat("x", 1000), time.Hour, false)
	tooLarge, ok := err.(interface{ TooLarge() (size, limit int) })
	if !ok {
		t.Fatal(err)
	}
	if size, limit := tooLarge.TooLarge(); size != 1000 || limit != 512 {
		t.Errorf("%d, %d", size, limit)
	}
}

// TestWarning: one a minute, if sessions end before their time.
func TestWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines strings.Builder
		m := newMemory(64 << 10)
		m.log = slog.New(slog.NewTextHandler(&lines, nil))
		for range 2 {
			save(t, m, "first", "x", time.Hour, false)
		}
		if lines.Len() > 0 {
			t.Errorf("none has ended: %s", &lines)
		}
		for minute := range 3 {
			for i := range 5000 {
				save(t, m, fmt.Sprint(minute, i), strings.Repeat("x", 200), time.Hour, false)
			}
			time.Sleep(time.Minute + time.Nanosecond)
		}
		if n := strings.Count(lines.String(), "set MaxBytes higher"); n != 3 {
			t.Errorf("%d warnings:\n%s", n, lines.String())
		}
	})
}

// TestSize: what a session takes beyond its record.
func TestSize(t *testing.T) {
	const n, record = 100_000, 200
	m := quiet(1 << 30)
	for i := range n {
		save(t, m, fmt.Sprint(i), strings.Repeat("x", record), time.Hour, false)
	}
	sessions, bytes := m.usage()
	if beyond := bytes/n - record; sessions != n || beyond > 100 {
		t.Errorf("%d sessions, %d bytes each beyond the record", sessions, beyond)
	} else {
		t.Logf("figure memory: a session in `memorystore`, in addition to its record | %d", beyond)
	}
}
