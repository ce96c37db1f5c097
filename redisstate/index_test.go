package redisstate_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// index is what the state of one process and that of several have in common.
type index interface {
	Enlist(ctx context.Context, owner, session string, ttl time.Duration) error
	Delist(ctx context.Context, owner, session string) error
	Listed(ctx context.Context, owner string) ([]string, error)
}

// A step gets two instances, which in memory are the same.
type step func(t *testing.T, one, other index)

func enlist(owner, session string, ttl time.Duration) step {
	return func(t *testing.T, one, _ index) {
		if err := one.Enlist(t.Context(), owner, session, ttl); err != nil {
			t.Errorf("Enlist %s of %s: %v", session, owner, err)
		}
	}
}

func delist(owner, session string) step {
	return func(t *testing.T, _, other index) {
		if err := other.Delist(t.Context(), owner, session); err != nil {
			t.Errorf("Delist %s of %s: %v", session, owner, err)
		}
	}
}

func wait(d time.Duration) step { return func(*testing.T, index, index) { time.Sleep(d) } }

func listed(owner string, want ...string) step {
	return func(t *testing.T, one, other index) {
		t.Helper()
		for _, x := range []index{one, other} {
			got, err := x.Listed(t.Context(), owner)
			slices.Sort(got)
			if slices.Sort(want); err != nil || !slices.Equal(got, want) {
				t.Errorf("Listed of %s = %d: %.200s, %v; want %d: %.200s", owner, len(got), fmt.Sprint(got), err,
					len(want), fmt.Sprint(want))
			}
		}
	}
}

// many enlists sessions, each of which ends a second after the one before it.
func many(sessions []string) step {
	return func(t *testing.T, one, other index) {
		for i, session := range sessions {
			enlist("u", session, time.Hour+time.Duration(i)*time.Second)(t, one, other)
		}
	}
}

func TestIndex(t *testing.T) {
	const ms, minute, hour = time.Millisecond, time.Minute, time.Hour
	most := make([]string, 1000)
	for i := range most {
		most[i] = fmt.Sprintf("session %03d", i)
	}
	long := strings.Repeat("s", 128)
	for name, steps := range map[string][]step{
		"nothing": {listed("u")},
		"some":    {enlist("u", "a", hour), enlist("u", long, hour), listed("u", "a", long)},
		"owners are apart": {enlist("u", "a", hour), enlist("v", "b", hour), listed("u", "a"),
			listed("v", "b"), listed("w")},
		"one session of two": {enlist("u", "a", hour), enlist("v", "a", hour), delist("u", "a"),
			listed("u"), listed("v", "a")},
		"until its ttl": {enlist("u", "a", minute), wait(minute - ms), listed("u", "a"), wait(ms), listed("u")},
		"next to a live one": {enlist("u", "a", hour), enlist("u", "b", minute), wait(minute), listed("u", "a"),
			wait(hour), listed("u")},
		"a longer ttl": {enlist("u", "a", minute), enlist("u", "a", hour), wait(hour - ms), listed("u", "a"),
			wait(ms), listed("u")},
		"a shorter ttl": {enlist("u", "a", hour), enlist("u", "a", minute), wait(minute - ms), listed("u", "a"),
			wait(ms), listed("u")},
		"no ttl":              {enlist("u", "a", 0), enlist("u", "b", math.MinInt64), listed("u")},
		"no ttl any more":     {enlist("u", "a", hour), enlist("u", "a", 0), listed("u")},
		"the longest ttl":     {wait(ms), enlist("u", "a", math.MaxInt64), wait(1000 * hour), listed("u", "a")},
		"after it has passed": {enlist("u", "a", minute), wait(hour), enlist("u", "a", minute), listed("u", "a")},
		"delist": {enlist("u", "a", hour), enlist("u", "b", hour), enlist("u", "c", minute), delist("u", "b"),
			listed("u", "a", "c")},
		"delist nothing": {delist("u", "a"), enlist("u", "a", hour), delist("u", "b"), delist("v", "a"), listed("u", "a")},
		"enlist again": {enlist("u", "a", hour), delist("u", "a"), delist("u", "a"),
			enlist("u", "a", hour), listed("u", "a")},
		"too many": {
			many(most), listed("u", most...),
			enlist("v", "of another", hour), listed("u", most...),
			enlist("u", most[500], 2*hour), listed("u", most...), // is no session more
			enlist("u", "the latest", 3*hour), listed("u", append(most[1:], "the latest")...),
			enlist("u", "the soonest", minute), listed("u", append(most[1:], "the latest")...),
			delist("u", most[1]),
			enlist("u", "the soonest", minute), listed("u", append(most[2:], "the latest", "the soonest")...),
			wait(2*hour - ms), listed("u", most[500], "the latest"),
			wait(hour), listed("u", "the latest"),
			many(most), listed("u", most...), // by now the latest ends soonest
		},
	} {
		test := func(t *testing.T, one, other index) {
			for _, step := range steps {
				step(t, one, other)
			}
		}
		t.Run(name+"/memory", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				memory := state.NewMemory(0)
				test(t, memory, memory)
			})
		})
		t.Run(name+"/redis", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newFake()
				test(t, newStore(t, server), newStore(t, server))
			})
		})
	}
}

// One round trip each, and one key for each owner.
func TestIndexCommands(t *testing.T) {
	server := newFake()
	store := newStore(t, server)
	for name, do := range map[string]func() error{
		"Enlist": func() error { return store.Enlist(t.Context(), "hash", "session", time.Hour) },
		"Delist": func() error { return store.Delist(t.Context(), "hash", "session") },
		"Listed": func() error { _, err := store.Listed(t.Context(), "hash"); return err },
	} {
		server.set(func() { server.calls = 0 })
		if err := do(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		server.set(func() {
			if server.calls != 1 {
				t.Errorf("%s: %d commands", name, server.calls)
			}
		})
	}
	server.set(func() {
		if _, ok := server.lists["ginoidc:i:hash"]; !ok || len(server.lists) != 1 || len(server.entries) != 0 {
			t.Errorf("keys: %v, %v", server.lists, server.entries)
		}
	})
}

func (f *fake) enlist(key, session, ttl, limit string) string {
	life, _ := strconv.ParseInt(ttl, 10, 64)
	most, _ := strconv.Atoi(limit)
	list := f.lists[key]
	if list == nil {
		list = map[string]int64{}
		f.lists[key] = list
	}
	list[session] = time.Now().UnixMilli() + life
	if len(list) > most {
		soonest := session
		for other, end := range list {
			if end < list[soonest] {
				soonest = other
			}
		}
		delete(list, soonest)
	}
	return ":0\r\n"
}

func (f *fake) listed(key string) string {
	var reply strings.Builder
	n := 0
	for session, end := range f.lists[key] {
		if end > time.Now().UnixMilli() {
			n++
			fmt.Fprintf(&reply, "$%d\r\n%s\r\n", len(session), session)
		}
	}
	return fmt.Sprintf("*%d\r\n", n) + reply.String()
}
