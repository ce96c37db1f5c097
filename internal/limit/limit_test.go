package limit_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
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

// TestApp: only the cookie of a member opens the route.
func TestApp(t *testing.T) {
	app := newApp(t)
	member, other, whole := limit.Alice(3), limit.Alice(3), limit.Alice(3)
	other.Groups = other.Groups[:2]
	whole.Name += "s" // for a cookie that one more character leaves as long once it is decoded
	cookie := app.Cookie(member)
	if value := strings.SplitN(cookie, "=", 2)[1]; len(value) != 283 {
		t.Errorf("the cookie has %d characters", len(value))
	}
	for cookie, status := range map[string]int{
		cookie: http.StatusOK, "a=b; " + cookie: http.StatusOK, cookie + "; a=b": http.StatusOK, "": http.StatusForbidden,
		cookie + "AA": http.StatusForbidden, app.Cookie(whole) + "!": http.StatusForbidden,
		app.Cookie(other): http.StatusForbidden, app.Cookie(limit.Alice(500)): http.StatusOK,
	} {
		if got := answer(app, cookie); got != status {
			t.Errorf("%.60q: %d, want %d", cookie, got, status)
		}
	}
}

// TestExpiry: the cookie opens the route in its last second, and not in the next.
func TestExpiry(t *testing.T) {
	app := newApp(t)
	synctest.Test(t, func(t *testing.T) {
		member := limit.Alice(3)
		time.Sleep(time.Until(time.Unix(member.Expires, 0)))
		if got := answer(app, app.Cookie(member)); got != http.StatusOK {
			t.Errorf("in the last second: %d", got)
		}
		time.Sleep(time.Second)
		if got := answer(app, app.Cookie(member)); got != http.StatusForbidden {
			t.Errorf("in the next: %d", got)
		}
	})
}

// TestTooLong: texts that do not fit the encoding are nobody's, wherever reading them ends.
func TestTooLong(t *testing.T) {
	app := newApp(t)
	for n := range 256 {
		u := limit.User{Subject: strings.Repeat("x", 256), Groups: []string{strings.Repeat("g", n)}}
		u.Expires = time.Now().Add(time.Hour).Unix()
		if got := answer(app, app.Cookie(u)); got != http.StatusForbidden {
			t.Errorf("%d: %d", n, got)
		}
	}
}

// TestNew: a secret of another size is an error.
func TestNew(t *testing.T) {
	if _, err := limit.New([]byte("short")); err == nil {
		t.Error("a short secret is accepted")
	}
}

func newApp(t *testing.T) *limit.App {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	app, err := limit.New([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// answer returns the status of a request with the cookie.
func answer(app *limit.App, cookie string) int {
	r, w := httptest.NewRequest(http.MethodGet, "/x", nil), httptest.NewRecorder()
	r.Header.Set("Cookie", cookie)
	app.ServeHTTP(w, r)
	return w.Code
}
