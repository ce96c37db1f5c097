package protocol_test

import (
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

const guardedAPI = "https://jwt.example.com"

// TestBadBearer: of all that is signed with the provider's key or claims to be, an app accepts the access tokens for
// its API only, and bad tokens neither make it fetch keys again and again nor keep it from accepting good ones. Cases
// 370, 373, 374, 376.
func TestBadBearer(t *testing.T) {
	port, key := start.FreePort(t), ecKey(t)
	provider := start.RunOpenProviderWithKey(t, port, key.signing(t))
	machine := registerMachine(t, provider)
	good := ownToken(t, machine, guardedAPI)
	idToken, logoutToken := otherJWTs(t, provider)

	var keys atomic.Int64 // fetches
	api := startAPI(t, provider, &keys)
	wants := func(name, token string, status int) {
		t.Helper()
		got, challenge, body := api.get(t, "/me", token)
		if refused := strings.Contains(challenge, `error="invalid_token"`); got != status || refused != (status == 401) {
			t.Errorf("%s: %d %s, challenge %q", name, got, body, challenge)
		}
	}
	wants("a good token", good, 200)
	wants("an ID token", idToken, 401)
	wants("a logout token", logoutToken, 401)
	f := forger{t, key.private(t), ecKey(t).private(t), good}
	wants("a good token, signed by the test", f.sign(f.key, f.header(), f.claims()), 200)
	for name, token := range f.tokens(idToken, logoutToken) {
		wants(name, token, 401)
	}
	for i := range 200 {
		header := f.header()
		header["kid"] = fmt.Sprint("unknown ", i)
		wants("an unknown key id", f.sign(f.stranger, header, f.claims()), 401)
		wants("a good token in between", good, 200)
		wants("a new good token in between", f.withClaim("jti", fmt.Sprint(i)), 200)
	}
	if n := keys.Load(); n > 2 {
		t.Errorf("%d fetches of keys, at most 2 are wanted", n)
	}

	fresh := startAPI(t, provider, &keys)
	if status, _, _ := fresh.get(t, "/me", good); status != 200 {
		t.Errorf("before the rotation: %d", status)
	}
	provider.Stop(t)
	provider = start.RunOpenProviderWithKey(t, port, ecKey(t).signing(t))
	if status, _, body := fresh.get(t, "/me", ownToken(t, registerMachine(t, provider), guardedAPI)); status != 200 {
		t.Errorf("with a new key: %d %s", status, body)
	}
}

// startAPI starts an app that accepts access tokens. keys counts how often it fetches the keys of the provider.
func startAPI(t *testing.T, provider start.Provider, keys *atomic.Int64) *app {
	t.Helper()
	return startApp(t, provider, nil, func(c *ginoidc.Config) {
		p := &c.Providers[0]
		p.Audience, p.SigningAlgs = guardedAPI, []string{"RS256", "ES256"}
		next := p.Transport
		p.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/jwks" {
				keys.Add(1)
			}
			return next.RoundTrip(r)
		})
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// otherJWTs returns an ID token and a logout token that the provider issues for a sign-in.
func otherJWTs(t *testing.T, provider start.Provider) (idToken, logoutToken string) {
	t.Helper()
	logout := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		logout <- r.PostFormValue("logout_token")
	}))
	t.Cleanup(receiver.Close)
	a := startApp(t, provider, client("backchannel_logout_uri", receiver.URL), func(c *ginoidc.Config) {
		c.KeepIDToken, c.PostSignOutURL = "always", c.AppURL+"/auth/signed-out"
	})
	alice := somebody(t)
	alice.sees(alice.signIn(a, "/me", "alice"), a, "/me", "alice")
	alice.confirms(alice.Load(http.MethodPost, a.url+"/auth/signout", nil), a)
	for _, u := range alice.Trail {
		if hint := u.Query().Get("id_token_hint"); hint != "" {
			idToken = hint
		}
	}
	select {
	case logoutToken = <-logout:
	case <-time.After(30 * time.Second):
	}
	if strings.Count(idToken, ".") != 2 || strings.Count(logoutToken, ".") != 2 {
		t.Fatalf("the ID token is %q, the logout token %q", idToken, logoutToken)
	}
	return idToken, logoutToken
}

// forger makes tokens with the provider's key and without.
type forger struct {
	*testing.T
	key, stranger *ecdsa.PrivateKey
	good          string // an access token of the provider
}

func (f forger) part(token string, i int) (object map[string]any) {
	f.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
	if err == nil {
		err = json.Unmarshal(raw, &object)
	}
	if err != nil {
		f.Fatal(err)
	}
	return object
}

func (f forger) header() map[string]any { return f.part(f.good, 0) }
func (f forger) claims() map[string]any { return f.part(f.good, 1) }

// sign returns a JWS by ES256. header and claims are objects, or JSON as a string.
func (f forger) sign(key *ecdsa.PrivateKey, header, claims any) string {
	f.Helper()
	signed := f.encoded(header) + "." + f.encoded(claims)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		f.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + text(signature)
}

func (f forger) encoded(v any) string {
	f.Helper()
	if raw, ok := v.(string); ok {
		return text([]byte(raw))
	}
	raw, err := json.Marshal(v)
	if err != nil {
		f.Fatal(err)
	}
	return text(raw)
}

func (f forger) withClaim(name string, value any) string {
	f.Helper()
	claims := f.claims()
	claims[name] = value
	return f.sign(f.key, f.header(), claims)
}

// withHeader signs with the key that the header leads to: that of the stranger.
func (f forger) withHeader(name string, value any) string {
	f.Helper()
	header := f.header()
	header[name] = value
	return f.sign(f.stranger, header, f.claims())
}

// tokens returns bad tokens by what is wrong with them. All others of their claims are those of a good one.
func (f forger) tokens(idToken, logoutToken string) map[string]string {
	f.Helper()
	hour := time.Now().Add(time.Hour).Unix()
	stranger := map[string]string{"kty": "EC", "crv": "P-256"}
	point, err := f.stranger.PublicKey.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	stranger["x"], stranger["y"] = text(point[1:33]), text(point[33:])
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &f.stranger.PublicKey, f.stranger)
	if err != nil {
		f.Fatal(err)
	}
	raw, untyped, none, critical := f.raw(1), f.header(), f.header(), f.header()
	delete(untyped, "typ")
	none["alg"], critical["crit"] = "none", []string{"b64"}
	forThisAPI := func(token string) map[string]any {
		claims := f.part(token, 1)
		claims["aud"], claims["exp"] = guardedAPI, hour
		return claims
	}
	return map[string]string{
		"another audience":           f.withClaim("aud", "https://other.example.com"),
		"another issuer":             f.withClaim("iss", "https://other.example.com"),
		"expired":                    f.withClaim("exp", hour-2*3600),
		"not yet valid":              f.withClaim("nbf", hour),
		"of the future":              f.withClaim("iat", hour),
		"never expires":              f.withClaim("exp", nil),
		"ID token for the API":       f.sign(f.key, f.part(idToken, 0), forThisAPI(idToken)),
		"ID token, no type":          f.sign(f.key, untyped, forThisAPI(idToken)),
		"ID token, as access token":  f.sign(f.key, f.header(), forThisAPI(idToken)),
		"logout token for the API":   f.sign(f.key, f.part(logoutToken, 0), forThisAPI(logoutToken)),
		"logout token, access token": f.sign(f.key, f.header(), forThisAPI(logoutToken)),
		"alg none":                   f.encoded(none) + "." + f.encoded(f.claims()) + ".",
		"alg none, a signature":      f.sign(f.key, none, f.claims()),
		"the key as HMAC secret":     f.hmac(),
		"jku":                        f.withHeader("jku", "https://stranger.example.com/jwks"),
		"jwk":                        f.withHeader("jwk", stranger),
		"x5c":                        f.withHeader("x5c", [][]byte{certificate}),
		"a key of somebody else":     f.sign(f.stranger, f.header(), f.claims()),
		"a member twice":             f.sign(f.key, f.header(), `{"sub":"mallory",`+raw[1:]),
		"twin names":                 f.sign(f.key, f.header(), `{"SUB":"mallory",`+raw[1:]),
		"a header twice":             f.sign(f.key, `{"alg":"none",`+f.raw(0)[1:], f.claims()),
		"a critical header":          f.sign(f.key, critical, f.claims()),
		"almost 1 MB, the most that net/http reads": f.withClaim("pad", strings.Repeat("a", 700_000)),
	}
}

// raw returns the JSON of a part of the good token.
func (f forger) raw(i int) string {
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(f.good, ".")[i])
	if err != nil {
		f.Fatal(err)
	}
	return string(raw)
}

// hmac signs by HS256 with the public key of the provider as the secret.
func (f forger) hmac() string {
	der, err := x509.MarshalPKIXPublicKey(&f.key.PublicKey)
	if err != nil {
		f.Fatal(err)
	}
	header := f.header()
	header["alg"] = "HS256"
	signed := f.encoded(header) + "." + f.encoded(f.claims())
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	mac.Write([]byte(signed))
	return signed + "." + text(mac.Sum(nil))
}

// private returns an EC key.
func (k clientKey) private(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode(k.pem)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*ecdsa.PrivateKey)
}

// signing returns an EC key as a private JWK for the provider.
func (k clientKey) signing(t *testing.T) map[string]string {
	t.Helper()
	d, err := k.private(t).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	jwk := maps.Clone(k.jwk)
	jwk["d"], jwk["use"], jwk["alg"] = text(d), "sig", "ES256"
	return jwk
}
