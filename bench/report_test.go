package bench

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
	"github.com/seed-d65cea4d/ginoidc/memorystore"
)

var (
	write  = flag.Bool("write", false, "write docs/performance.md and its plots")
	rounds = flag.Int("rounds", 100, "rounds of each measurement")
)

const memoryName = "**ginoidc**, `memorystore`"

// inProcess returns what needs no server.
func inProcess(t testing.TB) []contender {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	secret := []byte(testapp.CookieSecret)
	sealed := plugin(t, pluginName, 3, nil)
	return []contender{
		bare(sealed.cookie), sealed.at("/public", publicName, 0),
		handWritten(t, 3), markedPrivate(t), sealed,
		sealed.at("/user", "**ginoidc**, the handler asks for the user", 0),
		sealed.at("/claims", "**ginoidc**, the handler calls Claims", 0),
		rechecked(t), withIDToken(t),
		plugin(t, memoryName, 3, func(c *ginoidc.Config) { c.Store = memorystore.New(memorystore.Config{}) }),
		bearer(t),
		ginContrib(t, "gin-contrib, cookie, struct", cookie.NewStore(secret), false),
		ginContrib(t, "gin-contrib, cookie, JSON", cookie.NewStore(secret), true),
		ginContrib(t, "gin-contrib, memstore, struct", memstore.NewStore(secret), false),
		scsMemory(t), ginJWT(t, "HS256"), ginJWT(t, "RS256"), goOIDC(t),
	}
}

// overHTTP returns what is measured as a server. Those on Redis are left out where redisVariable is not set.
func overHTTP(t testing.TB) []contender {
	t.Helper()
	all := inProcess(t)
	sealed := slices.IndexFunc(all, func(c contender) bool { return c.name == pluginName })
	all = append(all, longCookie(t, all[sealed]))
	if addr := os.Getenv(redisVariable); addr != "" {
		all = append(all, onRedis(t, addr)...)
	}
	return all
}

const redisVariable = "GINOIDC_BENCH_REDIS"

// TestContenders serves one request with each.
func TestContenders(t *testing.T) {
	for _, c := range inProcess(t) {
		c.serving(t)()
	}
}

// TestReport measures everything, and writes docs/performance.md and docs/performance-growth.md.
func TestReport(t *testing.T) {
	if !*write {
		t.Skip("it takes minutes: see the documentation of the package")
	}
	var r report
	r.head()
	r.guarded(t)
	r.parts(t)
	r.denied(t)
	r.signIn(t)
	r.redis(t)
	r.servers(t)
	first := r.String()
	r.Reset()
	r.growth(t)
	r.save(t, "performance-growth")
	r.print("%sHow times and memory grow with groups, cookies, sessions, revocations, providers and cores is on\n"+
		"[a page of its own](performance-growth.md).\n\n", first)
	r.summary()
	r.save(t, "performance")
}

// save writes a page, and begins the next.
func (r *report) save(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile("../docs/"+name+".md", []byte(r.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	r.Reset()
}

// report is the page.
type report struct {
	strings.Builder
	targets []target
}

func (r *report) print(format string, args ...any) { fmt.Fprintf(r, format, args...) }

func (r *report) head() {
	r.print("# Performance\n\nAll figures of this page were measured and written by one command; none was typed by "+
		"hand:\n\n"+
		"```sh\ngo -C bench test -count 1 -timeout 30m -run TestReport -write\n```\n\n"+
		"Machine: %d cores, %s, %s/%s. Times differ between machines, and by a factor of two between runs when others "+
		"work\n"+
		"on the same one. Ratios differ less: what a table compares took turns in many short rounds, and the tables "+
		"have the\n"+
		"least of the rounds, and ratios of it.\n\n", runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func (r *report) guarded(t *testing.T) {
	figures := interleaved(t, inProcess(t), *rounds)
	r.print("## A guarded request in the process\n\n" +
		"Every route finds the credential, checks it, and requires one of three groups; a fresh copy of the request " +
		"each time\n" +
		"into a writer that is used again. The hand-written limit is the least code that is correct for one app: it " +
		"opens a\n" +
		"sealed cookie and checks its expiry, and knows no rotation of secrets, no revocation, no renewal, no idle " +
		"limit, no\n" +
		"protection against forged requests and no headers (`internal/limit`).\n\n" +
		"The user is the same for all, and of ordinary size: a subject and a sid like UUIDs, an e-mail address, a name, " +
		"three groups\n" +
		"and two times, which the limit seals in a cookie of 283 characters. The session of the plugin is that of a " +
		"sign-in, without\n" +
		"the ID token except where a row says so.\n\n" +
		"| | least µs | lower quartile | × limit | allocations |\n| --- | ---: | ---: | ---: | ---: |\n")
	for _, f := range figures {
		r.print("| %s | %.2f | %.2f | %.2f | %.0f |\n", f.name, micro(f.least), micro(f.quarter),
			ratio(figures, f.name, limitName), f.allocs)
	}
	beyond := of(figures, publicName).least - of(figures, bareName).least
	r.print("\nA public route that never asks for the user adds %.2f µs to bare Gin.\n\n", micro(beyond))
	r.most(guardedTarget, ratio(figures, pluginName, limitName), 1.5)
	r.most("guarded request, allocations", of(figures, pluginName).allocs, 4)
	r.most(publicTarget, micro(beyond), 0.1)
	r.most("access token seen before, × guarded session",
		ratio(figures, "**ginoidc**, access token seen before", pluginName), 1.3)
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// denied compares with a handler that writes the same.
func (r *report) denied(t *testing.T) {
	sealed := plugin(t, pluginName, 3, nil)
	e := gin.New()
	write := func(status int, code, message, link string) gin.HandlerFunc {
		return func(c *gin.Context) {
			h := c.Writer.Header()
			h.Set("Cache-Control", "private, no-store")
			h.Set("Vary", "Cookie")
			c.AbortWithStatusJSON(status, struct {
				Code    string `json:"error"`
				Message string `json:"message"`
				Link    string `json:"sign_in_url,omitempty"`
			}{code, message, link})
		}
	}
	e.GET("/401", write(http.StatusUnauthorized, "unauthorized", "Please sign in.", "/auth/signin"))
	e.GET("/403", write(http.StatusForbidden, "forbidden", "You do not have access to this resource.", ""))
	anonymous := sealed
	anonymous.cookie = ""
	forged := sealed
	forged.cookie += "A"
	page := sealed.at("/nobody", "403, a page", 403)
	page.accept = "text/html"
	text := body(page)
	e.GET("/page", func(c *gin.Context) { c.Data(http.StatusForbidden, "text/html; charset=utf-8", text) })
	all := []contender{
		{name: "a handler that writes the 401", handler: e, path: "/401", status: 401},
		anonymous.at("/x", "401, no cookie", 401), forged.at("/x", "401, a forged cookie", 401),
		{name: "a handler that writes the 403", handler: e, path: "/403", status: 403},
		sealed.at("/x", "200", 0), sealed.at("/nobody", "403", 403),
		{name: "a handler that writes the page", handler: e, path: "/page", status: 403}, page,
	}
	figures := interleaved(t, all, *rounds)
	r.print("## Denied requests\n\nAs JSON, which programs get, except where a page is said.\n\n" +
		"| | µs | allocations |\n| --- | ---: | ---: |\n")
	for _, f := range figures {
		r.print("| %s | %.2f | %.0f |\n", f.name, micro(f.least), f.allocs)
	}
	beyond401 := of(figures, "401, no cookie").least - of(figures, "a handler that writes the 401").least
	beyond403 := of(figures, "403").least - of(figures, "200").least -
		of(figures, "a handler that writes the 403").least
	r.print("\nA 401 takes %.2f µs more than a handler of the app's own that writes the same, a 403 %.2f µs more "+
		"than that\n"+
		"and the check of the session.\n\n", micro(beyond401), micro(beyond403))
	beyondPage := of(figures, page.name).least - of(figures, "200").least -
		of(figures, "a handler that writes the page").least
	r.most("403 as a page beyond a handler of one's own, µs", micro(beyondPage), 10)
	r.most("401 as JSON beyond a handler of one's own, µs", micro(beyond401), 3)
	r.most("403 as JSON beyond a handler of one's own, µs", micro(beyond403), 3)
}

// body returns what the contender answers.
func body(c contender) []byte {
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, c.path, nil)
	r.Header.Set("Cookie", c.cookie)
	r.Header.Set("Accept", c.accept)
	c.handler.ServeHTTP(w, r)
	return w.Body.Bytes()
}

func (r *report) redis(t *testing.T) {
	addr := startRedis(t)
	if addr == "" {
		r.print("## Redis\n\nNot measured: no redis-server.\n\n")
		return
	}
	t.Setenv(redisVariable, addr)
	all := onRedis(t, addr)
	figures := interleaved(t, all, *rounds)
	r.print("## Redis\n\nA redis-server on the same machine, one request at a time. With session and state in Redis " +
		"a guarded\n" +
		"request is one command.\n\n| | µs | allocations |\n| --- | ---: | ---: |\n")
	for _, f := range figures {
		r.print("| %s | %.1f | %.0f |\n", f.name, micro(f.least), f.allocs)
	}
	r.print("\n")
	r.caching(t, addr)
	r.least(redisTarget, ratio(figures, all[2].name, all[1].name), 2.5)
}

func (r *report) servers(t *testing.T) {
	var all []process
	for _, c := range overHTTP(t) {
		if c.path == "" {
			all = append(all, start(t, c.name))
		}
	}
	perSecond := rates(t, all, max(3, *rounds/10), 500*time.Millisecond)
	r.print("## Over HTTP\n\nEach server is a process with one core (`GOMAXPROCS=1`); 16 connections of HTTP/1.1 on " +
		"loopback, each with\n" +
		"one request at a time. The upper quartile of the rounds.\n\n" +
		"| | requests a second | × bare Gin | × limit |\n| --- | ---: | ---: | ---: |\n")
	for _, p := range all {
		rate := perSecond[p.name]
		r.print("| %s | %.0f | %.2f | %.2f |\n", p.name, rate, rate/perSecond[bareName], rate/perSecond[limitName])
		p.stop()
	}
	r.print("\n")
	r.exchanges(t)
	r.least(overHTTPTarget, perSecond[pluginName]/perSecond[limitName], 0.97)
	r.least("requests a second over HTTP, × bare Gin", perSecond[pluginName]/perSecond[bareName], 0.8)
	debug.FreeOSMemory()
}
