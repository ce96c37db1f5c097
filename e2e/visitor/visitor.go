// Package visitor is a browser without scripts: it keeps cookies, follows redirects and sends forms.
package visitor

import (
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Visitor is one person's browser.
type Visitor struct {
	Jar   http.CookieJar
	Trail []*url.URL // all that the browser was sent to

	t       testing.TB
	browser http.Client
}

// Page is what the browser shows after redirects.
type Page struct {
	Status int
	At     *url.URL
	Text   string
}

// New returns a browser without cookies.
func New(t testing.TB) *Visitor {
	t.Helper()
	kept, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &Visitor{Jar: jar{kept}, t: t}
	v.browser = http.Client{Jar: v.Jar, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > 20 {
			return errors.New("a loop")
		}
		v.Trail = append(v.Trail, r.URL)
		return nil
	}}
	return v
}

// jar sends cookies that are Secure over http too, as browsers do to loopback addresses.
type jar struct{ http.CookieJar }

func (j jar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		c.Secure = false
	}
	j.CookieJar.SetCookies(u, cookies)
}

// Open goes to a URL as if it were typed.
func (v *Visitor) Open(address string) Page {
	v.t.Helper()
	return v.Load(http.MethodGet, address, nil)
}

// Submit sends the first form of a page, with its hidden fields and the additional ones.
func (v *Visitor) Submit(on Page, fields url.Values) Page {
	v.t.Helper()
	form := regexp.MustCompile(`(?is)<form\b([^>]*)>.*?</form>`).FindStringSubmatch(on.Text)
	if form == nil {
		v.t.Fatalf("no form on %s: %d %s", on.At, on.Status, on.Text)
	}
	action, err := on.At.Parse(attribute(form[1], "action"))
	if err != nil {
		v.t.Fatal(err)
	}
	all := url.Values{}
	for _, input := range regexp.MustCompile(`(?is)<input\b[^>]*>`).FindAllString(form[0], -1) {
		if strings.EqualFold(attribute(input, "type"), "hidden") {
			all.Set(attribute(input, "name"), attribute(input, "value"))
		}
	}
	for name, values := range fields {
		all[name] = values
	}
	return v.Load(http.MethodPost, action.String(), all)
}

// attribute returns an attribute of an HTML tag, or "".
func attribute(tag, name string) string {
	match := regexp.MustCompile(`(?i)\s` + name + `="([^"]*)"`).FindStringSubmatch(tag)
	if match == nil {
		return ""
	}
	return html.UnescapeString(match[1])
}

// Load sends a navigation.
func (v *Visitor) Load(method, address string, form url.Values) Page {
	v.t.Helper()
	return v.send(method, address, "text/html", form)
}

// Fetch sends a request as a script does.
func (v *Visitor) Fetch(address string) Page {
	v.t.Helper()
	return v.send(http.MethodGet, address, "application/json", nil)
}

func (v *Visitor) send(method, address, accept string, form url.Values) Page {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	v.Trail = append(v.Trail, r.URL)
	resp, err := v.browser.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return Page{resp.StatusCode, resp.Request.URL, string(body)}
}

// Sent returns the query parameters of the browser's last request to a URL.
func (v *Visitor) Sent(address string) url.Values {
	v.t.Helper()
	for _, u := range slices.Backward(v.Trail) {
		if plain, _, _ := strings.Cut(u.String(), "?"); plain == address {
			return u.Query()
		}
	}
	v.t.Fatalf("the browser was never sent to %s: %s", address, v.Trail)
	return nil
}
