package settings_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// TestAppDefaults: what is left out has a default, and what is set stays.
func TestAppDefaults(t *testing.T) {
	base := settings.App{
		RoutePrefix: "/auth", CookieName: "ginoidc", SameSite: "lax", Remember: "always", KeepIDToken: "auto",
		SessionIdle: 12 * time.Hour, SessionLifetime: 168 * time.Hour, AttemptLife: 10 * time.Minute,
	}
	for _, tt := range []struct {
		name   string
		given  settings.App
		change func(*settings.App) // of the defaults
	}{
		{"nothing", settings.App{}, func(*settings.App) {}},
		{"a short lifetime", settings.App{SessionLifetime: time.Hour}, func(a *settings.App) {
			a.SessionLifetime, a.SessionIdle = time.Hour, time.Hour
		}},
		{"re-checks", settings.App{RecheckEvery: time.Minute}, func(a *settings.App) {
			a.RecheckEvery, a.RecheckGrace = time.Minute, time.Hour
		}},
		{"a certificate", settings.App{CertificateHeader: "Client-Cert"}, func(a *settings.App) {
			a.CertificateHeader, a.CertificateFormat = "Client-Cert", "rfc9440"
		}},
		{"what is set", settings.App{SameSite: "strict", SessionIdle: time.Minute, RoutePrefix: "/login"},
			func(a *settings.App) { a.SameSite, a.SessionIdle, a.RoutePrefix = "strict", time.Minute, "/login" }},
	} {
		want := base
		tt.change(&want)
		if tt.given.SetDefaults(); !reflect.DeepEqual(tt.given, want) {
			t.Errorf("%s: %+v\nwant %+v", tt.name, tt.given, want)
		}
	}
}

// TestProviderDefaults: a path leaves no default for the claim, and the security events are those of the provider.
func TestProviderDefaults(t *testing.T) {
	p := &settings.Provider{Issuer: "https://idp.example", Signals: &settings.Signals{}}
	p.ClientID = "app"
	p.SetDefaults()
	want := &settings.Provider{
		Issuer: "https://idp.example", ResponseMode: "query", PushedAuthorization: "auto", ClockTolerance: time.Minute,
		Timeout: 5 * time.Second, GroupsFormat: "list", OrganizationsFormat: "list", GroupsClaim: "groups",
		OrganizationsClaim: "organizations", Scopes: []string{"openid", "profile", "email"}, SignInParameters: url.Values{},
		Client: settings.Client{
			ClientID: "app", ClientAuthMethod: "client_secret_basic", SigningAlgs: []string{"RS256"},
		},
		Signals: &settings.Signals{Issuer: "https://idp.example", CredentialChange: "end", Audience: []string{"app"}},
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("%+v\nwant %+v", p, want)
	}
	p = &settings.Provider{GroupsPath: []string{"a"}, OrganizationsPath: []string{"b"}, Scopes: []string{"openid"}}
	if p.SetDefaults(); p.GroupsClaim != "" || p.OrganizationsClaim != "" || len(p.Scopes) != 1 {
		t.Errorf("%+v", p)
	}
}

// TestProfileDefaults: a profile sets what it allows in one form only. Another value stays, and Check refuses it.
func TestProfileDefaults(t *testing.T) {
	certificate := &tls.Certificate{}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	for _, tt := range []struct {
		name             string
		profile          string
		client           settings.Client
		method, pushed   string
		dpop, initiate   bool
		algs             []string
		pushedBefore, kA string
	}{
		{"fapi2", settings.ProfileFAPI2, settings.Client{}, "private_key_jwt", "always", true, false,
			settings.FAPI2Algs(), "", ""},
		{"fapi2 with a certificate", settings.ProfileFAPI2, settings.Client{ClientCertificate: certificate},
			"tls_client_auth", "always", false, false, settings.FAPI2Algs(), "", ""},
		{"fapi2 with a certificate and a key", settings.ProfileFAPI2,
			settings.Client{ClientCertificate: certificate, ClientKey: []byte(rsaKey(t))}, "private_key_jwt", "always", true,
			false, settings.FAPI2Algs(), "", "PS256"},
		{"fapi2 with a key of another type", settings.ProfileFAPI2, settings.Client{ClientKey: pemOf(t, ec, err)},
			"private_key_jwt", "always", true, false, settings.FAPI2Algs(), "", ""},
		{"fapi2, refused", settings.ProfileFAPI2,
			settings.Client{ClientAuthMethod: "client_secret_basic", SigningAlgs: []string{"RS256"}}, "client_secret_basic",
			"never", true, false, []string{"RS256"}, "never", ""},
		{"ipsie", settings.ProfileIPSIESL1, settings.Client{ClientKey: []byte(rsaKey(t))}, "client_secret_basic", "auto",
			false, true, settings.FAPI2Algs(), "", "PS256"},
		{"ipsie with an algorithm", settings.ProfileIPSIESL1,
			settings.Client{ClientKey: []byte(rsaKey(t)), ClientKeyAlg: "RS256"}, "client_secret_basic", "auto", false, true,
			settings.FAPI2Algs(), "", "RS256"},
	} {
		p := &settings.Provider{Client: tt.client, PushedAuthorization: tt.pushedBefore}
		p.Profile = tt.profile
		p.SetDefaults()
		if p.ClientAuthMethod != tt.method || p.PushedAuthorization != tt.pushed || p.DPoP != tt.dpop ||
			p.InitiateLogin != tt.initiate || !slices.Equal(p.SigningAlgs, tt.algs) || p.ClientKeyAlg != tt.kA {
			t.Errorf("%s: %s %s %t %t %q %q", tt.name, p.ClientAuthMethod, p.PushedAuthorization, p.DPoP, p.InitiateLogin,
				p.SigningAlgs, p.ClientKeyAlg)
		}
	}
}

// TestRequestMaxAge: a sign-in asks for the smaller age. What cannot be used is left for Check.
func TestRequestMaxAge(t *testing.T) {
	for _, tt := range []struct {
		asked string
		age   time.Duration
		want  string
	}{
		{"", 0, ""},
		{"", time.Second, "1"},
		{"", time.Hour, "3600"},
		{"60", time.Hour, "60"},
		{"7200", time.Hour, "3600"},
		{"0", time.Hour, "0"},
		{"x", time.Hour, "x"},
		{"60", time.Millisecond, "60"},
		{"", -time.Hour, ""},
	} {
		params := url.Values{}
		if tt.asked != "" {
			params.Set("max_age", tt.asked)
		}
		if settings.RequestMaxAge(params, tt.age); params.Get("max_age") != tt.want {
			t.Errorf("%q within %v: %q, want %q", tt.asked, tt.age, params.Get("max_age"), tt.want)
		}
	}
}
