package ginoidc_test

import (
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
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/filesystem"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// stores are one of each kind.
func stores(t *testing.T) map[string]sessions.Store {
	return map[string]sessions.Store{
		"sealed cookies": nil, "cookie": cookie.NewStore([]byte(secret)), "memstore": memstore.NewStore([]byte(secret)),
		"filesystem": filesystem.NewStore(t.TempDir(), []byte(secret)),
	}
}

// updatable has routes that change the session: "/name?is=x" the name, "/demote" all groups, and "/data" shows both.
func updatable(t *testing.T, change ...func(*ginoidc.Config, *fakeop.Config)) *app {
	t.Helper()
	a := newApp(t, change...)
	a.op.OnIDToken(func(claims map[string]any) { claims["groups"] = []string{"admin"} })
	update := func(change func(*gin.Context, *ginoidc.User)) gin.HandlerFunc {
		return func(c *gin.Context) {
			if err := a.auth.UpdateSession(c, func(u *ginoidc.User) error { change(c, u); return nil }); err != nil {
				a.auth.Deny(c, err)
			}
		}
	}
	a.engine.POST("/name", update(func(c *gin.Context, u *ginoidc.User) { u.Name = c.Query("is") }))
	a.engine.POST("/demote", update(func(_ *gin.Context, u *ginoidc.User) { u.Groups = nil }))
	a.engine.GET("/data", a.auth.RequireAuth(), func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		c.String(http.StatusOK, "%s %s %v", u.Subject, u.Name, u.Groups)
	})
	return a
}

func (b *browser) data() string {
	if r := b.fetch("/data"); r.StatusCode == http.StatusOK {
		return r.body
	}
	return ""
}

// TestUpdateEndsTheEarlierCookie with every store: sending it undoes nothing, and is served for some seconds with what is so
// now. It stays one session in everything else.
func TestUpdateEndsTheEarlierCookie(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ended []ginoidc.EndReason
				a := updatable(t, func(c *ginoidc.Config, _ *fakeop.Config) {
					c.Store, c.MaxSessions = store, 1
					c.OnSessionEnd = func(_ context.Context, e ginoidc.SessionEnd) { ended = append(ended, e.Reason) }
				})
				b := a.browser()
				b.mustSignIn("alice")
				before := a.sessionsOf("alice", 1)[0]
				if b.fetch("/admin").StatusCode != 200 {
					t.Fatal("no admin to begin with")
				}
				time.Sleep(time.Second)
				parallel, late := b.twin(), b.twin()
				if r := b.do("POST", "/demote", nil); r.StatusCode != 200 {
					t.Fatalf("update: %d %s\n%s", r.StatusCode, r.body, a.logs)
				}
				if b.fetch("/admin").StatusCode != 403 {
					t.Error("the update is not seen")
				}
				time.Sleep(9 * time.Second)
				r := parallel.fetch("/admin")
				if r.StatusCode != 403 || r.json(t)["error"] != "forbidden" || len(r.Header["Set-Cookie"]) == 0 {
					t.Errorf("in time: %d %s %v", r.StatusCode, r.body, r.Header["Set-Cookie"])
				}
				if r := parallel.fetch("/data"); r.body != "alice Alice Archer []" || len(r.Header["Set-Cookie"]) != 0 {
					t.Errorf("with the cookie that it got: %q %v", r.body, r.Header["Set-Cookie"])
				}
				time.Sleep(2 * time.Second)
				if r := late.fetch("/admin"); r.StatusCode != 401 {
					t.Errorf("too late: %d", r.StatusCode)
				}
				if b.data() != "alice Alice Archer []" || parallel.data() != "alice Alice Archer []" {
					t.Errorf("the session: %q, %q", b.data(), parallel.data())
				}
				if after := a.sessionsOf("alice", 1)[0]; after != before || len(ended) != 0 {
					t.Errorf("before %+v, after %+v; ended %v", before, after, ended)
				}
			})
		})
	}
}

// TestGraceEndsWithTheSession, whatever ends it and with whichever cookie.
func TestGraceEndsWithTheSession(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, a *app, earlier, b *browser){
		"sign-out":                  func(_ *testing.T, _ *app, _, b *browser) { b.do("POST", "/auth/signout", nil) },
		"sign-out with the earlier": func(_ *testing.T, _ *app, earlier, _ *browser) { earlier.twin().do("POST", "/auth/signout", nil) },
		"everywhere":                func(t *testing.T, a *app, _, _ *browser) { _ = a.auth.SignOutEverywhere(t.Context(), "alice") },
		"listed": func(t *testing.T, a *app, _, _ *browser) {
			_ = a.auth.EndSession(t.Context(), "alice", a.sessionsOf("alice", 1)[0].ID)
		},
		"back channel": func(t *testing.T, a *app, _, _ *browser) { a.post(t, "alice", "", nil) },
	} {
		for kind, store := range stores(t) {
			t.Run(name+" "+kind, func(t *testing.T) {
				a := updatable(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
				b := a.browser()
				b.mustSignIn("alice")
				earlier := b.twin()
				b.do("POST", "/name?is=new", nil)
				if earlier.twin().data() != "alice new [admin]" {
					t.Fatal("no grace")
				}
				end(t, a, earlier, b)
				if earlier.data() != "" || b.data() != "" {
					t.Errorf("alive: %q, %q", earlier.data(), b.data())
				}
			})
		}
	}
}

// TestUpdatesInARow: each has a grace of its own, and a request is taken past several.
func TestUpdatesInARow(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := updatable(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
				b := a.browser()
				b.mustSignIn("alice")
				first := b.twin()
				for i := range 4 {
					b.do("POST", fmt.Sprintf("/name?is=%d", i), nil)
					time.Sleep(3 * time.Second)
				}
				if first.twin().data() != "" { // twelve seconds after the update that ended it
					t.Error("served after its grace, since there were more updates")
				}
				second := b.twin()
				b.do("POST", "/name?is=4", nil)
				b.do("POST", "/name?is=5", nil)
				if got := second.data(); got != "alice 5 [admin]" {
					t.Errorf("past two updates: %q", got)
				}
				if r := second.do("POST", "/name?is=6", nil); r.StatusCode != 200 || b.data() != "alice 6 [admin]" {
					t.Errorf("an update by the other: %d, %q", r.StatusCode, b.data())
				}
			})
		})
	}
}

// TestUpdatesAtOnce with the same cookie, on two instances: the one is given what the other has made of the user, in
// whatever order the answers reach the browser.
func TestUpdatesAtOnce(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared := state.NewMemory(0)
				change := func(c *ginoidc.Config, _ *fakeop.Config) { c.Store, c.State = store, shared }
				one, two := updatable(t, change), updatable(t, change)
				two.op = one.op
				for _, a := range []*app{one, two} {
					a.engine.POST("/slow", func(c *gin.Context) {
						if err := a.auth.UpdateSession(c, func(u *ginoidc.User) error {
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
					a.engine.GET("/sum", a.auth.RequireAuth(), func(c *gin.Context) {
						u, _ := ginoidc.UserFrom(c)
						c.String(http.StatusOK, string(u.Data))
					})
				}
				b := one.browser()
				b.mustSignIn("alice")
				twins := []*browser{b.twin(), b.twin(), {two, b.twin().jar}, {two, b.twin().jar}}
				var wg sync.WaitGroup
				for i, twin := range twins {
					wg.Go(func() { twin.do("POST", fmt.Sprintf("/slow?add=%d", i), nil) })
				}
				wg.Wait()
				for _, twin := range twins {
					if got := twin.fetch("/sum").body; got != `{"0":1,"1":1,"2":1,"3":1}` {
						t.Errorf("%s", got)
					}
				}
			})
		})
	}
}

// TestRefusedUpdateLeavesTheUser of the request as it was, slices included; and what change keeps of its copy changes
// nothing later.
func TestRefusedUpdateLeavesTheUser(t *testing.T) {
	a := newApp(t)
	a.op.OnIDToken(func(claims map[string]any) {
		maps.Copy(claims, map[string]any{"groups": []string{"a", "b"}, "organizations": []string{"o"}, "further": 1})
	})
	spoil := func(u *ginoidc.User) {
		u.Name, u.Groups[0], u.Organizations[0], u.Extra[0] = "spoilt", "admin", "admin", 'x'
		if len(u.Data) > 0 {
			u.Data[0] = 'x'
		}
	}
	a.engine.POST("/update", func(c *gin.Context) {
		want, _ := ginoidc.UserFrom(c)
		before := fmt.Sprintf("%+v", *want)
		if err := a.auth.UpdateSession(c, func(u *ginoidc.User) error { spoil(u); return errors.New("no") }); err == nil {
			t.Error("updated")
		}
		if u, _ := ginoidc.UserFrom(c); fmt.Sprintf("%+v", *u) != before {
			t.Errorf("became %+v", *u)
		}
		var kept *ginoidc.User
		if err := a.auth.UpdateSession(c, func(u *ginoidc.User) error { u.Data, kept = json.RawMessage(`{"n":1}`), u; return nil }); err != nil {
			t.Error(err)
		}
		u, _ := ginoidc.UserFrom(c)
		before = fmt.Sprintf("%+v", *u)
		spoil(kept)
		if u, _ := ginoidc.UserFrom(c); fmt.Sprintf("%+v", *u) != before {
			t.Errorf("later became %+v", *u)
		}
	})
	b := a.browser()
	b.mustSignIn("alice")
	b.do("POST", "/update", nil)
	if b.fetch("/admin").StatusCode != 403 {
		t.Error("an admin by a refused update")
	}
}

// TestUpdateWithAStateThatFails: what cannot be remembered has not been changed; what cannot be left for others costs the
// grace alone.
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
		for kind, store := range stores(t) {
			t.Run(method+" "+kind, func(t *testing.T) {
				failing := false
				shared := hooked{state.NewMemory(0), func(_ context.Context, asked string) error { return errIf(failing && asked == method) }}
				a := updatable(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State, c.Store = shared, store })
				b := a.browser()
				b.mustSignIn("alice")
				earlier := b.twin()
				failing = true
				r := b.do("POST", "/name?is=new", nil)
				failing = false
				if r.StatusCode != want.status || (len(r.Header["Set-Cookie"]) > 0) != want.cookie {
					t.Errorf("%d %v\n%s", r.StatusCode, r.Header["Set-Cookie"], a.logs)
				}
				if b.data() != want.b || earlier.data() != want.earlier {
					t.Errorf("%q, the earlier %q", b.data(), earlier.data())
				}
			})
		}
	}
}

// TestUpdateTooLargeForGrace ends the earlier cookie at once.
func TestUpdateTooLargeForGrace(t *testing.T) {
	a := updatable(t)
	b := a.browser()
	b.mustSignIn("alice")
	earlier := b.twin()
	long := strings.Repeat("n", 20_000)
	if r := b.do("POST", "/name?is="+long, nil); r.StatusCode != 200 || b.data() != "alice "+long+" [admin]" {
		t.Errorf("update: %d %.100s", r.StatusCode, b.data())
	}
	if earlier.data() != "" {
		t.Error("the earlier cookie is served")
	}
	small := b.twin()
	if b.do("POST", "/name?is=s", nil); len(slices.DeleteFunc(b.cookies(), func(name string) bool { return !strings.HasPrefix(name, "__Host-ginoidc") })) != 1 {
		t.Errorf("parts are left: %v", b.cookies())
	}
	if got := small.data(); got != "alice s [admin]" || len(small.cookies()) != len(b.cookies()) {
		t.Errorf("from many parts to one: %q, %v", got, small.cookies())
	}
}

// TestUpdateKeepsTokens: they are of the session, whatever it says of the user.
func TestUpdateKeepsTokens(t *testing.T) {
	for kind, store := range stores(t) {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := tokenApp(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
				a.engine.POST("/name", func(c *gin.Context) {
					if err := a.auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "new"; return nil }); err != nil {
						t.Error(err)
					}
				})
				b := a.browser()
				b.mustSignIn("alice")
				first := b.fetch("/token").body
				earlier := b.twin()
				b.do("POST", "/name", nil)
				if now, then := b.fetch("/token").body, earlier.fetch("/token").body; now != first || then != first {
					t.Errorf("%q, with the earlier cookie %q, before %q", now, then, first)
				}
				time.Sleep(5 * time.Minute)
				if r := b.fetch("/token"); r.StatusCode != 200 || r.body == first {
					t.Errorf("refresh: %d %s", r.StatusCode, r.body)
				}
				if r := b.do("POST", "/auth/signout", nil); r.StatusCode != 303 || a.op.Active(first) {
					t.Errorf("sign-out: %d", r.StatusCode)
				}
			})
		})
	}
}
