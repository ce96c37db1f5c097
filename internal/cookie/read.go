package cookie

import (
	"iter"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

const maxValues = 5 // distinct values of one name that are tried: anyone can send more

// Named returns the cookies of the request whose names begin with name, each as "name=value". Request.Cookie validates
// every byte of every cookie, which costs more than opening a session. Spaces and tabs around a pair are trimmed. Other
// white space and a "$Version" before a name are part of the name.
func Named(r *http.Request, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range r.Header["Cookie"] {
			for at := 0; name != ""; {
				i := strings.Index(line[at:], name)
				if i < 0 {
					break
				}
				begin := at + i
				if at = begin + len(name); !beginsPair(line[:begin]) {
					continue
				}
				pair, _, _ := strings.Cut(line[begin:], ";")
				if at = begin + len(pair); !yield(textproto.TrimString(pair)) {
					return
				}
			}
		}
	}
}

// Sole returns the value of the cookie of that name if there is one Cookie header, and in it one cookie whose name
// begins with that name, as in most requests. If ok is false, there may be one all the same: see [Named].
func Sole(r *http.Request, name string) (value string, ok bool) {
	lines := r.Header["Cookie"]
	if len(lines) != 1 || name == "" {
		return "", false
	}
	begin := strings.Index(lines[0], name)
	if begin < 0 || !beginsPair(lines[0][:begin]) {
		return "", false
	}
	pair, rest, _ := strings.Cut(lines[0][begin:], ";")
	if strings.Contains(rest, name) {
		return "", false
	}
	return strings.CutPrefix(textproto.TrimString(pair)[len(name):], "=")
}

// beginsPair reports whether a pair begins after this part of a Cookie header. It looks back no further than to the
// last character that is not white space, so that many names after much white space take no longer than few.
func beginsPair(before string) bool {
	for i := len(before) - 1; i >= 0; i-- {
		switch before[i] {
		case ' ', '\t', '\r', '\n':
		default:
			return before[i] == ';'
		}
	}
	return true
}

// Only returns the value of the cookie of that name. ok is false if the request carries it more than once, because it
// is unknown which one the server set: the other may be an attacker's, planted from a sibling domain or for a narrower
// path.
func Only(r *http.Request, name string) (value string, ok bool) {
	count := 0
	for pair := range Named(r, name) {
		if found, ours := cut(pair, name); ours {
			value = found
			count++
		}
	}
	return value, count == 1
}

// Values returns the distinct values of the cookie of that name, in the order sent. It limits their number, and skips
// those larger than a cookie can be.
func Values(r *http.Request, name string) (values []string) {
	for pair := range Named(r, name) {
		if value, ok := cut(pair, name); ok {
			values = add(values, value)
		}
	}
	return values
}

// Carries reports whether the request carries a cookie of that name or a part of it.
func Carries(r *http.Request, name string) bool {
	for pair := range Named(r, name) {
		if _, _, ok := CutPart(pair, name); ok {
			return true
		}
	}
	return false
}

// cut reads "name=value".
func cut(pair, name string) (value string, ok bool) {
	if n, value, ok := CutPart(pair, name); n == 0 {
		return value, ok
	}
	return "", false
}

func add(values []string, value string) []string {
	if len(values) < maxValues && len(value) <= MaxSize && !slices.Contains(values, value) {
		values = append(values, value)
	}
	return values
}
