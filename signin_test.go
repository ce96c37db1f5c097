package ginoidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
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
		if strings.Contains(r.Location(), "admin") { // case 5
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
