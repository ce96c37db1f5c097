package provider_test

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const (
	api          = "https://api.example"
	accessHeader = `{"alg":"ES256","kid":"k1","typ":"at+jwt"}`
)

// accessClaims of a good access token, changed; a nil value removes.
func accessClaims(change object) object {
	now := time.Now().Unix()
	return merge(object{
		"iss": issuer, "aud": api, "sub": "alice", "client_id": "spa", "jti": "t1", "scope": "read write",
		"iat": now, "exp": now + 300,
	}, change)
}

// accessToken signs claims under a header, as op would.
func (op *scriptedOP) accessToken(header string, claims object) string {
	op.t.Helper()
	return sign(op.t, op.key, header, string(must(json.Marshal(claims))))
}

// accepting makes a client that accepts access tokens.
func accepting(change ...func(*provider.AccessTokenConfig)) func(*provider.Config) {
	return func(c *provider.Config) {
		c.AccessTokens.Audience = api
		for _, change := range change {
			change(&c.AccessTokens)
		}
	}
}

// wantRefusal checks the code of a bad access token, and that the reasons a client wants to tell apart can be told.
func wantRefusal(t *testing.T, err error, code string) {
	t.Helper()
	wantBadToken(t, err, code)
	for sentinel, of := range map[error]string{
		provider.ErrExpiredToken: "expired", provider.ErrWrongAudience: "audience", provider.ErrIssuerMismatch: "issuer",
	} {
		if errors.Is(err, sentinel) != (code == of) {
			t.Errorf("errors.Is(%v, %v) = %t", err, sentinel, code != of)
		}
	}
}

// Every row is signed properly: only the claims are at fault. Case 371.
func TestAccessTokenClaims(t *testing.T) {
	long := strings.Repeat("a", 255)
	null := json.RawMessage("null")
	thumbprint := strings.Repeat("A", 43)
	tests := []struct {
		name   string
		change object
		code   string // "": accepted
	}{
		{"plain", nil, ""},
		{"a list of one audience", object{"aud": []string{api}}, ""},
		{"several audiences", object{"aud": []string{"https://other.example", api}}, ""},
		{"scope a list", object{"scope": []string{"read", "write"}}, ""},
		{"azp for client_id", object{"client_id": nil, "azp": "spa"}, ""},
		{"azp and client_id", object{"azp": "spa"}, ""},
		{"azp null", object{"azp": null, "nbf": null, "cnf": null}, ""},
		{"longest names", object{"sub": long, "jti": long, "client_id": long[1:] + "b"}, ""},
		{"nonce in other case is no nonce", object{"Nonce": "n"}, ""},

		{"another audience", object{"aud": "https://other.example"}, "audience"}, // case 85
		{"the client as audience", object{"aud": clientID}, "audience"},          // case 85
		{"no audience", object{"aud": nil}, "audience"},                          // case 85
		{"audience without a name", object{"aud": nil, "": api}, "audience"},
		{"audience null", object{"aud": null}, "audience"},                                          // case 85
		{"audience empty", object{"aud": []string{}}, "audience"},                                   // case 85
		{"audience with a slash", object{"aud": api + "/"}, "audience"},                             // case 85
		{"audience in other case", object{"aud": strings.ToUpper(api)}, "audience"},                 // case 85
		{"audience an object", object{"aud": object{api: true}}, "audience"},                        // case 85
		{"audience in a list in a list", object{"aud": []any{[]string{api}, object{}}}, "audience"}, // case 85
		{"audiences in one text", object{"aud": "https://other.example " + api}, "audience"},        // case 85
		{"issuer", object{"iss": "https://other.example"}, "issuer"},                                // case 84
		{"issuer with a slash", object{"iss": issuer + "/"}, "issuer"},                              // case 84
		{"no issuer", object{"iss": nil}, "issuer"},                                                 // case 84
		{"issuer in a list", object{"iss": []string{issuer}}, "issuer"},                             // case 84
		{"an ID token's nonce", object{"nonce": "n"}, "wrong_kind"},
		{"nonce null", object{"nonce": null}, "wrong_kind"},
		{"at_hash", object{"at_hash": "AAAA"}, "wrong_kind"},
		{"c_hash", object{"c_hash": "AAAA"}, "wrong_kind"},
		{"s_hash", object{"s_hash": "AAAA"}, "wrong_kind"},
		{"a logout token's events", object{"events": object{logoutEvent: object{}}}, "wrong_kind"},
		{"no subject", object{"sub": nil}, "subject"},                              // case 87
		{"subject empty", object{"sub": ""}, "subject"},                            // case 87
		{"subject a number", object{"sub": 7}, "subject"},                          // case 87
		{"subject too long", object{"sub": long + "a"}, "subject"},                 // case 87
		{"subject of two lines", object{"sub": "a\nb"}, "subject"},                 // case 87
		{"subject by another name", object{"sub": nil, "SUB": "alice"}, "subject"}, // case 95
		{"no client", object{"client_id": nil}, "client"},
		{"client empty", object{"client_id": ""}, "client"},
		{"client a number", object{"client_id": 7}, "client"},
		{"client too long", object{"client_id": long + "a"}, "client"},
		{"client of two lines", object{"client_id": "a\nb"}, "client"},
		{"two clients", object{"azp": "other"}, "client"},
		{"azp a number", object{"azp": 7}, "client"},
		{"no jti", object{"jti": nil}, "jti"},
		{"jti empty", object{"jti": ""}, "jti"},
		{"jti a number", object{"jti": 7}, "jti"},
		{"jti too long", object{"jti": long + "a"}, "jti"},
		{"scope a number", object{"scope": 7}, "scope"},
		{"scope a list of numbers", object{"scope": []int{7}}, "scope"},
		{"no exp", object{"exp": nil}, "bad_time"},
		{"exp null", object{"exp": null}, "bad_time"},
		{"exp a string", object{"exp": "9999999999"}, "bad_time"},
		{"exp beyond years", object{"exp": 1e300}, "bad_time"}, // case 266
		{"no iat", object{"iat": nil}, "bad_time"},             // case 89
		{"iat a string", object{"iat": "1"}, "bad_time"},
		{"nbf a string", object{"nbf": "1"}, "bad_time"},
		{"cnf a string", object{"cnf": "x"}, "confirmation"},
		{"cnf empty", object{"cnf": object{}}, "confirmation"},
		{"cnf of another way", object{"cnf": object{"kid": thumbprint}}, "confirmation"},
		{"cnf of another way as well", object{"cnf": object{"jkt": thumbprint, "jwk": object{}}}, "confirmation"},
		{"cnf of another way that looks alike", object{"cnf": object{"jkt": thumbprint, "kid": thumbprint}}, "confirmation"},
		{"cnf with a short thumbprint", object{"cnf": object{"jkt": thumbprint[1:]}}, "confirmation"},
		{"cnf with a long thumbprint", object{"cnf": object{"jkt": thumbprint + "A"}}, "confirmation"},
		{"cnf with loose bits", object{"cnf": object{"jkt": thumbprint[1:] + "B"}}, "confirmation"},
		{"cnf with an empty thumbprint", object{"cnf": object{"x5t#S256": ""}}, "confirmation"},
		{"cnf with a number", object{"cnf": object{"x5t#S256": 7}}, "confirmation"},
		{"over 16 KiB", object{"pad": strings.Repeat("a", 12<<10)}, "too_large"}, // case 96
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			claims := accessClaims(test.change)
			got, err := op.client(accepting()).VerifyAccessToken(t.Context(), op.accessToken(accessHeader, claims))
			if test.code != "" {
				wantRefusal(t, err, test.code)
				if n := op.count(keysPath); got != nil || n != 0 {
					t.Errorf("got %+v with the error, after %d key requests", got, n)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			client := claims["client_id"]
			if client == nil {
				client = claims["azp"]
			}
			if got.Subject != claims["sub"] || got.ClientID != client || got.ID != claims["jti"] || got.Machine ||
				got.Bound() || fmt.Sprint(got.Scopes) != "[read write]" || got.Expires.Unix() != claims["exp"] ||
				got.Claims["iss"] != issuer {
				t.Errorf("got %+v of %v", got, claims)
			}
		})
	}
}

// What a token says of its user, its client and its keys reaches the caller.
func TestAccessTokenResult(t *testing.T) {
	const granted = "[read write]"
	jkt, x5t := strings.Repeat("A", 43), strings.Repeat("E", 43)
	cnf := func(members object) object { return object{"cnf": members} }
	for name, test := range map[string]struct {
		change  object
		machine bool
		bound   provider.Confirmation
		scopes  string
	}{
		"a user's":   {scopes: granted},
		"a client's": {change: object{"sub": "spa", "scope": nil}, machine: true, scopes: "[]"},
		"DPoP":       {cnf(object{"jkt": jkt}), false, provider.Confirmation{JKT: jkt}, granted},
		"mutual TLS": {cnf(object{"x5t#S256": x5t}), false, provider.Confirmation{X5TS256: x5t}, granted},
		"both": {
			cnf(object{"jkt": jkt, "x5t#S256": x5t}), false, provider.Confirmation{JKT: jkt, X5TS256: x5t}, granted,
		},
		"scopes with gaps": {change: object{"scope": "  read\twrite  read"}, scopes: "[read write read]"},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			p, token := op.client(accepting()), op.accessToken(accessHeader, accessClaims(test.change))
			for _, when := range []string{"first", "cached"} {
				got, err := p.VerifyAccessToken(t.Context(), token)
				if err != nil {
					t.Fatal(when, err)
				}
				if got.Machine != test.machine || got.Confirmation != test.bound || fmt.Sprint(got.Scopes) != test.scopes ||
					got.Bound() != (test.bound != provider.Confirmation{}) {
					t.Errorf("%s: %+v", when, got)
				}
			}
		})
	}
}

// Case 372.
func TestAccessTokenHeader(t *testing.T) {
	stranger := newKey(t)
	embedded := string(must(json.Marshal(jwk(&stranger.PublicKey, "k1"))))
	plain := `"alg":"ES256","kid":"k1","typ":"at+jwt"`
	tests := []struct {
		name, header string
		key          *ecdsa.PrivateKey // nil: the provider's
		code         string            // "": accepted
	}{
		{"at+jwt", accessHeader, nil, ""},
		{"long form in mixed case", `{"alg":"ES256","kid":"k1","typ":"Application/AT+JWT"}`, nil, ""},
		{"no kid", `{"alg":"ES256","typ":"at+jwt"}`, nil, ""}, // case 82
		{"jwk is not used", `{` + plain + `,"jwk":` + embedded + `}`, nil, ""},
		{"jku is not used", `{` + plain + `,"jku":"https://op.example/elsewhere"}`, nil, ""},

		{"typ JWT", `{"alg":"ES256","kid":"k1","typ":"JWT"}`, nil, "wrong_type"},
		{"typ absent", `{"alg":"ES256","kid":"k1"}`, nil, "wrong_type"},
		{"typ logout+jwt", `{"alg":"ES256","kid":"k1","typ":"logout+jwt"}`, nil, "wrong_type"},
		{"typ of an answer", `{"alg":"ES256","kid":"k1","typ":"token-introspection+jwt"}`, nil, "wrong_type"},
		{"typ of a response", `{"alg":"ES256","kid":"k1","typ":"oauth-authz-resp+jwt"}`, nil, "wrong_type"},
		{"typ of a proof", `{"alg":"ES256","kid":"k1","typ":"dpop+jwt"}`, nil, "wrong_type"},
		{"typ empty", `{"alg":"ES256","kid":"k1","typ":""}`, nil, "wrong_type"},
		{"typ null", `{"alg":"ES256","kid":"k1","typ":null}`, nil, "wrong_type"},
		{"typ a list", `{"alg":"ES256","kid":"k1","typ":["at+jwt"]}`, nil, "wrong_type"},
		{"typ by another name", `{"alg":"ES256","kid":"k1","TYP":"at+jwt"}`, nil, "wrong_type"}, // case 95
		{"typ twice", `{` + plain + `,"typ":"at+jwt"}`, nil, "malformed"},                       // case 94
		{"alg twins", `{` + plain + `,"ALG":"none"}`, nil, "malformed"},                         // case 95

		{"alg none", `{"alg":"none","typ":"at+jwt"}`, nil, "algorithm"},                           // case 75
		{"alg None", `{"alg":"None","typ":"at+jwt"}`, nil, "algorithm"},                           // case 75
		{"alg missing", `{"kid":"k1","typ":"at+jwt"}`, nil, "algorithm"},                          // case 75
		{"alg HS256", `{"alg":"HS256","kid":"k1","typ":"at+jwt"}`, nil, "algorithm"},              // case 76
		{"alg that is not pinned", `{"alg":"RS256","kid":"k1","typ":"at+jwt"}`, nil, "algorithm"}, // case 77
		{"crit", `{` + plain + `,"crit":["x"],"x":1}`, nil, "critical_header"},                    // case 81
		{"crit null", `{` + plain + `,"crit":null}`, nil, "critical_header"},                      // case 81
		{"b64 false", `{` + plain + `,"b64":false}`, nil, "unencoded_payload"},                    // case 81

		{"jwk", `{` + plain + `,"jwk":` + embedded + `}`, stranger, "bad_signature"},               // case 80
		{"jku", `{` + plain + `,"jku":"https://op.example/elsewhere"}`, stranger, "bad_signature"}, // case 80
		{"x5u", `{` + plain + `,"x5u":"https://op.example/elsewhere"}`, stranger, "bad_signature"}, // case 80
		{"x5c", `{` + plain + `,"x5c":["AAAA"]}`, stranger, "malformed"},                           // case 80
		{"unknown kid", `{"alg":"ES256","kid":"k2","typ":"at+jwt"}`, nil, "bad_signature"},         // case 119
		{"another key under a known kid", accessHeader, stranger, "bad_signature"},                 // case 119
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			key := op.key
			if test.key != nil {
				key = test.key
			}
			token := sign(t, key, test.header, string(must(json.Marshal(accessClaims(nil)))))
			got, err := op.client(accepting()).VerifyAccessToken(t.Context(), token)
			if test.code != "" {
				wantRefusal(t, err, test.code)
			} else if err != nil || got.Subject != "alice" {
				t.Errorf("got %+v, %v", got, err)
			}
			if n := op.count(string(fakeop.Elsewhere)); n != 0 {
				t.Errorf("%d calls to an address in the header", n)
			}
		})
	}
}

// The tolerance is a minute, times are seconds from now. A token that has expired is told from clocks that differ. Case
// 377.
func TestAccessTokenTimes(t *testing.T) {
	for name, test := range map[string]struct {
		iat, exp, nbf float64
		code          string
	}{
		"good":               {iat: 0, exp: 300},
		"long ago":           {iat: -1e6, exp: 1},
		"for years":          {iat: 0, exp: 1e9},
		"just not expired":   {iat: -300, exp: -59},
		"expired":            {iat: -300, exp: -60, code: "expired"},
		"expired long ago":   {iat: -1e6, exp: -1e5, code: "expired"},
		"a little ahead":     {iat: 60, exp: 300},
		"ahead":              {iat: 61, exp: 300, code: "clock_skew"}, // case 89
		"nbf a little ahead": {iat: 0, exp: 300, nbf: 60},
		"nbf ahead":          {iat: 0, exp: 300, nbf: 61, code: "clock_skew"}, // case 90
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				op, now := newOP(t), float64(time.Now().Unix())
				times := object{"iat": now + test.iat, "exp": now + test.exp, "nbf": now + test.nbf}
				token := op.accessToken(accessHeader, accessClaims(times))
				_, err := op.client(accepting()).VerifyAccessToken(t.Context(), token)
				if test.code != "" {
					wantRefusal(t, err, test.code)
				} else if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Without an audience no token is accepted, not even one that names none; nor by a profile that does not exist.
func TestAccessTokensOff(t *testing.T) {
	for name, cfg := range map[string]provider.AccessTokenConfig{
		"no settings":     {},
		"no audience":     {Profile: provider.ProfileKeycloak, Introspection: provider.IntrospectionJSON},
		"unknown profile": {Audience: api, Profile: "other", Introspection: provider.IntrospectionJSON},
	} {
		op := newOP(t)
		p := op.client(func(c *provider.Config) { c.AccessTokens = cfg })
		for _, change := range []object{nil, {"aud": ""}, {"aud": nil}} {
			for _, token := range []string{op.accessToken(accessHeader, accessClaims(change)), "opaque"} {
				got, err := p.CheckAccessToken(t.Context(), token)
				if wantError(t, err, provider.Misconfigured, "not_accepted"); got != nil {
					t.Errorf("%s: %+v", name, got)
				}
			}
		}
		if n := op.count(discoveryPath); n != 0 {
			t.Errorf("%s: %d calls", name, n)
		}
	}
}

// accessGarbage is what needs no key to be refused: the codes of it, each with texts that have it.
func accessGarbage(t testing.TB, op *scriptedOP) map[string][]string {
	good := string(must(json.Marshal(accessClaims(nil))))
	token := sign(t, op.key, accessHeader, good)
	parts := strings.Split(token, ".")
	with := func(member string) string { return sign(t, op.key, accessHeader, good[:len(good)-1]+","+member+"}") }
	return map[string][]string{
		"too_large": { // case 96
			strings.Repeat("a", 16<<10+1), strings.Repeat(".", 1<<20), with(`"pad":"` + strings.Repeat("a", 1<<20) + `"`),
		},
		"malformed": { // case 79
			"", "..", "a.b", "not a token", strings.Repeat(".", 16<<10), parts[0] + "." + parts[1], token + ".",
			token + "=", " " + token, token + "\n", parts[0] + "." + parts[1] + "!." + parts[2],
			parts[1][1:] + "." + parts[1] + "." + parts[2],
			`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
			sign(t, op.key, `[]`, good),
		},
		"encrypted": {"a.b.c.d.e"}, // case 79
		"bad_payload": {
			parts[0] + ".." + parts[2], sign(t, op.key, accessHeader, "null"), sign(t, op.key, accessHeader, good+"{}"),
			with(`"sub":"admin"`), with(`"\u0073ub":"admin"`), with(`"a":[{"b":1,"b":2}]`), // case 94
			with(`"SUB":"admin"`), with(`"\u017fub":"admin"`), with(`"Scope":"admin"`), // case 95
			with(`"a":` + strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000)), // case 96
			with("\"a\":\"\xff\""),
		},
		"wrong_type": {
			op.token(claims(object{"aud": api})), op.logoutToken(logoutHeader, logoutClaims(object{"aud": api})),
		},
	}
}

// Garbage costs no cryptography and no fetch, for there is not even a key to try; and it is not remembered. Case 375.
func TestGarbageAccessTokens(t *testing.T) {
	op := newOP(t)
	p := op.client(accepting())
	for code, texts := range accessGarbage(t, op) {
		for _, raw := range texts {
			_, err := p.VerifyAccessToken(t.Context(), raw)
			wantRefusal(t, err, code)
		}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 100_000 {
		if _, err := p.CheckAccessToken(t.Context(), fmt.Sprintf("eyJ%d.e30.AA", i)); err == nil {
			t.Fatal("accepted garbage")
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 || p.AccessTokenCache().Entries != 0 {
		t.Errorf("%d bytes and %+v are left", grown, p.AccessTokenCache())
	}
	if n := op.count(discoveryPath) + op.count(keysPath); n != 0 {
		t.Errorf("%d calls to the provider", n)
	}
}

// Signatures that are none, and parts of two tokens put together.
func TestAccessTokenMix(t *testing.T) {
	op := newOP(t)
	p := op.client(accepting())
	one := strings.Split(op.accessToken(accessHeader, accessClaims(nil)), ".")
	other := strings.Split(op.accessToken(accessHeader, accessClaims(object{"sub": "admin"})), ".")
	if _, err := p.VerifyAccessToken(t.Context(), strings.Join(one, ".")); err != nil {
		t.Fatal(err) // from here on there are keys, and a token in the cache
	}
	for name, raw := range map[string]string{
		"payload": one[0] + "." + other[1] + "." + one[2], "no signature": one[0] + "." + one[1] + ".",
		"half a signature":     one[0] + "." + one[1] + "." + one[2][:43],
		"signature twice":      one[0] + "." + one[1] + "." + one[2] + one[2],
		"signature of another": one[0] + "." + one[1] + "." + other[2],
	} {
		if _, err := p.VerifyAccessToken(t.Context(), raw); !errors.Is(err, provider.ErrInvalidToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every bad token of the test provider is refused, by the profile of RFC 9068 and by those of which the token is not.
// Cases 370, 372, 373, 376.
func TestBadAccessTokens(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		idp, err := fakeop.New(fakeop.Config{Issuer: issuer, ClientID: clientID, SigningAlg: alg})
		if err != nil {
			t.Fatal(err)
		}
		bad, err := idp.BadAccessTokens("alice", api)
		if err != nil {
			t.Fatal(err)
		}
		for _, profile := range provider.AccessTokenProfiles() {
			p := provider.New(provider.Config{
				Issuer: issuer, ClientID: clientID, ClientSecret: "secret", AuthMethod: "client_secret_basic",
				SigningAlgs: []string{alg}, ClockTolerance: time.Minute, Transport: idp.Transport(),
				AccessTokens: provider.AccessTokenConfig{Audience: api, Profile: profile},
			})
			if profile == provider.ProfileRFC9068 {
				good, err := idp.AccessToken("alice", api, "read")
				if err != nil {
					t.Fatal(err)
				}
				if got, err := p.VerifyAccessToken(t.Context(), good); err != nil || got.Subject != "alice" {
					t.Errorf("%+v, %v", got, err)
				}
			}
			for name, token := range bad {
				if profile == provider.ProfileAuth0 && (name == "no jti" || name == "typ JWT") {
					continue // as its tokens are
				}
				if got, err := p.CheckAccessToken(t.Context(), token); !errors.Is(err, provider.ErrInvalidToken) {
					t.Errorf("%s, %s, %s: %+v, %v", alg, profile, name, got, err)
				}
			}
		}
		if n := idp.Count(fakeop.Elsewhere); n != 0 {
			t.Errorf("%d calls elsewhere", n)
		}
	}
}

// cases 119, 256: 200 tokens under unknown keys force one key fetch a minute, and good tokens go on. Case 374.
func TestForgedAccessTokensStarveNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		p := op.client(accepting())
		good := op.accessToken(accessHeader, accessClaims(object{"exp": time.Now().Unix() + 3600}))
		var callers sync.WaitGroup
		attack := func() {
			for i := range 200 {
				forged := op.accessToken(fmt.Sprintf(`{"alg":"ES256","kid":"x%d","typ":"at+jwt"}`, i), accessClaims(nil))
				callers.Go(func() {
					_, err := p.VerifyAccessToken(t.Context(), forged)
					wantRefusal(t, err, "bad_signature")
				})
				callers.Go(func() {
					if _, err := p.VerifyAccessToken(t.Context(), good); err != nil {
						t.Error("the good one:", err)
					}
				})
			}
			callers.Wait()
		}
		for round := range 3 {
			attack()
			if n := op.count(keysPath); n != 2+round {
				t.Errorf("%d key requests, want %d", n, 2+round)
			}
			time.Sleep(time.Minute)
		}
		// A sign-in under a new key still has a fetch of its own when the attack has used up its.
		attack()
		op.key = newKey(t)
		op.serve(keysPath, jsonAnswer(200, object{"keys": []any{jwk(&op.key.PublicKey, "k2")}}))
		idToken := sign(t, op.key, `{"alg":"ES256","kid":"k2"}`, string(must(json.Marshal(claims(nil)))))
		if _, err := p.VerifyIDToken(t.Context(), idToken, expect()); err != nil {
			t.Error("the sign-in:", err)
		}
	})
}

// case 256: a new key is good at once, and the old one no longer, not even for tokens seen before.
func TestAccessTokenUnderANewKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		p := op.client(accepting())
		old := op.accessToken(accessHeader, accessClaims(object{"exp": time.Now().Unix() + 1e5}))
		verify := func(token string) error { _, err := p.VerifyAccessToken(t.Context(), token); return err }
		for range 2 {
			if err := verify(old); err != nil {
				t.Fatal(err)
			}
		}
		op.key = newKey(t)
		op.serve(keysPath, jsonAnswer(200, object{"keys": []any{jwk(&op.key.PublicKey, "k2")}}))
		later := accessClaims(object{"exp": time.Now().Unix() + 1e5})
		fresh := op.accessToken(`{"alg":"ES256","kid":"k2","typ":"at+jwt"}`, later)
		if err := verify(fresh); err != nil {
			t.Error("the new key:", err)
		}
		wantRefusal(t, verify(old), "bad_signature")
	})
}

// case 259: a key that is withdrawn without a new one ends what was remembered within the hour, though nobody brings
// a new token. Case 377.
func TestWithdrawnKeyEndsRememberedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		p := op.client(accepting())
		token := op.accessToken(accessHeader, accessClaims(object{"exp": time.Now().Unix() + 1e6}))
		if _, err := p.VerifyAccessToken(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		op.serve(keysPath, jsonAnswer(200, object{"keys": []any{jwk(&newKey(t).PublicKey, "k2")}}))
		time.Sleep(time.Hour)
		_, _ = p.VerifyAccessToken(t.Context(), token) // has the keys fetched, in the background
		synctest.Wait()
		_, err := p.VerifyAccessToken(t.Context(), token)
		wantRefusal(t, err, "bad_signature")
	})
}

// case 120: while the provider is away, known keys stay good, and nothing is said against a token of unknown ones. Case
// 379.
func TestAccessTokenDuringOutage(t *testing.T) {
	for _, path := range []string{discoveryPath, keysPath} {
		op := newOP(t)
		p := op.client(accepting())
		token := op.accessToken(accessHeader, accessClaims(nil))
		op.serve(path, textAnswer(http.StatusServiceUnavailable, "", ""))
		_, err := p.CheckAccessToken(t.Context(), token)
		if wantError(t, err, provider.Unavailable, "provider_status"); errors.Is(err, provider.ErrInvalidToken) {
			t.Errorf("the outage passes for a bad token: %v", err)
		}
		_, err = p.CheckAccessToken(t.Context(), op.accessToken(accessHeader, accessClaims(object{"aud": "x"})))
		wantRefusal(t, err, "audience") // which needs no provider
	}
	op := newOP(t)
	p := op.client(accepting())
	known := op.accessToken(accessHeader, accessClaims(nil))
	if _, err := p.CheckAccessToken(t.Context(), known); err != nil {
		t.Fatal(err)
	}
	op.serve(keysPath, textAnswer(http.StatusServiceUnavailable, "", ""))
	for _, token := range []string{known, op.accessToken(accessHeader, accessClaims(object{"jti": "t2"}))} {
		if _, err := p.CheckAccessToken(t.Context(), token); err != nil {
			t.Error(err)
		}
	}
	unknown := op.accessToken(`{"alg":"ES256","kid":"k2","typ":"at+jwt"}`, accessClaims(nil))
	_, err := p.CheckAccessToken(t.Context(), unknown)
	wantError(t, err, provider.Unavailable, "provider_status")
}

// A token that was seen before expires like any other. Case 377.
func TestRememberedTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		p := op.client(accepting())
		token := op.accessToken(accessHeader, accessClaims(nil)) // for five minutes, and one of tolerance
		for _, after := range []time.Duration{0, 5*time.Minute - 1, 1, time.Minute - 1} {
			time.Sleep(after)
			if _, err := p.VerifyAccessToken(t.Context(), token); err != nil {
				t.Fatal(err)
			}
		}
		if got := p.AccessTokenCache(); got.Hits != 1 || got.Misses != 3 {
			t.Errorf("%+v: beyond exp each is verified", got)
		}
		time.Sleep(time.Nanosecond)
		_, err := p.VerifyAccessToken(t.Context(), token)
		wantRefusal(t, err, "expired")
	})
}

// However slow the provider is, all of it together takes ten seconds at most.
func TestAccessTokenIsJudgedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		op.serve(discoveryPath, slow(4*time.Second, jsonAnswer(200, metadata(nil))))
		op.serve(keysPath, slow(4*time.Second, jsonAnswer(200, object{"keys": []any{jwk(&op.key.PublicKey, "k1")}})))
		p, began := op.client(accepting()), time.Now()
		unknown := op.accessToken(`{"alg":"ES256","kid":"k2","typ":"at+jwt"}`, accessClaims(nil))
		_, err := p.VerifyAccessToken(t.Context(), unknown)
		wantError(t, err, provider.Unavailable, "gave_up")
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("%v", took)
		}
		time.Sleep(10 * time.Second)
	})
}

// A request that ends while the keys are fetched says nothing against its token.
func TestAccessTokenOfALeavingClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		op.serve(keysPath, slow(3*time.Second, jsonAnswer(200, object{"keys": []any{jwk(&op.key.PublicKey, "k1")}})))
		p := op.client(accepting())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := p.VerifyAccessToken(ctx, op.accessToken(accessHeader, accessClaims(nil)))
		wantError(t, err, provider.Unavailable, "gave_up")
		time.Sleep(5 * time.Second)
	})
}

// No log line and no error has a token. Case 384.
func TestAccessTokensStayOutOfTheLog(t *testing.T) {
	op, logs := newOP(t), &logBuffer{}
	p := op.client(accepting(), func(c *provider.Config) { c.Logger = slog.New(slog.NewTextHandler(logs, nil)) })
	for _, texts := range accessGarbage(t, op) {
		for _, raw := range texts {
			_, err := p.CheckAccessToken(t.Context(), raw)
			for _, part := range strings.Split(raw, ".") {
				if len(part) > 20 && (strings.Contains(err.Error(), part) || strings.Contains(logs.String(), part)) {
					t.Errorf("%q has a part of the token; or the log: %s", err, logs)
				}
			}
		}
	}
}

// TestDerive: what is made of a token is made once, and so is the error.
func TestDerive(t *testing.T) {
	failed := errors.New("no user")
	for _, want := range []error{nil, failed} {
		token, made := &provider.AccessToken{Subject: "alice"}, 0
		for range 2 {
			got, err := token.Derive(func(from *provider.AccessToken) (any, error) {
				made++
				return from.Subject, want
			})
			if got != "alice" || err != want {
				t.Errorf("%v, %v", got, err)
			}
		}
		if made != 1 {
			t.Errorf("made %d times", made)
		}
	}
}
