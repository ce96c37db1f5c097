package fakeop_test

import (
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// A request with an unknown redirect URI gets a page, never a redirect (RFC 9700, 4.11); every other error is sent to
// the app.
func TestAuthorizeRefuses(t *testing.T) {
	const page = "a page"
	tests := map[string]struct {
		changes changes
		want    string // error code at the redirect URI
	}{
		"no client":             {changes{"client_id": nil}, page},
		"unknown client":        {changes{"client_id": {"x"}}, page},
		"no redirect URI":       {changes{"redirect_uri": nil}, page},
		"relative redirect URI": {changes{"redirect_uri": {"/auth/callback"}}, page},
		"unregistered":          {changes{"redirect_uri": {redirectURI + "/"}}, page},
		"fragment":              {changes{"redirect_uri": {redirectURI + "#x"}}, page},
		"two redirect URIs":     {changes{"redirect_uri": {redirectURI, "https://evil.example"}}, page},
		"implicit flow":         {changes{"response_type": {"id_token"}}, "unsupported_response_type"},
		"no response type":      {changes{"response_type": nil}, "unsupported_response_type"},
		"fragment mode":         {changes{"response_mode": {"fragment"}}, "invalid_request"},
		"request object":        {changes{"request": {"e30."}}, "request_not_supported"},
		"request URI":           {changes{"request_uri": {"urn:x"}}, page},
		"unknown prompt":        {changes{"prompt": {"login shout"}}, "invalid_request"},
		"short dpop_jkt":        {changes{"dpop_jkt": {challenge[1:]}}, "invalid_request"},
		"relative resource":     {changes{"resource": {"https://api.example", "/api"}}, "invalid_target"},
		"resource with #":       {changes{"resource": {"https://api.example/#"}}, "invalid_target"},
		"empty resource":        {changes{"resource": {""}}, "invalid_target"},
		"claims not an object":  {changes{"claims": {`[]`}}, "invalid_request"},
		"claims member is text": {changes{"claims": {`{"id_token":{"acr":"x"}}`}}, "invalid_request"},
		"no openid":             {changes{"scope": {"profile email"}}, "invalid_scope"},
		"no PKCE":               {changes{"code_challenge": nil, "code_challenge_method": nil}, "invalid_request"},
		"PKCE plain": {
			changes{"code_challenge": {verifier}, "code_challenge_method": {"plain"}}, "invalid_request",
		},
		"short challenge":       {changes{"code_challenge": {challenge[1:]}}, "invalid_request"},
		"repeated parameter":    {changes{"nonce": {"a", "b"}}, "invalid_request"},
		"prompt none and login": {changes{"prompt": {"none login"}}, "invalid_request"},
		"odd max_age":           {changes{"max_age": {"-1"}}, "invalid_request"},
		"prompt none":           {changes{"prompt": {"none"}}, "login_required"},
	}
	a := newApp(t, fakeop.Config{RedirectURIs: []string{"https://app.example/other", redirectURI}})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := a.get(a.authURL(tt.changes))
			if tt.want == page {
				if got.StatusCode != 400 || got.Header.Get("Location") != "" || !strings.Contains(got.text, "<h1>") {
					t.Fatalf("%d to %q, want a page", got.StatusCode, got.Header.Get("Location"))
				}
				if _, err := a.idp.Approve(a.authURL(tt.changes), "alice"); err == nil {
					t.Error("Approve takes it")
				}
				return
			}
			query := got.location().Query()
			if !strings.HasPrefix(got.location().String(), redirectURI+"?") || query.Get("error") != tt.want ||
				query.Has("code") {
				t.Fatalf("%d to %q, want error %s", got.StatusCode, got.location(), tt.want)
			}
			if query.Get("state") != "the-state" || query.Get("iss") != a.idp.Issuer() {
				t.Errorf("state and iss are missing: %v", query)
			}
			_, err := a.idp.Approve(a.authURL(tt.changes), "alice")
			if refused := tt.want != "login_required"; (err != nil) != refused {
				t.Errorf("Approve: %v", err)
			}
		})
	}
}

func TestRedirectURIKeepsItsQuery(t *testing.T) {
	a := newApp(t, fakeop.Config{})
	target := a.authURL(changes{"redirect_uri": {"https://app.example/cb?tenant=1"}, "state": nil})
	callback, err := a.idp.Approve(target, "alice")
	if err != nil || !strings.HasPrefix(callback, "https://app.example/cb?tenant=1&code=") ||
		strings.Contains(callback, "state=") {
		t.Errorf("callback = %q, %v", callback, err)
	}
	for _, uri := range []string{"/auth/callback", redirectURI + "#x", "https://app.example:port/"} {
		if callback, err := a.idp.Approve(a.authURL(changes{"redirect_uri": {uri}}), "alice"); err == nil {
			t.Errorf("%q was taken: %q", uri, callback)
		}
	}
}

func TestApproveAndDeny(t *testing.T) {
	a := newApp(t, fakeop.Config{})
	for name, target := range map[string]string{
		"another endpoint": strings.Replace(a.authURL(nil), "/authorize", "/token", 1),
		"another host":     strings.Replace(a.authURL(nil), "idp.example", "idp.example.evil", 1),
		"no URL":           "https://idp.example/authorize?%zz",
		"bad host":         "https://idp.example:x/authorize",
	} {
		if got, err := a.idp.Approve(target, "alice"); err == nil {
			t.Errorf("Approve of %s = %q", name, got)
		}
		if got, err := a.idp.Deny(target, "access_denied"); err == nil {
			t.Errorf("Deny of %s = %q", name, got)
		}
	}
	if got, err := a.idp.Approve(a.authURL(nil), "mallory"); err == nil {
		t.Errorf("Approve for an unknown user = %q", got)
	}
	callback, err := a.idp.Deny(a.authURL(nil), "access_denied")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(callback)
	if err != nil || u.Query().Get("error") != "access_denied" || u.Query().Get("state") != "the-state" ||
		u.Query().Get("iss") == "" {
		t.Errorf("Deny = %q, %v", callback, err)
	}
}

// form is the content of the log-in page.
type form struct {
	action   string
	subjects []string
	hinted   string
}

var (
	formAction = regexp.MustCompile(`<form method="post" action="([^"]*)">`)
	userButton = regexp.MustCompile(`<button class="(user[a-z ]*)" name="subject" value="([^"]*)"`)
)

// logInForm requires the log-in page.
func logInForm(t *testing.T, a answer) form {
	t.Helper()
	action := formAction.FindStringSubmatch(a.text)
	if a.StatusCode != 200 || action == nil {
		t.Fatalf("%d to %q, want the log-in page", a.StatusCode, a.Header.Get("Location"))
	}
	target, err := a.Request.URL.Parse(html.UnescapeString(action[1]))
	if err != nil {
		t.Fatal(err)
	}
	f := form{action: target.String()}
	for _, button := range userButton.FindAllStringSubmatch(a.text, -1) {
		f.subjects = append(f.subjects, html.UnescapeString(button[2]))
		if strings.Contains(button[1], "hinted") {
			f.hinted = button[2]
		}
	}
	return f
}

// press presses a button of the page and returns the callback's parameters.
func (a *app) press(f form, name, value string) url.Values {
	a.t.Helper()
	got := a.do(http.MethodPost, f.action, url.Values{name: {value}}, nil)
	if got.StatusCode != http.StatusSeeOther || !strings.HasPrefix(got.location().String(), redirectURI+"?") {
		a.t.Fatalf("%d to %q, want a redirect to the app", got.StatusCode, got.location())
	}
	return got.location().Query()
}

func TestLogInPage(t *testing.T) {
	a := newApp(t, fakeop.Config{Issuer: "https://idp.example/tenant", Users: append(fakeop.DemoUsers(), fakeop.User{
		Subject: `"><script>`, Name: "<b>Eve</b> Étoile",
	})})
	page := a.get(a.authURL(changes{"login_hint": {"bob@example.com"}}))
	f := logInForm(t, page)
	if strings.Join(f.subjects, " ") != `bob alice carol "><script>` || f.hinted != "bob" {
		t.Errorf("buttons = %q, hinted %q", f.subjects, f.hinted)
	}
	if strings.Contains(page.text, "<b>Eve") || strings.Count(page.text, "<script") != 0 {
		t.Error("a user's name became markup, or the page needs a script")
	}
	policy := page.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") ||
		strings.Contains(policy, "form-action") {
		t.Errorf("Content-Security-Policy = %q", policy)
	}
	if page.Header.Get("Cache-Control") != "no-store" || page.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("header = %v", page.Header)
	}
	if query := a.press(f, "cancel", "1"); query.Get("error") != "access_denied" {
		t.Errorf("cancel = %v", query)
	}
	if got := a.do(http.MethodPost, f.action, url.Values{"subject": {"mallory"}}, nil); got.StatusCode != 400 {
		t.Errorf("unknown user: %d", got.StatusCode)
	}
	got := a.redeem(a.press(f, "subject", "carol").Get("code"))
	if text(part(t, text(got.object, "id_token"), 1), "sub") != "carol" {
		t.Errorf("signed in as %s", got.text)
	}
	posted := a.do(http.MethodPost, a.url(fakeop.Authorize), queryOf(t, a.authURL(changes{"prompt": {"login"}})), nil)
	if again := logInForm(t, posted); a.press(again, "subject", "bob").Get("code") == "" {
		t.Error("a request sent by POST does not lead to a code")
	}
}

func queryOf(t *testing.T, target string) url.Values {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// Single sign-on: alice signed in ten minutes ago.
func TestSingleSignOn(t *testing.T) {
	const silent, page = "silent", "page"
	tests := map[string]struct {
		changes changes
		want    string // silent, page, or an error code
	}{
		"nothing asked":            {nil, silent},
		"prompt none":              {changes{"prompt": {"none"}}, silent},
		"prompt login":             {changes{"prompt": {"login"}}, page},
		"prompt select_account":    {changes{"prompt": {"select_account"}}, page},
		"hint is the user":         {changes{"login_hint": {"alice@example.com"}}, silent},
		"hint is another":          {changes{"login_hint": {"bob"}}, page},
		"hint is another, silent":  {changes{"login_hint": {"bob"}, "prompt": {"none"}}, "login_required"},
		"hint is nobody":           {changes{"login_hint": {"mallory"}}, page},
		"max_age not reached":      {changes{"max_age": {"600"}}, silent},
		"max_age passed":           {changes{"max_age": {"599"}}, page},
		"max_age passed, silent":   {changes{"max_age": {"599"}, "prompt": {"none"}}, "login_required"},
		"max_age zero":             {changes{"max_age": {"0"}}, page},
		"max_age, zero, logged in": {changes{"max_age": {"0"}, "prompt": {"none"}}, "login_required"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, fakeop.Config{})
				first := a.redeem(a.press(logInForm(t, a.get(a.authURL(nil))), "subject", "alice").Get("code"))
				time.Sleep(10 * time.Minute)
				got := a.get(a.authURL(tt.changes))
				if tt.want == page {
					logInForm(t, got)
					return
				}
				query := got.location().Query()
				if tt.want != silent {
					if query.Get("error") != tt.want {
						t.Errorf("%d to %q, want %s", got.StatusCode, got.location(), tt.want)
					}
					return
				}
				second := a.redeem(query.Get("code"))
				before, after := part(t, text(first.object, "id_token"), 1), part(t, text(second.object, "id_token"), 1)
				if before["sid"] != after["sid"] || before["auth_time"] != after["auth_time"] || after["sub"] != "alice" {
					t.Errorf("not the same session: %v, then %v", before, after)
				}
			})
		})
	}
}

// A user who signs in later replaces the browser's session, with a new sid; it ends after a day, and scripts cannot
// read the cookie.
func TestSessionIsReplacedAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, fakeop.Config{Issuer: "https://idp.example/tenant"})
		f := logInForm(t, a.get(a.authURL(nil)))
		got := a.do(http.MethodPost, f.action, url.Values{"subject": {"alice"}}, nil)
		cookie := got.Cookies()[0]
		if !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/tenant/" {
			t.Errorf("cookie = %v", cookie)
		}
		a.press(f, "subject", "bob")
		silent := a.redeem(a.get(a.authURL(changes{"prompt": {"none"}})).location().Query().Get("code"))
		if sub := text(part(t, text(silent.object, "id_token"), 1), "sub"); sub != "bob" {
			t.Errorf("the session is %q's", sub)
		}
		a.client.Jar, _ = cookiejar.New(nil)
		old := a.do(http.MethodGet, a.authURL(changes{"prompt": {"none"}}), nil, http.Header{
			"Cookie": {cookie.Name + "=" + cookie.Value},
		})
		if old.location().Query().Get("error") != "login_required" {
			t.Error("the session that was replaced is alive")
		}
		a.press(f, "subject", "bob")
		time.Sleep(24 * time.Hour)
		logInForm(t, a.get(a.authURL(nil)))
	})
}

func TestFormPost(t *testing.T) {
	a := newApp(t, fakeop.Config{})
	form := changes{"response_mode": {"form_post"}, "state": {`"><b>`}}
	got := a.do(http.MethodPost, logInForm(t, a.get(a.authURL(form))).action, url.Values{"subject": {"alice"}}, nil)
	if got.StatusCode != 200 || !strings.Contains(got.text, `<form method="post" action="`+redirectURI+`">`) {
		t.Fatalf("%d %s", got.StatusCode, got.text)
	}
	for _, field := range []string{
		`name="code" value="`, `name="iss" value="https://idp.example"`, `name="state" value="&#34;&gt;&lt;b&gt;"`, "<button",
	} {
		if !strings.Contains(got.text, field) {
			t.Errorf("the form lacks %s", field)
		}
	}
}

// No request makes the provider redirect to a place that is not registered, or
// fail.
func FuzzAuthorize(f *testing.F) {
	const known = "client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fcallback"
	f.Add(known + "&scope=openid&response_type=code&max_age=99999999999")
	f.Add("client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fcallback&prompt=none&state=%0d%0aX:y")
	f.Add("client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fcallback%00&%zz;")
	f.Add(known + "&claims=%7B%22id_token%22%3A%7B%22acr%22%3A%7B%22values%22%3A%5B1%2Cnull%5D%7D%7D%7D&acr_values=x")
	f.Add(known + "&response_mode=form_post.jwt&resource=urn%3A&resource=%23&dpop_jkt=x")
	f.Add("client_id=app&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Ax&request=a.b.c")
	idp, err := fakeop.New(fakeop.Config{
		RedirectURIs: []string{redirectURI}, ACRValues: []string{"x"}, SigningAlg: "EdDSA",
	})
	if err != nil {
		f.Fatal(err)
	}
	transport := idp.Transport()
	f.Fuzz(func(t *testing.T, query string) {
		r, err := http.NewRequest(http.MethodGet, idp.Issuer()+"/authorize", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.RawQuery = strings.Map(queryText, query)
		resp, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if to := resp.Header.Get("Location"); to != "" && !strings.HasPrefix(to, redirectURI+"?") || resp.StatusCode >= 500 {
			t.Errorf("%q: %s to %q", query, resp.Status, to)
		}
	})
}

// queryText makes any text fit for a request line.
func queryText(r rune) rune {
	if r <= ' ' || r > '~' || r == '#' {
		return '.'
	}
	return r
}
