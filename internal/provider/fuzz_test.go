package provider

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

// What decodeObject accepts is JSON, encoding/json reads the same, and no other parser finds another value under any
// name.
func FuzzDecodeObject(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":null}],"c":"\u017f"}`, `{"sub":1,"SUB":2}`, `{"a":1,"a":2}`, `{"a":`,
		`{}{}`, "{\"\xff\":1}", `[[[[`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		object, err := decodeObject(data, maxIDToken)
		if err != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("accepted %q", data)
		}
		var theirs map[string]any
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		if err := decoder.Decode(&theirs); err != nil || !reflect.DeepEqual(object, theirs) {
			t.Fatalf("%q is %v, and encoding/json reads %v, %v", data, object, theirs, err)
		}
		for name := range object {
			for other := range object {
				if name != other && strings.EqualFold(name, other) {
					t.Fatalf("twins %q and %q", name, other)
				}
			}
		}
	})
}

// What parseKeySet accepts is public, strong enough and for a known algorithm.
func FuzzParseKeySet(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",` +
		`"y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","use":"sig","kid":"1"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},` +
		`{"kty":"RSA","n":"AQAB","e":"AQAB"},null,1,{"kty":"oct","k":"AA"}]}`))
	f.Add([]byte(`{"keys":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := parseKeySet(data, maxKeys)
		if err != nil {
			return
		}
		for _, key := range set.keys {
			if !key.IsPublic() || !key.Valid() || len(set.keys) > maxKeys {
				t.Fatalf("let through %+v", key)
			}
			if fits(key, "HS256") || fits(key, "none") || fits(key, "") {
				t.Fatalf("%+v fits no asymmetric algorithm", key)
			}
		}
	})
}

// What parseMetadata accepts is our issuer's and names only endpoints that may be called.
func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://op.example","authorization_endpoint":"https://op.example/a",` +
		`"token_endpoint":"https://op.example/t","jwks_uri":"https://op.example/k","end_session_endpoint":"javascript:x"}`))
	f.Add([]byte(`{"issuer":"https://op.example/","jwks_uri":"http://localhost/k"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		metadata, err := parseMetadata(data, "https://op.example", true)
		if err != nil {
			if text := err.Error(); strings.ContainsAny(text[:len(text)-1], "\r\x00\x1b") {
				t.Fatalf("raw provider text in %q", text)
			}
			return
		}
		if metadata.AuthorizationEndpoint == "" || metadata.TokenEndpoint == "" || metadata.JWKSURI == "" {
			t.Fatalf("incomplete %+v", metadata)
		}
		for _, endpoint := range []string{metadata.AuthorizationEndpoint, metadata.TokenEndpoint, metadata.JWKSURI,
			metadata.UserinfoEndpoint, metadata.EndSessionEndpoint} {
			if scheme, _, _ := strings.Cut(strings.ToLower(endpoint), ":"); endpoint != "" && scheme != "https" &&
				scheme != "http" {
				t.Fatalf("endpoint %q", endpoint)
			}
		}
	})
}

// What parseTokens and parseRefreshed accept is complete, safe in a header and has a lifetime that cannot overflow.
func FuzzParseTokens(f *testing.F) {
	f.Add("application/json",
		[]byte(`{"access_token":"at","token_type":"Bearer","id_token":"x.y.z","expires_in":"3600",`+
			`"refresh_token":"rt","scope":"openid"}`))
	f.Add("application/json",
		[]byte(`{"access_token":"at","ACCESS_TOKEN":"b","token_type":"Bearer","id_token":"x","expires_in":1e999}`))
	f.Add("application/json", []byte(`{"error":"invalid_grant"}`))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		now := time.Now()
		a := &answer{status: http.StatusOK, header: http.Header{"Content-Type": {contentType}}, body: body}
		tokens, err := parseTokens(a, nil, now)
		refreshed, refreshErr := parseRefreshed(a, &Tokens{RefreshToken: "old", Scope: "old"}, now)
		if refreshErr == nil &&
			(!visible(refreshed.AccessToken) || refreshed.RefreshToken == "" || (err == nil) != (refreshed.IDToken != "")) {
			t.Fatalf("accepted %+v", refreshed)
		}
		if err != nil {
			return
		}
		if !visible(tokens.AccessToken) || tokens.IDToken == "" || tokens.TokenType != "Bearer" {
			t.Fatalf("accepted %+v", tokens)
		}
		if life := tokens.Expiry.Sub(now); !tokens.Expiry.IsZero() && (life < 0 || life > maxLifetime) {
			t.Fatalf("life of %v", life)
		}
	})
}

// Without the key nobody can make a token that is accepted, and no text makes the check panic or hang.
func FuzzIDTokenText(f *testing.F) {
	for _, seed := range []string{"", "..", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJSUzI1NiJ9.e30.AA",
		`{"payload":"e30","protected":"e30","signature":""}`, "a.b.c.d.e", strings.Repeat(".", 99)} {
		f.Add(seed)
	}
	p := New(Config{Issuer: "https://op.example", ClientID: "app", Transport: noTransport{}})
	p.keys.current, p.keys.fetched = &keySet{}, time.Now().Add(24*time.Hour)
	p.keys.forcedAt = time.Now().Add(24 * time.Hour)
	f.Fuzz(func(t *testing.T, raw string) {
		if claims, err := p.VerifyIDToken(t.Context(), raw, Expect{Nonce: "n", MaxAge: -1}); err == nil {
			t.Fatalf("accepted %q as %v", raw, claims)
		}
	})
}

// Whatever signed claims are accepted obey every rule, checked here again from the text.
func FuzzIDTokenClaims(f *testing.F) {
	now := time.Now().Unix()
	good, _ := json.Marshal(map[string]any{"iss": "https://op.example", "aud": "app", "sub": "a", "nonce": "n",
		"iat": now, "exp": now + 1e9})
	f.Add(good)
	f.Add(bytes.Replace(good, []byte(`"app"`), []byte(`[]`), 1))
	f.Add([]byte(`{"iss":"https://op.example","aud":["app","b"],"azp":"app","sub":"","SUB":"x","iat":"1","exp":1e999}`))
	p := New(Config{Issuer: "https://op.example", ClientID: "app"})
	f.Fuzz(func(t *testing.T, payload []byte) {
		claims, err := decodeObject(payload, maxIDToken)
		if err != nil || p.checkClaims(claims, Expect{Nonce: "n", MaxAge: -1}) != nil {
			return
		}
		var again struct {
			Iss   string  `json:"iss"`
			Sub   string  `json:"sub"`
			Aud   any     `json:"aud"`
			Nonce string  `json:"nonce"`
			Exp   float64 `json:"exp"`
			Iat   float64 `json:"iat"`
		}
		if err := json.Unmarshal(payload, &again); err != nil {
			t.Fatalf("accepted %s: %v", payload, err)
		}
		now := float64(time.Now().Unix())
		if list, ok := again.Aud.([]any); ok && len(list) == 0 {
			t.Fatalf("accepted for nobody: %s", payload)
		}
		if again.Iss != "https://op.example" || again.Sub == "" || again.Nonce != "n" || again.Exp < now-1 ||
			math.Abs(now-again.Iat) > 7202 {
			t.Fatalf("accepted %s", payload)
		}
	})
}

type noTransport struct{}

func (noTransport) RoundTrip(*http.Request) (*http.Response, error) { return nil, http.ErrNotSupported }
