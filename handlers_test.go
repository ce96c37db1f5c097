package ginoidc_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestSignInRequest: the authorization request is the app's own, whatever the link that started it says.
func TestSignInRequest(t *testing.T) {
	a := testapp.New(t, func(_ *ginoidc.Config, op *fakeop.Config) {})
	a.OP.OnDiscovery(func(doc map[string]any) { doc["authorization_endpoint"] = "https://idp.example/authorize?tenant=7" }) // case 16
	owned := map[string]string{
		"response_type": "code", "client_id": "app", "redirect_uri": testapp.URL + "/auth/callback", "scope": "openid profile email",
		"code_challenge_method": "S256", "tenant": "7",
	}
	for query, extra := range map[string]map[string]string{
		"": {},
		// case 4
		"?scope=admin&redirect_uri=//x&client_id=y&response_mode=fragment&request=z&state=1&nonce=2&code_challenge=3&response_type=token&tenant=8&claims={}": {},
		"?prompt=login&login_hint=alice@example.com&max_age=60&acr_values=mfa&ui_locales=de&display=page":                                                    {"prompt": "login", "login_hint": "alice@example.com", "max_age": "60", "acr_values": "mfa", "ui_locales": "de", "display": "page"},
		"?prompt=none+login&max_age=-1&display=fullscreen&login_hint=%00":                                                                                    {},
		"?target_link_uri=https://evil.example/":                                                                                                             {},
	} {
		r := a.Browser().Do("GET", "/auth/signin"+query, nil, append([]string{"X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example"}, testapp.Navigation()...)...) // case 7
		if r.StatusCode != http.StatusFound || r.Header.Get("Cache-Control") != "no-store" {                                                                                      // case 19
			t.Fatalf("%s: %d %q", query, r.StatusCode, r.Header.Get("Cache-Control"))
		}
		sent := testapp.ParseURL(t, r.Location()).Query()
		for name, value := range owned {
			if len(sent[name]) != 1 || sent.Get(name) != value {
				t.Errorf("%s: %s = %q, want %q", query, name, sent[name], value)
			}
		}
		for _, name := range []string{"state", "nonce", "code_challenge"} {
			if len(sent[name]) != 1 || len(sent.Get(name)) < 22 {
				t.Errorf("%s: %s = %q", query, name, sent[name])
			}
		}
		if want := len(owned) + 3 + len(extra); len(sent) != want {
			t.Errorf("%s: %d parameters, want %d: %v", query, len(sent), want, sent)
		}
		for name, value := range extra {
			if sent.Get(name) != value {
				t.Errorf("%s: %s = %q, want %q", query, name, sent[name], value)
			}
		}
	}
}

// TestAttemptsDiffer: state, nonce and challenge never repeat and are in no cookie in clear, cases 1, 2 and 5.
func TestAttemptsDiffer(t *testing.T) {
	a := testapp.New(t)
	seen := map[string]bool{}
	for range 10_000 {
		r := a.Browser().Navigate("/auth/signin?return_to=/a%26scope%3Dadmin")
		sent := testapp.ParseURL(t, r.Location()).Query()
		for _, name := range []string{"state", "nonce", "code_challenge"} {
			value := sent.Get(name)
			if seen[value] || value == "" {
				t.Fatalf("%s %q repeats", name, value)
			}
			seen[value] = true
			if name != "state" && strings.Contains(r.Header.Get("Set-Cookie"), value) {
				t.Fatalf("%s is in the cookie in clear", name)
			}
		}
		if strings.Contains(r.Location(), "admin") { // case 5
			t.Fatalf("the return target is in the authorization URL: %s", r.Location())
		}
	}
}

// TestNoAttemptStarted: nothing but a person's navigation starts a sign-in.
func TestNoAttemptStarted(t *testing.T) {
	a := testapp.New(t)
	for name, tt := range map[string]struct {
		method  string
		headers []string
		status  int
	}{
		"prefetch":  {"GET", append([]string{"Sec-Purpose", "prefetch"}, testapp.Navigation()...), 400}, // case 9
		"prerender": {"GET", append([]string{"Purpose", "prerender"}, testapp.Navigation()...), 400},    // case 9
		"image":     {"GET", []string{"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, 400},
		"iframe":    {"GET", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 400},
		"fetch":     {"GET", []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, 400},
		"HEAD":      {"HEAD", testapp.Navigation(), 405},
		"POST":      {"POST", testapp.Navigation(), 405},
		"OPTIONS":   {"OPTIONS", nil, 405},
	} {
		r := a.Browser().Do(tt.method, "/auth/signin", nil, tt.headers...)
		if r.StatusCode != tt.status || r.Header.Get("Set-Cookie") != "" || r.Location() != "" {
			t.Errorf("%s: %d %v", name, r.StatusCode, r.Header)
		}
		if allow := r.Header.Get("Allow"); (allow == "GET") != (tt.status == 405) {
			t.Errorf("%s: Allow %q", name, allow)
		}
	}
}

// TestSignInEnds: the way back, cases 12, 51 and 155.
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
		r := b.Do("GET", callback, nil, append([]string{"Referer", "https://evil.example/", "Origin", "https://evil.example"}, testapp.Navigation()...)...) // case 156
		if r.StatusCode != http.StatusSeeOther || r.Location() != want {
			t.Errorf("return_to %.40q: %d to %q, want %q", returnTo, r.StatusCode, r.Location(), want)
		}
		if h := r.Header; h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("headers %v", h)
		}
		if names := b.Cookies(); len(names) != 1 || names[0] != "__Host-ginoidc" || b.WhoAmI() != "alice" {
			t.Errorf("after the sign-in: cookies %v, user %q", names, b.WhoAmI())
		}
		for _, line := range r.Header["Set-Cookie"] {
			if c, _ := http.ParseSetCookie(line); c.Name == "__Host-ginoidc" &&
				(c.Path != "/" || c.Domain != "" || c.MaxAge != 43200 || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode) { // Lax is not to be changed, case 147
				t.Errorf("session cookie: %s", line[strings.Index(line, ";"):])
			}
			if len(line) > 4096 {
				t.Errorf("a cookie of %d bytes", len(line))
			}
		}
	}
}

// pageScript is what takes query and fragment out of the address bar.
var pageScript = regexp.MustCompile(`<script>(history\.replaceState\(null,"",location\.pathname\))</script>`)

func hashOf(script string) string {
	sum := sha256.Sum256([]byte(script))
	return "script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// TestCallbackRefused: what a callback refuses before it asks the provider anything. Every row starts with a sign-in
// under way; nothing makes a session or a token request, and where "kept" says so that sign-in can still end well.
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
		{"no iss although announced", del("iss"), "invalid_callback", 400, true},                                                                        // case 36
		{"other iss", set("iss", "https://evil.example"), "invalid_callback", 400, true},                                                                // case 37
		{"iss with a slash", set("iss", "https://idp.example/"), "invalid_callback", 400, true},                                                         // case 37
		{"iss in capitals", set("iss", "https://IDP.example"), "invalid_callback", 400, true},                                                           // case 37
		{"an ID token", set("id_token", "e30.e30."), "invalid_callback", 400, true},                                                                     // case 46
		{"an access token", set("access_token", "x"), "invalid_callback", 400, true},                                                                    // case 46
		{"a query of 1 MB", set("x", strings.Repeat("x", 1<<20)), "invalid_callback", 400, true},                                                        // case 284
		{"10,001 parameters", func(q url.Values) { q["x"] = make([]string, 10_001) }, "invalid_callback", 400, true},                                    // case 284
		{"a code of 17 kB", set("code", strings.Repeat("a", 17<<10)), "invalid_callback", 400, true},                                                    // case 47
		{"error without attempt", func(q url.Values) { clear(q); q.Set("error", "access_denied") }, "invalid_callback", 400, true},                      // case 32
		{"error of another attempt", func(q url.Values) { q.Set("error", "x"); q.Set("state", strings.Repeat("A", 32)) }, "attempt_missing", 400, true}, // case 32
		{"access_denied", func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }, "sign_in_refused", 401, false},                         // case 31
		{"login_required", func(q url.Values) { q.Del("code"); q.Set("error", "login_required") }, "sign_in_refused", 401, false},                       // case 14
		{"error and code", set("error", "server_error"), "sign_in_refused", 401, false},                                                                 // case 35
		{"hostile error", set("error", "x\r\nlevel=ERROR \x1b[31m\xff"+strings.Repeat("e", 10<<10)), "sign_in_refused", 401, false},                     // case 34
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
			if script := pageScript.FindStringSubmatch(r.Body); script == nil || !strings.Contains(r.Header.Get("Content-Security-Policy"), hashOf(script[1])) { // case 39
				t.Errorf("the page leaves query and fragment in the address bar: %s", r.Body)
			}
			if !strings.Contains(r.Body, "Sign in again") || strings.Contains(r.Body, "evil") || strings.Contains(r.Body, "eeee") {
				t.Errorf("page: %s", r.Body)
			}
			if !strings.Contains(a.Logs.String(), "code="+tt.code) || strings.Contains(a.Logs.String(), "\x1b") || a.Logs.Len() > 4000 {
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

// TestCallbackMethodsAndSpellings: only a person's GET of the one path redeems, and no redirect copies the code.
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
		{"HEAD", "/auth/callback", testapp.Navigation(), 405},                                                // case 42
		{"OPTIONS", "/auth/callback", nil, 405},                                                              // case 42
		{"PUT", "/auth/callback", testapp.Navigation(), 405},                                                 // case 42
		{"TRACE", "/auth/callback", nil, 405},                                                                // case 42
		{"POST", "/auth/callback", testapp.Navigation(), 405},                                                // case 45: no form_post mode, no body is read
		{"GET", "/auth/callback", frame, 400},                                                                // case 41
		{"GET", "/auth/callback", []string{"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script"}, 400},    // case 41
		{"GET", "/auth/callback", append([]string{"Sec-Purpose", "prefetch"}, testapp.Navigation()...), 400}, // case 41
		{"GET", "/auth/callback/", testapp.Navigation(), 404},                                                // case 49
		{"GET", "//auth/callback", testapp.Navigation(), 404},                                                // case 49
	} {
		r := b.Do(tt.method, testapp.URL+tt.path+query, strings.NewReader("code=x"), tt.headers...)
		if r.StatusCode != tt.status || r.Location() != "" || a.OP.Count(fakeop.Token) != 0 {
			t.Errorf("%s %s: %d, Location %q, %d token requests", tt.method, tt.path, r.StatusCode, r.Location(), a.OP.Count(fakeop.Token))
		}
	}
	if r := b.Navigate("/auth/%63allback" + query); r.StatusCode != 303 || b.WhoAmI() != "alice" { // case 49: the same route, redeemed once
		t.Errorf("escaped path: %d", r.StatusCode)
	}
	if a.OP.Count(fakeop.Token) != 1 {
		t.Errorf("%d token requests", a.OP.Count(fakeop.Token))
	}
}

// TestAliasHost: a callback by another name of the app finds no cookie, and the log says which name it was. Case 50.
func TestAliasHost(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	for _, alias := range []string{"https://alias.example.com", "http://app.example.com"} {
		if r := b.Navigate(strings.Replace(callback, testapp.URL, alias, 1)); r.StatusCode != 400 || !strings.Contains(r.Body, "cookie was lost") {
			t.Errorf("%s: %d %s", alias, r.StatusCode, r.Body)
		}
	}
	if out := a.Logs.String(); !regexp.MustCompile(`code=attempt_missing request_id=\w+ host=alias\.example\.com `).MatchString(out) || a.OP.Count(fakeop.Token) != 0 {
		t.Errorf("log %s", out)
	}
}

// TestReplay: an attempt is spent once, even when its cookie is put back, cases 29 and 157.
func TestReplay(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	callback := b.Start("/auth/signin?return_to=/app", "alice")
	u := testapp.ParseURL(t, testapp.URL+"/")
	attempt := b.Jar.Cookies(u)
	if r := b.Navigate(callback); r.Location() != "/app" {
		t.Fatalf("%d to %q", r.StatusCode, r.Location())
	}
	if r := b.Navigate(callback); r.StatusCode != 303 || r.Location() != "/" || r.Header.Get("Set-Cookie") != "" { // back button, signed in
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

// TestTabs: ten sign-ins at once in one browser; the newest five end on their own pages in any order, the older ones
// on the app's root, and their cookies stay few, cases 24, 267 and 277.
func TestTabs(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	var callbacks []string
	for i := range 5 {
		callbacks = append(callbacks, b.Start("/auth/signin?return_to=/tab"+string(rune('0'+i)), "alice"))
	}
	if n := len(b.Cookies()); n != 5 {
		t.Errorf("%d attempt cookies", n)
	}
	for _, i := range []int{3, 0, 4, 1, 2} {
		if r := b.Navigate(callbacks[i]); r.Location() != "/tab"+string(rune('0'+i)) {
			t.Errorf("tab %d: %d to %q", i, r.StatusCode, r.Location())
		}
	}
	crowd := a.Browser()
	for range 50 { // case 277
		crowd.Navigate("/auth/signin?return_to=/" + strings.Repeat("x", 1000))
	}
	newest := crowd.Start("/auth/signin?return_to=/newest", "bob")
	size := 0
	for _, c := range crowd.Jar.Cookies(testapp.ParseURL(t, testapp.URL)) {
		size += len(c.Name) + len(c.Value) + 3
	}
	if n := len(crowd.Cookies()); n > 5 || size > 4096 {
		t.Errorf("%d cookies of %d bytes", n, size)
	}
	if r := crowd.Navigate(newest); r.Location() != "/newest" {
		t.Errorf("the newest attempt: %d", r.StatusCode)
	}
}

// TestSwappedAttempts: the cookies of two attempts exchanged, and a session's value as an attempt's, cases 24 and 26.
func TestSwappedAttempts(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	one, two := b.Start("/auth/signin", "alice"), b.Start("/auth/signin", "bob")
	u := testapp.ParseURL(t, testapp.URL)
	cookies := b.Jar.Cookies(u)
	cookies[0].Value, cookies[1].Value = cookies[1].Value, cookies[0].Value
	for _, callback := range []string{one, two} {
		swapped := a.Browser()
		for _, c := range cookies {
			c.Secure, c.Path = true, "/"
		}
		swapped.Jar.SetCookies(u, cookies)
		if r := swapped.Navigate(callback); r.StatusCode != 400 {
			t.Errorf("swapped: %d", r.StatusCode)
		}
	}
	session := a.Browser() // case 26: an attempt's value as the session cookie
	session.Jar.SetCookies(u, []*http.Cookie{{Name: "__Host-ginoidc", Value: cookies[0].Value, Secure: true, Path: "/"}})
	if session.WhoAmI() != "" {
		t.Error("an attempt is a session")
	}
	b.Jar.SetCookies(u, []*http.Cookie{{Name: "__Host-ginoidc", Value: cookies[1].Value, Secure: true, Path: "/"}})
	if n := a.OP.Count(fakeop.Token); n != 0 {
		t.Errorf("%d token requests", n)
	}
}

// TestPagesAreClosed: a page of the plugin runs its own script alone, cannot be framed, has no other base for its links, is
// taken for nothing else than HTML, and is not kept.
func TestPagesAreClosed(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	for path, status := range map[string]int{"/auth/signout": 200, "/auth/callback?code=x": 400, "/auth/signed-out": 200} {
		r := b.Navigate(path)
		policy := r.Header.Get("Content-Security-Policy")
		for _, directive := range []string{"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "script-src 'sha256-", "style-src 'sha256-"} {
			if !strings.Contains(policy, directive) {
				t.Errorf("%s: policy %q lacks %s", path, policy, directive)
			}
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %s %q", path, name, got)
			}
		}
		if r.StatusCode != status {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

// TestSpentForLife: an answer that was used stays used for as long as its attempt could be put back. Case 29.
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

// TestAttemptExpires: after AttemptLife to the second the answer is refused as late, and as long as the browser keeps the
// cookie it is told from one that nobody asked for. Case 27.
func TestAttemptExpires(t *testing.T) {
	for _, tt := range []struct {
		life, wait time.Duration
		code       string // "" where the sign-in ends well
	}{
		{0, 10*time.Minute - time.Second, ""},
		{0, 10*time.Minute + time.Second, "attempt_expired"},
		{0, 70*time.Minute - time.Second, "attempt_expired"},
		{0, 70*time.Minute + time.Second, "attempt_missing"},
		{time.Minute, 61 * time.Second, "attempt_expired"},
		{25 * time.Minute, 25*time.Minute - time.Second, ""},
		{25 * time.Minute, 25*time.Minute + time.Second, "attempt_expired"},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.AttemptLife = tt.life })
			b := a.Browser()
			location := b.Navigate("/auth/signin").Location()
			time.Sleep(tt.wait)
			callback, err := a.OP.Approve(location, "alice")
			if err != nil {
				t.Fatal(err)
			}
			r := b.Navigate(callback)
			if (r.StatusCode == http.StatusSeeOther) != (tt.code == "") || !strings.Contains(a.Logs.String(), "code="+tt.code) && tt.code != "" {
				t.Errorf("life %s, after %s: %d, want %q; log %s", tt.life, tt.wait, r.StatusCode, tt.code, a.Logs)
			}
			if strings.Contains(r.Body, "took too long") != (tt.code == "attempt_expired") {
				t.Errorf("life %s, after %s: %s", tt.life, tt.wait, r.Body)
			}
		})
	}
}

// TestNewSession: a sign-in replaces whatever session there was, and a failed one leaves it alone, case 130.
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

// TestSessionLife: use past half of the idle limit renews, silence ends, and the lifetime ends in any case.
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
			{50 * time.Minute, false, true}, {20 * time.Minute, true, true}, {100 * time.Minute, true, true}, {100 * time.Minute, true, true},
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

// TestUserInfoRoute shows the allow-listed claims only, and 204 to nobody.
func TestUserInfoRoute(t *testing.T) {
	a := testapp.New(t)
	a.OP.OnIDToken(func(claims map[string]any) { claims["salary"] = 7 })
	b := a.Browser()
	if r := b.Fetch("/auth/userinfo"); r.StatusCode != 204 || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("signed out: %d %v", r.StatusCode, r.Header)
	}
	b.MustSignIn("alice")
	r := b.Fetch("/auth/userinfo")
	claims := r.JSON(t)
	if claims["sub"] != "alice" || claims["email"] != "alice@example.com" || claims["salary"] != nil || claims["iss"] != nil || claims["groups"] == nil {
		t.Errorf("claims %v", claims)
	}
	if r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control %q", r.Header.Get("Cache-Control"))
	}
	if r := b.Do("DELETE", "/auth/userinfo", nil); r.StatusCode != 405 || r.Header.Get("Allow") != "GET" {
		t.Errorf("DELETE: %d", r.StatusCode)
	}
}
