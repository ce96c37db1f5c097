package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// called runs the command.
func called(args ...string) (status int, out, errOut string) {
	var stdout, stderr bytes.Buffer
	status = run(context.Background(), args, &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

// file writes text to a file of a test.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestKeys: the output is a JWK set with the public members, and the kid that the app sends with that key.
func TestKeys(t *testing.T) {
	for _, tt := range []struct{ alg, use, curve string }{
		{"", "sig", "P-256"}, {"ES256", "sig", "P-256"}, {"ES384", "sig", "P-384"}, {"ES512", "sig", "P-521"},
		{"EdDSA", "sig", "Ed25519"},
		{"RS256", "sig", ""}, {"PS256", "sig", ""}, {"RSA-OAEP-256", "enc", ""}, {"ECDH-ES", "enc", "P-256"},
		{"ECDH-ES+A256KW", "enc", "P-256"},
	} {
		path := filepath.Join(t.TempDir(), "client.pem")
		status, out, errOut := called("keys", "-new", "-alg", tt.alg, path)
		if status != exitOK || errOut != "" {
			t.Errorf("%s: %d %s", tt.alg, status, errOut)
			continue
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("others may read the key: %v, %v", info.Mode(), err)
		}
		key, err := provider.ParsePrivateKey(raw, tt.alg, "")
		if err != nil {
			t.Fatal(err)
		}
		var set jose.JSONWebKeySet
		if err := json.Unmarshal([]byte(out), &set); err != nil || len(set.Keys) != 1 || !set.Keys[0].IsPublic() ||
			!set.Keys[0].Valid() {
			t.Fatalf("%s: %s, %v", tt.alg, out, err)
		}
		if got := set.Keys[0]; got.KeyID != key.KeyID() || got.Algorithm != key.Alg() || got.Use != tt.use {
			t.Errorf("%s: kid %s, alg %s, use %s", tt.alg, got.KeyID, got.Algorithm, got.Use)
		}
		var doc struct{ Keys []map[string]any }
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatal(err)
		}
		for name := range doc.Keys[0] {
			if !slices.Contains([]string{"kty", "kid", "use", "alg", "crv", "x", "y", "n", "e"}, name) {
				t.Errorf("%s: the member %s is shown", tt.alg, name)
			}
		}
		if curve, _ := doc.Keys[0]["crv"].(string); curve != tt.curve {
			t.Errorf("%s: curve %s", tt.alg, curve)
		}
		if status, again, _ := called("keys", "-alg", tt.alg, path); status != exitOK || again != out {
			t.Errorf("%s: printed again: %d %s", tt.alg, status, again)
		}
		if status, _, errOut := called("keys", "-new", path); status != exitFailed || !strings.Contains(errOut, "exists") {
			t.Errorf("over a key that is there: %d %s", status, errOut)
		}
		if now, _ := os.ReadFile(path); !bytes.Equal(now, raw) {
			t.Error("the key was replaced")
		}
	}
}

// TestNamedKeys: members of a JWK take effect, flags supplement a PEM file, and several files make one set.
func TestNamedKeys(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jose.JSONWebKey{Key: key, KeyID: "of the JWK", Use: "enc"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	jwk, plain := file(t, "key.jwk", string(text)),
		file(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	for _, tt := range []struct {
		args []string
		want []string // kid, alg and use
	}{
		{[]string{jwk}, []string{"of the JWK  enc"}},
		{[]string{"-kid", "mine", "-alg", "ECDH-ES", jwk}, []string{"mine ECDH-ES enc"}},
		{[]string{"-kid=mine", plain}, []string{"mine ES256 sig"}},
		{[]string{jwk, plain, jwk}, []string{"of the JWK  enc", "ES256 sig", "of the JWK  enc"}},
	} {
		status, out, errOut := called(append([]string{"keys"}, tt.args...)...)
		var set jose.JSONWebKeySet
		if err := json.Unmarshal([]byte(out), &set); err != nil || status != exitOK || len(set.Keys) != len(tt.want) {
			t.Errorf("%q: %d %s%s", tt.args, status, out, errOut)
			continue
		}
		for i, got := range set.Keys {
			if said := got.KeyID + " " + got.Algorithm + " " + got.Use; !strings.HasSuffix(said, tt.want[i]) ||
				strings.Contains(out, `"d"`) {
				t.Errorf("%q: %s, want %s", tt.args, said, tt.want[i])
			}
		}
	}
}

// TestProblems: each message says what is wrong, nothing else is printed, and no message quotes a key.
func TestProblems(t *testing.T) {
	good := file(t, "good.pem", "")
	if status, _, errOut := called("keys", "-new", good+".new"); status != exitOK {
		t.Fatal(errOut)
	}
	good += ".new"
	encrypted := file(t, "secret.pem",
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nU0VDUkVU\n-----END ENCRYPTED PRIVATE KEY-----\n")
	empty, odd := file(t, "empty.pem", ""), file(t, "odd.jwk", `{"kty":"EC","d":"U0VDUkVU"}`)
	unmade := filepath.Join(t.TempDir(), "unmade.pem")
	for _, tt := range []struct {
		args   []string
		status int
		says   string
	}{
		{nil, exitMisuse, "usage"},
		{[]string{"kex"}, exitMisuse, `no command "kex"`},
		{[]string{"key"}, exitMisuse, "usage"},
		{[]string{"key", good}, exitFailed, "exists"},
		{[]string{"help", "keys"}, exitMisuse, `no command "help"`},
		{[]string{"keys"}, exitMisuse, "usage"},
		{[]string{"keys", "-x", good}, exitMisuse, "not defined: -x"},
		{[]string{"keys", good, "-kid", "k"}, exitMisuse, "behind the flags"},
		{[]string{"keys", "-kid", "k", good, good}, exitMisuse, "several without flags"},
		{[]string{"keys", "-new", unmade, unmade}, exitMisuse, "several without flags"},
		{[]string{"keys", unmade}, exitFailed, "no such file"},
		{[]string{"keys", t.TempDir()}, exitFailed, "directory"},
		{[]string{"keys", empty}, exitFailed, "empty.pem: neither PEM of a private key nor a JWK"},
		{[]string{"keys", good, odd}, exitFailed, "odd.jwk: the JWK is not a private key"},
		{[]string{"keys", encrypted}, exitFailed, "passphrase"},
		{[]string{"keys", "-alg", "RS256", good}, exitFailed, "does not fit"},
		{[]string{"keys", "-new", "-alg", "HS256", unmade}, exitFailed, `no algorithm "HS256"`},
		{[]string{"keys", "-new", "-alg", "RS1", unmade}, exitFailed, "does not fit"},
		{[]string{"keys", "-new", filepath.Join(unmade, "x")}, exitFailed, "no such file"},
	} {
		status, out, errOut := called(tt.args...)
		if status != tt.status || out != "" || !strings.Contains(errOut, tt.says) || strings.Contains(errOut, "U0VDUkVU") {
			t.Errorf("%q: %d, printed %q, said %q", tt.args, status, out, errOut)
		}
	}
	if _, err := os.Stat(unmade); err == nil {
		t.Error("a file without a usable key was made")
	}
	for _, args := range [][]string{{"help"}, {"-h"}, {"keys", "-h"}} {
		if status, out, errOut := called(args...); status != exitOK || !strings.Contains(out+errOut, "usage") {
			t.Errorf("%q: %d %s%s", args, status, out, errOut)
		}
	}
}
