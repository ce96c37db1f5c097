package protocol_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/e2e/visitor"
)

// person is a user of a browser without scripts.
type person struct {
	*visitor.Visitor
	t *testing.T
}

func somebody(t *testing.T) *person { return &person{visitor.New(t), t} }

// signIn opens a page of the app that requires a sign-in, and chooses an account on the provider's page.
func (p *person) signIn(a *app, path, account string) visitor.Page {
	p.t.Helper()
	return p.Submit(p.asked(p.Open(a.url+path), a), url.Values{"account": {account}})
}

// asked returns a page that must be the provider's sign-in page.
func (p *person) asked(shown visitor.Page, a *app) visitor.Page {
	p.t.Helper()
	if !strings.HasPrefix(shown.At.String(), a.issuer+"/interaction/") {
		p.t.Fatalf("not at the provider's sign-in page: %d %s\n%s", shown.Status, shown.At, shown.Text)
	}
	return shown
}

// confirms accepts a page that must be the provider's sign-out confirmation.
func (p *person) confirms(shown visitor.Page, a *app) visitor.Page {
	p.t.Helper()
	if shown.Status != http.StatusOK || !strings.HasPrefix(shown.At.String(), a.issuer+"/session/end") {
		p.t.Fatalf("not at the provider's sign-out page: %d %s\n%s", shown.Status, shown.At, shown.Text)
	}
	return p.Submit(shown, url.Values{"logout": {"yes"}})
}

// sees checks what the app shows in the end.
func (p *person) sees(shown visitor.Page, a *app, path, text string) {
	p.t.Helper()
	if shown.Status != http.StatusOK || shown.At.String() != a.url+path || shown.Text != text {
		p.t.Fatalf("%d %s: %s\nwant %s with %q", shown.Status, shown.At, shown.Text, a.url+path, text)
	}
}

// sent returns the names of the query parameters of the browser's last request to a URL, in order.
func (p *person) sent(address string) string {
	p.t.Helper()
	return inOrder(p.Sent(address))
}
