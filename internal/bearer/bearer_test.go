package bearer_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/bearer"
	"github.com/seed-d65cea4d/ginoidc/internal/dpopnonce"
	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
)

// TestToken: exactly one header with a scheme of access tokens is read, and other schemes are not the plugin's.
func TestToken(t *testing.T) {
	for _, tt := range []struct {
		values  []string
		raw     string
		refused bool
	}{
		{nil, "", false},
		{[]string{"Basic dXNlcjpwYXNz"}, "", false},
		{[]string{"Basic dXNlcjpwYXNz", "Digest x"}, "", false},
		{[]string{"Bearer a.b-c"}, "a.b-c", false},
		{[]string{"bearer  token "}, "token", false},
		{[]string{"DPoP token"}, "token", false},
		{[]string{"Bearer"}, "", true},
		{[]string{"Bearer a,b"}, "a,b", false}, // the check of the token refuses it
		{[]string{"Bearer\ta"}, "\ta", false},  // and this one, which another server may take for a token
		{[]string{"Bearer a", "Bearer b"}, "", true},
		{[]string{"Basic dXNlcjpwYXNz", "Bearer b"}, "", true},
	} {
		raw, ok, err := bearer.Token(http.Header{"Authorization": tt.values})
		if raw != tt.raw || ok != (raw != "") || errors.Is(err, bearer.ErrRefused) != tt.refused ||
			(err != nil) != tt.refused {
			t.Errorf("%q: %q, %t, %v", tt.values, raw, ok, err)
		}
	}
}

// TestChallenges: without a token there is no error code, and a client learns what a refused one lacks.
func TestChallenges(t *testing.T) {
	seal, err := sealed.New("nonces", []string{strings.Repeat("secret", 6)}, "app")
	if err != nil {
		t.Fatal(err)
	}
	ch := bearer.Challenges{Realm: "https://app.example", Nonces: dpopnonce.Issuer{Seal: seal}}
	const realm = ` realm="https://app.example"`
	algs := `, algs="ES256 ES384 ES512 EdDSA PS256 PS384 PS512 RS256"`
	for _, tt := range []struct {
		shown    bool
		err      error
		params   string
		metadata string
		want     string
		nonce    bool
	}{
		{false, nil, "", "", "Bearer" + realm, false},
		{false, bearer.ErrProofNonce, `, error="x"`, "", "Bearer" + realm, false},
		{true, fmt.Errorf("wrapped: %w", bearer.ErrRefused), "", "", "Bearer" + realm + `, error="invalid_token"`, false},
		{true, bearer.ErrProof, "", "", "DPoP" + realm + `, error="invalid_dpop_proof"` + algs, false},
		{true, bearer.ErrProofNonce, "", "", "DPoP" + realm + `, error="use_dpop_nonce"` + algs, true},
		{true, errors.New("scope"), `, error="insufficient_scope"`, "", "Bearer" + realm + `, error="insufficient_scope"`,
			false},
		{true, errors.New("other"), "", "/meta", "Bearer" + realm + `, resource_metadata="https://app.example/meta"`, false},
	} {
		h := http.Header{}
		ch.Metadata = tt.metadata
		ch.Add(h, tt.shown, tt.err, tt.params)
		if got := h.Get("WWW-Authenticate"); got != tt.want || (h.Get("DPoP-Nonce") != "") != tt.nonce {
			t.Errorf("%v: %s, want %s; nonce %q", tt.err, got, tt.want, h.Get("DPoP-Nonce"))
		}
	}
}

// TestSetChallenges: a client that tried an access token gets the challenge for one alone, any other also that for
// browsers. What another response had is gone.
func TestSetChallenges(t *testing.T) {
	const cookie, token = `Cookie realm="https://app.example", x="y"`, `Bearer realm="https://app.example"`
	for _, tt := range []struct {
		tokens, shown bool
		want          []string
	}{
		{false, false, []string{cookie}},
		{true, false, []string{cookie, token}},
		{true, true, []string{token + `, x="y"`}},
	} {
		h := http.Header{"Www-Authenticate": {"Basic"}}
		bearer.Challenges{Realm: "https://app.example", Tokens: tt.tokens}.Set(h, tt.shown, errors.New("x"), `, x="y"`)
		if got := h["Www-Authenticate"]; !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// TestMetadataPath: where clients look for the metadata of a resource (RFC 9728, section 3.1), and how a group below a
// base path registers a route there.
func TestMetadataPath(t *testing.T) {
	for resource, want := range map[string]string{
		"": "", "https://api.example": "/.well-known/oauth-protected-resource", "\x00": "",
		"https://api.example/":     "/.well-known/oauth-protected-resource",
		"https://api.example/v1/a": "/.well-known/oauth-protected-resource/v1/a",
	} {
		if got := bearer.MetadataPath(resource); got != want {
			t.Errorf("%q: %q, want %q", resource, got, want)
		}
	}
	for base, want := range map[string]string{"/": "/x", "/app": "/../x", "/app/": "/../x", "/a/b": "/../../x"} {
		if got := bearer.Above(base, "/x"); got != want {
			t.Errorf("%q: %q, want %q", base, got, want)
		}
	}
}

// TestMetadata: pages of any origin may read the metadata, and nobody changes it.
func TestMetadata(t *testing.T) {
	m := &bearer.Metadata{
		Resource: "https://api.example", AuthorizationServers: []string{"https://idp.example"},
		BearerMethods: []string{"header"}, ProofAlgs: []string{"ES256"},
	}
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "OPTIONS": 204, "POST": 0, "DELETE": 0} {
		w := httptest.NewRecorder()
		served := m.Serve(w, httptest.NewRequest(method, "/", nil))
		if served != (want != 0) || served && w.Code != want || w.Header().Get("Access-Control-Allow-Origin") != "*" ||
			(w.Header().Get("Allow") != "") != !served {
			t.Errorf("%s: %d %v", method, w.Code, w.Header())
		}
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": only(method, "public, max-age=3600", "GET", "HEAD"),
			"Content-Type":                 only(method, "application/json; charset=utf-8", "GET", "HEAD"),
			"Access-Control-Allow-Methods": only(method, "GET, HEAD", "OPTIONS"),
			"Access-Control-Allow-Headers": only(method, "*", "OPTIONS"),
		} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", method, header, got, want)
			}
		}
		if body := w.Body.String(); method == "GET" && body != `{"resource":"https://api.example",`+
			`"authorization_servers":["https://idp.example"],"bearer_methods_supported":["header"],`+
			`"dpop_signing_alg_values_supported":["ES256"]}` {
			t.Errorf("%s: %s", method, body)
		}
	}
}

// only returns the value of a header that the responses to some methods have.
func only(method, value string, methods ...string) string {
	if slices.Contains(methods, method) {
		return value
	}
	return ""
}
