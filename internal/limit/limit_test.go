package limit_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/limit"
)

// TestAlice: the last of the groups is the one that is required.
func TestAlice(t *testing.T) {
	for n := range 6 {
		if groups := limit.Alice(n).Groups; len(groups) != n || n > 0 && groups[n-1] != limit.Group {
			t.Errorf("%d groups: %q", n, groups)
		}
	}
}

// TestApp: only the cookie of a member opens the route, and not beyond its expiry.
func TestApp(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	app, err := limit.New([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	member, other, expired := limit.Alice(3), limit.Alice(3), limit.Alice(3)
	other.Groups, expired.Expires = other.Groups[:2], time.Now().Add(-time.Minute).Unix()
	cookie := app.Cookie(member)
	if value := strings.SplitN(cookie, "=", 2)[1]; len(value) != 283 {
		t.Errorf("the cookie has %d characters", len(value))
	}
	for cookie, status := range map[string]int{
		cookie: http.StatusOK, "a=b; " + cookie: http.StatusOK, "": http.StatusForbidden,
		cookie + "AA": http.StatusForbidden, app.Cookie(other): http.StatusForbidden,
		app.Cookie(expired): http.StatusForbidden, app.Cookie(limit.Alice(500)): http.StatusOK,
	} {
		r, w := httptest.NewRequest(http.MethodGet, "/x", nil), httptest.NewRecorder()
		r.Header.Set("Cookie", cookie)
		if app.ServeHTTP(w, r); w.Code != status {
			t.Errorf("%.60q: %d, want %d", cookie, w.Code, status)
		}
	}
}
