package provider_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

func TestUserInfo(t *testing.T) {
	body := func(text string) http.HandlerFunc { return textAnswer(200, "application/json", text) }
	tests := []struct {
		name   string
		script http.HandlerFunc
		kind   provider.Kind
		code   string
	}{
		{name: "good", script: body(`{"sub":"alice","groups":["a"]}`)},
		{name: "with a charset", script: textAnswer(200, "application/json;charset=UTF-8", `{"sub":"alice","groups":["a"]}`)},

		{"another subject", body(`{"sub":"bob","groups":["a"]}`), provider.Refused, "subject_mismatch"},
		{"subject in other case", body(`{"sub":"Alice"}`), provider.Refused, "subject_mismatch"}, // case 100
		{"no subject", body(`{"groups":["a"]}`), provider.Refused, "subject_mismatch"},
		{"subject by another name", body(`{"SUB":"alice"}`), provider.Refused, "subject_mismatch"}, // case 95
		{"subject a list", body(`{"sub":["alice"]}`), provider.Refused, "subject_mismatch"},

		{"twins", body(`{"sub":"alice","SUB":"bob"}`), provider.Invalid, "bad_answer"}, // case 95
		{"duplicate", body(`{"sub":"alice","sub":"alice"}`), provider.Invalid, "bad_answer"},
		{"null", body(`null`), provider.Invalid, "bad_answer"}, // case 104
		{"array", body(`[]`), provider.Invalid, "bad_answer"},
		{"cut", body(`{"sub":"alice"`), provider.Invalid, "bad_answer"},
		{"HTML", textAnswer(200, "text/html", `{"sub":"alice"}`), provider.Invalid, "bad_content_type"},
		{"a malformed parameter", textAnswer(200, "application/json; charset", `{"sub":"alice"}`), provider.Invalid,
			"bad_content_type"},
		{"too large", body(`{"sub":"alice","x":"` + strings.Repeat("x", 1<<20) + `"}`), provider.Invalid, "body_too_large"},
		{"204", textAnswer(204, "application/json", ``), provider.Invalid, "provider_status"},
		{"401", textAnswer(401, "application/json", `{"sub":"alice"}`), provider.Refused, "provider_status"}, // case 106
		{"403", textAnswer(403, "application/json", `{"sub":"alice"}`), provider.Invalid, "provider_status"},
		{"500", textAnswer(500, "application/json", `{"sub":"alice"}`), provider.Unavailable, "provider_status"},
		{"redirect", redirect(302), provider.Invalid, "redirect"}, // case 107
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			op.serve(userinfoPath, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.Header.Get("Authorization") != "Bearer at" {
					t.Errorf("%s with %q", r.Method, r.Header.Get("Authorization"))
				}
				test.script(w, r)
			})
			claims, err := op.client().UserInfo(t.Context(), bearer(), "alice")
			if op.count("/elsewhere") != 0 {
				t.Error("the redirect was followed")
			}
			if test.kind == 0 {
				if err != nil || claims["sub"] != "alice" || len(claims) != 2 {
					t.Errorf("%v, %v", claims, err)
				}
				return
			}
			if test.kind == provider.Refused && test.code != "provider_status" {
				wantBadToken(t, err, test.code)
			} else {
				wantError(t, err, test.kind, test.code)
			}
			if claims != nil {
				t.Errorf("%v in addition to the error", claims)
			}
		})
	}
	op := newOP(t)
	op.serve(userinfoPath, body(`{"sub":""}`))
	_, err := op.client().UserInfo(t.Context(), bearer(), "")
	wantBadToken(t, err, "subject_mismatch")
	op.serve(discoveryPath, document(object{"userinfo_endpoint": nil}))
	if claims, err := op.client().UserInfo(t.Context(), bearer(), "alice"); claims != nil || err != nil {
		t.Errorf("without an endpoint: %v, %v", claims, err)
	}
}

// TestWithoutMetadata: no call of which the address is unknown.
func TestWithoutMetadata(t *testing.T) {
	op := newOP(t)
	op.serve(discoveryPath, textAnswer(503, "", ""))
	p := op.client()
	_, userinfo := p.UserInfo(t.Context(), bearer(), "alice")
	_, exchange := p.Exchange(t.Context(), "c", "v")
	for _, err := range []error{userinfo, exchange} {
		wantError(t, err, provider.Unavailable, "provider_status")
	}
}

func bearer() *provider.Tokens { return &provider.Tokens{AccessToken: "at", TokenType: "Bearer"} }

// userInfoClaims returns the claims of a valid signed response, changed; a nil value removes a member.
func userInfoClaims(change object) object {
	return merge(object{"iss": issuer, "aud": clientID, "sub": "alice"}, change)
}

// case 105: a signed response is from this provider, for this client, and about this user.
func TestSignedUserInfo(t *testing.T) {
	now := time.Now().Unix()
	const header = `{"alg":"ES256","kid":"k1"}`
	tests := []struct {
		name, header string
		change       object
		code         string // "": accepted
	}{
		{"plain", header, nil, ""},
		{"typ JWT", `{"alg":"ES256","kid":"k1","typ":"JWT"}`, nil, ""},
		{"aud as a list", header, object{"aud": []string{clientID}}, ""},
		{"with times", header, object{"iat": now, "nbf": now, "exp": now + 60}, ""},
		{"null", header,
			object{"iat": json.RawMessage("null"), "nbf": json.RawMessage("null"), "exp": json.RawMessage("null"),
				"azp": json.RawMessage("null")}, ""},
		// case 102
		{"an endpoint in it", header,
			object{"_claim_names": object{"groups": "a"}, "_claim_sources": object{"a": object{"endpoint": issuer + "/claims"}}},
			""},

		{"alg none", `{"alg":"none"}`, nil, "algorithm"}, // case 75
		{"alg not pinned", `{"alg":"RS256","kid":"k1"}`, nil, "algorithm"},
		{"crit", `{"alg":"ES256","kid":"k1","crit":["exp"]}`, nil, "critical_header"},
		{"unknown key", `{"alg":"ES256","kid":"k2"}`, nil, "bad_signature"},
		{"access token", `{"alg":"ES256","kid":"k1","typ":"at+jwt"}`, nil, "wrong_type"},
		{"introspection", `{"alg":"ES256","kid":"k1","typ":"token-introspection+jwt"}`, nil, "wrong_type"},
		{"logout token", `{"alg":"ES256","kid":"k1","typ":"application/logout+jwt"}`, nil, "wrong_type"},
		{"other iss", header, object{"iss": issuer + "/"}, "issuer"},
		{"iss missing", header, object{"iss": nil}, "issuer"},
		{"other aud", header, object{"aud": "other"}, "audience"},
		{"aud missing", header, object{"aud": nil}, "audience"},
		{"a further aud", header, object{"aud": []string{clientID, "other"}}, "audience"},
		{"other azp", header, object{"azp": "other"}, "authorized_party"},
		{"another subject", header, object{"sub": "bob"}, "subject_mismatch"},
		{"no subject", header, object{"sub": nil}, "subject_mismatch"},
		{"twins", header, object{"SUB": "bob"}, "bad_payload"}, // case 95
		{"expired", header, object{"exp": now - 90}, "clock_skew"},
		{"exp a string", header, object{"exp": "1"}, "bad_time"},
		{"exp beyond years", header, object{"exp": 1e300}, "bad_time"},
		{"issued in the future", header, object{"iat": now + 90}, "clock_skew"},
		{"not valid yet", header, object{"nbf": now + 90}, "clock_skew"},
		{"too large", header, object{"x": strings.Repeat("x", 256<<10)}, "too_large"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			payload, _ := json.Marshal(userInfoClaims(test.change))
			op.serve(userinfoPath,
				textAnswer(200, "application/jwt; charset=utf-8", sign(t, op.key, test.header, string(payload))))
			got, err := op.client().UserInfo(t.Context(), bearer(), "alice")
			if op.count("/claims") != 0 {
				t.Error("a claim source was fetched")
			}
			if test.code != "" {
				if test.code == "subject_mismatch" { // the response is valid, and about another user
					wantBadToken(t, err, test.code)
				} else {
					wantError(t, err, provider.Invalid, test.code)
				}
				if got != nil {
					t.Errorf("%v in addition to the error", got)
				}
				return
			}
			if want := len(userInfoClaims(test.change)); err != nil || got["sub"] != "alice" || len(got) != want {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

// case 105: texts that are not signed responses, and unavailable keys.
func TestSignedUserInfoText(t *testing.T) {
	op := newOP(t)
	payload, _ := json.Marshal(userInfoClaims(nil))
	good := sign(t, op.key, `{"alg":"ES256","kid":"k1"}`, string(payload))
	for text, code := range map[string]string{
		"": "malformed", "x.y": "malformed", "x.y.z": "malformed", string(payload): "malformed", good + "\n": "malformed",
		"a.b.c.d.e": "encrypted", good[:len(good)-4] + "AAAA": "bad_signature",
		sign(t, newKey(t), `{"alg":"ES256","kid":"k1"}`, string(payload)): "bad_signature",
		sign(t, op.key, `{"alg":"ES256","kid":"k1"}`, "null"):             "bad_payload",
	} {
		op.serve(userinfoPath, textAnswer(200, "application/jwt", text))
		_, err := op.client().UserInfo(t.Context(), bearer(), "alice")
		wantError(t, err, provider.Invalid, code)
	}
	op.serve(userinfoPath, textAnswer(200, "application/json", good)) // the form follows the content type, not the look
	_, err := op.client().UserInfo(t.Context(), bearer(), "alice")
	wantError(t, err, provider.Invalid, "bad_answer")
	op.serve(userinfoPath, textAnswer(200, "application/jwt", good))
	op.serve(keysPath, textAnswer(503, "", ""))
	_, err = op.client().UserInfo(t.Context(), bearer(), "alice")
	wantError(t, err, provider.Unavailable, "provider_status")
}

// case 102: a URL in userinfo is data, whatever the claim.
func TestClaimSourcesAreNotFetched(t *testing.T) {
	op := newOP(t)
	op.serve(userinfoPath, jsonAnswer(200, object{"sub": "alice", "_claim_names": object{"groups": "a"},
		"_claim_sources": object{"a": object{"endpoint": issuer + "/claims", "access_token": "x"}}}))
	got, err := op.client().UserInfo(t.Context(), bearer(), "alice")
	if _, is := got["_claim_sources"].(object); err != nil || !is || op.count("/claims") != 0 {
		t.Errorf("%v, %v after %d fetches", got, err, op.count("/claims"))
	}
}
