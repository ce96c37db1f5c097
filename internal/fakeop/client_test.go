package fakeop_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// The keys of test clients, and of strangers.
var (
	ecKey    = sync.OnceValue(newEC)
	otherKey = sync.OnceValue(newEC)
	edKey    = sync.OnceValue(func() ed25519.PrivateKey { return must2(ed25519.GenerateKey(rand.Reader)) })
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
)

func newEC() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func must2[T, U any](_ U, v T, err error) T { return must(v, err) }

// object is a JSON object; with replaces members, nil removes them.
type object map[string]any

func (o object) with(changes object) object {
	o = maps.Clone(o)
	for name, value := range changes {
		if o[name] = value; value == nil {
			delete(o, name)
		}
	}
	return o
}

// jws signs claims, or a text unchanged.
func jws(t *testing.T, alg jose.SignatureAlgorithm, key any, header object, claims any) string {
	t.Helper()
	options := new(jose.SignerOptions)
	for name, value := range header {
		options = options.WithHeader(jose.HeaderKey(name), value)
	}
	payload, isText := claims.(string)
	if !isText {
		payload = string(must(json.Marshal(claims)))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	return must(must(signer.Sign([]byte(payload))).CompactSerialize())
}

// unsecured returns a JWT with alg none.
func unsecured(claims object) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(must(json.Marshal(claims))) + "."
}

// assertion returns the claims of a valid client assertion.
func (a *app) assertion() object {
	now := time.Now().Unix()
	return object{"iss": a.id, "sub": a.id, "aud": a.idp.Issuer(), "iat": now, "exp": now + 60, "jti": rand.Text()}
}

// byAssertion returns the changes to a form that authenticate by private_key_jwt.
func (a *app) byAssertion() changes {
	a.t.Helper()
	return changes{
		"client_secret": nil, "client_id": nil, "client_assertion": {jws(a.t, jose.ES256, ecKey(), nil, a.assertion())},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	}
}

// keyed is the configuration of a client with a key that authenticates by its secret.
func keyed() fakeop.Config { return fakeop.Config{ClientKey: ecKey().Public()} }

// push posts the parameters of a valid request to the PAR endpoint.
func (a *app) push(c changes, header http.Header) answer {
	a.t.Helper()
	form := queryOf(a.t, a.authURL(nil))
	form.Set("client_secret", "secret")
	return a.do(http.MethodPost, a.url(fakeop.PAR), c.to(form), header)
}

// pushed pushes a request and returns the authorization URL to send the browser to.
func (a *app) pushed(c changes) string {
	a.t.Helper()
	got := a.push(c, nil)
	if got.StatusCode != http.StatusCreated {
		a.t.Fatalf("PAR: %d %s", got.StatusCode, got.text)
	}
	return a.requestURL(text(got.object, "request_uri"))
}

func (a *app) requestURL(uri string) string {
	return a.url(fakeop.Authorize) + "?" + url.Values{"client_id": {a.id}, "request_uri": {uri}}.Encode()
}

// requestObject returns the claims of a valid request object.
func (a *app) requestObject() object {
	now := time.Now().Unix()
	claims := object{"iss": a.id, "aud": a.idp.Issuer(), "nbf": now, "exp": now + 300}
	for name, values := range queryOf(a.t, a.authURL(nil)) {
		claims[name] = values[0]
	}
	return claims
}

// proof returns the claims of a valid DPoP proof, for a token if there is one.
func (a *app) proof(method string, e fakeop.Endpoint, token string) object {
	claims := object{"htm": method, "htu": a.url(e), "iat": time.Now().Unix(), "jti": rand.Text()}
	if sum := sha256.Sum256([]byte(token)); token != "" {
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return claims
}

// dpop returns the header with a proof by a key.
func (a *app) dpop(key *ecdsa.PrivateKey, claims object) http.Header {
	a.t.Helper()
	header := object{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: key.Public()}}
	return http.Header{"Dpop": {jws(a.t, jose.ES256, key, header, claims)}}
}

func thumbprint(key crypto.Signer) string {
	public := jose.JSONWebKey{Key: key.Public()}
	return base64.RawURLEncoding.EncodeToString(must(public.Thumbprint(crypto.SHA256)))
}

// claimsAfter returns the claims of alice's ID token after a request.
func (a *app) claimsAfter(c changes) map[string]any {
	a.t.Helper()
	return part(a.t, text(a.redeem(a.approve("alice", c).Get("code")).object, "id_token"), 1)
}

// refused requires an error response of the token or PAR endpoint or, with an empty code, a success.
func (r answer) refused(t *testing.T, code string) {
	t.Helper()
	status := map[string]int{"": 200, "invalid_client": 401}[code]
	if status == 0 {
		status = 400
	}
	if r.StatusCode == http.StatusCreated {
		status = http.StatusCreated
	}
	if r.StatusCode != status || text(r.object, "error") != code {
		t.Errorf("%d %s, want %d %s", r.StatusCode, r.text, status, code)
	}
}
