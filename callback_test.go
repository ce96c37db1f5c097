package ginoidc_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
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

// TestCallbackOfAnotherInstance: an attempt that one process started can be completed by another with the same secrets.
// While that process has no metadata of the provider, the attempt is not used, and a reload completes it. Case 294.
func TestCallbackOfAnotherInstance(t *testing.T) {
	first := testapp.New(t)
	down := true
	second := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if down {
				return nil, errors.New("no route to host")
			}
			return first.OP.Transport().RoundTrip(r)
		})
	})
	b := first.Browser()
	callback := b.Start("/auth/signin?return_to=/app", "alice")
	there := second.Browser()
	there.Jar = b.Jar
	if r := there.Navigate(callback); r.StatusCode != 503 || r.Header.Get("Set-Cookie") != "" {
		t.Errorf("provider unknown: %d %v", r.StatusCode, r.Header)
	}
	down = false
	time.Sleep(300 * time.Millisecond) // the first pause after a failure
	if r := there.Navigate(callback); r.Location() != "/app" || there.WhoAmI() != "alice" {
		t.Errorf("reload: %d %s", r.StatusCode, r.Body)
	}
}

// TestRefusedProviderIsNotRemembered: of several providers, the browser remembers the one of the last sign-in that
// succeeded.
func TestRefusedProviderIsNotRemembered(t *testing.T) {
	refuses := true
	a := several(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.OnSignIn = func(context.Context, *ginoidc.PendingSignIn) error {
			if refuses {
				return errors.New("not yet")
			}
			return nil
		}
	})
	b := a.Browser()
	for _, want := range []bool{false, true} {
		b.Navigate(b.StartAt("two", "alice"))
		remembers := slices.ContainsFunc(b.Cookies(), func(name string) bool { return strings.HasSuffix(name, ".provider") })
		if remembers != want {
			t.Errorf("refused %t: %q", refuses, b.Cookies())
		}
		refuses = false
	}
}

// TestRefusalSpendsNothing: anyone can forge an error response, so none takes up room in the table of used attempts.
func TestRefusalSpendsNothing(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	kept := b.Twin()
	refused := strings.Replace(callback, "code=", "error=access_denied&x=", 1)
	if r := b.Navigate(refused); r.StatusCode != http.StatusUnauthorized || len(b.Cookies()) != 0 {
		t.Errorf("refused: %d, cookies %q", r.StatusCode, b.Cookies())
	}
	if r := kept.Navigate(callback); r.StatusCode != http.StatusSeeOther || kept.WhoAmI() != "alice" {
		t.Errorf("with the cookie put back: %d", r.StatusCode)
	}
}

// TestSignInEnds: a sign-in returns to acceptable targets only, and with the required headers. Cases 51 and 155.
func TestSignInEnds(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.ReturnOrigins = []string{"https://shop.example.net:8443"}
	})
	for returnTo, want := range map[string]string{
		"":                                   "/",
		"/app?tab=1&x=a%20b#top":             "/app?tab=1&x=a%20b#top",
		"/a&scope=admin":                     "/a&scope=admin",
		testapp.URL + "/home":                testapp.URL + "/home",
		"https://shop.example.net:8443/cart": "https://shop.example.net:8443/cart",
		"https://shop.example.net/":          "/",
		"//evil.example":                     "/",
		"/\\evil.example":                    "/",
		"/./\\evil.example":                  "/", // case 155
		"/auth/signout":                      "/",
		"/" + strings.Repeat("a", 3000):      "/", // case 15
	} {
		b := a.Browser()
		other := []string{"Referer", testapp.URL + "/elsewhere", "Origin", testapp.URL} // case 156
		started := b.Do("GET", "/auth/signin?return_to="+url.QueryEscape(returnTo), nil,
			append(other, testapp.Navigation()...)...)
		callback, err := a.OP.Approve(started.Location(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range b.Cookies() {
			if !strings.HasPrefix(name, "__Host-ginoidc.") {
				t.Errorf("cookie %s before the callback", name)
			}
		}
		r := b.Do("GET", callback, nil, append([]string{"Referer", "https://evil.example/", "Origin", "https://evil.example"},
			testapp.Navigation()...)...)
		if r.StatusCode != http.StatusSeeOther || r.Location() != want {
			t.Errorf("return_to %.40q: %d to %q, want %q", returnTo, r.StatusCode, r.Location(), want)
		}
		if h := r.Header; h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" ||
			h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("headers %v", h)
		}
		if names := b.Cookies(); len(names) != 1 || names[0] != "__Host-ginoidc" || b.WhoAmI() != "alice" {
			t.Errorf("after the sign-in: cookies %v, user %q", names, b.WhoAmI())
		}
		for _, line := range r.Header["Set-Cookie"] {
			if c, _ := http.ParseSetCookie(line); c.Name == "__Host-ginoidc" &&
				(c.Path != "/" || c.Domain != "" || c.MaxAge != 43200 || !c.HttpOnly || !c.Secure ||
					c.SameSite != http.SameSiteLaxMode) { // it must stay Lax (case 147)
				t.Errorf("session cookie: %s", line[strings.Index(line, ";"):])
			}
			if len(line) > 4096 {
				t.Errorf("a cookie of %d bytes", len(line))
			}
		}
	}
}

// TestAliasHost: a callback under another host name of the app finds no cookie, and the log has that name. Case 50.
func TestAliasHost(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	for _, alias := range []string{"https://alias.example.com", "http://app.example.com"} {
		if r := b.Navigate(strings.Replace(callback, testapp.URL, alias, 1)); r.StatusCode != 400 ||
			!strings.Contains(r.Body, "cookie was lost") {
			t.Errorf("%s: %d %s", alias, r.StatusCode, r.Body)
		}
	}
	logged := regexp.MustCompile(`code=attempt_missing request_id=\w+ host=alias\.example\.com `)
	if out := a.Logs.String(); !logged.MatchString(out) || a.OP.Count(fakeop.Token) != 0 {
		t.Errorf("log %s", out)
	}
}

// TestCallbackRefused lists responses that a callback refuses before it calls the provider. Each row begins with a
// sign-in in progress. None starts a session or makes a token request, and if kept is true, the sign-in can still
// succeed.
func TestCallbackRefused(t *testing.T) {
	set := func(name, value string) func(url.Values) { return func(q url.Values) { q.Set(name, value) } }
	add := func(name string) func(url.Values) { return func(q url.Values) { q.Add(name, q.Get(name)) } }
	other := func(name string) func(url.Values) { return func(q url.Values) { q.Add(name, "other") } }
	del := func(name string) func(url.Values) { return func(q url.Values) { q.Del(name) } }
	for _, tt := range []struct {
		name   string
		edit   func(url.Values)
		code   string
		status int
		kept   bool
	}{
		{"no parameters", func(q url.Values) { clear(q) }, "invalid_callback", 400, true}, // case 20
		{"code without state", del("state"), "invalid_callback", 400, true},               // case 21
		{"state without code", del("code"), "invalid_callback", 400, true},                // case 21
		{"both empty", func(q url.Values) { q.Set("code", ""); q.Set("state", "") }, "invalid_callback", 400, true},
		{"random state", set("state", "Zm9yZ2VkLXN0YXRlLWZvcmdlZC1zdGF0ZQ"), "attempt_missing", 400, true}, // case 22
		{"hostile state", set("state", "../../x\r\nSet-Cookie: a=b"), "attempt_missing", 400, true},
		{"two codes", other("code"), "invalid_callback", 400, true},   // case 30
		{"two states", other("state"), "invalid_callback", 400, true}, // case 30
		{"two issuers", other("iss"), "invalid_callback", 400, true},  // case 30
		{"a code and an empty one", func(q url.Values) { q.Add("code", "") }, "invalid_callback", 400, true},
		{"two errors", func(q url.Values) { q["error"] = []string{"a", "b"} }, "invalid_callback", 400, true},
		{"the same code twice", add("code"), "", 303, false},
		{"all the same thrice", func(q url.Values) {
			for name := range q {
				add(name)(q)
				add(name)(q)
			}
		}, "", 303, false},
		{"no iss although announced", del("iss"), "invalid_callback", 400, true},                 // case 36
		{"other iss", set("iss", "https://evil.example"), "invalid_callback", 400, true},         // case 37
		{"iss with a slash", set("iss", "https://idp.example/"), "invalid_callback", 400, true},  // case 37
		{"iss in capitals", set("iss", "https://IDP.example"), "invalid_callback", 400, true},    // case 37
		{"an ID token", set("id_token", "e30.e30."), "invalid_callback", 400, true},              // case 46
		{"an access token", set("access_token", "x"), "invalid_callback", 400, true},             // case 46
		{"a query of 1 MB", set("x", strings.Repeat("x", 1<<20)), "invalid_callback", 400, true}, // case 284
		// case 284
		{"10,001 parameters", func(q url.Values) { q["x"] = make([]string, 10_001) }, "invalid_callback", 400, true},
		{"a code of 17 kB", set("code", strings.Repeat("a", 17<<10)), "invalid_callback", 400, true}, // case 47
		{"error without attempt", func(q url.Values) { clear(q); q.Set("error", "access_denied") }, "invalid_callback", 400,
			true}, // case 32
		{"error of another attempt", func(q url.Values) { q.Set("error", "x"); q.Set("state", strings.Repeat("A", 32)) },
			"attempt_missing", 400, true}, // case 32
		{"access_denied", func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }, "sign_in_refused", 401,
			false}, // case 31
		{"login_required", func(q url.Values) { q.Del("code"); q.Set("error", "login_required") }, "sign_in_refused", 401,
			false}, // case 14
		{"error and code", set("error", "server_error"), "sign_in_refused", 401, false}, // case 35
		{"hostile error", set("error", "x\r\nlevel=ERROR \x1b[31m\xff"+strings.Repeat("e", 10<<10)), "sign_in_refused", 401,
			false}, // case 34
		{"markup in the error", set("error_description", "<script>alert(1)</script>"), "", 303, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := testapp.New(t)
			b := a.Browser()
			callback := b.Start("/auth/signin?return_to=/app", "alice")
			u := testapp.ParseURL(t, callback)
			q := u.Query()
			state := q.Get("state")
			tt.edit(q)
			known := q.Get("state") == state && len(q["state"]) == 1 && !q.Has("x")
			u.RawQuery = q.Encode()
			r := b.Do("GET", u.String(), nil, append([]string{"Accept", "text/html"}, testapp.Navigation()...)...)
			if r.StatusCode != tt.status || r.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("status %d, want %d: %s", r.StatusCode, tt.status, r.Body)
			}
			if tt.status == 303 {
				return
			}
			if script := pageScript.FindStringSubmatch(r.Body); script == nil ||
				!strings.Contains(r.Header.Get("Content-Security-Policy"), hashOf(script[1])) { // case 39
				t.Errorf("the page leaves query and fragment in the address bar: %s", r.Body)
			}
			if !strings.Contains(r.Body, "Sign in again") || strings.Contains(r.Body, "evil") ||
				strings.Contains(r.Body, "eeee") {
				t.Errorf("page: %s", r.Body)
			}
			if strings.Contains(r.Body, "return_to=%2Fapp") != known {
				t.Errorf("the page leads elsewhere than to the one where the sign-in began: %s", r.Body)
			}
			if !strings.Contains(a.Logs.String(), "code="+tt.code) || strings.Contains(a.Logs.String(), "\x1b") ||
				a.Logs.Len() > 4000 {
				t.Errorf("log: %.500s", a.Logs)
			}
			if n := a.OP.Count(fakeop.Token); n != 0 {
				t.Errorf("%d token requests", n)
			}
			if b.WhoAmI() != "" {
				t.Error("signed in")
			}
			if again := b.Navigate(callback); (again.StatusCode == 303) != tt.kept {
				t.Errorf("the sign-in under way then ended with %d", again.StatusCode)
			}
		})
	}
}

// TestCallbackMethodsAndSpellings: only a navigation with GET to the exact path redeems the code, and no redirect
// copies it.
func TestCallbackMethodsAndSpellings(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	query := callback[strings.Index(callback, "?"):]
	frame := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}
	for _, tt := range []struct {
		method, path string
		headers      []string
		status       int
	}{
		{"HEAD", "/auth/callback", testapp.Navigation(), 405}, // case 42
		{"OPTIONS", "/auth/callback", nil, 405},               // case 42
		{"PUT", "/auth/callback", testapp.Navigation(), 405},  // case 42
		{"TRACE", "/auth/callback", nil, 405},                 // case 42
		{"POST", "/auth/callback", testapp.Navigation(), 405}, // case 45: no form_post mode, no body is read
		{"GET", "/auth/callback", frame, 400},                 // case 41
		// case 41
		{"GET", "/auth/callback", []string{"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script"}, 400},
		// case 41
		{"GET", "/auth/callback", append([]string{"Sec-Purpose", "prefetch"}, testapp.Navigation()...), 400},
		{"GET", "/auth/callback/", testapp.Navigation(), 404}, // case 49
		{"GET", "//auth/callback", testapp.Navigation(), 404}, // case 49
	} {
		r := b.Do(tt.method, testapp.URL+tt.path+query, strings.NewReader("code=x"), tt.headers...)
		if r.StatusCode != tt.status || r.Location() != "" || a.OP.Count(fakeop.Token) != 0 {
			t.Errorf("%s %s: %d, Location %q, %d token requests", tt.method, tt.path, r.StatusCode,
				r.Location(), a.OP.Count(fakeop.Token))
		}
	}
	// case 49: the same route, redeemed once
	if r := b.Navigate("/auth/%63allback" + query); r.StatusCode != 303 || b.WhoAmI() != "alice" {
		t.Errorf("escaped path: %d", r.StatusCode)
	}
	if a.OP.Count(fakeop.Token) != 1 {
		t.Errorf("%d token requests", a.OP.Count(fakeop.Token))
	}
}

func formPostApp(t *testing.T) *testapp.App {
	return testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].ResponseMode = "form_post" })
}

// TestFormPost: a cross-site POST carries the attempt's cookie, and no other is needed. The previous session, whose
// cookie does not come along, ends. Cases 44, 51.
func TestFormPost(t *testing.T) {
	a := formPostApp(t)
	b := a.Browser()
	started := b.Navigate("/auth/signin?return_to=/me")
	if mode := testapp.ParseURL(t, started.Location()).Query().Get("response_mode"); mode != "form_post" {
		t.Errorf("response_mode %q", mode)
	}
	if cookie := started.Header.Get("Set-Cookie"); !strings.Contains(cookie, "; Secure; SameSite=None") ||
		!strings.HasPrefix(cookie, "__Host-ginoidc.") {
		t.Errorf("attempt cookie %s", cookie)
	}
	callback, err := a.OP.Approve(started.Location(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	// the other one
	if r := b.Navigate(callback); r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %d, Allow %q", r.StatusCode, r.Header.Get("Allow"))
	}
	r := b.PostCallback(callback)
	if r.StatusCode != http.StatusSeeOther || r.Location() != "/me" || b.WhoAmI() != "alice" {
		t.Fatalf("%d to %q: %s", r.StatusCode, r.Location(), r.Body)
	}
	for _, line := range r.Header["Set-Cookie"] {
		if strings.HasPrefix(line, "__Host-ginoidc=") && !strings.Contains(line, "SameSite=Lax") {
			t.Errorf("session cookie %s", line)
		}
	}
	if again := b.PostCallback(callback); again.StatusCode != http.StatusBadRequest {
		t.Errorf("a second time: %d", again.StatusCode)
	}

	old := a.Browser()
	u, _ := url.Parse(testapp.URL)
	old.Jar.SetCookies(u, b.Jar.Cookies(u)) // a copy of the session
	if r := b.PostCallback(b.Start("/auth/signin", "bob")); r.StatusCode != http.StatusSeeOther || b.WhoAmI() != "bob" ||
		old.WhoAmI() != "" {
		t.Errorf("%d, %q signed in, the copy as %q", r.StatusCode, b.WhoAmI(), old.WhoAmI())
	}
}

// TestFormPostRefuses: bodies that are not a form are refused before they are parsed, and so are parameters in the
// query, which this mode does not use. Cases 20, 30, 41, 45, 285.
func TestFormPostRefuses(t *testing.T) {
	a := formPostApp(t)
	for _, tt := range []struct {
		name    string
		change  func(callback string) string
		headers []string
		want    int
		code    string
	}{
		{"64 kB and one byte", func(c string) string { return c + "&x=" + strings.Repeat("x", 64<<10) }, nil, 413,
			"form_too_large"}, // cases 45, 285
		{"multipart", nil, []string{"Content-Type", "multipart/form-data; boundary=x"}, 415, "not_a_form"}, // case 45
		{"JSON", nil, []string{"Content-Type", "application/json"}, 415, "not_a_form"},                     // case 45
		{"gzip", nil, []string{"Content-Encoding", "gzip"}, 415, "not_a_form"},                             // case 45
		{"no type", nil, []string{"Content-Type", ""}, 415, "not_a_form"},
		{"malformed", func(c string) string { return c + "&%zz" }, nil, 400, "invalid_callback"},
		{"empty", func(c string) string { return strings.SplitAfter(c, "?")[0] }, nil, 400, "invalid_callback"}, // case 20
		{"code twice", func(c string) string { return c + "&code=other" }, nil, 400, "invalid_callback"},        // case 30
		{"in a frame", nil, []string{"Sec-Fetch-Dest", "iframe"}, 400, "not_a_navigation"},                      // case 41
		// case 41
		{"by a fetch", nil, []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, 400, "not_a_navigation"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := a.Browser()
			callback := b.Start("/auth/signin", "alice")
			sent := callback
			if tt.change != nil {
				sent = tt.change(callback)
			}
			r := b.PostCallback(sent, append([]string{"Accept", "*/*", "Sec-Fetch-Dest", ""}, tt.headers...)...)
			if r.StatusCode != tt.want || r.JSON(t)["error"] != tt.code {
				t.Errorf("%d %s", r.StatusCode, r.Body)
			}
			if r := b.PostCallback(callback); r.StatusCode != http.StatusSeeOther { // the attempt is not used
				t.Errorf("the right one afterwards: %d", r.StatusCode)
			}
		})
	}
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	if r := b.Do("POST", callback, nil, testapp.CrossSiteForm()...); r.StatusCode != http.StatusBadRequest ||
		b.WhoAmI() != "" {
		t.Errorf("code in the query: %d", r.StatusCode)
	}
}

// TestLongCodes: codes of 16 kB are redeemed in every response mode, longer ones are refused without using the attempt,
// and no code is logged.
func TestLongCodes(t *testing.T) {
	for _, mode := range []string{"query", "form_post", "query.jwt", "form_post.jwt"} {
		for _, length := range []int{5000, 16 << 10, 16<<10 + 1} {
			a := testapp.New(t,
				func(c *ginoidc.Config, op *fakeop.Config) { c.Providers[0].ResponseMode, op.CodeLength = mode, length })
			b := a.Browser()
			deliver := b.Navigate
			if strings.HasPrefix(mode, "form_post") {
				deliver = func(callback string) testapp.Reply { return b.PostCallback(callback) }
			}
			r := deliver(b.Start("/auth/signin", "alice"))
			status, user, redeemed := 303, "alice", 1
			if length > 16<<10 {
				status, user, redeemed = 400, "", 0
			}
			if r.StatusCode != status || b.WhoAmI() != user || a.OP.Count(fakeop.Token) != redeemed {
				t.Errorf("%s, %d bytes: %d %s, %d token requests\n%s", mode, length, r.StatusCode, r.Body,
					a.OP.Count(fakeop.Token), a.Logs)
			}
			if strings.Contains(a.Logs.String(), "+/=+/=") {
				t.Errorf("%s: the log shows the code", mode)
			}
		}
	}
}

// strictly is an app whose session cookie is SameSite=Strict.
func strictly(c *ginoidc.Config, _ *fakeop.Config) { c.SameSite = ginoidc.SameSiteStrict }

// fromElsewhere opens a page of the app as a link of another site does, or a redirect of the provider: without the
// cookies that are SameSite=Strict.
func fromElsewhere(b *testapp.Browser, target string) testapp.Reply {
	b.App.T.Helper()
	lax := b.App.Browser()
	u := testapp.ParseURL(b.App.T, testapp.URL+"/auth/signin")
	for _, c := range b.Jar.Cookies(u) {
		if c.Name != "__Host-ginoidc" && !strings.HasSuffix(c.Name, ".landed") {
			lax.SetCookie(c.Name, c.Value, "/")
		}
	}
	r := lax.Do(http.MethodGet, target, nil, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document",
		"Sec-Fetch-Site", "cross-site", "Accept", "text/html")
	b.Jar.SetCookies(u, r.Cookies())
	return r
}

// goesTo returns the address that a page of the plugin opens by itself, or "".
func goesTo(r testapp.Reply) string {
	_, address, _ := strings.Cut(r.Header.Get("Refresh"), "0;url=")
	return address
}

// TestStrictCookie: the cookies of the session are Strict, those of an attempt have to come with the provider's
// redirect. The callback responds with a page that opens the return target, as a navigation of the app
// (case 147).
func TestStrictCookie(t *testing.T) {
	for _, mode := range []string{"query", "form_post"} {
		a := testapp.New(t, strictly, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].ResponseMode = mode })
		b := a.Browser()
		started := b.Navigate("/auth/signin?return_to=/me?x=1%26y")
		for _, line := range started.Header["Set-Cookie"] {
			if strings.Contains(line, "SameSite=Strict") {
				t.Errorf("%s: the callback would come without %s", mode, line)
			}
		}
		callback, err := a.OP.Approve(started.Location(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		r := b.Callback(callback)
		if r.StatusCode != http.StatusOK || goesTo(r) != "/me?x=1&y" || r.Header.Get("Cache-Control") != "no-store" ||
			r.Location() != "" || !strings.Contains(r.Body, `href="/me?x=1&amp;y"`) {
			t.Errorf("%s: callback: %d %v %s", mode, r.StatusCode, r.Header, r.Body)
		}
		strict := 0
		for _, c := range r.Cookies() {
			own := c.Name == "__Host-ginoidc" || c.Name == "__Secure-ginoidc.landed"
			if own != (c.SameSite == http.SameSiteStrictMode) {
				t.Errorf("%s: %s", mode, c)
			} else if own {
				strict++
			}
		}
		if who := b.WhoAmI(); strict != 2 || who != "alice" {
			t.Errorf("%s: signed in as %q, %d cookies are strict", mode, who, strict)
		}
	}
}

// TestStrictSignIn: a sign-in that another site begins, by a link to a guarded page, still replaces the session that
// the browser has, because the route is opened again with its cookie.
func TestStrictSignIn(t *testing.T) {
	a := testapp.New(t, strictly)
	b := a.Browser()
	b.Callback(b.Start("/auth/signin", "alice"))
	before := b.Twin()
	denied := fromElsewhere(b, "/me")
	signIn := denied.Location()
	if denied.StatusCode != http.StatusFound || !strings.HasPrefix(signIn, "/auth/signin?") {
		t.Fatalf("%d to %s", denied.StatusCode, signIn)
	}
	r := fromElsewhere(b, signIn)
	if r.StatusCode != http.StatusOK || goesTo(r) != signIn || len(r.Cookies()) != 0 {
		t.Fatalf("%d, goes to %q, cookies %v", r.StatusCode, goesTo(r), r.Cookies())
	}
	callback, err := a.OP.Approve(b.Navigate(signIn).Location(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	if r := fromElsewhere(b, callback); goesTo(r) != "/me" || b.WhoAmI() != "bob" {
		t.Errorf("callback: %d, goes to %q, signed in as %q", r.StatusCode, goesTo(r), b.WhoAmI())
	}
	if who := before.WhoAmI(); who != "" {
		t.Errorf("a copy of the replaced session is signed in as %q", who)
	}
}

// TestStrictReopens: routes of the plugin whose response depends on the session are opened again with its cookie, and
// only once. With SameSite=Lax, the cookie comes at once.
func TestStrictReopens(t *testing.T) {
	for _, strict := range []bool{true, false} {
		var rec recorder
		a := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
			if c.OnEvent, c.Providers[0].PushedAuthorization = rec.receive, ginoidc.Always; strict {
				strictly(c, op)
			}
		})
		a.Engine.GET("/news", a.Auth.SilentSignIn(), a.Public)
		b := a.Browser()
		callback := b.Start("/auth/signin", "alice")
		b.Callback(callback)
		for _, target := range []string{callback, "/auth/signed-out", "/auth/signin?return_to=%2Fme"} {
			rec.take()
			calls := a.OP.Count(fakeop.PAR)
			r := fromElsewhere(b, target)
			if told := rec.take(); strict && (len(told) > 0 || a.OP.Count(fakeop.PAR) != calls) {
				t.Errorf("strict %v: %s: %d calls, %+v", strict, target, a.OP.Count(fakeop.PAR)-calls, told)
			}
			if again := strings.HasSuffix(target, goesTo(r)) && goesTo(r) != ""; again != strict {
				t.Errorf("strict %v: %s: %d, goes to %q", strict, target, r.StatusCode, goesTo(r))
			}
			if r := b.Navigate(target); goesTo(r) == target {
				t.Errorf("strict %v: %s leads to itself", strict, target)
			}
		}
		if r := b.Navigate(callback); strict && goesTo(r) != "/" || !strict && r.Location() != "/" {
			t.Errorf("strict %v: the callback again: %d %s", strict, r.StatusCode, r.Body)
		}
		if r := b.Navigate("/auth/signed-out"); !strings.Contains(r.Body, "Still signed in") {
			t.Errorf("strict %v: %s", strict, r.Body)
		}
		// Nobody knows yet whether the user is signed in, so the page begins no sign-in.
		if r := fromElsewhere(b, "/news"); (r.StatusCode == http.StatusOK) != strict {
			t.Errorf("strict %v: the public page: %d", strict, r.StatusCode)
		}
	}
}

// TestStrictSilently: a silent sign-in ends on the same page, signed in or not.
func TestStrictSilently(t *testing.T) {
	a := testapp.New(t, strictly)
	a.Engine.GET("/news", a.Auth.SilentSignIn(), a.Public)
	b := a.Browser()
	callback, err := a.OP.Deny(b.Navigate("/news").Location(), "login_required")
	if err != nil {
		t.Fatal(err)
	}
	if r := fromElsewhere(b, callback); r.StatusCode != http.StatusOK || goesTo(r) != "/news" {
		t.Errorf("%d, goes to %q", r.StatusCode, goesTo(r))
	}
	if r := b.Navigate("/news"); r.StatusCode != http.StatusOK {
		t.Errorf("%d", r.StatusCode)
	}
}

// TestStrictLandingKeepsTheCode: the page after the callback does not leave the authorization code in the history, and
// loads nothing that could learn it.
func TestStrictLandingKeepsTheCode(t *testing.T) {
	a := testapp.New(t, strictly)
	b := a.Browser()
	r := b.Callback(b.Start("/auth/signin", "alice"))
	if !strings.Contains(r.Body, "history.replaceState") || r.Header.Get("Referrer-Policy") != "no-referrer" ||
		!strings.Contains(r.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%v %s", r.Header, r.Body)
	}
}

// TestLaxIsTheDefault: without the setting every cookie is Lax, and the callback redirects.
func TestLaxIsTheDefault(t *testing.T) {
	for _, set := range []string{"", ginoidc.SameSiteLax} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.SameSite = set })
		b := a.Browser()
		r := b.SignIn("alice")
		for _, c := range r.Cookies() {
			if c.SameSite != http.SameSiteLaxMode {
				t.Errorf("%q: %s", set, c)
			}
		}
		if r.StatusCode != http.StatusSeeOther || len(r.Cookies()) == 0 {
			t.Errorf("%q: %d", set, r.StatusCode)
		}
	}
	c := validConfig()
	c.SameSite = "none"
	checkProblems(t, c, []string{"SameSite "})
}

// TestStrictForms: a third party that posts a form to the sign-in route is not sent there again, because a page cannot
// post by itself without a script.
func TestStrictForms(t *testing.T) {
	a := testapp.New(t, strictly, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].InitiateLogin = true })
	form := strings.NewReader("iss=" + testapp.Issuer)
	r := a.Browser().Do(http.MethodPost, "/auth/signin", form, testapp.CrossSiteForm()...)
	if r.StatusCode != http.StatusSeeOther {
		t.Errorf("%d %s", r.StatusCode, r.Body)
	}
	posted := testapp.New(t, strictly, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].ResponseMode = "form_post"
	})
	b := posted.Browser()
	stale := b.Start("/auth/signin", "alice")
	b.PostCallback(stale)
	if r := posted.Browser().PostCallback(stale); r.StatusCode != http.StatusBadRequest || goesTo(r) != "" {
		t.Errorf("a stale form: %d, goes to %q", r.StatusCode, goesTo(r))
	}
	w := httptest.NewRecorder()
	a.Engine.ServeHTTP(w, httptest.NewRequest(http.MethodGet, testapp.URL+"/auth/signin", nil)) // no Fetch Metadata
	if w.Code != http.StatusFound {
		t.Errorf("without Fetch Metadata: %d", w.Code)
	}
}

// slowApp returns an app whose provider takes a second for a token request, unless the request is cancelled.
func slowApp(t *testing.T, change func(*ginoidc.Config)) *testapp.App {
	var a *testapp.App
	a = testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/token") {
				select {
				case <-time.After(time.Second):
				case <-r.Context().Done():
					return nil, r.Context().Err()
				}
			}
			return a.OP.Transport().RoundTrip(r)
		})
		change(c)
	})
	return a
}

// TestCallbackAskedForTwice: concurrent requests with the same response share one exchange and get the same result,
// cookies included, whatever the result is. A request without the attempt's cookie or with another code does not get
// it, and afterwards the response is no longer valid.
func TestCallbackAskedForTwice(t *testing.T) {
	for _, tt := range []struct {
		name, mode string
		hook       func(context.Context, *ginoidc.PendingSignIn) error
		fault      fakeop.Misbehaviour
		status     int
		code       string
	}{
		{"signed in", "query", nil, "", 303, ""},
		{"signed in by a form", "form_post", nil, "", 303, ""},
		{"the code is refused", "query", nil, fakeop.ErrorInvalidGrant, 401, "sign_in_refused"},
		{"the token is refused", "form_post", nil, fakeop.BadSignature, 401, "invalid_token"},
		{"the provider fails", "query", nil, fakeop.Unavailable503, 503, "provider_unavailable"},
		{"the app refuses", "query", func(context.Context, *ginoidc.PendingSignIn) error { return errors.New("no") },
			"", 403, "forbidden"},
		{"the app panics", "query", func(context.Context, *ginoidc.PendingSignIn) error { panic("app") }, "", 500,
			"internal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := slowApp(t, func(c *ginoidc.Config) { c.Providers[0].ResponseMode, c.OnSignIn = tt.mode, tt.hook })
				a.Engine = gin.New()
				var users []string // the users that a middleware around the callback sees afterwards
				var mu sync.Mutex
				a.Engine.Use(func(c *gin.Context) {
					c.Next()
					if u, ok := ginoidc.UserFrom(c); ok && c.FullPath() == "/auth/callback" {
						mu.Lock()
						defer mu.Unlock()
						users = append(users, u.Subject)
					}
				})
				a.Auth.Mount(a.Engine)
				a.Engine.GET("/me", a.Auth.RequireAuth(), a.Protected)
				b := a.Browser()
				callback := b.Start("/auth/signin?return_to=/app", "alice")
				if tt.fault != "" {
					a.OP.Misbehave(tt.fault)
				}
				late := b.Twin()
				browsers := []*testapp.Browser{b, b.Twin(), b.Twin()}
				replies := make([]testapp.Reply, len(browsers))
				var wg sync.WaitGroup
				for i, b := range browsers {
					wg.Go(func() {
						replies[i] = b.Callback(callback)
					})
				}
				synctest.Wait() // one of them waits for the provider, the others for the first
				if r := a.Browser().Callback(callback); r.StatusCode != 400 ||
					!strings.Contains(r.Body, "not started in this browser") {
					t.Errorf("without the cookie: %d", r.StatusCode)
				}
				if r := b.Twin().Callback(strings.Replace(callback, "code=", "code=x", 1)); r.StatusCode != 400 ||
					!strings.Contains(r.Body, "already used") {
					t.Errorf("with another code: %d", r.StatusCode)
				}
				wg.Wait()
				for i, r := range replies {
					if r.StatusCode != tt.status || r.Location() != replies[0].Location() ||
						(r.Location() == "/app") != (tt.status == 303) {
						t.Errorf("%d: %d to %q: %s", i, r.StatusCode, r.Location(), r.Body)
					}
					if !slices.Equal(r.Header["Set-Cookie"], replies[0].Header["Set-Cookie"]) || len(r.Header["Set-Cookie"]) == 0 {
						t.Errorf("%d: cookies %q and %q", i, r.Header["Set-Cookie"], replies[0].Header["Set-Cookie"])
					}
					if signedIn := browsers[i].WhoAmI() == "alice"; signedIn != (tt.status == 303) {
						t.Errorf("%d: signed in %t", i, signedIn)
					}
				}
				if tt.status == 303 && !slices.Equal(users, []string{"alice", "alice", "alice"}) {
					t.Errorf("the middleware saw %q", users)
				}
				if tt.code != "" && !strings.Contains(a.Logs.String(), "code="+tt.code) {
					t.Errorf("log %s", a.Logs)
				}
				if r := late.Callback(callback); r.StatusCode != 400 || late.WhoAmI() != "" {
					t.Errorf("afterwards: %d", r.StatusCode)
				}
				if n := a.OP.Count(fakeop.Token); n != 1 {
					t.Errorf("%d token requests", n)
				}
			})
		})
	}
}

// TestReloadOfCallback: a reload cancels the first request, and the second one gets its result.
func TestReloadOfCallback(t *testing.T) {
	for _, reloaded := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			a := slowApp(t, func(*ginoidc.Config) {})
			ctx, leave := context.WithCancel(t.Context())
			a.Engine.GET("/left", func(c *gin.Context) {
				c.Request = c.Request.WithContext(ctx)
				a.Auth.Callback(c)
			})
			b := a.Browser()
			callback := b.Start("/auth/signin?return_to=/app", "alice")
			left, gone := b.Twin(), make(chan testapp.Reply, 1)
			go func() { gone <- left.Navigate(strings.Replace(callback, "/auth/callback", "/left", 1)) }()
			synctest.Wait()
			leave()
			if r := <-gone; r.StatusCode != 503 || left.WhoAmI() != "" {
				t.Errorf("who left: %d, signed in as %q", r.StatusCode, left.WhoAmI())
			}
			if reloaded {
				if r := b.Navigate(callback); r.StatusCode != 303 || r.Location() != "/app" || b.WhoAmI() != "alice" {
					t.Errorf("reload: %d to %q: %s", r.StatusCode, r.Location(), r.Body)
				}
			}
			time.Sleep(2 * time.Second)
			sessions, err := a.Auth.UserSessions(t.Context(), "alice")
			// even if no request waits: the browser may still reload
			if err != nil || len(sessions) != 1 || a.OP.Count(fakeop.Token) != 1 {
				t.Errorf("%d sessions, %v, %d token requests", len(sessions), err, a.OP.Count(fakeop.Token))
			}
		})
	}
}

// TestReplay: an attempt can be used once, even if its cookie is restored. Cases 29 and 157.
func TestReplay(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	callback := b.Start("/auth/signin?return_to=/app", "alice")
	u := testapp.ParseURL(t, testapp.URL+"/")
	attempt := b.Jar.Cookies(u)
	if r := b.Navigate(callback); r.Location() != "/app" {
		t.Fatalf("%d to %q", r.StatusCode, r.Location())
	}
	// back button, signed in
	if r := b.Navigate(callback); r.StatusCode != 303 || r.Location() != "/" || r.Header.Get("Set-Cookie") != "" {
		t.Errorf("replay, signed in: %d to %q", r.StatusCode, r.Location())
	}
	thief := a.Browser()
	thief.Jar.SetCookies(u, attempt)
	if r := thief.Navigate(callback); r.StatusCode != 400 || thief.WhoAmI() != "" {
		t.Errorf("replay with the cookie put back: %d", r.StatusCode)
	}
	if r := a.Browser().Navigate(callback); r.StatusCode != 400 { // case 40: another browser
		t.Errorf("foreign browser: %d", r.StatusCode)
	}
	altered := a.Browser()
	first := altered.Start("/auth/signin", "alice")
	for _, c := range altered.Jar.Cookies(u) { // cases 25 and 157
		middle, other := len(c.Value)/2, "A"
		if c.Value[middle] == 'A' {
			other = "B"
		}
		c.Value = c.Value[:middle] + other + c.Value[middle+1:]
		c.Secure, c.Path = true, "/"
		altered.Jar.SetCookies(u, []*http.Cookie{c})
	}
	if r := altered.Navigate(first); r.StatusCode != 400 {
		t.Errorf("altered attempt: %d", r.StatusCode)
	}
	if n := a.OP.Count(fakeop.Token); n != 1 {
		t.Errorf("%d token requests", n)
	}
}

// TestStaleCallbackSignedIn: a response whose attempt was used or has expired leads a user who is signed in to the app.
func TestStaleCallbackSignedIn(t *testing.T) {
	for name, spent := range map[string]bool{"used": true, "expired": false} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
				c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			b, u := a.Browser(), testapp.ParseURL(t, testapp.URL+"/")
			b.MustSignIn("alice")
			callback := b.Start("/auth/signin", "alice")
			attempt := b.Jar.Cookies(testapp.ParseURL(t, callback))
			if spent {
				b.Navigate(callback)
				time.Sleep(time.Minute)
			} else {
				time.Sleep(11 * time.Minute)
			}
			for _, c := range attempt {
				if !slices.Contains(b.Cookies(), c.Name) {
					c.Secure, c.Path = true, "/"
					b.Jar.SetCookies(u, []*http.Cookie{c})
				}
			}
			log.Reset()
			if r := b.Navigate(callback); r.StatusCode != http.StatusSeeOther || r.Location() != "/" ||
				!strings.Contains(log.String(), "callback without an attempt") {
				t.Errorf("%s: %d to %q\n%s", name, r.StatusCode, r.Location(), log.String())
			}
		})
	}
}

// TestCallbackAfterTheResponse: if other middleware has responded, the code is not redeemed, since no cookie of a
// session could be set.
func TestCallbackAfterTheResponse(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	engine := a.Engine
	a.Engine = gin.New()
	a.Engine.Use(func(c *gin.Context) { c.Writer.WriteHeaderNow() })
	a.Auth.Mount(a.Engine)
	b.Navigate(callback)
	a.Engine = engine
	if b.WhoAmI() != "" || a.OP.Count(fakeop.Token) != 0 {
		t.Errorf("%q is signed in, %d token requests", b.WhoAmI(), a.OP.Count(fakeop.Token))
	}
}

// TestSpentForLife: a used response is refused for as long as the cookie of its attempt could be restored. Case 29.
func TestSpentForLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		b := a.Browser()
		callback := b.Start("/auth/signin", "alice")
		cookies := b.Jar.Cookies(testapp.ParseURL(t, testapp.URL))
		if r := b.Navigate(callback); r.StatusCode != http.StatusSeeOther {
			t.Fatalf("%d %s", r.StatusCode, r.Body)
		}
		time.Sleep(10*time.Minute - 5*time.Second)
		thief := a.Browser()
		for _, c := range cookies {
			c.Secure, c.Path = true, "/"
		}
		thief.Jar.SetCookies(testapp.ParseURL(t, testapp.URL), cookies)
		if r := thief.Navigate(callback); r.StatusCode != http.StatusBadRequest || a.OP.Count(fakeop.Token) != 1 {
			t.Errorf("used again: %d, %d token requests", r.StatusCode, a.OP.Count(fakeop.Token))
		}
	})
}

// TestBrowserGone: a request whose browser disconnects ends, and no session starts for it. Case 69.
func TestBrowserGone(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	ctx, cancel := context.WithCancel(t.Context())
	a.OP.Intercept(fakeop.Token, func(http.ResponseWriter, *http.Request) { cancel() })
	a.Engine.GET("/gone/callback", func(c *gin.Context) {
		c.Request = c.Request.WithContext(ctx)
		a.Auth.Callback(c)
	})
	r := b.Navigate(strings.Replace(callback, "/auth/callback", "/gone/callback", 1))
	if r.StatusCode < 400 || b.WhoAmI() != "" {
		t.Errorf("%d, %q is signed in", r.StatusCode, b.WhoAmI())
	}
}

// instances returns two instances of an app with a slow provider. Each has its own State; the two may share a memory.
func instances(t *testing.T, first, second ginoidc.SharedState, change func(*ginoidc.Config)) (one, two *testapp.App) {
	one = slowApp(t, func(c *ginoidc.Config) {
		c.State = first
		change(c)
	})
	two = testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.State, c.Providers[0].Transport = second, one.OP.Transport()
		change(c)
	})
	two.OP = one.OP
	return one, two
}

// otherInstance returns the same browser, routed to another instance.
func otherInstance(b *testapp.Browser, a *testapp.App) *testapp.Browser {
	other := b.Twin()
	other.App = a
	return other
}

// TestCallbackAskedForTwiceElsewhere: a request that reaches another instance while the response is redeemed gets the
// same result, cookies included, whatever the result is. A request without the attempt's cookie or with another code
// never gets it. A later request is refused as a replay, as on a single instance.
func TestCallbackAskedForTwiceElsewhere(t *testing.T) {
	for _, tt := range []struct {
		name, mode string
		store      sessions.Store
		hook       func(context.Context, *ginoidc.PendingSignIn) error
		fault      fakeop.Misbehaviour
		status     int
		code       string
	}{
		{"signed in", "query", nil, nil, "", 303, ""},
		{"signed in by a form", "form_post", nil, nil, "", 303, ""},
		{"signed in, in a store", "query", memstore.NewStore([]byte(testapp.CookieSecret)), nil, "", 303, ""},
		{"the code is refused", "query", nil, nil, fakeop.ErrorInvalidGrant, 401, "sign_in_refused"},
		{"the token is refused", "form_post", nil, nil, fakeop.BadSignature, 401, "invalid_token"},
		{"the provider fails", "query", nil, nil, fakeop.Unavailable503, 503, "provider_unavailable"},
		{"the app refuses", "query", nil, func(context.Context, *ginoidc.PendingSignIn) error { return errors.New("no") },
			"", 403, "forbidden"},
		{"the app panics", "query", nil, func(context.Context, *ginoidc.PendingSignIn) error { panic("app") }, "", 500,
			"internal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared := state.NewMemory(0)
				one, two := instances(t, shared, shared, func(c *ginoidc.Config) {
					c.Providers[0].ResponseMode, c.Store, c.OnSignIn = tt.mode, tt.store, tt.hook
				})
				b := one.Browser()
				callback := b.Start("/auth/signin?return_to=/app", "alice")
				if tt.fault != "" {
					one.OP.Misbehave(tt.fault)
				}
				browsers := []*testapp.Browser{b, otherInstance(b, two), otherInstance(b, two)}
				late, other := otherInstance(b, two), strings.Replace(callback, "code=", "code=x", 1)
				replies := make([]testapp.Reply, len(browsers))
				var wg sync.WaitGroup
				for i, b := range browsers {
					wg.Go(func() { replies[i] = b.Callback(callback) })
					synctest.Wait() // until it waits for the provider or for the lease
				}
				strangers := func(when string) {
					if r := two.Browser().Callback(callback); r.StatusCode != 400 || len(r.Header["Set-Cookie"]) != 0 ||
						!strings.Contains(r.Body, "not started in this browser") {
						t.Errorf("%s, without the cookie: %d %v", when, r.StatusCode, r.Header)
					}
					if r := late.Twin().Callback(other); r.StatusCode != 400 || !strings.Contains(r.Body, "already used") {
						t.Errorf("%s, with another code: %d", when, r.StatusCode)
					}
				}
				strangers("meanwhile")
				wg.Wait()
				lines := replies[0].Header["Set-Cookie"]
				for i, r := range replies {
					if r.StatusCode != tt.status || r.Location() != replies[0].Location() ||
						(r.Location() == "/app") != (tt.status == 303) {
						t.Errorf("%d: %d to %q: %s", i, r.StatusCode, r.Location(), r.Body)
					}
					if !slices.Equal(r.Header["Set-Cookie"], lines) || len(lines) == 0 {
						t.Errorf("%d: cookies %q, not %q", i, r.Header["Set-Cookie"], lines)
					}
					if signedIn := browsers[i].WhoAmI() == "alice"; signedIn != (tt.status == 303) {
						t.Errorf("%d: signed in %t", i, signedIn)
					}
				}
				if tt.code != "" && !strings.Contains(two.Logs.String(), "code="+tt.code) {
					t.Errorf("log %s", two.Logs)
				}
				strangers("at once afterwards")
				if r := late.Callback(callback); r.StatusCode != 400 || !strings.Contains(r.Body, "already used") ||
					late.WhoAmI() != "" {
					t.Errorf("afterwards: %d", r.StatusCode)
				}
				if n := one.OP.Count(fakeop.Token); n != 1 {
					t.Errorf("%d token requests", n)
				}
			})
		})
	}
}

// dead is the State of an instance that is killed while it redeems a code: it never releases its lease and keeps no
// result.
type dead struct{ ginoidc.SharedState }

func (dead) Keep(context.Context, string, string, time.Duration) error { return nil }

func (s dead) Lease(ctx context.Context, key string, ttl time.Duration) (func(context.Context) error, bool, error) {
	_, ok, err := s.SharedState.Lease(ctx, key, ttl)
	return func(context.Context) error { return nil }, ok, err
}

// TestCallbackWithoutAnAnswerElsewhere: if the first instance keeps no result, the others do not redeem the code again.
func TestCallbackWithoutAnAnswerElsewhere(t *testing.T) {
	same := func(s ginoidc.SharedState) ginoidc.SharedState { return s }
	lacking := func(methods ...string) func(ginoidc.SharedState) ginoidc.SharedState {
		return func(s ginoidc.SharedState) ginoidc.SharedState {
			return hooked{s, func(_ context.Context, method string) error {
				if slices.Contains(methods, method) {
					return errors.ErrUnsupported
				}
				return nil
			}}
		}
	}
	large := func(c *ginoidc.Config) {
		c.OnSignIn = func(_ context.Context, s *ginoidc.PendingSignIn) error {
			s.User.Data = []byte(`"` + strings.Repeat("x", 14000) + `"`)
			return nil
		}
	}
	for _, tt := range []struct {
		name          string
		first, second func(ginoidc.SharedState) ginoidc.SharedState
		change        func(*ginoidc.Config)
		status        int
		says          string
		after         time.Duration
	}{
		{"no leases", lacking("Lease"), lacking("Lease"), nil, 400, "already used", 0},
		{"nothing kept", lacking("Keep", "Kept"), lacking("Keep", "Kept"), nil, 400, "already used", 0},
		{"too large", same, same, large, 400, "already used", time.Second},
		{"killed", func(s ginoidc.SharedState) ginoidc.SharedState { return dead{s} }, same, nil, 503,
			"Please try again", 40 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared := state.NewMemory(0)
				one, two := instances(t, tt.first(shared), tt.second(shared), func(c *ginoidc.Config) {
					if tt.change != nil {
						tt.change(c)
					}
				})
				b := one.Browser()
				callback := b.Start("/auth/signin", "alice")
				twin := otherInstance(b, two)
				var wg sync.WaitGroup
				wg.Go(func() {
					if r := b.Callback(callback); r.StatusCode != http.StatusSeeOther {
						t.Errorf("the first: %d %s", r.StatusCode, r.Body)
					}
				})
				synctest.Wait()
				began := time.Now()
				r := twin.Callback(callback)
				if took := time.Since(began); took < tt.after || took > tt.after+time.Second {
					t.Errorf("answered after %v, not %v", took, tt.after)
				}
				wg.Wait()
				if r.StatusCode != tt.status || !strings.Contains(r.Body, tt.says) || twin.WhoAmI() != "" || b.WhoAmI() != "alice" {
					t.Errorf("%d %s, %q is signed in", r.StatusCode, r.Body, twin.WhoAmI())
				}
				if n := one.OP.Count(fakeop.Token); n != 1 {
					t.Errorf("%d token requests", n)
				}
			})
		})
	}
}

// TestKeptAnswersCannotBeMoved: write access to the shared state is not enough to sign a browser in as another user.
func TestKeptAnswersCannotBeMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, on := "", false
		shared := swapping{state.NewMemory(0), &first, &on}
		one, two := instances(t, shared, shared, func(*ginoidc.Config) {})
		one.Browser().MustSignIn("alice")
		if first == "" {
			t.Fatal("nothing was kept")
		}
		b := one.Browser()
		callback := b.Start("/auth/signin", "bob")
		twin := otherInstance(b, two)
		on = true
		var wg sync.WaitGroup
		wg.Go(func() { b.Callback(callback) })
		synctest.Wait()
		if r := twin.Callback(callback); r.StatusCode != 400 || twin.WhoAmI() != "" {
			t.Errorf("%d, %q is signed in", r.StatusCode, twin.WhoAmI())
		}
		wg.Wait()
	})
}

// TestRefusedAtProvider: the event of a sign-in that fails names the provider, whether it fails at the start, at the
// end or without a page.
func TestRefusedAtProvider(t *testing.T) {
	for name, refuse := range map[string]func(a *testapp.App, b *testapp.Browser){
		"start": func(a *testapp.App, b *testapp.Browser) {
			a.OP.Intercept(fakeop.Discovery, http.NotFound)
			b.Navigate("/auth/signin")
		},
		"callback": func(_ *testapp.App, b *testapp.Browser) { b.Navigate("/auth/callback?code=x&state=y") },
		"silent": func(a *testapp.App, b *testapp.Browser) {
			callback, err := a.OP.Deny(b.Navigate("/silent").Location(), "login_required")
			if err != nil {
				t.Fatal(err)
			}
			b.Navigate(callback)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var r recorder
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
				c.OnEvent, c.Providers[0].Name = r.receive, "staff"
			})
			a.Engine.GET("/silent", a.Auth.SilentSignIn(), a.Public)
			refuse(a, a.Browser())
			refused := slices.DeleteFunc(r.take(), func(e ginoidc.Event) bool { return e.Name != ginoidc.EventSignInRefused })
			if len(refused) != 1 || refused[0].Provider != "staff" {
				t.Errorf("%+v", refused)
			}
		})
	}
}
