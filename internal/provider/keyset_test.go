package provider_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// case 121: one unusable key affects neither the others nor a sign-in.
func TestOddKeysAreSkipped(t *testing.T) {
	edKey, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, odd := range map[string]any{
		"unknown kty": object{"kty": "LATTICE", "kid": "k1"},
		"secp256k1": object{"kty": "EC", "crv": "secp256k1", "kid": "k1", "x": strings.Repeat("A", 43),
			"y": strings.Repeat("A", 43)},
		"point off curve": object{"kty": "EC", "crv": "P-256", "kid": "k1", "x": strings.Repeat("A", 43),
			"y": strings.Repeat("A", 43)},
		"X25519":            object{"kty": "OKP", "crv": "X25519", "kid": "k1", "x": strings.Repeat("A", 43)},
		"symmetric":         object{"kty": "oct", "kid": "k1", "k": "c2VjcmV0"},
		"no kty":            object{"kid": "k1"},
		"kid is a number":   merge(jwk(&newKey(t).PublicKey, "k1"), object{"kid": 1}),
		"duplicate member":  json.RawMessage(`{"kty":"EC","kty":"RSA","kid":"k1"}`),
		"not an object":     "k1",
		"null":              nil,
		"other key, kid k1": jwk(&newKey(t).PublicKey, "k1"),
		"other curve":       jwk(&p521.PublicKey, "k1"),
		"other type":        jwk(edKey, "k1"),
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			op.serve(keysPath, jsonAnswer(200, object{"keys": []any{odd, jwk(&op.key.PublicKey, "k1")}}))
			if _, err := op.client().VerifyIDToken(t.Context(), op.token(claims(nil)), expect()); err != nil {
				t.Error(err)
			}
		})
	}
}

// case 121: a key that must not verify does not, even for a token it has signed.
func TestUnfitKeys(t *testing.T) {
	ecKey, null := newKey(t), json.RawMessage("null")
	ec := func(change object) object { return merge(jwk(&ecKey.PublicKey, "k1"), change) }
	private, err := ecKey.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	good, weak := newRSAKey(t, 2048), newRSAKey(t, 1024)
	tests := []struct {
		name string
		key  object
		rsa  *rsa.PrivateKey // signs instead of the EC key
		code string          // "": fits
	}{
		{name: "EC", key: ec(nil)},
		{name: "EC without use", key: ec(object{"use": nil})},
		{name: "EC with a broken certificate", key: ec(object{"x5c": []string{"!"}, "x5u": ":", "x5t": "!"})},
		{name: "EC with null",
			key: ec(object{"use": null, "key_ops": null, "alg": null, "d": null, "k": null, "oth": null, "x5c": null})},
		{name: "EC for verifying", key: ec(object{"key_ops": []string{"verify"}})},
		{name: "EC with alg", key: ec(object{"alg": "ES256"})},
		{name: "RSA", key: jwk(&good.PublicKey, "k1"), rsa: good},

		{name: "for encryption", key: ec(object{"use": "enc"}), code: "no_usable_key"},
		{name: "odd use", key: ec(object{"use": []string{"sig"}}), code: "no_usable_key"},
		{name: "not for verifying", key: ec(object{"key_ops": []string{"encrypt", "wrapKey"}}), code: "no_usable_key"},
		{name: "odd key_ops", key: ec(object{"key_ops": "verify"}), code: "no_usable_key"},
		{name: "other alg", key: ec(object{"alg": "ES384"}), code: "bad_signature"},
		{name: "RSA with the largest exponent", key: merge(jwk(&good.PublicKey, "k1"), object{"e": "f____w"}), rsa: good,
			code: "bad_signature"},
		{name: "other kid", key: ec(object{"kid": "k2"}), code: "bad_signature"},
		{name: "kid null", key: ec(object{"kid": null}), code: "bad_signature"},
		{name: "no kid", key: ec(object{"kid": nil}), code: "bad_signature"},
		{name: "private", key: ec(object{"d": private.Bytes()}), code: "no_usable_key"},
		{name: "weak RSA", key: jwk(&weak.PublicKey, "k1"), rsa: weak, code: "no_usable_key"},
		{name: "RSA with even exponent", key: merge(jwk(&good.PublicKey, "k1"), object{"e": "AQAA"}), rsa: good,
			code: "no_usable_key"},
		{name: "RSA with exponent 1", key: merge(jwk(&good.PublicKey, "k1"), object{"e": "AQ"}), rsa: good,
			code: "no_usable_key"},
		{name: "RSA with exponent above 2^31", key: merge(jwk(&good.PublicKey, "k1"), object{"e": "AQAAAAE"}), rsa: good,
			code: "no_usable_key"},
		{name: "RSA with exponent 2^64+65537", key: merge(jwk(&good.PublicKey, "k1"), object{"e": "AQAAAAAAAQAB"}), rsa: good,
			code: "no_usable_key"},
		{name: "RSA too large", key: merge(jwk(&good.PublicKey, "k1"), object{"n": strings.Repeat("_", 1368)}), rsa: good,
			code: "no_usable_key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			op.key = ecKey
			op.serve(keysPath, jsonAnswer(200, object{"keys": []any{test.key}}))
			token, alg := op.token(claims(nil)), "ES256"
			if test.rsa != nil {
				payload, _ := json.Marshal(claims(nil))
				token, alg = sign(t, test.rsa, `{"alg":"RS256","kid":"k1"}`, string(payload)), "RS256"
			}
			p := op.client(func(c *provider.Config) { c.SigningAlgs = []string{alg} })
			_, err := p.VerifyIDToken(t.Context(), token, expect())
			switch test.code {
			case "":
				if err != nil {
					t.Error(err)
				}
			case "bad_signature": // a key, but not for this token
				wantBadToken(t, err, test.code)
			default: // no key at all
				wantError(t, err, provider.Invalid, test.code)
			}
		})
	}
}

func TestKeySetDocument(t *testing.T) {
	padding := make([]any, 100)
	for i := range padding {
		padding[i] = object{"kty": "LATTICE"}
	}
	good := jwk(&newKey(t).PublicKey, "other")
	tests := []struct {
		name   string
		script http.HandlerFunc
		kind   provider.Kind
		code   string
	}{
		{"empty", jsonAnswer(200, object{"keys": []any{}}), provider.Invalid, "no_usable_key"}, // case 122
		{"100 keys looked at", jsonAnswer(200, object{"keys": append(padding[:99:99], good)}),
			provider.Refused, "bad_signature"},
		{"and not one more", jsonAnswer(200, object{"keys": append(padding[:100:100], good)}),
			provider.Invalid, "no_usable_key"},
		{"no keys member", jsonAnswer(200, object{"KEYS": []any{good}}), provider.Invalid, "bad_document"},
		{"keys is null", textAnswer(200, "", `{"keys":null}`), provider.Invalid, "bad_document"},
		{"keys is an object", textAnswer(200, "", `{"keys":{}}`), provider.Invalid, "bad_document"},
		{"array", textAnswer(200, "", `[]`), provider.Invalid, "bad_document"},
		{"HTML", textAnswer(200, "", `<html>`), provider.Invalid, "bad_document"},
		{"not found", textAnswer(404, "", ``), provider.Invalid, "provider_status"},
		{"redirect", redirect(307), provider.Invalid, "redirect"}, // case 114
		{"down", textAnswer(503, "", ``), provider.Unavailable, "provider_status"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			op.serve(keysPath, test.script)
			p := op.client()
			_, err := p.VerifyIDToken(t.Context(), op.token(claims(nil)), expect())
			wantError(t, err, test.kind, test.code)
			if err := p.Ready(t.Context()); (err == nil) != (test.code == "bad_signature") {
				t.Errorf("Ready: %v", err)
			}
		})
	}
}

// case 82
func TestTokenWithoutKid(t *testing.T) {
	op := newOP(t)
	others := []any{jwk(&newKey(t).PublicKey, "a"), jwk(&newKey(t).PublicKey, "b")}
	payload, _ := json.Marshal(claims(nil))
	token := sign(t, op.key, `{"alg":"ES256"}`, string(payload))
	for name, test := range map[string]struct {
		keys    []any
		fetches int
		ok      bool
	}{
		"one key":             {[]any{jwk(&op.key.PublicKey, "k1")}, 1, true},
		"one of several keys": {append(others[:2:2], jwk(&op.key.PublicKey, "k1")), 1, true},
		"none of several":     {others, 2, false},
	} {
		op.serve(keysPath, jsonAnswer(200, object{"keys": test.keys}))
		before := op.count(keysPath)
		_, err := op.client().VerifyIDToken(t.Context(), token, expect())
		if n := op.count(keysPath) - before; (err == nil) != test.ok || n != test.fetches {
			t.Errorf("%s: %v with %d fetches", name, err, n)
		}
	}
}

// cases 119, 120: tokens that do not verify force at most one fetch a minute, however many there are.
func TestForgedTokensForceOneFetch(t *testing.T) {
	payload, _ := json.Marshal(claims(nil))
	for name, forge := range map[string]func(op *scriptedOP, i int) string{
		"unknown kid": func(op *scriptedOP, i int) string {
			return sign(t, op.key, fmt.Sprintf(`{"alg":"ES256","kid":"x%d"}`, i), string(payload))
		},
		"bad signature": func(op *scriptedOP, _ int) string {
			return sign(t, newKey(t), `{"alg":"ES256","kid":"k1"}`, string(payload))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				op := newOP(t)
				op.serve(keysPath, slow(time.Second, jsonAnswer(200, object{"keys": []any{jwk(&op.key.PublicKey, "k1")}})))
				p := op.client()
				attack := func() {
					var callers sync.WaitGroup
					for i := range 200 {
						callers.Go(func() {
							_, err := p.VerifyIDToken(t.Context(), forge(op, i), expect())
							wantBadToken(t, err, "bad_signature")
						})
					}
					callers.Wait()
				}
				for _, fetches := range []int{2, 2, 2} { // the ordinary one and one more, also when the attack goes on
					attack()
					if n := op.count(keysPath); n != fetches {
						t.Fatalf("%d key requests, want %d", n, fetches)
					}
					time.Sleep(15 * time.Second)
				}
				time.Sleep(15 * time.Second)
				if attack(); op.count(keysPath) != 3 {
					t.Errorf("%d key requests after a minute, want 3", op.count(keysPath))
				}
				if _, err := p.VerifyIDToken(t.Context(), op.token(claims(nil)), expect()); err != nil {
					t.Errorf("a valid token after the attack: %v", err)
				}
			})
		})
	}
}

// cases 256, 257, 259
func TestKeyRotation(t *testing.T) {
	for name, kid := range map[string]string{"new kid": "k2", "kid kept": "k1"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				op := newOP(t)
				p := op.client()
				verify := func(key *ecdsa.PrivateKey, kid string) error {
					payload, _ := json.Marshal(claims(nil))
					_, err := p.VerifyIDToken(t.Context(), sign(t, key, `{"alg":"ES256","kid":"`+kid+`"}`, string(payload)), expect())
					return err
				}
				if err := verify(op.key, "k1"); err != nil {
					t.Fatal(err)
				}
				next := newKey(t)
				op.serve(keysPath, slow(time.Second, jsonAnswer(200, object{"keys": []any{jwk(&next.PublicKey, kid)}})))
				var callers sync.WaitGroup
				for range 10 {
					callers.Go(func() {
						if err := verify(next, kid); err != nil {
							t.Error(err)
						}
					})
				}
				callers.Wait()
				if n := op.count(keysPath); n != 2 {
					t.Errorf("%d key requests, want 2", n)
				}
				wantBadToken(t, verify(op.key, "k1"), "bad_signature") // the old key is gone
			})
		})
	}
}

// cases 120, 259: an outage keeps the current keys in use, and is distinguished from a forged token.
func TestKeysDuringOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		p := op.client()
		verify := func(kid string) error {
			payload, _ := json.Marshal(claims(nil))
			_, err := p.VerifyIDToken(t.Context(), sign(t, op.key, `{"alg":"ES256","kid":"`+kid+`"}`, string(payload)), expect())
			synctest.Wait()
			return err
		}
		healthy := jsonAnswer(200, object{"keys": []any{jwk(&op.key.PublicKey, "k1")}})
		op.serve(keysPath, textAnswer(503, "", ""))
		wantError(t, verify("k1"), provider.Unavailable, "provider_status") // no keys at all yet
		op.serve(keysPath, healthy)
		time.Sleep(2 * time.Second)
		if err := verify("k1"); err != nil {
			t.Fatal(err)
		}

		op.serve(keysPath, textAnswer(503, "", ""))
		before := op.count(keysPath)
		for range 3 {
			err := verify("unknown")
			wantError(t, err, provider.Unavailable, "provider_status")
			if errors.Is(err, provider.ErrInvalidToken) {
				t.Errorf("the outage passes for a forged token: %v", err)
			}
			if err := verify("k1"); err != nil {
				t.Errorf("a known key during the outage: %v", err)
			}
		}
		if n := op.count(keysPath) - before; n != 1 {
			t.Errorf("%d forced fetches in a minute of outage", n)
		}

		time.Sleep(time.Hour) // the periodic refresh fails too
		if err := verify("k1"); err != nil {
			t.Errorf("an hour into the outage: %v", err)
		}
		op.serve(keysPath, jsonAnswer(200, object{"keys": []any{jwk(&newKey(t).PublicKey, "k2")}}))
		time.Sleep(2 * time.Second)
		_ = verify("k1") // serves the old keys once more, and refreshes
		wantBadToken(t, verify("k1"), "bad_signature")
	})
}

// A key set or metadata older than a day is refreshed before it is used, and is used itself only if that fails: a key
// withdrawn long ago must not be accepted again just because nobody has signed in since.
func TestDayOldDocuments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		p := op.client()
		verify := func(key *ecdsa.PrivateKey, kid string) error {
			_, err := p.VerifyIDToken(t.Context(),
				sign(t, key, `{"alg":"ES256","kid":"`+kid+`"}`, payloadOf(claims(nil))), expect())
			return err
		}
		if err := verify(op.key, "k1"); err != nil {
			t.Fatal(err)
		}
		next := newKey(t)
		op.serve(keysPath, slow(time.Second, jsonAnswer(200, object{"keys": []any{jwk(&next.PublicKey, "k2")}})))
		op.serve(discoveryPath, slow(time.Second, document(object{"token_endpoint": issuer + "/moved"})))
		time.Sleep(24 * time.Hour)
		wantBadToken(t, verify(op.key, "k1"), "bad_signature")
		if m, err := p.Metadata(t.Context()); err != nil || m.TokenEndpoint != issuer+"/moved" {
			t.Errorf("%+v, %v", m, err)
		}

		op.serve(keysPath, textAnswer(503, "", ""))
		op.serve(discoveryPath, slow(time.Hour, document(nil)))
		time.Sleep(30 * 24 * time.Hour)
		if err := verify(next, "k2"); err != nil { // case 120
			t.Errorf("while the provider is away: %v", err)
		}
		if m, err := p.Metadata(t.Context()); err != nil || m.TokenEndpoint != issuer+"/moved" {
			t.Errorf("while the provider is away: %+v, %v", m, err)
		}
		op.serve(keysPath, jsonAnswer(200, object{"keys": []any{jwk(&op.key.PublicKey, "k1")}}))
		op.serve(discoveryPath, document(nil))
		time.Sleep(2 * time.Second) // the pause after a failure
		wantBadToken(t, verify(next, "k2"), "bad_signature")
		if m, err := p.Metadata(t.Context()); err != nil || m.TokenEndpoint != issuer+tokenPath {
			t.Errorf("%+v, %v", m, err)
		}
	})
}

func newRSAKey(t *testing.T, bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestPS256: an RSA key also verifies the newer signatures, which the older method cannot make.
func TestPS256(t *testing.T) {
	key, op := newRSAKey(t, 2048), newOP(t)
	op.serve(keysPath, jsonAnswer(200, object{"keys": []any{jwk(&key.PublicKey, "k1")}}))
	options := (&jose.SignerOptions{}).WithHeader("kid", "k1")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.PS256, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(must(json.Marshal(claims(nil))))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	p := op.client(func(c *provider.Config) { c.SigningAlgs = []string{"PS256"} })
	if _, err := p.VerifyIDToken(t.Context(), token, expect()); err != nil {
		t.Error(err)
	}
	p = op.client(func(c *provider.Config) { c.SigningAlgs = []string{"RS256"} })
	_, err = p.VerifyIDToken(t.Context(), token, expect())
	wantBadToken(t, err, "algorithm")
}

// TestKeysAreLogged: an operator reads why nobody can sign in, and nothing while everybody can.
func TestKeysAreLogged(t *testing.T) {
	var quiet logBuffer
	healthy := newOP(t)
	if err := healthy.client(logTo(&quiet)).Ready(t.Context()); err != nil || quiet.String() != "" {
		t.Errorf("%v, logged %s", err, quiet.String())
	}
	for want, answer := range map[string]http.HandlerFunc{
		"fetching the provider's keys failed": textAnswer(503, "", ""),
		"no new sign-in can succeed":          jsonAnswer(200, object{"keys": []any{}}),
	} {
		var log logBuffer
		op := newOP(t)
		op.serve(keysPath, answer)
		if _, err := op.client(logTo(&log)).VerifyIDToken(t.Context(), op.token(claims(nil)), expect()); err == nil {
			t.Error("verified without keys")
		}
		contains(t, log.String(), want)
	}
}
