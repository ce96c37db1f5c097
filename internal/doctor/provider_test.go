package doctor_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/doctor"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// settings are those of an app that fits the provider of good.
func settings() doctor.Settings {
	return doctor.Settings{
		Name: "staff", Issuer: "https://idp.example", ClientID: "shop", AuthMethod: "client_secret_basic",
		RedirectURL: "https://app.example/auth/callback", SignedOutURL: "https://app.example/bye", ResponseMode: "query",
		Scopes: []string{"openid", "groups"}, Algs: []string{"RS256"}, ClockTolerance: time.Minute,
		GroupsClaim: "groups", NeedsGroups: true, NeedsUserInfo: true, KeepsTokens: true, Introspects: true,
		Setting: func(field string) string { return "<" + field + ">" },
	}
}

// good is what a provider answers for which there is nothing to say.
func good() *provider.Probe {
	return &provider.Probe{
		Discovery: provider.Reply{Status: 200},
		Metadata: &provider.Metadata{
			AuthorizationEndpoint: "https://idp.example/authorize", TokenEndpoint: "https://idp.example/token",
			JWKSURI: "https://idp.example/jwks", UserinfoEndpoint: "https://idp.example/userinfo",
			EndSessionEndpoint: "https://idp.example/logout", RevocationEndpoint: "https://idp.example/revoke",
			IntrospectionEndpoint: "https://idp.example/introspect",
			AuthMethods:           []string{"client_secret_basic", "private_key_jwt"},
			ResponseModes:         []string{"query"}, CodeChallengeMethods: []string{"S256"},
		},
		Offers: provider.Offers{
			IDTokenAlgs: []string{"RS256"}, Scopes: []string{"openid", "groups"}, Claims: []string{"groups"},
			GrantTypes: []string{"authorization_code", "refresh_token"}, BackChannelLogout: true,
		},
		TLS: "TLS 1.3", ValidUntil: now.AddDate(0, 3, 0), Dated: true,
		KeyTypes: []string{"RS256"}, Fitting: []string{"RS256"},
		Token:         provider.Reply{Status: 400, Code: "invalid_grant"},
		Authorization: cameBack("login_required", ""),
		SignOut:       cameBack("", ""),
	}
}

func cameBack(code, description string) provider.BrowserOutcome {
	return provider.BrowserOutcome{
		Reply:   provider.Reply{Status: 303, Code: code, Description: description},
		Outcome: provider.CameBack,
	}
}

func shown(status int, text string) provider.BrowserOutcome {
	return provider.BrowserOutcome{
		Reply: provider.Reply{Status: status}, Outcome: provider.ShownPage, Text: text,
	}
}

func wentOn(to string) provider.BrowserOutcome {
	return provider.BrowserOutcome{Reply: provider.Reply{Status: 302}, Outcome: provider.WentOn, To: to}
}

// change makes a mistake in the settings, or at the provider.
type change func(*doctor.Settings, *provider.Probe)

func set(f func(*doctor.Settings)) change {
	return func(s *doctor.Settings, _ *provider.Probe) { f(s) }
}

func probe(f func(*provider.Probe)) change {
	return func(_ *doctor.Settings, p *provider.Probe) { f(p) }
}

// failed is a reply without use.
func failed(status int, kind provider.Kind, code string) provider.Reply {
	return provider.Reply{Status: status, Err: &provider.Error{Kind: kind, Code: code, Err: errors.New("the reason")}}
}

func notDiscovered(reply provider.Reply) change {
	return probe(func(p *provider.Probe) { p.Metadata, p.Discovery = nil, reply })
}

func mismatch(named string) change {
	return probe(func(p *provider.Probe) {
		p.Metadata, p.Named = nil, named
		p.Discovery.Err = &provider.Error{Kind: provider.Misconfigured, Code: "issuer_mismatch",
			Err: provider.ErrIssuerMismatch}
	})
}

func token(status int, code, description string) change {
	return probe(func(p *provider.Probe) {
		p.Token = provider.Reply{Status: status, Code: code, Description: description}
	})
}

func outcome(o provider.BrowserOutcome) change {
	return probe(func(p *provider.Probe) { p.Authorization = o })
}

func pushed(r provider.Reply) change {
	return probe(func(p *provider.Probe) { p.Pushed = &r })
}

// rows are mistakes, with the findings that are not ok: each as severity, code and a part of the fix.
type rows map[string]struct {
	change change
	want   []string
}

func (all rows) test(t *testing.T) {
	t.Helper()
	for name, tt := range all {
		s, p := settings(), good()
		tt.change(&s, p)
		found := doctor.Provider(s, p, now)
		compare(t, name, found, tt.want)
		for _, f := range found {
			if f.Provider != "staff" {
				t.Errorf("%s: %+v is of no provider", name, f)
			}
		}
	}
}

// TestDiscovery: metadata that cannot be had or used, and what to do.
func TestDiscovery(t *testing.T) {
	rows{
		"nothing": {set(func(*doctor.Settings) {}), nil},
		"unreachable": {notDiscovered(failed(0, provider.Unavailable, "unreachable")),
			[]string{"error discovery_unreachable the host and the port of <Issuer>"}},
		"no TLS": {notDiscovered(failed(0, provider.Invalid, "tls")), []string{"error discovery_tls <RootCAs>"}},
		"private": {notDiscovered(failed(0, provider.Misconfigured, "private_address")),
			[]string{"error discovery_private AllowPrivateAddresses"}},
		"not found": {notDiscovered(failed(404, provider.Invalid, "provider_status")),
			[]string{"error discovery_not_found correct <Issuer>"}},
		"redirect": {notDiscovered(failed(301, provider.Invalid, "redirect")),
			[]string{"error discovery_redirect <Issuer>"}},
		"away": {notDiscovered(failed(503, provider.Unavailable, "provider_status")),
			[]string{"error discovery_failed log"}},
		"a web page": {notDiscovered(failed(200, provider.Invalid, "bad_document")),
			[]string{"error discovery_invalid <Issuer>"}},
		"no FAPI": {notDiscovered(failed(200, provider.Misconfigured, "fapi2_unsupported")),
			[]string{"error fapi2_unsupported <Profile>"}},
		"no DPoP": {notDiscovered(failed(200, provider.Misconfigured, "dpop_unsupported")),
			[]string{"error dpop_unsupported <DPoP>"}},
		"has to be pushed": {notDiscovered(failed(200, provider.Misconfigured, "par_required")),
			[]string{"error par_required on with <PushedAuthorization>"}},
		"cannot be pushed": {notDiscovered(failed(200, provider.Misconfigured, "par_unsupported")),
			[]string{"error par_unsupported <PushedAuthorization> to auto"}},
		"slash": {mismatch("https://idp.example/"),
			[]string{"error issuer_slash set <Issuer> to exactly https://idp.example/"}},
		"another issuer": {mismatch("https://other.example"), []string{"error issuer_mismatch set <Issuer>"}},
	}.test(t)
}

// TestConnection: the certificate and the clock.
func TestConnection(t *testing.T) {
	rows{
		"certificate ends": {probe(func(p *provider.Probe) { p.ValidUntil = now.AddDate(0, 0, 13) }),
			[]string{"warning tls_expires renew"}},
		"plain http": {probe(func(p *provider.Probe) { p.TLS, p.ValidUntil = "", time.Time{} }), nil},
		"clock ahead": {probe(func(p *provider.Probe) { p.Skew = 61 * time.Second }),
			[]string{"error clock_skew clock"}},
		"clock behind": {probe(func(p *provider.Probe) { p.Skew = -2 * time.Minute }),
			[]string{"error clock_skew clock"}},
		"clock drifts": {probe(func(p *provider.Probe) { p.Skew = -6 * time.Second }),
			[]string{"warning clock_skew clock"}},
		"clock is right": {probe(func(p *provider.Probe) { p.Skew = 5 * time.Second }), nil},
		"no clock":       {probe(func(p *provider.Probe) { p.Dated = false }), nil},
	}.test(t)
}

// TestKeys: keys, algorithms and endpoints.
func TestKeys(t *testing.T) {
	rows{
		"no keys": {probe(func(p *provider.Probe) {
			p.Keys, p.KeyTypes, p.Fitting = failed(500, provider.Unavailable, "x"), nil, nil
		}), []string{"error keys_unavailable log"}},
		"empty keys": {probe(func(p *provider.Probe) { p.KeyTypes, p.Fitting = nil, nil }),
			[]string{"error keys_unusable have the provider make a key"}},
		"no such algorithm": {set(func(s *doctor.Settings) { s.Algs = []string{"ES256"} }),
			[]string{"error algorithm_not_offered set <SigningAlgs>"}},
		"no such key": {func(s *doctor.Settings, p *provider.Probe) {
			s.Algs, p.Offers.IDTokenAlgs, p.Fitting = []string{"ES256"}, nil, nil
		}, []string{"error algorithm_without_key set <SigningAlgs>"}},
		"one of two algorithms": {set(func(s *doctor.Settings) { s.Algs = []string{"ES256", "RS256"} }), nil},
		"few endpoints": {probe(func(p *provider.Probe) {
			p.Metadata.UserinfoEndpoint, p.Metadata.EndSessionEndpoint, p.Metadata.RevocationEndpoint = "", "", ""
			p.Metadata.IntrospectionEndpoint = ""
		}), []string{"warning userinfo_missing <SkipUserInfo>", "warning revocation_missing",
			"error introspection_missing <Introspection>", "warning sign_out_missing"}},
		"few endpoints are needed": {func(s *doctor.Settings, p *provider.Probe) {
			s.NeedsUserInfo, s.KeepsTokens, s.Introspects = false, false, false
			p.Metadata.UserinfoEndpoint, p.Metadata.RevocationEndpoint, p.Metadata.IntrospectionEndpoint = "", "", ""
			p.Offers.GrantTypes = []string{"authorization_code"}
		}, nil},
		"no refresh": {probe(func(p *provider.Probe) { p.Offers.GrantTypes = []string{"authorization_code"} }),
			[]string{"warning refresh_not_offered"}},
		"another response mode": {set(func(s *doctor.Settings) { s.ResponseMode = "form_post" }),
			[]string{"warning response_mode_not_listed <ResponseMode>"}},
		"no PKCE": {probe(func(p *provider.Probe) { p.Metadata.CodeChallengeMethods = nil }),
			[]string{"warning pkce_not_listed S256"}},
		"plain PKCE": {probe(func(p *provider.Probe) { p.Metadata.CodeChallengeMethods = []string{"plain"} }),
			[]string{"warning pkce_not_listed"}},
	}.test(t)
}

// TestScopes: scopes and claims.
func TestScopes(t *testing.T) {
	rows{
		"another scope": {set(func(s *doctor.Settings) { s.Scopes = append(s.Scopes, "x") }),
			[]string{"warning scope_not_listed <Scopes>"}},
		"no list of scopes": {probe(func(p *provider.Probe) { p.Offers.Scopes = nil }), nil},
		"no groups": {probe(func(p *provider.Probe) { p.Offers.Claims = []string{"sub"} }),
			[]string{"warning groups_not_listed <GroupsClaim>"}},
		"no scope for groups": {func(s *doctor.Settings, p *provider.Probe) {
			s.Scopes, p.Offers.Claims = []string{"openid"}, nil
		},
			[]string{"warning groups_not_listed <Scopes>"}},
		"no groups are needed": {func(s *doctor.Settings, p *provider.Probe) {
			s.NeedsGroups, p.Offers.Claims = false,
				[]string{"sub"}
		}, nil},
		"no list of claims": {probe(func(p *provider.Probe) { p.Offers.Claims = nil }), nil},
	}.test(t)
}

// TestClient: the answer to the made-up code.
func TestClient(t *testing.T) {
	rows{
		"client refused":        {token(401, "invalid_client", ""), []string{"error client_refused <ClientSecret>"}},
		"client refused by 400": {token(400, "invalid_client", ""), []string{"error client_refused <ClientSecret>"}},
		"client refused by 401": {token(401, "unauthorized_client", ""), []string{"error client_refused <ClientSecret>"}},
		"client refused in HTML": {probe(func(p *provider.Probe) { p.Token = provider.Reply{Status: 401} }),
			[]string{"error client_refused <ClientSecret>"}},
		"client is to sign": {token(400, "invalid_client", "Parameter client_assertion_type is missing"),
			[]string{"error client_refused private_key_jwt"}},
		"method is not listed": {func(s *doctor.Settings, p *provider.Probe) {
			s.AuthMethod = "client_secret_post"
			token(401, "invalid_client", "")(s, p)
		}, []string{"error client_refused lists client_secret_basic, private_key_jwt"}},
		"key refused": {func(s *doctor.Settings, p *provider.Probe) {
			s.AuthMethod, s.KeyID = "private_key_jwt", "key-7"
			token(401, "invalid_client", "")(s, p)
		}, []string{"error client_refused kid key-7"}},
		"certificate refused": {func(s *doctor.Settings, p *provider.Probe) {
			s.AuthMethod, p.Metadata.AuthMethods = "tls_client_auth", nil
			token(401, "invalid_client", "")(s, p)
		}, []string{"error client_refused register the certificate"}},
		"public client refused": {func(s *doctor.Settings, p *provider.Probe) {
			s.AuthMethod = "none"
			token(401, "invalid_client", "")(s, p)
		}, []string{"error client_refused set <ClientSecret>"}},
		"client may not": {token(400, "unauthorized_client", ""),
			[]string{"error grant_refused authorization code flow"}},
		"grant is unknown": {token(400, "unsupported_grant_type", ""), []string{"error grant_refused"}},
		"wants DPoP": {token(400, "invalid_request", "DPoP proof is missing"),
			[]string{"error dpop_refused <DPoP>"}},
		"token endpoint is odd": {token(400, "invalid_request", "?"), []string{"warning client_unclear"}},
		"token endpoint is away": {probe(func(p *provider.Probe) { p.Token = failed(503, provider.Unavailable, "x") }),
			[]string{"warning token_endpoint_failed"}},
		"too many token requests": {token(429, "slow_down", "wait"), []string{"warning token_endpoint_failed"}},
	}.test(t)
}

// TestAuthorization: the answer to the authorization request, pushed or not.
func TestAuthorization(t *testing.T) {
	rows{
		"redirect URI is not known": {outcome(shown(400, "Invalid parameter: redirect_uri")),
			[]string{"error redirect_uri_refused register https://app.example/auth/callback"}},
		"redirect URI, with status 200": {outcome(shown(200, "AADSTS50011: The redirect URI …")),
			[]string{"error redirect_uri_refused"}},
		"error page elsewhere": {outcome(wentOn("https://idp.example/signin/oauth/error")),
			[]string{"error redirect_uri_refused"}},
		"leads on": {outcome(wentOn("https://login.example/")),
			[]string{"warning authorization_unclear https://app.example/auth/callback"}},
		"client is not known": {func(s *doctor.Settings, p *provider.Probe) {
			token(401, "invalid_client", "")(s, p)
			p.Authorization = shown(400, "Client not found.")
		}, []string{"error client_unknown <ClientID>"}},
		"some error page": {outcome(shown(400, "We are sorry")),
			[]string{"error authorization_refused https://app.example/auth/callback"}},
		"some page":         {outcome(shown(200, "Hello")), []string{"warning authorization_unclear browser"}},
		"page of a failure": {outcome(shown(500, "Oops")), []string{"warning authorization_failed"}},
		"too many requests": {outcome(shown(429, "Slow down")), []string{"warning authorization_failed"}},
		"no answer": {outcome(provider.BrowserOutcome{Reply: failed(0, provider.Unavailable, "timeout")}),
			[]string{"warning authorization_failed"}},
		"sign-in page": {outcome(provider.BrowserOutcome{Outcome: provider.ShownPage, Form: true}), nil},
		"consent":      {outcome(cameBack("consent_required", "")), nil},
		"a code":       {outcome(cameBack("", "")), nil},
		"scope refused": {outcome(cameBack("invalid_scope", "")),
			[]string{"error scope_refused which is openid groups"}},
		"flow refused": {outcome(cameBack("unauthorized_client", "")), []string{"error flow_refused standard flow"}},
		"PKCE refused": {outcome(cameBack("invalid_request", "code challenge method is wrong")),
			[]string{"error pkce_refused S256"}},
		"push required": {outcome(cameBack("invalid_request", "Pushed requests only")),
			[]string{"error par_required <PushedAuthorization>"}},
		"another refusal": {outcome(cameBack("invalid_request", "x")),
			[]string{"error request_refused <SignInParameters>"}},
		"failure comes back": {outcome(cameBack("server_error", "")), []string{"warning authorization_failed"}},
		"state is lost": {probe(func(p *provider.Probe) { p.Authorization.StateLost = true }),
			[]string{"error state_lost"}},
		"response is refused": {probe(func(p *provider.Probe) {
			p.Authorization.Err = failed(0, provider.Refused, "response_issuer").Err
		}), []string{"error response_refused docs/errors.md for the reason response_issuer"}},
		"pushed": {pushed(provider.Reply{Status: 201}), nil},
		"push not answered": {pushed(failed(0, provider.Unavailable, "timeout")),
			[]string{"warning pushed_request_failed"}},
		"push refuses client": {pushed(provider.Reply{Status: 401, Code: "invalid_client"}),
			[]string{"error client_refused"}},
		"push refuses redirect": {pushed(provider.Reply{Status: 400, Code: "invalid_request", Description: "redirect_uri"}),
			[]string{"error redirect_uri_refused register"}},
		"push refuses the scope": {pushed(provider.Reply{Status: 400, Code: "invalid_scope"}),
			[]string{"error scope_refused"}},
		"client refused twice": {func(s *doctor.Settings, p *provider.Probe) {
			token(401, "invalid_client", "")(s, p)
			pushed(provider.Reply{Status: 401, Code: "invalid_client"})(s, p)
		}, []string{"error client_refused <ClientSecret>"}},
	}.test(t)
}

// TestSignOut: the answer to the sign-out request.
func TestSignOut(t *testing.T) {
	ends := func(o provider.BrowserOutcome) change {
		return probe(func(p *provider.Probe) { p.SignOut = o })
	}
	rows{
		"asks":               {ends(shown(200, "Do you want to log out?")), nil},
		"leads on":           {ends(wentOn("https://idp.example/bye")), nil},
		"away":               {ends(shown(503, "Oops")), nil},
		"too many":           {ends(shown(429, "Slow down")), nil},
		"not answered":       {ends(provider.BrowserOutcome{Reply: failed(0, provider.Unavailable, "timeout")}), nil},
		"needs the ID token": {ends(shown(400, "post_logout_redirect_uri requires id_token_hint")), nil},
		"lacks the ID token": {func(s *doctor.Settings, p *provider.Probe) {
			s.DropsIDToken, p.SignOut = true, shown(400, "post_logout_redirect_uri requires id_token_hint")
		}, []string{"warning sign_out_refused set <KeepIDToken>"}},
		"client is not known": {func(_ *doctor.Settings, p *provider.Probe) {
			p.Authorization, p.SignOut = shown(400, "Client not found."), shown(400, "Client not found.")
		}, []string{"error client_unknown"}},
		"error page": {ends(shown(400, "Invalid redirect uri")),
			[]string{"warning sign_out_refused register https://app.example/bye as a post-logout redirect URI"}},
	}.test(t)
}

// TestBareProbe: an answer without anything that the checks look for is no panic.
func TestBareProbe(t *testing.T) {
	s := settings()
	for _, p := range []*provider.Probe{
		{Metadata: &provider.Metadata{}}, {Metadata: &provider.Metadata{}, Pushed: &provider.Reply{}},
		{Metadata: &provider.Metadata{EndSessionEndpoint: "x"}, Pushed: &provider.Reply{Status: 500}},
	} {
		for _, f := range doctor.Provider(s, p, now) {
			if f.Seen == "" || strings.Contains(f.Seen, "%!") {
				t.Errorf("%+v", f)
			}
		}
	}
}

// TestQuotedText: a provider cannot write to the operator's terminal.
func TestQuotedText(t *testing.T) {
	const hostile = "\x1b[2J\r\nok all is well\u202e"
	for _, change := range []func(p *provider.Probe){
		func(p *provider.Probe) {
			p.Metadata.AuthMethods, p.Metadata.ResponseModes = []string{hostile}, []string{hostile}
			p.Metadata.CodeChallengeMethods, p.KeyTypes, p.Fitting = []string{hostile}, []string{hostile}, nil
			p.Offers = provider.Offers{Scopes: []string{hostile}, Claims: []string{hostile}, GrantTypes: []string{hostile}}
			p.Token = provider.Reply{Status: 401, Description: hostile, Code: "invalid_client"}
			p.Authorization, p.SignOut = shown(400, hostile), shown(400, hostile)
		},
		func(p *provider.Probe) { p.Offers.IDTokenAlgs, p.Authorization = []string{hostile}, wentOn(hostile) },
		func(p *provider.Probe) { mismatch(hostile)(nil, p) },
		func(p *provider.Probe) { outcome(cameBack("invalid_request", hostile))(nil, p) },
	} {
		s, p := settings(), good()
		s.AuthMethod = "client_secret_post"
		change(p)
		for _, f := range doctor.Provider(s, p, now) {
			if strings.ContainsAny(f.Seen+f.Fix, "\x1b\r\n\u202e") {
				t.Errorf("%q %q", f.Seen, f.Fix)
			}
		}
	}
}

// TestLongPages: the beginning of a page is enough, and is not cut within a character.
func TestLongPages(t *testing.T) {
	s, p := settings(), good()
	p.Authorization = shown(400, strings.Repeat("x", 199)+"ä redirect_uri")
	for _, f := range doctor.Provider(s, p, now) {
		if f.Code == "redirect_uri_refused" && !strings.HasSuffix(f.Seen, `xxx…"`) {
			t.Error(f.Seen)
		}
	}
}

// compare checks the findings that are not ok.
func compare(t *testing.T, name string, found []doctor.Finding, want []string) {
	t.Helper()
	var got []doctor.Finding
	for _, f := range found {
		if f.Seen == "" || (f.Fix == "") != (f.Severity == doctor.OK) || strings.Contains(f.Seen+f.Fix, "%!") {
			t.Errorf("%s: an incomplete finding: %+v", name, f)
		}
		if f.Severity != doctor.OK {
			got = append(got, f)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: found %+v, want %q", name, got, want)
		return
	}
	for i, f := range got {
		code := fmt.Sprintf("%s %s", f.Severity, f.Code)
		part, ok := strings.CutPrefix(want[i], code)
		if part = strings.TrimSpace(part); !ok || !strings.Contains(f.Fix, part) {
			t.Errorf("%s: found %+v, want %q", name, f, want[i])
		}
	}
}

// TestLongLists: a provider with hundreds of scopes, or long ones, does not hide what is wrong.
func TestLongLists(t *testing.T) {
	s, p := settings(), good()
	p.Offers.Scopes = nil
	for i := range 100 {
		p.Offers.Scopes = append(p.Offers.Scopes, fmt.Sprint("scope", i))
	}
	p.Offers.Scopes[0] = strings.Repeat("s", 1<<16)
	for _, f := range doctor.Provider(s, p, now) {
		if f.Code == "scope_not_listed" && (len(f.Seen) > 300 || !strings.HasSuffix(f.Seen, "scope11 and 88 more")) {
			t.Error(f.Seen)
		}
	}
}

func TestGroupsMember(t *testing.T) {
	for _, tt := range []struct {
		claim string
		path  []string
		want  string
	}{
		{"groups", nil, "groups"},
		{"realm_access.roles", nil, "realm_access"},
		{"https://example.com/groups", nil, "https://example.com/groups"},
		{"", []string{"resource_access", "shop.example.com", "roles"}, "resource_access"},
	} {
		if got := doctor.GroupsMember(tt.claim, tt.path); got != tt.want {
			t.Errorf("%q %q: %q", tt.claim, tt.path, got)
		}
	}
}
