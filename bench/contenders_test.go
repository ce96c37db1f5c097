package bench

import (
	"encoding/gob"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/limit"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// contender serves GET /x for a signed-in member of limit.Group.
type contender struct {
	name          string
	handler       http.Handler
	path          string // "" for "/x"
	cookie        string
	authorization string
	accept        string // "" for JSON
	form          string // of a POST, "" for a GET
	status        int    // 0 for 200
}

const (
	bareName   = "bare Gin, the cookie unread"
	limitName  = "hand-written limit"
	pluginName = "**ginoidc**, sealed cookie"
)

func bare(cookie string) contender {
	e := gin.New()
	e.GET("/x", func(c *gin.Context) { c.Status(http.StatusOK) })
	return contender{name: bareName, handler: e, cookie: cookie}
}

func handWritten(t testing.TB, groups int) contender {
	app, err := limit.New([]byte(testapp.CookieSecret)[:32])
	if err != nil {
		t.Fatal(err)
	}
	return contender{name: limitName, handler: app.Engine, cookie: app.Cookie(limit.Alice(groups))}
}

// plugin guards with the plugin. change may be nil.
func plugin(t testing.TB, name string, groups int, change func(*ginoidc.Config)) contender {
	t.Helper()
	a, cookie := testapp.SignedIn(t, limit.Alice(groups).Claims(), func(c *ginoidc.Config, _ *fakeop.Config) {
		if change != nil {
			change(c)
		}
	})
	return contender{name: name, handler: guardedBy(a.Auth), cookie: cookie}
}

// guardedBy returns the routes of an app with the plugin.
func guardedBy(auth *ginoidc.Auth) *gin.Engine {
	e := gin.New()
	e.Use(auth.Middleware())
	e.GET("/x", auth.RequireGroups(limit.Group), func(c *gin.Context) { c.Status(http.StatusOK) })
	e.GET("/public", func(c *gin.Context) { c.Status(http.StatusOK) })
	e.GET("/nobody", auth.RequireGroups("nobody"))
	e.GET("/claims", auth.RequireGroups(limit.Group), func(c *gin.Context) {
		var v struct{ Department string }
		if u, ok := ginoidc.UserFrom(c); ok && u.Claims(&v) == nil {
			c.Status(http.StatusOK)
		}
	})
	e.GET("/user", auth.RequireGroups(limit.Group), func(c *gin.Context) {
		if u, ok := ginoidc.UserFrom(c); ok && u.InGroup(limit.Group) {
			c.Status(http.StatusOK)
		}
	})
	return e
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

func alice() member {
	u := limit.Alice(3)
	return member{u.Subject, u.Email, u.Name, u.SID, u.Groups, u.Expires, u.AuthTime}
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
		if !ok || m.Exp < time.Now().Unix() || !slices.Contains(m.Groups, limit.Group) {
			c.Status(http.StatusForbidden)
			return
		}
		c.Set("user", &m)
		c.Status(http.StatusOK)
	})
	e.GET("/start", func(c *gin.Context) {
		s, m := sessions.Default(c), alice()
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
