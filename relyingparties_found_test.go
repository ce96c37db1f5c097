package ginoidc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// tenants are the providers that an app keeps in its database.
type tenants struct {
	mu    sync.Mutex
	ops   map[string]*fakeop.Provider
	named map[string]ginoidc.Provider
	down  error
	asked int
}

func (d *tenants) find(_ context.Context, name string) (ginoidc.Provider, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	if d.down != nil {
		return ginoidc.Provider{}, d.down
	}
	p, ok := d.named[name]
	if !ok {
		return p, fmt.Errorf("tenant %q: %w", name, ginoidc.ErrUnknownProvider)
	}
	return p, nil
}

func (d *tenants) edit(name string, edit func(*ginoidc.Provider)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.named[name]
	edit(&p)
	d.named[name] = p
}

// newTenants returns an app with the provider "staff" and those of the tenants.
func newTenants(t *testing.T, names []string, change ...testapp.Change) (*testapp.App, *tenants) {
	t.Helper()
	d := &tenants{ops: map[string]*fakeop.Provider{}, named: map[string]ginoidc.Provider{}}
	for _, name := range names {
		d.named[name] = testapp.ProviderAt(t, name, d.ops)
	}
	a := testapp.NewSeveral(t, []string{"staff"}, append([]testapp.Change{func(c *ginoidc.Config, _ *fakeop.Config) {
		c.FindProvider = d.find
	}}, change...)...)
	for name, op := range d.ops {
		a.OPs[name] = op
	}
	a.Engine.GET("/user", a.Auth.RequireAuth(), showUser)
	return a, d
}

// TestFindProvider: a provider of the app's database works like a configured one, once the app knows it, and is looked
// up once a minute. Its groups are prefixed: it can claim any group, also that of the operators (case 330).
func TestFindProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, d := newTenants(t, []string{"acme"})
		b := a.Browser()
		if r := b.Navigate("/auth/signin?provider=globex"); r.StatusCode != http.StatusNotFound {
			t.Errorf("unknown: %d", r.StatusCode)
		}
		b.MustSignInAt("acme", "alice")
		asked := d.asked
		for range 5 {
			if got := userOf(b); got != "acme "+testapp.IssuerOf("acme")+" alice" {
				t.Fatalf("the user is %q", got)
			}
		}
		if d.asked != asked {
			t.Errorf("asked %d times for five requests", d.asked-asked)
		}
		if r := b.Fetch("/admin"); r.StatusCode != http.StatusForbidden {
			t.Errorf("admin of a tenant at the guard of the operators: %d", r.StatusCode)
		}
		if r := b.Fetch("/me"); !strings.Contains(r.Body, `"acme:admin"`) || strings.Contains(r.Body, `"admin"`) {
			t.Errorf("groups: %s", r.Body)
		}
		time.Sleep(2 * time.Minute)
		userOf(b)
		synctest.Wait()
		if d.asked != asked+1 {
			t.Errorf("asked %d times two minutes later", d.asked-asked)
		}
	})
}

// TestFindProviderFails: a failing lookup is 503 for new sign-ins of its own provider only. Nobody is signed out, and
// nobody else notices.
func TestFindProviderFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, d := newTenants(t, []string{"acme"})
		acme, staff := a.Browser(), a.Browser()
		acme.MustSignInAt("acme", "alice")
		staff.MustSignInAt("staff", "alice")
		d.down = errors.New("no database")
		time.Sleep(20 * time.Minute)
		if r := a.Browser().Navigate("/auth/signin?provider=acme"); r.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("a sign-in at acme: %d", r.StatusCode)
		}
		if userOf(acme) == "" || userOf(staff) == "" {
			t.Errorf("signed out: %q, %q", userOf(acme), userOf(staff))
		}
		a.Browser().MustSignInAt("staff", "bob")
		restarted, d := newTenants(t, []string{"acme"}) // and knows no provider yet
		d.down = errors.New("no database")
		acme.App, staff.App = restarted, restarted
		if r := acme.Fetch("/user"); r.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("a session of an unknown provider while the lookup fails: %d", r.StatusCode)
		}
		if userOf(staff) == "" {
			t.Error("a user of another provider was signed out")
		}
	})
}

// TestForgetProvider: a change takes effect with the call, and otherwise within a minute. If a provider is gone, its
// sessions end, and those of others stay (case 329).
func TestForgetProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, d := newTenants(t, []string{"acme", "globex"})
		acme, globex := a.Browser(), a.Browser()
		acme.MustSignInAt("acme", "alice")
		globex.MustSignInAt("globex", "alice")
		d.edit("acme", func(p *ginoidc.Provider) { p.Scopes = []string{"openid", "custom"} })
		scopes := func() string {
			return testapp.ParseURL(t, a.Browser().Navigate("/auth/signin?provider=acme").Location()).Query().Get("scope")
		}
		if got := scopes(); got == "openid custom" {
			t.Errorf("scope %q before the entry is a minute old", got)
		}
		a.Auth.ForgetProvider("acme")
		if got := scopes(); got != "openid custom" {
			t.Errorf("scope %q after ForgetProvider", got)
		}
		d.edit("acme", func(p *ginoidc.Provider) { p.Scopes = []string{"openid", "later"} })
		time.Sleep(time.Minute)
		if got := scopes(); got != "openid later" {
			t.Errorf("scope %q a minute later", got)
		}
		if userOf(acme) == "" {
			t.Error("the changes ended a session")
		}
		d.mu.Lock()
		delete(d.named, "acme")
		d.mu.Unlock()
		a.Auth.ForgetProvider("acme")
		if userOf(acme) != "" || userOf(globex) == "" {
			t.Errorf("acme has %q, globex has %q; want the latter only", userOf(acme), userOf(globex))
		}
		if logs := a.Logs.String(); !strings.Contains(logs, "not configured any longer") {
			t.Errorf("the log does not say why: %s", logs)
		}
	})
}

// TestFoundProviderIsChecked: what FindProvider returns is checked as a configured provider is, and a mistake in it is
// an error of this provider alone. Tenants type the issuer, so it cannot lead into the operator's network (case 323).
func TestFoundProviderIsChecked(t *testing.T) {
	for name, edit := range map[string]func(*ginoidc.Provider){
		"no issuer":       func(p *ginoidc.Provider) { p.Issuer = "" },
		"plain http":      func(p *ginoidc.Provider) { p.Issuer = "http://idp.example" },
		"another name":    func(p *ginoidc.Provider) { p.Name = "staff" },
		"loopback":        func(p *ginoidc.Provider) { p.Issuer = "https://localhost" },
		"private address": func(p *ginoidc.Provider) { p.Issuer = "https://10.0.0.1" },
		"metadata":        func(p *ginoidc.Provider) { p.Issuer = "https://169.254.169.254" },
		"access tokens":   func(p *ginoidc.Provider) { p.Audience = "https://api.example" },
		"signals":         func(p *ginoidc.Provider) { p.Signals = &ginoidc.Signals{} },
		"any tenant": func(p *ginoidc.Provider) {
			p.Issuer = "https://login.example/{tenantid}/v2.0"
			p.AllowTenant = func(context.Context, string) (bool, error) { return true, nil }
		},
		"no signature": func(p *ginoidc.Provider) { p.SigningAlgs = []string{"none"} },
	} {
		a, d := newTenants(t, []string{"acme"})
		d.edit("acme", edit)
		if r := a.Browser().Navigate("/auth/signin?provider=acme"); r.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.Location())
		}
		if n := a.OPs["acme"].Count(fakeop.Discovery); n != 0 {
			t.Errorf("%s: %d calls", name, n)
		}
		if private := strings.Contains(a.Logs.String(), "private_address"); private != (name == "private address" ||
			name == "metadata") {
			t.Errorf("%s: the log says that the address is private: %v", name, private)
		}
		a.Browser().MustSignInAt("staff", "alice")
	}
}

// TestOnlyFoundProviders: an app whose providers are all in its database has no other.
func TestOnlyFoundProviders(t *testing.T) {
	a, _ := newTenants(t, []string{"acme"}, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers = nil })
	b := a.Browser()
	if r := b.Navigate("/auth/signin"); r.StatusCode != http.StatusOK || strings.Contains(r.Body, "acme") {
		t.Errorf("nothing to choose: %d %s", r.StatusCode, r.Body)
	}
	b.MustSignInAt("acme", "alice")
	if userOf(b) == "" {
		t.Error("nobody is signed in")
	}
	if err := a.Auth.Ready(t.Context()); err != nil {
		t.Errorf("not ready: %v", err)
	}
}
