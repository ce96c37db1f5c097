package sqlstate_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/sqlstate"
)

// TestTaken: MySQL says by an id whether a row was taken, since its number of rows depends on the driver's settings.
func TestTaken(t *testing.T) {
	for _, tt := range []struct {
		dialect sqlstate.Dialect
		answer  answer
		want    bool
	}{
		{sqlstate.PostgreSQL, answer{affected: 1}, true}, {sqlstate.PostgreSQL, answer{}, false},
		{sqlstate.SQLite, answer{affected: 1, id: 2}, true}, {sqlstate.SQLite, answer{}, false},
		{sqlstate.MySQL, answer{affected: 1}, true},        // inserted
		{sqlstate.MySQL, answer{affected: 2, id: 1}, true}, // taken from an expired one
		{sqlstate.MySQL, answer{affected: 0, id: 2}, false},
		{sqlstate.MySQL, answer{affected: 1, id: 2}, false}, // clientFoundRows
	} {
		store := newStore(t, &fake{answer: func(context.Context, string, []any) (answer, error) {
			return tt.answer, nil
		}}, tt.dialect)
		if first, err := store.MarkUsed(t.Context(), "j", time.Hour); first != tt.want || err != nil {
			t.Errorf("%s, %+v: MarkUsed = %t, %v", tt.dialect, tt.answer, first, err)
		}
		release, ok, err := store.Lease(t.Context(), "t", time.Hour)
		if ok != tt.want || (release != nil) != tt.want || err != nil {
			t.Errorf("%s, %+v: Lease = %t, %v", tt.dialect, tt.answer, ok, err)
		}
	}
}

func TestRevokedInOrder(t *testing.T) {
	at := time.UnixMicro(1_700_000_000_123_456).UTC()
	asked := 0
	f := &fake{answer: func(_ context.Context, _ string, args []any) (a answer, _ error) {
		asked += len(args)
		if slices.Contains(args, any("r:b")) {
			a.rows = append(a.rows, []driver.Value{"r:b", at.UnixMicro(), nil})
		}
		if slices.Contains(args, any("r:z")) {
			a.rows = append(a.rows, []driver.Value{[]byte("r:z"), at.UnixMicro(), nil}) // MySQL's
		}
		return a, nil
	}}
	store := newStore(t, f, sqlstate.PostgreSQL)
	for _, tt := range []struct{ keys, statements, asked int }{
		{0, 0, 0}, {1, 1, 1}, {2, 1, 2}, {3, 1, 4}, {5, 1, 8}, {32, 1, 32}, {33, 2, 33}, {100, 4, 100},
	} {
		asked = 0
		keys, want := make([]string, tt.keys), make([]time.Time, tt.keys)
		for i := range keys {
			keys[i] = fmt.Sprint(i)
		}
		if tt.keys > 1 {
			keys[0], keys[tt.keys-1] = "b", "z"
			want[0], want[tt.keys-1] = at, at
		}
		got, err := store.Revoked(t.Context(), keys...)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%d keys: %v, %v", tt.keys, got, err)
		}
		if n := len(f.ran()); n != tt.statements || asked != tt.asked {
			t.Errorf("%d keys: %d statements with %d", tt.keys, n, asked)
		}
	}
}

// TestLimits: what MySQL would cut, and what the plugin never keeps, is refused before it reaches the database.
func TestLimits(t *testing.T) {
	f := &fake{answer: func(context.Context, string, []any) (answer, error) { return answer{affected: 1}, nil }}
	store, ctx, longest := newStore(t, f, sqlstate.MySQL), t.Context(), strings.Repeat("k", 128)
	long := longest + "k"
	for name, err := range map[string]error{
		"Revoke": store.Revoke(ctx, long, time.Now(), time.Hour), "Enlist": store.Enlist(ctx, long, "s", time.Hour),
		"Enlist a session": store.Enlist(ctx, "o", long, time.Hour), "Keep": store.Keep(ctx, long, "v", time.Hour),
		"Keep a value": store.Keep(ctx, "k", strings.Repeat("v", 16<<10+1), time.Hour),
		"MarkUsed":     func() error { _, err := store.MarkUsed(ctx, long, time.Hour); return err }(),
		"Lease":        func() error { _, _, err := store.Lease(ctx, long, time.Hour); return err }(),
	} {
		if err == nil || strings.Contains(err.Error(), "kk") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if texts := f.ran(); len(texts) != 0 {
		t.Errorf("%q", texts)
	}
	if err := store.Revoke(ctx, longest, time.Now(), time.Hour); err != nil {
		t.Error(err)
	}
	if err := store.Keep(ctx, longest, strings.Repeat("v", 16<<10), time.Hour); err != nil {
		t.Error(err)
	}
}

// TestReleaseFails: a holder learns that the lease is not released, and so ends after its ttl.
func TestReleaseFails(t *testing.T) {
	down := errors.New("down")
	f := &fake{answer: func(context.Context, string, []any) (answer, error) { return answer{affected: 1}, nil }}
	release, ok, err := newStore(t, f, sqlstate.SQLite).Lease(t.Context(), "t", time.Hour)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	f.answer = func(context.Context, string, []any) (answer, error) { return answer{}, down }
	if err := release(t.Context()); !errors.Is(err, down) {
		t.Errorf("%v", err)
	}
}

// TestNoTTL: what is remembered for no time is forgotten, with one statement.
func TestNoTTL(t *testing.T) {
	for _, d := range dialects() {
		f := &fake{}
		store := newStore(t, f, d)
		for _, ttl := range []time.Duration{0, -time.Hour} {
			err := errors.Join(store.Enlist(t.Context(), "u", "e", ttl), store.Keep(t.Context(), "n", "v", ttl))
			texts := f.ran()
			if err != nil || len(texts) != 2 || position(texts, "DELETE") != 0 || position(texts[1:], "DELETE") != 0 {
				t.Errorf("%s: %v: %q, %v", d, ttl, texts, err)
			}
		}
		if err := store.Keep(t.Context(), "n", "v", 1); err != nil || position(f.ran(), "INSERT") != 0 {
			t.Errorf("%s: the shortest ttl keeps nothing, %v", d, err)
		}
	}
}

// TestSeenSets: a key is always in the same set, of its own kind.
func TestSeenSets(t *testing.T) {
	sets := map[string]bool{}
	f := &fake{answer: func(_ context.Context, _ string, args []any) (answer, error) {
		if set, ok := args[0].(string); ok { // a purge has none
			sets[set] = true
		}
		return answer{affected: 1}, nil
	}}
	store := newStore(t, f, sqlstate.PostgreSQL)
	for i := range 3000 {
		if _, err := store.MarkUsed(t.Context(), fmt.Sprint("a", i%1500), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(sets); n < 200 || n > 256 {
		t.Errorf("%d sets", n)
	}
}
