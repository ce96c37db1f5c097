//go:build linux

package blackbox_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// cell is one fault at one call, with its own provider.
type cell struct {
	fault fault
	call  backendCall
	want  answer
	host  *faultyHost
	op    *fakeop.Provider
	open  *atomic.Int64 // connections to op
	wire  *wire
}

func (w *wire) newCell(t *testing.T, f fault, call backendCall, want answer) *cell {
	t.Helper()
	c := &cell{fault: f, call: call, want: want, host: w.newHost(t, f), wire: w}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	scheme, _, _ := strings.Cut(c.host.url, ":") // of the issuer as of its endpoints
	issuer := scheme + "://" + listener.Addr().String()
	if call.endpoint == "" {
		issuer = c.host.url
	}
	c.op, err = fakeop.New(fakeop.Config{Issuer: issuer, ClientSecret: testapp.ClientSecret, SigningAlg: "ES256"})
	if err != nil {
		t.Fatal(err)
	}
	c.op.OnDiscovery(func(document map[string]any) {
		if address, ok := document[call.endpoint].(string); ok {
			document[call.endpoint] = strings.Replace(address, issuer, c.host.url, 1)
		}
	})
	c.open = w.serve(t, listener, c.op, scheme == "https")
	return c
}

// app returns an app with the plugin's own transport.
func (c *cell) app(t *testing.T) *testapp.App {
	t.Helper()
	a := &testapp.App{T: t, Engine: gin.New(), OP: c.op, Logs: &bytes.Buffer{}, Ran: map[string]int{}}
	var err error
	push := "auto"
	if c.call.endpoint == pushEndpoint {
		push = "always"
	}
	a.Auth, err = ginoidc.New(ginoidc.Config{
		Providers: []ginoidc.Provider{{
			PushedAuthorization: push, Issuer: c.op.Issuer(), ClientID: "app", ClientSecret: testapp.ClientSecret,
			SigningAlgs: []string{"ES256"}, RootCAs: c.wire.roots,
		}},
		AppURL:        testapp.URL,
		CookieSecrets: []string{testapp.CookieSecret}, Logger: slog.New(slog.NewTextHandler(a.Logs, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	a.Engine.Use(a.Auth.Middleware())
	a.Auth.Mount(a.Engine)
	a.Engine.GET("/me", a.Auth.RequireAuth(), a.Protected)
	a.Engine.POST("/start", func(c *gin.Context) {
		if err := a.Auth.StartSession(c, &ginoidc.User{Subject: "alice"}); err != nil {
			t.Error(err)
		}
	})
	return a
}

// try makes one request that meets the fault, in a browser where alice is signed in, and checks the response.
func (c *cell) try(t *testing.T, a *testapp.App) (b *testapp.Browser, request func() testapp.Reply,
	took time.Duration) {
	t.Helper()
	b = a.Browser()
	b.Do("POST", "/start", nil)
	request = c.call.cause(t, b)
	a.Logs.Reset()
	requests := c.host.requests.Load()
	start := time.Now()
	// TestCallbackLimit and TestProviderTimeout check the time limits, with a fake clock
	r := request()
	took = time.Since(start)
	if r.StatusCode != c.want.status || r.JSON(t)["error"] != c.want.code {
		t.Errorf("%d %s, want %v\n%s", r.StatusCode, r.Body, c.want, a.Logs)
	}
	if after, _ := strconv.Atoi(r.Header.Get("Retry-After")); (after > 0) != (c.want.status == 503) {
		t.Errorf("%d with Retry-After %q", r.StatusCode, r.Header.Get("Retry-After"))
	}
	if !regexp.MustCompile(": (" + c.fault.reason + ")").MatchString(a.Logs.String()) {
		t.Errorf("the reason is not %s:\n%s", c.fault.reason, a.Logs)
	}
	for _, cookie := range r.Cookies() {
		if cookie.Name == "__Host-ginoidc" || cookie.MaxAge > 0 {
			t.Errorf("a cookie: %v", cookie)
		}
	}
	if who := b.WhoAmI(); who != "alice" {
		t.Errorf("%q is signed in, alice was", who)
	}
	if n := c.host.requests.Load() - requests; c.fault.place == listening && n != 1 { // case 237: nothing is sent twice
		t.Errorf("%d requests", n)
	}
	return b, request, took
}

// once meets the fault, removes it and waits until the same plugin can sign in.
func (c *cell) once(t *testing.T) time.Duration {
	t.Helper()
	b, request, took := c.try(t, c.app(t))
	c.host.heal(t, c.op)
	testapp.Eventually(t, "no sign-in after the fault", func() bool { return c.call.heals(b, request) })
	return took
}

// often meets the fault up to the given number of times, with one plugin unless that would respond from its cache. It
// returns the plugin, so that its memory can be checked too.
func (c *cell) often(t *testing.T, times int, patience time.Duration) (plugin *ginoidc.Auth, met int) {
	t.Helper()
	a, start := c.app(t), time.Now()
	for ; met == 0 || met < times && time.Since(start) < patience; met++ {
		if c.call.remembered {
			a = c.app(t)
		}
		if c.try(t, a); t.Failed() {
			break
		}
	}
	if n := c.open.Load(); n > 3 && !c.call.remembered {
		t.Errorf("one plugin that does one thing at a time has %d connections open", n)
	}
	c.host.heal(t, c.op)
	return a.Auth, met
}

// each runs a cell for every fault and call and returns their number. All slow cells wait concurrently, which
// t.Parallel would not allow. Only a few of the others run at a time, so that deadlines are not missed for lack of a
// processor.
func (w *wire) each(t *testing.T, name string, faults []fault, run func(*testing.T, *cell)) (cells int) {
	t.Helper()
	var running sync.WaitGroup
	room := make(chan struct{}, 4)
	for _, f := range faults {
		for i, call := range backendCalls() {
			cells++
			running.Go(func() {
				if !f.slow {
					room <- struct{}{}
					defer func() { <-room }()
				}
				t.Run(name+"/"+f.name+"/"+call.name, func(t *testing.T) { run(t, w.newCell(t, f, call, f.want[i])) })
			})
		}
	}
	running.Wait()
	return cells
}

// TestFaultMatrix: every fault on the wire, at every call to the provider, gets the given status. Nobody is signed in
// or out, nothing is left open, and once the fault is gone users can sign in. It uses real sockets and repeats the
// faults that need no deadline a thousand times. Cases 232, 234, 235, 236, 237 and 239.
func TestFaultMatrix(t *testing.T) {
	const times, patience = 23, 600 * time.Millisecond // for each cell; the race detector allows fewer
	t.Setenv("NO_PROXY", "*")                          // a proxy would resolve the names
	gin.SetMode(gin.ReleaseMode)
	w := newWire(t)
	faults := w.wireFaults()
	var mu sync.Mutex
	var slowest string
	var longest time.Duration
	before := measure(t)
	cells := w.each(t, "once", faults, func(t *testing.T, c *cell) {
		took := c.once(t)
		mu.Lock()
		defer mu.Unlock()
		if took > longest {
			slowest, longest = t.Name(), took
		}
	})
	between := settled(t, before)
	quick := slices.DeleteFunc(faults, func(f fault) bool { return f.slow })
	var repeats int
	var plugins []*ginoidc.Auth
	w.each(t, "often", quick, func(t *testing.T, c *cell) {
		plugin, met := c.often(t, times, patience)
		mu.Lock()
		defer mu.Unlock()
		plugins, repeats = append(plugins, plugin), repeats+met
	})
	after := settled(t, between)
	runtime.KeepAlive(plugins)
	t.Logf("%d cells: %v before, %v after; slowest %s, %v", cells, before, between, slowest, longest)
	t.Logf("%d repeats: %v after", repeats, after)
}

// usage holds the figures that a leak would increase.
type usage struct {
	goroutines, descriptors int
	heap                    uint64
}

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %.1f MB", u.goroutines, u.descriptors, float64(u.heap)/(1<<20))
}

func measure(t *testing.T) usage {
	t.Helper()
	runtime.GC()
	runtime.GC() // the second empties the pools
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	descriptors, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return usage{runtime.NumGoroutine(), len(descriptors), memory.HeapAlloc}
}

// settled waits until usage is back to what it was before. There is no tolerance: all servers belong to the test and
// have ended, and so have the plugin's idle connections to them. Only the heap may keep what libraries allocate once.
func settled(t *testing.T, before usage) usage {
	t.Helper()
	now := measure(t)
	testapp.Eventually(t, fmt.Sprintf("less in use; before: %v", before), func() bool {
		now = measure(t)
		return now.goroutines <= before.goroutines && now.descriptors <= before.descriptors && now.heap < before.heap+8<<20
	})
	return now
}
