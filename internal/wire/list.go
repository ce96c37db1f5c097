package wire

import (
	"encoding/binary"
	"slices"
)

// List is a list of texts in its encoded form: the length of each, and the text itself. A user may be in hundreds of
// groups of which a request needs one, so a list is searched as it is, and becomes strings only for those who ask.
type List string

// NewList returns the List of texts.
func NewList(texts []string) List {
	var b []byte
	for _, text := range texts {
		b = AppendText(b, text)
	}
	return List(b)
}

// ParseList returns the List that text is, and reports whether it is one.
func ParseList(text string) (l List, ok bool) {
	for rest := List(text); rest != ""; {
		if _, rest, ok = rest.cut(); !ok {
			return "", false
		}
	}
	return List(text), true
}

// Strings returns the texts, or nil if there are none. They share the memory of the list.
func (l List) Strings() []string {
	n := 0
	for range l.All {
		n++
	}
	if n == 0 {
		return nil
	}
	texts := make([]string, 0, n)
	for text := range l.All {
		texts = append(texts, text)
	}
	return texts
}

// All yields each of the texts.
func (l List) All(yield func(string) bool) {
	for l != "" {
		text, rest, ok := l.cut()
		if !ok || !yield(text) {
			return
		}
		l = rest
	}
}

// Contains reports whether text is in the list.
func (l List) Contains(text string) bool {
	for other := range l.All {
		if other == text {
			return true
		}
	}
	return false
}

// ContainsAny reports whether one of the texts is in the list.
func (l List) ContainsAny(texts []string) bool {
	for text := range l.All {
		if slices.Contains(texts, text) {
			return true
		}
	}
	return false
}

// cut returns the first text of a list that is not empty, and the rest.
func (l List) cut() (first string, rest List, ok bool) {
	n, size := uint64(l[0]), 1
	if n >= 0x80 {
		n, size = binary.Uvarint([]byte(l[:min(len(l), binary.MaxVarintLen64)]))
	}
	if size <= 0 || n > uint64(len(l)-size) {
		return "", "", false
	}
	end := size + int(n)
	return string(l[size:end]), l[end:], true
}
