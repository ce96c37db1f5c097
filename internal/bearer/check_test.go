package bearer_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/bearer"
	"github.com/seed-d65cea4d/ginoidc/internal/clientcert"
	"github.com/seed-d65cea4d/ginoidc/internal/dpopnonce"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/returnto"
	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
)

const (
	audience = "https://api.example"
	address  = "https://app.example/base/me" // of the requests, as clients know it
)

// api is an app that checks access tokens, its provider, and a client of both with a key.
type api struct {
	*bearer.Checker
	op      *fakeop.Provider
	key     *ecdsa.PrivateKey
	jkt     string
	used    map[string]time.Duration // the proofs, and for how long they are remembered
	outage  error                    // of the state that remembers them
	binding map[string]any           // of the tokens that the provider issues
}

func newAPI(t *testing.T) *api {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	op, err := fakeop.New(fakeop.Config{Logger: quiet, SigningAlg: "ES256", Users: []fakeop.User{{Subject: "alice"}}})
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	thumbprint, err := (&jose.JSONWebKey{Key: &key.PublicKey}).Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	seal, err := sealed.New("nonces", []string{strings.Repeat("secret", 6)}, "app")
	if err != nil {
		t.Fatal(err)
	}
	a := &api{op: op, key: key, jkt: encode(thumbprint), used: map[string]time.Duration{}}
	op.OnAccessToken(func(claims map[string]any) {
		if a.binding != nil {
			claims["cnf"] = a.binding
		}
	})
	a.Checker = &bearer.Checker{
		Provider: provider.New(provider.Config{
			Issuer: op.Issuer(), ClientID: "app", Transport: op.Transport(), Timeout: 5 * time.Second, Logger: quiet,
			SigningAlgs: []string{"ES256"}, AccessTokens: provider.AccessTokenConfig{Audience: audience},
			Report: func(context.Context, provider.Event) {},
		}),
		Site:   returnto.Site{Origin: "https://app.example", Base: "/base"},
		Nonces: dpopnonce.Issuer{Seal: seal},
		MarkUsed: func(_ context.Context, name string, ttl time.Duration) (bool, error) {
			_, used := a.used[name]
			a.used[name] = ttl
			return !used, a.outage
		},
	}
	return a
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// token returns an access token that is bound to keys, or to none.
func (a *api) token(t *testing.T, binding map[string]any) string {
	t.Helper()
	a.binding = binding
	token, err := a.op.AccessToken("alice", audience)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// proof returns a proof of the client's key for a request with a token.
func (a *api) proof(t *testing.T, token string, claims map[string]any) string {
	t.Helper()
	sum := sha256.Sum256([]byte(token))
	all := map[string]any{
		"jti": rand.Text(), "htm": http.MethodGet, "htu": address, "iat": time.Now().Unix(), "ath": encode(sum[:]),
	}
	for name, value := range claims {
		all[name] = value
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: a.key}, (&jose.SignerOptions{}).
		WithType("dpop+jwt").WithHeader("jwk", jose.JSONWebKey{Key: &a.key.PublicKey}))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// check checks the token of a request with these proofs, which a proxy has passed on without the base path.
func (a *api) check(
	t *testing.T, scheme, token string, certificate []byte, proofs ...string,
) (*provider.AccessToken, http.Header, error) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/me?page=2", nil)
	r.Header["Authorization"], r.Header["Dpop"] = []string{scheme + " " + token}, proofs
	if certificate != nil {
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Raw: certificate}}}
	}
	h := http.Header{}
	verified, err := a.Check(t.Context(), r, h, token)
	if (verified == nil) == (err == nil) || verified != nil && verified.Subject != "alice" {
		t.Errorf("%+v, %v", verified, err)
	}
	return verified, h, err
}

// TestCheck: a token is accepted from the client with the keys to which it is bound, and from nobody else.
func TestCheck(t *testing.T) {
	a := newAPI(t)
	certificate, other := []byte("certificate"), []byte("other")
	sum := sha256.Sum256(certificate)
	toKey, toCertificate := map[string]any{"jkt": a.jkt}, map[string]any{"x5t#S256": encode(sum[:])}
	toBoth := map[string]any{"jkt": a.jkt, "x5t#S256": encode(sum[:])}
	for _, tt := range []struct {
		name        string
		binding     map[string]any
		scheme      string
		certificate []byte
		proofs      int
		boundOnly   bool
		want        error
	}{
		{"a bearer token", nil, "Bearer", nil, 0, false, nil},
		{"one with a certificate that it does not need", nil, "Bearer", other, 0, false, nil},
		{"one where tokens have to be bound", nil, "Bearer", certificate, 0, true, bearer.ErrRefused},
		{"one with the scheme DPoP", nil, "DPoP", nil, 1, false, bearer.ErrRefused},
		{"a token of the key", toKey, "DPoP", nil, 1, true, nil},
		{"in lower case", toKey, "dpop", nil, 1, false, nil},
		{"without a proof", toKey, "DPoP", nil, 0, false, bearer.ErrProof},
		{"with two proofs", toKey, "DPoP", nil, 2, false, bearer.ErrProof},
		{"as a bearer token", toKey, "Bearer", nil, 1, false, bearer.ErrRefused},
		{"a token of the certificate", toCertificate, "Bearer", certificate, 0, true, nil},
		{"with another certificate", toCertificate, "Bearer", other, 0, false, bearer.ErrRefused},
		{"without a certificate", toCertificate, "Bearer", nil, 0, false, bearer.ErrRefused},
		{"a token of both", toBoth, "DPoP", certificate, 1, true, nil},
		{"of both, with another certificate", toBoth, "DPoP", other, 1, false, bearer.ErrRefused},
		{"of both, without a proof", toBoth, "DPoP", certificate, 0, false, bearer.ErrProof},
	} {
		a.BoundOnly = tt.boundOnly
		token, proofs := a.token(t, tt.binding), []string(nil)
		for range tt.proofs {
			proofs = append(proofs, a.proof(t, token, nil))
		}
		_, h, err := a.check(t, tt.scheme, token, tt.certificate, proofs...)
		if !errors.Is(err, tt.want) || errors.Is(err, bearer.ErrProof) != (tt.want == bearer.ErrProof) || len(h) != 0 {
			t.Errorf("%s: %v, %v", tt.name, err, h)
		}
	}
}

// TestCheckRefuses: an invalid token is refused. If the provider does not respond, that is no refusal: the client would
// throw a valid token away.
func TestCheckRefuses(t *testing.T) {
	a := newAPI(t)
	a.op.Intercept(fakeop.Discovery, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	token := a.token(t, nil)
	if _, _, err := a.check(t, "Bearer", token, nil); err == nil || errors.Is(err, bearer.ErrRefused) {
		t.Errorf("the provider is down: %v", err)
	}
	a = newAPI(t)
	if _, _, err := a.check(t, "Bearer", token, nil); !errors.Is(err, bearer.ErrRefused) ||
		!errors.Is(err, provider.ErrInvalidToken) {
		t.Errorf("a token of another provider: %v", err)
	}
}

// TestCheckCertificateHeader: a client that claims a certificate, without the proxy that vouches for it, is refused
// whatever its token.
func TestCheckCertificateHeader(t *testing.T) {
	a := newAPI(t)
	var err error
	a.Certificates, err = clientcert.New("Client-Cert", clientcert.FormatByteSequence, []string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	token := a.token(t, nil)
	r := httptest.NewRequest(http.MethodGet, "/me", nil) // from 192.0.2.1
	r.Header.Set("Authorization", "Bearer "+token)
	if _, err := a.Check(t.Context(), r, nil, token); err != nil {
		t.Errorf("without the header: %v", err)
	}
	r.Header.Set("Client-Cert", ":"+base64.StdEncoding.EncodeToString([]byte("stolen"))+":")
	if _, err := a.Check(t.Context(), r, nil, token); !errors.Is(err, bearer.ErrRefused) ||
		!errors.Is(err, clientcert.ErrUntrusted) {
		t.Errorf("with the header: %v", err)
	}
}

// TestCheckProof: a proof counts for this request and token, once. Without the state that remembers proofs, it is
// unknown whether it was used.
func TestCheckProof(t *testing.T) {
	a := newAPI(t)
	token, other := a.token(t, map[string]any{"jkt": a.jkt}), a.token(t, nil)
	for name, claims := range map[string]map[string]any{
		"another method": {"htm": http.MethodPost}, "another origin": {"htu": "https://other.example/base/me"},
		"the path behind the proxy": {"htu": "https://app.example/me"}, "no identifier": {"jti": ""},
	} {
		if _, _, err := a.check(t, "DPoP", token, nil, a.proof(t, token, claims)); !errors.Is(err, bearer.ErrProof) ||
			!errors.Is(err, provider.ErrBadProof) || errors.Is(err, bearer.ErrProofNonce) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := a.check(t, "DPoP", token, nil, a.proof(t, other, nil)); !errors.Is(err, bearer.ErrProof) {
		t.Errorf("another token: %v", err)
	}
	if len(a.used) != 0 {
		t.Errorf("proofs that were refused are remembered: %v", a.used)
	}
	proof := a.proof(t, token, map[string]any{"jti": "p1"})
	for i, want := range []error{nil, bearer.ErrProof} {
		if _, _, err := a.check(t, "DPoP", token, nil, proof); !errors.Is(err, want) {
			t.Errorf("time %d: %v", i+1, err)
		}
	}
	if ttl := a.used[a.jkt+" p1"]; len(a.used) != 1 || ttl < time.Minute {
		t.Errorf("remembered: %v", a.used)
	}
	a.outage = errors.New("connection refused")
	if _, _, err := a.check(t, "DPoP", token, nil, a.proof(t, token, nil)); !errors.Is(err, a.outage) ||
		errors.Is(err, bearer.ErrRefused) {
		t.Errorf("the state is down: %v", err)
	}
}

// TestCheckNonce: where proofs need a nonce, they are refused without a current one, and the client gets the next one
// before its own expires.
func TestCheckNonce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		token := a.token(t, map[string]any{"jkt": a.jkt})
		_, h, err := a.check(t, "DPoP", token, nil, a.proof(t, token, map[string]any{"nonce": "x"}))
		if err != nil || len(h) != 0 {
			t.Errorf("no nonce is needed: %v, %v", err, h)
		}
		a.NeedsNonce = true
		for _, claims := range []map[string]any{nil, {"nonce": "forged"}} {
			if _, _, err := a.check(t, "DPoP", token, nil, a.proof(t, token, claims)); !errors.Is(err, bearer.ErrProofNonce) {
				t.Errorf("%v: %v", claims, err)
			}
		}
		nonce := a.Nonces.New()
		for _, tt := range []struct {
			later time.Duration
			next  bool
			err   error
		}{
			{0, false, nil}, {2 * time.Minute, false, nil}, {time.Minute, true, nil},
			{3 * time.Minute, false, bearer.ErrProofNonce},
		} {
			time.Sleep(tt.later)
			token := a.token(t, map[string]any{"jkt": a.jkt})
			proof := func() string { return a.proof(t, token, map[string]any{"nonce": nonce}) }
			_, h, err := a.check(t, "DPoP", token, nil, proof())
			if next := h.Get("DPoP-Nonce"); !errors.Is(err, tt.err) || (next != "") != tt.next || next == nonce {
				t.Errorf("%s later: %v, next %q", tt.later, err, next)
			}
			r := httptest.NewRequest(http.MethodGet, "/me", nil)
			r.Header["Authorization"], r.Header["Dpop"] = []string{"DPoP " + token}, []string{proof()}
			if _, err := a.Check(t.Context(), r, nil, token); !errors.Is(err, tt.err) {
				t.Errorf("%s later, after the response was sent: %v", tt.later, err)
			}
		}
	})
}
