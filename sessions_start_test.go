package ginoidc_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestNewSession: a sign-in replaces any earlier session, and a failed one leaves it unchanged. Case 130.
func TestNewSession(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	b.MustSignIn("alice")
	callback := b.Start("/auth/signin", "bob")
	a.OP.Misbehave("bad-signature")
	if r := b.Navigate(callback); r.StatusCode != 401 || b.WhoAmI() != "alice" {
		t.Errorf("failed sign-in: %d, %q is signed in", r.StatusCode, b.WhoAmI())
	}
	a.OP.Misbehave()
	b.MustSignIn("bob")
	if b.WhoAmI() != "bob" {
		t.Errorf("%q is signed in", b.WhoAmI())
	}
}

// TestSessionLife: a request past half of the idle limit renews a session, idleness ends it, and so does its lifetime
// in any case.
func TestSessionLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.SessionIdle, c.SessionLifetime = 2*time.Hour, 5*time.Hour
		})
		b := a.Browser()
		b.MustSignIn("alice")
		for _, step := range []struct {
			after    time.Duration
			renewed  bool
			signedIn bool
		}{
			{50 * time.Minute, false, true}, {20 * time.Minute, true, true}, {100 * time.Minute, true, true},
			{100 * time.Minute, true, true},
			{20 * time.Minute, false, true}, {20 * time.Minute, false, false}, // five hours and ten minutes
		} {
			time.Sleep(step.after)
			r := b.Fetch("/me")
			if (r.Header.Get("Set-Cookie") != "") != step.renewed || (r.StatusCode == 200) != step.signedIn {
				t.Errorf("after %s: %d, Set-Cookie %q", step.after, r.StatusCode, r.Header.Get("Set-Cookie"))
			}
		}
		b.MustSignIn("alice")
		time.Sleep(2*time.Hour + time.Second)
		if b.WhoAmI() != "" {
			t.Error("an idle session lives on")
		}
	})
}

// TestStartSession: the request that starts a session already sees its user.
func TestStartSession(t *testing.T) {
	a := testapp.New(t)
	a.Engine.GET("/support", func(c *gin.Context) {
		if _, ok := ginoidc.UserFrom(c); ok {
			t.Error("signed in before")
		}
		if err := a.Auth.StartSession(c, &ginoidc.User{Subject: "agent", Groups: []string{"staff", "admin"}}); err != nil {
			t.Error(err)
		}
	}, a.Auth.RequireGroups("admin"), a.Protected)
	b := a.Browser()
	if r := b.Fetch("/support"); r.StatusCode != 200 || r.JSON(t)["sub"] != "agent" {
		t.Errorf("%d %s", r.StatusCode, r.Body)
	}
	if b.WhoAmI() != "agent" {
		t.Errorf("later: %q", b.WhoAmI())
	}
}

// TestSessionTooLarge: a user who does not fit into the store gets an error, and the log has the sizes of the parts for
// the operator. Case 135. Three hundred groups fit.
func TestSessionTooLarge(t *testing.T) {
	for _, tt := range []struct {
		groups, length int
		status         int
	}{{300, 36, 303}, {3000, 36, 500}} {
		a := testapp.New(t)
		a.OP.OnIDToken(func(c map[string]any) {
			groups := make([]string, tt.groups)
			for i := range groups {
				groups[i] = strings.Repeat(string(rune('a'+i%26)), tt.length-4) + string([]rune{rune('0' + i/1000),
					rune('0' + i/100%10), rune('0' + i/10%10), rune('0' + i%10)})
			}
			c["groups"] = groups
		})
		b := a.Browser()
		r := b.SignIn("alice")
		if r.StatusCode != tt.status {
			t.Fatalf("%d groups: %d %s", tt.groups, r.StatusCode, a.Logs)
		}
		if tt.status == 303 {
			got, _ := b.Fetch("/me").JSON(t)["groups"].([]any)
			if len(got) != tt.groups {
				t.Errorf("%d of %d groups reached the handler", len(got), tt.groups)
			}
		} else if !strings.Contains(a.Logs.String(), "groups") || !strings.Contains(r.Body, "too much data") ||
			b.WhoAmI() != "" {
			t.Errorf("log %s", a.Logs)
		}
	}
}

// TestKeepIDTokenAuto: the ID token is kept if it fits, and a sign-in never fails because of it.
func TestKeepIDTokenAuto(t *testing.T) {
	for _, tt := range []struct {
		name   string
		store  sessions.Store
		keep   string
		groups int
		hint   bool
		chunks int // cookies of the session
	}{
		{"sealed cookies", nil, "", 0, true, 1},
		{"sealed cookies, many groups", nil, "", 100, false, 1},
		{"sealed cookies, always", nil, "always", 100, true, 3},
		{"sealed cookies, never", nil, "never", 0, false, 1},
		{"a store on a server", memstore.NewStore([]byte(testapp.CookieSecret)), "", 100, true, 1},
		{"gin-contrib's cookies", cookie.NewStore([]byte(testapp.CookieSecret)), "", 0, true, 1},
		{"gin-contrib's cookies, nearly full", cookie.NewStore([]byte(testapp.CookieSecret)), "", 60, false, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
				c.KeepIDToken, c.Store, c.Providers[0].SkipUserInfo = tt.keep, tt.store, true
				c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			a.OP.OnIDToken(func(claims map[string]any) {
				groups := []string{"staff"}
				for i := range tt.groups {
					groups = append(groups, fmt.Sprintf("a-group-of-many-%04d", i))
				}
				claims["groups"] = groups
			})
			b := a.Browser()
			b.MustSignIn("alice")
			chunks := 0
			for _, name := range b.Cookies() {
				if strings.HasPrefix(name, "__Host-ginoidc") && !strings.HasSuffix(name, ".landed") {
					chunks++
				}
			}
			if chunks != tt.chunks || b.WhoAmI() != "alice" {
				t.Errorf("%d cookies %v, and %q is signed in", chunks, b.Cookies(), b.WhoAmI())
			}
			hint := testapp.ParseURL(t, b.Do("POST", "/auth/signout", nil).Location()).Query().Get("id_token_hint")
			if (hint != "") != tt.hint {
				t.Errorf("hint of %d bytes, want one: %t", len(hint), tt.hint)
			}
			if said := strings.Contains(log.String(), "no room for the ID token"); said != (!tt.hint && tt.keep == "") {
				t.Errorf("log %s", log.String())
			}
		})
	}
}

// lameStore loads sessions but does not save them.
type lameStore struct{ sessions.Store }

func (lameStore) Save(*http.Request, http.ResponseWriter, *gsessions.Session) error {
	return errors.New("disk full")
}

// TestStoreThatDoesNotSave: a sign-in gets 503 and no session, and Ready returns the cause. Case 247.
func TestStoreThatDoesNotSave(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Store = lameStore{memstore.NewStore([]byte(testapp.CookieSecret))}
	})
	if err := a.Auth.Ready(t.Context()); !errors.Is(err, ginoidc.ErrSessionStore) {
		t.Errorf("Ready: %v", err)
	}
	b := a.Browser()
	if r := b.SignIn("alice"); r.StatusCode != 503 || b.WhoAmI() != "" || len(b.Cookies()) != 0 {
		t.Errorf("%d, %q is signed in, cookies %v", r.StatusCode, b.WhoAmI(), b.Cookies())
	}
}

// TestFormPostReplaces: with form_post the callback comes without the cookie of the earlier session, which ends
// nevertheless, and OnSessionEnd is called.
func TestFormPostReplaces(t *testing.T) {
	var ended []ginoidc.SessionEnd
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].ResponseMode = "form_post"
		c.OnSessionEnd = func(_ context.Context, e ginoidc.SessionEnd) { ended = append(ended, e) }
	})
	b := a.Browser()
	for _, subject := range []string{"alice", "bob"} {
		if r := b.PostCallback(b.Start("/auth/signin", subject)); r.StatusCode != http.StatusSeeOther {
			t.Fatalf("%d %s", r.StatusCode, r.Body)
		}
	}
	if want := (ginoidc.SessionEnd{Subject: "alice", Reason: ginoidc.EndedByNewSignIn}); len(ended) != 1 ||
		ended[0] != want || b.WhoAmI() != "bob" {
		t.Errorf("%+v, and %q is signed in", ended, b.WhoAmI())
	}
}

// TestTokensOfReplacedSessions: a new sign-in in the same browser revokes the tokens of the earlier session, unless it
// belongs to the same session at the provider, because that would end the new tokens too.
func TestTokensOfReplacedSessions(t *testing.T) {
	for _, tt := range []struct {
		name, mode, second, sid string // the sid of both sign-ins, or ""
		alive                   bool
	}{
		{"the same user", "query", "alice", "", false},
		{"another user", "query", "bob", "", false},
		{"another user with the same sid", "query", "bob", "s-1", false},
		{"a step-up", "query", "alice", "s-1", true},
		{"the same user by a form", "form_post", "alice", "", false},
		{"another user by a form", "form_post", "bob", "", false},
		{"another user with the same sid by a form", "form_post", "bob", "s-1", false},
		{"a step-up by a form", "form_post", "alice", "s-1", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].ResponseMode = tt.mode })
			a.OP.OnIDToken(func(claims map[string]any) {
				if tt.sid != "" {
					claims["sid"] = tt.sid
				}
			})
			b := a.Browser()
			b.Callback(b.Start("/auth/signin", "alice"))
			old := b.Fetch("/token").Body
			callback := b.Start("/auth/signin", tt.second)
			if !a.OP.Active(old) {
				t.Error("the old token is revoked before somebody signs in")
			}
			b.Callback(callback)
			if fresh := b.Fetch("/token").Body; a.OP.Active(old) != tt.alive || fresh == old || !a.OP.Active(fresh) {
				t.Errorf("the old token is alive: %t, the new one: %t", a.OP.Active(old), a.OP.Active(fresh))
			}
		})
	}
}

// TestTokensThatAFormReplaces: the callback revokes the tokens as last refreshed since the sign-in started, on any
// instance, but never tokens that someone has put into the shared state.
func TestTokensThatAFormReplaces(t *testing.T) {
	for _, tt := range []struct {
		name          string
		moved         bool // another user's tokens replace them in the state
		failing, says string
	}{
		{"refreshed meanwhile", false, "", ""},
		{"moved", true, "", ""},
		{"not kept", false, "Keep", "cannot revoke the tokens"},
		{"not read", false, "Kept", "tokens not revoked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, on, failing := "", false, ""
				shared := hooked{swapping{state.NewMemory(0), &first, &on}, func(_ context.Context, method string) error {
					return errIf(method == failing)
				}}
				form := func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].ResponseMode, c.State = "form_post", shared }
				one := testapp.NewWithTokens(t, form)
				two := testapp.NewWithTokens(t, form,
					func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Transport = one.OP.Transport() })
				two.OP = one.OP
				victim, b := one.Browser(), one.Browser()
				victim.Callback(victim.Start("/auth/signin", "carol"))
				others := victim.Fetch("/token").Body
				b.Callback(b.Start("/auth/signin", "alice"))
				first = ""
				victim.Start("/auth/signin", "carol")
				failing = tt.failing
				started := b.Navigate("/auth/signin")
				failing = ""
				time.Sleep(5 * time.Minute)
				old := b.Fetch("/token").Body
				callback, err := one.OP.Approve(started.Location(), "bob")
				if err != nil {
					t.Fatal(err)
				}
				on, failing = tt.moved, tt.failing
				b = otherInstance(b, two)
				if r := b.Callback(callback); r.StatusCode != http.StatusSeeOther {
					t.Errorf("%d %s", r.StatusCode, r.Body)
				}
				on, failing = false, ""
				revoked := !tt.moved && tt.failing == ""
				if one.OP.Active(old) == revoked || b.WhoAmI() != "bob" {
					t.Errorf("the old token is alive: %t, %q is signed in", one.OP.Active(old), b.WhoAmI())
				}
				if token := victim.Fetch("/token"); token.StatusCode != http.StatusOK || token.Body == others {
					t.Errorf("the other user: %d", token.StatusCode)
				}
				if logs := one.Logs.String() + two.Logs.String(); !strings.Contains(logs, tt.says) {
					t.Errorf("log %s", logs)
				}
			})
		})
	}
}

// supporting is an app in which admins act as customers.
func supporting(t *testing.T, change ...func(*ginoidc.Config, *fakeop.Config)) *testapp.App {
	a := testapp.New(t, change...)
	a.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = "s-1" })
	start := func(c *gin.Context, u *ginoidc.User) {
		if err := a.Auth.StartSession(c, u); err != nil {
			t.Error(err)
		}
	}
	a.Engine.POST("/view-as/:sub", a.Auth.RequireAuth(), func(c *gin.Context) {
		actor, _ := ginoidc.UserFrom(c)
		start(c, &ginoidc.User{Subject: c.Param("sub"), Actor: cmp.Or(actor.Actor, actor)})
	})
	a.Engine.POST("/rename", rename(t, a))
	a.Engine.POST("/leave", a.Auth.RequireAuth(), func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		start(c, u.Actor)
	})
	return a
}

// rename is a handler that changes the session.
func rename(t *testing.T, a *testapp.App) gin.HandlerFunc {
	return func(c *gin.Context) {
		err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error {
			u.Name = "Renamed"
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestActingAddsNoTime: sessions in which an actor acts as another user, and the actor's own afterwards, end when the
// first one would have. A new sign-in starts anew. Case 385.
func TestActingAddsNoTime(t *testing.T) {
	for name, tt := range map[string]struct {
		posts []string // one after another, ten minutes apart
		anew  bool
		want  string // the user half an hour before the end
	}{
		"acting":              {[]string{"/view-as/bob"}, false, "bob"},
		"acting as another":   {[]string{"/view-as/bob", "/view-as/carol"}, false, "carol"},
		"acting, an update":   {[]string{"/view-as/bob", "/rename"}, false, "bob"},
		"left":                {[]string{"/view-as/bob", "/leave"}, false, "alice"},
		"acting, left, again": {[]string{"/view-as/bob", "/leave", "/view-as/bob"}, false, "bob"},
		"a new sign-in":       {[]string{"/view-as/bob"}, true, "alice"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const lifetime = 2 * time.Hour
				a := supporting(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.SessionLifetime = lifetime })
				b := a.Browser()
				b.MustSignIn("alice")
				end := time.Now().Add(lifetime)
				for _, path := range tt.posts {
					time.Sleep(10 * time.Minute)
					b.Do(http.MethodPost, path, nil)
				}
				if tt.anew {
					b.MustSignIn("alice")
				}
				time.Sleep(time.Until(end) - 30*time.Minute)
				if got := b.WhoAmI(); got != tt.want {
					t.Errorf("before the end: %q", got)
				}
				if time.Sleep(31 * time.Minute); (b.WhoAmI() != "") != tt.anew {
					t.Errorf("after the end: %q", b.WhoAmI())
				}
			})
		})
	}
}

// TestActorIsSignedOut: what ends the sessions of the actor ends those in which the actor acts as another user, and
// those of the actor afterwards. They are sessions of the actor, not of the other user. Case 385.
func TestActorIsSignedOut(t *testing.T) {
	everywhere := func(sub string) func(*testing.T, *testapp.App) {
		return func(t *testing.T, a *testapp.App) {
			if err := a.Auth.EndUserSessions(t.Context(), sub); err != nil {
				t.Error(err)
			}
		}
	}
	provider := func(sub, sid string) func(*testing.T, *testapp.App) {
		return func(_ *testing.T, a *testapp.App) { a.BackChannelLogout(sub, sid, nil) }
	}
	for name, tt := range map[string]struct {
		end         func(*testing.T, *testapp.App)
		acting, own string // who is signed in afterwards: who acted as bob, and who has left
	}{
		"nobody":                      {everywhere("dave"), "bob", "alice"},
		"the actor":                   {everywhere("alice"), "", ""},
		"the user":                    {everywhere("bob"), "", "alice"},
		"the actor, by the provider":  {provider("alice", ""), "", ""},
		"the user, by the provider":   {provider("bob", ""), "", "alice"},
		"the actor's session there":   {provider("", "s-1"), "", ""},
		"both":                        {provider("alice", "s-1"), "", ""},
		"another session of the same": {provider("alice", "s-2"), "bob", "alice"},
	} {
		t.Run(name, func(t *testing.T) {
			a := supporting(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.MaxSessions = 2 })
			everywhere("alice")(t, a) // before the sign-ins, so they do not matter
			var browsers [2]*testapp.Browser
			for i, posts := range [][]string{{"/view-as/bob", "/rename"}, {"/view-as/bob", "/leave", "/rename"}} {
				browsers[i] = a.Browser()
				browsers[i].MustSignIn("alice")
				for _, path := range posts {
					browsers[i].Do(http.MethodPost, path, nil)
				}
			}
			a.Sessions("alice", 2)
			a.Sessions("bob", 0)
			tt.end(t, a)
			for i, want := range []string{tt.acting, tt.own} {
				if got := browsers[i].WhoAmI(); got != want {
					t.Errorf("session %d: %q is signed in, want %q", i, got, want)
				}
			}
		})
	}
}

// TestActorEndsNoSessionOfTheUser: the session of an actor does not count as one of the user's. Case 385.
func TestActorEndsNoSessionOfTheUser(t *testing.T) {
	a := supporting(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.MaxSessions = 1 })
	bob, alice := a.Browser(), a.Browser()
	bob.MustSignIn("bob")
	alice.MustSignIn("alice")
	alice.Do(http.MethodPost, "/view-as/bob", nil)
	if own, acting := bob.WhoAmI(), alice.WhoAmI(); own != "bob" || acting != "bob" {
		t.Errorf("bob's own session: %q, alice as bob: %q", own, acting)
	}
}

// keptFor returns the Max-Age of the session's cookies that a response sets, which must be the same for all: 0 if the
// browser forgets them, -1 if it sets none.
func keptFor(t *testing.T, r testapp.Reply) (seconds int) {
	t.Helper()
	seconds = -1
	for _, line := range r.Header["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatal(err)
		}
		if c.Name != "__Host-ginoidc" && c.Name != "__Host-ginoidc-tokens" || c.MaxAge < 0 {
			continue
		}
		if (c.MaxAge == 0) != (c.Expires.IsZero() && !strings.Contains(line, "Max-Age")) {
			t.Errorf("%s", line)
		}
		if seconds >= 0 && (seconds == 0) != (c.MaxAge == 0) {
			t.Errorf("cookies of one session differ: %q", r.Header["Set-Cookie"])
		}
		seconds = c.MaxAge
	}
	return seconds
}

// TestRemember: the browser keeps the session after it is closed or not, as the app and the user want, and also after a
// renewal, an update, a refresh of tokens and a step-up.
func TestRemember(t *testing.T) {
	for name, tt := range map[string]struct {
		mode, link string
		kept       bool
	}{
		"default":          {"", "", true},
		"always":           {ginoidc.RememberAlways, "", true},
		"never":            {ginoidc.RememberNever, "?remember=true", false},
		"ask, no answer":   {ginoidc.RememberAsk, "", false},
		"ask, no":          {ginoidc.RememberAsk, "?remember=false", false},
		"ask, yes":         {ginoidc.RememberAsk, "?remember=true", true},
		"ask, a long lure": {ginoidc.RememberAsk, "?remember=truest", false},
	} {
		for kind, store := range testapp.Stores(t) {
			t.Run(name+" "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := testapp.NewWithTokens(t, func(c *ginoidc.Config, op *fakeop.Config) {
						c.Store, c.Remember, op.TokenLife = store, tt.mode, 10*time.Minute
					})
					a.Engine.POST("/rename", rename(t, a))
					a.Engine.GET("/use", func(c *gin.Context) {
						if _, err := a.Auth.Token(c); err != nil {
							t.Error(err)
						}
					})
					check := func(what string, r testapp.Reply) {
						t.Helper()
						if seconds := keptFor(t, r); seconds < 0 || seconds > 0 != tt.kept {
							t.Errorf("%s: %d, cookies for %d seconds", what, r.StatusCode, seconds)
						}
					}
					b := a.Browser()
					check("the sign-in", b.Callback(b.Start("/auth/signin"+tt.link, "alice")))
					check("a step-up", b.Callback(b.Start("/auth/signin?max_age=0", "alice")))
					check("an update", b.Do(http.MethodPost, "/rename", nil))
					time.Sleep(7 * time.Hour)
					check("a renewal", b.Fetch("/me"))
					check("a refresh", b.Fetch("/use"))
				})
			})
		}
	}
}

// TestSessionExpiry: session_expiry of the ID token ends the session whatever its use. One in the past, or one that
// cannot be read, starts none and leaves an earlier session as it is.
func TestSessionExpiry(t *testing.T) {
	for name, tt := range map[string]struct {
		claim  func(now time.Time) any
		status int
		ends   time.Duration // after the sign-in; 0 for not within 20 hours
	}{
		"none":         {func(time.Time) any { return nil }, 303, 0},
		"in two hours": {func(now time.Time) any { return now.Add(2 * time.Hour).Unix() }, 303, 2 * time.Hour},
		"in a year":    {func(now time.Time) any { return now.Add(8760 * time.Hour).Unix() }, 303, 0},
		"now":          {func(now time.Time) any { return now.Unix() }, 401, 0},
		"in the past":  {func(now time.Time) any { return now.Add(-time.Hour).Unix() }, 401, 0},
		"a string":     {func(now time.Time) any { return fmt.Sprint(now.Add(time.Hour).Unix()) }, 401, 0},
		"negative":     {func(time.Time) any { return -1 }, 401, 0},
		"milliseconds": {func(now time.Time) any { return now.UnixMilli() }, 401, 0},
		"an object":    {func(time.Time) any { return map[string]any{} }, 401, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t)
				b := a.Browser()
				b.MustSignIn("bob")
				a.OP.OnIDToken(func(claims map[string]any) { claims["session_expiry"] = tt.claim(time.Now()) })
				r := b.SignIn("alice")
				if r.StatusCode != tt.status || tt.status == 401 && !strings.Contains(a.Logs.String(), "code=invalid_token") {
					t.Fatalf("%d %s\n%s", r.StatusCode, r.Body, a.Logs)
				}
				want := "alice"
				if tt.status != http.StatusSeeOther {
					want = "bob"
				}
				for elapsed := time.Duration(0); elapsed < 20*time.Hour; elapsed += 30 * time.Minute {
					if tt.ends > 0 && elapsed >= tt.ends {
						want = ""
					}
					if who := b.WhoAmI(); who != want {
						t.Fatalf("%q is signed in after %s, want %q", who, elapsed, want)
					}
					time.Sleep(30 * time.Minute)
				}
			})
		})
	}
}

// TestSessionExpiryIsSeen: the end that the provider sets shows in the times of the session and in the cookie, and an
// update of the session does not put it off.
func TestSessionExpiryIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		a.Engine.POST("/update", func(c *gin.Context) {
			if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "A"; return nil }); err != nil {
				t.Error(err)
			}
		})
		a.OP.OnIDToken(func(claims map[string]any) { claims["session_expiry"] = time.Now().Add(time.Hour).Unix() })
		b := a.Browser()
		if r := b.SignIn("alice"); !strings.Contains(strings.Join(r.Header["Set-Cookie"], "\n"), "Max-Age=3600") {
			t.Errorf("cookies %q", r.Header["Set-Cookie"])
		}
		time.Sleep(10 * time.Minute)
		b.Do(http.MethodPost, "/update", nil)
		times, _ := b.Fetch("/auth/userinfo?session").JSON(t)["session"].(map[string]any)
		if times["expires_in"] != 3000.0 || times["idle_expires_in"] != 3000.0 {
			t.Errorf("%v", times)
		}
		time.Sleep(50*time.Minute + time.Second)
		if who := b.WhoAmI(); who != "" {
			t.Errorf("%s is signed in", who)
		}
	})
}

// TestMaxAuthAge: a session ends when the authentication at the provider is too old, whatever its use, and a sign-in
// asks for a recent one.
func TestMaxAuthAge(t *testing.T) {
	for name, tt := range map[string]struct {
		age    time.Duration // of the authentication at the sign-in
		silent bool          // the provider does not say
		status int
		ends   time.Duration
	}{
		"just now":               {0, false, 303, 61 * time.Minute},
		"half an hour":           {30 * time.Minute, false, 303, 31 * time.Minute},
		"within the tolerance":   {time.Hour + 30*time.Second, false, 303, 30 * time.Second},
		"too old":                {2 * time.Hour, false, 401, 0},
		"the provider says none": {0, true, 401, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.MaxAuthAge = time.Hour })
				a.OP.OnIDToken(func(claims map[string]any) {
					if claims["auth_time"] = time.Now().Add(-tt.age).Unix(); tt.silent {
						delete(claims, "auth_time")
					}
				})
				b := a.Browser()
				if asked := testapp.ParseURL(t, b.Navigate("/auth/signin").Location()).Query()["max_age"]; len(asked) != 1 ||
					asked[0] != "3600" {
					t.Errorf("max_age %q", asked)
				}
				if r := b.SignIn("alice"); r.StatusCode != tt.status {
					t.Fatalf("%d %s", r.StatusCode, r.Body)
				}
				for left := tt.ends; left > 0; left -= time.Minute {
					if b.WhoAmI() != "alice" {
						t.Fatalf("nobody is signed in %s before the end", left)
					}
					time.Sleep(min(left, time.Minute))
				}
				if who := b.WhoAmI(); who != "" {
					t.Errorf("%s is signed in", who)
				}
			})
		})
	}
}

// TestMaxAuthAgeOfAppSessions: of a session that the app started, the start counts unless the app says when it
// authenticated the user.
func TestMaxAuthAgeOfAppSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.MaxAuthAge = time.Hour })
		a.Engine.GET("/start/:ago", func(c *gin.Context) {
			u := &ginoidc.User{Subject: "alice"}
			if ago, err := time.ParseDuration(c.Param("ago")); err == nil {
				u.AuthTime = time.Now().Add(-ago)
			}
			if err := a.Auth.StartSession(c, u); err != nil {
				a.Auth.Deny(c, err)
			}
		})
		for _, tt := range []struct {
			ago  string
			left time.Duration
		}{{"unknown", 61 * time.Minute}, {"20m", 41 * time.Minute}, {"2h", 0}} {
			b := a.Browser()
			if r := b.Fetch("/start/" + tt.ago); (r.StatusCode == http.StatusOK) != (tt.left > 0) {
				t.Errorf("%s: %d %s", tt.ago, r.StatusCode, r.Body)
			}
			if tt.left > 0 {
				time.Sleep(tt.left - time.Second)
				if b.WhoAmI() != "alice" {
					t.Errorf("%s: signed out too early", tt.ago)
				}
				time.Sleep(2 * time.Second)
			}
			if b.WhoAmI() != "" {
				t.Errorf("%s: still signed in", tt.ago)
			}
		}
	})
}

// TestMaxAuthAgeOfEarlierSessions: sessions from before the limit was set have it too. If the provider did not say when
// it authenticated the user, that was too long ago.
func TestMaxAuthAgeOfEarlierSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := testapp.New(t)
		after := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.MaxAuthAge = time.Hour })
		known, unknown := before.Browser(), before.Browser()
		known.MustSignIn("alice")
		before.OP.OnIDToken(func(claims map[string]any) { delete(claims, "auth_time") })
		unknown.MustSignIn("bob")
		known.App, unknown.App = after, after
		if known.WhoAmI() != "alice" || unknown.WhoAmI() != "" {
			t.Errorf("%q and %q are signed in", known.WhoAmI(), unknown.WhoAmI())
		}
	})
}

// TestMaxAuthAgeRequest: a sign-in asks for the smaller of MaxAuthAge and a configured max_age.
func TestMaxAuthAgeRequest(t *testing.T) {
	for configured, want := range map[string]string{"": "3600", "60": "60", "7200": "3600"} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.MaxAuthAge = time.Hour
			if configured != "" {
				c.Providers[0].SignInParameters = url.Values{"max_age": {configured}}
			}
		})
		for target, want := range map[string]string{
			"/auth/signin": want, "/auth/signin?max_age=30": "30", "/auth/signin?max_age=90000": want,
		} {
			location := a.Browser().Navigate(target).Location()
			if got := testapp.ParseURL(t, location).Query().Get("max_age"); got != want {
				t.Errorf("configured %q, %s: %q, want %q", configured, target, got, want)
			}
		}
	}
}

// TestRequireAMR: any of the methods is enough, of a session or of an access token. Without one it is 403, not a
// redirect, and other shapes of the claim count as none.
func TestRequireAMR(t *testing.T) {
	for name, tt := range map[string]struct {
		amr  any
		want int
	}{
		"one of them":      {[]string{"pwd", "otp"}, 200},
		"a bare string":    {"hwk", 200},
		"another":          {[]string{"pwd"}, 403},
		"none":             {nil, 403},
		"empty":            {[]string{}, 403},
		"other case":       {[]string{"OTP"}, 403},
		"words in one":     {"otp hwk", 403},
		"no strings":       {[]any{7, nil, map[string]any{"otp": true}}, 403},
		"an object":        {map[string]any{"otp": true}, 403},
		"a string further": {[]any{7, "otp"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			const audience = "https://api.example.com"
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Audience = audience })
			a.Engine.GET("/safe", a.Auth.RequireAMR("otp", "hwk"), a.Protected)
			set := func(claims map[string]any) { claims["amr"] = tt.amr }
			a.OP.OnIDToken(set)
			a.OP.OnAccessToken(set)
			a.OP.OnUserInfo(func(claims map[string]any) { claims["amr"] = []string{"otp"} }) // it does not count
			b := a.Browser()
			b.MustSignIn("alice")
			if r := b.Navigate("/safe"); r.StatusCode != tt.want {
				t.Errorf("session: %d to %q", r.StatusCode, r.Location())
			}
			token, err := a.OP.AccessToken("alice", audience)
			if err != nil {
				t.Fatal(err)
			}
			if r := a.Browser().Do(http.MethodGet, "/safe", nil, "Authorization", "Bearer "+token); r.StatusCode != tt.want {
				t.Errorf("access token: %d %s", r.StatusCode, r.Body)
			}
			if r := a.Browser().Fetch("/safe"); r.StatusCode != http.StatusUnauthorized {
				t.Errorf("nobody: %d", r.StatusCode)
			}
		})
	}
}

// TestAMRIsAClaim: handlers see the methods in User.AMR and among the claims, in the order of the provider.
func TestAMRIsAClaim(t *testing.T) {
	a := testapp.New(t)
	a.OP.OnIDToken(func(claims map[string]any) { claims["amr"] = []string{"pwd", "otp"} })
	var seen []string
	var claims struct{ AMR []string }
	a.Engine.GET("/amr", a.Auth.RequireAuth(), func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		seen = u.AMR
		if err := u.Claims(&claims); err != nil || strings.Contains(string(u.Extra), "amr") {
			t.Errorf("%v, Extra %s", err, u.Extra)
		}
	})
	b := a.Browser()
	b.MustSignIn("alice")
	b.Fetch("/amr")
	if fmt.Sprint(seen, claims.AMR) != "[pwd otp] [pwd otp]" {
		t.Errorf("%q and %q", seen, claims.AMR)
	}
}
