package protocol_test

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

// person is somebody whose browser keeps cookies, follows redirects and runs no script.
type person struct {
	t       *testing.T
	browser http.Client
	trail   []*url.URL // all that the browser was sent to
}

// page is what the browser shows after redirects.
type page struct {
	status int
	at     *url.URL
	text   string
}

func somebody(t *testing.T) *person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t}
	p.browser = http.Client{Jar: jar, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > 20 {
			return errors.New("a loop")
		}
		p.trail = append(p.trail, r.URL)
		return nil
	}}
	return p
}

// open goes to an address as if it were typed.
func (p *person) open(address string) page {
	p.t.Helper()
	return p.load(http.MethodGet, address, nil)
}

// submit sends the only form of a page, with its hidden fields and the further ones.
func (p *person) submit(on page, fields url.Values) page {
	p.t.Helper()
	action := on.at
	if match := regexp.MustCompile(` action="([^"]*)"`).FindStringSubmatch(on.text); match != nil {
		var err error
		if action, err = on.at.Parse(html.UnescapeString(match[1])); err != nil {
			p.t.Fatal(err)
		}
	}
	all := url.Values{}
	hiddenField := regexp.MustCompile(`type="hidden" name="([^"]*)" value="([^"]*)"`)
	for _, hidden := range hiddenField.FindAllStringSubmatch(on.text, -1) {
		all.Set(hidden[1], html.UnescapeString(hidden[2]))
	}
	for name, values := range fields {
		all[name] = values
	}
	return p.load(http.MethodPost, action.String(), all)
}

func (p *person) load(method, address string, form url.Values) page {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	p.trail = append(p.trail, r.URL)
	resp, err := p.browser.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return page{resp.StatusCode, resp.Request.URL, string(body)}
}

// signIn opens a page of the app that is for who is signed in, and chooses an account on the provider's page.
func (p *person) signIn(a *app, path, account string) page {
	p.t.Helper()
	return p.submit(p.asked(p.open(a.url+path), a), url.Values{"account": {account}})
}

// asked is a page that has to be the provider's, where one says who one is.
func (p *person) asked(shown page, a *app) page {
	p.t.Helper()
	if !strings.HasPrefix(shown.at.String(), a.issuer+"/interaction/") {
		p.t.Fatalf("not at the provider's sign-in page: %d %s\n%s", shown.status, shown.at, shown.text)
	}
	return shown
}

// confirms says yes on a page that has to be the provider's, where it asks whether to sign out.
func (p *person) confirms(shown page, a *app) page {
	p.t.Helper()
	if shown.status != http.StatusOK || !strings.HasPrefix(shown.at.String(), a.issuer+"/session/end") {
		p.t.Fatalf("not at the provider's sign-out page: %d %s\n%s", shown.status, shown.at, shown.text)
	}
	return p.submit(shown, url.Values{"logout": {"yes"}})
}

// sees is what the app has to show in the end.
func (p *person) sees(shown page, a *app, path, text string) {
	p.t.Helper()
	if shown.status != http.StatusOK || shown.at.String() != a.url+path || shown.text != text {
		p.t.Fatalf("%d %s: %s\nwant %s with %q", shown.status, shown.at, shown.text, a.url+path, text)
	}
}

// sent are the names of the query parameters with which the browser last came to an address, in order.
func (p *person) sent(address string) string {
	p.t.Helper()
	for _, u := range slices.Backward(p.trail) {
		if plain, _, _ := strings.Cut(u.String(), "?"); plain == address {
			return inOrder(u.Query())
		}
	}
	p.t.Fatalf("the browser was never sent to %s: %s", address, p.trail)
	return ""
}
