package settings_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

type providerRows map[string]struct {
	change func(*idp)
	want   []string
}

func (rows providerRows) check(t *testing.T) {
	for name, tt := range rows {
		t.Run(name, func(t *testing.T) {
			p, found := validProvider(), &settings.Problems{}
			tt.change(p)
			p.Check(found)
			wantProblems(t, found, tt.want...)
		})
	}
}

// TestRequestsOfProvider: what the provider would refuse only during a sign-in, and what weakens it.
func TestRequestsOfProvider(t *testing.T) {
	providerRows{
		"the metadata as issuer": {func(p *idp) { p.Issuer += "/.well-known/openid-configuration" },
			[]string{"Issuer is the address of the provider's metadata"}},
		"tolerance":       {func(p *idp) { p.ClockTolerance = 5 * time.Minute }, nil},
		"a negative one":  {func(p *idp) { p.ClockTolerance = -1 }, []string{"ClockTolerance -1ns"}},
		"too much":        {func(p *idp) { p.ClockTolerance = 5*time.Minute + 1 }, []string{"ClockTolerance 5m"}},
		"longest timeout": {func(p *idp) { p.Timeout = 10 * time.Second }, nil},
		"too long":        {func(p *idp) { p.Timeout = 10*time.Second + 1 }, []string{"Timeout 10."}},
		"too short":       {func(p *idp) { p.Timeout = time.Second - 1 }, []string{"Timeout 999."}},
		"a JWT as answer": {func(p *idp) { p.ResponseMode = "form_post.jwt" }, nil},
		"a fragment":      {func(p *idp) { p.ResponseMode = "fragment" }, []string{`ResponseMode "fragment"`}},
		"pushed":          {func(p *idp) { p.PushedAuthorization = "yes" }, []string{`PushedAuthorization "yes"`}},
		"own parameters": {func(p *idp) { p.SignInParameters = url.Values{"nonce": {"n"}} },
			[]string{"SignInParameters"}},
		"more scopes":       {func(p *idp) { p.Scopes = []string{"openid", "https://api.example/read"} }, nil},
		"two as one":        {func(p *idp) { p.Scopes = []string{"openid", "a b"} }, []string{`Scopes "a b"`}},
		"a scope in quotes": {func(p *idp) { p.Scopes = []string{"openid", "'a'"} }, []string{`Scopes "'a'"`}},
		"at sign-out":       {func(p *idp) { p.SignOutParameters = url.Values{"ui_locales": {"de"}} }, nil},
		"twice": {func(p *idp) { p.SignOutParameters = url.Values{"a": {"1", "2"}} },
			[]string{`SignOutParameters "a" has 2 values`}},
		"texts": {func(p *idp) {
			p.ClientID, p.ClientSecret, p.TrustedAudiences = " a", "b\n", []string{"c "}
			p.Label, p.GroupsPrefix = "d ", "e "
		}, []string{"Label", "GroupsPrefix", "ClientID has", "ClientSecret has", "TrustedAudiences has"}},
		"key id": {func(p *idp) { p.ClientKeyID = "'a'" }, []string{"ClientKeyID is set and", "ClientKeyID is in"}},
	}.check(t)
}

// TestClaimsOfProvider: nothing about groups is guessed, because a user who is in the wrong ones is let in.
func TestClaimsOfProvider(t *testing.T) {
	providerRows{
		"claims": {func(p *idp) { p.GroupsClaim, p.OrganizationsClaim = "groups", "org" }, nil},
		"paths": {func(p *idp) {
			p.GroupsPath, p.OrganizationsPath = []string{"a", "b"}, []string{"c"}
		}, nil},
		"both": {func(p *idp) { p.GroupsClaim, p.GroupsPath = "groups", []string{"a"} },
			[]string{"GroupsPath is set together with GroupsClaim"}},
		"formats": {func(p *idp) { p.GroupsFormat, p.OrganizationsFormat = "csv", "" },
			[]string{`GroupsFormat "csv"`, `OrganizationsFormat ""`}},
		"an empty element": {func(p *idp) { p.OrganizationsPath = []string{"a", ""} },
			[]string{"OrganizationsPath has an empty element"}},
		"texts": {func(p *idp) { p.GroupsClaim, p.OrganizationsClaim = "a ", "b " },
			[]string{"GroupsClaim has", "OrganizationsClaim has"}},
		"texts of paths": {func(p *idp) {
			p.GroupsPath, p.OrganizationsPath = []string{"a "}, []string{"b "}
		}, []string{"GroupsPath has", "OrganizationsPath has"}},
	}.check(t)
}

// TestTokensOfProvider: settings of access tokens without an audience protect nothing.
func TestTokensOfProvider(t *testing.T) {
	all := func(p *idp) {
		p.Audience, p.AccessTokenProfile, p.AccessTokenIssuer, p.Introspection = "api", "rfc9068", "https://a.example", "json"
		p.RequireBoundTokens, p.RequireDPoPNonce = true, true
	}
	providerRows{
		"all": {all, nil},
		"no audience": {func(p *idp) { all(p); p.Audience = "" },
			[]string{"RequireBoundTokens is set without", "RequireDPoPNonce is set without", "AccessTokenProfile is set without",
				"AccessTokenIssuer is set without", "Introspection is set without"}},
		"an odd audience": {func(p *idp) { p.Audience = "api " }, []string{"Audience has a blank"}},
		"unknown": {func(p *idp) { all(p); p.AccessTokenProfile, p.Introspection = "saml", "xml" },
			[]string{`AccessTokenProfile "saml" is not one`, `Introspection "xml" is not one`}},
		"an odd issuer": {func(p *idp) { all(p); p.AccessTokenIssuer = " a" }, []string{"AccessTokenIssuer has"}},
	}.check(t)
}

// TestNamesOfProvider: names and domains have one form, and an issuer of every tenant has a list of those let in.
func TestNamesOfProvider(t *testing.T) {
	const tenant = "00000000-0000-0000-0000-000000000001"
	allow := func(context.Context, string) (bool, error) { return false, nil }
	many := func(p *idp) { p.Issuer = "https://idp.example/{tenantid}" }
	label := strings.Repeat("a", 61) + "."
	longest := strings.Repeat(label, 4) + "ab.de" // 253 bytes
	providerRows{
		"names":      {func(p *idp) { p.Name, p.EmailDomains = "", []string{"acme.example", longest} }, nil},
		"no name":    {func(p *idp) { p.Name = "A b" }, []string{`Name "A b" is not accepted`}},
		"upper case": {func(p *idp) { p.EmailDomains = []string{"Acme.example"} }, []string{"EmailDomains"}},
		"too long":   {func(p *idp) { p.EmailDomains = []string{"a" + longest} }, []string{"EmailDomains"}},
		"tenants":    {func(p *idp) { many(p); p.Tenants = []string{tenant} }, nil},
		"a rule":     {func(p *idp) { many(p); p.AllowTenant = allow }, nil},
		"of one":     {func(p *idp) { p.AllowTenant = allow }, []string{"Tenants is set, and the issuer has no"}},
		"everybody":  {many, []string{"Tenants is empty, and the issuer has users of every tenant"}},
		"marked twice": {func(p *idp) {
			p.Issuer, p.AllowTenant = "https://a.example/{tenantid}/{tenantid}", allow
		},
			[]string{"Issuer has more than one"}},
		"no tenant": {func(p *idp) { many(p); p.Tenants = []string{"A"} }, []string{`Tenants "A" is not a tenant`}},
		"their events": {func(p *idp) {
			many(p)
			p.AllowTenant, p.Signals = allow, &settings.Signals{Issuer: p.Issuer, CredentialChange: "end"}
		}, []string{"Signals is set, and the subject of an event is found by one issuer"}},
	}.check(t)
}

// TestSignalsOfProvider: events are accepted only from a transmitter that is named, or that shows a long secret.
func TestSignalsOfProvider(t *testing.T) {
	with := func(change func(*events)) func(*idp) {
		return func(p *idp) {
			p.Signals = &settings.Signals{Issuer: "https://events.example", CredentialChange: "end"}
			change(p.Signals)
		}
	}
	token := func(context.Context) (string, error) { return "", nil }
	providerRows{
		"events": {with(func(*events) {}), nil},
		"of the provider": {func(p *idp) {
			with(func(*events) {})(p)
			p.Issuer, p.Signals.Issuer = "x", "x"
		}, []string{"Issuer"}},
		"issuer": {with(func(s *events) { s.Issuer = "" }), []string{"Signals.Issuer is empty"}},
		"audience": {with(func(s *events) { s.Audience = []string{" a"} }),
			[]string{"Signals.Audience has a blank"}},
		"an empty audience": {with(func(s *events) { s.Audience = []string{"a", ""} }),
			[]string{"Signals.Audience has an empty"}},
		"algorithms": {with(func(s *events) { s.SigningAlgs = []string{"none"} }),
			[]string{`Signals.SigningAlgs "none"`}},
		"a short secret": {with(func(s *events) { s.Authorization = "Bearer x" }),
			[]string{"Signals.Authorization has 8 bytes"}},
		"a secret": {with(func(s *events) { s.Authorization = "Bearer " + secret }), nil},
		"a secret in quotes": {with(func(s *events) { s.Authorization = "'" + secret + "'" }),
			[]string{"Signals.Authorization is in"}},
		"changes":          {with(func(s *events) { s.CredentialChange = "" }), []string{"Signals.CredentialChange"}},
		"a token alone":    {with(func(s *events) { s.Token = token }), nil},
		"polled":           {with(func(s *events) { s.Poll, s.Token = time.Second, token }), nil},
		"polled hourly":    {with(func(s *events) { s.Poll, s.Token = time.Hour, token }), nil},
		"polled too often": {with(func(s *events) { s.Poll, s.Token = 30, token }), []string{"Signals.Poll 30ns"}},
		"polled too rarely": {with(func(s *events) { s.Poll, s.Token = time.Hour+1, token }),
			[]string{"Signals.Poll 1h"}},
		"without a token": {with(func(s *events) { s.Poll = time.Minute }), []string{"Signals.Token"}},
	}.check(t)
}

// TestDefaultsKeepWhatIsSet, such as the audience of events, which the client id would weaken.
func TestDefaultsKeepWhatIsSet(t *testing.T) {
	p := validProvider()
	p.SignInParameters = url.Values{"ui_locales": {"de"}}
	p.Signals = &settings.Signals{Audience: []string{"https://events.example"}}
	if p.SetDefaults(); p.SignInParameters.Get("ui_locales") != "de" || p.Signals.Audience[0] != "https://events.example" {
		t.Errorf("%v, %v", p.SignInParameters, p.Signals.Audience)
	}
}
