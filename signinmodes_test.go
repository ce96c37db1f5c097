package ginoidc_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

func formPostApp(t *testing.T) *testapp.App {
	return testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.ResponseMode = "form_post" })
}

// TestFormPost: the attempt's cookie survives the cross-site POST and nothing else has to; the session of before, whose
// cookie does not come along, is dead afterwards. Cases 44, 51.
func TestFormPost(t *testing.T) {
	a := formPostApp(t)
	b := a.Browser()
	started := b.Navigate("/auth/signin?return_to=/me")
	if mode := testapp.ParseURL(t, started.Location()).Query().Get("response_mode"); mode != "form_post" {
		t.Errorf("response_mode %q", mode)
	}
	if cookie := started.Header.Get("Set-Cookie"); !strings.Contains(cookie, "; Secure; SameSite=None") || !strings.HasPrefix(cookie, "__Host-ginoidc.") {
		t.Errorf("attempt cookie %s", cookie)
	}
	callback, err := a.OP.Approve(started.Location(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if r := b.Navigate(callback); r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "POST" { // the other one
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
	if r := b.PostCallback(b.Start("/auth/signin", "bob")); r.StatusCode != http.StatusSeeOther || b.WhoAmI() != "bob" || old.WhoAmI() != "" {
		t.Errorf("%d, %q signed in, the copy as %q", r.StatusCode, b.WhoAmI(), old.WhoAmI())
	}
}

// TestFormPostRefuses what is no form before it is parsed, and what stands in the query although the mode is another one.
// Cases 20, 30, 41, 45, 285.
func TestFormPostRefuses(t *testing.T) {
	a := formPostApp(t)
	for _, tt := range []struct {
		name    string
		change  func(callback string) string
		headers []string
		want    int
		code    string
	}{
		{"64 kB and one byte", func(c string) string { return c + "&x=" + strings.Repeat("x", 64<<10) }, nil, 413, "form_too_large"}, // cases 45, 285
		{"multipart", nil, []string{"Content-Type", "multipart/form-data; boundary=x"}, 415, "not_a_form"},                           // case 45
		{"JSON", nil, []string{"Content-Type", "application/json"}, 415, "not_a_form"},                                               // case 45
		{"gzip", nil, []string{"Content-Encoding", "gzip"}, 415, "not_a_form"},                                                       // case 45
		{"no type", nil, []string{"Content-Type", ""}, 415, "not_a_form"},
		{"malformed", func(c string) string { return c + "&%zz" }, nil, 400, "invalid_callback"},
		{"empty", func(c string) string { return strings.SplitAfter(c, "?")[0] }, nil, 400, "invalid_callback"},     // case 20
		{"code twice", func(c string) string { return c + "&code=other" }, nil, 400, "invalid_callback"},            // case 30
		{"in a frame", nil, []string{"Sec-Fetch-Dest", "iframe"}, 400, "not_a_navigation"},                          // case 41
		{"by a fetch", nil, []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, 400, "not_a_navigation"}, // case 41
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
			if r := b.PostCallback(callback); r.StatusCode != http.StatusSeeOther { // the attempt is not spent
				t.Errorf("the right one afterwards: %d", r.StatusCode)
			}
		})
	}
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	if r := b.Do("POST", callback, nil, testapp.CrossSiteForm()...); r.StatusCode != http.StatusBadRequest || b.WhoAmI() != "" {
		t.Errorf("code in the query: %d", r.StatusCode)
	}
}

// TestInitiatedSignIn: the provider's portal starts sign-ins if the app lets it, of our issuer alone, and to pages of the
// app alone. Case 17.
func TestInitiatedSignIn(t *testing.T) {
	const iss = "iss=https%3A%2F%2Fidp.example"
	for _, tt := range []struct {
		name, query string
		off         bool
		status      int
		want        string // where it ends, or the code of the error
	}{
		{"plain", iss, false, 302, "/"},
		{"with a page", iss + "&target_link_uri=https%3A%2F%2Fapp.example.com%2Fme%3Fa%3D1", false, 302, "https://app.example.com/me?a=1"},
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
				a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.InitiateLogin = !tt.off })
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
				if r.StatusCode != tt.status {
					t.Fatalf("%d %s", r.StatusCode, r.Body)
				}
				if tt.status != http.StatusFound {
					if len(b.Cookies()) != 0 || !strings.Contains(a.Logs.String(), "code="+tt.want) {
						t.Errorf("cookies %v, log %s", b.Cookies(), a.Logs)
					}
					return
				}
				sent := testapp.ParseURL(t, r.Location()).Query()
				if sent.Get("login_hint") != "alice" || sent.Get("scope") != "openid profile email" || sent.Has("prompt") || sent.Has("iss") {
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
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.InitiateLogin = true })
	if r := a.Browser().Do("POST", "/auth/signin", strings.NewReader("{}"), "Content-Type", "application/json"); r.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("JSON: %d", r.StatusCode)
	}
}

// TestSignInParameters: code asks the provider for what a link may not, sealed into the URL, and nothing repeats what is
// the plugin's own. Cases 4, 6.
func TestSignInParameters(t *testing.T) {
	configured := url.Values{"audience": {"https://api.example.com"}, "ui_locales": {"en"}, "prompt": {"login"}}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.SignInParameters = configured })
	configured["audience"][0] = "changed after New"
	configured.Set("scope", "admin")
	link, err := a.Auth.SignInURLWith("/me", url.Values{"prompt": {"create"}, "claims": {`{"id_token":{"acr":null}}`}, "max_age": {"60"}})
	if err != nil {
		t.Fatal(err)
	}
	sealed := testapp.ParseURL(t, link).Query().Get("with")
	flipped := strings.Replace(link, sealed[20:24], "AAAA", 1)
	for _, tt := range []struct {
		name, path string
		want       map[string]string // "" where there is none
	}{
		{"configured", "/auth/signin", map[string]string{"audience": "https://api.example.com", "ui_locales": "en", "prompt": "login", "claims": ""}},
		{"asked for by a link", "/auth/signin?ui_locales=de&audience=other", map[string]string{"audience": "https://api.example.com", "ui_locales": "en"}}, // a link fills and replaces nothing
		{"sealed", link, map[string]string{"prompt": "create", "claims": `{"id_token":{"acr":null}}`, "max_age": "60", "audience": "https://api.example.com"}},
		{"sealed goes before the link", link + "&prompt=none&max_age=9", map[string]string{"prompt": "create", "max_age": "60"}},
		{"tampered with", flipped, map[string]string{"prompt": "login", "claims": "", "max_age": ""}},
		{"an attempt's cookie", "/auth/signin?with=" + attemptValue(a), map[string]string{"prompt": "login", "claims": "", "max_age": ""}}, // case 26
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
		"own": {"scope": {"admin"}}, "a request object": {"request": {"x"}}, "a client's secret": {"client_secret": {"x"}}, "twice": {"audience": {"a", "b"}}, "none": {"audience": nil},
		"max_age": {"max_age": {"soon"}}, "oversized": {"claims": {strings.Repeat("a", 1600)}},
	} {
		if link, err := a.Auth.SignInURLWith("", params); err == nil {
			t.Errorf("%s: %s", name, link)
		}
	}
	if link, err := a.Auth.SignInURLWith("", url.Values{"resource": {"https://a.example", "https://b.example"}}); err != nil {
		t.Error(err)
	} else if sent := testapp.ParseURL(t, a.Browser().Navigate(link).Location()).Query(); len(sent["resource"]) != 2 { // RFC 8707
		t.Errorf("resource %q", sent["resource"])
	}
}

// attemptValue is the sealed value of an attempt's cookie.
func attemptValue(a *testapp.App) string {
	_, value, _ := strings.Cut(a.Browser().Navigate("/auth/signin").Header.Get("Set-Cookie"), "=")
	value, _, _ = strings.Cut(value, ";")
	return value
}

// TestSilentCookieIsSetOnce: a response sets each cookie once, whatever a middleware has set before.
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

// TestSilentSignIn: who is signed in at the provider is signed in here by opening a public page, once a browser session;
// nobody else notices anything. Cases 14, 31.
func TestSilentSignIn(t *testing.T) {
	silent := func(change ...func(*ginoidc.Config, *fakeop.Config)) *testapp.App {
		a := testapp.New(t, change...)
		a.Engine.Match([]string{"GET", "HEAD"}, "/news", a.Auth.SilentSignIn(), a.Public)
		return a
	}
	a := silent()
	b := a.Browser()
	r := b.Navigate("/news?page=2")
	if sent := testapp.ParseURL(t, r.Location()).Query(); r.StatusCode != http.StatusFound || sent.Get("prompt") != "none" || r.Body != "" {
		t.Fatalf("%d to %q", r.StatusCode, r.Location())
	}
	callback, err := a.OP.Approve(r.Location(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if r := b.Navigate(callback); r.StatusCode != http.StatusSeeOther || r.Location() != "/news?page=2" || b.WhoAmI() != "alice" {
		t.Fatalf("%d to %q", r.StatusCode, r.Location())
	}
	b.Do("POST", "/auth/signout", nil)
	if r := b.Navigate("/news"); r.StatusCode != http.StatusOK { // or a sign-out would not last
		t.Errorf("after the sign-out: %d to %q", r.StatusCode, r.Location())
	}

	b = a.Browser()
	b.MustSignIn("alice")
	b.Do("POST", "/auth/signout", nil)
	if r := b.Navigate("/news"); r.StatusCode != http.StatusOK {
		t.Errorf("after the sign-out of a sign-in by hand: %d", r.StatusCode)
	}
	for _, code := range []string{"login_required", "interaction_required", "consent_required", "server_error"} { // case 14
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
	down.OP.Intercept(fakeop.Discovery, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	if r := down.Browser().Navigate("/news"); r.StatusCode != http.StatusOK || r.Body != "public" || len(r.Header["Set-Cookie"]) != 0 {
		t.Errorf("provider unknown: %d %s", r.StatusCode, r.Body)
	}

	a.Engine = gin.New()
	a.Engine.Use(a.Auth.SilentSignIn()) // on every route, the plugin's own included
	a.Auth.Mount(a.Engine)
	if r := a.Browser().Navigate("/auth/userinfo"); r.StatusCode != http.StatusNoContent {
		t.Errorf("own route: %d to %q", r.StatusCode, r.Location())
	}
}

// TestFormPostReplaces: the answer brings no cookie of the session before, which ends all the same, and the app is told.
func TestFormPostReplaces(t *testing.T) {
	var ended []ginoidc.SessionEnd
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.ResponseMode = "form_post"
		c.OnSessionEnd = func(_ context.Context, e ginoidc.SessionEnd) { ended = append(ended, e) }
	})
	b := a.Browser()
	for _, subject := range []string{"alice", "bob"} {
		if r := b.PostCallback(b.Start("/auth/signin", subject)); r.StatusCode != http.StatusSeeOther {
			t.Fatalf("%d %s", r.StatusCode, r.Body)
		}
	}
	if want := (ginoidc.SessionEnd{Subject: "alice", Reason: ginoidc.EndedByNewSignIn}); len(ended) != 1 || ended[0] != want || b.WhoAmI() != "bob" {
		t.Errorf("%+v, and %q is signed in", ended, b.WhoAmI())
	}
}
