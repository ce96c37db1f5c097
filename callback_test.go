package ginoidc_test

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
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

// TestSignInEnds: a sign-in returns to acceptable targets only, and with the required headers. Cases 12, 51 and 155.
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
		callback := b.Start("/auth/signin?return_to="+url.QueryEscape(returnTo), "alice")
		for _, name := range b.Cookies() {
			if !strings.HasPrefix(name, "__Host-ginoidc.") {
				t.Errorf("cookie %s before the callback", name)
			}
		}
		r := b.Do("GET", callback, nil, append([]string{"Referer", "https://evil.example/", "Origin", "https://evil.example"},
			testapp.Navigation()...)...) // case 156
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
		{"a code beside an empty one", func(q url.Values) { q.Add("code", "") }, "invalid_callback", 400, true},
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
			tt.edit(q)
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
