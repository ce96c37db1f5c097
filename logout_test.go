package ginoidc_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// sids records the session id of each ID token of the provider.
func sids(a *testapp.App) func() string {
	var mu sync.Mutex
	sid := ""
	a.OP.OnIDToken(func(claims map[string]any) {
		mu.Lock()
		defer mu.Unlock()
		sid, _ = claims["sid"].(string)
	})
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return sid
	}
}

// TestBackChannelLogout: a valid token ends the sessions it names and no others. Sessions in sealed cookies are revoked
// too, without any setting (case 186). An invalid token ends none. The tests of internal/provider have a row for each
// rule about the token.
func TestBackChannelLogout(t *testing.T) {
	set := func(name string, value any) func(map[string]any) {
		return func(claims map[string]any) { claims[name] = value }
	}
	now := time.Now().Unix()
	for _, tt := range []struct {
		name   string
		sub    string // alice's unless told
		useSID bool
		edit   func(map[string]any)
		status int
		ended  bool
	}{
		{"sid", "", true, nil, 200, true},
		{"sub", "alice", false, nil, 200, true},
		{"both", "alice", true, nil, 200, true},
		{"another user", "bob", false, nil, 200, false},                                  // case 185
		{"another session", "alice", false, set("sid", "elsewhere"), 200, false},         // case 185
		{"sid of alice, sub of bob", "bob", true, nil, 200, false},                       // case 174
		{"neither", "", false, nil, 400, false},                                          // case 174
		{"nonce", "alice", false, set("nonce", nil), 400, false},                         // case 175
		{"no event", "alice", false, set("events", map[string]any{}), 400, false},        // case 176
		{"events is a string", "alice", false, set("events", "logout"), 400, false},      // case 176
		{"an access token", "alice", false, set("typ", "at+jwt"), 400, false},            // case 177
		{"no type", "alice", false, set("typ", ""), 400, false},                          // case 177
		{"other issuer", "alice", false, set("iss", "https://evil.example"), 400, false}, // case 179
		{"other audience", "alice", false, set("aud", "other"), 400, false},              // case 179
		{"old", "alice", false, set("iat", now-3600), 400, false},                        // case 180
		{"no iat", "alice", false, set("iat", nil), 400, false},                          // case 180
		{"expired", "alice", false, set("exp", now-600), 400, false},                     // case 180
		{"valid for years", "alice", false, set("exp", now+315360000), 400, false},       // case 180
		{"no jti", "alice", false, set("jti", nil), 400, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := testapp.New(t)
			sid := sids(a)
			alice, other := a.Browser(), a.Browser()
			other.MustSignIn("carol")
			alice.MustSignIn("alice")
			named := ""
			if tt.useSID {
				named = sid()
			}
			r := a.BackChannelLogout(tt.sub, named, tt.edit)
			if r.StatusCode != tt.status || r.Header.Get("Cache-Control") != "no-store" || tt.status == 400 &&
				r.JSON(t)["error"] != "invalid_request" {
				t.Fatalf("%d %s %v\n%s", r.StatusCode, r.Body, r.Header, a.Logs)
			}
			if (alice.WhoAmI() == "") != tt.ended || other.WhoAmI() != "carol" {
				t.Errorf("alice is %q, carol %q", alice.WhoAmI(), other.WhoAmI())
			}
			alice.MustSignIn("alice")
			if alice.WhoAmI() != "alice" {
				t.Error("signing in again does not work at once")
			}
		})
	}
}

// TestUntypedLogoutTokens: logout tokens without a type are opt-in. Case 177.
func TestUntypedLogoutTokens(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].UntypedLogoutTokens = true })
	for typ, status := range map[string]int{"": 200, "JWT": 200, "logout+jwt": 200, "at+jwt": 400} {
		if r := a.BackChannelLogout("alice", "",
			func(claims map[string]any) { claims["typ"] = typ }); r.StatusCode != status {
			t.Errorf("type %q: %d", typ, r.StatusCode)
		}
	}
}

// TestUntypedRefusal: the log names the setting that accepts such a token, and its environment variable if it has one.
func TestUntypedRefusal(t *testing.T) {
	t.Setenv("X_SCOPES", "openid")
	fromEnv := func(c *ginoidc.Config, _ *fakeop.Config) {
		read, err := ginoidc.ConfigFromEnv("X_")
		if err != nil {
			t.Fatal(err)
		}
		read.AppURL, read.CookieSecrets, read.Logger = c.AppURL, c.CookieSecrets, c.Logger
		p, given := &read.Providers[0], c.Providers[0]
		p.Issuer, p.ClientID, p.ClientSecret = given.Issuer, given.ClientID, given.ClientSecret
		p.SigningAlgs = given.SigningAlgs
		*c = read
	}
	for _, tt := range []struct {
		typ    any
		change []func(*ginoidc.Config, *fakeop.Config)
		named  string
	}{
		{"JWT", nil, " accepted_with=Providers[0].UntypedLogoutTokens error="},
		{"", nil, " accepted_with=Providers[0].UntypedLogoutTokens error="},
		{"JWT", []func(*ginoidc.Config, *fakeop.Config){fromEnv},
			` accepted_with="Providers[0].UntypedLogoutTokens (X_UNTYPED_LOGOUT_TOKENS)"`},
		{"at+jwt", nil, ""},
	} {
		a := testapp.New(t, tt.change...)
		if r := a.BackChannelLogout("alice", "",
			func(claims map[string]any) { claims["typ"] = tt.typ }); r.StatusCode != 400 {
			t.Errorf("type %q: %d", tt.typ, r.StatusCode)
		}
		if text := a.Logs.String(); !strings.Contains(text, tt.named) || tt.named == "" &&
			strings.Contains(text, "accepted_with") {
			t.Errorf("type %q: %s", tt.typ, text)
		}
	}
}

// TestBackChannelRequest: a request that is not a form with exactly one token is refused before the token is read.
func TestBackChannelRequest(t *testing.T) {
	a := testapp.New(t)
	const form = "application/x-www-form-urlencoded"
	for _, tt := range []struct {
		name, method, kind, body string
		status                   int
	}{
		{"GET", "GET", form, "", 405},
		{"no token", "POST", form, "x=1", 400},
		{"two tokens", "POST", form, "logout_token=a&logout_token=b", 400},
		{"JSON", "POST", "application/json", `{"logout_token":"a"}`, 400},
		{"multipart", "POST", "multipart/form-data; boundary=x", "--x--", 400},
		{"broken form", "POST", form, "logout_token=%zz", 400},
		{"garbage", "POST", form, "logout_token=a.b.c", 400},
		{"64 kB and one", "POST", form, "logout_token=" + strings.Repeat("a", 64<<10-12), 413}, // case 285
	} {
		r := a.Browser().Do(tt.method, "/auth/backchannel-logout", strings.NewReader(tt.body), "Content-Type", tt.kind)
		if r.StatusCode != tt.status || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", tt.name, r.StatusCode, r.Body)
		}
	}
	token, err := a.OP.LogoutToken("alice", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := a.PostBackChannel("logout_token=" + token + "&logout_token=" + token); r.StatusCode != 400 {
		t.Errorf("a good token twice: %d", r.StatusCode)
	}
	if n := a.OP.Count(fakeop.JWKS); n > 1 { // case 190
		t.Errorf("%d key fetches", n)
	}
}

// TestLogoutOrder: a logout token ends the sessions that began before it was issued, whenever it arrives. Cases 181,
// 187.
func TestLogoutOrder(t *testing.T) {
	t.Run("late", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := testapp.New(t)
			a.Browser().MustSignIn("alice")
			token, err := a.OP.LogoutToken("alice", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Second)
			b := a.Browser()
			b.MustSignIn("alice")
			time.Sleep(30 * time.Second)
			if r := a.PostBackChannel("logout_token=" + token); r.StatusCode != 200 || b.WhoAmI() != "alice" {
				t.Errorf("%d, %q is signed in", r.StatusCode, b.WhoAmI())
			}
		})
	})
	t.Run("while the callback runs", func(t *testing.T) {
		a := testapp.New(t)
		sid := sids(a)
		a.OP.OnUserInfo(func(map[string]any) {
			if r := a.BackChannelLogout("", sid(), nil); r.StatusCode != 200 {
				t.Errorf("%d %s", r.StatusCode, r.Body)
			}
		})
		b := a.Browser()
		b.MustSignIn("alice")
		if b.WhoAmI() != "" {
			t.Error("a session that the provider has ended lives")
		}
	})
	t.Run("again", func(t *testing.T) {
		a := testapp.New(t)
		a.Browser().MustSignIn("alice")
		token, err := a.OP.LogoutToken("alice", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if r := a.PostBackChannel("logout_token=" + token); r.StatusCode != 200 {
			t.Errorf("%d %s", r.StatusCode, r.Body)
		}
		time.Sleep(1100 * time.Millisecond) // timestamps of the provider have whole seconds
		b := a.Browser()
		b.MustSignIn("alice")
		if r := a.PostBackChannel("logout_token=" + token); r.StatusCode != 400 || b.WhoAmI() != "alice" {
			t.Errorf("%d, %q is signed in", r.StatusCode, b.WhoAmI())
		}
	})
}

// TestLogoutTokenTwice: a used token is remembered until it would no longer be accepted, which is its exp plus the
// clock skew tolerated.
func TestLogoutTokenTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		a.Browser().MustSignIn("alice")
		token, err := a.OP.LogoutToken("alice", "",
			func(claims map[string]any) { claims["exp"] = time.Now().Add(time.Minute).Unix() })
		if err != nil {
			t.Fatal(err)
		}
		if r := a.PostBackChannel("logout_token=" + token); r.StatusCode != 200 {
			t.Fatalf("%d %s", r.StatusCode, r.Body)
		}
		time.Sleep(90 * time.Second)
		a.Logs.Reset()
		if r := a.PostBackChannel("logout_token=" + token); r.StatusCode != 400 ||
			!strings.Contains(a.Logs.String(), "used before") {
			t.Errorf("within the tolerance after its end: %d\n%s", r.StatusCode, a.Logs)
		}
	})
}

// TestEndedSessions: a stolen copy of the cookie is no longer valid after a sign-out, a new sign-in, EndSession and
// EndUserSessions. Cases 139 and 151.
func TestEndedSessions(t *testing.T) {
	for name, end := range map[string]func(*testapp.App, *testapp.Browser){
		"sign-out":    func(_ *testapp.App, b *testapp.Browser) { b.Do("POST", "/auth/signout", nil) },
		"new sign-in": func(_ *testapp.App, b *testapp.Browser) { b.MustSignIn("bob") },
		"EndSession":  func(_ *testapp.App, b *testapp.Browser) { b.Do("POST", "/destroy", nil) },
		"everywhere":  func(a *testapp.App, _ *testapp.Browser) { _ = a.Auth.EndUserSessions(context.Background(), "alice") },
		"front channel": func(_ *testapp.App, b *testapp.Browser) {
			b.Navigate("/auth/frontchannel-logout?iss=https://idp.example&sid=s-1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			var ends []ginoidc.SessionEnd
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
				c.OnSessionEnd = func(_ context.Context, e ginoidc.SessionEnd) { ends = append(ends, e) }
			})
			a.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = "s-1" })
			a.Engine.POST("/destroy", func(c *gin.Context) {
				if err := a.Auth.EndSession(c); err != nil {
					t.Error(err)
				}
				if _, ok := ginoidc.UserFrom(c); ok {
					t.Error("destroyed and still there")
				}
			})
			b, thief := a.Browser(), a.Browser()
			b.MustSignIn("alice")
			u := testapp.ParseURL(t, testapp.URL)
			for _, c := range b.Jar.Cookies(u) {
				c.Secure, c.Path = true, "/"
				thief.Jar.SetCookies(u, []*http.Cookie{c})
			}
			if thief.WhoAmI() != "alice" {
				t.Fatal("the copy is no session to begin with")
			}
			end(a, b)
			if thief.WhoAmI() != "" {
				t.Error("the copy lives")
			}
			if len(ends) != 1 || ends[0].Subject != "alice" || ends[0].Reason == "" {
				t.Errorf("ends %+v", ends)
			}
			b.MustSignIn("alice")
			if b.WhoAmI() != "alice" {
				t.Error("signing in again does not work at once")
			}
		})
	}
}

// TestFrontChannelLogout: only the provider may frame the route, and it ends the session that it names. Case 191.
func TestFrontChannelLogout(t *testing.T) {
	frame := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Site", "same-site"}
	for _, tt := range []struct {
		query  string
		status int
		ended  bool
	}{
		{"?iss=https://idp.example&sid=s-1", 200, true},
		{"?iss=https://idp.example/&sid=s-1", 200, false},
		{"?iss=https://evil.example&sid=s-1", 200, false},
		{"?iss=https://idp.example&sid=s-2", 200, false},
		{"?iss=https://idp.example&sid=s-2&sid=s-1", 200, false},
		{"?iss=https://idp.example&iss=https://evil.example&sid=s-1", 200, false},
		{"?iss=https://idp.example&sid=s-1&sid=s-2", 200, false},
		{"?sid=s-1", 200, false},
		{"?iss=https://idp.example", 200, false},
		{"", 200, false},
	} {
		a := testapp.New(t)
		a.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = "s-1" })
		b := a.Browser()
		b.MustSignIn("alice")
		r := b.Do("GET", "/auth/frontchannel-logout"+tt.query, nil, frame...)
		if r.StatusCode != tt.status || (b.WhoAmI() == "") != tt.ended {
			t.Errorf("%s: %d, %q is signed in", tt.query, r.StatusCode, b.WhoAmI())
		}
		h := r.Header
		if h.Get("X-Frame-Options") != "" || !strings.Contains(h.Get("Content-Security-Policy"),
			"frame-ancestors https://idp.example") || h.Get("Cache-Control") != "no-store" {
			t.Errorf("headers %v", h)
		}
	}
}

// TestFrontChannelWithoutSID: an empty sid matches no session, not even one without a sid.
func TestFrontChannelWithoutSID(t *testing.T) {
	a := testapp.New(t)
	a.OP.OnIDToken(func(claims map[string]any) { delete(claims, "sid") })
	b := a.Browser()
	b.MustSignIn("alice")
	if b.Navigate("/auth/frontchannel-logout?iss=https://idp.example&sid="); b.WhoAmI() != "alice" {
		t.Error("signed out")
	}
}

// amnesticState cannot remember used logout tokens.
type amnesticState struct{ ginoidc.SharedState }

func (s amnesticState) MarkUsed(_ context.Context, key string, _ time.Duration) (bool, error) {
	return key[0] == 'a', errIf(key[0] != 'a') // attempts are still remembered
}

// TestReplayMemoryDown: sessions end nevertheless, and the log says that the token was not marked as used. Case 182.
// Cookies of the request are ignored, case 184.
func TestReplayMemoryDown(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = amnesticState{state.NewMemory(0)} })
	alice, bob := a.Browser(), a.Browser()
	alice.MustSignIn("alice")
	bob.MustSignIn("bob")
	token, err := a.OP.LogoutToken("alice", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	r := bob.Do("POST", "/auth/backchannel-logout", strings.NewReader("logout_token="+token), "Content-Type",
		"application/x-www-form-urlencoded")
	if r.StatusCode != 200 || r.Header.Get("Set-Cookie") != "" || alice.WhoAmI() != "" || bob.WhoAmI() != "bob" {
		t.Errorf("%d, alice is %q, bob is %q", r.StatusCode, alice.WhoAmI(), bob.WhoAmI())
	}
	if !strings.Contains(a.Logs.String(), "not marked as used") {
		t.Error("nothing in the log")
	}
}

// TestFrontChannelWithoutCookie: the provider's frame ends the session that it names in a browser that sends no cookies
// in the frame of another site. An unknown sid writes nothing to the state. Case 191.
func TestFrontChannelWithoutCookie(t *testing.T) {
	for name, shared := range map[string]ginoidc.SharedState{"listed": struct{ ginoidc.SharedState }{state.NewMemory(0)},
		"not listed": without("Enlist", "Delist", "Listed")} {
		t.Run(name, func(t *testing.T) {
			framed := 0
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
				c.State = shared
				c.OnSessionEnd = func(_ context.Context, e ginoidc.SessionEnd) {
					if e.Reason == ginoidc.EndedByFrontChannel {
						framed++
					}
				}
			})
			sid := "s-1"
			a.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = sid })
			b, other := a.Browser(), a.Browser()
			b.MustSignIn("alice")
			sid = "s-2"
			other.MustSignIn("alice")
			frame := func(query string) {
				t.Helper()
				// without a list, the response must not say that the session has ended
				named := strings.Contains(query, "iss=https://idp.example&sid=s-")
				want := map[bool]int{true: 501, false: 200}[named && name == "not listed"]
				a.Logs.Reset()
				r := a.Browser().Do("GET", "/auth/frontchannel-logout"+query, nil, "Sec-Fetch-Dest", "iframe",
					"Sec-Fetch-Site", "cross-site")
				if r.StatusCode != want || want == 501 && strings.Contains(r.Body, "Signed out") {
					t.Errorf("%s: %d %s", query, r.StatusCode, r.Body)
				}
				if ended := strings.Contains(r.Body, "Signed out"); ended == strings.Contains(a.Logs.String(),
					"front-channel logout ended nothing") {
					t.Errorf("%s: ended %t, logged %s", query, ended, a.Logs)
				}
			}
			for _, query := range []string{"?iss=https://idp.example&sid=s-3", "?iss=https://evil.example&sid=s-1", "?sid=s-1",
				"?iss=https://idp.example&sid="} {
				frame(query)
			}
			if b.WhoAmI() != "alice" {
				t.Fatal("ended by what named another session")
			}
			frame("?iss=https://idp.example&sid=s-1")
			if ended := b.WhoAmI() == ""; ended != (name == "listed") || other.WhoAmI() != "alice" {
				t.Errorf("ended: %t; the other session: %q", ended, other.WhoAmI())
			}
			if err := a.Auth.EndUserSessions(t.Context(), "alice"); err != nil {
				t.Error(err)
			}
			frame("?iss=https://idp.example&sid=s-2") // of a session that has already ended
			if want := map[string]int{"listed": 1}[name]; framed != want {
				t.Errorf("%d sessions ended by frames", framed)
			}
			b.MustSignIn("alice") // signing in again works at once
			if b.WhoAmI() != "alice" {
				t.Error("the new session is ended too")
			}
		})
	}
}
