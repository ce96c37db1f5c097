package cookie

import (
	"net/http"
	"slices"
	"strings"
)

const maxSets = 8 // combinations of cookies per request

// Apart splits a request that carries a cookie of that name, or a part of it, more than once. It returns up to eight
// requests with one cookie of each name in different combinations. The caller uses the combination that opens, or none
// if several do. Browsers send the cookies of one path after those of another, so the combination of all first parts
// comes first, then that of all second parts. For any other request Apart returns none.
func Apart(r *http.Request, name string) []*http.Request {
	carried, repeated := read(r, name)
	if !repeated || len(carried[0]) == 0 {
		return nil
	}
	var sets []string
	put := func(choose func(values []string) string) {
		var pairs []string
		for n, values := range carried {
			if len(values) > 0 {
				pairs = append(pairs, PartName(name, n)+"="+choose(values))
			}
		}
		if set := strings.Join(pairs, "; "); !slices.Contains(sets, set) {
			sets = append(sets, set)
		}
	}
	for n := range carried[0] {
		put(func(values []string) string { return values[min(n, len(values)-1)] })
	}
	for n := 0; n < maxSets*maxSets && len(sets) < maxSets; n++ { // the first part varies fastest
		left := n
		put(func(values []string) string {
			value := values[left%len(values)]
			left /= len(values)
			return value
		})
	}
	requests := make([]*http.Request, len(sets))
	for i, set := range sets {
		requests[i] = Without(r)
		requests[i].Header["Cookie"] = []string{set}
	}
	return requests
}

// read returns the distinct values of each part, and reports whether any cookie is repeated.
func read(r *http.Request, name string) (carried [MaxParts][]string, repeated bool) {
	var count [MaxParts]int
	for pair := range Named(r, name) {
		if n, value, ok := CutPart(pair, name); ok {
			carried[n] = add(carried[n], value)
			count[n]++
		}
	}
	return carried, slices.Max(count[:]) > 1
}

// Without returns r without cookies.
func Without(r *http.Request) *http.Request {
	bare := r.WithContext(r.Context())
	bare.Header = r.Header.Clone()
	bare.Header.Del("Cookie")
	return bare
}

// After returns r as the browser would send it after receiving these Set-Cookie lines.
func After(r *http.Request, lines []string) *http.Request {
	later := Without(r)
	for _, c := range r.Cookies() {
		if !Sets(lines, c.Name) {
			later.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
	for _, line := range lines {
		if c, err := http.ParseSetCookie(line); err == nil && c.MaxAge >= 0 && c.Value != "" {
			later.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
	return later
}
