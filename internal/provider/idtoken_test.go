package provider_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// TestIDTokenClaims: every row is signed correctly, only the claims are wrong. No setting turns a check off. Case 311.
func TestIDTokenClaims(t *testing.T) {
	sum := sha256.Sum256([]byte("access"))
	atHash := base64.RawURLEncoding.EncodeToString(sum[:16])
	long, null := strings.Repeat("a", 255), json.RawMessage("null")
	tests := []struct {
		name   string
		change object
		code   string // "": accepted
	}{
		{"plain", nil, ""},
		{"aud as a list", object{"aud": []string{clientID}}, ""},
		{"azp is us", object{"azp": clientID}, ""},
		{"sub of 255 characters", object{"sub": long}, ""},
		{"at_hash", object{"at_hash": atHash}, ""},
		// case 102: never fetched
		{"groups overage of Entra",
			object{"_claim_names": object{"groups": "src1"},
				"_claim_sources": object{"src1": object{"endpoint": "http://169.254.169.254/"}}}, ""},
		{"exp in year 9999", object{"exp": int64(253402300799)}, ""}, // case 266
		{"optional claims null",
			object{"azp": null, "at_hash": null, "nbf": null, "auth_time": null, "acr": null, "sid": null, "groups": null,
				"_claim_names": null}, ""},
		{"auth_time a string", object{"auth_time": "yesterday"}, ""},

		{"iss missing", object{"iss": nil}, "rejected"},                                            // case 84
		{"iss with a slash", object{"iss": issuer + "/"}, "rejected"},                              // case 84
		{"iss in other case", object{"iss": "https://OP.example"}, "rejected"},                     // case 84
		{"iss below", object{"iss": issuer + "/tenant"}, "rejected"},                               // case 84
		{"iss by another name", object{"iss": nil, "ISS": issuer}, "issuer"},                       // case 95
		{"aud missing", object{"aud": nil}, "rejected"},                                            // case 85
		{"aud empty", object{"aud": []string{}}, "rejected"},                                       // case 85
		{"aud other", object{"aud": "other"}, "rejected"},                                          // case 85
		{"aud without us", object{"aud": []string{"a", "b"}}, "rejected"},                          // case 85
		{"aud by another name", object{"aud": nil, "AUD": clientID}, "audience"},                   // case 95
		{"extra aud", object{"aud": []string{clientID, "other"}}, "audience"},                      // case 86
		{"extra aud, azp us", object{"aud": []string{"x", clientID}, "azp": clientID}, "audience"}, // case 86
		{"azp other", object{"azp": "other"}, "authorized_party"},                                  // case 86
		{"azp empty", object{"azp": ""}, "authorized_party"},
		{"azp a list", object{"azp": []string{clientID}}, "authorized_party"},
		{"logout token", object{"events": object{}}, "logout_token"},
		{"events null", object{"events": null}, "logout_token"}, // what may not be there may not be null
		{"nonce missing", object{"nonce": nil}, "nonce"},        // case 91
		{"nonce null", object{"nonce": null}, "nonce"},
		{"sub null", object{"sub": null}, "subject"},
		{"aud null", object{"aud": null}, "rejected"},
		{"null in aud", object{"aud": []any{clientID, nil}}, "audience"},
		{"nonce of another attempt", object{"nonce": "other"}, "nonce"},          // cases 91, 92, 245
		{"nonce by another name", object{"nonce": nil, "Nonce": nonce}, "nonce"}, // case 95
		{"sub missing", object{"sub": nil}, "subject"},                           // case 87
		{"sub empty", object{"sub": ""}, "subject"},                              // case 87
		{"sub a number", object{"sub": 7}, "rejected"},                           // case 87
		{"sub of 256 characters", object{"sub": long + "a"}, "subject"},          // case 87
		{"sub not ASCII", object{"sub": "ålice"}, "subject"},                     // case 87
		{"sub with a line break", object{"sub": "a\nb"}, "subject"},              // case 87
		{"sub by another name", object{"sub": nil, "SUB": "admin"}, "subject"},   // case 95
		{"exp missing", object{"exp": nil}, "bad_time"},                          // case 89
		{"exp a string", object{"exp": "99999999999"}, "bad_time"},
		{"iat missing", object{"iat": nil}, "bad_time"}, // case 89
		{"iat a string", object{"iat": "1"}, "bad_time"},
		{"iat null", object{"iat": null}, "rejected"},
		{"nbf a string", object{"nbf": "1"}, "bad_time"},
		// case 266: no time wraps, and none is from outside of the years 1970 to 9999
		{"exp in year 10000", object{"exp": int64(253402300800)}, "bad_time"},
		{"exp in milliseconds", object{"exp": time.Now().UnixMilli()}, "bad_time"},
		{"far exp", object{"exp": 1e300}, "bad_time"},
		{"exp beyond numbers", object{"exp": json.RawMessage("1e999")}, "rejected"},
		{"exp before 1970", object{"exp": -1}, "bad_time"},
		{"iat before 1970", object{"iat": -1}, "bad_time"},
		{"nbf before 1970", object{"nbf": -1e300}, "bad_time"},
		{"auth_time before 1970", object{"auth_time": int64(-62135596800)}, "bad_time"},
		{"auth_time beyond years", object{"auth_time": 1e300}, "bad_time"},
		{"at_hash of another token", object{"at_hash": atHash[1:] + "A"}, "at_hash_mismatch"},
		{"at_hash not a string", object{"at_hash": 1}, "rejected"},
		{"at_hash empty", object{"at_hash": ""}, "at_hash_mismatch"},
		{"100,000 groups", object{"groups": slices.Repeat([]string{"g"}, 100_000)}, "too_large"}, // case 96
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			got, err := op.client().VerifyIDToken(t.Context(), op.token(claims(test.change)),
				provider.Expect{Nonce: nonce, MaxAge: -1, AccessToken: "access"})
			if test.code != "" {
				wantBadToken(t, err, test.code)
				if got != nil {
					t.Errorf("got %v in addition to the error", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, isNumber := got["iat"].(json.Number); !isNumber {
				t.Errorf("iat is a %T", got["iat"])
			}
			if n := op.count("/"); n != 0 {
				t.Error("a claim source was fetched")
			}
		})
	}
	op := newOP(t)
	_, err := op.client().VerifyIDToken(t.Context(), op.token(claims(object{"nonce": ""})), provider.Expect{MaxAge: -1})
	wantBadToken(t, err, "nonce") // no nonce expected is not "any nonce will do"
}

// What no encoder would write. Each payload is signed correctly.
func TestIDTokenPayloadText(t *testing.T) {
	op := newOP(t)
	p := op.client()
	good, _ := json.Marshal(claims(nil))
	with := func(member string) string { return string(good[:len(good)-1]) + "," + member + "}" }
	for name, payload := range map[string]string{
		"sub twice":         with(`"sub":"admin"`),              // case 94
		"upper-case twin":   with(`"SUB":"admin"`),              // case 95
		"U+017F twin":       with(`"ſub":"admin"`),              // case 95
		"escaped twin":      with(`"\u017Fub":"admin"`),         // case 95
		"groups twins":      with(`"groups":["a"],"GROUPS":[]`), // case 95
		"email twins":       with(`"email_verified":false,"email_Verified":true`),
		"nested duplicate":  with(`"a":[{"b":1,"b":2}]`),                                              // case 94
		"depth 10,000":      with(`"a":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)), // case 96
		"not an object":     `["sub"]`,
		"null":              `null`,
		"empty":             ``,
		"trailing document": string(good) + `{}`,
		"not UTF-8":         with("\"a\":\"\xff\""),
	} {
		_, err := p.VerifyIDToken(t.Context(), sign(t, op.key, `{"alg":"ES256","kid":"k1"}`, payload), expect())
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		wantBadToken(t, err, "bad_payload")
	}
}

func TestIDTokenHeader(t *testing.T) {
	payload, _ := json.Marshal(claims(nil))
	embedded, _ := json.Marshal(jwk(&newKey(t).PublicKey, "k1"))
	tests := []struct {
		name, header, code string
	}{
		{"typ JWT", `{"alg":"ES256","kid":"k1","typ":"JWT"}`, ""},
		// case 80
		{"keys and URLs in the header",
			`{"alg":"ES256","kid":"k1","jwk":` + string(embedded) +
				`,"jku":"https://op.example/evil","x5u":"https://op.example/evil"}`, ""},
		{"b64 true", `{"alg":"ES256","kid":"k1","b64":true}`, ""},

		{"alg none", `{"alg":"none"}`, "algorithm"}, // case 75
		{"alg None", `{"alg":"None"}`, "algorithm"}, // case 75
		{"alg nOnE", `{"alg":"nOnE"}`, "algorithm"}, // case 75
		{"no alg", `{"kid":"k1"}`, "algorithm"},     // case 75
		{"ALG", `{"ALG":"ES256"}`, "algorithm"},
		{"alg a list", `{"alg":["ES256"]}`, "algorithm"},
		{"alg not pinned", `{"alg":"RS256","kid":"k1"}`, "algorithm"}, // case 77
		{"alg twice", `{"alg":"ES256","alg":"none"}`, "malformed"},
		{"alg twins", `{"alg":"ES256","Alg":"none"}`, "malformed"},
		{"crit", `{"alg":"ES256","kid":"k1","crit":["exp"],"exp":1}`, "critical_header"},        // case 81
		{"crit b64", `{"alg":"ES256","kid":"k1","crit":["b64"],"b64":true}`, "critical_header"}, // case 81
		{"b64 false", `{"alg":"ES256","kid":"k1","b64":false}`, "unencoded_payload"},            // case 81
		{"typ of a media type", `{"alg":"ES256","kid":"k1","typ":"application/jwt"}`, ""},
		{"typ null", `{"alg":"ES256","kid":"k1","typ":null}`, ""},
		{"access token", `{"alg":"ES256","kid":"k1","typ":"at+jwt"}`, "wrong_type"},
		{"logout token", `{"alg":"ES256","kid":"k1","typ":"application/LOGOUT+jwt"}`, "wrong_type"},
		{"authorization response", `{"alg":"ES256","kid":"k1","typ":"oauth-authz-resp+jwt"}`, "wrong_type"},
		{"DPoP proof", `{"alg":"ES256","kid":"k1","typ":"dpop+JWT"}`, "wrong_type"},
		{"a kind not invented yet", `{"alg":"ES256","kid":"k1","typ":"application/x+jwt; v=1"}`, "wrong_type"},
		{"typ a list", `{"alg":"ES256","kid":"k1","typ":["at+jwt"]}`, "wrong_type"},
		{"deep header", `{"a":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`, "malformed"}, // case 96
		{"array", `["ES256"]`, "malformed"},
		{"embedded private key", `{"alg":"ES256","kid":"k1","jwk":{"kty":"oct","k":"c2VjcmV0"}}`, "rejected"}, // case 80
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			_, err := op.client().VerifyIDToken(t.Context(), sign(t, op.key, test.header, string(payload)), expect())
			if test.code != "" {
				wantBadToken(t, err, test.code)
			} else if err != nil {
				t.Error(err)
			}
			if op.count("/evil") != 0 {
				t.Error("a URL in the header was fetched")
			}
		})
	}
}

// TestHeaderIsReadStrictly: bits after the end of the header are an error, even in what the provider has signed.
func TestHeaderIsReadStrictly(t *testing.T) {
	op := newOP(t)
	token := sign(t, op.key, `{"alg":"ES256","kid":"k1"}   `, string(must(json.Marshal(claims(nil)))))
	if _, err := op.client().VerifyIDToken(t.Context(), token, expect()); err != nil {
		t.Fatal(err)
	}
	header, rest, _ := strings.Cut(token, ".")
	last := len(header) - 1
	for _, text := range []string{header[:last] + string(header[last]+1) + "." + rest, "\n" + token} {
		_, err := op.client().VerifyIDToken(t.Context(), text, expect())
		wantBadToken(t, err, "malformed")
	}
}

// case 79, 96: refused by text and header, before any key is fetched.
func TestIDTokenText(t *testing.T) {
	op := newOP(t)
	p := op.client()
	good := op.token(claims(nil))
	parts := strings.Split(good, ".")
	for name, raw := range map[string]string{
		"empty": "", "one segment": parts[0], "two segments": parts[0] + "." + parts[1], "four segments": good + ".x",
		"JWE": good + ".x.y", "10,000 dots": strings.Repeat(".", 10_000), "5 MB": good + strings.Repeat("A", 5<<20),
		"leading space": " " + good, "line break inside": good[:20] + "\n" + good[20:], "padding": good + "=",
		"JSON serialization": `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"several signatures": `{"payload":"e30",` +
			`"signatures":[{"protected":"e30","signature":""},{"protected":"e30","signature":""}]}`,
	} {
		took, err := time.Hour, error(nil)
		for range 3 { // the fastest counts, whatever else the machine does
			start := time.Now()
			_, err = p.VerifyIDToken(t.Context(), raw, expect())
			took = min(took, time.Since(start))
		}
		if err == nil || took > 50*time.Millisecond {
			t.Errorf("%s: %v after %v", name, err, took)
			continue
		}
		code := map[string]string{"JWE": "encrypted", "5 MB": "too_large"}[name]
		if code == "" {
			code = "malformed"
		}
		wantBadToken(t, err, code)
	}
	if n := op.count(discoveryPath) + op.count(keysPath); n != 0 {
		t.Errorf("%d requests for tokens refused by their look", n)
	}
	for i := 0; i < len(parts[2])-1; i++ { // every character of the signature, and of some of the rest; case 79
		flipped := []byte(good)
		at := len(good) - 2 - i
		flipped[at] ^= 1
		if _, err := p.VerifyIDToken(t.Context(), string(flipped), expect()); err == nil {
			t.Errorf("accepted with character %d flipped", at)
		}
	}
	_, err := p.VerifyIDToken(t.Context(), parts[0]+"."+parts[1]+".", expect()) // case 75: no signature
	wantBadToken(t, err, "bad_signature")
}

// case 76: a public key is never a shared secret, not even if an operator allows HS256.
func TestHS256(t *testing.T) {
	key := newRSAKey(t, 2048)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	asJWK, _ := json.Marshal(jwk(&key.PublicKey, "k1"))
	payload, _ := json.Marshal(claims(nil))
	encode := base64.RawURLEncoding.EncodeToString
	for _, secret := range [][]byte{der, asJWK, []byte("s3cret")} {
		for _, algs := range [][]string{{"RS256"}, {"RS256", "HS256"}} {
			op := newOP(t)
			op.serve(keysPath,
				jsonAnswer(200,
					object{"keys": []any{jwk(&key.PublicKey, "k1"), object{"kty": "oct", "kid": "k1", "k": encode(secret)}}}))
			input := encode([]byte(`{"alg":"HS256","kid":"k1"}`)) + "." + encode(payload)
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(input))
			_, err := op.client(func(c *provider.Config) {
				c.SigningAlgs = algs
			}).VerifyIDToken(t.Context(), input+"."+encode(mac.Sum(nil)), expect())
			wantBadToken(t, err, map[int]string{1: "algorithm", 2: "bad_signature"}[len(algs)])
		}
	}
}

// RS256 is the default.
func TestDefaultAlgorithm(t *testing.T) {
	key := newRSAKey(t, 2048)
	op := newOP(t)
	op.serve(keysPath, jsonAnswer(200, object{"keys": []any{jwk(&key.PublicKey, "k1"), jwk(&op.key.PublicKey, "k1")}}))
	p := op.client(func(c *provider.Config) { c.SigningAlgs = nil })
	payload, _ := json.Marshal(claims(nil))
	if _, err := p.VerifyIDToken(t.Context(), sign(t, key, `{"alg":"RS256","kid":"k1"}`, string(payload)),
		expect()); err != nil {
		t.Error(err)
	}
	_, err := p.VerifyIDToken(t.Context(), op.token(claims(nil)), expect())
	wantBadToken(t, err, "algorithm")
}

// cases 89, 90, 97, 264; the leeway is a minute, times are seconds from now.
func TestIDTokenTimes(t *testing.T) {
	const hour = 3600
	tests := []struct {
		name   string
		times  map[string]int
		maxAge int
		code   string
	}{
		{"just not expired", map[string]int{"exp": -59}, -1, ""},
		{"expired", map[string]int{"exp": -60}, -1, "clock_skew"},
		{"iat a little ahead", map[string]int{"iat": 60}, -1, ""},
		{"iat ahead", map[string]int{"iat": 61}, -1, "clock_skew"},
		{"iat two hours ahead", map[string]int{"iat": 2 * hour, "exp": 3 * hour}, -1, "clock_skew"},
		{"iat two hours old", map[string]int{"iat": -2 * hour}, -1, ""},
		{"iat older", map[string]int{"iat": -2*hour - 1}, -1, "clock_skew"},
		{"nbf a little ahead", map[string]int{"nbf": 60}, -1, ""},
		{"nbf ahead", map[string]int{"nbf": 61}, -1, "clock_skew"},
		{"their clock a day ahead", map[string]int{"iat": 24 * hour, "exp": 25 * hour}, -1, "clock_skew"},
		{"their clock a day behind", map[string]int{"iat": -24 * hour, "exp": -23 * hour}, -1, "clock_skew"},
		{"their clock two minutes ahead", map[string]int{"iat": 120, "exp": 420}, -1, "clock_skew"},
		{"their clock thirty seconds ahead", map[string]int{"iat": 30, "exp": 330}, -1, ""},
		{"auth_time not asked for", nil, -1, ""},
		{"auth_time missing", nil, 600, "auth_time"},
		{"auth_time missing, any age will do", nil, 1<<31 - 1, "auth_time"},
		{"auth_time fresh", map[string]int{"auth_time": -660}, 600, ""},
		{"auth_time old", map[string]int{"auth_time": -661}, 600, "auth_time"},
		{"auth_time ahead", map[string]int{"auth_time": 61}, 600, "auth_time"},
		{"max_age 0", map[string]int{"auth_time": -61}, 0, "auth_time"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				op := newOP(t)
				change := object{}
				for name, offset := range test.times {
					change[name] = time.Now().Unix() + int64(offset)
				}
				_, err := op.client().VerifyIDToken(t.Context(), op.token(claims(change)),
					provider.Expect{Nonce: nonce, MaxAge: test.maxAge})
				if test.code == "" && err != nil {
					t.Error(err)
				} else if test.code != "" {
					wantBadToken(t, err, test.code)
				}
			})
		})
	}
	op := newOP(t)
	_, err := op.client().VerifyIDToken(t.Context(), op.token(claims(object{"auth_time": "1"})),
		provider.Expect{Nonce: nonce, MaxAge: 600})
	wantBadToken(t, err, "auth_time")
}

// The hash of at_hash depends on the algorithm of the token.
func TestAtHashUsesTheTokensAlgorithm(t *testing.T) {
	op := newOP(t)
	sum := sha512.Sum512([]byte("access"))
	token := op.token(claims(object{"at_hash": base64.RawURLEncoding.EncodeToString(sum[:32])}))
	_, err := op.client().VerifyIDToken(t.Context(), token,
		provider.Expect{Nonce: nonce, MaxAge: -1, AccessToken: "access"})
	wantBadToken(t, err, "at_hash_mismatch")
}

// go-oidc keeps only the text of a key-set error; the kind must survive.
func TestOutageIsNotAForgedToken(t *testing.T) {
	for path, script := range map[string]http.HandlerFunc{discoveryPath: textAnswer(503, "", ""),
		keysPath: textAnswer(503, "", "")} {
		op := newOP(t)
		op.serve(path, script)
		_, err := op.client().VerifyIDToken(t.Context(), op.token(maps.Clone(claims(nil))), expect())
		wantError(t, err, provider.Unavailable, "provider_status")
	}
}

// Case 86: an additional audience must be trusted, and a trusted one does not replace this client.
func TestTrustedAudiences(t *testing.T) {
	op := newOP(t)
	p := op.client(func(c *provider.Config) { c.TrustedAudiences = []string{"project"} })
	for _, test := range []struct {
		change object
		code   string // "": accepted
	}{
		{object{"aud": []string{"project", clientID}, "azp": clientID}, ""},
		{object{"aud": []string{"project", clientID}, "azp": "project"}, "authorized_party"},
		{object{"aud": []string{"project", clientID, "other"}}, "audience"},
		{object{"aud": "project"}, "rejected"},
	} {
		_, err := p.VerifyIDToken(t.Context(), op.token(claims(test.change)), provider.Expect{Nonce: nonce, MaxAge: -1})
		if test.code != "" {
			wantBadToken(t, err, test.code)
		} else if err != nil {
			t.Errorf("%v: %v", test.change, err)
		}
	}
}

// TestAuthTimeAhead: the clock of the provider may be ahead by the tolerance only.
func TestAuthTimeAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		p, want := op.client(), provider.Expect{Nonce: nonce, MaxAge: 60}
		for ahead, code := range map[int64]string{0: "", 60: "", 61: "auth_time"} {
			token := op.token(claims(object{"auth_time": time.Now().Unix() + ahead}))
			if _, err := p.VerifyIDToken(t.Context(), token, want); code != "" {
				wantBadToken(t, err, code)
			} else if err != nil {
				t.Errorf("%d s ahead: %v", ahead, err)
			}
		}
	})
}
