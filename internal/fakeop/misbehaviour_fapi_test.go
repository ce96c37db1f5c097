package fakeop_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// configFor returns the configuration that a misbehaviour needs.
func configFor(name fakeop.Misbehaviour) fakeop.Config {
	cfg := fakeop.Config{ACRValues: []string{"silver", "gold"}}
	switch name {
	case fakeop.EncryptedToStranger, fakeop.EncryptedNotSigned, fakeop.NotEncrypted:
		cfg.EncryptIDToken = ecKey().Public()
	case fakeop.EncryptedRSA15:
		cfg.EncryptIDToken = rsaKey().Public()
	case fakeop.UserInfoSigNone, fakeop.UserInfoInvalidSig, fakeop.UserInfoInvalidIss,
		fakeop.UserInfoInvalidAud, fakeop.UserInfoNotSigned:
		cfg.SignUserInfo = true
	case fakeop.EndpointsHTTP:
		cfg.MTLSRoot = "https://mtls.idp.example"
	}
	return cfg
}

func fapiMisbehaviours() map[fakeop.Misbehaviour]misbehaviour {
	return map[fakeop.Misbehaviour]misbehaviour{
		fakeop.EncryptedToStranger: encryptedToStranger,
		fakeop.EncryptedRSA15:      encryptedRSA15,
		fakeop.EncryptedNotSigned:  encryptedNotSigned,
		fakeop.NotEncrypted:        header("alg", "RS256", true),

		// case 105
		fakeop.UserInfoSigNone:    signedUserInfo("none", false, nil),
		fakeop.UserInfoInvalidSig: signedUserInfo("RS256", false, nil),
		fakeop.UserInfoInvalidIss: signedUserInfo("RS256", true, map[string]any{"iss": "https://elsewhere.example"}),
		fakeop.UserInfoInvalidAud: signedUserInfo("RS256", true, map[string]any{"aud": "another-client"}),
		fakeop.UserInfoNotSigned:  userInfo(200, `"sub":"alice"`),

		fakeop.JARMSigNone:      jarm("none", false, nil),
		fakeop.JARMInvalidSig:   jarm("RS256", false, nil),
		fakeop.JARMInvalidIss:   jarm("RS256", true, map[string]any{"iss": "https://elsewhere.example"}),
		fakeop.JARMWithoutIss:   jarm("RS256", true, map[string]any{"iss": nil}),
		fakeop.JARMInvalidAud:   jarm("RS256", true, map[string]any{"aud": "another-client"}),
		fakeop.JARMWithoutAud:   jarm("RS256", true, map[string]any{"aud": nil}),
		fakeop.JARMExpired:      jarm("RS256", true, map[string]any{"exp": 946684800.0 - 3600}), // in a bubble
		fakeop.JARMWithoutExp:   jarm("RS256", true, map[string]any{"exp": nil}),
		fakeop.JARMWithoutState: jarm("RS256", true, map[string]any{"state": nil}),

		fakeop.PARHTMLAnswer:        par(200, "<!doctype html>", nil),
		fakeop.PARError:             par(400, "", map[string]any{"error": "invalid_request"}),
		fakeop.PARRedirect307:       parRedirect,
		fakeop.PARWithoutExpiresIn:  par(201, "request_uri:", map[string]any{"expires_in": nil}),
		fakeop.PARWithoutRequestURI: par(201, "", map[string]any{"request_uri": nil, "expires_in": 60.0}),
		fakeop.PAREmptyRequestURI:   par(201, "", map[string]any{"request_uri": "", "expires_in": 60.0}),
		fakeop.PARForeignRequestURI: par(201, "", map[string]any{"request_uri": "https://elsewhere.example/request"}),
		fakeop.DiscoveryWithoutPAR:  discoveryWithoutPAR,

		fakeop.DPoPDowngrade:        dpopDowngrade,
		fakeop.DPoPNonceEndless:     dpopNonceEndless,
		fakeop.UserInfoNonceEndless: userInfoNonceEndless,
	}
}

// opened returns an ID token, decrypted if necessary.
func opened(t *testing.T, raw string) string {
	t.Helper()
	if strings.Count(raw, ".") != 4 {
		return raw
	}
	for _, key := range []any{ecKey(), rsaKey()} {
		if _, content := decrypt(t, raw, key); content != "" {
			return content
		}
	}
	return ""
}

func encryptedToStranger(t *testing.T, a *app) {
	header, content := decrypt(t, a.idToken("alice"), ecKey())
	if header.Algorithm != "ECDH-ES" || content != "" {
		t.Errorf("header %+v, decrypted %q", header, content)
	}
	rsa := newApp(t, fakeop.Config{EncryptIDToken: rsaKey().Public()})
	rsa.idp.Misbehave(fakeop.EncryptedToStranger)
	if header, content := decrypt(t, rsa.idToken("alice"), rsaKey()); header.Algorithm != "RSA-OAEP-256" || content != "" {
		t.Errorf("header %+v, decrypted %q", header, content)
	}
}

func encryptedRSA15(t *testing.T, a *app) {
	header, content := decrypt(t, a.idToken("alice"), rsaKey())
	if _, err := a.verify(content); header.Algorithm != "RSA1_5" || err != nil {
		t.Errorf("header %+v, content: %v", header, err)
	}
}

func encryptedNotSigned(t *testing.T, a *app) {
	var claims map[string]any
	if err := json.Unmarshal([]byte(opened(t, a.idToken("alice"))), &claims); err != nil {
		t.Fatal(err)
	}
	has(t, claims, map[string]any{"sub": "alice", "nonce": "the-nonce"})
}

// checkJWT checks a JWT of the provider; claims that are not spoiled are those of a provider that behaves correctly.
func (a *app) checkJWT(raw, alg string, verifies bool, spoilt, others map[string]any) {
	a.t.Helper()
	has(a.t, part(a.t, raw, 0), map[string]any{"alg": alg})
	if _, ok := a.signedPayload(raw); ok != verifies || strings.HasSuffix(raw, ".") != (alg == "none") {
		a.t.Errorf("verifies: %v", ok)
	}
	maps.Copy(others, spoilt)
	has(a.t, part(a.t, raw, 1), others)
}

func signedUserInfo(alg string, verifies bool, spoilt map[string]any) misbehaviour {
	return func(t *testing.T, a *app) {
		got := a.userInfo(text(a.signIn("alice").object, "access_token"))
		if got.Header.Get("Content-Type") != "application/jwt" {
			t.Errorf("Content-Type = %s", got.Header.Get("Content-Type"))
		}
		a.checkJWT(got.text, alg, verifies, spoilt, map[string]any{"iss": a.idp.Issuer(), "aud": "app", "sub": "alice"})
	}
}

func jarm(alg string, verifies bool, spoilt map[string]any) misbehaviour {
	return func(t *testing.T, a *app) {
		raw := a.approve("alice", changes{"response_mode": {"jwt"}}).Get("response")
		exp := float64(time.Now().Add(10 * time.Minute).Unix())
		a.checkJWT(raw, alg, verifies, spoilt, map[string]any{
			"iss": a.idp.Issuer(), "aud": "app", "exp": exp, "state": "the-state",
		})
		if query := a.approve("alice", nil); query.Get("state") != "the-state" || query.Get("iss") != a.idp.Issuer() ||
			query.Has("aud") {
			t.Errorf("a plain response is spoilt as well: %v", query)
		}
	}
}

func par(status int, contains string, members map[string]any) misbehaviour {
	return func(t *testing.T, a *app) {
		got := a.push(nil, nil)
		if got.StatusCode != status || !strings.Contains(got.text, contains) {
			t.Errorf("%d %s", got.StatusCode, got.text)
		}
		has(t, got.object, members)
	}
}

func parRedirect(t *testing.T, a *app) {
	if got := a.push(nil, nil); got.StatusCode != 307 || got.location().Host == "idp.example" ||
		got.location().Host == "" {
		t.Errorf("%d to %q", got.StatusCode, got.location())
	}
}

func discoveryWithoutPAR(t *testing.T, a *app) {
	has(t, a.get(a.url(fakeop.Discovery)).object, map[string]any{
		"pushed_authorization_request_endpoint": nil, "require_pushed_authorization_requests": true, "issuer": a.idp.Issuer(),
	})
}

// A client that does not notice continues with a token that anyone can use.
func dpopDowngrade(t *testing.T, a *app) {
	got := a.redeemWith(a.dpop(ecKey(), a.proof("POST", fakeop.Token, "")), nil)
	has(t, got.object, map[string]any{"token_type": "Bearer"})
	if user := a.userInfo(text(got.object, "access_token")); user.StatusCode != 200 {
		t.Errorf("userinfo: %d %s", user.StatusCode, user.text)
	}
}

func dpopNonceEndless(t *testing.T, a *app) {
	seen := make(map[string]bool)
	for range 3 {
		got := a.redeemWith(a.dpop(ecKey(), a.proof("POST", fakeop.Token, "")), nil)
		got.refused(t, "use_dpop_nonce")
		seen[got.Header.Get("DPoP-Nonce")] = true
	}
	if len(seen) != 3 || seen[""] {
		t.Errorf("nonces: %v", seen)
	}
}

func userInfoNonceEndless(t *testing.T, a *app) {
	token := a.bound(ecKey())
	got := a.userInfoWith("DPoP "+token, a.dpop(ecKey(), a.proof("GET", fakeop.UserInfo, token)))
	demanded := strings.HasPrefix(got.Header.Get("WWW-Authenticate"), `DPoP error="use_dpop_nonce"`)
	if got.StatusCode != http.StatusUnauthorized || got.Header.Get("DPoP-Nonce") == "" || !demanded {
		t.Errorf("%d %v", got.StatusCode, got.Header)
	}
}

// lowerCase is valid: token types are compared case-insensitively.
func lowerCase(t *testing.T, a *app) {
	has(t, a.signIn("alice").object, map[string]any{"token_type": "bearer"})
	got := a.redeemWith(a.dpop(ecKey(), a.proof("POST", fakeop.Token, "")), nil)
	has(t, got.object, map[string]any{"token_type": "dpop"})
}

func noExpiresIn(t *testing.T, a *app) {
	got := a.signIn("alice")
	has(t, got.object, map[string]any{"expires_in": nil, "token_type": "Bearer"})
	if user := a.userInfo(text(got.object, "access_token")); user.StatusCode != 200 {
		t.Errorf("userinfo: %d", user.StatusCode)
	}
}

func invalidAtHash(t *testing.T, a *app) {
	raw := a.idToken("alice")
	if _, ok := a.signedPayload(raw); !ok || len(text(part(t, raw, 1), "at_hash")) != 22 {
		t.Errorf("at_hash = %v", part(t, raw, 1)["at_hash"])
	}
	got := a.signIn("alice")
	token, err := a.verify(text(got.object, "id_token"))
	if err != nil || token.VerifyAccessToken(text(got.object, "access_token")) == nil {
		t.Errorf("at_hash fits: %v", err)
	}
}

func authTime(ago time.Duration) misbehaviour {
	return func(t *testing.T, a *app) {
		has(t, a.claimsAfter(changes{"max_age": {"60"}}), map[string]any{"auth_time": float64(time.Now().Add(-ago).Unix())})
	}
}

func acr(want any) misbehaviour {
	return func(t *testing.T, a *app) {
		has(t, a.claimsAfter(changes{"acr_values": {"gold"}}), map[string]any{"acr": want, "sub": "alice"})
	}
}
