package testapp

import (
	"net/http"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// IssuerOf returns the issuer of one of several providers.
func IssuerOf(name string) string { return "https://" + name + ".idp.example" }

// NewSeveral returns an app with several providers, in memory, each with the same users.
func NewSeveral(t testing.TB, names []string, change ...Change) *App {
	t.Helper()
	ops := map[string]*fakeop.Provider{}
	a := New(t, append([]Change{func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers = nil
		for _, name := range names {
			p := ProviderAt(t, name, ops)
			c.Providers = append(c.Providers, p)
		}
	}}, change...)...)
	a.OPs = ops
	return a
}

// ProviderAt starts a provider and returns the settings for it. op goes to ops.
func ProviderAt(t testing.TB, name string, ops map[string]*fakeop.Provider) ginoidc.Provider {
	t.Helper()
	op, err := fakeop.New(fakeop.Config{
		Issuer: IssuerOf(name), ClientID: "app-" + name, ClientSecret: ClientSecret, SigningAlg: "ES256",
		AlwaysRefreshToken: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	ops[name] = op
	return ginoidc.Provider{
		Name: name, Issuer: IssuerOf(name), ClientID: "app-" + name, ClientSecret: ClientSecret,
		SigningAlgs: []string{"ES256"}, Transport: op.Transport(),
	}
}

// StartAt begins a sign-in with one of several providers, and returns the callback's URL.
func (b *Browser) StartAt(name, subject string) string {
	b.App.T.Helper()
	return b.ApproveAt(name, subject, "/auth/signin?provider="+name)
}

// ApproveAt opens a path of the sign-in route, which leads to one of several providers, and returns the callback's URL.
func (b *Browser) ApproveAt(name, subject, signIn string) string {
	b.App.T.Helper()
	r := b.Navigate(signIn)
	if r.StatusCode != http.StatusFound {
		b.App.T.Fatalf("sign-in at %s: %d %s\n%s", name, r.StatusCode, r.Body, b.App.Logs)
	}
	callback, err := b.App.OPs[name].Approve(r.Location(), subject)
	if err != nil {
		b.App.T.Fatal(err)
	}
	return callback
}

// MustSignInAt signs in with one of several providers.
func (b *Browser) MustSignInAt(name, subject string) {
	b.App.T.Helper()
	if r := b.Navigate(b.StartAt(name, subject)); r.StatusCode != http.StatusSeeOther {
		b.App.T.Fatalf("callback of %s: %d %s\n%s", name, r.StatusCode, r.Body, b.App.Logs)
	}
}
