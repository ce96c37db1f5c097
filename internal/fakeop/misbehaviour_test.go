package fakeop_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// misbehaviour checks the effect of one misbehaviour.
type misbehaviour func(t *testing.T, a *app)

func misbehaviours() map[fakeop.Misbehaviour]misbehaviour {
	return map[fakeop.Misbehaviour]misbehaviour{
		fakeop.SigNone:         sigNone,                                       // case 75
		fakeop.InvalidSigHS256: invalidSigHS256,                               // case 76
		fakeop.BadSignature:    badSignature,                                  // case 79
		fakeop.KidAbsent:       header("kid", nil, true),                      // case 82
		fakeop.UnknownKid:      header("kid", "unknown", false),               // case 119
		fakeop.WrongIss:        claim("iss", "https://elsewhere.example"),     // case 84
		fakeop.WrongAud:        claim("aud", "another-client"),                // case 85
		fakeop.MissingAud:      claim("aud", nil),                             // case 85
		fakeop.ExtraAudience:   claim("aud", []any{"app", "another-client"}),  // case 86
		fakeop.WrongAzp:        claim("azp", "another-client"),                // case 86
		fakeop.MissingSub:      claim("sub", nil),                             // case 87
		fakeop.DuplicateSub:    payload(`"sub":"alice"`, `,"sub":"mallory"}`), // case 94
		fakeop.SubCaseTwin:     payload(`"sub":"alice"`, `,"SUB":"mallory"}`), // case 95
		fakeop.MissingIat:      claim("iat", nil),                             // case 89
		fakeop.MissingExp:      claim("exp", nil),
		fakeop.Expired:         expired,
		fakeop.NonceInvalid:    claim("nonce", "not-the-nonce"), // case 91
		fakeop.NonceMissing:    claim("nonce", nil),             // case 91
		fakeop.InvalidAtHash:   invalidAtHash,
		fakeop.MissingACR:      acr(nil),
		fakeop.LowACR:          acr("0"),
		fakeop.MissingAuthTime: claim("auth_time", nil),  // case 97
		fakeop.OldAuthTime:     authTime(24 * time.Hour), // case 97
		fakeop.GroupsOverage:   groupsOverage,            // case 102

		fakeop.NoIDToken:           noIDToken,                                                             // case 55
		fakeop.HTMLAnswer:          tokenAnswer(200, "text/html", "<!doctype html>", nil),                 // case 54
		fakeop.Redirect307:         redirect307,                                                           // case 52
		fakeop.ErrorInvalidGrant:   tokenAnswer(400, "application/json", "invalid_grant", nil),            // case 64
		fakeop.ErrorInvalidClient:  tokenAnswer(401, "application/json", "invalid_client", nil),           // case 65
		fakeop.Unavailable503:      tokenAnswer(503, "text/plain", "", http.Header{"Retry-After": {"7"}}), // case 66
		fakeop.GzipBomb:            gzipBomb,                                                              // case 62
		fakeop.Slow:                slow,                                                                  // case 235
		fakeop.TokenTypeCase:       lowerCase,
		fakeop.NoExpiresIn:         noExpiresIn, // case 60
		fakeop.UserInfoInvalidSub:  userInfo(200, `"sub":"mallory"`),
		fakeop.UserInfoNull:        userInfo(200, "null"),                            // case 104
		fakeop.UserInfo401:         userInfo(401, "invalid_token"),                   // case 106
		fakeop.IssuerMismatch:      discovery("issuer", "https://elsewhere.example"), // case 111
		fakeop.IssuerTrailingSlash: discovery("issuer", "https://idp.example/"),      // case 111
		fakeop.EndpointsHTTP:       endpointsHTTP,                                    // case 127
		fakeop.UnknownCurves:       unknownCurves,                                    // case 121
		fakeop.MissingIss:          callback("iss", ""),                              // case 36
		fakeop.WrongIssParam:       callback("iss", "https://elsewhere.example"),     // case 37
		fakeop.MissingState:        callback("state", ""),                            // case 21
		fakeop.InvalidState:        callback("state", "not-the-state"),
	}
}

// Each misbehaviour does what its name says, and nothing else is wrong: ID tokens with only wrong claims have a valid
// signature.
func TestMisbehaviours(t *testing.T) {
	tests, all := misbehaviours(), fakeop.Misbehaviours()
	maps.Copy(tests, fapiMisbehaviours())
	maps.Copy(tests, refreshMisbehaviours())
	if len(all) != len(tests) {
		t.Errorf("%d misbehaviours, %d of them tested", len(all), len(tests))
	}
	for _, name := range all {
		t.Run(string(name), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, configFor(name))
				if tests[name] == nil {
					t.Fatal("no test")
				}
				a.idp.Misbehave(name)
				tests[name](t, a)
				if t.Failed() {
					return
				}
				a.idp.Misbehave()
				if _, err := a.verify(opened(t, a.idToken("alice"))); err != nil {
					t.Errorf("the provider does not behave again: %v", err)
				}
			})
		})
	}
}

func (a *app) idToken(subject string) string {
	a.t.Helper()
	return text(a.signIn(subject).object, "id_token")
}

// signedPayload returns the payload of an ID token whose signature fits a key.
func (a *app) signedPayload(raw string) (payload []byte, ok bool) {
	a.t.Helper()
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal([]byte(a.get(a.url(fakeop.JWKS)).text), &set); err != nil {
		a.t.Fatal(err)
	}
	token, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA})
	if err != nil {
		return nil, false
	}
	for _, each := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(each) != nil {
			continue
		}
		if payload, err := token.Verify(key); err == nil {
			return payload, true
		}
	}
	return nil, false
}

func claim(name string, want any) misbehaviour {
	return func(t *testing.T, a *app) {
		raw := a.idToken("alice")
		if _, ok := a.signedPayload(raw); !ok {
			t.Error("the signature is bad")
		}
		has(t, part(t, raw, 1), map[string]any{name: want})
	}
}

func payload(contains, ends string) misbehaviour {
	return func(t *testing.T, a *app) {
		payload, ok := a.signedPayload(a.idToken("alice"))
		if !ok || !strings.Contains(string(payload), contains) || !strings.HasSuffix(string(payload), ends) ||
			!json.Valid(payload) {
			t.Errorf("signature %v, payload %s", ok, payload)
		}
	}
}

func header(name string, want any, verifies bool) misbehaviour {
	return func(t *testing.T, a *app) {
		raw := a.idToken("alice")
		has(t, part(t, raw, 0), map[string]any{name: want, "alg": "RS256"})
		if _, err := a.verify(raw); (err == nil) != verifies {
			t.Errorf("verify: %v", err)
		}
		if _, ok := a.signedPayload(raw); !ok {
			t.Error("the signature is bad")
		}
	}
}

func sigNone(t *testing.T, a *app) {
	raw := a.idToken("alice")
	has(t, part(t, raw, 0), map[string]any{"alg": "none"})
	has(t, part(t, raw, 1), map[string]any{"sub": "alice", "nonce": "the-nonce"})
	if !strings.HasSuffix(raw, ".") {
		t.Error("there is a signature")
	}
}

func invalidSigHS256(t *testing.T, a *app) {
	raw := a.idToken("alice")
	has(t, part(t, raw, 0), map[string]any{"alg": "HS256"})
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(a.get(a.url(fakeop.JWKS)).text), &set); err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(set.Keys[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	cut := strings.LastIndex(raw, ".")
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	mac.Write([]byte(raw[:cut]))
	if raw[cut+1:] != base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) {
		t.Error("a verifier that takes the public key for a secret would refuse it too")
	}
}

func badSignature(t *testing.T, a *app) {
	raw := a.idToken("alice")
	has(t, part(t, raw, 0), map[string]any{"alg": "RS256", "kid": part(t, a.idToken("bob"), 0)["kid"]})
	if _, ok := a.signedPayload(raw); ok || len(decode(t, raw[strings.LastIndex(raw, ".")+1:])) != 256 {
		t.Error("the signature is valid, or not even of the right length")
	}
}

func expired(t *testing.T, a *app) {
	raw := a.idToken("alice")
	past := float64(time.Now().Add(-time.Hour).Unix())
	has(t, part(t, raw, 1), map[string]any{"exp": past, "iat": past - 60})
	if _, ok := a.signedPayload(raw); !ok {
		t.Error("the signature is bad")
	}
}

func groupsOverage(t *testing.T, a *app) {
	answer := a.signIn("alice")
	for _, claims := range []map[string]any{
		part(t, text(answer.object, "id_token"), 1), a.userInfo(text(answer.object, "access_token")).object,
	} {
		sources, _ := claims["_claim_sources"].(map[string]any)
		src1, _ := sources["src1"].(map[string]any)
		has(t, claims, map[string]any{
			"groups": nil, "_claim_names": map[string]any{"groups": "src1"}, "organizations": []any{"acme"},
		})
		if text(src1, "endpoint") == "" {
			t.Errorf("_claim_sources = %v", claims["_claim_sources"])
			continue
		}
		if resp, err := a.client.Get(text(src1, "endpoint")); err == nil {
			_ = resp.Body.Close()
		}
	}
	if got := a.idp.Count(fakeop.Elsewhere); got != 2 {
		t.Errorf("fetches of the claim source counted: %d, want 2", got)
	}
}

func noIDToken(t *testing.T, a *app) {
	has(t, a.signIn("alice").object, map[string]any{"id_token": nil, "token_type": "Bearer"})
}

func tokenAnswer(status int, contentType, contains string, header http.Header) misbehaviour {
	return func(t *testing.T, a *app) {
		got := a.redeem(a.approve("alice", nil).Get("code"))
		if got.StatusCode != status || !strings.HasPrefix(got.Header.Get("Content-Type"), contentType) ||
			!strings.Contains(got.text, contains) {
			t.Errorf("%d %s %s", got.StatusCode, got.Header.Get("Content-Type"), got.text)
		}
		for name, values := range header {
			if !slices.Equal(got.Header[name], values) {
				t.Errorf("%s = %v", name, got.Header[name])
			}
		}
	}
}

func redirect307(t *testing.T, a *app) {
	got := a.redeem(a.approve("alice", nil).Get("code"))
	if got.StatusCode != 307 || got.location().Host == "idp.example" || got.location().Host == "" {
		t.Errorf("%d to %q", got.StatusCode, got.location())
	}
	a.client.CheckRedirect = nil
	form := strings.NewReader("code=x")
	if resp, err := a.client.Post(a.url(fakeop.Token), "application/x-www-form-urlencoded", form); err == nil {
		_ = resp.Body.Close()
	}
	if a.idp.Count(fakeop.Elsewhere) != 1 {
		t.Error("a client that follows is not noticed")
	}
}

func gzipBomb(t *testing.T, a *app) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url(fakeop.Token), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := a.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<20))
	if err != nil || n != 4<<20 || !resp.Uncompressed {
		t.Errorf("read %d bytes, %v; uncompressed by the client: %v", n, err, resp.Uncompressed)
	}
	_ = resp.Body.Close()

	r.Header.Set("Accept-Encoding", "gzip")
	resp, err = a.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	wire, err := io.Copy(io.Discard, resp.Body)
	if err != nil || wire > 128<<10 || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%d bytes on the wire, %v", wire, err)
	}
	_ = resp.Body.Close()
}

// Inside a bubble the minute takes no time. A client that gives up leaves nothing running, or the bubble could not end.
func slow(t *testing.T, a *app) {
	for _, e := range []fakeop.Endpoint{fakeop.Discovery, fakeop.JWKS, fakeop.Token, fakeop.UserInfo} {
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url(e), strings.NewReader("code=x"))
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := a.client.Do(r); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 10*time.Second {
			t.Errorf("%s after %s: %v, %v", e, time.Since(start), resp, err)
		}
		cancel()
		if got := a.get(a.url(e)); got.StatusCode != 504 || time.Since(start) != 70*time.Second {
			t.Errorf("%s after %s: %d", e, time.Since(start), got.StatusCode)
		}
	}
}

func userInfo(status int, contains string) misbehaviour {
	return func(t *testing.T, a *app) {
		got := a.userInfo(text(a.signIn("alice").object, "access_token"))
		if got.StatusCode != status || !strings.Contains(got.text, contains) {
			t.Errorf("%d %s", got.StatusCode, got.text)
		}
	}
}

func discovery(name, want string) misbehaviour {
	return func(t *testing.T, a *app) {
		doc := a.get(a.url(fakeop.Discovery)).object
		has(t, doc, map[string]any{name: want, "token_endpoint": a.url(fakeop.Token)})
		if part(t, a.idToken("alice"), 1)["iss"] != a.idp.Issuer() {
			t.Error("the ID token changed as well")
		}
	}
}

func endpointsHTTP(t *testing.T, a *app) {
	doc := a.get(a.url(fakeop.Discovery)).object
	if doc["issuer"] != a.idp.Issuer() {
		t.Errorf("issuer = %v", doc["issuer"])
	}
	for _, name := range []string{
		"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint",
		"pushed_authorization_request_endpoint", "revocation_endpoint", "introspection_endpoint",
	} {
		if !strings.HasPrefix(text(doc, name), "http://elsewhere.example/") {
			t.Errorf("%s = %v", name, doc[name])
		}
	}
	has(t, doc, map[string]any{"mtls_endpoint_aliases": map[string]any{
		"token_endpoint": "http://elsewhere.example/token", "userinfo_endpoint": "http://elsewhere.example/userinfo",
		"pushed_authorization_request_endpoint": "http://elsewhere.example/par",
		"revocation_endpoint":                   "http://elsewhere.example/revoke",
		"introspection_endpoint":                "http://elsewhere.example/introspect",
	}})
}

func unknownCurves(t *testing.T, a *app) {
	body := a.get(a.url(fakeop.JWKS)).text
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(body), &set); err == nil && len(set.Keys) == 3 {
		t.Error("these keys puzzle nobody")
	}
	if strings.Index(body, "secp256k1") > strings.Index(body, `"RSA"`) || !strings.Contains(body, "AKP") {
		t.Errorf("key set = %s", body)
	}
	if _, ok := a.signedPayload(a.idToken("alice")); !ok {
		t.Error("the right key is not among them")
	}
}

// callback checks the authorization response, of a success and of an error.
func callback(name, want string) misbehaviour {
	return func(t *testing.T, a *app) {
		silent := a.get(a.authURL(changes{"prompt": {"none"}})).location().Query()
		for _, query := range []map[string][]string{a.approve("alice", nil), silent} {
			if got := strings.Join(query[name], " "); got != want || len(query) < 2 {
				t.Errorf("%s = %q in %v, want %q", name, got, query, want)
			}
		}
	}
}
