package provider_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const boundAnswer = `{"access_token":"at","token_type":"DPoP","id_token":"x.y.z"}`

func dpop(c *provider.Config) { c.DPoP = true }

// proof checks the one proof of a request, as a server would, and returns its claims with the key as "jwk".
func proof(t *testing.T, r *http.Request) object {
	t.Helper()
	values := r.Header.Values("DPoP")
	if len(values) != 1 {
		t.Fatalf("%d proofs", len(values))
	}
	jws, err := jose.ParseSignedCompact(values[0], []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	encoded, _, _ := strings.Cut(values[0], ".")
	text, _ := base64.RawURLEncoding.DecodeString(encoded)
	var header, claims object
	if err := json.Unmarshal(text, &header); err != nil || len(header) != 3 || header["typ"] != "dpop+jwt" {
		t.Fatalf("header %s", text)
	}
	key, _ := header["jwk"].(object)
	if members := slices.Sorted(maps.Keys(key)); fmt.Sprint(members) != "[crv kty x y]" || key["crv"] != "P-256" {
		t.Errorf("the key has %v", members) // d would give the key away
	}
	payload, err := jws.Verify(jws.Signatures[0].Protected.JSONWebKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	claims["jwk"] = key
	return claims
}

// nonceWanted is the error that asks for a nonce, from a token endpoint (400) or a resource server (401).
func nonceWanted(status int, nonce string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("DPoP-Nonce", nonce)
		if status == 401 {
			w.Header().Set("WWW-Authenticate", `Bearer, DPoP error="use_dpop_nonce", algs="ES256"`)
		}
		jsonAnswer(status, object{"error": "use_dpop_nonce"})(w, r)
	}
}

// Each request has a proof by the key of its sign-in, for that request only (RFC 9449 section 4.2).
func TestProofs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		op.serve(discoveryPath,
			document(object{"token_endpoint": issuer + tokenPath + "?tenant=x",
				"userinfo_endpoint": issuer + userinfoPath + "?y"}))
		var seen []object
		note := func(script http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				seen = append(seen, proof(t, r))
				if a := r.Header.Get("Authorization"); r.URL.Path == userinfoPath && a != "DPoP at" {
					t.Errorf("the token is sent as %q", a)
				}
				script(w, r)
			}
		}
		op.serve(tokenPath, note(textAnswer(200, "application/json", boundAnswer)))
		op.serve(userinfoPath, note(jsonAnswer(200, object{"sub": "alice"})))
		p := op.client(dpop)
		for range 2 {
			tokens, err := p.Exchange(t.Context(), "c", "v")
			if err != nil || tokens.TokenType != "DPoP" {
				t.Fatalf("%+v, %v", tokens, err)
			}
			time.Sleep(time.Minute)
			if _, err := p.UserInfo(t.Context(), tokens, "alice"); err != nil {
				t.Fatal(err)
			}
		}
		sum := sha256.Sum256([]byte("at"))
		now, jtis := time.Now().Unix(), map[any]bool{}
		for i, claims := range seen {
			want := object{"htm": "POST", "htu": issuer + tokenPath, "iat": float64(now - 120)}
			if i%2 == 1 {
				want = object{"htm": "GET", "htu": issuer + userinfoPath, "iat": float64(now - 60),
					"ath": base64.RawURLEncoding.EncodeToString(sum[:])}
			}
			if i > 1 {
				want["iat"] = want["iat"].(float64) + 60
			}
			jti, _ := claims["jti"].(string)
			if jtis[jti] = true; len(jti) < 22 {
				t.Errorf("jti %q", jti)
			}
			want["jti"], want["jwk"] = claims["jti"], claims["jwk"]
			if fmt.Sprint(claims) != fmt.Sprint(want) {
				t.Errorf("proof %d: got  %v\nwant %v", i, claims, want)
			}
		}
		key := func(i int) string { return fmt.Sprint(seen[i]["jwk"]) }
		if len(seen) != 4 || len(jtis) != 4 || key(0) != key(1) || key(2) != key(3) || key(0) == key(2) {
			t.Errorf("%d proofs, %d ids, keys %s %s", len(seen), len(jtis), key(0), key(2))
		}
	})
}

// A bearer token instead of a requested bound one is a downgrade; a bound one without DPoP was not requested.
func TestTokenTypeIsTheOneAskedFor(t *testing.T) {
	for _, test := range []struct {
		dpop   bool
		answer string
		ok     bool
	}{
		{true, "DPoP", true}, {true, "dpop", true}, {true, "Bearer", false}, {true, "", false}, {true, "N_A", false},
		{false, "Bearer", true}, {false, "DPoP", false},
	} {
		op := newOP(t)
		op.serve(tokenPath, func(w http.ResponseWriter, r *http.Request) {
			if r.Header["Dpop"] != nil != test.dpop {
				t.Errorf("DPoP %t, header %q", test.dpop, r.Header["Dpop"])
			}
			jsonAnswer(200, object{"access_token": "at", "token_type": test.answer, "id_token": "x.y.z"})(w, r)
		})
		tokens, err := op.client(func(c *provider.Config) { c.DPoP = test.dpop }).Exchange(t.Context(), "c", "v")
		switch {
		case !test.ok:
			wantError(t, err, provider.Invalid, "bad_token_type")
		case err != nil || !strings.EqualFold(tokens.TokenType, test.answer):
			t.Errorf("%q: %+v, %v", test.answer, tokens, err)
		}
	}
}

// case 67: a code is sent again only if the server asks for a nonce and provides one, and then once.
func TestNonceAtTheTokenEndpoint(t *testing.T) {
	odd := func(nonces ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Dpop-Nonce"] = nonces
			jsonAnswer(400, object{"error": "use_dpop_nonce"})(w, r)
		}
	}
	good := textAnswer(200, "application/json", boundAnswer)
	noted := func(script http.HandlerFunc) http.HandlerFunc { // with a nonce that nobody asked for
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("DPoP-Nonce", "n0")
			script(w, r)
		}
	}
	longest := strings.Repeat("n", 1024)
	tests := []struct {
		name    string
		scripts []http.HandlerFunc
		nonces  []any // of the proofs
		kind    provider.Kind
		code    string
	}{
		{"none wanted", []http.HandlerFunc{good}, []any{nil}, 0, ""},
		{"wanted", []http.HandlerFunc{nonceWanted(400, "n1"), good}, []any{nil, "n1"}, 0, ""},
		{"longest", []http.HandlerFunc{nonceWanted(400, longest), good}, []any{nil, longest}, 0, ""},
		{"never content", []http.HandlerFunc{nonceWanted(400, "n1"), nonceWanted(400, "n2")}, []any{nil, "n1"},
			provider.Invalid, "use_dpop_nonce"},
		{"then refused", []http.HandlerFunc{nonceWanted(400, "n1"), jsonAnswer(400, object{"error": "invalid_grant"})},
			[]any{nil, "n1"}, provider.Refused, "invalid_grant"},
		{"then down", []http.HandlerFunc{nonceWanted(400, "n1"), textAnswer(503, "", "")}, []any{nil, "n1"}, // case 66
			provider.Unavailable, "provider_status"},
		{"without one", []http.HandlerFunc{odd()}, []any{nil}, provider.Invalid, "use_dpop_nonce"},
		{"two at once", []http.HandlerFunc{odd("n1", "n2")}, []any{nil}, provider.Invalid, "use_dpop_nonce"},
		{"empty", []http.HandlerFunc{odd("")}, []any{nil}, provider.Invalid, "use_dpop_nonce"},
		{"with a space", []http.HandlerFunc{odd("n 1")}, []any{nil}, provider.Invalid, "use_dpop_nonce"},
		{"with a quote", []http.HandlerFunc{odd(`n"1`)}, []any{nil}, provider.Invalid, "use_dpop_nonce"},
		{"with a backslash", []http.HandlerFunc{odd(`n\1`)}, []any{nil}, provider.Invalid, "use_dpop_nonce"},
		{"not ASCII", []http.HandlerFunc{odd("é")}, []any{nil}, provider.Invalid, "use_dpop_nonce"},
		{"too long", []http.HandlerFunc{odd(longest + "n")}, []any{nil}, provider.Invalid, "use_dpop_nonce"},
		{"with another error", []http.HandlerFunc{noted(jsonAnswer(400, object{"error": "invalid_dpop_proof"}))}, []any{nil},
			provider.Invalid, "invalid_dpop_proof"},
		{"with another status", []http.HandlerFunc{noted(jsonAnswer(403, object{"error": "use_dpop_nonce"}))}, []any{nil},
			provider.Invalid, "provider_status"},
		{"with 503", []http.HandlerFunc{noted(jsonAnswer(503, object{"error": "use_dpop_nonce"}))}, []any{nil},
			provider.Unavailable, "provider_status"},
		{"in no JSON", []http.HandlerFunc{noted(textAnswer(400, "text/html", "use_dpop_nonce"))}, []any{nil},
			provider.Invalid, "provider_status"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			var nonces []any
			jtis, forms := map[any]bool{}, map[string]bool{}
			op.serve(tokenPath, func(w http.ResponseWriter, r *http.Request) {
				claims := proof(t, r)
				nonces, jtis[claims["jti"]] = append(nonces, claims["nonce"]), true
				_ = r.ParseForm()
				if forms[r.PostForm.Encode()] = true; r.PostForm.Get("code") != "c" || r.Header.Get("Authorization") == "" {
					t.Errorf("sent %v", r.PostForm)
				}
				if i := len(nonces) - 1; i < len(test.scripts) {
					test.scripts[i](w, r)
				}
			})
			_, err := op.client(dpop).Exchange(t.Context(), "c", "v")
			if fmt.Sprint(nonces) != fmt.Sprint(test.nonces) || len(jtis) != len(nonces) || len(forms) != 1 {
				t.Errorf("nonces %v, %d ids, %d forms; want %v", nonces, len(jtis), len(forms), test.nonces)
			}
			if test.code != "" {
				wantError(t, err, test.kind, test.code)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	op := newOP(t) // without a proof there is nothing to put a nonce in
	op.serve(tokenPath, nonceWanted(400, "n1"))
	_, err := op.client().Exchange(t.Context(), "c", "v")
	if wantError(t, err, provider.Invalid, "use_dpop_nonce"); op.count(tokenPath) != 1 {
		t.Errorf("%d POSTs for one code", op.count(tokenPath))
	}
}

// The newest nonce of an origin, from any response, is in the next proof for that origin only (RFC 9449 section 8.2).
func TestNoncesAreRememberedByOrigin(t *testing.T) {
	op := newOP(t)
	op.serve(discoveryPath, document(object{"userinfo_endpoint": "https://API.example" + userinfoPath}))
	p := op.client(dpop)
	give := func(nonce string, script http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("DPoP-Nonce", nonce)
			script(w, r)
		}
	}
	var tokens *provider.Tokens
	for _, step := range []struct {
		path   string
		script http.HandlerFunc
		want   any // nonce of the first proof
	}{
		{tokenPath, give("t1", textAnswer(200, "application/json", boundAnswer)), nil},
		{userinfoPath, nonceWanted(401, "u1"), nil},
		{tokenPath, give("t2", textAnswer(400, "", "")), "t1"},
		{userinfoPath, give("u2", jsonAnswer(200, object{"sub": "alice"})), "u1"},
		{tokenPath, textAnswer(200, "application/json", boundAnswer), "t2"},
		{tokenPath, give("t\x7f", textAnswer(503, "", "")), "t2"},
		{tokenPath, give("t3", textAnswer(503, "", "")), "t2"},
		{userinfoPath, jsonAnswer(200, object{"sub": "alice"}), "u2"},
		{tokenPath, textAnswer(200, "application/json", boundAnswer), "t3"},
	} {
		var first []any
		op.serve(step.path, func(w http.ResponseWriter, r *http.Request) {
			first = append(first, proof(t, r)["nonce"])
			step.script(w, r)
		})
		if step.path == tokenPath {
			if got, err := p.Exchange(t.Context(), "c", "v"); err == nil {
				tokens = got
			}
		} else {
			_, _ = p.UserInfo(t.Context(), tokens, "alice")
		}
		if len(first) == 0 || first[0] != step.want {
			t.Fatalf("proofs at %s with %v, want %v first", step.path, first, step.want)
		}
	}
}

// The access token of another attempt, however often it is asked for, goes with proof of its own key.
func TestNonceAtUserInfo(t *testing.T) {
	bad := func(challenge string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("DPoP-Nonce", "n1")
			w.Header().Set("WWW-Authenticate", challenge)
			w.WriteHeader(401)
		}
	}
	good := jsonAnswer(200, object{"sub": "alice"})
	for name, test := range map[string]struct {
		first, second http.HandlerFunc
		calls         int
		code          string
	}{
		"none wanted":         {good, nil, 1, ""},
		"wanted":              {nonceWanted(401, "n1"), good, 2, ""},
		"never content":       {nonceWanted(401, "n1"), nonceWanted(401, "n2"), 2, "use_dpop_nonce"},
		"then refused":        {nonceWanted(401, "n1"), bad(`DPoP error="invalid_token"`), 2, "provider_status"},
		"then redirected":     {nonceWanted(401, "n1"), redirect(307), 2, "redirect"}, // case 107
		"without a challenge": {bad(""), nil, 1, "provider_status"},
		"another error":       {bad(`DPoP error="invalid_dpop_proof"`), nil, 1, "provider_status"},
		"without one":         {nonceWanted(401, ""), nil, 1, "use_dpop_nonce"},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			op.serve(tokenPath, textAnswer(200, "application/json", boundAnswer))
			p := op.client(dpop)
			tokens, err := p.Exchange(t.Context(), "c", "v")
			if err != nil {
				t.Fatal(err)
			}
			op.serve(userinfoPath, func(w http.ResponseWriter, r *http.Request) {
				claims := proof(t, r)
				if op.count(userinfoPath) == 1 {
					test.first(w, r)
					return
				}
				if claims["nonce"] != "n1" || claims["ath"] == nil {
					t.Errorf("second proof %v", claims)
				}
				test.second(w, r)
			})
			_, err = p.UserInfo(t.Context(), tokens, "alice")
			if op.count(userinfoPath) != test.calls || op.count("/elsewhere") != 0 {
				t.Errorf("%d calls, want %d", op.count(userinfoPath), test.calls)
			}
			kind := provider.Invalid
			if test.code == "provider_status" { // 401: the provider refuses the access token
				kind = provider.Refused
			}
			if test.code != "" {
				wantError(t, err, kind, test.code)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// Sign-ins side by side share the nonces and nothing else.
func TestDPoPSideBySide(t *testing.T) {
	op := newOP(t)
	op.serve(tokenPath, func(w http.ResponseWriter, r *http.Request) {
		if proof(t, r)["nonce"] != "n1" {
			nonceWanted(400, "n1")(w, r)
			return
		}
		textAnswer(200, "application/json", boundAnswer)(w, r)
	})
	p := op.client(dpop)
	var attempts sync.WaitGroup
	for range 20 {
		attempts.Go(func() {
			if _, err := p.Exchange(t.Context(), "c", "v"); err != nil {
				t.Error(err)
			}
		})
	}
	attempts.Wait()
	if n := op.count(tokenPath); n < 21 || n > 40 {
		t.Errorf("%d requests", n)
	}
}

// case 126: to ask for a nonce is no event for the log, and a proof that is echoed stays out of it.
func TestProofsAreNotLogged(t *testing.T) {
	var log logBuffer
	op := newOP(t)
	var sent string
	op.serve(tokenPath, func(w http.ResponseWriter, r *http.Request) {
		if sent = r.Header.Get("DPoP"); proof(t, r)["nonce"] == nil {
			nonceWanted(400, "n1")(w, r)
			return
		}
		jsonAnswer(400, object{"error": "invalid_dpop_proof", "proof": sent})(w, r)
	})
	_, err := op.client(dpop, logTo(&log)).Exchange(t.Context(), "the-code", "the-verifier")
	wantError(t, err, provider.Invalid, "invalid_dpop_proof")
	if strings.Contains(log.String(), sent[:40]) || strings.Contains(log.String(), "use_dpop_nonce") ||
		errors.Is(err, provider.ErrInvalidToken) {
		t.Error(log.String())
	}
	contains(t, log.String(), "invalid_dpop_proof", "[redacted]")
}

// A provider that says it takes other proofs only is refused before any browser is sent there.
func TestDPoPSupport(t *testing.T) {
	for _, test := range []struct {
		algs any
		on   bool
		ok   bool
	}{
		{nil, true, true}, {[]string{"RS256", "ES256"}, true, true}, {"PS256", true, true}, // no list says nothing
		{[]string{"PS256"}, true, false}, {[]string{"PS256"}, false, true},
	} {
		op := newOP(t)
		op.serve(discoveryPath, document(object{"dpop_signing_alg_values_supported": test.algs}))
		_, err := op.client(func(c *provider.Config) { c.DPoP = test.on }).AuthorizationURL(t.Context(), authRequest())
		if !test.ok {
			wantError(t, err, provider.Misconfigured, "dpop_unsupported")
		} else if err != nil {
			t.Errorf("%v: %v", test.algs, err)
		}
	}
}
