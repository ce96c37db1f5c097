package blackbox_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
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

const (
	thousand  = 1000
	bad       = 50 // of them
	callsEach = 8  // how many calls to one of them the plugin may have going on
)

// TestThousandProviders: of a thousand customers with their own providers, fifty have one that is dead, slow or hostile
// (cases 323 and 324). All others sign in all the same, and afterwards nothing is left of it.
func TestThousandProviders(t *testing.T) {
	c := newCustomers(t)
	before := inUse()
	var most usageOf
	sampled, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sampled)
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				most = most.max(inUse())
			}
		}
	}()
	var attacked sync.WaitGroup
	attacked.Go(c.attack)
	c.signInOthers()
	during := inUse()
	attacked.Wait()
	close(stop)
	<-sampled
	for _, name := range c.names {
		c.app.Auth.ForgetProvider(name)
	}
	c.end()
	after := calmed(before)
	t.Logf("before: %v", before)
	t.Logf("most:   %v", most)
	t.Logf("after the others have signed in: %v", during)
	t.Logf("after:  %v", after)
	t.Logf("%d of %d others signed in; %d requests to the bad ones were answered", c.signedIn.Load(), thousand-bad,
		c.answered.Load())
	if n := c.signedIn.Load(); n != thousand-bad {
		t.Errorf("%d others signed in", n)
	}
	if after.goroutines > before.goroutines+20 || after.files > before.files+20 {
		t.Errorf("left over: before %v, after %v", before, after)
	}
	called := false
	for i, h := range c.bad {
		if h.calls == nil {
			continue
		}
		n := h.calls.most.Load()
		if called = called || n > 0; n > callsEach {
			t.Errorf("%s had %d calls at once, at most %d are wanted", c.badNames[i], n, callsEach)
		}
	}
	if !called {
		t.Error("none of the bad ones was called")
	}
}

// TestGuardedRequestWithManyProviders: a guarded request allocates the same whether there is one provider or a
// thousand, configured or found at run time.
func TestGuardedRequestWithManyProviders(t *testing.T) {
	allocations := map[string]float64{}
	for name, request := range guardedRequests(t) {
		allocations[name] = testing.AllocsPerRun(100, request)
	}
	t.Log(allocations)
	for name, n := range allocations {
		if n > allocations["1 configured"]+1 {
			t.Errorf("%s: %v allocations, with one %v", name, n, allocations["1 configured"])
		}
	}
}

func BenchmarkGuardedRequestWithManyProviders(b *testing.B) {
	requests := guardedRequests(b)
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				requests[name]()
			}
		})
	}
}

// guardedRequests returns functions that each serve a request of a signed-in user, by the number of providers.
func guardedRequests(t testing.TB) map[string]func() {
	t.Helper()
	ops := map[string]*fakeop.Provider{}
	settings := testapp.ProviderAt(t, "p0", ops)
	named := func(name string) ginoidc.Provider {
		p := settings
		p.Name = name
		return p
	}
	fixed := func(n int) testapp.Change {
		return func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers = nil
			for i := range n {
				c.Providers = append(c.Providers, named(fmt.Sprint("p", i)))
			}
		}
	}
	found := func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers, c.FindProvider = nil, func(_ context.Context, name string) (ginoidc.Provider, error) {
			return named(name), nil
		}
	}
	requests := map[string]func(){}
	for name, change := range map[string]testapp.Change{
		"1 configured": fixed(1), "1000 configured": fixed(thousand), "1000 found": found,
	} {
		a, last := testapp.New(t, change), "p0"
		if name != "1 configured" {
			last = fmt.Sprint("p", thousand-1)
		}
		for i := range thousand {
			a.Browser().Navigate(fmt.Sprint("/auth/signin?provider=p", i))
		}
		a.OPs = map[string]*fakeop.Provider{last: ops["p0"]}
		b := a.Browser()
		b.MustSignInAt(last, "alice")
		r := httptest.NewRequest(http.MethodGet, testapp.URL+"/me", nil)
		r.Header.Set("Cookie", b.CookieHeader())
		requests[name] = func() {
			w := httptest.NewRecorder()
			if a.Engine.ServeHTTP(w, r); w.Code != http.StatusOK {
				t.Fatalf("%s: %d", name, w.Code)
			}
		}
	}
	return requests
}

// customers is an app with the providers of its customers.
type customers struct {
	t        *testing.T
	app      *testapp.App
	names    []string // of the good ones, and then of the bad ones
	ops      map[string]*fakeop.Provider
	bad      []hostile
	badNames []string
	end      func()

	signedIn, answered atomic.Int64
}

func newCustomers(t *testing.T) *customers {
	t.Helper()
	c := &customers{t: t, ops: map[string]*fakeop.Provider{}}
	stop := make(chan struct{})
	c.end = sync.OnceFunc(func() { close(stop) })
	t.Cleanup(c.end)
	found := c.addGood()
	kinds := hostiles(t, stop)
	names := slices.Sorted(maps.Keys(kinds))
	for i := range bad {
		kind := names[i%len(names)]
		h, name := kinds[kind](), fmt.Sprintf("bad-%d", i)
		c.bad, c.badNames, c.names = append(c.bad, h), append(c.badNames, kind), append(c.names, name)
		found[name] = ginoidc.Provider{
			Issuer: h.issuer, ClientID: "app", ClientSecret: testapp.ClientSecret, SigningAlgs: []string{"ES256"},
			AllowPrivateAddresses: !h.private, Timeout: 2 * time.Second,
		}
	}
	c.app = testapp.New(t, func(cfg *ginoidc.Config, _ *fakeop.Config) {
		cfg.Providers = nil
		cfg.FindProvider = func(_ context.Context, name string) (ginoidc.Provider, error) {
			p, ok := found[name]
			if !ok {
				return p, ginoidc.ErrUnknownProvider
			}
			return p, nil
		}
	})
	c.app.OPs = c.ops
	c.app.Engine.GET("/groups", c.app.Auth.RequireAuth(), func(ctx *gin.Context) {
		u, _ := ginoidc.UserFrom(ctx)
		ctx.JSON(http.StatusOK, u.Groups)
	})
	return c
}

// addGood serves the good providers, each below a path of its own.
func (c *customers) addGood() map[string]ginoidc.Provider {
	found := map[string]ginoidc.Provider{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		c.ops[name].ServeHTTP(w, r)
	}))
	for i := range thousand - bad {
		name := fmt.Sprintf("good-%d", i)
		issuer := "http://" + server.Listener.Addr().String() + "/" + name
		op, err := fakeop.New(fakeop.Config{
			Issuer: issuer, ClientID: "app", ClientSecret: testapp.ClientSecret, SigningAlg: "ES256",
		})
		if err != nil {
			c.t.Fatal(err)
		}
		c.ops[name], c.names = op, append(c.names, name)
		found[name] = ginoidc.Provider{
			Issuer: issuer, ClientID: "app", ClientSecret: testapp.ClientSecret, SigningAlgs: []string{"ES256"},
			AllowPrivateAddresses: true,
		}
	}
	server.Start()
	c.t.Cleanup(server.Close)
	return found
}

// attack has many users of the bad providers sign in, at once.
func (c *customers) attack() {
	inParallel(20*bad, 20*bad, func(i int) {
		h, b := c.bad[i%bad], c.app.Browser()
		name := fmt.Sprintf("bad-%d", i%bad)
		r := b.Navigate("/auth/signin?provider=" + name)
		if h.op != nil && r.StatusCode == http.StatusFound {
			callback, err := h.op.Approve(r.Location(), "alice")
			if err != nil {
				c.t.Error(err)
				return
			}
			r = b.Navigate(callback)
		}
		if r.StatusCode != http.StatusServiceUnavailable && r.StatusCode != http.StatusBadGateway {
			c.t.Errorf("%s: %d %s", c.badNames[i%bad], r.StatusCode, r.Location())
		}
		c.answered.Add(1)
	})
}

// signInOthers has a user of each other provider sign in.
func (c *customers) signInOthers() {
	inParallel(thousand-bad, 16, func(i int) {
		b, name := c.app.Browser(), c.names[i]
		r := b.Navigate("/auth/signin?provider=" + name)
		if r.StatusCode != http.StatusFound {
			c.t.Errorf("%s: sign-in: %d %s", name, r.StatusCode, r.Body)
			return
		}
		callback, err := c.ops[name].Approve(r.Location(), "alice")
		if err != nil {
			c.t.Error(err)
			return
		}
		if r := b.Navigate(callback); r.StatusCode != http.StatusSeeOther {
			c.t.Errorf("%s: callback: %d %s", name, r.StatusCode, r.Body)
			return
		}
		if r := b.Fetch("/groups"); r.StatusCode == http.StatusOK && strings.Contains(r.Body, `"`+name+`:admin"`) {
			c.signedIn.Add(1)
		}
	})
}

// usageOf is what a process uses, here together with the providers, which are in the same one.
type usageOf struct {
	goroutines, files int
	heap              uint64
}

func inUse() usageOf {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, _ := os.ReadDir("/proc/self/fd") // on Linux
	return usageOf{runtime.NumGoroutine(), len(files), m.HeapAlloc}
}

// calmed waits until no more than before is used, or for some time.
func calmed(before usageOf) (u usageOf) {
	for range 200 {
		runtime.GC()
		if u = inUse(); u.goroutines <= before.goroutines && u.files <= before.files {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return u
}

func (u usageOf) max(v usageOf) usageOf {
	return usageOf{max(u.goroutines, v.goroutines), max(u.files, v.files), max(u.heap, v.heap)}
}

func (u usageOf) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d kB of heap", u.goroutines, u.files, u.heap>>10)
}
