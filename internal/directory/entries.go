package directory

import (
	"container/list"
	"errors"
	"slices"
	"time"
)

// keep records the result of a lookup, unless Forget was called since it began.
func (d *Directory[T]) keep(name string, value T, err error, forgets uint64) {
	d.mu.Lock()
	var removed *entry[T]
	switch {
	case d.forgets != forgets:
	case errors.Is(err, ErrUnknown):
		d.miss(name, err)
		removed = d.remove(name)
	case err != nil:
		d.miss(name, err)
	default:
		delete(d.misses, name)
		removed = d.put(&entry[T]{name, value, time.Now()})
	}
	d.mu.Unlock()
	d.drop(removed)
}

// put adds an entry or replaces the one of its name, and returns the one that had to make room for it, if any.
func (d *Directory[T]) put(e *entry[T]) (removed *entry[T]) {
	at := d.entries[e.name]
	if at != nil {
		d.leaveGroup(at)
		at.Value = e
	} else {
		at = d.used.PushFront(e)
		d.entries[e.name] = at
	}
	group := d.Group(e.value)
	d.groups[group] = append(d.groups[group], at)
	if len(d.entries) > maxEntries {
		return d.remove(d.used.Back().Value.(*entry[T]).name)
	}
	return nil
}

// miss remembers an error. Anyone can cause errors, so their number is limited: it is the old ones that make room.
func (d *Directory[T]) miss(name string, err error) {
	last := failedFor
	if errors.Is(err, ErrUnknown) {
		last = unknownFor
	}
	if len(d.misses) >= maxMisses {
		clear(d.misses)
	}
	d.misses[name] = miss{err, time.Now().Add(last)}
}

// remove removes an entry and returns it, or nil if there is none. The caller drops it once it has released the mutex:
// Drop is not the Directory's own code.
func (d *Directory[T]) remove(name string) *entry[T] {
	at := d.entries[name]
	if at == nil {
		return nil
	}
	d.leaveGroup(at)
	delete(d.entries, name)
	return d.used.Remove(at).(*entry[T])
}

// leaveGroup removes an entry from its group.
func (d *Directory[T]) leaveGroup(at *list.Element) {
	group := d.Group(at.Value.(*entry[T]).value)
	d.groups[group] = slices.DeleteFunc(d.groups[group], func(other *list.Element) bool { return other == at })
	if len(d.groups[group]) == 0 {
		delete(d.groups, group)
	}
}

// drop calls Drop with an entry, unless it is nil.
func (d *Directory[T]) drop(removed *entry[T]) {
	if removed != nil {
		d.Drop(removed.value)
	}
}
