package ginoidc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestSignOut: only the user can end the session, first here and then at the provider, which gets the client id because
// no ID token is kept. Cases 12, 161, 162, 166, 167.
func TestSignOut(t *testing.T) {
	link := []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	from := func(site, origin string) []string { return []string{"Sec-Fetch-Site", site, "Origin", origin} }
	for _, tt := range []struct {
		name, method, query string
		headers             []string
		status              int
		ended               bool
	}{
		{"form of this origin", "POST", "", from("same-origin", testapp.URL), 303, true},
		{"form, old browser", "POST", "", []string{"Origin", testapp.URL}, 303, true},
		{"tool", "POST", "", nil, 303, true},
		{"link of this origin", "GET", "", link, 303, true},
		{"link of another site", "GET", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate",
			"Sec-Fetch-Dest", "document"}, 200, false}, // case 161
		{"link of a sibling", "GET", "", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "navigate",
			"Sec-Fetch-Dest", "document"}, 200, false}, // case 161
		{"fetch of this origin", "GET", "", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors",
			"Sec-Fetch-Dest", "empty"}, 200, false}, // case 161
		{"no navigation by its mode", "GET", "", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors",
			"Sec-Fetch-Dest", "document"}, 200, false},
		{"no mode", "GET", "", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "document"}, 200, false},
		{"typed address", "GET", "", testapp.Navigation(), 200, false},
		{"image", "GET", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"},
			200, false}, // case 161
		{"prefetch of this origin", "GET", "", append([]string{"Sec-Purpose", "prefetch"}, link...), 200, false}, // case 161
		{"GET without Fetch Metadata", "GET", "", []string{"Accept", "text/html"}, 200, false},
		{"form of another site", "POST", "", from("cross-site", "https://evil.example"), 403, false},              // case 162
		{"form of a sibling", "POST", "", from("same-site", "https://evil.example.com"), 403, false},              // case 162
		{"form of another site, old browser", "POST", "", []string{"Origin", "https://evil.example"}, 403, false}, // case 162
		{"null origin", "POST", "", []string{"Origin", "null"}, 403, false},
		{"form over http, old browser", "POST", "", []string{"Origin", "http://app.example.com"}, 403, false},
		{"HEAD", "HEAD", "", link, 405, false},
		{"a target of its own", "POST", "?post_logout_redirect_uri=https://evil.example&return_to=//evil.example",
			nil, 303, true}, // case 166
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := testapp.New(t)
			b := a.Browser()
			b.MustSignIn("alice")
			b.Navigate("/auth/signin") // an attempt in progress ends too
			r := b.Do(tt.method, "/auth/signout"+tt.query, nil, tt.headers...)
			if r.StatusCode != tt.status || (b.WhoAmI() == "") != tt.ended {
				t.Fatalf("%d, %q is signed in: %s", r.StatusCode, b.WhoAmI(), r.Body)
			}
			if !tt.ended {
				if tt.status == 200 && (!strings.Contains(r.Body, `<form method="post" action="/auth/signout">`) ||
					r.Header.Get("X-Frame-Options") != "DENY" ||
					r.Header.Get("Referrer-Policy") != "same-origin") {
					t.Errorf("confirmation page: %s", r.Body)
				}
				return
			}
			if len(b.Cookies()) != 0 {
				t.Errorf("cookies left: %v", b.Cookies())
			}
			q := testapp.ParseURL(t, r.Location()).Query()
			if !strings.HasPrefix(r.Location(), "https://idp.example/endsession?") || q.Get("client_id") != "app" ||
				q.Get("state") == "" ||
				q.Get("post_logout_redirect_uri") != testapp.URL+"/" || strings.Contains(r.Location(), "evil.example") {
				t.Errorf("Location %s", r.Location())
			}
			changes := 0 // of a cookie, by which browsers notice that the pages they keep are outdated (case 172)
			for _, c := range r.Cookies() {
				if c.Name == "__Host-ginoidc.out" && c.Path == "/" && c.HttpOnly && c.Secure {
					changes++
				}
			}
			// which costs seconds
			if r.Header.Get("Cache-Control") != "no-store" || changes < 2 || r.Header.Get("Clear-Site-Data") != "" {
				t.Errorf("headers %v", r.Header)
			}
		})
	}
}

// TestSignOutWithHint: the ID token is sent as a hint if it is kept, also after the app has updated the session, and
// nowhere else. It is sent decrypted, because the provider cannot read a token that is encrypted to the app. Case 167.
func TestSignOutWithHint(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		keep      string
		encrypted bool
	}{
		"kept": {"always", false}, "not kept": {"never", false}, "kept, encrypted": {"always", true},
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
				if c.KeepIDToken = test.keep; test.encrypted {
					c.Providers[0].DecryptionKey = testapp.PEM(key)
				}
			})
			issued := ""
			a.OP.OnTokenAnswer(func(answer map[string]any) {
				if issued, _ = answer["id_token"].(string); test.encrypted {
					answer["id_token"] = encrypted(t, &key.PublicKey, issued)
				}
			})
			a.Engine.POST("/change", func(c *gin.Context) {
				if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "Al"; return nil }); err != nil {
					t.Error(err)
				}
			})
			b := a.Browser()
			b.MustSignIn("alice")
			b.Do("POST", "/change", nil)
			hint := testapp.ParseURL(t, b.Do("POST", "/auth/signout", nil).Location()).Query()["id_token_hint"]
			if test.keep == "always" && (len(hint) != 1 || hint[0] != issued || issued == "") || test.keep == "never" &&
				len(hint) != 0 {
				t.Errorf("%q, want %q", hint, issued)
			}
		})
	}
}

// encrypted returns a token as a provider encrypts it to an app.
func encrypted(t *testing.T, key *ecdsa.PublicKey, token string) string {
	t.Helper()
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	jwe, err := encrypter.Encrypt([]byte(token))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwe.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// strictState fails if the browser has disconnected, as a State on a network may.
type strictState struct{ *state.Memory }

func (s strictState) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.Memory.Revoke(ctx, key, at, ttl)
}

// TestSignOutByFetch: a script gets the address to which the browser has to go, because fetch would follow a redirect
// without signing the user out at the provider.
func TestSignOutByFetch(t *testing.T) {
	for _, tt := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"fetch", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, 200},
		{"fetch that accepts pages", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode",
			"cors", "Accept", "text/html"}, 200},
		{"no Fetch Metadata, JSON", []string{"Accept", "application/json"}, 200},
		{"no Fetch Metadata, XHR", []string{"X-Requested-With", "XMLHttpRequest"}, 200},
		{"a page or JSON", []string{"Accept", "text/html, application/json"}, 303},
		{"JSON refused", []string{"Accept", "application/json;q=0"}, 303},
		{"a form", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"},
			303},
		{"anything", nil, 303},
		{"fetch of another site", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors"}, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := testapp.New(t)
			b := a.Browser()
			b.MustSignIn("alice")
			r := b.Do("POST", "/auth/signout", nil, tt.headers...)
			location := r.Location()
			if tt.status == 200 {
				location, _ = r.JSON(t)["location"].(string)
			}
			ended := tt.status != 403
			if r.StatusCode != tt.status || ended != strings.HasPrefix(location, a.OP.Issuer()+"/") ||
				ended == (b.WhoAmI() == "alice") {
				t.Errorf("%d to %q: %s", r.StatusCode, location, r.Body)
			}
			if cache := r.Header.Get("Cache-Control"); !strings.Contains(cache, "no-store") {
				t.Errorf("Cache-Control %q", cache)
			}
		})
	}
}

// TestSignOutOfBrowserThatLeft: a sign-out takes effect even if the browser disconnects.
func TestSignOutOfBrowserThatLeft(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = strictState{state.NewMemory(0)} })
	a.Engine.POST("/left", func(c *gin.Context) {
		ctx, cancel := context.WithCancel(c.Request.Context())
		cancel()
		c.Request = c.Request.WithContext(ctx)
		a.Auth.SignOut(c)
	})
	b := a.Browser()
	b.MustSignIn("alice")
	if r := b.Do("POST", "/left", nil); r.StatusCode != 303 || b.WhoAmI() != "" {
		t.Errorf("%d, %q is signed in", r.StatusCode, b.WhoAmI())
	}
}

// TestSignOutWithoutProvider: if the provider has no end-session endpoint or an unusable one, or is down, the session
// still ends and the browser returns to the app. Case 127.
func TestSignOutWithoutProvider(t *testing.T) {
	for name, endpoint := range map[string]any{"absent": nil, "http": "http://idp.example/endsession",
		"script": "javascript:alert(1)"} {
		a := testapp.New(t)
		a.OP.OnDiscovery(func(doc map[string]any) { doc["end_session_endpoint"] = endpoint })
		b := a.Browser()
		b.MustSignIn("alice")
		if r := b.Do("POST", "/auth/signout", nil); r.StatusCode != 303 || r.Location() != testapp.URL+"/" ||
			b.WhoAmI() != "" {
			t.Errorf("%s: %d to %s", name, r.StatusCode, r.Location())
		}
		if r := b.Do("POST", "/auth/signout", nil); r.StatusCode != 303 {
			t.Errorf("%s: a second time: %d", name, r.StatusCode)
		}
	}
	a := testapp.New(t)
	a.OP.Intercept(fakeop.Discovery, func(w http.ResponseWriter,
		_ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	if r := a.Browser().Do("POST", "/auth/signout", nil); r.StatusCode != 303 || r.Location() != testapp.URL+"/" {
		t.Errorf("provider down: %d to %s", r.StatusCode, r.Location())
	}
}

// TestSignOutOfOwnSession: a sign-out of a session from StartSession does not involve the provider; that of a later
// sign-in does again.
func TestSignOutOfOwnSession(t *testing.T) {
	a := testapp.New(t)
	a.Engine.POST("/support", func(c *gin.Context) {
		if err := a.Auth.StartSession(c, &ginoidc.User{Subject: "agent"}); err != nil {
			t.Error(err)
		}
		if c.Query("update") == "" {
			return
		}
		if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "Agent"; return nil }); err != nil {
			t.Error(err)
		}
	})
	b := a.Browser()
	for _, target := range []string{"/support", "/support?update=1"} {
		b.Do("POST", target, nil)
		if b.WhoAmI() != "agent" {
			t.Fatalf("%s: %q is signed in", target, b.WhoAmI())
		}
		r := b.Do("POST", "/auth/signout", nil)
		if r.StatusCode != 303 || r.Location() != testapp.URL+"/" || b.WhoAmI() != "" {
			t.Errorf("%s: %d to %s", target, r.StatusCode, r.Location())
		}
	}
	if n := a.OP.Count(fakeop.Discovery); n != 0 {
		t.Errorf("the provider was asked %d times", n)
	}
	b.MustSignIn("alice")
	if r := b.Do("POST", "/auth/signout", nil); !strings.HasPrefix(r.Location(), a.OP.Issuer()+"/endsession?") {
		t.Errorf("alice is sent to %s", r.Location())
	}
}

// TestSignedOut: the route redirects to the app if the request has the state of a sign-out of this browser. Any other
// request gets a page that says whether the user is signed in, and no redirect. Case 165.
func TestSignedOut(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.PostSignOutURL, c.DefaultReturnTo = testapp.URL+"/auth/signed-out", "/goodbye"
	})
	b, other := a.Browser(), a.Browser()
	b.MustSignIn("alice")
	other.MustSignIn("bob")
	sent := testapp.ParseURL(t, b.Do("POST", "/auth/signout", nil).Location()).Query()
	elsewhere := testapp.ParseURL(t, other.Do("POST", "/auth/signout", nil).Location()).Query().Get("state")
	other.MustSignIn("bob")
	if sent.Get("post_logout_redirect_uri") != testapp.URL+"/auth/signed-out" || len(sent.Get("state")) < 22 {
		t.Fatalf("sent %v", sent)
	}
	for _, tt := range []struct {
		name, query string
		by          *testapp.Browser
		page        string
	}{
		{"no state", "", b, "Signed out"},
		{"another state", "?state=" + sent.Get("state") + "_INVALID", b, "Signed out"},
		{"the state of another browser", "?state=" + elsewhere, b, "Signed out"},
		{"the state twice", "?state=" + sent.Get("state") + "&state=x", b, "Signed out"},
		{"targets", "?return_to=//evil.example&post_logout_redirect_uri=https://evil.example&target_link_uri=/",
			b, "Signed out"}, // case 166
		{"still signed in", "?state=" + sent.Get("state"), other, "Still signed in"},
	} {
		r := tt.by.Do("GET", "/auth/signed-out"+tt.query, nil, testapp.Navigation()...)
		if r.StatusCode != http.StatusOK || !strings.Contains(r.Body, "<h1>"+tt.page+"</h1>") ||
			strings.Contains(r.Body, "evil") {
			t.Errorf("%s: %d to %q: %s", tt.name, r.StatusCode, r.Location(), r.Body)
		}
	}
	if other.WhoAmI() != "bob" {
		t.Error("an answer of somebody else signed bob out")
	}
	if r := b.Navigate("/auth/signed-out?state=" + sent.Get("state")); r.StatusCode != http.StatusSeeOther ||
		r.Location() != "/goodbye" {
		t.Errorf("the right one: %d to %q", r.StatusCode, r.Location())
	}
	if r := b.Navigate("/auth/signed-out?state=" + sent.Get("state")); r.StatusCode != http.StatusOK {
		t.Errorf("the right one again: %d to %q", r.StatusCode, r.Location())
	}
	if r := b.Navigate(b.Start("/auth/signin?return_to=/auth/signed-out", "alice")); r.Location() != "/goodbye" {
		t.Errorf("it is a return target: %d to %q", r.StatusCode, r.Location())
	}
	if r := b.Do("POST", "/auth/signed-out", nil); r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", r.StatusCode)
	}
}

// TestStatesAreOfOnePurpose: the state of a sign-in is not accepted for a sign-out, nor that of a sign-out for a
// sign-in, and both remain valid for their purpose.
func TestStatesAreOfOnePurpose(t *testing.T) {
	for _, mode := range []string{"query", "form_post"} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers[0].ResponseMode, c.PostSignOutURL, c.DefaultReturnTo = mode, testapp.URL+"/auth/signed-out", "/home"
		})
		b := a.Browser()
		signIn := func() (state string) {
			return testapp.ParseURL(t, b.Navigate("/auth/signin?return_to=/page").Location()).Query().Get("state")
		}
		answer := func(state string) testapp.Reply { // the provider's response to a sign-in
			form := url.Values{"error": {"access_denied"}, "state": {state}, "iss": {"https://idp.example"}}.Encode()
			if mode == "query" {
				return b.Do("GET", "/auth/callback?"+form, nil)
			}
			return b.Do("POST", "/auth/callback", strings.NewReader(form), "Content-Type", "application/x-www-form-urlencoded")
		}
		state := signIn()
		if r := b.Navigate("/auth/signed-out?state=" + state); r.StatusCode != http.StatusOK || r.Location() != "" ||
			r.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: the state of a sign-in: %d to %q, %v", mode, r.StatusCode, r.Location(), r.Header)
		}
		if r := answer(state); r.JSON(t)["error"] != "sign_in_refused" {
			t.Errorf("%s: that sign-in did not go on: %d %s", mode, r.StatusCode, r.Body)
		}
		state = testapp.ParseURL(t, b.Do("POST", "/auth/signout", nil).Location()).Query().Get("state")
		if r := answer(state); r.JSON(t)["error"] != "attempt_missing" || r.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: the state of a sign-out: %d %s", mode, r.StatusCode, r.Body)
		}
		if r := b.Navigate("/auth/signed-out?state=" + state); r.Location() != "/home" {
			t.Errorf("%s: that sign-out did not go on: %d to %q", mode, r.StatusCode, r.Location())
		}
	}
}

// TestEndSessionParameters: the provider gets the client id, the hints of the session and the configured parameters.
func TestEndSessionParameters(t *testing.T) {
	for _, tt := range []struct {
		name  string
		claim any // login_hint of the ID token
		sid   any
		hint  string
	}{
		{"login_hint", "O.opaque~hint+/=", "session-7", "O.opaque~hint+/="},
		{"sid", nil, "session-7", "session-7"},
		{"subject", nil, nil, "alice"},
		{"login_hint of another type", []string{"x"}, "session-7", "session-7"},
		{"empty login_hint", "", "session-7", "session-7"},
		{"login_hint of the most bytes", strings.Repeat("x", 1024), "session-7", strings.Repeat("x", 1024)},
		{"login_hint without end", strings.Repeat("x", 2000), "session-7", "session-7"},
	} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers[0].SignOutParameters = url.Values{"logout_uri": {"https://app.example.com/bye?x=1&y=2"}}
		})
		a.OP.OnIDToken(func(claims map[string]any) {
			for name, value := range map[string]any{"login_hint": tt.claim, "sid": tt.sid} {
				if claims[name] = value; value == nil {
					delete(claims, name)
				}
			}
		})
		b := a.Browser()
		b.MustSignIn("alice")
		for _, hint := range []string{tt.hint, ""} { // nobody is signed in the second time
			sent := testapp.ParseURL(t, b.Do("POST", "/auth/signout", nil).Location()).Query()
			want := map[string]string{
				"client_id": "app", "post_logout_redirect_uri": testapp.URL + "/",
				"logout_uri": "https://app.example.com/bye?x=1&y=2", "logout_hint": hint,
			}
			for name, value := range want {
				if sent.Get(name) != value || len(sent[name]) > 1 {
					t.Errorf("%s: %s = %q, want %q", tt.name, name, sent[name], value)
				}
			}
			if sent.Get("state") == "" || strings.Contains(sent.Encode(), "alice%40example.com") || hint == "" &&
				(sent.Has("logout_hint") || sent.Has("id_token_hint")) {
				t.Errorf("%s: sent %v", tt.name, sent)
			}
		}
	}
}

// TestPagesStayOutOfTheHistory: a page for a signed-in user has no-store, whatever the handler sets, or the back button
// would show it after a sign-out. Other responses keep what the handler sets. Case 172.
func TestPagesStayOutOfTheHistory(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		keys := map[string]func(*gin.Context) (*ginoidc.User, error){"robot": shows(ginoidc.User{Subject: "robot"})}
		c.Authenticators = []ginoidc.Authenticator{byKey(keys)}
	})
	page := func(c *gin.Context) {
		c.Writer.Header()["Cache-Control"] = c.Request.URL.Query()["set"]
		c.String(http.StatusOK, "page")
	}
	a.Engine.GET("/guarded", a.Auth.RequireAuth(), page)
	a.Engine.GET("/asks", func(c *gin.Context) { ginoidc.UserFrom(c) }, page)
	a.Engine.GET("/public", page)
	alice, nobody := a.Browser(), a.Browser()
	alice.MustSignIn("alice")
	mode := func(mode, dest string) []string { return []string{"Sec-Fetch-Mode", mode, "Sec-Fetch-Dest", dest} }
	for _, tt := range []struct {
		who     *testapp.Browser
		path    string
		headers []string
		forced  bool
	}{
		{alice, "/guarded", testapp.Navigation(), true}, {alice, "/asks", testapp.Navigation(), true},
		{alice, "/guarded", mode("navigate", "empty"), true},
		{alice, "/guarded", mode("cors", "empty"), false}, {alice, "/guarded", mode("no-cors", "image"), false},
		{alice, "/guarded", nil, false},
		{alice, "/public", testapp.Navigation(), false}, {nobody, "/asks", testapp.Navigation(), false},
		{nobody, "/guarded", append(testapp.Navigation(), "X-API-Key", "robot"), true},
		{nobody, "/guarded", append(mode("cors", "empty"), "X-API-Key", "robot"), false},
		{nobody, "/asks", append(testapp.Navigation(), "X-API-Key", "unknown"), false},
	} {
		for set, strict := range map[string]bool{
			"private, max-age=600": false, "private": false, "max-age=600": false, "no-cache": false, `ext="no-store"`: false,
			"no-store": true, "max-age=0, No-Store": true,
		} {
			want := set
			if tt.forced && !strict {
				want = "private, no-store"
			}
			r := tt.who.Do("GET", tt.path+"?set="+url.QueryEscape(set), nil, tt.headers...)
			if got := strings.Join(r.Header["Cache-Control"], ";"); r.StatusCode != http.StatusOK || got != want {
				t.Errorf("%s %q: %d %q, want %q", tt.path, tt.headers, r.StatusCode, got, want)
			}
		}
	}
}

// TestSignOutRaces: a thousand sessions are signed out while they are used, renewed, updated and ended by the provider.
// None is alive afterwards. Case 169.
func TestSignOutRaces(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.SessionIdle = 2 * time.Second })
	a.Engine.GET("/whoami", func(c *gin.Context) {
		if u, ok := ginoidc.UserFrom(c); ok {
			c.String(http.StatusOK, u.Subject)
		}
	})
	a.Engine.POST("/start", func(c *gin.Context) {
		if err := a.Auth.StartSession(c, &ginoidc.User{Subject: c.Query("sub")}); err != nil {
			t.Error(err)
		}
	})
	a.Engine.POST("/update", func(c *gin.Context) {
		_ = a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name += "x"; return nil })
	})
	const sessions = 1000
	var wg sync.WaitGroup
	limit := make(chan struct{}, 32)
	alive := make(chan string, sessions)
	for i := range sessions {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			b := a.Browser()
			b.Do("POST", "/start?sub=user", nil)
			var racing sync.WaitGroup
			var late []*http.Cookie
			u := testapp.ParseURL(t, testapp.URL)
			racing.Go(func() {
				r := b.Do("POST", "/update", nil)
				late = r.Cookies() // a response that arrives after that of the sign-out
			})
			racing.Go(func() { b.Fetch("/whoami") })
			racing.Go(func() { b.Do("POST", "/auth/signout", nil) })
			racing.Wait()
			if i%2 == 0 {
				b.Jar.SetCookies(u, late)
			}
			r := b.Do("GET", "/whoami", nil)
			if r.Body != "" {
				alive <- r.Body
			}
		})
	}
	wg.Wait()
	if n := len(alive); n != 0 {
		t.Errorf("%d of %d sessions are alive", n, sessions)
	}
}

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

// TestLogoutTokenNotChecked: a logout token that cannot be checked at the moment is none that is refused: the provider
// learns whether to try again.
func TestLogoutTokenNotChecked(t *testing.T) {
	for name, tt := range map[string]struct {
		keys   http.HandlerFunc
		down   bool // the state
		status int
		code   string
	}{
		"the keys are away": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, false, 503,
			"provider_unavailable"},
		"the keys are garbage": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) }, false, 502,
			"provider_error"},
		"the keys panic":    {func(http.ResponseWriter, *http.Request) { panic("no keys") }, false, 500, "internal"},
		"the state is down": {nil, true, 503, "session_unavailable"},
		"a forgery":         {nil, false, 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			shared := &readOnlyState{Memory: state.NewMemory(0)}
			var op *fakeop.Provider
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
				c.State = shared
				c.Providers[0].Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
					if r.URL.Path == string(fakeop.JWKS) && tt.status == 500 {
						panic("no keys")
					}
					return op.Transport().RoundTrip(r)
				})
			})
			op = a.OP
			token, err := op.LogoutToken("alice", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.status == 400 {
				token += "x"
			}
			if tt.keys != nil {
				a.OP.Intercept(fakeop.JWKS, tt.keys)
			}
			shared.readOnly = tt.down
			r := a.PostBackChannel("logout_token=" + token)
			again := r.Header.Get("Retry-After") != ""
			if r.StatusCode != tt.status || r.JSON(t)["error"] != tt.code || again != (tt.status == 503) {
				t.Errorf("%d %s, try again: %t\n%s", r.StatusCode, r.Body, again, a.Logs)
			}
		})
	}
}

// TestFrontChannelFails: a frame is answered with 503 if the state does not respond, and with 200 if the state lists no
// sessions but the cookie comes with the frame.
func TestFrontChannelFails(t *testing.T) {
	const address = "/auth/frontchannel-logout?iss=https://idp.example&sid=s-1"
	for failing, status := range map[string]int{
		"Revoked": 503, "Revoke": 503, "Listed": 503, "": 200, "unsupported": 200,
	} {
		var rec recorder
		on, failed := false, false // one call fails
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			lists := ginoidc.SharedState(state.NewMemory(0))
			if failing == "unsupported" {
				lists = without("Enlist", "Delist", "Listed")
			}
			c.OnEvent = rec.receive
			c.State = hooked{lists, func(_ context.Context, method string) error {
				if !on || failed || method != failing {
					return nil
				}
				failed = true
				return errStateDown
			}}
		})
		a.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = "s-1" })
		b := a.Browser()
		b.MustSignIn("alice")
		on = true
		rec.take()
		r := b.Fetch(address)
		told := summary(rec.take())
		if on = false; r.StatusCode != status || strings.Contains(told, "logout_call") != (status == 200) ||
			strings.Contains(a.Logs.String(), "ended nothing") {
			t.Errorf("%q fails: %d %s\n%s", failing, r.StatusCode, told, a.Logs)
		}
		if status == 200 && b.WhoAmI() != "" {
			t.Errorf("%q fails: still signed in", failing)
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
