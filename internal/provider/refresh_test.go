package provider_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// oldTokens returns the tokens of a sign-in, to be refreshed.
func oldTokens() *provider.Tokens {
	return &provider.Tokens{AccessToken: "at1", TokenType: "Bearer", RefreshToken: "rt/1 +",
		Scope: "openid api", Nonce: nonce}
}

// refreshAnswer is a valid response without an ID token, changed; a nil value removes a member.
func refreshAnswer(change object) object {
	return merge(object{"access_token": "at2", "token_type": "Bearer"}, change)
}

// TestForgedUnderAnotherKey: an ID token that names a key which the provider has by now, or had until now, and is not
// signed with it, is forged. That the key is new to this client, or was withdrawn, excuses nothing.
func TestForgedUnderAnotherKey(t *testing.T) {
	for name, tt := range map[string]struct{ before, after []string }{
		"a new key": {[]string{"k1"}, []string{"k1", "k2"}}, "a withdrawn key": {[]string{"k1", "k2"}, []string{"k1"}},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			all := map[string]object{"k1": jwk(&op.key.PublicKey, "k1"), "k2": jwk(&newKey(t).PublicKey, "k2")}
			serve := func(names []string) {
				var keys []object
				for _, name := range names {
					keys = append(keys, all[name])
				}
				op.serve(keysPath, jsonAnswer(200, object{"keys": keys}))
			}
			p := op.client()
			serve(tt.before)
			if _, err := p.VerifyIDToken(t.Context(), op.token(claims(nil)), expect()); err != nil { // fetches the keys
				t.Fatal(err)
			}
			serve(tt.after)
			forged := sign(t, newKey(t), `{"alg":"ES256","kid":"k2"}`, string(must(json.Marshal(claims(nil)))))
			op.serve(tokenPath, jsonAnswer(200, refreshAnswer(object{"id_token": forged})))
			tokens, _, err := p.Refresh(t.Context(), oldTokens(), "alice")
			if wantBadToken(t, err, "bad_signature"); tokens != nil {
				t.Errorf("%+v", tokens)
			}
		})
	}
}

// TestGrantEnded: Dex refuses an expired refresh token with invalid_request, and says so in the description only.
func TestGrantEnded(t *testing.T) {
	for _, tt := range []struct {
		code, description string
		ended             bool
	}{
		{"invalid_request", "Refresh token is invalid or has already been claimed by another client.", true},
		{"invalid_request", "Refresh token expired.", true}, {"invalid_request", "Refresh token is missing.", false},
		{"invalid_request", "The session expired.", false}, {"invalid_request", "", false},
		{"server_error", "Refresh token expired.", false},
	} {
		op := newOP(t)
		op.serve(tokenPath, jsonAnswer(400, object{"error": tt.code, "error_description": tt.description}))
		_, _, err := op.client().Refresh(t.Context(), oldTokens(), "alice")
		if errors.Is(err, provider.ErrGrantEnded) != tt.ended || err == nil {
			t.Errorf("%s %q: %v", tt.code, tt.description, err)
		}
	}
}

// The request is that of RFC 6749 section 6: without a scope, so that none is lost, and without anything of a code.
func TestRefreshRequest(t *testing.T) {
	op := newOP(t)
	op.serve(tokenPath, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || r.URL.RawQuery != "" ||
			r.Header["Dpop"] != nil {
			t.Errorf("%s %s %v: %v", r.Method, r.URL, r.Header, err)
		}
		want := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"rt/1 +"}}
		if user, password, _ := r.BasicAuth(); r.PostForm.Encode() != want.Encode() || user != clientID ||
			password != "s3cret" {
			t.Errorf("got %v of %q %q, want %v", r.PostForm, user, password, want)
		}
		jsonAnswer(200, refreshAnswer(nil))(w, r)
	})
	if _, _, err := op.client().Refresh(t.Context(), oldTokens(), "alice"); err != nil {
		t.Error(err)
	}
	_, _, err := op.client().Refresh(t.Context(), bearer(), "alice")
	wantError(t, err, provider.Misconfigured, "no_refresh_token")
	if n := op.count(tokenPath); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestRefreshAnswer(t *testing.T) {
	null := json.RawMessage("null")
	good := func(change object) http.HandlerFunc { return jsonAnswer(200, refreshAnswer(change)) }
	failure := func(status int, code string) http.HandlerFunc { return jsonAnswer(status, object{"error": code}) }
	tests := []struct {
		name    string
		script  http.HandlerFunc
		refresh string // token in the result
		scope   string
		kind    provider.Kind
		code    string
	}{
		{name: "no new refresh token", script: good(nil), refresh: "rt/1 +", scope: "openid api"}, // case 71
		// case 71
		{name: "an empty one", script: good(object{"refresh_token": ""}), refresh: "rt/1 +", scope: "openid api"},
		// case 71
		{name: "a new refresh token", script: good(object{"refresh_token": "rt2"}), refresh: "rt2", scope: "openid api"},
		{name: "fewer scopes", script: good(object{"scope": "openid"}), refresh: "rt/1 +", scope: "openid"}, // case 74
		{name: "no scopes", script: good(object{"scope": ""}), refresh: "rt/1 +"},                           // case 74
		{name: "scopes as a list", script: good(object{"scope": []string{"api", "openid"}}), refresh: "rt/1 +",
			scope: "api openid"},
		{name: "null",
			script:  good(object{"refresh_token": null, "scope": null, "id_token": null, "expires_in": null, "error": null}),
			refresh: "rt/1 +", scope: "openid api"},
		// RFC 6749 section 5.1
		{name: "other case of the type", script: good(object{"token_type": "bEARER"}), refresh: "rt/1 +",
			scope: "openid api"},

		{name: "over", script: failure(400, "invalid_grant"), kind: provider.Refused, code: "invalid_grant"}, // case 72
		{name: "500", script: failure(500, "invalid_grant"), kind: provider.Unavailable, code: "provider_status"},
		{name: "503", script: textAnswer(503, "", ""), kind: provider.Unavailable, code: "provider_status"}, // case 72
		{name: "429", script: textAnswer(429, "", ""), kind: provider.Unavailable, code: "provider_status"},
		{name: "invalid_client", script: failure(401, "invalid_client"), kind: provider.Invalid, code: "invalid_client"},
		{name: "invalid_scope", script: failure(400, "invalid_scope"), kind: provider.Invalid, code: "invalid_scope"},
		{name: "error given twice", script: textAnswer(400, "application/json",
			`{"error":"invalid_grant","ERROR":"invalid_request"}`), kind: provider.Invalid, code: "provider_status"},
		{name: "unknown error", script: failure(400, "\x1b[31m"), kind: provider.Invalid, code: "provider_status"},
		{name: "redirect", script: redirect(307), kind: provider.Invalid, code: "redirect"},
		{name: "201", script: jsonAnswer(201, refreshAnswer(nil)), kind: provider.Invalid, code: "provider_status"},
		{name: "HTML", script: textAnswer(200, "text/html", "<p>"), kind: provider.Invalid, code: "bad_content_type"},
		{name: "error with 200", script: good(object{"error": "x"}), kind: provider.Invalid, code: "error_with_200"},
		{name: "twins", script: good(object{"ACCESS_TOKEN": "evil"}), kind: provider.Invalid, code: "bad_answer"},
		{name: "no access token", script: good(object{"access_token": nil}), kind: provider.Invalid, code: "no_access_token"},
		{name: "refresh token a number", script: good(object{"refresh_token": 1}), kind: provider.Invalid,
			code: "bad_answer"},
		{name: "ID token a number", script: good(object{"id_token": 1}), kind: provider.Invalid, code: "bad_answer"},
		{name: "another type", script: good(object{"token_type": "DPoP"}), kind: provider.Invalid, code: "bad_token_type"},
		// case 60
		{name: "odd lifetime", script: good(object{"expires_in": "soon"}), kind: provider.Invalid, code: "bad_expires_in"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			op.serve(tokenPath, test.script)
			old := oldTokens()
			tokens, claims, err := op.client().Refresh(t.Context(), old, "alice")
			if n := op.count(tokenPath) + op.count("/elsewhere"); n != 1 || *old != *oldTokens() || claims != nil {
				t.Errorf("%d requests, the old tokens are %+v, claims %v", n, old, claims)
			}
			if test.kind != 0 {
				if wantError(t, err, test.kind, test.code); tokens != nil {
					t.Errorf("%+v in addition to the error", tokens)
				}
				if errors.Is(err, provider.ErrInvalidToken) {
					t.Errorf("no token was judged: %v", err)
				}
				return
			}
			want := provider.Tokens{AccessToken: "at2", TokenType: "Bearer", RefreshToken: test.refresh,
				Scope: test.scope, Nonce: nonce}
			if err != nil || *tokens != want {
				t.Errorf("got %+v, %v, want %+v", tokens, err, want)
			}
		})
	}
}

// case 60: the lifetime of a refreshed token is read like that of the first, so that it is not refreshed at every
// request.
func TestRefreshedLifetime(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`300`: 5 * time.Minute, `"300"`: 5 * time.Minute, `1e300`: 365 * 24 * time.Hour,
		`9999999999999`: 365 * 24 * time.Hour, `-1`: 0, `0`: 0,
	} {
		synctest.Test(t, func(t *testing.T) {
			op := newOP(t)
			op.serve(tokenPath, jsonAnswer(200, refreshAnswer(object{"expires_in": json.RawMessage(text)})))
			old := oldTokens()
			old.Expiry = time.Now().Add(time.Second) // of the old one alone
			tokens, _, err := op.client().Refresh(t.Context(), old, "alice")
			if err != nil || want == 0 && !tokens.Expiry.IsZero() || want > 0 && time.Until(tokens.Expiry) != want {
				t.Errorf("%s: %+v, %v", text, tokens, err)
			}
		})
	}
}

// case 70: a new ID token is verified completely. Here each is signed correctly, and only the claims are wrong.
func TestRefreshedIDTokenClaims(t *testing.T) {
	signedIn := time.Now().Add(-time.Hour)
	sum := sha256.Sum256([]byte("at2"))
	atHash := base64.RawURLEncoding.EncodeToString(sum[:16])
	now := time.Now().Unix()
	type signIn struct{ subject, nonce string }
	known, unknown := signIn{"alice", nonce}, signIn{"alice", ""}
	tests := []struct {
		name   string
		change object
		of     signIn
		code   string // "": accepted
	}{
		{"nonce null", object{"nonce": json.RawMessage("null"), "auth_time": json.RawMessage("null")}, known, ""},
		{"no nonce, no auth_time", object{"nonce": nil}, known, ""},
		{"those of the sign-in", object{"auth_time": signedIn.Unix()}, known, ""},
		{"auth_time with a fraction", object{"auth_time": float64(signedIn.Unix()) + 0.5}, known, ""},
		{"at_hash", object{"at_hash": atHash}, known, ""},
		{"nobody remembers them", object{"nonce": "other", "auth_time": now}, unknown, ""},

		{"other iss", object{"iss": issuer + "/"}, known, "issuer"},
		{"no iss", object{"iss": nil}, known, "issuer"},
		{"iss by another name", object{"iss": nil, "ISS": issuer}, known, "issuer"},
		{"other aud", object{"aud": "other"}, known, "audience"},
		{"a further aud", object{"aud": []string{clientID, "other"}}, known, "audience"},
		{"other azp", object{"azp": "other"}, known, "authorized_party"},
		{"logout token", object{"events": object{}}, known, "logout_token"},
		{"other sub", object{"sub": "bob"}, known, "subject_mismatch"},
		{"sub in other case", object{"sub": "Alice"}, known, "subject_mismatch"},
		{"no sub", object{"sub": nil}, known, "subject"},
		{"other sub, nobody expected", object{"sub": "bob"}, signIn{}, "subject_mismatch"},
		{"other nonce", object{"nonce": "other"}, known, "nonce"},
		{"nonce empty", object{"nonce": ""}, known, "nonce"},
		{"nonce a list", object{"nonce": []string{nonce}}, known, "nonce"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			idToken := op.token(claims(test.change))
			op.serve(tokenPath, jsonAnswer(200, refreshAnswer(object{"id_token": idToken})))
			old := oldTokens()
			old.Nonce = test.of.nonce
			tokens, got, err := op.client().Refresh(t.Context(), old, test.of.subject)
			if test.code != "" {
				if wantBadToken(t, err, test.code); tokens != nil || got != nil {
					t.Errorf("%+v, %v in addition to the error", tokens, got)
				}
				return
			}
			if err != nil || tokens.IDToken != idToken || len(got) != len(claims(test.change)) || got["sub"] != "alice" {
				t.Errorf("%+v, %v, %v", tokens, got, err)
			}
		})
	}
}

// case 70: tokens that are not ID tokens of this provider, whatever they claim.
func TestRefreshedIDTokenSignature(t *testing.T) {
	payload, _ := json.Marshal(claims(nil))
	for name, test := range map[string]struct {
		idToken func(op *scriptedOP) string
		code    string
	}{
		"another key": {func(*scriptedOP) string {
			return sign(t, newKey(t), `{"alg":"ES256","kid":"k1"}`, string(payload))
		}, "bad_signature"},
		"no signature": {func(op *scriptedOP) string {
			token := sign(t, op.key, `{"alg":"ES256","kid":"k2"}`, string(payload))
			return token[:strings.LastIndex(token, ".")+1]
		}, "bad_signature"},
		"an unknown key for another user": {func(*scriptedOP) string {
			return sign(t, newKey(t), `{"alg":"ES256","kid":"k2"}`, strings.Replace(string(payload), `"alice"`, `"mallory"`, 1))
		}, "subject_mismatch"},
		"alg none": {func(*scriptedOP) string {
			encode := base64.RawURLEncoding.EncodeToString
			return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "."
		}, "algorithm"},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			op.serve(tokenPath, jsonAnswer(200, refreshAnswer(object{"id_token": test.idToken(op)})))
			_, _, err := op.client().Refresh(t.Context(), oldTokens(), "alice")
			wantBadToken(t, err, test.code)
		})
	}
}

// An ID token that can be neither confirmed nor called forged costs neither the session nor the tokens that came with
// it: the previous refresh token is spent. None of its claims is used.
func TestUnjudgedIDToken(t *testing.T) {
	now := time.Now().Unix()
	signed := func(header string, change object) func(*scriptedOP) string {
		return func(op *scriptedOP) string {
			text, _ := json.Marshal(claims(change))
			return sign(t, op.key, header, string(text))
		}
	}
	const known = `{"alg":"ES256","kid":"k1"}`
	noKeys := func(op *scriptedOP) { op.serve(keysPath, textAnswer(503, "", "")) }
	serving := func(change object) func(*scriptedOP) {
		return func(op *scriptedOP) {
			op.serve(keysPath, jsonAnswer(200, object{"keys": []any{merge(jwk(&newKey(t).PublicKey, "k1"), change)}}))
		}
	}
	withdrawn := func(op *scriptedOP) { op.serve(keysPath, jsonAnswer(200, object{"keys": []any{}})) }
	for name, test := range map[string]struct {
		idToken func(*scriptedOP) string
		then    func(*scriptedOP) // after the keys were fetched
		reason  string            // in the log
	}{
		"an unknown key":                 {signed(`{"alg":"ES256","kid":"k2"}`, nil), nil, "bad_signature"},
		"an unknown key, keys down":      {signed(`{"alg":"ES256","kid":"k2"}`, nil), noKeys, "provider_status"},
		"an unknown key, keys withdrawn": {signed(`{"alg":"ES256","kid":"k2"}`, nil), withdrawn, "no_usable_key"},
		"no kid, and no known key fits": {func(*scriptedOP) string {
			return sign(t, newKey(t), `{"alg":"ES256"}`, payloadOf(claims(nil)))
		}, nil, "bad_signature"},
		"no kid, and the keys have none": {func(*scriptedOP) string {
			return sign(t, newKey(t), `{"alg":"ES256"}`, payloadOf(claims(nil)))
		}, serving(object{"kid": nil}), "bad_signature"},
		"a key of another algorithm": {signed(`{"alg":"ES256","kid":"k2"}`, nil),
			serving(object{"kid": "k2", "alg": "ES384"}), "bad_signature"},
		"an algorithm that is not set": {signed(`{"alg":"RS256","kid":"k1"}`, nil), nil, "algorithm"},
		"an access token":              {signed(`{"alg":"ES256","kid":"k1","typ":"at+jwt"}`, nil), nil, "wrong_type"},
		"encrypted":                    {func(*scriptedOP) string { return "a.b.c.d.e" }, nil, "encrypted"},
		"encrypted, cut":               {func(*scriptedOP) string { return "a.b.c.d." }, nil, "encrypted"},
		"nothing":                      {func(*scriptedOP) string { return "x" }, nil, "malformed"},
		"a payload that is none": {func(op *scriptedOP) string {
			return sign(t, op.key, known, "[]")
		}, nil, "bad_payload"},
		"at_hash of another token": {signed(known, object{"at_hash": strings.Repeat("A", 22)}), nil, "at_hash_mismatch"},
		"expired":                  {signed(known, object{"exp": now - 61}), nil, "clock_skew"},
		"the first ID token again": {signed(known, object{"iat": now - 7300}), nil, "clock_skew"},
		"issued in the future":     {signed(known, object{"iat": now + 90}), nil, "clock_skew"},
		"no iat":                   {signed(known, object{"iat": nil}), nil, "bad_time"},
	} {
		t.Run(name, func(t *testing.T) {
			var log logBuffer
			op := newOP(t)
			p := op.client(logTo(&log))
			if err := p.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			if test.then != nil {
				test.then(op)
			}
			op.serve(tokenPath, jsonAnswer(200, refreshAnswer(object{"refresh_token": "rt2", "id_token": test.idToken(op)})))
			for range 2 { // the second within the minute of a forced fetch
				tokens, got, err := p.Refresh(t.Context(), oldTokens(), "alice")
				want := provider.Tokens{AccessToken: "at2", TokenType: "Bearer", RefreshToken: "rt2",
					Scope: "openid api", Nonce: nonce}
				if err != nil || *tokens != want || got != nil {
					t.Errorf("got %+v, claims %v, %v", tokens, got, err)
				}
			}
			contains(t, log.String(), "cannot be verified now", test.reason)
		})
	}
}

func payloadOf(claims object) string {
	text, _ := json.Marshal(claims)
	return string(text)
}

// TestRefreshIsQuiet: a response without an ID token has none that could not be verified.
func TestRefreshIsQuiet(t *testing.T) {
	var log logBuffer
	op := newOP(t)
	op.serve(tokenPath, jsonAnswer(200, refreshAnswer(nil)))
	if _, _, err := op.client(logTo(&log)).Refresh(t.Context(), oldTokens(), "alice"); err != nil || log.String() != "" {
		t.Errorf("%v, logged %s", err, log.String())
	}
}

// TestRefreshedUnencrypted: an ID token that is only signed is dropped by a client whose tokens are encrypted, although
// its signature is good.
func TestRefreshedUnencrypted(t *testing.T) {
	var log logBuffer
	op := newOP(t)
	op.serve(tokenPath, jsonAnswer(200, refreshAnswer(object{"id_token": op.token(claims(nil))})))
	p := op.client(logTo(&log), decrypting(parsed(t, newKey(t), "ECDH-ES", "")))
	tokens, got, err := p.Refresh(t.Context(), oldTokens(), "alice")
	if err != nil || tokens.IDToken != "" || got != nil {
		t.Errorf("%+v, %v, %v", tokens, got, err)
	}
	contains(t, log.String(), "cannot be verified now", "not_encrypted")
}

// A refresh token that may be valid only once is not spent while the response could not be verified.
func TestRefreshWaitsForKeys(t *testing.T) {
	op := newOP(t)
	op.serve(tokenPath, jsonAnswer(200, refreshAnswer(nil)))
	for _, path := range []string{keysPath, discoveryPath} {
		op.serve(path, textAnswer(503, "", ""))
		_, _, err := op.client().Refresh(t.Context(), oldTokens(), "alice")
		wantError(t, err, provider.Unavailable, "provider_status")
	}
	if n := op.count(tokenPath); n != 0 {
		t.Errorf("the refresh token was sent %d times", n)
	}
}

// case 72: a provider that does not respond is unavailable, within five seconds, and the old tokens are unchanged.
func TestRefreshTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		op.serve(tokenPath, slow(time.Hour, jsonAnswer(200, refreshAnswer(nil))))
		start, old := time.Now(), oldTokens()
		_, _, err := op.client().Refresh(t.Context(), old, "alice")
		wantError(t, err, provider.Unavailable, "timeout")
		if took := time.Since(start); took != 5*time.Second || *old != *oldTokens() {
			t.Errorf("after %v: %+v", took, old)
		}
	})
}

// The key of the sign-in is proved at each refresh, is carried over, and prevents a downgrade (RFC 9449 section 5).
func TestRefreshWithDPoP(t *testing.T) {
	op := newOP(t)
	var keys []string
	answers := []http.HandlerFunc{
		jsonAnswer(200, object{"access_token": "at1", "token_type": "DPoP", "id_token": "x.y.z", "refresh_token": "rt1"}),
		nonceWanted(400, "n1"),
		jsonAnswer(200, refreshAnswer(object{"token_type": "DPoP"})),
		jsonAnswer(200, refreshAnswer(nil)), // a bearer token
		nonceWanted(400, "n2"),
		nonceWanted(400, "n3"),
	}
	op.serve(tokenPath, func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, fmt.Sprint(proof(t, r)["jwk"]))
		answers[len(keys)-1](w, r)
	})
	op.serve(userinfoPath, func(w http.ResponseWriter, r *http.Request) {
		if keys = append(keys, fmt.Sprint(proof(t, r)["jwk"])); r.Header.Get("Authorization") != "DPoP at2" {
			t.Errorf("the new token is sent as %q", r.Header.Get("Authorization"))
		}
		jsonAnswer(200, object{"sub": "alice"})(w, r)
	})
	p := op.client(dpop)
	tokens, err := p.Exchange(t.Context(), "c", "v")
	if err != nil {
		t.Fatal(err)
	}
	if tokens, _, err = p.Refresh(t.Context(), tokens, "alice"); err != nil || tokens.TokenType != "DPoP" ||
		tokens.RefreshToken != "rt1" {
		t.Fatalf("%+v, %v", tokens, err)
	}
	_, _, err = p.Refresh(t.Context(), tokens, "alice")
	wantError(t, err, provider.Invalid, "bad_token_type")
	_, _, err = p.Refresh(t.Context(), tokens, "alice")
	wantError(t, err, provider.Invalid, "use_dpop_nonce")
	if _, err := p.UserInfo(t.Context(), tokens, "alice"); err != nil {
		t.Error(err)
	}
	same := map[string]bool{}
	for _, key := range keys {
		same[key] = true
	}
	if len(keys) != 7 || len(same) != 1 {
		t.Errorf("%d proofs of %d keys", len(keys), len(same))
	}
}

// case 126: neither token is in the log or in an error when the provider echoes the request.
func TestRefreshTokensAreNotLogged(t *testing.T) {
	var log logBuffer
	op := newOP(t)
	op.serve(tokenPath, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		jsonAnswer(400,
			object{"error": "invalid_grant", "of": r.PostForm.Get("refresh_token"), "form": r.PostForm.Encode()})(w, r)
	})
	_, _, err := op.client(logTo(&log)).Refresh(t.Context(), oldTokens(), "alice")
	wantError(t, err, provider.Refused, "invalid_grant")
	if text := log.String() + err.Error(); strings.Contains(text, "rt/1") || strings.Contains(text, "rt%2F1") {
		t.Error(text)
	}
	contains(t, log.String(), "op=refresh", "[redacted]")
}
