package provider_test

import (
	"crypto"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// encrypt makes a compact JWE as the provider would, with changes to the header; a nil value removes a member.
func encrypt(t testing.TB, public any, alg, enc, payload string, header object) string {
	t.Helper()
	options := (&jose.EncrypterOptions{}).WithContentType("JWT")
	kid, _ := header["kid"].(string)
	for name, value := range header {
		if name == "zip" {
			options.Compression = jose.DEFLATE
		} else if name != "kid" {
			options.WithHeader(jose.HeaderKey(name), value)
		}
	}
	encrypter, err := jose.NewEncrypter(jose.ContentEncryption(enc),
		jose.Recipient{Algorithm: jose.KeyAlgorithm(alg), Key: public, KeyID: kid}, options)
	if err != nil {
		t.Fatal(err)
	}
	jwe, err := encrypter.Encrypt([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwe.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// rebuilt replaces parts of a compact JWE, by their index.
func rebuilt(raw string, parts map[int]string) string {
	all := strings.Split(raw, ".")
	for i, part := range parts {
		all[i] = part
	}
	return strings.Join(all, ".")
}

func decrypting(key *provider.PrivateKey) func(*provider.Config) {
	return func(c *provider.Config) { c.DecryptionKey = key }
}

// Every accepted pair of algorithms, and none that is not.
func TestEncryptedIDToken(t *testing.T) {
	rsaKey, p256 := newRSAKey(t, 2048), newKey(t)
	type row struct {
		key      crypto.Signer
		pin, alg string
		ok       bool
	}
	rows := []row{
		{rsaKey, "", "RSA-OAEP-256", true}, {rsaKey, "RSA-OAEP-256", "RSA-OAEP-256", true},
		{rsaKey, "RSA-OAEP", "RSA-OAEP", true},
		{rsaKey, "", "RSA-OAEP", false}, {rsaKey, "RSA-OAEP", "RSA-OAEP-256", false}, {rsaKey, "", "RSA1_5", false},
		{rsaKey, "PS256", "RSA-OAEP-256", false}, // a key for signatures
		{p256, "", "ECDH-ES", true}, {p256, "", "ECDH-ES+A128KW", true}, {p256, "", "ECDH-ES+A256KW", true},
		{newECKey(t, elliptic.P384()), "", "ECDH-ES", true}, {newECKey(t, elliptic.P521()), "", "ECDH-ES+A256KW", true},
		{p256, "ECDH-ES", "ECDH-ES", true}, {p256, "ECDH-ES", "ECDH-ES+A128KW", false}, {p256, "", "ECDH-ES+A192KW", false},
	}
	for _, test := range rows {
		for enc, ok := range map[string]bool{
			"A128CBC-HS256": true, "A256CBC-HS512": true, "A128GCM": true, "A256GCM": true, "A192GCM": false,
			"A192CBC-HS384": false,
		} {
			op := newOP(t)
			p := op.client(decrypting(parsed(t, test.key, test.pin, "enc1")))
			raw := encrypt(t, test.key.Public(), test.alg, enc, op.token(claims(nil)), object{"kid": "enc1"})
			got, err := p.VerifyIDToken(t.Context(), raw, expect())
			switch {
			case !ok || !test.ok:
				wantBadToken(t, err, "algorithm")
				if op.count(keysPath) != 0 || got != nil {
					t.Errorf("%s with %s: %d fetches, %v", test.alg, enc, op.count(keysPath), got)
				}
			case err != nil || got["sub"] != "alice":
				t.Errorf("%s with %s: %v, %v", test.alg, enc, got, err)
			}
		}
	}
}

// Encryption proves nothing: the token inside must pass every check that a plain token does.
func TestEncryptedIDTokenInside(t *testing.T) {
	op := newOP(t)
	key := newKey(t)
	p := op.client(decrypting(parsed(t, key, "", "")))
	good := op.token(claims(nil))
	payload, _ := json.Marshal(claims(nil))
	for name, test := range map[string]struct{ inside, code string }{
		"good":             {good, ""},
		"unsigned":         {sign(t, newKey(t), `{"alg":"none"}`, string(payload)), "algorithm"}, // case 75
		"another key":      {sign(t, newKey(t), `{"alg":"ES256","kid":"k1"}`, string(payload)), "bad_signature"},
		"claims only":      {string(payload), "malformed"},
		"nothing":          {"", "malformed"},
		"encrypted again":  {encrypt(t, key.Public(), "ECDH-ES", "A128GCM", good, nil), "encrypted"},
		"too large":        {op.token(claims(object{"a": strings.Repeat("a", 150<<10)})), "too_large"},
		"another nonce":    {op.token(claims(object{"nonce": "other"})), "nonce"},   // case 91
		"another audience": {op.token(claims(object{"aud": "other"})), "rejected"},  // case 85
		"expired":          {op.token(claims(object{"exp": 1})), "clock_skew"},      // case 264
		"not base64url":    {good + "\n", "malformed"},                              // case 79
		"several":          {`{"payload":"e30","signatures":[{},{}]}`, "malformed"}, // case 79
		"an access token":  {sign(t, op.key, `{"alg":"ES256","kid":"k1","typ":"at+jwt"}`, string(payload)), "wrong_type"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.VerifyIDToken(t.Context(), encrypt(t, key.Public(), "ECDH-ES", "A128GCM", test.inside, nil), expect())
			if test.code != "" {
				wantBadToken(t, err, test.code)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// A provider that encrypts ID tokens encrypts logout tokens too. One that is only signed is refused (Back-Channel
// Logout 1.0 section 2.6, item 1).
func TestEncryptedLogoutToken(t *testing.T) {
	op := newOP(t)
	key := newKey(t)
	p := op.client(decrypting(parsed(t, key, "", "enc1")))
	good := op.logoutToken(logoutHeader, logoutClaims(nil))
	with := func(inside string, header object) string {
		return encrypt(t, key.Public(), "ECDH-ES", "A128GCM", inside, header)
	}
	for name, test := range map[string]struct{ raw, code string }{
		"good":             {with(good, object{"kid": "enc1"}), ""},
		"signed only":      {good, "not_encrypted"},
		"another kid":      {with(good, object{"kid": "enc2"}), ""},
		"another key":      {encrypt(t, newKey(t).Public(), "ECDH-ES", "A128GCM", good, nil), "decryption_failed"},
		"an ID token":      {with(op.token(claims(nil)), nil), "wrong_type"},
		"unsigned":         {with(good[:strings.LastIndex(good, ".")+1], nil), "bad_signature"},
		"another audience": {with(op.logoutToken(logoutHeader, logoutClaims(object{"aud": "other"})), nil), "audience"},
		"too large":        {with(good, nil) + strings.Repeat("A", 16<<10), "too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := p.VerifyLogoutToken(t.Context(), test.raw)
			if test.code != "" {
				wantBadToken(t, err, test.code)
			} else if err != nil || token.SID != "s1" {
				t.Errorf("%+v, %v", token, err)
			}
		})
	}
}

// Cases 79, 80, 81, 96: refused by text and header, before the key is used or any is fetched.
func TestEncryptedIDTokenText(t *testing.T) {
	op := newOP(t)
	key := newKey(t)
	p := op.client(decrypting(parsed(t, key, "", "enc1")))
	plain := op.token(claims(nil))
	with := func(header object) string { return encrypt(t, key.Public(), "ECDH-ES", "A128GCM", plain, header) }
	encode := base64.RawURLEncoding.EncodeToString
	header := func(text string) string { return rebuilt(with(nil), map[int]string{0: encode([]byte(text))}) }
	direct := encrypt(t, make([]byte, 16), "dir", "A128GCM", plain, nil)
	for name, test := range map[string]struct{ raw, code string }{
		"signed only":    {plain, "not_encrypted"},
		"signed by none": {encode([]byte(`{"alg":"none"}`)) + ".e30.", "not_encrypted"},
		"empty":          {"", "malformed"},
		"four parts":     {"a.b.c.d", "malformed"},
		"six parts":      {with(nil) + ".", "malformed"},
		"10,000 dots":    {strings.Repeat(".", 10_000), "malformed"},
		"the largest":    {strings.Repeat("A", 256<<10), "malformed"},
		"5 MB":           {with(nil) + strings.Repeat("A", 5<<20), "too_large"},
		"JSON":           {`{"protected":"e30","ciphertext":""}`, "malformed"},
		"line break":     {with(nil)[:10] + "\n" + with(nil)[10:], "malformed"},
		"spare bits":     {rebuilt(with(nil), map[int]string{4: strings.Repeat("A", 21) + "B"}), "malformed"},
		"padding":        {with(nil) + "=", "malformed"},
		"header no JSON": {header("x"), "malformed"},
		"alg twice":      {header(`{"alg":"ECDH-ES","alg":"dir","enc":"A128GCM"}`), "malformed"},
		"alg twins":      {header(`{"alg":"ECDH-ES","ALG":"dir","enc":"A128GCM"}`), "malformed"},
		"deep header": {header(`{"a":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`),
			"malformed"},
		"no alg":     {header(`{"enc":"A128GCM"}`), "algorithm"},
		"no enc":     {header(`{"alg":"ECDH-ES"}`), "algorithm"},
		"alg a list": {header(`{"alg":["ECDH-ES"],"enc":"A128GCM"}`), "algorithm"},
		"dir":        {direct, "algorithm"},
		"A128KW":     {encrypt(t, make([]byte, 16), "A128KW", "A128GCM", plain, nil), "algorithm"},
		"PBES2":      {encrypt(t, []byte("password"), "PBES2-HS256+A128KW", "A128GCM", plain, nil), "algorithm"},
		"PBES2, big count": {header(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAA"}`),
			"algorithm"},
		"compressed":      {with(object{"zip": "DEF"}), "compressed"},
		"compressed by ?": {header(`{"alg":"ECDH-ES","enc":"A128GCM","zip":""}`), "compressed"},
		"crit":            {with(object{"crit": []string{"x"}, "x": 1}), "critical_header"},
		"crit empty":      {with(object{"crit": []string{}}), "critical_header"},
		"access token":    {with(object{"typ": "at+jwt"}), "wrong_type"},
		"logout token":    {with(object{"typ": "logout+jwt"}), "wrong_type"},
		"another kid":     {with(object{"kid": "enc2"}), ""}, // there is one key, whatever the provider calls it
		"a kid of another": {encrypt(t, newKey(t).Public(), "ECDH-ES", "A128GCM", plain, object{"kid": "enc1"}),
			"decryption_failed"},
		"kid a number":    {header(`{"alg":"ECDH-ES","enc":"A128GCM","kid":1}`), "decryption_failed"},
		"kid null":        {header(`{"alg":"ECDH-ES","enc":"A128GCM","kid":null}`), "decryption_failed"},
		"superfluous key": {rebuilt(with(nil), map[int]string{1: "AAAA"}), "malformed"},
		// case 80
		"keys in its header": {with(object{"jwk": jwk(&newKey(t).PublicKey, "enc1"), "jku": issuer + "/evil",
			"x5u": issuer + "/evil"}), ""},
		"without cty": {with(object{"cty": ""}), ""},
		"with kid":    {with(object{"kid": "enc1"}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			took, err := time.Hour, error(nil)
			for range 3 { // the fastest counts, whatever else the machine does
				start := time.Now()
				_, err = p.VerifyIDToken(t.Context(), test.raw, expect())
				took = min(took, time.Since(start))
			}
			if took > 50*time.Millisecond {
				t.Errorf("took %v", took)
			}
			if test.code != "" {
				wantBadToken(t, err, test.code)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	if op.count("/evil") != 0 {
		t.Error("a URL in the header was fetched")
	}
	// The message names the required algorithm, because registrations are often wrong.
	_, err := p.VerifyIDToken(t.Context(), direct, expect())
	contains(t, err.Error(), `"dir"`, `"ECDH-ES+A256KW"`)
}

// Whatever fails after the key is used fails alike: no oracle for the sender of forged tokens.
func TestDecryptionFailsAlike(t *testing.T) {
	op := newOP(t)
	rsaKey, p256, other := newRSAKey(t, 2048), newKey(t), newKey(t)
	byRSA, byEC := op.client(decrypting(parsed(t, rsaKey, "", ""))), op.client(decrypting(parsed(t, p256, "", "")))
	plain := op.token(claims(nil))
	encode := base64.RawURLEncoding.EncodeToString
	withRSA := encrypt(t, rsaKey.Public(), "RSA-OAEP-256", "A256CBC-HS512", plain, nil)
	direct := encrypt(t, p256.Public(), "ECDH-ES", "A128GCM", plain, nil)
	wrapped := encrypt(t, p256.Public(), "ECDH-ES+A128KW", "A128CBC-HS256", plain, nil)
	epk := func(members object) string {
		text, _ := json.Marshal(object{"alg": "ECDH-ES", "enc": "A128GCM", "epk": members})
		return rebuilt(direct, map[int]string{0: encode(text)})
	}
	point, private := jwk(&other.PublicKey, ""), jwk(other, "")
	tests := map[string]struct {
		p   *provider.Provider
		raw string
	}{
		"another RSA key": {byRSA, encrypt(t, newRSAKey(t, 2048).Public(), "RSA-OAEP-256", "A128GCM", plain, nil)},
		"another EC key":  {byEC, encrypt(t, other.Public(), "ECDH-ES", "A128GCM", plain, nil)},
		"RSA key garbled": {byRSA, rebuilt(withRSA, map[int]string{1: encode(make([]byte, 256))})},
		"RSA key short":   {byRSA, rebuilt(withRSA, map[int]string{1: "AAAA"})},
		"RSA key missing": {byRSA, rebuilt(withRSA, map[int]string{1: ""})},
		"content key too long": {byRSA,
			rebuilt(encrypt(t, rsaKey.Public(), "RSA-OAEP-256", "A256GCM", plain, nil),
				map[int]string{0: encode([]byte(`{"alg":"RSA-OAEP-256","enc":"A128GCM"}`))})},
		"wrapped key garbled":  {byEC, rebuilt(wrapped, map[int]string{1: encode(make([]byte, 40))})},
		"wrapped key missing":  {byEC, rebuilt(wrapped, map[int]string{1: ""})},
		"no initial vector":    {byEC, rebuilt(direct, map[int]string{2: ""})},
		"long initial vector":  {byEC, rebuilt(direct, map[int]string{2: encode(make([]byte, 99))})},
		"no ciphertext":        {byEC, rebuilt(direct, map[int]string{3: ""})},
		"no tag":               {byEC, rebuilt(direct, map[int]string{4: ""})},
		"short tag":            {byEC, rebuilt(wrapped, map[int]string{4: "AA"})},
		"nothing but a header": {byEC, rebuilt(direct, map[int]string{1: "", 2: "", 3: "", 4: ""})},
		"no epk":               {byEC, epk(nil)},
		"epk on another curve": {byEC, epk(jwk(&newECKey(t, elliptic.P384()).PublicKey, ""))},
		"epk of another type":  {byEC, epk(jwk(rsaKey.Public(), ""))},
		"epk off the curve":    {byEC, epk(merge(merge(object{}, point), object{"y": point["x"]}))},
		"epk private":          {byEC, epk(private)},
		"epk not canonical":    {byEC, epk(merge(merge(object{}, point), object{"x": encode(make([]byte, 33))}))},
		"certificate no certificate": {byEC,
			rebuilt(direct, map[int]string{0: encode([]byte(`{"alg":"ECDH-ES","enc":"A128GCM","x5c":["AA"]}`))})},
	}
	texts := map[string]bool{}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := test.p.VerifyIDToken(t.Context(), test.raw, expect())
			wantBadToken(t, err, "decryption_failed")
			texts[err.Error()] = true
		})
	}
	if len(texts) != 1 {
		t.Errorf("distinguishable: %v", texts)
	}
	for i := range direct { // case 79: every character
		if direct[i] == '.' {
			continue
		}
		flipped := []byte(direct)
		flipped[i] ^= 1
		if _, err := byEC.VerifyIDToken(t.Context(), string(flipped), expect()); err == nil {
			t.Fatalf("accepted with character %d flipped", i)
		}
	}
	if op.count(keysPath) != 0 {
		t.Error("keys were fetched for a token that was not opened")
	}
}
