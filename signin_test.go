package ginoidc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestSignInRequest: the app alone determines the authorization request, whatever the link has.
func TestSignInRequest(t *testing.T) {
	a := testapp.New(t, func(_ *ginoidc.Config, op *fakeop.Config) {})
	// case 16
	a.OP.OnDiscovery(func(doc map[string]any) { doc["authorization_endpoint"] = "https://idp.example/authorize?tenant=7" })
	owned := map[string]string{
		"response_type": "code", "client_id": "app", "redirect_uri": testapp.URL + "/auth/callback",
		"scope":                 "openid profile email",
		"code_challenge_method": "S256", "tenant": "7",
	}
	for query, extra := range map[string]map[string]string{
		"": {},
		// case 4
		"?scope=admin&redirect_uri=//x&client_id=y&response_mode=fragment&request=z&state=1&nonce=2&code_challenge=3" +
			"&response_type=token&tenant=8&claims={}": {},
		"?prompt=login&login_hint=alice@example.com&max_age=60&acr_values=mfa&ui_locales=de&display=page": {
			"prompt": "login", "login_hint": "alice@example.com", "max_age": "60",
			"acr_values": "mfa", "ui_locales": "de", "display": "page",
		},
		"?prompt=none+login&max_age=-1&display=fullscreen&login_hint=%00": {},
		"?target_link_uri=https://evil.example/":                          {},
	} {
		r := a.Browser().Do("GET", "/auth/signin"+query, nil,
			// case 7
			append([]string{"X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example"}, testapp.Navigation()...)...)
		if r.StatusCode != http.StatusFound || r.Header.Get("Cache-Control") != "no-store" { // case 19
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

// TestAttemptsDiffer: state, nonce and challenge never repeat, and no cookie has them in the clear. Cases 1, 2 and 5.
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
		// Case 5. Random values can have the word admin, but no equals sign.
		if all, err := url.QueryUnescape(r.Location()); err != nil || strings.Contains(all, "scope=admin") {
			t.Fatalf("the return target is in the authorization URL: %s", r.Location())
		}
	}
}

// TestNoAttemptStarted: only a navigation starts a sign-in.
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

// TestTabs: of ten concurrent sign-ins in one browser, the newest five end on their own pages in any order and the
// older ones on the app's root. The number of their cookies is bounded. Cases 24, 267 and 277.
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

// TestAttemptExpires: a response is refused as expired exactly after AttemptLife. While the browser keeps the cookie,
// it is distinguished from an unsolicited response. Case 27.
func TestAttemptExpires(t *testing.T) {
	for _, tt := range []struct {
		life, wait time.Duration
		code       string // "" if the sign-in succeeds
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
			if (r.StatusCode == http.StatusSeeOther) != (tt.code == "") || !strings.Contains(a.Logs.String(), "code="+tt.code) &&
				tt.code != "" {
				t.Errorf("life %s, after %s: %d, want %q; log %s", tt.life, tt.wait, r.StatusCode, tt.code, a.Logs)
			}
			if strings.Contains(r.Body, "took too long") != (tt.code == "attempt_expired") {
				t.Errorf("life %s, after %s: %s", tt.life, tt.wait, r.Body)
			}
		})
	}
}

// TestSwappedAttempts: the cookies of two attempts are swapped, and a session's value is used for an attempt. Cases 24
// and 26.
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

// TestSilentCookieIsSetOnce: a response sets the cookie once, even if a middleware has already set it.
func TestSilentCookieIsSetOnce(t *testing.T) {
	a := testapp.New(t)
	a.Engine.GET("/news", func(c *gin.Context) {
		c.Writer.Header().Add("Set-Cookie", "__Host-ginoidc.silent=stale; Path=/")
		c.Writer.Header().Add("Set-Cookie", "theme=dark")
	}, a.Auth.SilentSignIn(), a.Public)
	r := a.Browser().Navigate("/news")
	count := map[string]int{}
	for _, c := range r.Cookies() {
		count[c.Name]++
		if c.Value == "stale" {
			t.Errorf("still set: %v", c)
		}
	}
	if r.StatusCode != http.StatusFound || count["__Host-ginoidc.silent"] != 1 || count["theme"] != 1 || len(count) != 3 {
		t.Errorf("%d, cookies %v", r.StatusCode, count)
	}
}

// TestSilentSignIn: a public page signs in users who are signed in at the provider, once per browser session. Other
// users do not notice. Cases 14, 31.
func TestSilentSignIn(t *testing.T) {
	silent := func(change ...func(*ginoidc.Config, *fakeop.Config)) *testapp.App {
		a := testapp.New(t, change...)
		a.Engine.Match([]string{"GET", "HEAD"}, "/news", a.Auth.SilentSignIn(), a.Public)
		return a
	}
	a := silent()
	b := a.Browser()
	r := b.Navigate("/news?page=2")
	if sent := testapp.ParseURL(t, r.Location()).Query(); r.StatusCode != http.StatusFound ||
		sent.Get("prompt") != "none" || r.Body != "" {
		t.Fatalf("%d to %q", r.StatusCode, r.Location())
	}
	callback, err := a.OP.Approve(r.Location(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if r := b.Navigate(callback); r.StatusCode != http.StatusSeeOther || r.Location() != "/news?page=2" ||
		b.WhoAmI() != "alice" {
		t.Fatalf("%d to %q", r.StatusCode, r.Location())
	}
	b.Do("POST", "/auth/signout", nil)
	if r := b.Navigate("/news"); r.StatusCode != http.StatusOK { // otherwise a sign-out would not last
		t.Errorf("after the sign-out: %d to %q", r.StatusCode, r.Location())
	}

	b = a.Browser()
	b.MustSignIn("alice")
	b.Do("POST", "/auth/signout", nil)
	if r := b.Navigate("/news"); r.StatusCode != http.StatusOK {
		t.Errorf("after the sign-out of a sign-in by hand: %d", r.StatusCode)
	}
	// case 14
	for _, code := range []string{"login_required", "interaction_required", "consent_required", "server_error"} {
		b := a.Browser()
		callback, err := a.OP.Deny(b.Navigate("/news").Location(), code)
		if err != nil {
			t.Fatal(err)
		}
		if r := b.Navigate(callback); r.StatusCode != http.StatusSeeOther || r.Location() != "/news" {
			t.Errorf("%s: %d to %q", code, r.StatusCode, r.Location())
		}
		if r := b.Navigate("/news"); r.StatusCode != http.StatusOK {
			t.Errorf("%s: again %d to %q", code, r.StatusCode, r.Location())
		}
	}
	noAnswer := false
	unknown := silent(func(c *ginoidc.Config, _ *fakeop.Config) {
		c.State = fallibleState{state.NewMemory(0), &noAnswer}
	})
	b = unknown.Browser()
	b.MustSignIn("alice")
	if noAnswer = true; b.Navigate("/news").StatusCode != http.StatusOK {
		t.Error("a redirect although the user may be signed in")
	}
	var rec recorder
	away := silent(func(c *ginoidc.Config, _ *fakeop.Config) { c.OnEvent = rec.receive })
	away.OP.Intercept(fakeop.Discovery, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	if r := away.Browser().Navigate("/news"); r.StatusCode != http.StatusOK || !strings.Contains(
		fmt.Sprint(rec.take()), "silent sign-in") {
		t.Errorf("no provider: %d %s", r.StatusCode, away.Logs)
	}
	b = a.Browser()
	callback = b.Start("/news", "alice")
	a.OP.Misbehave(fakeop.Unavailable503)
	if r := b.Navigate(callback); r.StatusCode != http.StatusSeeOther || r.Location() != "/news" || b.WhoAmI() != "" {
		t.Errorf("the provider fails: %d to %q", r.StatusCode, r.Location())
	}
	a.OP.Misbehave()

	for name, request := range map[string]func(*testapp.Browser) testapp.Reply{
		"fetch": func(b *testapp.Browser) testapp.Reply { return b.Fetch("/news") },
		"HEAD":  func(b *testapp.Browser) testapp.Reply { return b.Do("HEAD", "/news", nil, testapp.Navigation()...) },
		"prefetch": func(b *testapp.Browser) testapp.Reply {
			return b.Do("GET", "/news", nil, append(testapp.Navigation(), "Sec-Purpose", "prefetch")...)
		},
		"signed in": func(b *testapp.Browser) testapp.Reply { b.MustSignIn("alice"); return b.Navigate("/news") },
	} {
		if r := request(a.Browser()); r.StatusCode != http.StatusOK || len(r.Header["Set-Cookie"]) != 0 {
			t.Errorf("%s: %d, %v", name, r.StatusCode, r.Header["Set-Cookie"])
		}
	}

	down := silent()
	down.OP.Intercept(fakeop.Discovery, func(w http.ResponseWriter,
		_ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	if r := down.Browser().Navigate("/news"); r.StatusCode != http.StatusOK || r.Body != "public" ||
		len(r.Header["Set-Cookie"]) != 0 {
		t.Errorf("provider unknown: %d %s", r.StatusCode, r.Body)
	}

	a.Engine = gin.New()
	a.Engine.Use(a.Auth.SilentSignIn()) // on every route, the plugin's own included
	a.Auth.Mount(a.Engine)
	if r := a.Browser().Navigate("/auth/userinfo"); r.StatusCode != http.StatusNoContent {
		t.Errorf("own route: %d to %q", r.StatusCode, r.Location())
	}
}

// TestMaxAge: a max_age that is requested is checked in the callback. Case 97.
func TestMaxAge(t *testing.T) {
	for name, tt := range map[string]struct {
		authTime any
		status   int
	}{
		"fresh": {time.Now().Unix(), 303}, "old": {time.Now().Unix() - 600, 401}, "absent": {nil, 401},
	} {
		a := testapp.New(t)
		a.OP.OnIDToken(func(c map[string]any) {
			if c["auth_time"] = tt.authTime; tt.authTime == nil {
				delete(c, "auth_time")
			}
		})
		b := a.Browser()
		if r := b.Navigate(b.Start("/auth/signin?max_age=60", "alice")); r.StatusCode != tt.status {
			t.Errorf("%s: %d, want %d", name, r.StatusCode, tt.status)
		}
	}
}

// TestStepUpBesideConfiguration: a guard can request another authentication context class than the configured one, and
// the sealed parameters in its link are valid for this session only.
func TestStepUpBesideConfiguration(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].SignInParameters = url.Values{"acr_values": {"mfa"}, "max_age": {"3600"}, "prompt": {"consent"}}
	})
	a.Engine.GET("/pay", a.Auth.RequireACR("gold"), a.Protected)
	a.Engine.GET("/password", a.Auth.RequireFreshSignIn(time.Minute), a.Protected)
	a.Engine.GET("/vault", a.Auth.RequireGroups("nobody"), a.Protected)
	acr, old := "mfa", time.Now().Add(-10*time.Minute).Unix()
	a.OP.OnIDToken(func(claims map[string]any) { claims["acr"], claims["auth_time"] = acr, old })
	b := a.Browser()
	b.MustSignIn("alice")

	denied := b.Navigate("/pay?amount=7")
	query := testapp.ParseURL(t, denied.Location()).Query()
	if query.Get("acr_values") != "gold" || query.Get("return_to") != "/pay?amount=7" || len(query["with"]) != 1 {
		t.Fatalf("the guard sends to %s", denied.Location())
	}
	api := b.Fetch("/pay").JSON(t)["sign_in_url"].(string)
	if with := testapp.ParseURL(t, api).Query(); with.Get("acr_values") != "gold" || len(with["with"]) != 1 {
		t.Errorf("a program is sent to %s", api)
	}
	sent := func(b *testapp.Browser, signIn string) url.Values {
		return testapp.ParseURL(t, b.Navigate(signIn).Location()).Query()
	}
	other := a.Browser()
	other.MustSignIn("bob")
	for name, tt := range map[string]struct {
		b      *testapp.Browser
		signIn string
		want   string
	}{
		"the guard's":            {b, denied.Location(), "gold"},
		"the guard's, of an API": {b, api, "gold"},
		"without the seal":       {b, "/auth/signin?acr_values=gold", "mfa"},
		"of another session":     {other, denied.Location(), "mfa"},
		"of nobody signed in":    {a.Browser(), denied.Location(), "mfa"},
	} {
		if got := sent(tt.b, tt.signIn); got.Get("acr_values") != tt.want || got.Get("max_age") != "3600" ||
			got.Get("prompt") != "consent" {
			t.Errorf("%s: sent %v", name, got)
		}
	}
	if got := sent(b, b.Navigate("/password").Location()); got.Get("max_age") != "60" || got.Get("acr_values") != "mfa" {
		t.Errorf("a fresh sign-in: sent %v", got)
	}
	page := b.Navigate("/vault").Body // its link has to request another user although prompt=consent is configured
	if _, link, ok := strings.Cut(page, `href="`); !ok ||
		sent(b, strings.ReplaceAll(link[:strings.Index(link, `"`)], "&amp;", "&")).Get("prompt") != "login" {
		t.Errorf("sign in as someone else: %s", page)
	}
	acr = "gold"
	if r := provesAgain(b, denied); r.StatusCode != http.StatusOK {
		t.Errorf("after the step-up: %d to %q", r.StatusCode, r.Location())
	}
}

// TestSignInParameters: the app can seal parameters into the URL that a link may not have, but none that the plugin
// sets itself. Cases 4, 6.
func TestSignInParameters(t *testing.T) {
	configured := url.Values{"audience": {"https://api.example.com"}, "ui_locales": {"en"}, "prompt": {"login"}}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].SignInParameters = configured })
	configured["audience"][0] = "changed after New"
	configured.Set("scope", "admin")
	link, err := a.Auth.SignInURLWith("/me", url.Values{"prompt": {"create"}, "claims": {`{"id_token":{"acr":null}}`},
		"max_age": {"60"}})
	if err != nil {
		t.Fatal(err)
	}
	sealed := testapp.ParseURL(t, link).Query().Get("with")
	flipped := strings.Replace(link, sealed[20:24], "AAAA", 1)
	for _, tt := range []struct {
		name, path string
		want       map[string]string // "" where there is none
	}{
		{"configured", "/auth/signin", map[string]string{"audience": "https://api.example.com", "ui_locales": "en",
			"prompt": "login", "claims": ""}},
		{"asked for by a link", "/auth/signin?ui_locales=de&audience=other",
			map[string]string{"audience": "https://api.example.com", "ui_locales": "en"}}, // a link only adds
		{"sealed", link, map[string]string{"prompt": "create", "claims": `{"id_token":{"acr":null}}`, "max_age": "60",
			"audience": "https://api.example.com"}},
		{"sealed goes before the link", link + "&prompt=none&max_age=9",
			map[string]string{"prompt": "create", "max_age": "60"}},
		{"tampered with", flipped, map[string]string{"prompt": "login", "claims": "", "max_age": ""}},
		{"an attempt's cookie", "/auth/signin?with=" + attemptValue(a),
			map[string]string{"prompt": "login", "claims": "", "max_age": ""}}, // case 26
		{"oversized", "/auth/signin?with=" + strings.Repeat("A", 5000), map[string]string{"prompt": "login", "claims": ""}},
	} {
		r := a.Browser().Navigate(tt.path)
		sent := testapp.ParseURL(t, r.Location()).Query()
		for name, value := range tt.want {
			if sent.Get(name) != value || len(sent[name]) > 1 {
				t.Errorf("%s: %s = %q, want %q", tt.name, name, sent[name], value)
			}
		}
	}
	for name, params := range map[string]url.Values{
		"own": {"scope": {"admin"}}, "a request object": {"request": {"x"}}, "a client's secret": {"client_secret": {"x"}},
		"twice": {"audience": {"a", "b"}}, "none": {"audience": nil},
		"max_age": {"max_age": {"soon"}}, "oversized": {"claims": {strings.Repeat("a", 1600)}},
	} {
		if link, err := a.Auth.SignInURLWith("", params); err == nil {
			t.Errorf("%s: %s", name, link)
		}
	}
	if link, err := a.Auth.SignInURLWith("",
		url.Values{"resource": {"https://a.example", "https://b.example"}}); err != nil {
		t.Error(err)
		// RFC 8707
	} else if sent := testapp.ParseURL(t, a.Browser().Navigate(link).Location()).Query(); len(sent["resource"]) != 2 {
		t.Errorf("resource %q", sent["resource"])
	}
}

// attemptValue returns the sealed value of an attempt's cookie.
func attemptValue(a *testapp.App) string {
	_, value, _ := strings.Cut(a.Browser().Navigate("/auth/signin").Header.Get("Set-Cookie"), "=")
	value, _, _ = strings.Cut(value, ";")
	return value
}

// linking is what an app knows about linked accounts.
type linking struct {
	*testapp.App
	linked []string
	err    error
	down   bool // the state does not say which sessions have ended
}

// newLinking returns an app that links accounts, with a route that shows the link to a provider.
func newLinking(t *testing.T, change ...testapp.Change) *linking {
	t.Helper()
	l := &linking{}
	l.App = several(t, append([]testapp.Change{func(c *ginoidc.Config, _ *fakeop.Config) {
		c.KeepTokens, c.State = true, fallibleState{state.NewMemory(0), &l.down}
		c.OnLink = func(_ context.Context, user, linked *ginoidc.User) error {
			l.linked = append(l.linked, user.Provider+" "+user.Subject+" = "+linked.Provider+" "+linked.Subject)
			return l.err
		}
	}}, change...)...)
	l.Engine.GET("/link/:provider", func(c *gin.Context) {
		link, err := l.Auth.LinkURL(c, c.Param("provider"), "/account")
		if err != nil {
			l.Auth.Deny(c, err)
			return
		}
		c.String(http.StatusOK, link)
	})
	return l
}

// linkAt proves a second identity with the link, and returns the response to the callback.
func linkAt(b *testapp.Browser, link, name, subject string) testapp.Reply {
	return b.Navigate(b.ApproveAt(name, subject, link))
}

// TestNoLoop: a sign-in is none of a loop if the user is known or may be, or if it is known why nobody is signed in.
func TestNoLoop(t *testing.T) {
	keys := map[string]func(*gin.Context) (*ginoidc.User, error){"robot": shows(ginoidc.User{Subject: "robot"})}
	for name, tt := range map[string]struct {
		happens func(a *testapp.App, b *testapp.Browser, down *bool)
		lost    bool
		headers []string
	}{
		"the cookie is gone": {func(_ *testapp.App, b *testapp.Browser, _ *bool) {
			b.SetCookie("__Host-ginoidc", "", "/")
		}, true, nil},
		"nobody has signed in": {func(a *testapp.App, b *testapp.Browser, _ *bool) { b.Jar = a.Browser().Jar }, false, nil},
		"signed in":            {func(*testapp.App, *testapp.Browser, *bool) {}, false, nil},
		"by other means": {func(_ *testapp.App, b *testapp.Browser, _ *bool) {
			b.SetCookie("__Host-ginoidc", "", "/")
		}, false, []string{"X-API-Key", "robot"}},
		"refused by other means": {func(_ *testapp.App, b *testapp.Browser, _ *bool) {
			b.SetCookie("__Host-ginoidc", "", "/")
		}, false, []string{"X-API-Key", "unknown"}},
		"ended": {func(a *testapp.App, _ *testapp.Browser, _ *bool) { a.BackChannelLogout("alice", "", nil) }, false, nil},
		"ended and gone": {func(a *testapp.App, b *testapp.Browser, _ *bool) {
			a.BackChannelLogout("alice", "", nil)
			b.SetCookie("__Host-ginoidc", "", "/")
		}, false, nil},
		"the cookie is outdated": {func(_ *testapp.App, b *testapp.Browser, _ *bool) {
			b.Twin().Do(http.MethodPost, "/rename", nil)
			time.Sleep(11 * time.Second)
		}, false, nil},
		"no answer": {func(_ *testapp.App, b *testapp.Browser, down *bool) {
			b.SetCookie("__Host-ginoidc", "", "/")
			*down = true
		}, false, nil},
		"a planted cookie": {func(a *testapp.App, b *testapp.Browser, _ *bool) {
			other := a.Browser()
			other.MustSignIn("bob")
			for _, c := range other.Jar.Cookies(testapp.ParseURL(t, testapp.URL+"/")) {
				if c.Name == "__Host-ginoidc" {
					b.SetCookie(c.Name, c.Value, "/auth")
				}
			}
		}, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				down := false
				a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
					c.State, c.Authenticators = fallibleState{state.NewMemory(0), &down}, []ginoidc.Authenticator{byKey(keys)}
				})
				a.Engine.POST("/rename", rename(t, a))
				b := a.Browser()
				b.MustSignIn("alice")
				tt.happens(a, b, &down)
				r := b.Do(http.MethodGet, "/auth/signin", nil, append(testapp.Navigation(), tt.headers...)...)
				lost := strings.Contains(a.Logs.String(), "the session of a recent sign-in is gone")
				if tt.lost && r.StatusCode != http.StatusBadRequest || !tt.lost && (r.StatusCode != http.StatusFound || lost) {
					t.Errorf("%d\n%s", r.StatusCode, a.Logs)
				}
			})
		})
	}
}

// TestLink: a second identity, freshly proven, is handed to the app. The session, its user and its tokens stay.
func TestLink(t *testing.T) {
	var reported []string
	l := newLinking(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.OnEvent = func(_ context.Context, e ginoidc.Event) {
			if e.Name == ginoidc.EventLinked {
				reported = append(reported, e.Provider+" "+e.Subject)
			}
		}
	})
	b := l.Browser()
	b.MustSignInAt("one", "alice")
	before := b.CookieHeader()
	link := b.Fetch("/link/two").Body
	if to := testapp.ParseURL(t, b.Navigate(link).Location()); to.Query().Get("prompt") != "login" {
		t.Errorf("not a fresh sign-in: %s", to)
	}
	for _, subject := range []string{"bob", "alice"} { // another provider's subject alice is another identity
		r := linkAt(b, link, "two", subject)
		if r.StatusCode != http.StatusSeeOther || r.Location() != "/account" {
			t.Fatalf("%d %s %s", r.StatusCode, r.Location(), l.Logs)
		}
	}
	if got := strings.Join(l.linked, ", "); got != "one alice = two bob, one alice = two alice" {
		t.Errorf("linked: %q", got)
	}
	if got := userOf(b); got != "one "+testapp.IssuerOf("one")+" alice" {
		t.Errorf("the user is now %q", got)
	}
	for _, cookie := range strings.Split(before, "; ") {
		if !strings.Contains(b.CookieHeader(), cookie) && !strings.Contains(cookie, ".landed") {
			t.Errorf("the cookie %.40s changed", cookie)
		}
	}
	if !strings.Contains(l.Logs.String(), "account linked") || strings.Join(reported, ", ") != "two bob, two alice" {
		t.Errorf("reported %q", reported)
	}
}

// TestLinkRefused: what another site, another session or another sign-in brings along links nothing, and an identity
// that is not proven neither (case 332). The session stays.
func TestLinkRefused(t *testing.T) {
	link := func(l *linking, b *testapp.Browser) string { return b.Fetch("/link/two").Body }
	for _, tt := range []struct {
		name string
		try  func(l *linking, b *testapp.Browser) testapp.Reply
		want int
	}{
		{"the link of another session", func(l *linking, b *testapp.Browser) testapp.Reply {
			attacker := l.Browser()
			attacker.MustSignInAt("two", "bob")
			return b.Navigate(link(l, attacker))
		}, 403},
		{"an invented link", func(l *linking, b *testapp.Browser) testapp.Reply {
			return b.Navigate("/auth/signin?provider=two&link=x")
		}, 403},
		{"for another provider", func(l *linking, b *testapp.Browser) testapp.Reply {
			return b.Navigate(strings.Replace(link(l, b), "provider=two", "provider=one", 1))
		}, 403},
		{"after a sign-out", func(l *linking, b *testapp.Browser) testapp.Reply {
			callback := b.ApproveAt("two", "bob", link(l, b))
			if err := l.Auth.ForProvider("one").EndUserSessions(context.Background(), "alice"); err != nil {
				t.Fatal(err)
			}
			return b.Navigate(callback)
		}, 403},
		{"in another session", func(l *linking, b *testapp.Browser) testapp.Reply {
			callback := b.ApproveAt("two", "bob", link(l, b))
			b.MustSignInAt("one", "carol")
			return b.Navigate(callback)
		}, 403},
		{"in another browser", func(l *linking, b *testapp.Browser) testapp.Reply {
			other := l.Browser()
			other.MustSignInAt("two", "bob")
			return other.Navigate(b.ApproveAt("two", "bob", link(l, b)))
		}, 303}, // to the app, as every response without its attempt if a user is signed in
		{"itself", func(l *linking, b *testapp.Browser) testapp.Reply {
			return linkAt(b, b.Fetch("/link/one").Body, "one", "alice")
		}, 403},
		{"in a later session of the same user", func(l *linking, b *testapp.Browser) testapp.Reply {
			callback := b.ApproveAt("two", "bob", link(l, b))
			b.MustSignInAt("one", "alice")
			return b.Navigate(callback)
		}, 403},
		{"without the session", func(l *linking, b *testapp.Browser) testapp.Reply {
			callback := b.ApproveAt("two", "bob", link(l, b))
			b.SetCookie("__Host-ginoidc", "", "/")
			return b.Navigate(callback)
		}, 403},
		{"signed out", func(l *linking, b *testapp.Browser) testapp.Reply {
			return l.Browser().Navigate(link(l, b))
		}, 401},
		{"not proven", func(l *linking, b *testapp.Browser) testapp.Reply {
			l.OPs["two"].Misbehave(fakeop.BadSignature)
			return linkAt(b, link(l, b), "two", "bob")
		}, 401},
		{"while the state does not respond", func(l *linking, b *testapp.Browser) testapp.Reply {
			callback := b.ApproveAt("two", "bob", link(l, b))
			l.down = true
			return b.Navigate(callback)
		}, 503},
		{"refused by the provider", func(l *linking, b *testapp.Browser) testapp.Reply {
			callback, err := l.OPs["two"].Deny(b.Navigate(link(l, b)).Location(), "access_denied")
			if err != nil {
				t.Fatal(err)
			}
			return b.Navigate(callback)
		}, 401},
	} {
		l := newLinking(t)
		b := l.Browser()
		b.MustSignInAt("one", "alice")
		if r := tt.try(l, b); r.StatusCode != tt.want || len(l.linked) > 0 {
			t.Errorf("%s: %d, want %d; linked %q", tt.name, r.StatusCode, tt.want, l.linked)
		}
	}
}

// TestLinkOfNoProvider: a link without the provider that it is for is none.
func TestLinkOfNoProvider(t *testing.T) {
	l := newLinking(t)
	b := l.Browser()
	b.MustSignInAt("one", "alice")
	link := strings.Replace(b.Fetch("/link/two").Body, "provider=two", "x=y", 1)
	if r := b.Navigate(link); r.StatusCode != http.StatusOK || !strings.Contains(r.Body, "provider=two") {
		t.Errorf("%d %s", r.StatusCode, r.Body)
	}
}

// TestLinkDenied: the app may refuse, such as an identity that is another user's.
func TestLinkDenied(t *testing.T) {
	l := newLinking(t)
	l.err = errors.New("linked to another user")
	b := l.Browser()
	b.MustSignInAt("one", "alice")
	r := linkAt(b, b.Fetch("/link/two").Body, "two", "bob")
	if r.StatusCode != http.StatusForbidden || strings.Contains(r.Body, "another user") || userOf(b) == "" {
		t.Errorf("%d %s", r.StatusCode, r.Body)
	}
}

// TestLinkURL: the link needs a session, a provider and a hook.
func TestLinkURL(t *testing.T) {
	l := newLinking(t)
	if r := l.Browser().Fetch("/link/two"); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("nobody is signed in: %d", r.StatusCode)
	}
	b := l.Browser()
	b.MustSignInAt("one", "alice")
	if r := b.Fetch("/link/three"); r.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown provider: %d", r.StatusCode)
	}
	for name, change := range map[string]testapp.Change{
		"no hook":   func(c *ginoidc.Config, _ *fakeop.Config) { c.OnLink = nil },
		"form_post": func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[1].ResponseMode = "form_post" },
	} {
		l := newLinking(t, change)
		b := l.Browser()
		b.MustSignInAt("one", "alice")
		if r := b.Fetch("/link/two"); r.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
}

// TestLinkWithOneProvider: a user may link a second account of the same provider.
func TestLinkWithOneProvider(t *testing.T) {
	var linked *ginoidc.User
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.OnLink = func(_ context.Context, _, other *ginoidc.User) error { linked = other; return nil }
	})
	a.Engine.GET("/link", func(c *gin.Context) {
		link, err := a.Auth.LinkURL(c, "any", "") // the name does not matter
		if err != nil {
			t.Error(err)
		}
		c.String(http.StatusOK, link)
	})
	b := a.Browser()
	b.MustSignIn("alice")
	link := b.Fetch("/link").Body
	if r := b.Navigate(b.Start(link, "bob")); r.StatusCode != http.StatusSeeOther || linked == nil {
		t.Fatalf("%d %s", r.StatusCode, a.Logs)
	}
	if linked.Subject != "bob" || b.WhoAmI() != "alice" {
		t.Errorf("linked %q, the user is %q", linked.Subject, b.WhoAmI())
	}
	if r := b.Navigate("/auth/signin?" + url.Values{"link": {"x"}}.Encode()); r.StatusCode != http.StatusForbidden {
		t.Errorf("an invented link: %d", r.StatusCode)
	}
}

// TestLinkOnTwoInstances: a response that reaches two instances at once links once, and both answer alike. It is no
// sign-in, so no hook of one is called.
func TestLinkOnTwoInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		links, signIns := 0, 0
		shared := state.NewMemory(0)
		one, two := instances(t, shared, shared, func(c *ginoidc.Config) {
			c.OnLink = func(context.Context, *ginoidc.User, *ginoidc.User) error { links++; return nil }
			c.OnSignedIn = func(context.Context, *ginoidc.User) error { signIns++; return nil }
		})
		one.Engine.GET("/link", func(c *gin.Context) {
			link, err := one.Auth.LinkURL(c, "", "/account")
			if err != nil {
				t.Error(err)
			}
			c.String(http.StatusOK, link)
		})
		b := one.Browser()
		b.MustSignIn("alice")
		callback := b.Start(b.Fetch("/link").Body, "bob")
		one.SlowToken(3 * time.Second)
		browsers := []*testapp.Browser{b, otherInstance(b, two)}
		var wg sync.WaitGroup
		for _, b := range browsers {
			wg.Go(func() {
				if r := b.Navigate(callback); r.StatusCode != http.StatusSeeOther || r.Location() != "/account" {
					t.Errorf("%d to %q", r.StatusCode, r.Location())
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		if links != 1 || signIns != 1 {
			t.Errorf("%d links and %d sign-ins, want one of each", links, signIns)
		}
	})
}

// goesRound goes from a guarded page to the provider, where the user is signed in, and back. It returns the first
// response that is not a redirect to the provider; ok reports whether the round was completed.
func goesRound(b *testapp.Browser, page string) (last testapp.Reply, ok bool) {
	b.App.T.Helper()
	denied := b.Navigate(page)
	if !strings.HasPrefix(denied.Location(), "/auth/signin?") {
		return denied, false
	}
	started := b.Navigate(denied.Location())
	if started.StatusCode != http.StatusFound {
		return started, false
	}
	callback, err := b.App.OP.Approve(started.Location(), "alice")
	if err != nil {
		b.App.T.Fatal(err)
	}
	last = b.Navigate(callback)
	return last, last.Location() == page
}

// TestSessionCookieThatDoesNotComeBack: a browser without the session cookie gets a page with a link, and the log has
// the cause. There is no loop.
func TestSessionCookieThatDoesNotComeBack(t *testing.T) {
	const name = "__Host-ginoidc"
	for _, tt := range []struct {
		name   string
		spoil  func(*testapp.Browser) // changes the cookies after each sign-in
		rounds int                    // sign-ins until the page
		reason string
	}{
		{"none", func(b *testapp.Browser) { b.SetCookie(name, "", "/") }, 1,
			"none came (cookie __Host-ginoidc, path /, app URL https://app.example.com, host of the request app.example.com)"},
		{"one that does not open", func(b *testapp.Browser) { b.SetCookie(name, "garbage", "/") }, 2,
			"the one that came opens no session"},
		{"two that do not open", func(b *testapp.Browser) {
			b.SetCookie(name, "garbage", "/")
			b.SetCookie(name, "older", "/auth/signin")
		}, 2, "of 2 that came none opens a session"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := testapp.New(t)
			b := a.Browser()
			for i := range tt.rounds {
				if r, ok := goesRound(b, "/me?tab=1"); !ok {
					t.Fatalf("round %d ends with %d %s", i+1, r.StatusCode, r.Body)
				}
				tt.spoil(b)
			}
			r, _ := goesRound(b, "/me?tab=1")
			if r.StatusCode != http.StatusBadRequest || !strings.Contains(r.Body, "did not send this site&#39;s cookie back") ||
				!strings.Contains(r.Body, `href="/auth/signin?return_to=%2Fme%3Ftab%3D1"`) {
				t.Fatalf("%d %s", r.StatusCode, r.Body)
			}
			if log := a.Logs.String(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, "code=cookie_missing") ||
				strings.Count(log, tt.reason) != tt.rounds {
				t.Errorf("log %s", log)
			}
			if n := a.OP.Count(fakeop.Token); n != tt.rounds {
				t.Errorf("%d sign-ins", n)
			}
			b.SetCookie(name, "", "/") // the user follows the advice of the page
			b.SetCookie(name, "", "/auth/signin")
			if r := b.Navigate(b.Start("/auth/signin?return_to=%2Fme%3Ftab%3D1", "alice")); r.Location() != "/me?tab=1" ||
				b.WhoAmI() != "alice" {
				t.Errorf("the page's link: %d to %q", r.StatusCode, r.Location())
			}
		})
	}
}

// TestNobodyMissesTheCookie: a sign-in soon after another is an ordinary one if the app itself ended the session.
func TestNobodyMissesTheCookie(t *testing.T) {
	const name = "__Host-ginoidc"
	logoutToken := func(b *testapp.Browser) {
		token, err := b.App.OP.LogoutToken("alice", "", nil)
		if err != nil {
			b.App.T.Fatal(err)
		}
		if r := b.Do("POST", "/auth/backchannel-logout", strings.NewReader("logout_token="+token), "Content-Type",
			"application/x-www-form-urlencoded"); r.StatusCode != http.StatusOK {
			b.App.T.Fatalf("logout token: %d %s", r.StatusCode, r.Body)
		}
	}
	for what, then := range map[string]func(*testapp.Browser){
		"still signed in": func(*testapp.Browser) {},
		"signed out":      func(b *testapp.Browser) { b.Do("POST", "/auth/signout", nil) },
		"signed out on an instance that shares nothing": func(b *testapp.Browser) {
			other := testapp.New(b.App.T).Browser()
			other.Jar = b.Jar
			other.Do("POST", "/auth/signout", nil)
		},
		"ended by the app":              func(b *testapp.Browser) { b.Do("POST", "/destroy", nil) },
		"ended by the provider":         logoutToken,
		"ended, and its cookie deleted": func(b *testapp.Browser) { logoutToken(b); b.SetCookie(name, "", "/") },
		"ended from elsewhere": func(b *testapp.Browser) {
			if err := b.App.Auth.EndUserSessions(b.App.T.Context(), "alice"); err != nil {
				b.App.T.Error(err)
			}
			b.SetCookie(name, "", "/")
		},
		"a minute later":    func(b *testapp.Browser) { time.Sleep(time.Minute); b.SetCookie(name, "", "/") },
		"idle for too long": func(b *testapp.Browser) { time.Sleep(30 * time.Second) },
		"a mark made up": func(b *testapp.Browser) {
			b.SetCookie(name, "", "/")
			b.SetCookie("__Secure-ginoidc.landed", "x", "/auth/signin")
		},
		"all cookies deleted": func(b *testapp.Browser) { b.Jar = b.App.Browser().Jar },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.SessionIdle = 30 * time.Second })
				a.Engine.POST("/destroy", func(c *gin.Context) {
					if err := a.Auth.EndSession(c); err != nil {
						t.Error(err)
					}
				})
				b := a.Browser()
				b.MustSignIn("alice")
				then(b)
				b.MustSignIn("alice")
				if strings.Contains(a.Logs.String(), "did not come back") {
					t.Errorf("log %s", a.Logs)
				}
			})
		})
	}
}

// TestLandedCookie: the cookie is sent to the sign-in route only, lasts for a minute and does not reveal the user.
func TestLandedCookie(t *testing.T) {
	for _, tt := range []struct{ appURL, want string }{
		{"https://app.example.com",
			"__Secure-ginoidc.landed=…; Path=/auth/signin; Max-Age=60; HttpOnly; Secure; SameSite=Lax"},
		{"https://example.com/app",
			"__Secure-ginoidc.landed=…; Path=/app/auth/signin; Max-Age=60; HttpOnly; Secure; SameSite=Lax"},
		{"http://localhost:8080", "ginoidc.landed=…; Path=/auth/signin; Max-Age=60; HttpOnly; SameSite=Lax"},
	} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.AppURL, c.Store = tt.appURL, memstore.NewStore([]byte(testapp.CookieSecret))
		})
		b := a.Browser()
		started := b.Navigate("/auth/signin")
		callback, err := a.OP.Approve(started.Location(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		attempt := started.Cookies()[0]
		r := a.Browser().Do("GET", "/auth/callback?"+testapp.ParseURL(t, callback).RawQuery, nil,
			append(testapp.Navigation(), "Cookie", attempt.Name+"="+attempt.Value)...)
		i := slices.IndexFunc(r.Cookies(), func(c *http.Cookie) bool { return strings.HasSuffix(c.Name, ".landed") })
		if r.StatusCode != http.StatusSeeOther || i < 0 {
			t.Fatalf("%s: %d, cookies %q", tt.appURL, r.StatusCode, r.Header["Set-Cookie"])
		}
		landed := r.Cookies()[i]
		if got := strings.Replace(landed.Raw, landed.Value, "…", 1); got != tt.want ||
			strings.Contains(landed.Value, "alice") {
			t.Errorf("%s: %s", tt.appURL, got)
		}
	}
	b := testapp.New(t).Browser()
	if r := b.Navigate(strings.Replace(b.Start("/auth/signin", "alice"), "code=", "error=access_denied&x=",
		1)); strings.Contains(strings.Join(r.Header["Set-Cookie"], ""), ".landed=") {
		t.Errorf("a sign-in that failed: %q", r.Header["Set-Cookie"])
	}
}

// TestConfigurationOutranksLinks: a link, which anyone can write, only sets parameters that the app leaves open or a
// smaller max_age. It cannot turn off a parameter, and the callback checks the values that were sent.
func TestConfigurationOutranksLinks(t *testing.T) {
	for _, tt := range []struct {
		configured, sealed, link string // queries
		want                     string // those of the parameters below that are sent
	}{
		{"acr_values=mfa", "", "acr_values=pwd", "acr_values=mfa"},
		{"acr_values=mfa", "", "acr_values=", "acr_values=mfa"},
		{"acr_values=mfa", "acr_values=gold", "acr_values=pwd", "acr_values=gold"},
		{"", "acr_values=gold", "acr_values=pwd", "acr_values=gold"},
		{"", "", "acr_values=pwd", "acr_values=pwd"},
		{"prompt=login", "", "prompt=none", "prompt=login"},
		{"prompt=consent", "", "prompt=login", "prompt=consent"},
		{"prompt=login", "prompt=create", "prompt=none", "prompt=create"},
		{"", "", "prompt=login", "prompt=login"},
		{"max_age=60", "", "max_age=3600", "max_age=60"},
		{"max_age=60", "", "max_age=999999999", "max_age=60"},
		{"max_age=60", "", "max_age=0", "max_age=0"},
		{"max_age=60", "", "max_age=59", "max_age=59"},
		{"max_age=0", "", "max_age=1", "max_age=0"},
		{"max_age=60", "", "max_age=-1", "max_age=60"},
		{"max_age=60", "", "max_age=", "max_age=60"},
		{"max_age=60", "", "max_age=061", "max_age=60"},
		{"max_age=60", "max_age=3600", "", "max_age=60"},
		{"max_age=60", "max_age=30", "max_age=3600", "max_age=30"},
		{"", "max_age=30", "max_age=3600", "max_age=30"},
		{"", "", "max_age=3600", "max_age=3600"},
		{"login_hint=alice&ui_locales=en&display=page", "", "login_hint=bob&ui_locales=de&display=popup",
			"display=page&login_hint=alice&ui_locales=en"},
		{"acr_values=mfa", "", "prompt=login&max_age=5&login_hint=bob",
			"acr_values=mfa&login_hint=bob&max_age=5&prompt=login"},
	} {
		t.Run(tt.configured+" "+tt.sealed+" "+tt.link, func(t *testing.T) {
			values := func(query string) url.Values { return testapp.ParseURL(t, "?"+query).Query() }
			a := testapp.New(t,
				func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].SignInParameters = values(tt.configured) })
			signIn := "/auth/signin?"
			if tt.sealed != "" {
				with, err := a.Auth.SignInURLWith("", values(tt.sealed))
				if err != nil {
					t.Fatal(err)
				}
				signIn = with + "&"
			}
			location := a.Browser().Navigate(signIn + tt.link).Location()
			got, sent := url.Values{}, testapp.ParseURL(t, location).Query()
			for _, name := range []string{"acr_values", "prompt", "max_age", "login_hint", "ui_locales", "display"} {
				if sent.Has(name) {
					got[name] = sent[name]
				}
			}
			if got.Encode() != tt.want {
				t.Errorf("sent %s, want %s", got.Encode(), tt.want)
			}
		})
	}
}

// TestMaxAgeIsCheckedAsSent: auth_time is checked against the max_age that was sent.
func TestMaxAgeIsCheckedAsSent(t *testing.T) {
	for _, link := range []string{"", "?max_age=99999", "?max_age=10", "?acr_values=x"} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers[0].SignInParameters = url.Values{"max_age": {"60"}}
		})
		b := a.Browser()
		callback := b.Start("/auth/signin"+link, "alice")
		a.OP.OnIDToken(func(claims map[string]any) { claims["auth_time"] = time.Now().Add(-time.Hour).Unix() })
		if r := b.Navigate(callback); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: %d", link, r.StatusCode)
		}
	}
}

// TestHintOfThirdPartyOnlyFills: a third party that initiates a sign-in cannot replace configured parameters either.
func TestHintOfThirdPartyOnlyFills(t *testing.T) {
	for configured, want := range map[string]string{"": "bob", "login_hint=alice": "alice"} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			p := &c.Providers[0]
			p.InitiateLogin, p.SignInParameters = true, testapp.ParseURL(t, "?"+configured).Query()
		})
		r := a.Browser().Navigate("/auth/signin?iss=https://idp.example&login_hint=bob&acr_values=pwd&max_age=7")
		if sent := testapp.ParseURL(t, r.Location()).Query(); sent.Get("login_hint") != want || sent.Has("acr_values") ||
			sent.Has("max_age") {
			t.Errorf("configured %q: sent %v", configured, sent)
		}
	}
}

// TestIgnoredIsLogged: the names of ignored parameters are logged at debug, but never their values, which may be
// personal data.
func TestIgnoredIsLogged(t *testing.T) {
	huge := url.Values{"return_to": {"/" + strings.Repeat("x", 2000)}}
	for _, tt := range []struct {
		name, path string
		want       []string
	}{
		{"return target", "/auth/signin?return_to=https://evil.example/secretvalue", []string{"return target ignored"}},
		{"target of a third party", "/auth/signin?iss=https://idp.example&target_link_uri=https://evil.example/secretvalue",
			[]string{"return target ignored"}},
		{"no room for the target", "/auth/signin?" + huge.Encode(), []string{"return target ignored", "does not fit"}},
		{"unknown", "/auth/signin?scope=secretvalue&claims=secretvalue",
			[]string{"a link may not ask for them", "claims scope"}},
		{"malformed", "/auth/signin?max_age=secretvalue&prompt=none+secretvalue", []string{"malformed", "max_age prompt"}},
		{"an unusable hint", "/auth/signin?login_hint=secretvalue%00", []string{"malformed", "login_hint"}},
		{"hint of a third party", "/auth/signin?iss=https://idp.example&login_hint=secretvalue%00&prompt=login",
			[]string{"malformed", "login_hint", "may not", "prompt"}},
		{"configured", "/auth/signin?ui_locales=secretvalue", []string{"asks for something else", "ui_locales"}},
		{"sealed by another", "/auth/signin?with=secretvalue", []string{"do not open", "with"}},
		{"a name that is none", "/auth/signin?a%0Ab=1", []string{"a?b"}},
		{"a page too long to come back to", "/me?" + strings.Repeat("x", 3000), []string{"does not return to this page"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo} {
				var a *testapp.App
				logs := &strings.Builder{}
				a = testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
					p := &c.Providers[0]
					p.InitiateLogin, p.SignInParameters = true, url.Values{"ui_locales": {"en"}}
					c.AppState = func(*gin.Context) (string, error) { return strings.Repeat("s", 1000), nil }
					c.Logger = slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: level}))
				})
				logs.Reset()
				if r := a.Browser().Navigate(tt.path); r.StatusCode != http.StatusFound {
					t.Fatalf("%d %s", r.StatusCode, r.Body)
				}
				if level == slog.LevelInfo {
					if logs.Len() > 0 {
						t.Errorf("above debug: %s", logs)
					}
					continue
				}
				for _, text := range tt.want {
					if !strings.Contains(logs.String(), text) {
						t.Errorf("the log lacks %q: %s", text, logs)
					}
				}
				if strings.Contains(logs.String(), "secretvalue") {
					t.Errorf("the log shows the value: %s", logs)
				}
			}
		})
	}
}

// TestInitiatedSignIn: the provider's portal can start sign-ins if the app opts in, only with the configured issuer and
// only to pages of the app. Case 17.
func TestInitiatedSignIn(t *testing.T) {
	const iss = "iss=https%3A%2F%2Fidp.example"
	for _, tt := range []struct {
		name, query string
		off         bool
		status      int
		want        string // where it ends, or the code of the error
	}{
		{"plain", iss, false, 302, "/"},
		{"with a page", iss + "&target_link_uri=https%3A%2F%2Fapp.example.com%2Fme%3Fa%3D1", false,
			302, "https://app.example.com/me?a=1"},
		{"with a path", iss + "&target_link_uri=%2Fme", false, 302, "/me"},
		{"to another site", iss + "&target_link_uri=https%3A%2F%2Fevil.example%2F", false, 302, "/"},
		{"return_to is not its parameter", iss + "&return_to=/me", false, 302, "/"},
		{"another issuer", "iss=https%3A%2F%2Fevil.example", false, 400, "invalid_initiation"},
		{"a slash more", iss + "%2F", false, 400, "invalid_initiation"},
		{"two issuers", iss + "&" + iss, false, 400, "invalid_initiation"},
		{"two targets", iss + "&target_link_uri=/me&target_link_uri=/", false, 400, "invalid_initiation"},
		{"off", iss, true, 404, "initiation_off"},
		{"off, another issuer", "iss=https%3A%2F%2Fevil.example&target_link_uri=//evil.example", true, 404, "initiation_off"},
	} {
		for _, method := range []string{"GET", "POST"} {
			t.Run(method+" "+tt.name, func(t *testing.T) {
				a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].InitiateLogin = !tt.off })
				b := a.Browser()
				query := tt.query + "&login_hint=alice&scope=admin&prompt=none"
				r := b.Do("GET", "/auth/signin?"+query, nil, append(testapp.CrossSiteForm(), "Accept", "*/*")...)
				if method == "POST" {
					r = b.Do("POST", "/auth/signin", strings.NewReader(query), testapp.CrossSiteForm()...)
				}
				if method == "POST" && tt.off {
					if r.StatusCode != http.StatusMethodNotAllowed {
						t.Errorf("%d", r.StatusCode)
					}
					return
				}
				want := tt.status
				if want == http.StatusFound && method == "POST" {
					want = http.StatusSeeOther // case 12
				}
				if r.StatusCode != want {
					t.Fatalf("%d %s", r.StatusCode, r.Body)
				}
				if tt.status != http.StatusFound {
					if len(b.Cookies()) != 0 || !strings.Contains(a.Logs.String(), "code="+tt.want) {
						t.Errorf("cookies %v, log %s", b.Cookies(), a.Logs)
					}
					return
				}
				sent := testapp.ParseURL(t, r.Location()).Query()
				if sent.Get("login_hint") != "alice" || sent.Get("scope") != "openid profile email" ||
					sent.Has("prompt") || sent.Has("iss") {
					t.Errorf("asked for %v", sent)
				}
				callback, err := a.OP.Approve(r.Location(), "alice")
				if err != nil {
					t.Fatal(err)
				}
				if r := b.Navigate(callback); r.StatusCode != http.StatusSeeOther || r.Location() != tt.want {
					t.Errorf("%d to %q", r.StatusCode, r.Location())
				}
			})
		}
	}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].InitiateLogin = true })
	if r := a.Browser().Do("POST", "/auth/signin", strings.NewReader("{}"), "Content-Type",
		"application/json"); r.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("JSON: %d", r.StatusCode)
	}
}

var choiceLink = regexp.MustCompile(`<a href="([^"]*)"><span>([^<]*)</span>( <small>)?`)

// choicesOn returns the labels on a selection page, the one used last with a star, and the address of each.
func choicesOn(page string) (labels []string, at map[string]string) {
	at = map[string]string{}
	for _, m := range choiceLink.FindAllStringSubmatch(page, -1) {
		label := m[2]
		at[label] = strings.ReplaceAll(m[1], "&amp;", "&")
		if m[3] != "" {
			label += "*"
		}
		labels = append(labels, label)
	}
	return labels, at
}

// customers makes "two" a customer with a domain, and adds another without.
func customers(c *ginoidc.Config, _ *fakeop.Config) {
	c.Providers[0].Label = "The <One>"
	c.Providers[1].EmailDomains = []string{"acme.example", "acme.test"}
}

// post sends the form of the selection page, from a page of this origin.
func post(b *testapp.Browser, form url.Values, origin string) testapp.Reply {
	site := "cross-site"
	if origin == testapp.URL {
		site = "same-origin"
	}
	return b.Do(http.MethodPost, "/auth/signin", strings.NewReader(form.Encode()),
		"Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html", "Origin", origin,
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", site)
}

// TestChoice: without a name the user chooses, and returns to the page that was wanted. The page starts no attempt.
func TestChoice(t *testing.T) {
	a := several(t)
	b := a.Browser()
	denied := b.Navigate("/me?x=1")
	r := b.Navigate(denied.Location())
	labels, at := choicesOn(r.Body)
	if r.StatusCode != http.StatusOK || !slices.Equal(labels, []string{"one", "two"}) || len(r.Cookies()) > 0 {
		t.Fatalf("%d %q %v", r.StatusCode, labels, r.Cookies())
	}
	if strings.Contains(r.Body, "<form") {
		t.Error("asks for an address, and no provider has domains")
	}
	r = b.Navigate(b.ApproveAt("two", "alice", at["two"]))
	if r.Location() != "/me?x=1" {
		t.Errorf("returns to %q", r.Location())
	}
	for _, name := range []string{"three", "One", "../one", "one%00", strings.Repeat("a", 10_000)} {
		if r := b.Navigate("/auth/signin?provider=" + name); r.StatusCode != http.StatusNotFound {
			t.Errorf("%.20s: %d", name, r.StatusCode)
		}
	}
}

// TestLastChoice: a cookie has the name of the provider that was used last and nothing else. What does not name a
// provider counts as absent.
func TestLastChoice(t *testing.T) {
	a := several(t)
	b := a.Browser()
	r := b.Navigate(b.StartAt("two", "alice"))
	i := slices.IndexFunc(r.Cookies(), func(c *http.Cookie) bool { return strings.HasSuffix(c.Name, ".provider") })
	if i < 0 {
		t.Fatalf("no cookie in %v", r.Cookies())
	}
	want := "__Host-ginoidc.provider=two; Path=/; Max-Age=31536000; HttpOnly; Secure; SameSite=Lax"
	if c := r.Cookies()[i]; c.Raw != want {
		t.Errorf("cookie: %s, want %s", c.Raw, want)
	}
	if labels, _ := choicesOn(b.Navigate("/auth/signin").Body); !slices.Equal(labels, []string{"one", "two*"}) {
		t.Errorf("choices: %q", labels)
	}
	b.SetCookie("__Host-ginoidc.provider", "three", "/")
	if labels, _ := choicesOn(b.Navigate("/auth/signin").Body); !slices.Equal(labels, []string{"one", "two"}) {
		t.Errorf("choices with an odd cookie: %q", labels)
	}
}

// TestHomeRealm: an address leads to the provider of its domain, which gets it as login_hint. The page names no
// provider with domains unless it is public, or this browser has used it.
func TestHomeRealm(t *testing.T) {
	a := several(t, customers)
	b := a.Browser()
	r := b.Navigate("/auth/signin?return_to=/me")
	if named := strings.Contains(r.Body, "two") || strings.Contains(r.Body, "acme"); named ||
		!strings.Contains(r.Body, "The &lt;One&gt;") {
		t.Errorf("the page: %s", r.Body)
	}
	for address, want := range map[string]string{
		"alice@acme.example": "two", " alice@ACME.test ": "two", "a@b@acme.example": "two", "alice@acme.example.": "two",
		"alice@sub.acme.example": "", "alice@acme.example.evil.example": "", "acme.example": "", "@acme.example": "", "": "",
		"alice@acme.example\r\nx": "",
	} {
		r := post(a.Browser(), url.Values{"email": {address}, "return_to": {"/me"}}, testapp.URL)
		if want == "" {
			if r.StatusCode != http.StatusOK || !strings.Contains(r.Body, `type="email"`) || strings.Contains(r.Body, "two") {
				t.Errorf("%q: %d %s", address, r.StatusCode, r.Body)
			}
			continue
		}
		to := testapp.ParseURL(t, r.Location())
		if r.StatusCode != http.StatusSeeOther || "https://"+to.Host != testapp.IssuerOf(want) ||
			to.Query().Get("login_hint") != strings.TrimSpace(address) {
			t.Errorf("%q: %d %s", address, r.StatusCode, r.Location())
		}
	}
	b.MustSignInAt("two", "alice")
	labels, _ := choicesOn(b.Navigate("/auth/signin").Body)
	if !slices.Equal(labels, []string{"two*", "The &lt;One&gt;"}) {
		t.Errorf("choices of a user of two: %q", labels)
	}
	public := several(t, customers, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[1].Public = true })
	if labels, _ := choicesOn(public.Browser().Navigate("/auth/signin").Body); len(labels) != 2 {
		t.Errorf("choices with a public one: %q", labels)
	}
}

// TestAddressOfAnotherSite: another site cannot post an address, or it could find out by frames or timing which
// customers exist, and start sign-ins (case 331).
func TestAddressOfAnotherSite(t *testing.T) {
	a := several(t, customers)
	form := url.Values{"email": {"alice@acme.example"}}
	for _, site := range []string{"https://evil.example", "null"} {
		r := post(a.Browser(), form, site)
		if r.StatusCode != http.StatusForbidden || len(r.Cookies()) > 0 {
			t.Errorf("%s: %d %v", site, r.StatusCode, r.Cookies())
		}
	}
	r := a.Browser().Do("POST", "/auth/signin", strings.NewReader(form.Encode()), // a browser without Fetch Metadata
		"Content-Type", "application/x-www-form-urlencoded", "Origin", "http://app.example.com")
	if r.StatusCode != http.StatusForbidden || len(r.Cookies()) > 0 {
		t.Errorf("the same host over http: %d %v", r.StatusCode, r.Cookies())
	}
}

// TestFindDomain: domains of providers in the app's database lead to them. An error is 503, and the name of nobody is
// the page again.
func TestFindDomain(t *testing.T) {
	a, _ := newTenants(t, []string{"acme"}, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.FindDomain = func(_ context.Context, domain string) (string, error) {
			switch domain {
			case "acme.example":
				return "acme", nil
			case "down.example":
				return "", errors.New("no database")
			}
			return "", nil
		}
	})
	for domain, want := range map[string]int{"acme.example": 303, "down.example": 503, "x.example": 200} {
		if r := post(a.Browser(), url.Values{"email": {"a@" + domain}}, testapp.URL); r.StatusCode != want {
			t.Errorf("%s: %d, want %d", domain, r.StatusCode, want)
		}
	}
}

// TestNothingToChoose: an app with one provider shows no page, whatever the link says.
func TestNothingToChoose(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].EmailDomains = []string{"acme.example"}
	})
	for _, query := range []string{"", "?provider=x", "?email=a@acme.example"} {
		if r := a.Browser().Navigate("/auth/signin" + query); r.StatusCode != http.StatusFound {
			t.Errorf("%q: %d", query, r.StatusCode)
		}
	}
	r := post(a.Browser(), url.Values{"email": {"a@acme.example"}}, testapp.URL)
	if r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a form: %d", r.StatusCode)
	}
}

// TestSealedProvider: SignInURLWith can name the provider, and a link cannot replace it.
func TestSealedProvider(t *testing.T) {
	a := several(t)
	link, err := a.Auth.SignInURLWith("/me", url.Values{"provider": {"two"}, "prompt": {"create"}})
	if err != nil {
		t.Fatal(err)
	}
	to := testapp.ParseURL(t, a.Browser().Navigate(link+"&provider=one").Location())
	if "https://"+to.Host != testapp.IssuerOf("two") || to.Query().Get("prompt") != "create" ||
		to.Query().Has("provider") {
		t.Errorf("leads to %s", to)
	}
}

// TestStepUpAtTheSameProvider: a user who has to sign in again is sent to the provider of the session.
func TestStepUpAtTheSameProvider(t *testing.T) {
	a := several(t)
	a.Engine.GET("/mfa", a.Auth.RequireACR("mfa"), a.Protected)
	b := a.Browser()
	b.MustSignInAt("two", "alice")
	again := b.Navigate("/mfa").Location()
	if to := testapp.ParseURL(t, b.Navigate(again).Location()); "https://"+to.Host != testapp.IssuerOf("two") ||
		to.Query().Get("acr_values") != "mfa" {
		t.Errorf("%s leads to %s", again, to)
	}
}

// TestAddressOfNobody: the selection page says that no provider has the domain of an address, and nothing at first.
func TestAddressOfNobody(t *testing.T) {
	a := several(t, customers)
	first := a.Browser().Navigate("/auth/signin")
	r := post(a.Browser(), url.Values{"email": {"alice@nowhere.example"}}, testapp.URL)
	if a, b := strings.Count(first.Body, "<p"), strings.Count(r.Body, "<p"); r.StatusCode != http.StatusOK || a >= b {
		t.Errorf("%d: %d paragraphs, then %d\n%s\n%s", r.StatusCode, a, b, first.Body, r.Body)
	}
}

// TestSilentAtTheLastProvider: a silent sign-in asks the provider that was used last, and none if none was.
func TestSilentAtTheLastProvider(t *testing.T) {
	a := several(t)
	a.Engine.GET("/silent", a.Auth.SilentSignIn(), a.Public)
	b := a.Browser()
	if r := b.Navigate("/silent"); r.StatusCode != http.StatusOK {
		t.Errorf("a new browser: %d %s", r.StatusCode, r.Location())
	}
	b.MustSignInAt("two", "alice")
	last := b.Twin()
	last.SetCookie("__Host-ginoidc", "", "/")
	r := last.Navigate("/silent")
	if to := testapp.ParseURL(t, r.Location()); "https://"+to.Host != testapp.IssuerOf("two") {
		t.Errorf("a browser that used two: %d %s", r.StatusCode, to)
	}
}

// TestUnknownProviderLeadsBack: the page about a provider that there is not leads to a sign-in for the page that was
// wanted, and a callback of its name is no route, whatever the method.
func TestUnknownProviderLeadsBack(t *testing.T) {
	a := several(t)
	for wanted, link := range map[string]string{
		"/app?x=1": "/auth/signin?return_to=%2Fapp%3Fx%3D1", "https://evil.example/": "/auth/signin?return_to=%2F",
		"javascript:alert(1)": "/auth/signin?return_to=%2F", "": "/auth/signin?return_to=%2F",
	} {
		r := a.Browser().Navigate("/auth/signin?provider=nobody&return_to=" + url.QueryEscape(wanted))
		if _, _, got := shown(r, t); r.StatusCode != http.StatusNotFound || got != link {
			t.Errorf("%q: %d, link to %q", wanted, r.StatusCode, got)
		}
	}
	for _, method := range []string{"GET", "POST", "HEAD", "PUT", "OPTIONS"} {
		r := a.Browser().Do(method, "/auth/callback/nobody", nil)
		if r.StatusCode != http.StatusNotFound || r.Header.Get("Allow") != "" || r.Header.Get("X-Frame-Options") == "" ||
			method != "HEAD" && r.JSON(t)["error"] != "unknown_provider" {
			t.Errorf("%s: %d %s %v", method, r.StatusCode, r.Body, r.Header)
		}
		r = a.Browser().Do(method, "/auth/callback/one", nil)
		if known := r.StatusCode == http.StatusMethodNotAllowed; known == (method == "GET") {
			t.Errorf("%s of one: %d", method, r.StatusCode)
		}
	}
}

// TestInitiatedAtSeveral: a third party starts a sign-in at the provider that iss names, if that one allows it.
func TestInitiatedAtSeveral(t *testing.T) {
	a := several(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[1].InitiateLogin = true })
	for iss, want := range map[string]int{
		testapp.IssuerOf("two"): http.StatusFound, testapp.IssuerOf("one"): http.StatusNotFound,
		"https://evil.example": http.StatusBadRequest,
	} {
		if r := a.Browser().Navigate("/auth/signin?iss=" + url.QueryEscape(iss)); r.StatusCode != want {
			t.Errorf("%s: %d, want %d", iss, r.StatusCode, want)
		}
	}
	r := a.Browser().Navigate("/auth/signin?provider=one&iss=" + url.QueryEscape(testapp.IssuerOf("two")))
	if r.StatusCode == http.StatusFound {
		t.Errorf("two names: %s", r.Location())
	}
	for _, i := range []int{0, 1} { // by a form, whichever of them allows it; without iss it names no provider
		a := several(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[i].InitiateLogin = true })
		form := url.Values{"iss": {testapp.IssuerOf([]string{"one", "two"}[i])}, "login_hint": {"alice"}}
		if r := post(a.Browser(), form, "https://portal.example"); r.StatusCode != http.StatusSeeOther {
			t.Errorf("a form: %d %s", r.StatusCode, r.Body)
		}
		form.Del("iss")
		if r := post(a.Browser(), form, "https://portal.example"); r.StatusCode != http.StatusBadRequest {
			t.Errorf("a form without iss: %d %s", r.StatusCode, r.Body)
		}
	}
	one := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].InitiateLogin = true })
	form := url.Values{"iss": {testapp.Issuer}, "email": {"alice@acme.example"}}
	if r := post(one.Browser(), form, "https://portal.example"); r.StatusCode != http.StatusSeeOther {
		t.Errorf("with an address, at one provider: %d %s", r.StatusCode, r.Body)
	}
}
