package cookie

import (
	"net/http"
	"slices"
	"strings"
)

const maxSets = 8 // of cookies that one request is taken apart into

// Apart returns, for a request that carries a cookie of that name or a part of it more than once, requests which
// carry no other cookie than one of each, put together in up to eight ways: of several the one that opens counts, and
// when several open, none. Browsers send the cookies of one path after those of another, so the firsts of all parts
// come first, then the seconds. For any other request it returns none.
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
		requests[i] = Without(r)
		requests[i].Header["Cookie"] = []string{set}
	}
	return requests
}

// read returns the different values of each part, and whether there is a cookie that the request carries more than
// once.
func read(r *http.Request, name string) (carried [MaxParts][]string, repeated bool) {
	var count [MaxParts]int
	for pair := range Pairs(r) {
		if n, value, ok := CutPart(pair, name); ok {
			carried[n] = add(carried[n], value)
			count[n]++
		}
	}
	return carried, slices.Max(count[:]) > 1
}

// Without returns r as a browser without any cookie would have sent it.
func Without(r *http.Request) *http.Request {
	bare := r.WithContext(r.Context())
	bare.Header = r.Header.Clone()
	bare.Header.Del("Cookie")
	return bare
}

// After returns r as the browser sends it once it has got the lines of Set-Cookie.
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
