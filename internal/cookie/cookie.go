// Package cookie reads cookies that a request carries more than once.
//
// A browser sends every cookie whose path and domain fit, and does not say which is which: one that was left behind when
// an app moved, one of an app above or below this one, one that a sibling domain planted. The rule is the same for all of
// ours: the one that opens counts, and when several do, none.
package cookie

import (
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
)

const (
	maxValues = 5    // different values of one name that are looked at: anybody can send more
	maxValue  = 4096 // bytes: browsers keep no larger cookie
	maxSets   = 8
	parts     = 10
)

// Values returns the different values that the request has for the cookie of that name, in the order in which they were
// sent. Of very many it returns the first, and none that is larger than a cookie can be. The name is compared byte for byte.
func Values(r *http.Request, name string) []string {
	var values []string
	each(r, func(pair string) {
		if rest, ok := strings.CutPrefix(pair, name); ok {
			if value, ok := strings.CutPrefix(rest, "="); ok {
				values = add(values, value)
			}
		}
	})
	return values
}

// Apart returns, for a request that carries cookies of that name or parts of it ("name.1" to "name.9") more than once,
// requests which carry no other cookie than one of each, put together in up to eight ways. Browsers send the cookies of one
// path after those of another, so the firsts of all parts come first, then the seconds. For any other request it returns
// none.
func Apart(r *http.Request, name string) []*http.Request {
	carried, repeated := read(r, name)
	if !repeated || len(carried[0]) == 0 {
		return nil
	}
	var sets []string
	put := func(choose func(values []string) string) {
		var pairs []string
		for part, values := range carried {
			if len(values) > 0 {
				pairs = append(pairs, partName(name, part)+"="+choose(values))
			}
		}
		if set := strings.Join(pairs, "; "); len(sets) < maxSets && !slices.Contains(sets, set) {
			sets = append(sets, set)
		}
	}
	for n := range carried[0] {
		put(func(values []string) string { return values[min(n, len(values)-1)] })
	}
	for n := 0; n < maxSets*maxSets && len(sets) < maxSets; n++ { // counted through, the first part fastest
		left := n
		put(func(values []string) string {
			value := values[left%len(values)]
			left /= len(values)
			return value
		})
	}
	requests := make([]*http.Request, len(sets))
	for i, set := range sets {
		requests[i] = r.WithContext(r.Context())
		requests[i].Header = r.Header.Clone()
		requests[i].Header["Cookie"] = []string{set}
	}
	return requests
}

// read returns the different values of each part, and whether there is a cookie that the request carries more than once.
func read(r *http.Request, name string) (carried [parts][]string, repeated bool) {
	var count [parts]int
	each(r, func(pair string) {
		rest, ok := strings.CutPrefix(pair, name)
		if !ok {
			return
		}
		part := 0
		if len(rest) > 2 && rest[0] == '.' && rest[1] >= '1' && rest[1] <= '9' {
			part, rest = int(rest[1]-'0'), rest[2:]
		}
		if value, ok := strings.CutPrefix(rest, "="); ok {
			carried[part] = add(carried[part], value)
			count[part]++
		}
	})
	return carried, slices.Max(count[:]) > 1
}

func each(r *http.Request, do func(pair string)) {
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			do(textproto.TrimString(pair))
		}
	}
}

func add(values []string, value string) []string {
	if len(values) < maxValues && len(value) <= maxValue && !slices.Contains(values, value) {
		values = append(values, value)
	}
	return values
}

func partName(name string, part int) string {
	if part == 0 {
		return name
	}
	return name + "." + strconv.Itoa(part)
}
