package bench

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// delayed is a transport to a provider that takes a second for each answer.
type delayed struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (d *delayed) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(time.Second)
	return d.next.RoundTrip(r)
}

// crowd starts so many sign-ins at once, before the metadata of a slow provider is known.
func (r *report) crowd(t *testing.T) {
	const starts = 1000
	slow := &delayed{}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Transport = slow })
	slow.next = a.OP.Transport()
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()
	var all sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	began := time.Now()
	for range starts {
		all.Go(func() {
			request, w := httptest.NewRequest(http.MethodGet, "/auth/signin", nil), httptest.NewRecorder()
			a.Engine.ServeHTTP(w, request)
			mu.Lock()
			defer mu.Unlock()
			statuses[w.Code]++
		})
	}
	time.Sleep(500 * time.Millisecond)
	beyond := runtime.NumGoroutine() - goroutines - starts
	runtime.GC()
	runtime.ReadMemStats(&during)
	all.Wait()
	if statuses[http.StatusFound] != starts {
		t.Errorf("statuses %v", statuses)
	}
	r.print("%d starts at once while the provider takes a second for its metadata: all were redirected after %.1f s;\n"+
		"while they waited they took %.1f kB each, the requests of the test included. Goroutines beyond theirs: %d.\n\n",
		starts, time.Since(began).Seconds(),
		float64(during.HeapAlloc-before.HeapAlloc+during.StackInuse-before.StackInuse)/starts/1000, beyond)
}
