package ginoidc_test

import (
	"context"
	"encoding/json"
	"errors"
	"html"
	"log/slog"
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
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestWhatIsAPage: a guard distinguishes pages from other requests by Fetch Metadata or, without it, by Accept and
// X-Requested-With, for GET requests and for posted forms alike.
func TestWhatIsAPage(t *testing.T) {
	a := testapp.New(t)
	for _, tt := range []struct {
		page    bool
		headers []string
	}{
		{true, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}},
		{true, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "empty"}}, // a service worker's fetch(event.request)
		{true, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "empty", "Accept", "*/*"}},
		// an Android WebView
		{true, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "X-Requested-With", "com.example.app"}},
		{true, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "X-Requested-With", "XMLHttpRequest"}},
		{true, []string{"Sec-Fetch-Mode", "navigate", "Accept", "text/html"}},
		{false, []string{"Sec-Fetch-Mode", "navigate", "Accept", "*/*"}},
		{false, []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Accept", "text/html"}},
		{false, []string{"Sec-Fetch-Mode", "same-origin", "Sec-Fetch-Dest", "empty", "Accept", "text/html"}},
		{false, []string{"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "document", "Accept", "text/html"}},
		{false, []string{"Sec-Fetch-Mode", "websocket", "Sec-Fetch-Dest", "empty", "Accept", "text/html"}},
		{false, []string{"Sec-Fetch-Dest", "empty", "Accept", "text/html"}},
		{false, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Accept", "text/html"}},
		{false, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "object", "Accept", "text/html"}},
		{false, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "empty", "Sec-Purpose", "prefetch"}},
		{false, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "empty", "Upgrade", "websocket"}},

		{true, []string{"Accept", "text/html", "X-Requested-With", "com.android.browser"}},
		{true, []string{"Accept", "text/html", "X-Requested-With", ""}},
		{false, []string{"Accept", "text/html", "X-Requested-With", "XMLHttpRequest"}},
		{false, []string{"Accept", "text/html", "X-Requested-With", " xmlhttprequest"}},
		{false, []string{"Accept", "text/html", "X-Requested-With", "com.example.app", "X-Requested-With", "XMLHttpRequest"}},

		{true, []string{"Accept", "text/html;q=0.9"}},
		{true, []string{"Accept", "text/html;q=0.001"}},
		{true, []string{"Accept", "text/html; q=1.000"}},
		{true, []string{"Accept", "application/json, TEXT/HTML ; Q=0.1"}},
		{true, []string{"Accept", "text/html;level=1;q=0.4"}},
		{true, []string{"Accept", `text/html;title="q=0, ;q=0 \";q=0";q=0.4`}},
		{true, []string{"Accept", "text/html;q=0, text/html;q=0.5"}},
		{true, []string{"Accept", "text/html;q=high"}}, // not a weight, so it is ignored
		{true, []string{"Accept", "text/html;q"}},
		{true, []string{"Accept", "application/json", "Accept", "text/html"}},
		{false, []string{"Accept", "text/html;q=0"}},
		{false, []string{"Accept", "text/html;q=0."}},
		{false, []string{"Accept", "text/html;q=0.0"}},
		{false, []string{"Accept", "text/html;q=0.000,application/json"}},
		{false, []string{"Accept", "text/html ; Q=0"}},
		{false, []string{"Accept", "text/html;\tq=0"}},
		{false, []string{"Accept", `text/html;q="0"`}},
		{false, []string{"Accept", "text/html;q=-1"}},
		{false, []string{"Accept", "text/html;level=1;q=0"}},
		{false, []string{"Accept", "text/html;q=0;level=1"}},
		{false, []string{"Accept", `application/json;title=", text/html"`}},
		{false, []string{"Accept", "application/xhtml+xml, text/*, */*"}},
		{false, []string{"Accept", "text/htmlx, text/html2, xtext/html"}},
		{false, []string{"Accept", ""}},
		{false, nil},
	} {
		for method, status := range map[string]int{"GET": 302, "HEAD": 302, "POST": 401, "PUT": 401} {
			r := a.Browser().Do(method, "/me", nil, tt.headers...)
			page := r.StatusCode == http.StatusFound || strings.HasPrefix(r.Header.Get("Content-Type"), "text/html")
			if want := tt.page && method != "PUT"; page != want || want && r.StatusCode != status ||
				r.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s %q: a page: %v, want %v: %d %s", method, tt.headers, page, want, r.StatusCode, r.Body)
			}
		}
	}
}

// TestServiceWorker: sign-in and callback accept a navigation that passed through a service worker; sign-out does not.
func TestServiceWorker(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	repeated := func(site string) []string {
		return []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "empty", "Sec-Fetch-Site",
			site, "Accept", "text/html,*/*;q=0.8"}
	}
	guarded := b.Do("GET", "/me?tab=1", nil, repeated("none")...)
	signIn := b.Do("GET", guarded.Location(), nil, repeated("none")...)
	callback, err := a.OP.Approve(signIn.Location(), "alice")
	if err != nil {
		t.Fatalf("%d to %q: %v", signIn.StatusCode, signIn.Location(), err)
	}
	if r := b.Do("GET", callback, nil, repeated("cross-site")...); r.StatusCode != http.StatusSeeOther ||
		r.Location() != "/me?tab=1" {
		t.Fatalf("callback: %d to %q: %s", r.StatusCode, r.Location(), r.Body)
	}
	if r := b.Do("GET", "/auth/signout", nil, repeated("same-origin")...); r.StatusCode != http.StatusOK ||
		b.WhoAmI() != "alice" {
		t.Errorf("sign-out: %d, %q is signed in", r.StatusCode, b.WhoAmI())
	}
}

// TestPostedForm: a posted form gets a page whose link leads back to the page of the form, if the Referer is an
// acceptable return target.
func TestPostedForm(t *testing.T) {
	a := testapp.New(t)
	a.Engine.POST("/fresh", a.Auth.RequireFreshSignIn(time.Minute), a.Protected)
	a.Engine.POST("/token", func(c *gin.Context) { a.Auth.Deny(c, ginoidc.ErrProviderUnavailable) })
	nobody, bob := a.Browser(), a.Browser()
	bob.MustSignIn("bob")
	a.Engine.POST("/old", func(c *gin.Context) {
		if err := a.Auth.StartSession(c, &ginoidc.User{Subject: "bob", AuthTime: time.Now().Add(-time.Hour)}); err != nil {
			t.Error(err)
		}
	})
	old := a.Browser()
	old.Do("POST", "/old", nil)
	html := []string{"Accept", "text/html,*/*;q=0.8"}
	for _, tt := range []struct {
		name    string
		who     *testapp.Browser
		path    string
		headers []string
		referer string
		status  int
		text    string
		link    string
	}{
		{"signed out", nobody, "/me", testapp.Navigation(), testapp.URL + "/edit?id=7&x=%20", 401, "Sign in",
			"/auth/signin?return_to=%2Fedit%3Fid%3D7%26x%3D%2520"},
		{"without Fetch Metadata", nobody, "/me", html, testapp.URL + "/edit", 401, "Sign in",
			"/auth/signin?return_to=%2Fedit"},
		{"no Referer", nobody, "/me", testapp.Navigation(), "", 401, "Sign in", "/auth/signin"},
		{"of another site", nobody, "/me", testapp.Navigation(), "https://evil.example/edit", 401, "Sign in", "/auth/signin"},
		{"of a host with the same start", nobody, "/me", testapp.Navigation(), testapp.URL + ".evil.example/edit",
			401, "Sign in", "/auth/signin"},
		{"of another port", nobody, "/me", testapp.Navigation(), testapp.URL + ":8443/edit", 401, "Sign in", "/auth/signin"},
		{"of a user part", nobody, "/me", testapp.Navigation(), "https://app.example.com@evil.example/",
			401, "Sign in", "/auth/signin"},
		{"of another scheme", nobody, "/me", testapp.Navigation(), "http://app.example.com/edit",
			401, "Sign in", "/auth/signin"},
		{"the origin alone", nobody, "/me", testapp.Navigation(), testapp.URL + "/", 401, "Sign in",
			"/auth/signin?return_to=%2F"},
		{"no path", nobody, "/me", testapp.Navigation(), testapp.URL, 401, "Sign in", "/auth/signin"},
		{"with a fragment", nobody, "/me", testapp.Navigation(), testapp.URL + "/edit#x", 401, "Sign in",
			"/auth/signin?return_to=%2Fedit"},
		{"two slashes", nobody, "/me", testapp.Navigation(), testapp.URL + "//evil.example", 401, "Sign in", "/auth/signin"},
		{"dot segments", nobody, "/me", testapp.Navigation(), testapp.URL + "/a/%2e%2e/b", 401, "Sign in", "/auth/signin"},
		{"a backslash", nobody, "/me", testapp.Navigation(), testapp.URL + `/\evil.example`, 401, "Sign in", "/auth/signin"},
		{"the plugin's own", nobody, "/me", testapp.Navigation(), testapp.URL + "/auth/signout",
			401, "Sign in", "/auth/signin"},
		{"too long", nobody, "/me", testapp.Navigation(), testapp.URL + "/" + strings.Repeat("a", 2048),
			401, "Sign in", "/auth/signin"},
		{"garbage", nobody, "/me", testapp.Navigation(), "\x00", 401, "Sign in", "/auth/signin"},
		{"not recent enough", old, "/fresh", testapp.Navigation(), testapp.URL + "/password", 401, "Sign in again",
			"/auth/signin?max_age=60&return_to=%2Fpassword"},
		{"not allowed", bob, "/admin", testapp.Navigation(), testapp.URL + "/users", 403, "Sign in as someone else",
			"/auth/signin?prompt=login&return_to=%2Fusers"},
		{"not allowed, no Referer", bob, "/admin", testapp.Navigation(), "", 403, "Sign in as someone else",
			"/auth/signin?prompt=login"},
		{"provider away", bob, "/token", testapp.Navigation(), testapp.URL + "/edit", 503, "Try again", "/edit"},
		{"provider away, no return target", bob, "/token", testapp.Navigation(), testapp.URL + "//evil.example",
			503, "Continue", "/"},
		{"provider away, no Referer", bob, "/token", testapp.Navigation(), "", 503, "Continue", "/"},
		{"from another site", bob, "/auth/signout", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document",
			"Sec-Fetch-Site", "cross-site"}, "https://evil.example/", 403, "Continue", "/"},
	} {
		headers := append([]string{"Referer", tt.referer}, tt.headers...)
		r := tt.who.Do("POST", tt.path, strings.NewReader("name=x"), headers...)
		title, text, link := shown(r, t)
		if r.StatusCode != tt.status || text != tt.text || link != tt.link || title == "" ||
			strings.Contains(r.Body, "evil") {
			t.Errorf("%s: %d, %q leads to %q, want %d, %q to %q", tt.name, r.StatusCode, text, link, tt.status, tt.text, tt.link)
		}
		if (r.Header.Get("WWW-Authenticate") != "") != (tt.status == 401) || r.Header.Get("Set-Cookie") != "" ||
			r.Location() != "" {
			t.Errorf("%s: %v", tt.name, r.Header)
		}
		if tt.status == 401 && tt.who == nobody && !strings.Contains(r.Body, "not processed") {
			t.Errorf("%s: the page does not say what became of the form: %s", tt.name, r.Body)
		}
	}
	if a.Ran["/me"]+a.Ran["/admin"]+a.Ran["/fresh"] != 0 || bob.WhoAmI() != "bob" {
		t.Errorf("ran %v, %q is signed in", a.Ran, bob.WhoAmI())
	}
	// The link leads back to the form.
	_, _, link := shown(nobody.Do("POST", "/me", nil,
		append(testapp.Navigation(), "Referer", testapp.URL+"/edit?id=7")...), t)
	if r := nobody.Navigate(nobody.Start(link, "alice")); r.Location() != "/edit?id=7" || nobody.WhoAmI() != "alice" {
		t.Errorf("the link led to %q", r.Location())
	}
}

// TestRecovery: a user who is denied a page is shown the reason and a link that leads on to that page.
func TestRecovery(t *testing.T) {
	const page = "/reports?year=2024&q=a%20b"
	signIn := "/auth/signin?return_to=" + url.QueryEscape(page)
	refused := func(code string) func(t *testing.T, a *testapp.App, b *testapp.Browser) testapp.Reply {
		return func(t *testing.T, a *testapp.App, b *testapp.Browser) testapp.Reply {
			u := testapp.ParseURL(t, b.Start(signIn, "alice"))
			q := u.Query()
			q.Del("code")
			q.Set("error", code)
			u.RawQuery = q.Encode()
			return b.Navigate(u.String())
		}
	}
	misbehaves := func(m fakeop.Misbehaviour) func(t *testing.T, a *testapp.App, b *testapp.Browser) testapp.Reply {
		return func(t *testing.T, a *testapp.App, b *testapp.Browser) testapp.Reply {
			callback := b.Start(signIn, "alice")
			a.OP.Misbehave(m)
			return b.Navigate(callback)
		}
	}
	down := func(a *testapp.App) {
		a.OP.Intercept(fakeop.Discovery, func(w http.ResponseWriter,
			_ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
		})
	}
	guarded := func(err error) func(t *testing.T, a *testapp.App, b *testapp.Browser) testapp.Reply {
		return func(t *testing.T, a *testapp.App, b *testapp.Browser) testapp.Reply {
			a.Engine.GET("/reports", func(c *gin.Context) { a.Auth.Deny(c, err) })
			return b.Navigate(page)
		}
	}
	again := "Sign in again"
	for _, tt := range []struct {
		name  string
		goes  func(t *testing.T, a *testapp.App, b *testapp.Browser) testapp.Reply
		title string
		text  string
		link  string
		code  int
		id    bool // whether the page shows a request id
	}{
		{"cancelled", refused("access_denied"), "Sign-in cancelled", again, signIn, 401, false},
		{"cancelled at Apple", refused("user_cancelled_authorize"), "Sign-in cancelled", again, signIn, 401, false},
		{"cancelled at LinkedIn", refused("user_cancelled_login"), "Sign-in cancelled", again, signIn, 401, false},
		{"refused", refused("login_required"), "Not signed in", again, signIn, 401, true},
		{"refused for a fault", refused("server_error"), "Not signed in", again, signIn, 401, true},
		{"code refused", misbehaves(fakeop.ErrorInvalidGrant), "Not signed in", again, signIn, 401, true},
		{"token refused", misbehaves(fakeop.WrongAud), "Sign-in problem", again, signIn, 401, true},
		{"nonsense", misbehaves(fakeop.HTMLAnswer), "Sign-in problem", again, signIn, 502, true},
		{"provider away", misbehaves(fakeop.Unavailable503), "Sign-in unavailable", again, signIn, 503, true},
		{"issuer of another", func(t *testing.T, a *testapp.App, b *testapp.Browser) testapp.Reply {
			return b.Navigate(strings.Replace(b.Start(signIn, "alice"), "idp.example", "evil.example", 1))
		}, "Sign-in problem", again, signIn, 400, true},
		{"expired", func(t *testing.T, a *testapp.App, b *testapp.Browser) testapp.Reply {
			callback := b.Start(signIn, "alice")
			time.Sleep(11 * time.Minute)
			return b.Navigate(callback)
		}, "Sign-in not completed", again, signIn, 400, true},
		{"spent", func(t *testing.T, a *testapp.App, b *testapp.Browser) testapp.Reply {
			u := testapp.ParseURL(t, b.Start(signIn, "alice"))
			attempt := b.Jar.Cookies(u)
			b.Navigate(u.String())
			b.Do("POST", "/auth/signout", nil)
			b.Jar.SetCookies(u, attempt)
			return b.Navigate(u.String())
		}, "Sign-in not completed", again, signIn, 400, true},
		{"not started here", func(t *testing.T, a *testapp.App, b *testapp.Browser) testapp.Reply {
			return a.Browser().Navigate(b.Start(signIn, "alice"))
		}, "Sign-in not completed", again, "/auth/signin", 400, true},
		{"the app says no", func(t *testing.T, a *testapp.App, b *testapp.Browser) testapp.Reply {
			return b.Navigate(b.Start(signIn, "bob"))
		},
			"No access", "Sign in as someone else", "/auth/signin?prompt=login&" + signIn[len("/auth/signin?"):], 403, true},
		{"provider not known at sign-in", func(t *testing.T, a *testapp.App, b *testapp.Browser) testapp.Reply {
			down(a)
			return b.Navigate(signIn)
		},
			"Sign-in unavailable", again, signIn, 503, true},
		{"the same, with a target that is none", func(t *testing.T, a *testapp.App, b *testapp.Browser) testapp.Reply {
			down(a)
			return b.Navigate("/auth/signin?return_to=//evil.example")
		}, "Sign-in unavailable", again, "/auth/signin?return_to=%2F", 503, true},
		{"not in the group", guarded(ginoidc.ErrForbidden), "No access", "Sign in as someone else",
			"/auth/signin?prompt=login&" + signIn[len("/auth/signin?"):], 403, false},
		{"store away", guarded(ginoidc.ErrSessionStore), "Temporarily unavailable", "Try again", page, 503, true},
		{"provider away for a handler", guarded(ginoidc.ErrProviderUnavailable), "Sign-in unavailable",
			"Try again", page, 503, true},
		{"nonsense for a handler", func(t *testing.T, a *testapp.App, b *testapp.Browser) testapp.Reply {
			b.MustSignIn("alice")
			time.Sleep(time.Hour) // so that the access token expires
			a.OP.Misbehave(fakeop.HTMLAnswer)
			a.Engine.GET("/reports", func(c *gin.Context) {
				_, err := a.Auth.Token(c)
				a.Auth.Deny(c, err)
			})
			return b.Navigate(page)
		}, "Sign-in problem", "Try again", page, 502, true},
		{"failure", guarded(errors.ErrUnsupported), "Internal error", "Try again", page, 500, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t, func(c *ginoidc.Config, o *fakeop.Config) {
					c.OnSignIn, c.KeepTokens, o.AlwaysRefreshToken = refuseBob, true, true
				})
				r := tt.goes(t, a, a.Browser())
				title, text, link := shown(r, t)
				if r.StatusCode != tt.code || title != tt.title || text != tt.text || link != tt.link {
					t.Errorf("%d %q, %q leads to %q; want %d %q, %q to %q", r.StatusCode, title, text, link,
						tt.code, tt.title, tt.text, tt.link)
				}
				id := regexp.MustCompile(`<small>Request ([A-Z0-9]+)</small>`).FindStringSubmatch(r.Body)
				if (id != nil) != tt.id || id != nil && !strings.Contains(a.Logs.String(), "request_id="+id[1]) {
					t.Errorf("request %q in %s\nlog: %s", id, r.Body, a.Logs)
				}
				if strings.HasPrefix(tt.name, "cancelled") && (strings.Contains(strings.ToLower(r.Body), "problem") ||
					strings.Contains(a.Logs.String(), "WARN")) {
					t.Errorf("a cancelled sign-in is no problem: %s\n%s", r.Body, a.Logs)
				}
				if own := strings.HasPrefix(link, "/auth") &&
					tt.name != "not in the group"; own != strings.Contains(r.Body, "<script>") {
					t.Errorf("query is cut from the address: %v, want %v", !own, own)
				}
			})
		})
	}
}

// TestStoreAway: users are not signed out while the store is down. The page says so and offers another try, on the
// plugin's own routes as well; after a form, the link leads back to its page.
func TestStoreAway(t *testing.T) {
	up := testapp.New(t)
	b := up.Browser()
	callback := b.Start("/auth/signin?return_to=/reports", "alice")
	b.MustSignIn("alice")
	down := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.State, c.Providers[0].Transport = brokenState{state.NewMemory(0)}, up.OP.Transport()
	})
	there := down.Browser()
	there.Jar = b.Jar
	for _, tt := range []struct{ method, path, text, link string }{
		{"GET", "/me?tab=1", "Try again", "/me?tab=1"},
		{"POST", "/me", "Try again", "/edit"},
		{"GET", callback, "Try again", "/reports"},
		{"POST", "/auth/signout", "Try again", "/auth/signout"},
		{"GET", "/auth/userinfo", "Continue", "/"},
		{"GET", "/auth/signed-out", "Continue", "/"},
	} {
		r := there.Do(tt.method, tt.path, nil, append(testapp.Navigation(), "Referer", testapp.URL+"/edit")...)
		title, text, link := shown(r, t)
		if r.StatusCode != 503 || title != "Temporarily unavailable" || text != tt.text || link != tt.link ||
			r.Header.Get("Retry-After") == "" {
			t.Errorf("%s %s: %d %q, %q leads to %q, want %q to %q", tt.method, tt.path, r.StatusCode,
				title, text, link, tt.text, tt.link)
		}
	}
	if b.WhoAmI() != "alice" {
		t.Error("signed out")
	}
}

// shown returns what the user reads on one of the plugin's pages: the title, and the text and address of its link.
func shown(r testapp.Reply, t *testing.T) (title, text, link string) {
	t.Helper()
	m := regexp.MustCompile(`(?s)<h1>([^<]*)</h1>.*<a href="([^"]*)">([^<]*)</a>`).FindStringSubmatch(r.Body)
	if m == nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("no page with a link: %d %v %s", r.StatusCode, r.Header, r.Body)
	}
	return html.UnescapeString(m[1]), html.UnescapeString(m[3]), html.UnescapeString(m[2])
}

func refuseBob(_ context.Context, s *ginoidc.PendingSignIn) error {
	if s.User.Subject == "bob" {
		return errors.New("bob is on the list")
	}
	return nil
}

// TestDenied: a handler of the app gets everything that the default page and JSON show.
func TestDenied(t *testing.T) {
	var seen ginoidc.Denial
	note := func(c *gin.Context) { seen = ginoidc.Denied(c) }
	a := testapp.New(t)
	own := a.Auth.With(ginoidc.AbortHandlers{Unauthenticated: note, Forbidden: note, Failed: note})
	for path, auth := range map[string]*ginoidc.Auth{"": a.Auth, "/own": own} {
		deny := func(err error) gin.HandlerFunc { return func(c *gin.Context) { auth.Deny(c, err) } }
		a.Engine.Any(path+"/in", auth.RequireAuth())
		a.Engine.Any(path+"/no", deny(ginoidc.ErrForbidden))
		a.Engine.Any(path+"/up", deny(&ginoidc.StepUpError{MaxAge: time.Minute, ACRValues: []string{"gold"}}))
		a.Engine.Any(path+"/away", deny(ginoidc.ErrSessionStore))
		a.Engine.Any(path+"/boom", deny(errors.New("boom")))
		a.Engine.Any(path+"/fails", deny(errors.ErrUnsupported))
	}
	b := a.Browser()
	for _, path := range []string{"/in", "/no", "/up", "/away", "/boom", "/fails"} {
		for _, kind := range []string{"GET page", "POST page", "GET fetch", "DELETE fetch"} {
			method, kind, _ := strings.Cut(kind, " ")
			headers := append(testapp.Navigation(), "Referer", testapp.URL+"/own"+path)
			if kind == "fetch" {
				headers = []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Referer", testapp.URL + "/own" + path}
			}
			seen = ginoidc.Denial{}
			mine := b.Do(method, "/own"+path, nil, headers...)
			headers[len(headers)-1] = testapp.URL + path
			theirs := b.Do(method, path, nil, headers...)
			name := method + " " + path + " " + kind
			if seen.Page != (kind == "page") || seen.Status != mine.StatusCode || seen.Err == nil ||
				seen.Code == "" || mine.Body != "" {
				t.Errorf("%s: %+v, %d %q", name, seen, mine.StatusCode, mine.Body)
			}
			same := strings.NewReplacer("%2Fown", "", "/own", "")
			switch {
			case theirs.StatusCode == http.StatusFound:
				if same.Replace(seen.SignInURL) != theirs.Location() || seen.Status != 401 {
					t.Errorf("%s: %+v, default to %s", name, seen, theirs.Location())
				}
			case seen.Page:
				title, text, link := shown(theirs, t)
				if seen.Title != title || seen.LinkText != text || same.Replace(seen.Link) != link ||
					!strings.Contains(theirs.Body, "<p>"+seen.Message+"</p>") ||
					(seen.RequestID != "") != strings.Contains(theirs.Body, "<small>") || seen.Status != theirs.StatusCode {
					t.Errorf("%s: %+v, default %s", name, seen, theirs.Body)
				}
			default:
				body := theirs.JSON(t)
				if signIn, told := body["sign_in_url"]; body["error"] != seen.Code || body["message"] != seen.Message ||
					seen.Status != theirs.StatusCode ||
					told && signIn != same.Replace(seen.SignInURL) || told != (seen.Status == 401) ||
					(body["request_id"] != nil) != (seen.RequestID != "") {
					t.Errorf("%s: %+v, default %s", name, seen, theirs.Body)
				} else {
					sent := seen
					sent.SignInURL = same.Replace(seen.SignInURL)
					sent.RequestID, _ = body["request_id"].(string)
					if own, err := json.Marshal(sent); err != nil || string(own) != theirs.Body {
						t.Errorf("%s: as JSON %s, %v, default %s", name, own, err, theirs.Body)
					}
				}
			}
			if seen.RequestID != "" && !strings.Contains(a.Logs.String(), "request_id="+seen.RequestID) {
				t.Errorf("%s: request %s is not in the log", name, seen.RequestID)
			}
		}
	}
	a.Engine.GET("/outside", func(c *gin.Context) {
		if d := ginoidc.Denied(c); d != (ginoidc.Denial{}) || ginoidc.Reason(c) != nil {
			t.Errorf("outside of handlers: %+v", d)
		}
	})
	b.Fetch("/outside")
}

// TestDeniedLog: the log has the groups that a guard requires and, at debug, those of the user.
func TestDeniedLog(t *testing.T) {
	for _, level := range []slog.Level{slog.LevelInfo, slog.LevelDebug} {
		a := testapp.New(t)
		auth := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Logger = slog.New(slog.NewTextHandler(a.Logs, &slog.HandlerOptions{Level: level}))
		})
		for path, guard := range map[string]gin.HandlerFunc{
			"/any": auth.Auth.RequireGroups("Domain Admins", "audit"), "/all": auth.Auth.RequireAllGroups("audit", "owners"),
			"/orgs/:org": auth.Auth.RequireOrganization("org"),
			"/check":     auth.Auth.Require(func(*ginoidc.User) error { return errors.New("not on Sundays") }),
		} {
			auth.Engine.GET(path, guard, auth.Protected)
		}
		b := auth.Browser()
		b.MustSignIn("bob")
		for path, wanted := range map[string]string{
			"/any": `any_of="[Domain Admins audit]"`, "/all": `all_of="[audit owners]"`, "/orgs/acme%0A": `organization=[acme?]`,
			"/check": `not on Sundays`,
		} {
			a.Logs.Reset()
			if r := b.Fetch(path); r.StatusCode != 403 || strings.Contains(r.Body, "audit") {
				t.Errorf("%s: %d %s", path, r.StatusCode, r.Body)
			}
			line := a.Logs.String()
			if !strings.Contains(line, "ginoidc: denied") || !strings.Contains(line, wanted) ||
				!strings.Contains(line, "sub=bob") {
				t.Errorf("%s: the log lacks %s: %s", path, wanted, line)
			}
			if own := "groups=[staff] organizations=[globex]"; strings.Contains(line, own) != (level == slog.LevelDebug) {
				t.Errorf("%s at %s: %s", path, level, line)
			}
		}
	}
}

// TestSignInURLOfAPI: a script's page is where the sign-in comes back to; a program that names none decides itself, and
// another site's page does not count.
func TestSignInURLOfAPI(t *testing.T) {
	a := testapp.New(t)
	for referer, want := range map[string]string{
		testapp.URL + "/board?tab=2#x":      "/auth/signin?return_to=%2Fboard%3Ftab%3D2",
		testapp.URL + "/":                   "/auth/signin?return_to=%2F",
		"":                                  "/auth/signin",
		testapp.URL:                         "/auth/signin",
		"https://evil.example/board":        "/auth/signin",
		testapp.URL + ".evil.example/board": "/auth/signin",
		testapp.URL + "//evil.example":      "/auth/signin",
		testapp.URL + "/auth/callback?code": "/auth/signin",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			r := a.Browser().Do(method, "/me", nil, "Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "same-origin", "Referer",
				referer)
			if got := r.JSON(t)["sign_in_url"]; r.StatusCode != 401 || got != want {
				t.Errorf("%s from %q: %d to %v, want %q", method, referer, r.StatusCode, got, want)
			}
		}
	}
}

// TestBearerChallenges: a request without credentials gets the challenges of all schemes that the app accepts, and a
// provider that is down does not refuse a token.
func TestBearerChallenges(t *testing.T) {
	a := newAPI(t)
	r := a.Browser().Fetch("/me")
	challenges := r.Header["Www-Authenticate"]
	if r.StatusCode != 401 || len(challenges) != 2 || challenges[1] != `Bearer realm="https://app.example.com"` {
		t.Errorf("%d %q", r.StatusCode, challenges)
	}
	if r := a.Browser().Navigate("/me"); r.StatusCode != http.StatusFound {
		t.Errorf("a page: %d", r.StatusCode)
	}
	var lines []string // of a log handler that asks for the user while the token is being checked
	down := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Logger = slog.New(asking{&lines}) })
	token, err := down.OP.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	down.OP.Intercept(fakeop.JWKS, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	r = down.Browser().Do(http.MethodGet, "/me", nil, "Authorization", "Bearer "+token)
	if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" || len(lines) == 0 {
		t.Errorf("provider away: %d %s", r.StatusCode, r.Body)
	}
	off := testapp.New(t)
	if r := off.Browser().Do(http.MethodGet, "/me", nil, "Authorization", "Bearer "+token); r.StatusCode != 401 ||
		strings.Contains(r.Header.Get("Www-Authenticate"), "Bearer") {
		t.Errorf("without an audience: %d %q", r.StatusCode, r.Header["Www-Authenticate"])
	}
}
