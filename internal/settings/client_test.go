package settings_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

func pemOf(t *testing.T, key any, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// TestMethodsOfClient: a credential that the method lacks, or does not use, is a mistake.
func TestMethodsOfClient(t *testing.T) {
	set := func(method, secret string) func(*idp) {
		return func(p *idp) { p.ClientAuthMethod, p.ClientSecret = method, secret }
	}
	with := func(change func(*idp)) func(*idp) {
		return func(p *idp) {
			p.ClientAuthMethod, p.ClientSecret, p.ClientCertificate = "tls_client_auth", "", &tls.Certificate{}
			change(p)
		}
	}
	providerRows{
		"post":              {set("client_secret_post", "s"), nil},
		"no secret":         {set("client_secret_post", ""), []string{"ClientSecret is empty"}},
		"a public client":   {set("none", ""), nil},
		"a secret of none":  {set("none", "s"), []string{"ClientSecret is set although"}},
		"HMAC":              {set("client_secret_jwt", secret), nil},
		"HMAC, a byte less": {set("client_secret_jwt", secret[1:]), []string{"ClientSecret has 31 bytes"}},
		"unknown":           {set("basic", "s"), []string{`ClientAuthMethod "basic" is not supported`}},
		"a certificate":     {with(func(*idp) {}), nil},
		"its transport":     {with(func(p *idp) { p.ClientCertificate, p.Transport = nil, http.DefaultTransport }), nil},
		"none":              {with(func(p *idp) { p.ClientCertificate = nil }), []string{"ClientCertificate is not set"}},
		"shown to":          {with(func(p *idp) { p.CertificateOrigins = []string{"https://a.example"} }), nil},
		"shown to anybody": {with(func(p *idp) { p.CertificateOrigins = []string{"https://*.example"} }),
			[]string{"CertificateOrigins"}},
		"shown over http": {with(func(p *idp) { p.CertificateOrigins = []string{"http://localhost"} }),
			[]string{"CertificateOrigins"}},
		"nothing to be shown": {func(p *idp) { p.CertificateOrigins = []string{"https://a.example"} },
			[]string{"CertificateOrigins is set and there is no"}},
	}.check(t)
	p, found := validProvider(), &settings.Problems{Unreadable: map[string]bool{"ClientCertificate": true}}
	p.CertificateOrigins = []string{"https://a.example"}
	p.Check(found)
	wantProblems(t, found) // that the certificate cannot be read is reported elsewhere
}

// TestKeysOfClient: a key that cannot be used, or that nothing uses, protects nothing.
func TestKeysOfClient(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ecKey := pemOf(t, ec, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	edKey := pemOf(t, ed, err)
	jwk, err := jose.JSONWebKey{Key: ec, Algorithm: "RS256"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	set := func(key []byte, alg string) func(*idp) {
		return func(p *idp) {
			p.ClientAuthMethod, p.ClientSecret, p.ClientKey, p.ClientKeyAlg = "private_key_jwt", "", key, alg
		}
	}
	signed := func(change func(*idp)) func(*idp) {
		return func(p *idp) { p.SignRequests, p.ClientKey = true, ecKey; change(p) }
	}
	providerRows{
		"a key":              {set(ecKey, ""), nil},
		"its algorithm":      {set(ecKey, "ES256"), nil},
		"another algorithm":  {set(ecKey, "RS256"), []string{`ClientKeyAlg "RS256"`}},
		"another of its own": {set(jwk, ""), []string{"ClientKey the algorithm does not fit"}},
		"no key":             {set([]byte("x"), ""), []string{"ClientKey neither PEM"}},
		"no key, an alg":     {set([]byte("x"), "ES256"), []string{"ClientKey neither PEM"}},
		"for encryption":     {set(ecKey, "ECDH-ES"), []string{"ClientKey is a key for encryption"}},
		"missing":            {set(nil, ""), []string{"ClientKey is empty"}},
		"requests":           {signed(func(*idp) {}), nil},
		"requests unsigned":  {signed(func(p *idp) { p.ClientKey = nil }), []string{"ClientKey is empty"}},
		"unused":             {signed(func(p *idp) { p.SignRequests = false }), []string{"ClientKey is set and neither"}},
		"about no key": {func(p *idp) { p.ClientKeyAlg, p.ClientKeyID = "ES256", "k" },
			[]string{"ClientKeyAlg is set and", "ClientKeyID is set and"}},
		"decryption": {func(p *idp) { p.DecryptionKey = ecKey }, nil},
		"no decryption": {func(p *idp) { p.DecryptionKey = edKey },
			[]string{"DecryptionKey is a key for signatures"}},
		"no decryption key": {func(p *idp) { p.DecryptionKey = []byte("x") }, []string{"DecryptionKey neither PEM"}},
	}.check(t)
	p, found := validProvider(), &settings.Problems{Unreadable: map[string]bool{"ClientKey": true}}
	p.ClientKeyID = "k"
	p.Check(found)
	wantProblems(t, found) // the key is there, and cannot be read
}

// TestProfilesOfClient: what FAPI 2.0 and IPSIE do not allow.
func TestProfilesOfClient(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ecKey := pemOf(t, ec, err)
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	rsaKey := pemOf(t, rs, err)
	fapi := func(change func(*idp)) func(*idp) {
		return func(p *idp) {
			p.Profile, p.PushedAuthorization, p.SigningAlgs = "fapi2", "always", []string{"PS256"}
			p.ClientAuthMethod, p.ClientSecret, p.ClientKey = "private_key_jwt", "", ecKey
			change(p)
		}
	}
	ipsie := func(change func(*idp)) func(*idp) {
		return func(p *idp) {
			p.Profile, p.SigningAlgs = "ipsie-sl1", []string{"ES256"}
			change(p)
		}
	}
	providerRows{
		"unknown": {func(p *idp) { p.Profile = "fapi1" }, []string{`Profile "fapi1" is not known`}},
		"FAPI":    {fapi(func(*idp) {}), nil},
		"FAPI, a certificate": {fapi(func(p *idp) {
			p.ClientAuthMethod, p.ClientKey, p.ClientCertificate = "self_signed_tls_client_auth", nil, &tls.Certificate{}
		}), nil},
		"FAPI, a secret": {fapi(func(p *idp) {
			p.ClientAuthMethod, p.ClientSecret, p.ClientKey = "client_secret_basic", "s", nil
		}), []string{`ClientAuthMethod "client_secret_basic" is not allowed`}},
		"FAPI, not pushed": {fapi(func(p *idp) { p.PushedAuthorization = "auto" }), []string{"PushedAuthorization"}},
		"FAPI, an alg": {fapi(func(p *idp) { p.SigningAlgs = []string{"PS256", "RS256"} }),
			[]string{"SigningAlgs are not"}},
		"FAPI, an RSA key": {fapi(func(p *idp) { p.ClientKey = rsaKey }),
			[]string{`ClientKeyAlg "RS256" is not allowed`}},
		"FAPI, PS256":  {fapi(func(p *idp) { p.ClientKey, p.ClientKeyAlg = rsaKey, "PS256" }), nil},
		"FAPI, no key": {fapi(func(p *idp) { p.ClientKey = []byte("x") }), []string{"ClientKey neither PEM"}},
		"IPSIE":        {ipsie(func(*idp) {}), nil},
		"IPSIE, http":  {ipsie(func(p *idp) { p.Issuer = "http://localhost" }), []string{"Issuer is not https"}},
		"IPSIE, HMAC": {ipsie(func(p *idp) { p.ClientAuthMethod, p.ClientSecret = "client_secret_jwt", secret }),
			[]string{"ClientAuthMethod signs with HS256"}},
		"IPSIE, audiences": {ipsie(func(p *idp) { p.TrustedAudiences = []string{"a"} }),
			[]string{"TrustedAudiences is not"}},
	}.check(t)
}

// TestProvidersTogether: what more than one provider must not claim, or have.
func TestProvidersTogether(t *testing.T) {
	check := func(finds bool, change func(a, b *idp)) *settings.Problems {
		a, b, found := validProvider(), validProvider(), &settings.Problems{}
		a.Name, b.Name, a.Audience, b.Audience = "a", "b", "api", "api"
		change(a, b)
		settings.CheckProviders(found, []*idp{a, b}, finds)
		return found
	}
	wantProblems(t, check(false, func(a, _ *idp) { a.Introspection = "json" }))
	wantProblems(t, check(false, func(a, b *idp) { a.Introspection, b.Introspection = "json", "jwt" }),
		"Providers[1].Introspection is set for another provider too")
	wantProblems(t, check(false, func(_, b *idp) { b.ClientID = "" }), "Providers[1].ClientID is empty")
	one := validProvider()
	one.Name = ""
	for _, tt := range []struct {
		finds bool
		all   []*idp
		want  []string
	}{
		{false, []*idp{one}, nil}, {true, nil, nil}, {false, nil, []string{"Providers is empty"}},
		{true, []*idp{one}, []string{"Providers[0].Name is empty"}},
	} {
		found := &settings.Problems{}
		settings.CheckProviders(found, tt.all, tt.finds)
		wantProblems(t, found, tt.want...)
	}
	found := &settings.Problems{}
	one.Issuer, one.AllowPrivateAddresses = "https://127.0.0.1", true
	one.CheckFound(found)
	one.Issuer, one.AllowPrivateAddresses = "https://%zz", false
	one.CheckFound(found)
	wantProblems(t, found) // an address that is none is reported elsewhere
}

// TestDomains have one form, of at most 253 bytes.
func TestDomains(t *testing.T) {
	longest := strings.Repeat(strings.Repeat("a", 61)+".", 4) + "ab.de"
	var accepted []string
	for _, domain := range []string{"a.de", longest, "a" + longest, "A.de", "de", "", "a..de", "-a.de"} {
		if settings.IsDomain(domain) {
			accepted = append(accepted, domain)
		}
	}
	if !slices.Equal(accepted, []string{"a.de", longest}) {
		t.Errorf("%q", accepted)
	}
}
