package provider_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// Nobody can write an access token without the key, and no text makes the check panic.
func FuzzAccessTokenText(f *testing.F) {
	op := newOP(f)
	for _, texts := range accessGarbage(f, op) {
		for _, raw := range texts {
			f.Add(raw)
		}
	}
	f.Add(sign(f, newKey(f), accessHeader, string(must(json.Marshal(accessClaims(nil))))))
	p := op.client(accepting())
	f.Fuzz(func(t *testing.T, raw string) {
		token, err := p.CheckAccessToken(t.Context(), raw)
		if !errors.Is(err, provider.ErrInvalidToken) || token != nil {
			t.Fatalf("%q: %+v, %v", raw, token, err)
		}
	})
}

// Whatever signed text is accepted keeps every rule, judged here from the text again.
func FuzzAccessTokenRules(f *testing.F) {
	thumbprint := strings.Repeat("A", 43)
	for _, change := range []object{
		nil, {"aud": []string{"x", api}}, {"nonce": "n"}, {"client_id": nil, "azp": "spa"}, {"scope": []string{"a"}},
		{"cnf": object{"jkt": thumbprint}}, {"cnf": object{"kid": "1"}}, {"exp": 1e300},
	} {
		f.Add(accessHeader, must(json.Marshal(accessClaims(change))))
	}
	f.Add(`{"alg":"ES256","typ":"Application/AT+jwt"}`, must(json.Marshal(accessClaims(nil))))
	f.Add(`{"alg":"ES256"}`, []byte(`{"iss":"https://op.example","SUB":"a","sub":"b"}`))
	op := newOP(f)
	p := op.client(accepting())
	f.Fuzz(func(t *testing.T, header string, payload []byte) {
		token, err := p.VerifyAccessToken(t.Context(), sign(t, op.key, header, string(payload)))
		if err != nil {
			return
		}
		var h struct{ Typ string }
		var again struct {
			Iss, Sub, Jti string
			ClientID      string `json:"client_id"`
			Azp           string
			Aud           any
			Iat, Exp      float64
			Cnf           map[string]string
		}
		var members map[string]any
		if json.Unmarshal([]byte(header), &h) != nil || json.Unmarshal(payload, &members) != nil ||
			json.Unmarshal(payload, &again) != nil {
			t.Fatalf("accepted %q %q", header, payload)
		}
		for _, name := range []string{"nonce", "events", "at_hash"} {
			if _, present := members[name]; present || !strings.HasSuffix(strings.ToLower(h.Typ), "at+jwt") {
				t.Fatalf("accepted %q %q", header, payload)
			}
		}
		list, _ := again.Aud.([]any)
		if again.Iss != issuer || again.Aud != any(api) && !slices.Contains(list, any(api)) {
			t.Fatalf("accepted %q", payload)
		}
		if again.Sub == "" || token.Subject != again.Sub || again.Jti != token.ID || again.Jti == "" ||
			token.ClientID == "" || token.ClientID != again.ClientID && token.ClientID != again.Azp {
			t.Fatalf("%+v of %q", token, payload)
		}
		if token.Bound() != (members["cnf"] != nil) || token.Confirmation.JKT != again.Cnf["jkt"] {
			t.Fatalf("%+v of %q", token, payload)
		}
		if now := float64(time.Now().Unix()); again.Exp < now-62 || again.Iat > now+62 {
			t.Fatalf("accepted at %v: %q", now, payload)
		}
	})
}

// Whatever answer of an introspection endpoint counts for a good token says so beyond doubt.
func FuzzIntrospectionAnswer(f *testing.F) {
	for _, change := range []object{nil, {"active": false}, {"active": "true"}, {"aud": nil}, {"token_type": "x"}} {
		f.Add(must(json.Marshal(said(change))))
	}
	f.Add([]byte(`{"active":false,"Active":true}`))
	f.Add([]byte(`{"active":true,"active":true}`))
	op := newOP(f)
	p := op.introspecting()
	var answer atomic.Pointer[[]byte]
	op.serve(introspectPath, func(w http.ResponseWriter, r *http.Request) {
		textAnswer(200, "application/json", string(*answer.Load()))(w, r)
	})
	var asked atomic.Int64
	f.Fuzz(func(t *testing.T, body []byte) {
		answer.Store(&body)
		token, err := p.Introspect(t.Context(), "opaque"+time.Unix(asked.Add(1), 0).UTC().Format("20060102150405"))
		if err != nil {
			return
		}
		var again map[string]any
		if json.Unmarshal(body, &again) != nil {
			t.Fatalf("accepted %q", body)
		}
		list, _ := again["aud"].([]any)
		if again["active"] != true || again["aud"] != any(api) && !slices.Contains(list, any(api)) ||
			token.Subject+token.ClientID == "" || again["iss"] != nil && again["iss"] != issuer {
			t.Fatalf("accepted %q as %+v", body, token)
		}
	})
}

// Whatever a provider signs as an answer is read without a panic, and counts for nothing without the claims of one.
func FuzzSignedIntrospection(f *testing.F) {
	for _, change := range []object{nil, {"aud": api}, {"token_introspection": "x"}, {"iat": 1}} {
		f.Add(answerHeader, must(json.Marshal(answerClaims(change))))
	}
	f.Add(accessHeader, must(json.Marshal(answerClaims(nil))))
	op := newOP(f)
	p := op.introspecting(signedAnswers)
	var answer atomic.Pointer[string]
	op.serve(introspectPath, func(w http.ResponseWriter, r *http.Request) {
		textAnswer(200, answerType, *answer.Load())(w, r)
	})
	var asked atomic.Int64
	f.Fuzz(func(t *testing.T, header string, payload []byte) {
		text := sign(t, op.key, header, string(payload))
		answer.Store(&text)
		token, err := p.Introspect(t.Context(), "opaque"+time.Unix(asked.Add(1), 0).UTC().Format("20060102150405"))
		if err != nil {
			return
		}
		var again struct {
			Iss   string
			About map[string]any `json:"token_introspection"`
		}
		if json.Unmarshal(payload, &again) != nil || again.Iss != issuer || again.About["active"] != true {
			t.Fatalf("accepted %q %q as %+v", header, payload, token)
		}
	})
}
