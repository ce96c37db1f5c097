package ginoidc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// newProver returns a client's key, and a function that makes access tokens of alice that are bound to it.
func newProver(t *testing.T, op *fakeop.Provider) (*ecdsa.PrivateKey, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public := jose.JSONWebKey{Key: &key.PublicKey}
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	op.OnAccessToken(func(claims map[string]any) {
		claims["cnf"] = map[string]any{"jkt": base64.RawURLEncoding.EncodeToString(thumbprint)}
	})
	token, err := op.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	return key, token
}

// TestDPoPNonce: a proof needs a nonce of the app. A refusal has one, every instance accepts it for five minutes, and
// the client gets the next one before the end of that time. Case 380.
func TestDPoPNonce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		needNonce := func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].RequireDPoPNonce = true }
		a := newAPI(t, needNonce)
		other := newAPI(t, needNonce, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers[0].Transport = a.OP.Transport()
		})
		key, token := newProver(t, a.OP)
		get := func(a *testapp.App, nonce any, edit func(claims map[string]any)) testapp.Reply {
			proof := proofOf(t, key, "GET", testapp.URL+"/me", token, func(_, claims map[string]any) {
				claims["nonce"] = nonce
				if edit != nil {
					edit(claims)
				}
			})
			return a.Browser().Do("GET", "/me", nil, "Authorization", "DPoP "+token, "DPoP", proof)
		}
		refused := get(a, nil, nil)
		nonce := refused.Header.Get("DPoP-Nonce")
		if challenge := refused.Header.Get("WWW-Authenticate"); refused.StatusCode != 401 || nonce == "" ||
			!strings.HasPrefix(challenge, `DPoP realm="https://app.example.com", error="use_dpop_nonce", algs="`) {
			t.Fatalf("%d, nonce %q, challenge %q", refused.StatusCode, nonce, challenge)
		}
		for name, garbage := range map[string]any{"garbage": "garbage", "a number": 1, "altered": nonce + "A"} {
			if r := get(a, garbage, nil); r.StatusCode != 401 || r.Header.Get("DPoP-Nonce") == "" {
				t.Errorf("%s: %d", name, r.StatusCode)
			}
		}
		bad := get(a, nil, func(claims map[string]any) { claims["htm"] = "POST" })
		if bad.StatusCode != 401 || strings.Contains(bad.Header.Get("WWW-Authenticate"), "use_dpop_nonce") {
			t.Errorf("a nonce cannot correct the proof: %q", bad.Header.Get("WWW-Authenticate"))
		}
		if r := get(a, nonce, nil); r.StatusCode != 200 || r.Header.Get("DPoP-Nonce") != "" {
			t.Errorf("with the nonce: %d, next %q", r.StatusCode, r.Header.Get("DPoP-Nonce"))
		}
		time.Sleep(3 * time.Minute)
		next := get(other, nonce, nil)
		if next.StatusCode != 200 || next.Header.Get("DPoP-Nonce") == "" {
			t.Errorf("on another instance: %d, next %q", next.StatusCode, next.Header.Get("DPoP-Nonce"))
		}
		time.Sleep(2 * time.Minute)
		if r := get(a, nonce, nil); r.StatusCode != 401 {
			t.Errorf("after five minutes: %d", r.StatusCode)
		}
		if r := get(a, next.Header.Get("DPoP-Nonce"), nil); r.StatusCode != 200 {
			t.Errorf("with the next one: %d %s", r.StatusCode, r.Body)
		}
	})
}

// TestCertificateHeader: behind a proxy, the certificate that a token is bound to comes in a header. From anyone else
// the header is refused, even with a token that needs none. Case 381.
func TestCertificateHeader(t *testing.T) {
	own, stolen := testapp.SelfSigned(t).Certificate[0], testapp.SelfSigned(t).Certificate[0]
	sum := sha256.Sum256(own)
	sequence := func(der []byte) string { return ":" + base64.StdEncoding.EncodeToString(der) + ":" }
	escaped := func(der []byte) string {
		return url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	}
	const proxy, elsewhere = "10.0.0.9:1", "203.0.113.5:1"
	for _, tt := range []struct {
		name, format, peer string
		bound              bool
		values             []string
		status             int
	}{
		{"the certificate", "", proxy, true, []string{sequence(own)}, 200},
		{"the certificate in PEM", "pem", proxy, true, []string{escaped(own)}, 200},
		{"the other format", "", proxy, true, []string{escaped(own)}, 401},
		{"another certificate", "", proxy, true, []string{sequence(stolen)}, 401},
		{"no certificate", "", proxy, true, nil, 401},
		{"twice", "", proxy, true, []string{sequence(own), sequence(own)}, 401},
		{"not the proxy", "", elsewhere, true, []string{sequence(own)}, 401},
		{"not the proxy, an unbound token", "", elsewhere, false, []string{sequence(own)}, 401},
		{"an unbound token", "", proxy, false, []string{sequence(own)}, 200},
		{"no header, an unbound token", "", elsewhere, false, nil, 200},
	} {
		a := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.CertificateHeader, c.CertificateFormat = "Client-Cert", tt.format
			c.CertificateProxies = []string{"10.0.0.0/8"}
		})
		if tt.bound {
			a.OP.OnAccessToken(func(claims map[string]any) {
				claims["cnf"] = map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}
			})
		}
		token, err := a.OP.AccessToken("alice", api)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", testapp.URL+"/me", nil)
		r.RemoteAddr, r.Header["Client-Cert"] = tt.peer, tt.values
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		if a.Engine.ServeHTTP(w, r); w.Code != tt.status {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
		}
	}
}
