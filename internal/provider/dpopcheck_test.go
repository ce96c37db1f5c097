package provider_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// proofOf is a proof that a test spoils before it is signed, and the request that it is made for.
type proofOf struct {
	header, claims object
	of             provider.ProvenRequest
}

// newProof returns a proof that is right, of the request that needs it.
func newProof(key any) *proofOf {
	public := jose.JSONWebKey{Key: key}
	thumbprint := must(public.Thumbprint(crypto.SHA256))
	var members object
	if err := json.Unmarshal(must(public.MarshalJSON()), &members); err != nil {
		panic(err)
	}
	alg := "ES256"
	if members["kty"] == "RSA" {
		alg = "RS256"
	}
	sum := sha256.Sum256([]byte("token"))
	return &proofOf{
		header: object{"typ": "dpop+jwt", "alg": alg, "jwk": members},
		claims: object{
			"jti": "p1", "htm": "GET", "htu": "https://app.example/me", "iat": time.Now().Unix(),
			"ath": base64.RawURLEncoding.EncodeToString(sum[:]),
		},
		of: provider.ProvenRequest{
			Method: "GET", URL: "https://app.example/me", AccessToken: "token",
			JKT: base64.RawURLEncoding.EncodeToString(thumbprint),
		},
	}
}

func (p *proofOf) signedBy(t *testing.T, key crypto.Signer) string {
	return sign(t, key, string(must(json.Marshal(p.header))), string(must(json.Marshal(p.claims))))
}

// TestCheckProof: a proof counts for this request, this moment, this access token and the key that it is bound to (RFC
// 9449 section 4.3), so that neither a stolen token nor a recorded proof is of use.
func TestCheckProof(t *testing.T) {
	key, other := newKey(t), newKey(t)
	set := func(name string, value any) func(*proofOf) {
		return func(p *proofOf) { p.claims = merge(p.claims, object{name: value}) }
	}
	head := func(name string, value any) func(*proofOf) {
		return func(p *proofOf) { p.header = merge(p.header, object{name: value}) }
	}
	to := func(url string) func(*proofOf) { return func(p *proofOf) { p.of.URL = url } }
	iat := func(age time.Duration) func(*proofOf) {
		return func(p *proofOf) { p.claims["iat"] = time.Now().Add(-age).Unix() }
	}
	secret := must(jose.JSONWebKey{Key: key}.MarshalJSON())
	for name, tt := range map[string]struct {
		change func(*proofOf)
		code   string // "": accepted
	}{
		"right":        {func(*proofOf) {}, ""},
		"any nonce":    {set("nonce", "n"), ""},
		"a query":      {set("htu", "https://app.example/me?a=b#c"), ""},
		"another case": {set("htu", "HTTPS://APP.example:443/me"), ""},
		"no path": {func(p *proofOf) { p.claims["htu"], p.of.URL = "https://app.example", "https://app.example/" },
			""},
		"as old as can":  {iat(2 * time.Minute), ""},
		"as new as can":  {iat(-time.Minute), ""},
		"a long jti":     {set("jti", strings.Repeat("j", 255)), ""},
		"a good nonce":   {func(p *proofOf) { p.of.AcceptsNonce = func(n string) bool { return n == "" } }, ""},
		"too large":      {set("pad", strings.Repeat("p", 8<<10)), "too_large"},
		"an ID token":    {head("typ", "JWT"), "wrong_type"},
		"no type":        {head("typ", nil), "wrong_type"},
		"symmetric":      {head("alg", "HS256"), "algorithm"},
		"unsigned":       {head("alg", "none"), "algorithm"},
		"critical":       {head("crit", []string{"exp"}), "critical_header"},
		"no key":         {head("jwk", nil), "bad_key"},
		"an empty key":   {head("jwk", object{}), "bad_key"},
		"a text as key":  {head("jwk", "key"), "bad_key"},
		"a private key":  {head("jwk", json.RawMessage(secret)), "bad_key"},
		"symmetric key":  {head("jwk", object{"kty": "oct", "k": "AAAA"}), "bad_key"},
		"no point":       {head("jwk", merge(jwk(&key.PublicKey, ""), object{"x": strings.Repeat("A", 43)})), "bad_key"},
		"exponent 0":     {head("jwk", object{"kty": "RSA", "n": strings.Repeat("_", 341) + "w", "e": "AA"}), "bad_key"},
		"another's key":  {head("jwk", jwk(&other.PublicKey, "")), "another_key"},
		"other's token":  {func(p *proofOf) { p.of.JKT = strings.Repeat("A", 43) }, "another_key"},
		"not bound":      {func(p *proofOf) { p.of.JKT = "" }, "another_key"},
		"no jti":         {set("jti", nil), "jti"},
		"jti empty":      {set("jti", ""), "jti"},
		"jti a number":   {set("jti", 7), "jti"},
		"jti too long":   {set("jti", strings.Repeat("j", 256)), "jti"},
		"another method": {set("htm", "POST"), "htm"},
		"method in case": {set("htm", "get"), "htm"},
		"no method":      {set("htm", nil), "htm"},
		"another URL":    {set("htu", "https://app.example/you"), "htu"},
		"another host":   {set("htu", "https://evil.example/me"), "htu"},
		"another scheme": {set("htu", "http://app.example/me"), "htu"},
		"no URL":         {set("htu", nil), "htu"},
		"a broken URL":   {set("htu", "https://app.example/%zz"), "htu"},
		"of a broken":    {to("https://app.example/%zz"), "htu"},
		"another token":  {set("ath", strings.Repeat("A", 43)), "ath"},
		"no token":       {set("ath", nil), "ath"},
		"no time":        {set("iat", nil), "iat"},
		"a text as time": {set("iat", "1"), "iat"},
		"too old":        {iat(2*time.Minute + time.Second), "iat"},
		"from tomorrow":  {iat(-time.Minute - time.Second), "iat"},
		"a stale nonce":  {func(p *proofOf) { p.of.AcceptsNonce = func(string) bool { return false } }, "nonce"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := provider.New(provider.Config{Issuer: issuer, ClientID: clientID, ClockTolerance: time.Minute})
				proof := newProof(&key.PublicKey)
				tt.change(proof)
				id, remember, err := p.CheckProof(proof.signedBy(t, key), proof.of)
				if tt.code == "" {
					if err != nil || id != proof.claims["jti"] || remember != 3*time.Minute {
						t.Errorf("%q, remembered for %v, %v", id, remember, err)
					}
					return
				}
				wantBadToken(t, err, tt.code)
				if id != "" || remember != 0 || !errors.Is(err, provider.ErrBadProof) ||
					errors.Is(err, provider.ErrUseNonce) != (tt.code == "nonce") {
					t.Errorf("%q, %v, %v", id, remember, err)
				}
			})
		})
	}
}

// TestCheckProofText: what is wrong with the text of a proof, whatever it says.
func TestCheckProofText(t *testing.T) {
	key, other := newKey(t), newKey(t)
	p := provider.New(provider.Config{Issuer: issuer, ClientID: clientID, ClockTolerance: time.Minute})
	good := newProof(&key.PublicKey)
	text := good.signedBy(t, key)
	header, rest, _ := strings.Cut(text, ".")
	body, signature, _ := strings.Cut(rest, ".")
	for proof, code := range map[string]string{
		"": "malformed", header + "." + body: "malformed", header + ".!." + signature: "malformed",
		header + ".e30." + signature: "jti", header + ".bnVsbA." + signature: "bad_payload",
		header + "." + body + ".": "bad_signature", good.signedBy(t, other): "bad_signature",
		header + "." + body + "." + signature[:40]: "bad_signature", header + "." + body + ".A": "malformed",
	} {
		if _, _, err := p.CheckProof(proof, good.of); err == nil {
			t.Errorf("%q is accepted", proof)
		} else {
			wantBadToken(t, err, code)
		}
	}
}

// TestCheckProofRSA: keys of RSA have at least 2,048 bits.
func TestCheckProofRSA(t *testing.T) {
	p := provider.New(provider.Config{Issuer: issuer, ClientID: clientID, ClockTolerance: time.Minute})
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := newProof(&key.PublicKey)
	if _, _, err := p.CheckProof(good.signedBy(t, key), good.of); err != nil {
		t.Error(err)
	}
	short := new(big.Int).SetBit(big.NewInt(1), 2046, 1)
	weak := newProof(&rsa.PublicKey{N: short, E: 65537})
	_, _, err = p.CheckProof(weak.signedBy(t, key), weak.of)
	wantBadToken(t, err, "bad_key")
}

// FuzzCheckProof: no text makes CheckProof panic, and none is accepted that was not signed with the key of the token.
func FuzzCheckProof(f *testing.F) {
	p := provider.New(provider.Config{Issuer: "https://idp.example", ClientID: "app", ClockTolerance: time.Minute})
	of := provider.ProvenRequest{
		Method: "GET", URL: "https://app.example.com/me", AccessToken: "token", JKT: strings.Repeat("A", 43),
	}
	f.Add("")
	f.Add("a.b.c")
	f.Add("eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7fX0.e30.AA")
	f.Add("eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwiY3J2IjoiUC0yNTYiLCJ4IjoiIiwieSI6IiJ9fQ" +
		".e30.AA")
	f.Fuzz(func(t *testing.T, proof string) {
		if _, _, err := p.CheckProof(proof, of); !errors.Is(err, provider.ErrBadProof) {
			t.Errorf("%q: %v", proof, err)
		}
	})
}
