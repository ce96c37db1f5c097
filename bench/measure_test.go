package bench

import (
	"cmp"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// blank is a ResponseWriter that keeps only the status.
type blank struct {
	h      http.Header
	status int
}

func (b *blank) Header() http.Header         { return b.h }
func (b *blank) Write(p []byte) (int, error) { b.WriteHeader(http.StatusOK); return len(p), nil }
func (b *blank) WriteHeader(status int)      { b.status = cmp.Or(b.status, status) }

// serving returns a function that serves a fresh copy of a request each time, because gorilla keeps a decoded session
// with the request.
func (c contender) serving(t testing.TB) (serve func()) {
	t.Helper()
	r, w := httptest.NewRequest(http.MethodGet, cmp.Or(c.path, "/x"), nil), &blank{h: http.Header{}}
	r.Header.Set("Accept", cmp.Or(c.accept, "application/json"))
	for name, value := range map[string]string{"Cookie": c.cookie, "Authorization": c.authorization} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	if c.form != "" {
		r.Method, r.ContentLength = http.MethodPost, int64(len(c.form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	fresh := new(http.Request)
	serve = func() {
		clear(w.h)
		w.status = 0
		*fresh = *r
		if c.form != "" {
			fresh.Body = io.NopCloser(strings.NewReader(c.form))
		}
		c.handler.ServeHTTP(w, fresh)
	}
	if serve(); w.status != cmp.Or(c.status, http.StatusOK) {
		t.Fatalf("%s: status %d", c.name, w.status)
	}
	return serve
}

// figure is what one contender takes.
type figure struct {
	name           string
	least, quarter time.Duration // of the rounds
	allocs         float64
}

// interleaved measures the contenders in turn, in many short rounds. Each round is as long for all of them.
func interleaved(t testing.TB, all []contender, rounds int) []figure {
	t.Helper()
	figures, serve, requests := make([]figure, len(all)), make([]func(), len(all)), make([]int, len(all))
	took := make([][]time.Duration, len(all))
	for i, c := range all {
		serve[i] = c.serving(t)
		figures[i] = figure{name: c.name, allocs: testing.AllocsPerRun(200, serve[i])}
		began := time.Now()
		for range 20 {
			serve[i]()
		}
		requests[i] = min(max(int(roundTime/max(1, time.Since(began)/20)), 1), 2000)
	}
	for range rounds {
		for i := range all {
			began := time.Now()
			for range requests[i] {
				serve[i]()
			}
			took[i] = append(took[i], time.Since(began)/time.Duration(requests[i]))
		}
	}
	for i := range all {
		slices.Sort(took[i])
		figures[i].least, figures[i].quarter = took[i][0], took[i][rounds/4]
	}
	return figures
}

const roundTime = 400 * time.Microsecond

// of returns the figure of that name.
func of(figures []figure, name string) figure {
	i := slices.IndexFunc(figures, func(f figure) bool { return f.name == name })
	return figures[i]
}

// ratio divides the least times of two contenders, which vary less than the quartiles while others use the machine.
func ratio(figures []figure, name, to string) float64 {
	return float64(of(figures, name).least) / float64(of(figures, to).least)
}
