package ginoidc_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// guarded returns an engine with one guarded route and a signed-in request for it.
func guarded(t testing.TB) (*gin.Engine, *http.Request) {
	gin.SetMode(gin.ReleaseMode)
	a := testapp.New(t)
	b := a.Browser()
	b.MustSignIn("alice")
	e := gin.New()
	e.Use(a.Auth.Middleware())
	e.GET("/x", a.Auth.RequireGroups("staff"), func(c *gin.Context) { c.Status(http.StatusOK) })
	r := httptest.NewRequest(http.MethodGet, "/x", nil)
	for _, c := range b.Jar.Cookies(testapp.ParseURL(t, testapp.URL)) {
		r.AddCookie(c)
	}
	return e, r
}

// blank is a ResponseWriter that costs nothing.
type blank struct{ h http.Header }

func (b blank) Header() http.Header         { return b.h }
func (b blank) Write(p []byte) (int, error) { return len(p), nil }
func (b blank) WriteHeader(int)             {}

// TestGuardedRequestAllocations keeps a guarded request near what opening a sealed cookie has to cost: 12, and one more
// under the race detector.
func TestGuardedRequestAllocations(t *testing.T) {
	e, r := guarded(t)
	w := blank{http.Header{}}
	allocs := testing.AllocsPerRun(500, func() {
		clear(w.h)
		e.ServeHTTP(w, r.Clone(r.Context()))
	}) - testing.AllocsPerRun(500, func() { r.Clone(r.Context()) })
	if allocs > 13 {
		t.Errorf("%.0f allocations a guarded request", allocs)
	}
}

func BenchmarkGuardedRequest(b *testing.B) {
	e, r := guarded(b)
	w := blank{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.h)
		copied := *r
		e.ServeHTTP(w, &copied)
	}
}
