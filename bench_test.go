// The race detector slows down Go code but not the assembly of AES, and it allocates, so measurements would be wrong.

//go:build !race

package ginoidc_test

import (
	"cmp"
	"encoding/gob"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/limit"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
	"github.com/seed-d65cea4d/ginoidc/memorystore"
)

// contender is one implementation of GET /x for a signed-in member of limit.Group.
type contender struct {
	name          string
	engine        *gin.Engine
	cookie        string
	authorization string
	path          string // "" for "/x"
	status        int    // 0 for 200
}

const (
	limitName   = "hand-written limit"
	pluginName  = "ginoidc, sealed cookie"
	publicName  = "ginoidc, public route"
	bareName    = "bare gin, the cookie unread"
	contribName = "gin-contrib cookie, gob"
)

func contenders(t testing.TB) []contender {
	plugin := pluginEngine(t, 3)
	bare := contender{name: bareName, engine: gin.New(), cookie: plugin.cookie}
	bare.engine.GET("/x", func(c *gin.Context) { c.Status(http.StatusOK) })
	value := contender{name: "gin with a value set, read and checked", engine: gin.New(), cookie: plugin.cookie}
	value.engine.Use(func(c *gin.Context) {
		c.Set("user", &ginoidc.User{Subject: "alice", Groups: limit.Alice(3).Groups})
	})
	value.engine.GET("/x", func(c *gin.Context) {
		if u, _ := c.MustGet("user").(*ginoidc.User); u.InGroup(limit.Group) {
			c.Status(http.StatusOK)
		}
	})
	public := plugin
	public.name, public.path = publicName, "/public"
	asking := plugin
	asking.name, asking.path = "ginoidc, the handler asks for the user", "/user"
	return []contender{
		bare, value, limitEngine(t, 3), plugin, asking, public, tokenEngine(t), contribEngine(t),
	}
}

func limitEngine(t testing.TB, groups int) contender {
	app, err := limit.New([]byte(testapp.CookieSecret)[:32])
	if err != nil {
		t.Fatal(err)
	}
	return contender{name: limitName, engine: app.Engine, cookie: app.Cookie(limit.Alice(groups))}
}

// pluginEngine guards with the plugin and its embedded cookie store.
func pluginEngine(t testing.TB, groups int, change ...testapp.Change) contender {
	a, cookie := testapp.SignedIn(t, limit.Alice(groups).Claims(), change...)
	e := gin.New()
	e.Use(a.Auth.Middleware())
	e.GET("/x", a.Auth.RequireGroups(limit.Group), func(c *gin.Context) { c.Status(http.StatusOK) })
	e.GET("/public", func(c *gin.Context) { c.Status(http.StatusOK) })
	e.GET("/user", a.Auth.RequireGroups(limit.Group), func(c *gin.Context) {
		if u, ok := ginoidc.UserFrom(c); ok && u.InGroup(limit.Group) {
			c.Status(http.StatusOK)
		}
	})
	e.GET("/nobody", a.Auth.RequireGroups("nobody"))
	return contender{name: pluginName, engine: e, cookie: cookie}
}

// member is the value that an app keeps in a gin-contrib session.
type member struct {
	Sub, Email, Name, SID string
	Groups                []string
	Exp, AuthTime         int64
}

// contribEngine guards by hand, with gin-contrib's cookie store and a struct.
func contribEngine(t testing.TB) contender {
	gob.Register(member{})
	e := gin.New()
	e.Use(sessions.Sessions("session", cookie.NewStore([]byte(testapp.CookieSecret))))
	e.GET("/x", func(c *gin.Context) {
		if m, ok := sessions.Default(c).Get("user").(member); ok && slices.Contains(m.Groups, limit.Group) {
			c.Status(http.StatusOK)
			return
		}
		c.Status(http.StatusForbidden)
	})
	e.GET("/start", func(c *gin.Context) {
		s, u := sessions.Default(c), limit.Alice(3)
		s.Set("user", member{u.Subject, u.Email, u.Name, u.SID, u.Groups, u.Expires, u.AuthTime})
		if err := s.Save(); err != nil {
			t.Error(err)
		}
	})
	return contender{name: contribName, engine: e, cookie: startCookie(e)}
}

// startCookie returns the cookies that GET /start sets.
func startCookie(e *gin.Engine) string {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/start", nil))
	var pairs []string
	for _, c := range w.Result().Cookies() {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; ")
}

// blank is a ResponseWriter that only keeps the status.
type blank struct {
	h      http.Header
	status int
}

func (b *blank) Header() http.Header         { return b.h }
func (b *blank) Write(p []byte) (int, error) { return len(p), nil }
func (b *blank) WriteHeader(status int)      { b.status = status }

// serving returns a function that serves a fresh copy of a request each time, because gorilla keeps a decoded session
// with the request.
func (c contender) serving(t testing.TB) (serve func()) {
	t.Helper()
	r, w := httptest.NewRequest(http.MethodGet, cmp.Or(c.path, "/x"), nil), &blank{h: http.Header{}}
	r.Header.Set("Cookie", c.cookie)
	if c.authorization != "" {
		r.Header.Set("Authorization", c.authorization)
	}
	fresh := new(http.Request)
	serve = func() {
		clear(w.h)
		*fresh = *r
		c.engine.ServeHTTP(w, fresh)
	}
	if serve(); w.status != cmp.Or(c.status, http.StatusOK) {
		t.Fatalf("%s: status %d", c.name, w.status)
	}
	return serve
}

// taking is how long a request takes: the least of all rounds, and the lower quartile.
type taking struct{ least, quartile time.Duration }

// interleaved measures the contenders in turn, in many short rounds, so that a busy machine slows down all of them
// alike. Ratios of the lower quartiles vary less between runs than times do.
func interleaved(t testing.TB, all []contender, rounds, requests int) map[string]taking {
	t.Helper()
	serve, took := make([]func(), len(all)), make([][]time.Duration, len(all))
	for i, c := range all {
		serve[i] = c.serving(t)
	}
	for range rounds {
		for i := range all {
			began := time.Now()
			for range requests {
				serve[i]()
			}
			took[i] = append(took[i], time.Since(began)/time.Duration(requests))
		}
	}
	result := map[string]taking{}
	for i, c := range all {
		slices.Sort(took[i])
		result[c.name] = taking{took[i][0], took[i][rounds/4]}
		t.Logf("%-42s %8d ns, least %8d", c.name, took[i][rounds/4].Nanoseconds(), took[i][0].Nanoseconds())
	}
	return result
}

// ratio divides the lower quartiles of two contenders.
func ratio(took map[string]taking, of, to string) float64 {
	return float64(took[of].quartile) / float64(took[to].quartile)
}

// BenchmarkGuardedRequest compares a guarded request with bare Gin and with gin-contrib/sessions as apps use it. They
// are measured in one run, because ratios vary less between machines than times do.
//
//	go test -run '^$' -bench . -benchmem -cpu 1 .
func BenchmarkGuardedRequest(b *testing.B) {
	for _, c := range contenders(b) {
		b.Run(c.name, func(b *testing.B) {
			serve := c.serving(b)
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}

// allocated returns the allocations of a call, and their bytes.
func allocated(call func()) (allocs, bytes float64) {
	const calls = 500
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	call()
	bytes = math.Inf(1)
	for range 3 { // the least, because other goroutines may allocate too
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range calls {
			call()
		}
		runtime.ReadMemStats(&after)
		bytes = min(bytes, math.Round(float64(after.TotalAlloc-before.TotalAlloc)/calls))
	}
	return testing.AllocsPerRun(calls, call), bytes
}

// TestAllocations bounds the allocations of requests, and their bytes. The numbers are exact, and may only fall.
func TestAllocations(t *testing.T) {
	plugin := pluginEngine(t, 3)
	many := pluginEngine(t, 50)
	inMemory := func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = memorystore.New(memorystore.Config{}) }
	stored, storedMany := pluginEngine(t, 3, inMemory), pluginEngine(t, 1000, inMemory)
	for name, tt := range map[string]struct {
		contender    contender
		path, cookie string
		status       int
		most, bytes  float64
	}{
		"a public route":         {plugin, "/public", plugin.cookie, http.StatusOK, 1, 576},
		"a guarded route":        {plugin, "/x", plugin.cookie, http.StatusOK, 3, 1008},
		"50 groups":              {many, "/x", many.cookie, http.StatusOK, 3, 2992},
		"in memorystore":         {stored, "/x", stored.cookie, http.StatusOK, 3, 752},
		"there, 1,000 groups":    {storedMany, "/x", storedMany.cookie, http.StatusOK, 3, 752},
		"the handler asks":       {plugin, "/user", plugin.cookie, http.StatusOK, 5, 1408},
		"nobody is signed in":    {plugin, "/x", "", http.StatusUnauthorized, 20, 1536},
		"a forged cookie":        {plugin, "/x", plugin.cookie + "A", http.StatusUnauthorized, 22, 1872},
		"the user is not member": {plugin, "/nobody", plugin.cookie, http.StatusForbidden, 29, 3425},
	} {
		c := tt.contender
		c.path, c.cookie, c.status = tt.path, tt.cookie, tt.status
		if allocs, bytes := allocated(c.serving(t)); allocs > tt.most || bytes > tt.bytes {
			t.Errorf("%s: %.0f allocations of %.0f bytes, at most %.0f of %.0f are wanted", name, allocs, bytes, tt.most,
				tt.bytes)
		}
	}
}

// TestRatio guards against a loss of speed between releases.
func TestRatio(t *testing.T) {
	took := interleaved(t, contenders(t), 40, 200)
	if times := ratio(took, contribName, pluginName); times < 7 {
		t.Errorf("only %.1f times as fast as gin-contrib's cookie store", times)
	}
	times := ratio(took, pluginName, limitName)
	if t.Logf("%.2f times the hand-written limit", times); times > 2 { // the aim is 1.5
		t.Errorf("%.1f times the hand-written limit", times)
	}
}

// TestRatioOfGroups compares with the limit for users in many groups, all of which the limit decodes.
func TestRatioOfGroups(t *testing.T) {
	for _, n := range []int{3, 50, 500} {
		took := interleaved(t, []contender{limitEngine(t, n), pluginEngine(t, n)}, 40, 50)
		t.Logf("%d groups: %.2f times the hand-written limit", n, ratio(took, pluginName, limitName))
	}
}

// TestRatioOfForeignCookies compares with the limit for requests with 8 kB of cookies of others.
func TestRatioOfForeignCookies(t *testing.T) {
	both := []contender{limitEngine(t, 3), pluginEngine(t, 3)}
	for i := range both {
		foreign := both[i]
		foreign.name += ", 8 kB of foreign cookies"
		for n := range 280 {
			foreign.cookie = fmt.Sprintf("foreign_%03d=%016d; ", n, n) + foreign.cookie
		}
		both = append(both, foreign)
	}
	interleaved(t, both, 40, 100)
}

// TestRatioOfRechecks: a guarded request with re-checks that are not due costs what it costs without, in allocations
// exactly, and prints the times.
func TestRatioOfRechecks(t *testing.T) {
	without, with := pluginEngine(t, 3), pluginEngine(t, 3, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.RecheckEvery = time.Hour
	})
	with.name += ", re-checks not due"
	serve, serveRechecked := without.serving(t), with.serving(t)
	if a, b := testing.AllocsPerRun(500, serve), testing.AllocsPerRun(500, serveRechecked); a != b {
		t.Errorf("%.0f allocations, and %.0f with re-checks", a, b)
	}
	took := interleaved(t, []contender{without, with}, 100, 200)
	t.Logf("figure rechecks: a guarded request whose re-check is not due took %.2f times as long as one of an app "+
		"without re-checks, with as many allocations", ratio(took, with.name, without.name))
}

const (
	seenName   = "ginoidc, access token seen before"
	opaqueName = "ginoidc, introspected token seen before"
)

// tokenApp guards by access tokens, with introspection.
func tokenApp(t testing.TB) (*testapp.App, *gin.Engine) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Audience, c.Providers[0].Introspection = api, "json"
	})
	alice := limit.Alice(3).Claims()
	a.OP.OnAccessToken(func(claims map[string]any) { maps.Copy(claims, alice) })
	a.OP.OnIntrospection(func(claims map[string]any) { maps.Copy(claims, alice) })
	e := gin.New()
	e.Use(a.Auth.Middleware())
	e.GET("/x", a.Auth.RequireGroups(limit.Group), func(c *gin.Context) { c.Status(http.StatusOK) })
	return a, e
}

// tokenEngine guards by an access token that was seen before.
func tokenEngine(t testing.TB) contender {
	a, e := tokenApp(t)
	token, err := a.OP.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	return contender{name: seenName, engine: e, authorization: "Bearer " + token}
}

// opaqueEngine guards by an opaque access token that was introspected before.
func opaqueEngine(t testing.TB) contender {
	a, e := tokenApp(t)
	token, err := a.OP.OpaqueToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	return contender{name: opaqueName, engine: e, authorization: "Bearer " + token}
}

// TestRatioOfTokens compares access tokens that were seen before with sessions.
func TestRatioOfTokens(t *testing.T) {
	took := interleaved(t, []contender{pluginEngine(t, 3), tokenEngine(t), opaqueEngine(t)}, 40, 200)
	for _, name := range []string{seenName, opaqueName} {
		times := ratio(took, name, pluginName)
		if t.Logf("%s: %.2f times the session", name, times); times > 2 { // the aim is 1.3
			t.Errorf("%s takes %.2f times as long as a session", name, times)
		}
	}
}

// TestFirstSight measures access tokens that are new: a check of an RS256 signature each.
func TestFirstSight(t *testing.T) {
	a, e := tokenApp(t)
	var took []time.Duration
	for range 50 {
		token, err := a.OP.AccessToken("alice", api)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		contender{name: "new", engine: e, authorization: "Bearer " + token}.serving(t)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("first sight of an RS256 token: %v, least %v", took[len(took)/4], took[0])
	if s := a.Auth.AccessTokenStats(); s.Misses != 50 || s.Hits != 0 {
		t.Errorf("not each one is new: %+v", s)
	}
}
