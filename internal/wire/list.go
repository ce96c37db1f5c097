package wire

import "encoding/binary"

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
	for at := 0; at < len(text); {
		n, size := length(text[at:])
		if at += size + n; size == 0 {
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

// ContainsAny reports whether one of the texts is in the list. Guards call it on each request, so it does without All.
func (l List) ContainsAny(texts []string) bool {
	for rest := string(l); rest != ""; {
		n, size := length(rest)
		if size == 0 {
			return false
		}
		text := rest[size : size+n]
		for _, other := range texts {
			if text == other {
				return true
			}
		}
		rest = rest[size+n:]
	}
	return false
}

// cut returns the first text of a list that is not empty, and the rest.
func (l List) cut() (first string, rest List, ok bool) {
	n, size := length(string(l))
	return string(l[size : size+n]), l[size+n:], size > 0
}

// length returns the length of the first text of a list that is not empty, and its own size, which is 0 if the text is
// not complete.
func length(list string) (n, size int) {
	if n = int(list[0]); n < 0x80 {
		size = 1
	} else {
		var long uint64
		long, size = binary.Uvarint([]byte(list[:min(len(list), binary.MaxVarintLen64)]))
		if size <= 0 || long > uint64(len(list)) {
			return 0, 0
		}
		n = int(long)
	}
	if n > len(list)-size {
		return 0, 0
	}
	return n, size
}
