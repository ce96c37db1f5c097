package fakeop_test

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

const longSecret = "a secret of thirty-two bytes or more"

// A client assertion is accepted only if everything about it is valid (RFC 7523, 3).
func TestPrivateKeyJWT(t *testing.T) {
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix() // in a bubble
	tests := map[string]struct {
		claims, header object
		key            any // default ecKey
		alg            jose.SignatureAlgorithm
		form           changes
		basic          bool
		want           string
	}{
		"right":             {},
		"RS256":             {key: rsaKey(), alg: jose.RS256},
		"PS256":             {key: rsaKey(), alg: jose.PS256},
		"EdDSA":             {key: edKey(), alg: jose.EdDSA},
		"typed":             {header: object{"typ": "client-authentication+jwt"}},
		"no iat":            {claims: object{"iat": nil}},
		"nbf now":           {claims: object{"nbf": now}},
		"five minutes":      {claims: object{"exp": now + 300}},
		"client_id as well": {form: changes{"client_id": {"app"}}},

		"over five minutes":  {claims: object{"exp": now + 301}, want: "invalid_client"},
		"expired":            {claims: object{"exp": now}, want: "invalid_client"},
		"no exp":             {claims: object{"exp": nil}, want: "invalid_client"},
		"exp is text":        {claims: object{"exp": "946684860"}, want: "invalid_client"},
		"issued later":       {claims: object{"iat": now + 1}, want: "invalid_client"},
		"not yet":            {claims: object{"nbf": now + 1}, want: "invalid_client"},
		"no jti":             {claims: object{"jti": nil}, want: "invalid_client"},
		"another iss":        {claims: object{"iss": "x"}, want: "invalid_client"},
		"another sub":        {claims: object{"sub": "x"}, want: "invalid_client"},
		"no sub":             {claims: object{"sub": nil}, want: "invalid_client"},
		"aud is a list":      {claims: object{"aud": []string{"https://idp.example"}}, want: "invalid_client"},
		"aud is an endpoint": {claims: object{"aud": "https://idp.example/token"}, want: "invalid_client"},
		"aud with a slash":   {claims: object{"aud": "https://idp.example/"}, want: "invalid_client"},
		"no aud":             {claims: object{"aud": nil}, want: "invalid_client"},
		"twin of aud":        {claims: object{"aud": nil, "AUD": "https://idp.example"}, want: "invalid_client"},
		"request object":     {header: object{"typ": "oauth-authz-req+jwt"}, want: "invalid_client"},
		"DPoP proof":         {header: object{"typ": "dpop+jwt"}, want: "invalid_client"},
		"typ is a number":    {header: object{"typ": 1}, want: "invalid_client"},
		"typ is empty":       {header: object{"typ": ""}, want: "invalid_client"},
		"another kid":        {header: object{"kid": "two"}, want: "invalid_client"},
		"no kid":             {header: object{"kid": nil}, want: "invalid_client"},
		"another key":        {key: otherKey(), want: "invalid_client"},
		"HS256":              {key: []byte(longSecret), alg: jose.HS256, want: "invalid_client"},
		"RS512":              {key: rsaKey(), alg: jose.RS512, want: "invalid_client"},
		"another client_id":  {form: changes{"client_id": {"x"}}, want: "invalid_client"},
		"another type":       {form: changes{"client_assertion_type": {"JWT"}}, want: "invalid_client"},
		"no type":            {form: changes{"client_assertion_type": nil}, want: "invalid_client"},
		"no assertion":       {form: changes{"client_assertion": nil}, want: "invalid_client"},
		"nothing":            {form: changes{"client_assertion": nil, "client_assertion_type": nil}, want: "invalid_client"},
		"a secret too":       {form: changes{"client_secret": {longSecret}}, want: "invalid_request"},
		"basic too":          {basic: true, want: "invalid_request"},
		"twice":              {form: changes{"client_assertion": {"a", "b"}}, want: "invalid_request"},
		"secret instead": {form: changes{"client_assertion": nil, "client_assertion_type": nil, "client_id": {"app"},
			"client_secret": {longSecret}}, want: "invalid_client"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := fakeop.Config{
					ClientAuthMethod: "private_key_jwt", ClientSecret: longSecret, ClientKey: ecKey().Public(), ClientKeyID: "one",
				}
				if signer, ok := tt.key.(crypto.Signer); ok && name != "another key" {
					cfg.ClientKey = signer.Public()
				}
				if tt.key == nil {
					tt.key = ecKey()
				}
				if tt.alg == "" {
					tt.alg = jose.ES256
				}
				a := newApp(t, cfg)
				signed := jws(t, tt.alg, tt.key, object{"kid": "one"}.with(tt.header), a.assertion().with(tt.claims))
				c := a.byAssertion()
				c["client_assertion"] = []string{signed}
				maps.Copy(c, tt.form)
				c["code"] = []string{a.approve("alice", nil).Get("code")}
				var header http.Header
				if tt.basic {
					header = basic("app", longSecret)
				}
				a.token(c, header).refused(t, tt.want)
			})
		})
	}
}

// An intercepted assertion is useless to the attacker, at either endpoint, for its whole lifetime; a duplicate member
// hides nothing.
func TestAssertionIsGoodOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, fakeop.Config{ClientAuthMethod: "private_key_jwt", ClientKey: ecKey().Public()})
		c := a.byAssertion()
		c["code"] = []string{a.approve("alice", nil).Get("code")}
		a.token(c, nil).refused(t, "")
		c["code"] = []string{a.approve("alice", nil).Get("code")}
		a.token(c, nil).refused(t, "invalid_client")
		c["client_id"] = []string{"app"}
		a.push(c, nil).refused(t, "invalid_client")
		time.Sleep(59 * time.Second)
		a.push(c, nil).refused(t, "invalid_client")

		fresh := string(must(json.Marshal(a.assertion())))
		twice := strings.Replace(fresh, "{", `{"aud":"https://elsewhere.example",`, 1)
		for _, payload := range []string{twice, fresh + fresh, "null", "[]"} {
			c["client_assertion"] = []string{jws(t, jose.ES256, ecKey(), nil, payload)}
			a.push(c, nil).refused(t, "invalid_client")
		}
	})
}

func TestClientSecretJWT(t *testing.T) {
	const secret = longSecret + longSecret // long enough for HS512
	tests := map[string]struct {
		alg  jose.SignatureAlgorithm
		key  any
		want string
	}{
		"right":          {jose.HS256, []byte(secret), ""},
		"another secret": {jose.HS256, []byte(strings.ToUpper(secret)), "invalid_client"},
		"HS512":          {jose.HS512, []byte(secret), "invalid_client"},
		"a private key":  {jose.ES256, ecKey(), "invalid_client"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, fakeop.Config{
				ClientAuthMethod: "client_secret_jwt", ClientSecret: secret, ClientKey: ecKey().Public(),
			})
			c := a.byAssertion()
			c["client_assertion"] = []string{jws(t, tt.alg, tt.key, nil, a.assertion())}
			c["code"] = []string{a.approve("alice", nil).Get("code")}
			a.token(c, nil).refused(t, tt.want)
		})
	}
	a := newApp(t, keyed())
	a.push(a.byAssertion(), nil).refused(t, "invalid_client") // not registered for assertions
	public := newApp(t, fakeop.Config{Public: true})
	public.push(changes{"client_secret": nil, "client_assertion": {"x"}}, nil).refused(t, "invalid_client")
}

// overTLS serves a provider for mutual TLS, and returns an app whose requests present the key's certificate.
func overTLS(t *testing.T, cfg fakeop.Config, key crypto.Signer) *app {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	cfg.Issuer = "https://" + server.Listener.Addr().String()
	idp, err := fakeop.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = idp
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	transport := server.Client().Transport.(*http.Transport).Clone()
	if key != nil {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
		der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
		transport.TLSClientConfig.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	}
	t.Cleanup(transport.CloseIdleConnections)
	return appOf(t, idp, transport, "")
}

// The certificate of the connection authenticates, and nothing else
// (RFC 8705, 2).
func TestMutualTLS(t *testing.T) {
	tests := map[string]struct {
		key    crypto.Signer
		form   changes
		header http.Header
		want   string
	}{
		"right":             {ecKey(), nil, nil, ""},
		"another key":       {otherKey(), nil, nil, "invalid_client"},
		"another kind":      {edKey(), nil, nil, "invalid_client"},
		"no certificate":    {nil, nil, nil, "invalid_client"},
		"no client_id":      {ecKey(), changes{"client_id": nil}, nil, "invalid_client"},
		"another client_id": {ecKey(), changes{"client_id": {"x"}}, nil, "invalid_client"},
		"a secret too":      {ecKey(), changes{"client_secret": {"secret"}}, nil, "invalid_client"},
		"basic too":         {ecKey(), nil, basic("app", "secret"), "invalid_client"},
		"assertion too":     {ecKey(), changes{"client_assertion": {"x"}}, nil, "invalid_client"},
	}
	for name, tt := range tests {
		for _, method := range []string{"tls_client_auth", "self_signed_tls_client_auth"} {
			t.Run(name+", "+method, func(t *testing.T) {
				a := overTLS(t, fakeop.Config{ClientAuthMethod: method, ClientKey: ecKey().Public()}, tt.key)
				c := changes{"client_secret": nil, "code": {a.approve("alice", nil).Get("code")}}
				maps.Copy(c, tt.form)
				a.token(c, tt.header).refused(t, tt.want)
			})
		}
	}
	plain := newApp(t, fakeop.Config{ClientAuthMethod: "tls_client_auth", ClientKey: ecKey().Public()})
	plain.push(changes{"client_secret": nil}, nil).refused(t, "invalid_client")
}

// The same endpoints are available below MTLSRoot, and no others (RFC 8705, 5).
func TestMTLSRoot(t *testing.T) {
	const root = "https://mtls.idp.example:8443/mutual"
	a := newApp(t, fakeop.Config{Issuer: "https://idp.example/tenant", MTLSRoot: root + "/"})
	has(t, a.get(a.url(fakeop.Discovery)).object, map[string]any{"mtls_endpoint_aliases": map[string]any{
		"token_endpoint": root + "/token", "userinfo_endpoint": root + "/userinfo",
		"pushed_authorization_request_endpoint": root + "/par",
		"revocation_endpoint":                   root + "/revoke",
		"introspection_endpoint":                root + "/introspect",
	}})
	for target, status := range map[string]int{
		root + "/token": 401, root + "/userinfo": 401, root + "/par": 401, root + "/revoke": 401, root + "/introspect": 401,
		root + "/authorize": 404, root + "/jwks": 404, root + "/": 404,
		"https://idp.example/mutual/token": 404, "https://idp.example/tenant/token": 401,
		"https://mtls.idp.example:8443/token": 404,
	} {
		if got := a.do(http.MethodPost, target, map[string][]string{"client_id": {"x"}}, nil); got.StatusCode != status {
			t.Errorf("%s: %d, want %d", target, got.StatusCode, status)
		}
	}
	if a.idp.Count(fakeop.Token) != 2 || a.idp.Count(fakeop.PAR) != 1 || a.idp.Count(fakeop.Elsewhere) != 0 {
		t.Error("requests to the aliases are not counted like others")
	}
}
