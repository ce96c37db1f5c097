package testapp

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
)

// Browser keeps cookies as browsers do and never follows a redirect.
type Browser struct {
	App *App
	Jar http.CookieJar
}

// Browser returns a browser without cookies.
func (a *App) Browser() *Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.T.Fatal(err)
	}
	return &Browser{a, jar}
}

// Twin returns another browser with the cookies that b has now.
func (b *Browser) Twin() *Browser {
	other, u := b.App.Browser(), ParseURL(b.App.T, URL+"/auth/")
	cookies := b.Jar.Cookies(u)
	for _, c := range cookies {
		c.Secure, c.Path = true, "/"
	}
	other.Jar.SetCookies(u, cookies)
	return other
}

type jarKey struct{}

// JarOf returns the cookies of the browser that sent a request.
func JarOf(r *http.Request) http.CookieJar {
	jar, _ := r.Context().Value(jarKey{}).(http.CookieJar)
	return jar
}

// Do sends one request to a path of the app or to a URL; headers are name, value pairs.
func (b *Browser) Do(method, target string, body io.Reader, headers ...string) Reply {
	b.App.T.Helper()
	if strings.HasPrefix(target, "/") {
		target = URL + target
	}
	r := httptest.NewRequest(method, target, body)
	r = r.WithContext(context.WithValue(r.Context(), jarKey{}, b.Jar))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	for _, c := range b.Jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	return b.send(r)
}

func (b *Browser) send(r *http.Request) Reply {
	w := httptest.NewRecorder()
	b.App.Engine.ServeHTTP(w, r)
	response := w.Result()
	b.Jar.SetCookies(r.URL, response.Cookies())
	return Reply{response, w.Body.String()}
}

// Navigation returns the headers of a browser that opens a page.
func Navigation() []string {
	return []string{
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none",
		"Accept", "text/html,*/*;q=0.8",
	}
}

// Navigate opens a page.
func (b *Browser) Navigate(target string) Reply {
	b.App.T.Helper()
	return b.Do(http.MethodGet, target, nil, Navigation()...)
}

// Fetch requests a resource as a script does.
func (b *Browser) Fetch(target string) Reply {
	b.App.T.Helper()
	return b.Do(http.MethodGet, target, nil, "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Accept", "*/*")
}

// CrossSiteForm returns the headers of a form that a page of the provider posts.
func CrossSiteForm() []string {
	return []string{
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "cross-site", "Origin", Issuer,
		"Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html",
	}
}

// PostCallback sends the response in the URL of a callback as a form of another site does: only with the cookies that
// are SameSite=None, which are those of sign-in attempts. Headers replace those of CrossSiteForm.
func (b *Browser) PostCallback(callback string, headers ...string) Reply {
	b.App.T.Helper()
	target, body, _ := strings.Cut(callback, "?")
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	headers = append(CrossSiteForm(), headers...)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	for _, c := range b.Jar.Cookies(r.URL) {
		if strings.Contains(c.Name, ".") {
			r.AddCookie(c)
		}
	}
	return b.send(r)
}

// Callback requests a callback as the provider makes browsers do: as a navigation or, with form_post, as a form.
func (b *Browser) Callback(callback string) Reply {
	b.App.T.Helper()
	if strings.HasPrefix(b.App.ResponseMode, "form_post") {
		return b.PostCallback(callback)
	}
	return b.Navigate(callback)
}

// Start begins a sign-in at a path of the sign-in route and returns the callback's URL after the user has agreed at the
// provider.
func (b *Browser) Start(signIn, subject string) string {
	b.App.T.Helper()
	r := b.Navigate(signIn)
	if r.StatusCode != http.StatusFound {
		b.App.T.Fatalf("sign-in: %d %s", r.StatusCode, r.Body)
	}
	callback, err := b.App.OP.Approve(r.Location(), subject)
	if err != nil {
		b.App.T.Fatal(err)
	}
	return callback
}

// SignIn goes through a whole sign-in and returns the callback's response.
func (b *Browser) SignIn(subject string) Reply {
	b.App.T.Helper()
	return b.Navigate(b.Start("/auth/signin", subject))
}

// MustSignIn is SignIn that fails the test unless the sign-in succeeds.
func (b *Browser) MustSignIn(subject string) {
	b.App.T.Helper()
	if r := b.SignIn(subject); r.StatusCode != http.StatusSeeOther {
		b.App.T.Fatalf("callback: %d %s\n%s", r.StatusCode, r.Body, b.App.Logs)
	}
}

// WhoAmI returns the subject of the user that the app sees, or "" for nobody.
func (b *Browser) WhoAmI() string { return b.Fetch("/me").subject(b.App.T) }

// Cookies returns the names of the cookies that the browser holds for the app's own routes.
func (b *Browser) Cookies() []string {
	var names []string
	for _, c := range b.Jar.Cookies(ParseURL(b.App.T, URL+"/auth/")) {
		names = append(names, c.Name)
	}
	return names
}

// SetCookie sets a cookie in the browser, or deletes it if the value is "".
func (b *Browser) SetCookie(name, value, path string) {
	cookie := &http.Cookie{Name: name, Value: value, Path: path, Secure: true}
	if value == "" {
		cookie.MaxAge = -1
	}
	b.Jar.SetCookies(ParseURL(b.App.T, URL+path), []*http.Cookie{cookie})
}

// CookieHeader returns the Cookie header that the browser sends to the app's root.
func (b *Browser) CookieHeader() string {
	r := httptest.NewRequest(http.MethodGet, URL+"/", nil)
	for _, c := range b.Jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	return r.Header.Get("Cookie")
}
