package bench

import (
	"encoding/gob"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/limit"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// contender serves GET /x for a signed-in member of the group "staff".
type contender struct {
	name          string
	handler       http.Handler
	path          string // "" for "/x"
	cookie        string
	authorization string
	form          string // of a POST, "" for a GET
	status        int    // 0 for 200
}

const (
	bareName   = "bare Gin, the cookie unread"
	limitName  = "hand-written limit"
	pluginName = "**ginoidc**, sealed cookie"
)

// groupsOf returns n groups in order, the last of which is "staff". All but three look like those of a directory.
func groupsOf(n int) []string {
	groups := []string{"admin", "audit", "staff"}[max(0, 3-n):]
	for i := range n - 3 {
		groups = append(groups, fmt.Sprintf("%08x-5d1f-4c7a-9b3e-2f6a8c0d4e1b", i*2654435761))
	}
	slices.Sort(groups)
	return groups
}

func bare(cookie string) contender {
	e := gin.New()
	e.GET("/x", func(c *gin.Context) { c.Status(http.StatusOK) })
	return contender{name: bareName, handler: e, cookie: cookie}
}

func handWritten(t testing.TB, groups []string) contender {
	app, err := limit.New([]byte(testapp.CookieSecret)[:32])
	if err != nil {
		t.Fatal(err)
	}
	return contender{name: limitName, handler: app.Engine, cookie: app.Cookie(limit.User{
		Subject: "alice", Email: "alice@example.com", Name: "Alice Adams", SID: "s-1", Groups: groups,
		Expires: time.Now().Add(time.Hour).Unix(), AuthTime: time.Now().Unix(),
	})}
}

// plugin guards with the plugin. change may be nil.
func plugin(t testing.TB, name string, groups []string, change func(*ginoidc.Config)) contender {
	t.Helper()
	cfg := ginoidc.Config{
		Providers:     []ginoidc.Provider{{Issuer: testapp.Issuer, ClientID: "app", ClientSecret: testapp.ClientSecret}},
		AppURL:        testapp.URL,
		CookieSecrets: []string{testapp.CookieSecret}, Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	auth, err := ginoidc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	e := gin.New()
	e.Use(auth.Middleware())
	e.GET("/x", auth.RequireGroups("staff"), func(c *gin.Context) { c.Status(http.StatusOK) })
	e.GET("/public", func(c *gin.Context) { c.Status(http.StatusOK) })
	e.GET("/nobody", auth.RequireGroups("nobody"))
	e.GET("/claims", auth.RequireGroups("staff"), func(c *gin.Context) {
		var v struct{ Department string }
		if u, ok := ginoidc.UserFrom(c); ok && u.Claims(&v) == nil {
			c.Status(http.StatusOK)
		}
	})
	e.GET("/user", auth.RequireGroups("staff"), func(c *gin.Context) {
		if u, ok := ginoidc.UserFrom(c); ok && u.InGroup("staff") {
			c.Status(http.StatusOK)
		}
	})
	e.GET("/start", func(c *gin.Context) {
		alice := &ginoidc.User{Subject: "alice", Email: "alice@example.com", Name: "Alice Adams", Groups: groups}
		if err := auth.StartSession(c, alice); err != nil {
			t.Error(err)
		}
	})
	return contender{name: name, handler: e, cookie: started(t, e)}
}

// at returns the contender with another path, name and status.
func (c contender) at(path, name string, status int) contender {
	c.path, c.name, c.status = path, name, status
	return c
}

// member is what an app keeps in a session of its own.
type member struct {
	Sub, Email, Name, SID string
	Groups                []string
	Exp, AuthTime         int64
}

func alice(groups []string) member {
	return member{"alice", "alice@example.com", "Alice Adams", "s-1", groups, 1 << 40, 1700000000}
}

// ginContrib guards by hand with gin-contrib/sessions: with a struct in the session, or with its JSON.
func ginContrib(t testing.TB, name string, store sessions.Store, asJSON bool) contender {
	t.Helper()
	gob.Register(member{})
	e := gin.New()
	e.Use(sessions.Sessions("session", store))
	e.GET("/x", func(c *gin.Context) {
		value := sessions.Default(c).Get("user")
		m, ok := value.(member)
		if text, isText := value.(string); isText {
			ok = json.Unmarshal([]byte(text), &m) == nil
		}
		if !ok || m.Exp < time.Now().Unix() || !slices.Contains(m.Groups, "staff") {
			c.Status(http.StatusForbidden)
			return
		}
		c.Set("user", &m)
		c.Status(http.StatusOK)
	})
	e.GET("/start", func(c *gin.Context) {
		s, m := sessions.Default(c), alice(groupsOf(3))
		s.Set("user", m)
		if asJSON {
			text, err := json.Marshal(m)
			if err != nil {
				t.Error(err)
			}
			s.Set("user", string(text))
		}
		if err := s.Save(); err != nil {
			t.Error(err)
		}
	})
	return contender{name: name, handler: e, cookie: started(t, e)}
}

// started returns the cookies that GET /start sets.
func started(t testing.TB, h http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/start", nil))
	var pairs []string
	for _, c := range w.Result().Cookies() {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	if len(pairs) == 0 {
		t.Fatal("no session was started")
	}
	return strings.Join(pairs, "; ")
}
