package fakeop_test

import (
	"crypto/ecdsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// redeemWith redeems a new code with a DPoP header.
func (a *app) redeemWith(header http.Header, c changes) answer {
	a.t.Helper()
	form := changes{"code": {a.approve("alice", nil).Get("code")}}
	maps.Copy(form, c)
	return a.token(form, header)
}

// bound signs in with DPoP and returns the access token.
func (a *app) bound(key *ecdsa.PrivateKey) string {
	a.t.Helper()
	got := a.redeemWith(a.dpop(key, a.proof("POST", fakeop.Token, "")), nil)
	if got.StatusCode != 200 || text(got.object, "token_type") != "DPoP" {
		a.t.Fatalf("token endpoint: %d %s", got.StatusCode, got.text)
	}
	return text(got.object, "access_token")
}

// userInfoWith sends an Authorization header and optionally a proof.
func (a *app) userInfoWith(authorization string, proof http.Header) answer {
	a.t.Helper()
	header := http.Header{"Authorization": {authorization}}
	maps.Copy(header, proof)
	return a.do(http.MethodGet, a.url(fakeop.UserInfo), nil, header)
}

// A proof is accepted only if everything about it is valid (RFC 9449, 4.3), at the token, PAR and userinfo endpoints
// alike.
func TestProof(t *testing.T) {
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix() // in a bubble
	public := func(key *ecdsa.PrivateKey) jose.JSONWebKey { return jose.JSONWebKey{Key: key.Public()} }
	tests := map[string]struct {
		claims, header object
		key            any
		alg            jose.SignatureAlgorithm
		bad            bool
	}{
		"right":          {},
		"RS256":          {key: rsaKey(), alg: jose.RS256, header: object{"jwk": jose.JSONWebKey{Key: rsaKey().Public()}}},
		"PS256":          {key: rsaKey(), alg: jose.PS256, header: object{"jwk": jose.JSONWebKey{Key: rsaKey().Public()}}},
		"EdDSA":          {key: edKey(), alg: jose.EdDSA, header: object{"jwk": jose.JSONWebKey{Key: edKey().Public()}}},
		"a minute ago":   {claims: object{"iat": now - 60}},
		"a minute ahead": {claims: object{"iat": now + 60}},
		"longer ago":     {claims: object{"iat": now - 61}, bad: true},
		"further ahead":  {claims: object{"iat": now + 61}, bad: true},
		"no iat":         {claims: object{"iat": nil}, bad: true},
		"no jti":         {claims: object{"jti": nil}, bad: true},
		"another method": {claims: object{"htm": "PUT"}, bad: true},
		"lower case":     {claims: object{"htm": "post"}, bad: true},
		"no htm":         {claims: object{"htm": nil}, bad: true},
		"another URL":    {claims: object{"htu": "https://idp.example/jwks"}, bad: true},
		"another host":   {claims: object{"htu": "https://elsewhere.example/token"}, bad: true},
		"a query":        {claims: object{"htu": "https://idp.example/token?x"}, bad: true},
		"no htu":         {claims: object{"htu": nil}, bad: true},
		"twin of htu":    {claims: object{"htu": nil, "HTU": "https://idp.example/token"}, bad: true},
		"no typ":         {header: object{"typ": nil}, bad: true},
		"typ JWT":        {header: object{"typ": "JWT"}, bad: true},
		"no jwk":         {header: object{"jwk": nil}, bad: true},
		"another's jwk":  {header: object{"jwk": public(otherKey())}, bad: true},
		"private jwk":    {header: object{"jwk": jose.JSONWebKey{Key: ecKey()}}, bad: true},
		"symmetric": {
			key: []byte(longSecret), alg: jose.HS256, header: object{"jwk": jose.JSONWebKey{Key: []byte(longSecret)}}, bad: true,
		},
		"RS512": {key: rsaKey(), alg: jose.RS512, header: object{"jwk": jose.JSONWebKey{Key: rsaKey().Public()}}, bad: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, fakeop.Config{})
				if tt.key == nil {
					tt.key, tt.alg = ecKey(), jose.ES256
				}
				header := object{"typ": "dpop+jwt", "jwk": public(ecKey())}.with(tt.header)
				send := func(claims object) http.Header {
					return http.Header{"Dpop": {jws(t, tt.alg, tt.key, header, claims.with(tt.claims))}}
				}
				want := ""
				if tt.bad {
					want = "invalid_dpop_proof"
				}
				got := a.redeemWith(send(a.proof("POST", fakeop.Token, "")), nil)
				got.refused(t, want)
				if !tt.bad && text(got.object, "token_type") != "DPoP" {
					t.Errorf("token_type = %v", got.object["token_type"])
				}
				a.push(nil, send(a.proof("POST", fakeop.PAR, ""))).refused(t, want)
				if !tt.bad {
					token := text(got.object, "access_token")
					if got := a.userInfoWith("DPoP "+token, send(a.proof("GET", fakeop.UserInfo, token))); got.StatusCode != 200 {
						t.Errorf("userinfo: %d %s", got.StatusCode, got.text)
					}
					return
				}
				token := a.bound(ecKey())
				got = a.userInfoWith("DPoP "+token, send(a.proof("GET", fakeop.UserInfo, token)))
				if got.StatusCode != 401 || text(got.object, "error") != want {
					t.Errorf("userinfo: %d %s", got.StatusCode, got.text)
				}
			})
		})
	}
}

// A proof is valid once, and only one is allowed; a refused request leaves the code unspent.
func TestProofIsGoodOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, fakeop.Config{RequireDPoP: true})
		code := changes{"code": {a.approve("alice", nil).Get("code")}}
		a.token(code, nil).refused(t, "invalid_dpop_proof") // there is none
		twice := a.dpop(ecKey(), a.proof("POST", fakeop.Token, ""))
		twice["Dpop"] = append(twice["Dpop"], a.dpop(ecKey(), a.proof("POST", fakeop.Token, ""))["Dpop"]...)
		a.token(code, twice).refused(t, "invalid_dpop_proof")
		a.token(code, http.Header{"Dpop": {""}}).refused(t, "invalid_dpop_proof")
		proof := a.dpop(ecKey(), a.proof("POST", fakeop.Token, "").with(object{"iat": time.Now().Unix() + 60}))
		a.token(code, proof).refused(t, "")
		time.Sleep(120 * time.Second) // to the end of its iat
		a.redeemWith(proof, nil).refused(t, "invalid_dpop_proof")

		claims := string(must(json.Marshal(a.proof("POST", fakeop.Token, ""))))
		double := strings.Replace(claims, "{", `{"htu":"https://elsewhere.example/",`, 1)
		raw := jws(t, jose.ES256, ecKey(), object{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: ecKey().Public()}}, double)
		a.redeemWith(http.Header{"Dpop": {raw}}, nil).refused(t, "invalid_dpop_proof")
	})
}

// A bound token is useless without its key and as a bearer token, and a bearer token is not accepted as a bound one
// (RFC 9449, 7).
func TestUserInfoWithDPoP(t *testing.T) {
	a := newApp(t, fakeop.Config{})
	token, bearer := a.bound(ecKey()), text(a.signIn("alice").object, "access_token")
	prove := func(key *ecdsa.PrivateKey, token string) http.Header {
		return a.dpop(key, a.proof("GET", fakeop.UserInfo, token))
	}
	tests := map[string]struct {
		authorization string
		proof         http.Header
		status        int
		challenge     string
	}{
		"right":                {"DPoP " + token, prove(ecKey(), token), 200, ""},
		"lower case":           {"dpop " + token, prove(ecKey(), token), 200, ""},
		"as bearer":            {"Bearer " + token, nil, 401, `Bearer error="invalid_token"`},
		"as bearer with proof": {"Bearer " + token, prove(ecKey(), token), 401, `Bearer error="invalid_token"`},
		"no proof":             {"DPoP " + token, nil, 401, `DPoP error="invalid_dpop_proof"`},
		"another key":          {"DPoP " + token, prove(otherKey(), token), 401, `DPoP error="invalid_token"`},
		"no ath":               {"DPoP " + token, prove(ecKey(), ""), 401, `DPoP error="invalid_dpop_proof"`},
		"ath of another":       {"DPoP " + token, prove(ecKey(), bearer), 401, `DPoP error="invalid_dpop_proof"`},
		"a bearer token":       {"DPoP " + bearer, prove(ecKey(), bearer), 401, `DPoP error="invalid_token"`},
		"unknown token":        {"DPoP x", prove(ecKey(), "x"), 401, `DPoP error="invalid_token"`},
		"bearer still works":   {"Bearer " + bearer, nil, 200, ""},
	}
	for name, tt := range tests {
		got := a.userInfoWith(tt.authorization, tt.proof)
		challenge := got.Header.Get("WWW-Authenticate")
		if got.StatusCode != tt.status || !strings.HasPrefix(challenge, tt.challenge) ||
			(tt.status == 200) != (challenge == "") {
			t.Errorf("%s: %d %s, %s", name, got.StatusCode, challenge, got.text)
		}
		if strings.HasPrefix(challenge, "DPoP") && !strings.HasSuffix(challenge, `, algs="ES256 PS256 RS256 EdDSA"`) {
			t.Errorf("%s: %s", name, challenge)
		}
	}
	seen := prove(ecKey(), token)
	first, second := a.userInfoWith("DPoP "+token, seen), a.userInfoWith("DPoP "+token, seen)
	if first.StatusCode != 200 || second.StatusCode != 401 {
		t.Errorf("a proof used again: %d, then %d", first.StatusCode, second.StatusCode)
	}
	code := changes{"code": {a.approve("alice", nil).Get("code")}}
	got := a.token(code, a.dpop(ecKey(), a.proof("POST", fakeop.Token, "")))
	a.token(code, nil).refused(t, "invalid_grant") // reuse revokes
	revoked := text(got.object, "access_token")
	got = a.userInfoWith("DPoP "+revoked, prove(ecKey(), revoked))
	if got.StatusCode != 401 || text(got.object, "error") != "invalid_token" {
		t.Errorf("revoked: %d %s", got.StatusCode, got.text)
	}
}

// dpop_jkt, or a proof when the request is pushed, binds the code to a key
// (RFC 9449, 10).
func TestCodeBoundToKey(t *testing.T) {
	a := newApp(t, fakeop.Config{})
	jkt := changes{"dpop_jkt": {thumbprint(ecKey())}}
	tokenProof := func(key *ecdsa.PrivateKey) http.Header { return a.dpop(key, a.proof("POST", fakeop.Token, "")) }
	parProof := func() http.Header { return a.dpop(ecKey(), a.proof("POST", fakeop.PAR, "")) }
	a.push(changes{"dpop_jkt": {thumbprint(otherKey())}}, parProof()).refused(t, "invalid_request")

	urls := map[string]func() string{
		"plain":         func() string { return a.authURL(jkt) },
		"pushed":        func() string { return a.pushed(jkt) },
		"pushed, proof": func() string { return a.requestURL(text(a.push(nil, parProof()).object, "request_uri")) },
		"pushed, both":  func() string { return a.requestURL(text(a.push(jkt, parProof()).object, "request_uri")) },
	}
	for name, target := range urls {
		for key, want := range map[*ecdsa.PrivateKey]string{ecKey(): "", otherKey(): "invalid_grant", nil: "invalid_grant"} {
			callback, err := a.idp.Approve(target(), "alice")
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			var proof http.Header
			if key != nil {
				proof = tokenProof(key)
			}
			a.token(changes{"code": {codeOf(callback)}}, proof).refused(t, want)
		}
	}
}

// A client that began with DPoP must refresh with DPoP; the refresh token of a public client is bound to the key, that
// of another client to its secret (RFC 9449, 5).
func TestRefreshWithDPoP(t *testing.T) {
	for name, tt := range map[string]struct {
		public bool
		key    *ecdsa.PrivateKey
		want   string
	}{
		"the key":                      {false, ecKey(), ""},
		"a new key":                    {false, otherKey(), ""},
		"no proof":                     {false, nil, "invalid_dpop_proof"},
		"public client, the key":       {true, ecKey(), ""},
		"public client, another's key": {true, otherKey(), "invalid_grant"},
		"public client, no proof":      {true, nil, "invalid_dpop_proof"},
	} {
		refresh := func(t *testing.T, cfg fakeop.Config) {
			a := newApp(t, cfg)
			c := changes{}
			if tt.public {
				c["client_secret"] = nil
			}
			first := a.redeemWith(a.dpop(ecKey(), a.proof("POST", fakeop.Token, "")), c)
			maps.Copy(c, changes{"grant_type": {"refresh_token"}, "refresh_token": {text(first.object, "refresh_token")}})
			var proof http.Header
			if tt.key != nil {
				proof = a.dpop(tt.key, a.proof("POST", fakeop.Token, ""))
			}
			got := a.token(c, proof)
			got.refused(t, tt.want)
			if tt.want != "" {
				return
			}
			token := text(got.object, "access_token")
			proof = a.dpop(tt.key, a.proof("GET", fakeop.UserInfo, token))
			if got := a.userInfoWith("DPoP "+token, proof); got.StatusCode != 200 {
				t.Errorf("the new token is not bound to the key of the refresh: %s", got.text)
			}
		}
		t.Run(name, func(t *testing.T) { refresh(t, fakeop.Config{Public: tt.public}) })
		t.Run(name+", kept", func(t *testing.T) { refresh(t, fakeop.Config{Public: tt.public, KeepRefreshToken: true}) })
	}
}

// The provider's nonce must be the current one, and every response has it (RFC 9449, 8 and 9).
func TestDPoPNonces(t *testing.T) {
	a := newApp(t, fakeop.Config{DPoPNonces: true})
	code := changes{"code": {a.approve("alice", nil).Get("code")}}
	with := func(e fakeop.Endpoint, method, token string, nonce any) http.Header {
		return a.dpop(ecKey(), a.proof(method, e, token).with(object{"nonce": nonce}))
	}
	demand := a.token(code, with(fakeop.Token, "POST", "", nil))
	demand.refused(t, "use_dpop_nonce")
	old := demand.Header.Get("DPoP-Nonce")
	a.idp.RotateDPoPNonce()
	demand = a.token(code, with(fakeop.Token, "POST", "", old))
	demand.refused(t, "use_dpop_nonce")
	nonce := demand.Header.Get("DPoP-Nonce")
	if old == "" || nonce == "" || nonce == old {
		t.Fatalf("nonces %q, then %q", old, nonce)
	}
	a.push(nil, with(fakeop.PAR, "POST", "", old)).refused(t, "use_dpop_nonce")
	pushed := a.push(nil, with(fakeop.PAR, "POST", "", nonce))
	got := a.token(code, with(fakeop.Token, "POST", "", nonce))
	got.refused(t, "")
	token := text(got.object, "access_token")
	for _, wrong := range []any{nil, old, ""} {
		denied := a.userInfoWith("DPoP "+token, with(fakeop.UserInfo, "GET", token, wrong))
		demanded := strings.HasPrefix(denied.Header.Get("WWW-Authenticate"), `DPoP error="use_dpop_nonce"`)
		if denied.StatusCode != 401 || !demanded || denied.Header.Get("DPoP-Nonce") != nonce {
			t.Errorf("userinfo: %d %v", denied.StatusCode, denied.Header)
		}
	}
	user := a.userInfoWith("DPoP "+token, with(fakeop.UserInfo, "GET", token, nonce))
	if user.StatusCode != 200 || pushed.StatusCode != 201 {
		t.Errorf("userinfo: %d, PAR: %d", user.StatusCode, pushed.StatusCode)
	}
	for what, answer := range map[string]answer{"token": got, "PAR": pushed, "userinfo": user} {
		if answer.Header.Get("DPoP-Nonce") != nonce {
			t.Errorf("%s has no nonce", what)
		}
	}
	bearer := a.redeemWith(nil, nil) // a client without DPoP needs none
	bearer.refused(t, "")
	if plain := newApp(t, fakeop.Config{}).signIn("alice"); plain.Header.Get("DPoP-Nonce") != "" {
		t.Error("a nonce without DPoPNonces")
	}
}

// Below MTLSRoot the proof names the alias.
func TestProofForAlias(t *testing.T) {
	const root = "https://mtls.idp.example"
	a := newApp(t, fakeop.Config{MTLSRoot: root})
	for htu, want := range map[string]string{root + "/token": "", a.url(fakeop.Token): "invalid_dpop_proof"} {
		header := a.dpop(ecKey(), a.proof("POST", fakeop.Token, "").with(object{"htu": htu}))
		maps.Copy(header, basic("app", "secret"))
		a.do(http.MethodPost, root+"/token", url.Values{
			"grant_type": {"authorization_code"}, "redirect_uri": {redirectURI}, "code_verifier": {verifier},
			"code": {a.approve("alice", nil).Get("code")},
		}, header).refused(t, want)
	}
}

// No text in a DPoP header breaks the provider or is accepted as a proof.
func FuzzProof(f *testing.F) {
	f.Add("e30.e30.e30")
	f.Add(`eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIn19.e30.AA`)
	f.Add(strings.Repeat(".", 100))
	idp, err := fakeop.New(fakeop.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, proof string) {
		a := appOf(t, idp, idp.Transport(), "")
		a.token(changes{"code": {"x"}}, http.Header{"Dpop": {strings.Map(printable, proof)}}).refused(t, "invalid_dpop_proof")
	})
}
