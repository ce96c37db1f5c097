package state

import (
	"context"
	"errors"
	"strings"
	"time"
)

const (
	maxValue  = 16 << 10 // bytes of one kept value
	maxValues = 64 << 20 // bytes of all of them
)

var errTooLarge = errors.New("state: a value to keep is larger than 16,384 bytes")

// Keep remembers value, of at most 16,384 bytes, for ttl under key, in the place of what was kept there. A ttl of 0 or
// less forgets it. The error is [ErrFull] when all values together would take more than 64 MiB. After an error what was
// kept before still is.
func (m *Memory) Keep(_ context.Context, key, value string, ttl time.Duration) error {
	if len(value) > maxValue {
		return errTooLarge
	}
	if ttl <= 0 {
		m.kept.remove(key, func(string) bool { return true })
		return nil
	}
	value = strings.Clone(value) // it may be a part of something larger, which is not counted
	return m.kept.update(key, ttl, func(_ entry[string], _ bool, until int64) (entry[string], bool) {
		return entry[string]{value, until}, true
	})
}

// Kept returns what was kept under key; not ok, there is nothing whose time has not passed. The error is nil.
func (m *Memory) Kept(_ context.Context, key string) (value string, ok bool, err error) {
	value, ok = m.kept.get(key)
	return value, ok, nil
}
