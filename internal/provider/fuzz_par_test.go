package provider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// What parsePushed accepts is valid in a URL and has not expired.
func FuzzParsePushed(f *testing.F) {
	f.Add("application/json", []byte(`{"request_uri":"urn:ietf:params:oauth:request_uri:x","expires_in":60}`))
	f.Add("application/json", []byte(`{"request_uri":"a b","expires_in":1e999,"REQUEST_URI":"c"}`))
	f.Add("text/html", []byte(`{}`))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		requestURI, err := parsePushed(&answer{status: 201, header: http.Header{"Content-Type": {contentType}}, body: body})
		if err != nil {
			if text := err.Error(); strings.ContainsAny(text, "\r\n\x00\x1b") {
				t.Fatalf("raw provider text in %q", text)
			}
			return
		}
		var again struct {
			RequestURI string  `json:"request_uri"`
			ExpiresIn  float64 `json:"expires_in"`
		}
		if err := json.Unmarshal(body, &again); err != nil || again.RequestURI != requestURI || again.ExpiresIn <= 0 {
			t.Fatalf("accepted %q: %v", body, err)
		}
		if len(requestURI) == 0 || len(requestURI) > 1024 ||
			strings.ContainsFunc(requestURI, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Fatalf("accepted %q", requestURI)
		}
	})
}

// Without the key nobody can make a response or a signed userinfo that is accepted.
func FuzzOpenResponseText(f *testing.F) {
	for _, seed := range []string{"", "..", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJSUzI1NiJ9.e30.AA", "a.b.c.d.e",
		strings.Repeat(".", 99)} {
		f.Add(seed)
	}
	p := New(Config{Issuer: "https://op.example", ClientID: "app", Transport: noTransport{}})
	p.keys.current, p.keys.fetched = &keySet{}, time.Now().Add(24*time.Hour)
	p.keys.forcedAt = time.Now().Add(24 * time.Hour)
	f.Fuzz(func(t *testing.T, raw string) {
		if params, err := p.OpenResponse(t.Context(), raw); err == nil {
			t.Fatalf("accepted %q as %v", raw, params)
		}
		if claims, err := p.verifyUserInfo(t.Context(), raw); err == nil {
			t.Fatalf("accepted %q as %v", raw, claims)
		}
	})
}

// Whatever signed claims are accepted as a response obey every rule, checked here again from the text.
func FuzzOpenResponseClaims(f *testing.F) {
	now := time.Now().Unix()
	f.Add(fmt.Appendf(nil, `{"iss":"https://op.example","aud":"app","exp":%d,"code":"c","state":"s"}`, now+300))
	f.Add(fmt.Appendf(nil,
		`{"iss":"https://op.example","aud":["app"],"iat":%d,"exp":%d,"error":"e","CODE":"x","x":[]}`, now, now+1e9))
	f.Add([]byte(`{"iss":"https://op.example","aud":"app","exp":1e999,"code":null,"nonce":"n"}`))
	p := New(Config{Issuer: "https://op.example", ClientID: "app"})
	f.Fuzz(func(t *testing.T, payload []byte) {
		claims, err := decodeObject(payload, maxResponse)
		if err != nil {
			return
		}
		params, err := p.checkResponse(claims)
		if err != nil {
			return
		}
		var again map[string]any
		if err := json.Unmarshal(payload, &again); err != nil {
			t.Fatalf("accepted %s: %v", payload, err)
		}
		exp, _ := again["exp"].(float64)
		if left := exp - float64(time.Now().Unix()); again["iss"] != "https://op.example" || left < -1 || left > 601 {
			t.Fatalf("accepted %s", payload)
		}
		for name, values := range params {
			if !strings.Contains(" code state error error_description session_state iss ", " "+name+" ") || len(values) != 1 ||
				again[name] != values[0] {
				t.Fatalf("%s is %q in %s", name, values, payload)
			}
		}
	})
}

// However many origins send a nonce, few are remembered, and the newest always is.
func TestNoncesAreBounded(t *testing.T) {
	var n nonces
	for i := range 1000 {
		u := &url.URL{Scheme: "https", Host: fmt.Sprintf("api%d.example", i)}
		n.keep(u, "a")
		n.keep(u, "b")
		n.keep(u, "")
		if got := n.of(u); got != "b" || len(n.byOrigin) > maxOrigins {
			t.Fatalf("%q of %d origins", got, len(n.byOrigin))
		}
	}
	if got := n.of(&url.URL{Scheme: "http", Host: "api999.example"}); got != "" {
		t.Errorf("the nonce of https is %q of http", got)
	}
}
