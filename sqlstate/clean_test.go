package sqlstate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/sqlstate"
)

// TestClean: additions remove expired rows in batches, more than they add, and each for its own table. A full batch is
// followed by another at the next addition, and so is one that failed.
func TestClean(t *testing.T) {
	for _, d := range dialects() {
		expired := map[string]int64{}
		failing := false
		f := &fake{answer: func(_ context.Context, text string, args []any) (answer, error) {
			for table, left := range expired {
				if strings.Contains(text, "DELETE") && strings.Contains(text, table) && strings.Contains(text, "ends <=") {
					if failing {
						return answer{}, errors.New("down")
					}
					removed := min(left, args[0].(int64))
					expired[table] -= removed
					return answer{affected: removed}, nil
				}
			}
			return answer{affected: 1, id: 1}, nil
		}}
		store := newStore(t, f, d)
		purges := func(calls int, add func(i int) error) (n int) {
			for i := range calls {
				if err := add(i); err != nil {
					t.Fatal(err)
				}
			}
			for _, text := range f.ran() {
				if strings.Contains(text, "ends <=") && strings.Contains(text, "DELETE") {
					n++
				}
			}
			return n
		}
		keep := func(i int) error { return store.Keep(t.Context(), fmt.Sprint("n", i), "v", time.Hour) }
		mark := func(i int) error { _, err := store.MarkUsed(t.Context(), fmt.Sprint("j", i), time.Hour); return err }
		expired["entries"], expired["lists"] = 500, 0
		if n := purges(49, keep); n != 0 {
			t.Errorf("%s: %d purges after 49 additions", d, n)
		}
		if n := purges(3, keep); n != 3 || expired["entries"] != 0 {
			t.Errorf("%s: %d purges of 500 rows, %d left", d, n, expired["entries"])
		}
		if n := purges(49, keep); n != 0 {
			t.Errorf("%s: %d purges when there was nothing left", d, n)
		}
		for method, add := range map[string]func(i int) error{
			"Revoke": func(i int) error { return store.Revoke(t.Context(), fmt.Sprint("e", i), time.Now(), time.Hour) },
			"Lease": func(i int) error {
				_, _, err := store.Lease(t.Context(), fmt.Sprint("t", i), time.Hour)
				return err
			},
			"SaveRecord": func(int) error { _, err := save(t.Context(), store, ""); return err },
			"Enlist":     func(i int) error { return store.Enlist(t.Context(), "u", fmt.Sprint("e", i), time.Hour) },
			"MarkUsed":   mark,
		} {
			table := "entries"
			if method == "Enlist" || method == "MarkUsed" {
				table = "lists"
			}
			expired["entries"], expired["lists"] = 100, 100
			if n := purges(100, add); n == 0 || expired[table] != 0 || expired["entries"]+expired["lists"] != 100 {
				t.Errorf("%s: %s: %d purges, %v left", d, method, n, expired)
			}
			purges(50, keep) // so that the next method begins with the same count
		}
		failing = true
		if n := purges(51, mark); n < 2 {
			t.Errorf("%s: %d purges of lists that fail", d, n)
		}
	}
}

// TestTrim: lists of sessions are trimmed at each addition, since those are rare, and sets of used keys now and then.
func TestTrim(t *testing.T) {
	f := &fake{answer: func(context.Context, string, []any) (answer, error) { return answer{affected: 1}, nil }}
	store := newStore(t, f, sqlstate.PostgreSQL)
	trims := func() (n int) {
		for _, text := range f.ran() {
			if strings.Contains(text, "OFFSET") {
				n++
			}
		}
		return n
	}
	for range 3 {
		if err := store.Enlist(t.Context(), "u", "s", time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if n := trims(); n != 3 {
		t.Errorf("%d trims of 3 lists", n)
	}
	for i := range 640 {
		if _, err := store.MarkUsed(t.Context(), fmt.Sprint("a", i), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if n := trims(); n != 10 {
		t.Errorf("%d trims after 640 used keys", n)
	}
}
