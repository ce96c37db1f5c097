// Package directory keeps what an app looks up by name at run time: for a limited time, in a limited number, with one
// lookup for concurrent callers. What goes wrong with one name concerns no other.
package directory

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
)

// ErrUnknown means that there is nothing of that name.
var ErrUnknown = errors.New("unknown name")

// ErrUnavailable means that a lookup took too long, or that too many are running.
var ErrUnavailable = errors.New("the lookup does not end")

const (
	freshFor   = time.Minute            // how long an entry counts as current
	staleAfter = 10 * time.Minute       // how long it is used while it is looked up again in the background
	unknownFor = 10 * time.Second       // how long an unknown name is remembered
	failedFor  = 500 * time.Millisecond // how long a failed lookup is
	lookupTime = 5 * time.Second
	maxLookups = 64     // at once
	maxEntries = 10_000 // the least recently used ones are dropped
	maxMisses  = 1000   // unknown names and failures, which anyone can cause
)

// Config says what a Directory keeps. All functions must be safe for concurrent use.
type Config[T any] struct {
	// Find looks a name up. It gets the entry so far, or the zero value. An error that is [ErrUnknown] means that there is
	// none now.
	Find func(ctx context.Context, name string, old T) (T, error)
	// Drop is called with entries that are removed: Find itself sees those that it replaces.
	Drop func(T)
	// Group returns under which other name [Directory.Each] finds an entry, together with others of the group.
	Group func(T) string
	Log   *slog.Logger // for panics
}

// Directory keeps entries by name. It is safe for concurrent use.
type Directory[T any] struct {
	Config[T]
	flight flight.Group[T]
	slots  chan struct{}

	mu      sync.Mutex
	entries map[string]*list.Element   // of *entry[T]
	groups  map[string][]*list.Element // of those of each group, the first one found first
	used    list.List                  // the most recently used first
	misses  map[string]miss
	forgets uint64 // how often Forget was called
}

type entry[T any] struct {
	name  string
	value T
	found time.Time
}

// miss is a lookup that found nothing.
type miss struct {
	err   error
	until time.Time
}

// New returns a Directory without entries.
func New[T any](cfg Config[T]) *Directory[T] {
	return &Directory[T]{
		Config: cfg, flight: flight.Group[T]{Log: cfg.Log}, slots: make(chan struct{}, maxLookups),
		entries: map[string]*list.Element{}, groups: map[string][]*list.Element{}, misses: map[string]miss{},
	}
}

// Current returns an entry that was looked up within the last minute.
func (d *Directory[T]) Current(ctx context.Context, name string) (T, error) {
	if value, age, ok := d.kept(name); ok && age < freshFor {
		return value, nil
	}
	return d.lookup(ctx, name)
}

// Kept returns an entry for what goes on with it, such as sessions. It waits only if there is none, or none that was
// looked up within ten minutes. If the lookup fails, an entry of any age remains in use: only [ErrUnknown] ends it.
func (d *Directory[T]) Kept(ctx context.Context, name string) (T, error) {
	value, age, ok := d.kept(name)
	switch {
	case ok && age < freshFor:
		return value, nil
	case ok && age < staleAfter:
		if d.missed(name) == nil {
			d.start(ctx, name)
		}
		return value, nil
	}
	newer, err := d.lookup(ctx, name)
	if err != nil && ok && !errors.Is(err, ErrUnknown) {
		return value, nil
	}
	return newer, err
}

// Forget makes the next use of a name look it up. A lookup that has already begun does not count.
func (d *Directory[T]) Forget(name string) {
	d.mu.Lock()
	d.forgets++
	delete(d.misses, name)
	removed := d.remove(name)
	d.mu.Unlock()
	d.drop(removed)
}

// Each calls visit with every entry of a group, without looking anything up. It costs nothing for the entries of other
// groups: anyone can cause the requests for which it is called.
func (d *Directory[T]) Each(group string, visit func(T)) {
	d.mu.Lock()
	values := make([]T, 0, len(d.groups[group]))
	for _, at := range d.groups[group] {
		values = append(values, at.Value.(*entry[T]).value)
	}
	d.mu.Unlock()
	for _, value := range values {
		visit(value)
	}
}

// kept returns the entry and its age.
func (d *Directory[T]) kept(name string) (value T, age time.Duration, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := d.entries[name]
	if at == nil {
		return value, 0, false
	}
	d.used.MoveToFront(at)
	e := at.Value.(*entry[T])
	return e.value, time.Since(e.found), true
}

// missed returns the error of a recent lookup, or nil.
func (d *Directory[T]) missed(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m := d.misses[name]; time.Now().Before(m.until) {
		return m.err
	}
	return nil
}

// lookup looks a name up, together with the other callers that wait for it.
func (d *Directory[T]) lookup(ctx context.Context, name string) (value T, err error) {
	if err := d.missed(name); err != nil {
		return value, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	key, work := d.work(ctx, name)
	value, _, err = d.flight.Do(ctx, key, work)
	if err != nil && err == ctx.Err() {
		err = fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
	return value, err
}

// start is lookup without waiting.
func (d *Directory[T]) start(ctx context.Context, name string) {
	key, work := d.work(ctx, name)
	d.flight.Start(key, work)
}

// work returns one lookup, for all who wait for it. Callers after a Forget do not join an earlier one.
func (d *Directory[T]) work(ctx context.Context, name string) (key string, _ func() (T, error)) {
	d.mu.Lock()
	forgets := d.forgets
	d.mu.Unlock()
	return fmt.Sprint(forgets, " ", name), func() (value T, err error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTime)
		defer cancel()
		err = errPanicked
		defer func() { d.keep(name, value, err, forgets) }()
		select {
		case d.slots <- struct{}{}:
			defer func() { <-d.slots }()
		default:
			return value, ErrUnavailable
		}
		old, _, _ := d.kept(name)
		value, err = d.Find(ctx, name, old)
		return value, err
	}
}

var errPanicked = errors.New("the lookup panicked")
