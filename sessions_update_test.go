package ginoidc_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// updatable adds routes that change the session: "/name?is=x" sets the name, "/demote" removes all groups, and "/data"
// shows both.
func updatable(t *testing.T, change ...func(*ginoidc.Config, *fakeop.Config)) *testapp.App {
	t.Helper()
	a := testapp.New(t, change...)
	a.OP.OnIDToken(func(claims map[string]any) { claims["groups"] = []string{"admin"} })
	update := func(change func(*gin.Context, *ginoidc.User)) gin.HandlerFunc {
		return func(c *gin.Context) {
			if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { change(c, u); return nil }); err != nil {
				a.Auth.Deny(c, err)
			}
		}
	}
	a.Engine.POST("/name", update(func(c *gin.Context, u *ginoidc.User) { u.Name = c.Query("is") }))
	a.Engine.POST("/demote", update(func(_ *gin.Context, u *ginoidc.User) { u.Groups = nil }))
	a.Engine.GET("/data", a.Auth.RequireAuth(), func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		c.String(http.StatusOK, "%s %s %v", u.Subject, u.Name, u.Groups)
	})
	return a
}

func data(b *testapp.Browser) string {
	if r := b.Fetch("/data"); r.StatusCode == http.StatusOK {
		return r.Body
	}
	return ""
}

// TestUpdateEndsTheEarlierCookie with every store: replaying it does not undo the update. For some seconds, requests
// with it see the updated user. In all other respects it is still the same session.
func TestUpdateEndsTheEarlierCookie(t *testing.T) {
	for name, store := range testapp.Stores(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ended []ginoidc.EndReason
				a := updatable(t, func(c *ginoidc.Config, _ *fakeop.Config) {
					c.Store, c.MaxSessions = store, 1
					c.OnSessionEnd = func(_ context.Context, e ginoidc.SessionEnd) { ended = append(ended, e.Reason) }
				})
				b := a.Browser()
				b.MustSignIn("alice")
				before := a.Sessions("alice", 1)[0]
				if b.Fetch("/admin").StatusCode != 200 {
					t.Fatal("no admin to begin with")
				}
				time.Sleep(time.Second)
				parallel, late := b.Twin(), b.Twin()
				if r := b.Do("POST", "/demote", nil); r.StatusCode != 200 {
					t.Fatalf("update: %d %s\n%s", r.StatusCode, r.Body, a.Logs)
				}
				if b.Fetch("/admin").StatusCode != 403 {
					t.Error("the update is not seen")
				}
				time.Sleep(9 * time.Second)
				r := parallel.Fetch("/admin")
				if r.StatusCode != 403 || r.JSON(t)["error"] != "forbidden" || len(r.Header["Set-Cookie"]) == 0 {
					t.Errorf("in time: %d %s %v", r.StatusCode, r.Body, r.Header["Set-Cookie"])
				}
				if r := parallel.Fetch("/data"); r.Body != "alice Alice Archer []" || len(r.Header["Set-Cookie"]) != 0 {
					t.Errorf("with the cookie that it got: %q %v", r.Body, r.Header["Set-Cookie"])
				}
				time.Sleep(2 * time.Second)
				if r := late.Fetch("/admin"); r.StatusCode != 401 {
					t.Errorf("too late: %d", r.StatusCode)
				}
				if data(b) != "alice Alice Archer []" || data(parallel) != "alice Alice Archer []" {
					t.Errorf("the session: %q, %q", data(b), data(parallel))
				}
				if after := a.Sessions("alice", 1)[0]; after != before || len(ended) != 0 {
					t.Errorf("before %+v, after %+v; ended %v", before, after, ended)
				}
			})
		})
	}
}

// TestGraceEndsWithTheSession, whatever ends it and whichever cookie the request has.
func TestGraceEndsWithTheSession(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, a *testapp.App, earlier, b *testapp.Browser){
		"sign-out": func(_ *testing.T, _ *testapp.App, _, b *testapp.Browser) { b.Do("POST", "/auth/signout", nil) },
		"sign-out with the earlier": func(_ *testing.T, _ *testapp.App, earlier, _ *testapp.Browser) {
			earlier.Twin().Do("POST", "/auth/signout", nil)
		},
		"everywhere": func(t *testing.T, a *testapp.App, _, _ *testapp.Browser) {
			_ = a.Auth.EndUserSessions(t.Context(), "alice")
		},
		"listed": func(t *testing.T, a *testapp.App, _, _ *testapp.Browser) {
			_ = a.Auth.EndUserSession(t.Context(), "alice", a.Sessions("alice", 1)[0].ID)
		},
		"back channel": func(t *testing.T, a *testapp.App, _, _ *testapp.Browser) { a.BackChannelLogout("alice", "", nil) },
	} {
		for kind, store := range testapp.Stores(t) {
			t.Run(name+" "+kind, func(t *testing.T) {
				a := updatable(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
				b := a.Browser()
				b.MustSignIn("alice")
				earlier := b.Twin()
				b.Do("POST", "/name?is=new", nil)
				if data(earlier.Twin()) != "alice new [admin]" {
					t.Fatal("no grace")
				}
				end(t, a, earlier, b)
				if data(earlier) != "" || data(b) != "" {
					t.Errorf("alive: %q, %q", data(earlier), data(b))
				}
			})
		}
	}
}

// TestUpdatesInARow: each update has its own grace, and a request follows several updates.
func TestUpdatesInARow(t *testing.T) {
	for name, store := range testapp.Stores(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := updatable(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
				b := a.Browser()
				b.MustSignIn("alice")
				first := b.Twin()
				for i := range 4 {
					b.Do("POST", fmt.Sprintf("/name?is=%d", i), nil)
					time.Sleep(3 * time.Second)
				}
				if data(first.Twin()) != "" { // twelve seconds after the update that ended it
					t.Error("served after its grace, since there were more updates")
				}
				second := b.Twin()
				b.Do("POST", "/name?is=4", nil)
				b.Do("POST", "/name?is=5", nil)
				if got := data(second); got != "alice 5 [admin]" {
					t.Errorf("past two updates: %q", got)
				}
				if r := second.Do("POST", "/name?is=6", nil); r.StatusCode != 200 || data(b) != "alice 6 [admin]" {
					t.Errorf("an update by the other: %d, %q", r.StatusCode, data(b))
				}
			})
		})
	}
}

// TestUpdatesAtOnce with the same cookie, on two instances: the later update gets the result of the earlier one, in
// whatever order the responses reach the browser.
func TestUpdatesAtOnce(t *testing.T) {
	for name, store := range testapp.Stores(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared := state.NewMemory(0)
				change := func(c *ginoidc.Config, _ *fakeop.Config) { c.Store, c.State = store, shared }
				one, two := updatable(t, change), updatable(t, change)
				two.OP = one.OP
				for _, a := range []*testapp.App{one, two} {
					a.Engine.POST("/slow", func(c *gin.Context) {
						if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error {
							data := map[string]int{}
							_ = json.Unmarshal(u.Data, &data)
							time.Sleep(time.Second)
							data[c.Query("add")]++
							u.Data, _ = json.Marshal(data)
							return nil
						}); err != nil {
							t.Error(err)
						}
					})
					a.Engine.GET("/sum", a.Auth.RequireAuth(), func(c *gin.Context) {
						u, _ := ginoidc.UserFrom(c)
						c.String(http.StatusOK, string(u.Data))
					})
				}
				b := one.Browser()
				b.MustSignIn("alice")
				twins := []*testapp.Browser{b.Twin(), b.Twin(), {App: two, Jar: b.Twin().Jar}, {App: two, Jar: b.Twin().Jar}}
				var wg sync.WaitGroup
				for i, twin := range twins {
					wg.Go(func() { twin.Do("POST", fmt.Sprintf("/slow?add=%d", i), nil) })
				}
				wg.Wait()
				for _, twin := range twins {
					if got := twin.Fetch("/sum").Body; got != `{"0":1,"1":1,"2":1,"3":1}` {
						t.Errorf("%s", got)
					}
				}
			})
		})
	}
}

// TestRefusedUpdateLeavesTheUser: a refused update leaves the user of the request unchanged, slices included. If change
// keeps a reference to its copy, later changes through it have no effect.
func TestRefusedUpdateLeavesTheUser(t *testing.T) {
	a := testapp.New(t)
	a.OP.OnIDToken(func(claims map[string]any) {
		maps.Copy(claims, map[string]any{"groups": []string{"a", "b"}, "organizations": []string{"o"}, "further": 1})
	})
	spoil := func(u *ginoidc.User) {
		u.Name, u.Groups[0], u.Organizations[0], u.Extra[0] = "spoilt", "admin", "admin", 'x'
		if len(u.Data) > 0 {
			u.Data[0] = 'x'
		}
	}
	a.Engine.POST("/update", func(c *gin.Context) {
		want, _ := ginoidc.UserFrom(c)
		before := fmt.Sprintf("%+v", *want)
		if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { spoil(u); return errors.New("no") }); err == nil {
			t.Error("updated")
		}
		if u, _ := ginoidc.UserFrom(c); fmt.Sprintf("%+v", *u) != before {
			t.Errorf("became %+v", *u)
		}
		var kept *ginoidc.User
		if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error {
			u.Data, kept = json.RawMessage(`{"n":1}`),
				u
			return nil
		}); err != nil {
			t.Error(err)
		}
		u, _ := ginoidc.UserFrom(c)
		before = fmt.Sprintf("%+v", *u)
		spoil(kept)
		if u, _ := ginoidc.UserFrom(c); fmt.Sprintf("%+v", *u) != before {
			t.Errorf("later became %+v", *u)
		}
	})
	b := a.Browser()
	b.MustSignIn("alice")
	b.Do("POST", "/update", nil)
	if b.Fetch("/admin").StatusCode != 403 {
		t.Error("an admin by a refused update")
	}
}

// TestUpdateWithAStateThatFails: if the update cannot be saved in State, nothing changes. If only the new cookies
// cannot be kept for concurrent requests, the update succeeds without a grace.
func TestUpdateWithAStateThatFails(t *testing.T) {
	for method, want := range map[string]struct {
		status     int
		b, earlier string
		cookie     bool
	}{
		"Revoke": {status: 503, b: "alice Alice Archer [admin]", earlier: "alice Alice Archer [admin]"},
		"Lease":  {status: 503, b: "alice Alice Archer [admin]", earlier: "alice Alice Archer [admin]"},
		"Keep":   {status: 200, b: "alice new [admin]", earlier: "", cookie: true},
	} {
		for kind, store := range testapp.Stores(t) {
			t.Run(method+" "+kind, func(t *testing.T) {
				failing := false
				shared := hooked{state.NewMemory(0),
					func(_ context.Context, asked string) error { return errIf(failing && asked == method) }}
				a := updatable(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State, c.Store = shared, store })
				b := a.Browser()
				b.MustSignIn("alice")
				earlier := b.Twin()
				failing = true
				r := b.Do("POST", "/name?is=new", nil)
				failing = false
				if r.StatusCode != want.status || (len(r.Header["Set-Cookie"]) > 0) != want.cookie {
					t.Errorf("%d %v\n%s", r.StatusCode, r.Header["Set-Cookie"], a.Logs)
				}
				if data(b) != want.b || data(earlier) != want.earlier {
					t.Errorf("%q, the earlier %q", data(b), data(earlier))
				}
			})
		}
	}
}

// TestUpdateTooLargeForGrace: without a grace, the earlier cookie is invalid at once.
func TestUpdateTooLargeForGrace(t *testing.T) {
	a := updatable(t)
	b := a.Browser()
	b.MustSignIn("alice")
	earlier := b.Twin()
	long := strings.Repeat("n", 20_000)
	if r := b.Do("POST", "/name?is="+long, nil); r.StatusCode != 200 || data(b) != "alice "+long+" [admin]" {
		t.Errorf("update: %d %.100s", r.StatusCode, data(b))
	}
	if data(earlier) != "" {
		t.Error("the earlier cookie is served")
	}
	small := b.Twin()
	if b.Do("POST", "/name?is=s", nil); len(slices.DeleteFunc(b.Cookies(),
		func(name string) bool { return !strings.HasPrefix(name, "__Host-ginoidc") })) != 1 {
		t.Errorf("parts are left: %v", b.Cookies())
	}
	if got := data(small); got != "alice s [admin]" || len(small.Cookies()) != len(b.Cookies()) {
		t.Errorf("from many parts to one: %q, %v", got, small.Cookies())
	}
}

// TestUpdateKeepsTokens: an update of the user does not affect the tokens of the session.
func TestUpdateKeepsTokens(t *testing.T) {
	for kind, store := range testapp.Stores(t) {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
				a.Engine.POST("/name", func(c *gin.Context) {
					if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "new"; return nil }); err != nil {
						t.Error(err)
					}
				})
				b := a.Browser()
				b.MustSignIn("alice")
				first := b.Fetch("/token").Body
				earlier := b.Twin()
				b.Do("POST", "/name", nil)
				if now, then := b.Fetch("/token").Body, earlier.Fetch("/token").Body; now != first || then != first {
					t.Errorf("%q, with the earlier cookie %q, before %q", now, then, first)
				}
				time.Sleep(5 * time.Minute)
				if r := b.Fetch("/token"); r.StatusCode != 200 || r.Body == first {
					t.Errorf("refresh: %d %s", r.StatusCode, r.Body)
				}
				if r := b.Do("POST", "/auth/signout", nil); r.StatusCode != 303 || a.OP.Active(first) {
					t.Errorf("sign-out: %d", r.StatusCode)
				}
			})
		})
	}
}

// TestUpdateDropsTheHint: the ID token is dropped if the session would otherwise need another cookie, and kept if there
// is room.
func TestUpdateDropsTheHint(t *testing.T) {
	full := map[string]int{"sealed cookies": 2300, "cookie": 1200, "filesystem": 1200} // its files are limited too
	for kind, store := range testapp.Stores(t) {
		for _, size := range []int{10, cmp.Or(full[kind], 5000)} {
			a := updatable(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
			b := a.Browser()
			b.MustSignIn("alice")
			before := len(b.Cookies())
			name := strings.Repeat("n", size)
			if r := b.Do("POST", "/name?is="+name, nil); r.StatusCode != 200 || data(b) != "alice "+name+" [admin]" ||
				len(b.Cookies()) != before {
				t.Errorf("%s, %d more bytes: %d %s, %v", kind, size, r.StatusCode, r.Body, b.Cookies())
			}
			hint := testapp.ParseURL(t, b.Do("POST", "/auth/signout", nil).Location()).Query().Get("id_token_hint")
			if want := size == 10 || full[kind] == 0; (hint != "") != want {
				t.Errorf("%s, %d more bytes: a hint of %d bytes, want one: %t", kind, size, len(hint), want)
			}
		}
	}
}

// TestUpdateOfEndedSession: an update does not restore a session that ends in the meantime, even in a sealed cookie.
func TestUpdateOfEndedSession(t *testing.T) {
	a := testapp.New(t)
	a.Engine.POST("/update", func(c *gin.Context) {
		err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error {
			return a.Auth.EndUserSessions(c.Request.Context(),
				u.Subject)
		})
		if _, ok := ginoidc.UserFrom(c); ok || !errors.Is(err, ginoidc.ErrUnauthenticated) {
			t.Errorf("user %v, error %v", ok, err)
		}
	})
	b := a.Browser()
	b.MustSignIn("alice")
	b.Do("POST", "/update", nil)
	if b.WhoAmI() != "" {
		t.Error("the session lives")
	}
}

// TestUpdatedSessionStaysTheSame for the provider: a logout token still ends an updated session, and one issued before
// the sign-in still does not.
func TestUpdatedSessionStaysTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		a.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = "s-1" })
		a.Engine.POST("/update", func(c *gin.Context) {
			if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "new"; return nil }); err != nil {
				t.Error(err)
			}
		})
		late, err := a.OP.LogoutToken("", "s-1", nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		b := a.Browser()
		b.MustSignIn("alice")
		b.Do("POST", "/update", nil)
		if r := a.PostBackChannel("logout_token=" + late); r.StatusCode != 200 || b.WhoAmI() != "alice" {
			t.Errorf("a late token: %d, %q is signed in", r.StatusCode, b.WhoAmI())
		}
		time.Sleep(10 * time.Second)
		if r := a.BackChannelLogout("", "s-1", nil); r.StatusCode != 200 || b.WhoAmI() != "" {
			t.Errorf("a token: %d, %q is signed in", r.StatusCode, b.WhoAmI())
		}
	})
}

// TestTwoUpdates of one session at once: the later one takes effect as a whole, and an update cannot change who is
// signed in. Case 274.
func TestTwoUpdates(t *testing.T) {
	for name, store := range map[string]sessions.Store{"cookies": nil,
		"a store": memstore.NewStore([]byte(testapp.CookieSecret))} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
		update := func(key string) func(*gin.Context) {
			return func(c *gin.Context) {
				if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error {
					u.Data = json.RawMessage(`{"` + key + `":1}`)
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		}
		a.Engine.POST("/second", update("second"))
		a.Engine.POST("/first", func(c *gin.Context) {
			if _, ok := ginoidc.UserFrom(c); !ok { // has loaded the session before the other update
				t.Error("not signed in")
			}
			other := a.Browser()
			other.Jar = testapp.JarOf(c.Request)
			other.Do("POST", "/second", nil)
			update("first")(c)
		})
		var data string
		a.Engine.GET("/data", func(c *gin.Context) {
			u, _ := ginoidc.UserFrom(c)
			data = u.Subject + string(u.Data)
		})
		b := a.Browser()
		b.MustSignIn("alice")
		b.Do("POST", "/first", nil)
		b.Do("GET", "/data", nil)
		if data != `alice{"first":1}` {
			t.Errorf("%s: %s", name, data)
		}
	}
}

// TestUpdateSession: an update takes effect in this request and in later ones, and does not restore an ended session.
func TestUpdateSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.SessionLifetime = 20 * time.Hour })
		refuse := errors.New("no change")
		a.Engine.POST("/update", func(c *gin.Context) {
			err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error {
				u.Data, u.Groups, u.Subject = json.RawMessage(`{"n":1}`), []string{"zeta", "admin"}, "mallory"
				if c.Query("refuse") != "" {
					return refuse
				}
				return nil
			})
			u, _ := ginoidc.UserFrom(c)
			c.JSON(http.StatusOK, gin.H{"user": u, "unauthenticated": errors.Is(err, ginoidc.ErrUnauthenticated),
				"refused": errors.Is(err, refuse), "failed": err != nil})
			if err := a.Auth.UpdateSession(c, func(*ginoidc.User) error { return nil }); err == nil { // case 146
				t.Error("updated after the response has started")
			}
			if err := a.Auth.EndSession(c); err == nil {
				t.Error("destroyed after the response has started")
			}
		})
		b := a.Browser()
		if r := b.Do("POST", "/update", nil); r.JSON(t)["unauthenticated"] != true || r.Header.Get("Set-Cookie") != "" {
			t.Errorf("nobody: %s", r.Body)
		}
		b.MustSignIn("bob")
		if r := b.Do("POST", "/update?refuse=1", nil); r.JSON(t)["refused"] != true || b.Fetch("/admin").StatusCode != 403 {
			t.Errorf("refused: %s", r.Body)
		}
		time.Sleep(10 * time.Hour)
		r := b.Do("POST", "/update", nil)
		now, _ := r.JSON(t)["user"].(map[string]any)
		if r.JSON(t)["failed"] != false || now["Subject"] != "bob" || fmt.Sprint(now["Data"]) != "map[n:1]" ||
			len(r.Header["Set-Cookie"]) != 1 {
			t.Errorf("update: %s %v", r.Body, r.Header["Set-Cookie"])
		}
		if r := b.Fetch("/admin"); r.StatusCode != 200 {
			t.Errorf("later: %d %s", r.StatusCode, r.Body)
		}
		time.Sleep(9 * time.Hour) // an update renews the idle limit but not the lifetime
		if b.WhoAmI() != "bob" {
			t.Error("an update does not count as use")
		}
		time.Sleep(2 * time.Hour)
		if b.WhoAmI() != "" {
			t.Error("an update moved the lifetime")
		}
	})
}

// TestUpdateOfAnExpiredSession: a handler cannot save a session that expires while the handler runs.
func TestUpdateOfAnExpiredSession(t *testing.T) {
	for name, store := range map[string]sessions.Store{"cookies": nil,
		"a store": memstore.NewStore([]byte(testapp.CookieSecret))} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store, c.SessionIdle = store, time.Hour })
				a.Engine.POST("/slow", a.Auth.RequireAuth(), func(c *gin.Context) {
					time.Sleep(time.Hour + time.Second)
					err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "late"; return nil })
					if !errors.Is(err, ginoidc.ErrUnauthenticated) {
						t.Errorf("UpdateSession: %v", err)
					}
				})
				b := a.Browser()
				b.MustSignIn("alice")
				r := b.Do("POST", "/slow", nil)
				for _, c := range r.Cookies() {
					if c.MaxAge >= 0 {
						t.Errorf("a cookie: %s", c)
					}
				}
				if b.WhoAmI() != "" {
					t.Error("signed in again")
				}
			})
		})
	}
}
