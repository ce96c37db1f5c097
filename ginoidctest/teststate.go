package ginoidctest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
)

// TestState checks that a [ginoidc.SharedState] does what the plugin requires of one, and fails the test with
// everything that it does not. one and other are two instances that share their data, as two processes of an app do;
// pass the same one twice if there is only one. All keys are new, so the data need not be empty, and they expire within
// an hour.
//
// Methods that return [errors.ErrUnsupported] are not checked further. It takes about two seconds, since keys must
// expire, and none in a testing/synctest bubble.
func TestState(tb TB, one, other ginoidc.SharedState) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	t := &stateTest{ctx: ctx, one: one, other: other, run: strings.ToLower(rand.Text()[:8])}
	for _, check := range []func() error{
		t.revocations, t.manyRevocations, t.usedOnce, t.lists, t.leases, t.lateRelease, t.keptValues, t.kinds,
	} {
		if err := check(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			t.failf("%v", err)
		}
	}
	if len(t.problems) > 0 {
		tb.Fatalf("the shared state does not conform:\n%s", strings.Join(t.problems, "\n"))
	}
}

// stateTest is one run of [TestState].
type stateTest struct {
	ctx        context.Context
	one, other ginoidc.SharedState
	run        string // part of each key
	mu         sync.Mutex
	problems   []string
}

func (t *stateTest) failf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.problems = append(t.problems, fmt.Sprintf(format, args...))
}

// key returns a key of the form that the plugin uses.
func (t *stateTest) key(kind, name string) string { return kind + t.run + name }

const (
	short = 200 * time.Millisecond // of what must expire
	long  = time.Hour
)

// expires calls gone until it reports true.
func (t *stateTest) expires(what string, gone func() (bool, error)) error {
	for deadline := time.Now().Add(30 * short); ; time.Sleep(short / 4) {
		ok, err := gone()
		if err != nil {
			return fmt.Errorf("waiting until %s expires: %w", what, err)
		}
		if ok {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not expire", what)
		}
	}
}

func (t *stateTest) revocations() error {
	at := time.Now().Truncate(time.Microsecond)
	before, after := at.Add(-time.Hour), at.Add(time.Hour)
	for _, r := range []struct {
		name string
		at   time.Time
		ttl  time.Duration
	}{
		{"one", at, long},
		{"later", before, long}, {"later", at, short}, // the latest time and the longest ttl count
		{"earlier", at, long}, {"earlier", before, short},
		{"longer", at, short}, {"longer", at, long},
		{"future", after, long},
		{"short", at, short},
	} {
		if err := t.one.Revoke(t.ctx, t.key("e", r.name), r.at, r.ttl); err != nil {
			return fmt.Errorf("calling Revoke: %w", err)
		}
	}
	err := t.expires("a revocation", func() (bool, error) {
		times, err := t.other.Revoked(t.ctx, t.key("e", "short"))
		return err == nil && len(times) == 1 && times[0].IsZero(), err
	})
	if err != nil {
		return err
	}
	names := []string{"none", "one", "later", "earlier", "longer", "future", "one", "ONE", "one "}
	want := []time.Time{{}, at, at, at, at, after, at, {}, {}}
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = t.key("e", name)
	}
	got, err := t.other.Revoked(t.ctx, keys...)
	if err != nil || !slices.EqualFunc(got, want, time.Time.Equal) {
		t.failf("Revoked of %q = %v, %v; want %v", names, got, err, want)
	}
	if got, err := t.other.Revoked(t.ctx); err != nil || len(got) != 0 {
		t.failf("Revoked of no keys = %v, %v", got, err)
	}
	return nil
}

// manyRevocations are looked up when the sessions of a user are listed.
func (t *stateTest) manyRevocations() error {
	at := time.Now().Truncate(time.Microsecond)
	keys := make([]string, 100)
	for i := range keys {
		keys[i] = t.key("e", fmt.Sprint("many", i))
	}
	if err := t.one.Revoke(t.ctx, keys[99], at, long); err != nil {
		return fmt.Errorf("calling Revoke: %w", err)
	}
	got, err := t.other.Revoked(t.ctx, keys...)
	if err != nil || len(got) != 100 || !got[99].Equal(at) || !got[98].IsZero() {
		t.failf("Revoked of 100 keys = %v, %v", got, err)
	}
	return nil
}

// together calls do 20 times at once, half of the times on each instance, and returns how often it reports true.
func (t *stateTest) together(do func(s ginoidc.SharedState) (bool, error)) (n int, err error) {
	var calls sync.WaitGroup
	var count atomic.Int64
	failures := make([]error, 20)
	for i := range failures {
		s := t.one
		if i%2 == 1 {
			s = t.other
		}
		calls.Go(func() {
			ok, err := do(s)
			if failures[i] = err; ok {
				count.Add(1)
			}
		})
	}
	calls.Wait()
	return int(count.Load()), errors.Join(failures...)
}

func (t *stateTest) usedOnce() error {
	for _, kind := range []string{"a", "j"} {
		mark := func(ttl time.Duration) func(ginoidc.SharedState) (bool, error) {
			return func(s ginoidc.SharedState) (bool, error) { return s.MarkUsed(t.ctx, t.key(kind, "once"), ttl) }
		}
		if n, err := t.together(mark(short)); n != 1 || err != nil {
			t.failf("MarkUsed of one key, 20 times at once: %d were the first, want 1; %v", n, err)
		}
		err := t.expires("a used key", func() (bool, error) { return mark(long)(t.other) })
		if err != nil {
			return err
		}
		time.Sleep(2 * short)
		if n, err := t.together(mark(short)); n != 0 || err != nil {
			t.failf("MarkUsed of a used key: %d were the first; %v", n, err)
		}
	}
	return nil
}
