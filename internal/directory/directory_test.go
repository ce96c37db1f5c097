package directory_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/directory"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
)

// table is what an app has: texts by name.
type table struct {
	mu      sync.Mutex
	rows    map[string]string
	err     error
	slow    time.Duration
	lookups map[string]int
	olds    []string
	dropped []string
}

func newTable(rows map[string]string) (*table, *directory.Directory[string]) {
	t := &table{rows: rows, lookups: map[string]int{}}
	return t, directory.New(directory.Config[string]{
		Find: t.find, Drop: t.drop, Group: func(value string) string { return value[:1] },
		Log: slog.New(slog.DiscardHandler),
	})
}

func (t *table) find(ctx context.Context, name, old string) (string, error) {
	t.mu.Lock()
	t.lookups[name]++
	t.olds = append(t.olds, old)
	slow, err := t.slow, t.err
	value, ok := t.rows[name]
	t.mu.Unlock()
	if name == "panics" {
		panic("of the app")
	}
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	switch {
	case err != nil:
		return "", err
	case !ok:
		return "", fmt.Errorf("%w: %s", directory.ErrUnknown, name)
	}
	return value, nil
}

func (t *table) drop(value string) { t.dropped = append(t.dropped, value) }

func (t *table) change(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
}

func (t *table) count(name string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lookups[name]
}

type lookup = func(context.Context, string) (string, error)

func check(t *testing.T, look lookup, name, want string, wantErr error) {
	t.Helper()
	if got, err := look(t.Context(), name); got != want || !errors.Is(err, wantErr) {
		t.Errorf("%s: %q, %v; want %q, %v", name, got, err, want, wantErr)
	}
}

// TestAge: an entry is current for a minute; for what goes on with it, it is renewed in the background, and after ten
// minutes before it is used.
func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, d := newTable(map[string]string{"a": "1"})
		check(t, d.Current, "a", "1", nil)
		time.Sleep(time.Minute - 1)
		app.change(func() { app.rows["a"] = "2" })
		check(t, d.Current, "a", "1", nil)
		check(t, d.Kept, "a", "1", nil)
		time.Sleep(time.Nanosecond)
		check(t, d.Kept, "a", "1", nil) // and looks it up
		synctest.Wait()
		check(t, d.Kept, "a", "2", nil)
		app.change(func() { app.rows["a"] = "3" })
		time.Sleep(time.Minute)
		check(t, d.Current, "a", "3", nil)
		app.change(func() { app.rows["a"] = "4" })
		time.Sleep(10 * time.Minute)
		check(t, d.Kept, "a", "4", nil)
		if n := app.count("a"); n != 4 || app.olds[0] != "" || app.olds[3] != "3" {
			t.Errorf("%d lookups, entries so far %q", n, app.olds)
		}
	})
}

// TestRemoved: a name that the app no longer knows ends at once where the age is not enough, and Forget makes it.
func TestRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, d := newTable(map[string]string{"a": "1", "b": "1"})
		check(t, d.Kept, "a", "1", nil)
		check(t, d.Kept, "b", "1", nil)
		app.change(func() { clear(app.rows) })
		d.Forget("a")
		check(t, d.Kept, "a", "", directory.ErrUnknown)
		check(t, d.Kept, "b", "1", nil)
		time.Sleep(time.Minute)
		check(t, d.Kept, "b", "1", nil)
		synctest.Wait()
		check(t, d.Kept, "b", "", directory.ErrUnknown)
		app.change(func() { app.rows["b"] = "2" })
		d.Forget("b") // that it was unknown is forgotten too
		check(t, d.Kept, "b", "2", nil)
		app.change(func() { clear(app.rows) })
		time.Sleep(time.Hour)
		check(t, d.Kept, "b", "", directory.ErrUnknown)
		if fmt.Sprint(app.dropped) != "[1 1 2]" {
			t.Errorf("dropped %q", app.dropped)
		}
	})
}

// TestFailure: an error concerns new uses; those that go on keep the entry, whatever its age. A lookup that failed is
// soon tried again.
func TestFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("down")
		app, d := newTable(map[string]string{"a": "1"})
		check(t, d.Current, "a", "1", nil)
		app.change(func() { app.err = down })
		check(t, d.Current, "b", "", down)
		for range 10 {
			check(t, d.Current, "b", "", down)
		}
		check(t, d.Kept, "b", "", down)
		if n := app.count("b"); n != 1 {
			t.Errorf("%d lookups", n)
		}
		time.Sleep(time.Minute)
		for range 10 {
			check(t, d.Kept, "a", "1", nil) // the first one looks it up in the background
			synctest.Wait()
		}
		if n := app.count("a"); n != 2 {
			t.Errorf("%d lookups in the background", n-1)
		}
		time.Sleep(time.Hour)
		check(t, d.Current, "a", "", down)
		check(t, d.Kept, "a", "1", nil)
		app.change(func() { app.err = nil })
		time.Sleep(time.Second)
		check(t, d.Current, "a", "1", nil)
		check(t, d.Current, "b", "", directory.ErrUnknown)
	})
}

// TestUnknown: an unknown name is remembered for ten seconds, and any number of them pushes out no entry. Case 325.
func TestUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, d := newTable(map[string]string{"a": "1"})
		check(t, d.Current, "a", "1", nil)
		check(t, d.Current, "b", "", directory.ErrUnknown)
		app.change(func() { app.rows["b"] = "1" })
		time.Sleep(10*time.Second - 1)
		check(t, d.Current, "b", "", directory.ErrUnknown)
		time.Sleep(time.Nanosecond)
		check(t, d.Current, "b", "1", nil)
		for n := range 20_000 {
			check(t, d.Current, fmt.Sprint("x", n), "", directory.ErrUnknown)
		}
		if n := app.count("a"); n != 1 {
			t.Errorf("%d lookups of an entry", n)
		}
	})
}

// TestUnknownNames: of the names that are unknown, a thousand are remembered at most, since anyone can make them up.
// Case 325.
func TestUnknownNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, d := newTable(nil)
		for n := range 1000 {
			check(t, d.Current, fmt.Sprint(n), "", directory.ErrUnknown)
		}
		check(t, d.Current, "0", "", directory.ErrUnknown)
		if n := app.count("0"); n != 1 {
			t.Errorf("%d lookups of a name that is remembered", n)
		}
		check(t, d.Current, "1000", "", directory.ErrUnknown)
		check(t, d.Current, "0", "", directory.ErrUnknown)
		if n := app.count("0"); n != 2 {
			t.Errorf("%d lookups of a name that had to make room", n)
		}
	})
}

// TestShared: concurrent callers share a lookup, which goes on when one of them leaves; a Forget ends the sharing, and
// what it looked up before is not kept.
func TestShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, d := newTable(map[string]string{"a": "1"})
		app.slow = time.Second
		gone, leave := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		callers.Go(func() {
			if _, err := d.Current(gone, "a"); !errors.Is(err, directory.ErrUnavailable) {
				t.Errorf("the one that left: %v", err)
			}
		})
		synctest.Wait()
		for range 100 {
			callers.Go(func() { check(t, d.Current, "a", "1", nil) })
		}
		synctest.Wait()
		leave()
		callers.Wait()
		if n := app.count("a"); n != 1 {
			t.Errorf("%d lookups", n)
		}
		d.Forget("a")
		callers.Go(func() { check(t, d.Current, "a", "1", nil) })
		synctest.Wait()
		app.change(func() { app.rows["a"] = "2" })
		d.Forget("a")
		check(t, d.Current, "a", "2", nil)
		callers.Wait()
		check(t, d.Current, "a", "2", nil)
		if n := app.count("a"); n != 3 {
			t.Errorf("%d lookups", n)
		}
		d.Forget("a")
		callers.Go(func() { check(t, d.Current, "a", "2", nil) })
		synctest.Wait()
		app.change(func() { app.rows["a"] = "3" })
		d.Forget("a")
		callers.Wait()
		check(t, d.Current, "a", "3", nil)
	})
}

// TestContained: lookups that panic or never end take a limited time and number, and concern their own names alone.
// Case 325.
func TestContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, d := newTable(map[string]string{"a": "1"})
		var panicked *flight.PanicError
		if _, err := d.Current(t.Context(), "panics"); !errors.As(err, &panicked) {
			t.Errorf("got %v", err)
		}
		check(t, d.Current, "a", "1", nil)
	})
	var running atomic.Int64
	synctest.Test(t, func(t *testing.T) {
		d := directory.New(directory.Config[string]{
			Find: func(ctx context.Context, name, _ string) (string, error) {
				running.Add(1)
				defer running.Add(-1)
				time.Sleep(time.Minute) // whatever ctx says
				return name, nil
			},
			Group: func(name string) string { return name },
		})
		var callers sync.WaitGroup
		for n := range 64 {
			callers.Go(func() {
				start := time.Now()
				check(t, d.Current, fmt.Sprint(n), "", directory.ErrUnavailable)
				if took := time.Since(start); took != 5*time.Second {
					t.Errorf("waited for %s", took)
				}
			})
		}
		synctest.Wait()
		check(t, d.Current, "one more", "", directory.ErrUnavailable)
		if n := running.Load(); n != 64 {
			t.Errorf("%d lookups at once", n)
		}
		callers.Wait()
		time.Sleep(time.Minute)
	})
}

// TestNumber: the number of entries is limited, and the least recently used ones make room.
func TestNumber(t *testing.T) {
	rows := map[string]string{}
	for n := range 10_001 {
		rows[fmt.Sprint(n)] = fmt.Sprint(n)
	}
	app, d := newTable(rows)
	for n := range 10_001 {
		check(t, d.Kept, fmt.Sprint(n), fmt.Sprint(n), nil)
		check(t, d.Kept, "0", "0", nil)
	}
	if fmt.Sprint(app.dropped) != "[1]" {
		t.Errorf("dropped %q", app.dropped)
	}
	n := 0
	for digit := range 10 {
		d.Each(fmt.Sprint(digit), func(string) { n++ })
	}
	if n != 10_000 {
		t.Errorf("%d entries", n)
	}
}

// TestGroups: entries are found by their group, which a later lookup may change, until they are removed. Drop is called
// without the mutex: it may use the directory.
func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := map[string]string{"a": "x1", "b": "y1", "c": "x2"}
		var d *directory.Directory[string]
		members := func(group string) (values []string) {
			d.Each(group, func(value string) { values = append(values, value) })
			return values
		}
		left := ""
		d = directory.New(directory.Config[string]{
			Find: func(_ context.Context, name, _ string) (string, error) {
				if value := rows[name]; value != "" {
					return value, nil
				}
				return "", directory.ErrUnknown
			},
			Drop:  func(value string) { left += fmt.Sprintf("%s leaves %q. ", value, members(value[:1])) },
			Group: func(value string) string { return value[:1] },
			Log:   slog.New(slog.DiscardHandler),
		})
		steps := []struct {
			name, value string // "" after Forget
			x, y        string
		}{
			{"a", "x1", `["x1"]`, `[]`},
			{"b", "y1", `["x1"]`, `["y1"]`},
			{"c", "x2", `["x1" "x2"]`, `["y1"]`},
			{"a", "y2", `["x2"]`, `["y1" "y2"]`},
			{"c", "", `[]`, `["y1" "y2"]`},
			{"b", "", `[]`, `["y2"]`},
		}
		for _, step := range steps {
			if rows[step.name] = step.value; step.value == "" {
				d.Forget(step.name)
			} else {
				time.Sleep(time.Minute)
				check(t, d.Current, step.name, step.value, nil)
			}
			if x, y := fmt.Sprintf("%q", members("x")), fmt.Sprintf("%q", members("y")); x != step.x || y != step.y {
				t.Errorf("after %q of %s: x has %s, y has %s", step.value, step.name, x, y)
			}
		}
		if want := `x2 leaves []. y1 leaves ["y2"]. `; left != want {
			t.Errorf("%s, want %s", left, want)
		}
	})
}

// TestGroupsAreGivenBack: of a group without entries nothing is left, however many there were.
func TestGroupsAreGivenBack(t *testing.T) {
	d := directory.New(directory.Config[string]{
		Find:  func(_ context.Context, name, _ string) (string, error) { return name, nil },
		Drop:  func(string) {},
		Group: func(name string) string { return strings.Repeat(name, 4096/len(name)) },
	})
	heap := func() int64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	empty := heap()
	for n := range 5000 {
		check(t, d.Current, fmt.Sprint(n), fmt.Sprint(n), nil)
		d.Forget(fmt.Sprint(n))
	}
	if left := heap() - empty; left > 5<<20 {
		t.Errorf("%d bytes are still held", left)
	}
	runtime.KeepAlive(d)
}
