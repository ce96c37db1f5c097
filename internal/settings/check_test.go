package settings_test

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

const secret = "Zk3v9QmX7rT1pLw8sYb2Nc5HdGf0UjAe"

func validApp() *settings.App {
	return &settings.App{
		AppURL: "https://app.example", RoutePrefix: "/auth", CookieName: "ginoidc", SameSite: "lax", Remember: "always",
		KeepIDToken: "auto", CookieSecrets: []string{secret}, SessionIdle: time.Hour, SessionLifetime: time.Hour,
		AttemptLife: time.Minute,
	}
}

func validProvider() *settings.Provider {
	return &settings.Provider{
		Name: "google", Issuer: "https://idp.example", ResponseMode: "query", PushedAuthorization: "auto",
		Scopes: []string{"openid"}, Timeout: time.Second, GroupsFormat: "list", OrganizationsFormat: "list",
		Client: settings.Client{
			ClientID: "app", ClientSecret: "s", ClientAuthMethod: "client_secret_basic", SigningAlgs: []string{"RS256"},
		},
	}
}

// text returns the problems as lines of field, text and fix.
func text(found *settings.Problems) string {
	var lines []string
	for _, p := range found.All {
		lines = append(lines, p.Field+" "+p.Text+"; "+p.Fix)
	}
	return strings.Join(lines, "\n")
}

// TestAppCheck has the rules of an app whose words are made of the values that are accepted, or of several settings.
func TestAppCheck(t *testing.T) {
	for _, test := range []struct {
		change func(*settings.App)
		want   string
	}{
		{func(*settings.App) {}, ""},
		{func(a *settings.App) { a.SameSite = "Lax" }, `SameSite "Lax" is not one of its values; use lax or strict`},
		{func(a *settings.App) { a.Remember = "" }, `Remember "" is not one of its values; use always, never or ask`},
		{func(a *settings.App) { a.RecheckGrace = time.Hour },
			"RecheckGrace is set without RecheckEvery; set RecheckEvery, or leave it out"},
		{func(a *settings.App) { a.CertificateProxies = []string{"10.0.0.0/8"} },
			"CertificateProxies is set without CertificateHeader; set CertificateHeader, or leave it out"},
		{func(a *settings.App) { a.ReturnOrigins = []string{"https://*.example"} },
			`ReturnOrigins "https://*.example" is not an origin; ` +
				"write scheme, host and port only, in lower case and without a pattern"},
		{func(a *settings.App) { a.CookieSecrets = append(a.CookieSecrets, "short") },
			"CookieSecrets secret 2 has 5 bytes instead of at least 32; set a random secret: openssl rand -base64 32"},
		{func(a *settings.App) { a.AppURL, a.Enterprise = "http://localhost", true },
			"AppURL is not https, which the profile ipsie-sl1 requires; use https"},
		{func(a *settings.App) { a.MaxSessions, a.UnsupportedLists = 3, []string{"Listed"} },
			"MaxSessions is set and State does not support [Listed], so it cannot be enforced; " +
				"use a State that does, or no limit"},
		{func(a *settings.App) { a.Resource, a.AccessTokens = "https://other.example", true },
			`Resource "https://other.example" is not a plain URL at or below AppURL; ` +
				"use the URL of the API, at or below AppURL"},
	} {
		app, found := validApp(), &settings.Problems{}
		test.change(app)
		if app.Check(found); text(found) != test.want {
			t.Errorf("got  %s\nwant %s", text(found), test.want)
		}
	}
}

// TestProviderCheck: the problems of a provider have the path of its fields. One that follows from a value that could
// not be read is not reported.
func TestProviderCheck(t *testing.T) {
	for _, test := range []struct {
		change func(*settings.Provider)
		want   string // fields
	}{
		{func(*settings.Provider) {}, ""},
		{func(p *settings.Provider) { p.Issuer, p.ClientID = "", "" }, "P.Issuer P.ClientID"},
		{func(p *settings.Provider) { p.ClientSecret = "" }, ""}, // unreadable
		{func(p *settings.Provider) { p.Scopes = []string{"email"} }, "P.Scopes"},
		{func(p *settings.Provider) { p.SigningAlgs = []string{"HS256"} }, "P.SigningAlgs"},
		{func(p *settings.Provider) { p.SignOutParameters = url.Values{"state": {"x"}} }, "P.SignOutParameters"},
		{func(p *settings.Provider) { p.GroupsPath = []string{"a", ""} }, "P.GroupsPath"},
		{func(p *settings.Provider) { p.RequireDPoPNonce, p.AccessTokenProfile = true, "jwt" },
			"P.RequireDPoPNonce P.AccessTokenProfile"},
		{func(p *settings.Provider) { p.Profile = "fapi2" },
			"P.ClientAuthMethod P.PushedAuthorization P.SigningAlgs"},
		{func(p *settings.Provider) { p.Profile, p.TrustedAudiences = "ipsie-sl1", []string{"a"} },
			"P.SigningAlgs P.TrustedAudiences"},
		{func(p *settings.Provider) { p.Tenants = []string{"a"} }, "P.Tenants"},
		{func(p *settings.Provider) { p.Issuer = "https://idp.example/{tenantid}" }, "P.Tenants"},
		{func(p *settings.Provider) { p.Signals = &settings.Signals{Issuer: "x", Poll: time.Second} },
			"P.Signals.Issuer P.Signals.CredentialChange P.Signals.Token"},
	} {
		p := validProvider()
		found := &settings.Problems{Path: "P.", Unreadable: map[string]bool{"P.ClientSecret": true}}
		test.change(p)
		p.Check(found)
		var fields []string
		for _, problem := range found.All {
			if !slices.Contains(fields, problem.Field) {
				fields = append(fields, problem.Field)
			}
		}
		if got := strings.Join(fields, " "); got != test.want {
			t.Errorf("%q, want %q: %s", got, test.want, text(found))
		}
	}
}

// TestCheckProviders: what two providers must not share.
func TestCheckProviders(t *testing.T) {
	for _, test := range []struct {
		change func(a, b *settings.Provider)
		want   string
	}{
		{func(_, _ *settings.Provider) {}, ""},
		{func(_, b *settings.Provider) { b.Name = "google" },
			`Providers[1].Name "google" is that of another provider too; give each a name of its own`},
		{func(_, b *settings.Provider) { b.Name = "" },
			"Providers[1].Name is empty, and there can be several providers; give each a name, such as google"},
		{func(a, b *settings.Provider) {
			a.EmailDomains, b.EmailDomains = []string{"x.example"}, []string{"x.example"}
		},
			`Providers[1].EmailDomains "x.example" leads to another provider too; list it once`},
	} {
		a, b, found := validProvider(), validProvider(), &settings.Problems{}
		b.Name = "acme"
		test.change(a, b)
		if settings.CheckProviders(found, []*settings.Provider{a, b}, false); text(found) != test.want {
			t.Errorf("got  %s\nwant %s", text(found), test.want)
		}
	}
	found := &settings.Problems{}
	if settings.CheckProviders(found, nil, false); len(found.All) != 1 {
		t.Error("no provider is accepted")
	}
}

// TestCheckFound: a provider that a customer has entered must not speak for others, nor lead into the app's network.
func TestCheckFound(t *testing.T) {
	p, found := validProvider(), &settings.Problems{}
	if p.CheckFound(found); len(found.All) != 0 {
		t.Error(text(found))
	}
	p.Audience, p.Signals, p.Issuer = "api", &settings.Signals{}, "https://127.0.0.1"
	p.AllowTenant = func(context.Context, string) (bool, error) { return true, nil }
	if p.CheckFound(found); len(found.All) != 4 {
		t.Error(text(found))
	}
}

// TestCopyLists: later changes of the caller have no effect.
func TestCopyLists(t *testing.T) {
	of := struct {
		List   []string
		Params url.Values
		Empty  []string
		Text   string
		own    []string
	}{List: []string{"a"}, Params: url.Values{"p": {"v"}}, Text: "t", own: []string{"o"}}
	mine := of
	settings.CopyLists(&mine)
	of.List[0], of.Params["p"][0] = "changed", "changed"
	if mine.List[0] != "a" || mine.Params.Get("p") != "v" || mine.Empty != nil || mine.Text != "t" || mine.own[0] != "o" {
		t.Errorf("%+v", mine)
	}
}
