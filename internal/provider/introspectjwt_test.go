package provider_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const (
	answerHeader = `{"alg":"ES256","kid":"k1","typ":"token-introspection+jwt"}`
	answerType   = "application/token-introspection+jwt"
)

func signedAnswers(c *provider.AccessTokenConfig) { c.Introspection = provider.IntrospectionJWT }

// answerClaims of a good signed answer, changed; a nil value removes.
func answerClaims(change object) object {
	return merge(object{
		"iss": issuer, "aud": clientID, "iat": time.Now().Unix(), "token_introspection": said(nil),
	}, change)
}

// Every row is signed properly, by the provider's key, but for those that say otherwise. Case 378.
func TestSignedIntrospection(t *testing.T) {
	now := time.Now().Unix()
	stranger := newKey(t)
	tests := []struct {
		name   string
		header string // "": as it should be
		change object
		kind   string // of the content; "": as it should be
		forged bool
		code   string // "": accepted
	}{
		{name: "plain"},
		{name: "long form of typ", header: `{"alg":"ES256","kid":"k1","typ":"Application/Token-Introspection+JWT"}`},
		{name: "with a charset", kind: answerType + ";charset=utf-8"},
		{name: "aud as a list", change: object{"aud": []string{clientID}}},
		{name: "half a minute old", change: object{"iat": now - 90}},

		{name: "not signed at all", kind: "application/json", code: "bad_content_type"},
		{name: "another type of content", kind: "application/jwt", code: "bad_content_type"},
		{name: "typ JWT", header: `{"alg":"ES256","kid":"k1","typ":"JWT"}`, code: "wrong_type"},
		{name: "no typ", header: `{"alg":"ES256","kid":"k1"}`, code: "wrong_type"},
		{name: "typ of an access token", header: accessHeader, code: "wrong_type"},
		{name: "typ a list", header: `{"alg":"ES256","kid":"k1","typ":["token-introspection+jwt"]}`, code: "wrong_type"},
		{name: "alg none", header: `{"alg":"none","typ":"token-introspection+jwt"}`, code: "algorithm"},
		{name: "HS256", header: `{"alg":"HS256","kid":"k1","typ":"token-introspection+jwt"}`, code: "algorithm"},
		{
			name: "critical", header: `{"alg":"ES256","kid":"k1","typ":"token-introspection+jwt","crit":["x"]}`,
			code: "critical_header",
		},
		{name: "another issuer", change: object{"iss": "https://other.example"}, code: "issuer"},
		{name: "no issuer", change: object{"iss": nil}, code: "issuer"},
		{name: "another client", change: object{"aud": "other"}, code: "audience"},
		{name: "the API", change: object{"aud": api}, code: "audience"},
		{name: "no audience", change: object{"aud": nil}, code: "audience"},
		{name: "no iat", change: object{"iat": nil}, code: "bad_time"},
		{name: "of the future", change: object{"iat": now + 120}, code: "clock_skew"},
		{name: "old", change: object{"iat": now - 130}, code: "clock_skew"},
		{name: "expired", change: object{"exp": now - 120}, code: "clock_skew"},
		{name: "of a stranger", forged: true, code: "bad_signature"},
		{name: "says nothing", change: object{"token_introspection": nil}, code: "bad_answer"},
		{name: "says a text", change: object{"token_introspection": "active"}, code: "bad_answer"},
		{name: "twins", change: object{"token_introspection": said(object{"SUB": "admin"})}, code: "bad_answer"},
		{
			name: "active outside", change: object{"token_introspection": said(object{"active": nil}), "active": true},
			code: "bad_answer",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			p := op.introspecting(signedAnswers)
			key, header, kind := op.key, test.header, test.kind
			if test.forged {
				key = stranger
			}
			if header == "" {
				header = answerHeader
			}
			if kind == "" {
				kind = answerType
			}
			text := sign(t, key, header, string(must(json.Marshal(answerClaims(test.change)))))
			op.serve(introspectPath, func(w http.ResponseWriter, r *http.Request) {
				if accept := r.Header.Get("Accept"); accept != answerType {
					t.Errorf("Accept: %s", accept)
				}
				textAnswer(200, kind, text)(w, r)
			})
			got, err := p.Introspect(t.Context(), "opaque")
			if test.code == "" {
				if err != nil || got.Subject != "alice" {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			// The provider's fault, and none of the token's.
			if wantError(t, err, provider.Invalid, test.code); errors.Is(err, provider.ErrInvalidToken) {
				t.Errorf("%v", err)
			}
		})
	}
}

// The rules for what is said of the token are those of plain answers; no plain answer will do.
func TestSignedIntrospectionSays(t *testing.T) {
	op := newOP(t)
	p := op.introspecting(signedAnswers)
	for name, test := range map[string]struct {
		change object
		code   string
	}{
		"inactive": {object{"active": false}, "inactive"},
		"audience": {object{"aud": "https://other.example"}, "audience"},
		"expired":  {object{"exp": 1}, "expired"},
	} {
		payload := must(json.Marshal(answerClaims(object{"token_introspection": said(test.change)})))
		op.serve(introspectPath, textAnswer(200, answerType, sign(t, op.key, answerHeader, string(payload))))
		_, err := p.Introspect(t.Context(), name)
		wantRefusal(t, err, test.code)
	}
	for text, code := range map[string]string{
		"A": "malformed", base64.RawURLEncoding.EncodeToString([]byte(`[]`)): "bad_payload",
	} {
		header := base64.RawURLEncoding.EncodeToString([]byte(answerHeader))
		op.serve(introspectPath, textAnswer(200, answerType, header+"."+text+".AA"))
		_, err := p.Introspect(t.Context(), "opaque")
		wantError(t, err, provider.Invalid, code)
	}
	twins := must(json.Marshal(answerClaims(object{"token_introspection": said(object{"JTI": "t2"})})))
	op.serve(introspectPath, textAnswer(200, answerType, sign(t, op.key, answerHeader, string(twins))))
	_, err := p.Introspect(t.Context(), "opaque")
	wantError(t, err, provider.Invalid, "bad_answer")
	op.serve(introspectPath, jsonAnswer(200, said(nil)))
	_, err = p.Introspect(t.Context(), "opaque")
	wantError(t, err, provider.Invalid, "bad_content_type")
	op.serve(introspectPath, textAnswer(503, "", ""))
	_, err = p.Introspect(t.Context(), "opaque")
	wantError(t, err, provider.Unavailable, "provider_status")
}

// TestAcceptOfOtherRequests: only introspection is answered by a JWT.
func TestAcceptOfOtherRequests(t *testing.T) {
	op := newOP(t)
	p := op.introspecting(signedAnswers)
	op.serve(tokenPath, func(w http.ResponseWriter, r *http.Request) {
		if accept := r.Header.Get("Accept"); accept != "application/json" {
			t.Errorf("Accept: %s", accept)
		}
		jsonAnswer(200, refreshAnswer(nil))(w, r)
	})
	if _, _, err := p.Refresh(t.Context(), oldTokens(), "alice"); err != nil {
		t.Error(err)
	}
}

// TestAgeOfSignedIntrospection: an answer counts for so long, and the tolerance of clocks.
func TestAgeOfSignedIntrospection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		p := op.introspecting(signedAnswers)
		for age, accepted := range map[int64]bool{0: true, 120: true, 121: false} {
			payload := must(json.Marshal(answerClaims(object{"iat": time.Now().Unix() - age})))
			op.serve(introspectPath, textAnswer(200, answerType, sign(t, op.key, answerHeader, string(payload))))
			if _, err := p.Introspect(t.Context(), fmt.Sprint("opaque", age)); (err == nil) != accepted {
				t.Errorf("%d seconds old: %v", age, err)
			}
		}
	})
}
