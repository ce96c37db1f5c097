package cookie

import (
	"iter"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

const maxValues = 5 // distinct values of one name that are tried: anyone can send more

// Pairs returns the cookies of the request, each as "name=value". Request.Cookie validates every byte of every cookie,
// which costs more than opening a session. Spaces and tabs around a pair are trimmed. Other white space and a
// "$Version" before a name are part of the name.
func Pairs(r *http.Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range r.Header["Cookie"] {
			for more := true; more; {
				var pair string
				pair, line, more = strings.Cut(line, ";")
				if !yield(textproto.TrimString(pair)) {
					return
				}
			}
		}
	}
}

// Only returns the value of the cookie of that name. ok is false if the request carries it more than once, because it
// is unknown which one the server set: the other may be an attacker's, planted from a sibling domain or for a narrower
// path.
func Only(r *http.Request, name string) (value string, ok bool) {
	count := 0
	for pair := range Pairs(r) {
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
	for pair := range Pairs(r) {
		if value, ok := cut(pair, name); ok {
			values = add(values, value)
		}
	}
	return values
}

// Carries reports whether the request carries a cookie of that name or a part of it.
func Carries(r *http.Request, name string) bool {
	for pair := range Pairs(r) {
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
