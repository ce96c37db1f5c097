package state

import (
	"context"
	"errors"
	"strings"
	"time"
)

const (
	// MaxValue is the largest size of a kept value in bytes, in every shared state: an endless token cannot fill the
	// state.
	MaxValue = 16 << 10

	maxValues = 64 << 20 // bytes of all of them
)

var errTooLarge = errors.New("state: a value to keep is larger than 16,384 bytes")

// Keep remembers value, of at most 16,384 bytes, for ttl under key, and replaces what was kept there. A ttl of 0 or
// less forgets it. The error is [ErrFull] if all values together would take more than 64 MiB. After an error the
// previous value is still kept.
func (m *Memory) Keep(_ context.Context, key, value string, ttl time.Duration) error {
	if len(value) > MaxValue {
		return errTooLarge
	}
	value = strings.Clone(value) // it may be part of a larger string, which would not be counted
	return m.kept.update(key, ttl, func(_ text, _ bool, until int64) (text, bool) { return text{value, until}, true })
}

// Kept returns what was kept under key. ok is false if there is nothing that has not expired. The error is nil.
func (m *Memory) Kept(_ context.Context, key string) (value string, ok bool, err error) {
	kept, ok := m.kept.get(key)
	return kept.value, ok, nil
}

// text is a kept value.
type text struct {
	value string
	until int64 // on the table's clock; it expires at this time
}

func (x text) left(now int64) (rest text, soonest int64) {
	if x.until <= now {
		return text{}, never
	}
	return x, x.until
}

func (x text) cost() (entries, bytes int) {
	if x == (text{}) {
		return 0, 0
	}
	return 1, len(x.value)
}
