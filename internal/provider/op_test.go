package provider_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const (
	issuer   = "https://op.example"
	clientID = "app"
	nonce    = "nonce-of-this-attempt"
)

// object is a JSON object in a test.
type object = map[string]any

// scriptedOP is a provider in memory, reached under every host, whose endpoints respond as a test says. It has its own
// key for tokens, so that a test can sign any bytes.
type scriptedOP struct {
	*fakeop.Provider
	http.RoundTripper
	t   testing.TB
	key *ecdsa.PrivateKey
}

const (
	discoveryPath = string(fakeop.Discovery)
	keysPath      = string(fakeop.JWKS)
	tokenPath     = string(fakeop.Token)
	userinfoPath  = string(fakeop.UserInfo)
	pushPath      = string(fakeop.PAR)
	revokePath    = string(fakeop.Revocation)
)

func newOP(t testing.TB) *scriptedOP {
	idp, err := fakeop.New(fakeop.Config{Issuer: issuer, ClientID: clientID})
	if err != nil {
		t.Fatal(err)
	}
	transport := fakeop.Pipe(idp, slog.New(slog.DiscardHandler))
	op := &scriptedOP{Provider: idp, RoundTripper: transport, t: t, key: newKey(t)}
	op.serve(discoveryPath, jsonAnswer(200, metadata(nil)))
	op.serve(keysPath, jsonAnswer(200, object{"keys": []any{jwk(&op.key.PublicKey, "k1")}}))
	return op
}

func (op *scriptedOP) serve(path string, script http.HandlerFunc) {
	op.Intercept(fakeop.Endpoint(path), script)
}

func (op *scriptedOP) count(path string) int { return op.Count(fakeop.Endpoint(path)) }

// client makes a Provider that talks to op.
func (op *scriptedOP) client(change ...func(*provider.Config)) *provider.Provider {
	cfg := provider.Config{
		Issuer: issuer, ClientID: clientID, ClientSecret: "s3cret", AuthMethod: "client_secret_basic",
		RedirectURL: "https://app.example/auth/callback", Scopes: []string{"openid", "profile"},
		SigningAlgs: []string{"ES256"}, ClockTolerance: time.Minute, Transport: op,
	}
	for _, c := range change {
		c(&cfg)
	}
	return provider.New(cfg)
}

// token signs claims as op would.
func (op *scriptedOP) token(claims object) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		op.t.Fatal(err)
	}
	return sign(op.t, op.key, `{"alg":"ES256","kid":"k1"}`, string(payload))
}

// claims returns the claims of a valid ID token, changed; a nil value removes a member.
func claims(change object) object {
	now := time.Now().Unix()
	good := object{"iss": issuer, "aud": clientID, "sub": "alice", "nonce": nonce, "iat": now, "exp": now + 300}
	return merge(good, change)
}

func metadata(change object) object {
	return merge(object{
		"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + tokenPath,
		"jwks_uri": issuer + keysPath, "userinfo_endpoint": issuer + userinfoPath, "end_session_endpoint": issuer + "/logout",
		"pushed_authorization_request_endpoint": issuer + pushPath, "revocation_endpoint": issuer + revokePath,
	}, change)
}

func merge(base, change object) object {
	for name, value := range change {
		base[name] = value
	}
	maps.DeleteFunc(base, func(_ string, value any) bool { return value == nil })
	return base
}

func jsonAnswer(status int, body any) http.HandlerFunc {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return textAnswer(status, "application/json", string(text))
}

func textAnswer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil { // a pipe has no buffer: an answer during the request would end it
			_, _ = io.Copy(io.Discard, r.Body)
		}
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// slow delays a script by fake time, or until the client gives up, which the server notices once the body is read.
func slow(d time.Duration, script http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-time.After(d):
			script(w, r)
		case <-r.Context().Done():
		}
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// jwk returns a public key as a JWK that can be spoiled before it is served.
func jwk(public any, kid string) object {
	text, err := jose.JSONWebKey{Key: public, KeyID: kid, Use: "sig"}.MarshalJSON()
	if err != nil {
		panic(err)
	}
	var members object
	if err := json.Unmarshal(text, &members); err != nil {
		panic(err)
	}
	return members
}

// sign makes a compact JWS of exactly this header and payload, ES256 or RS256 by the type of the key.
func sign(t testing.TB, key crypto.Signer, header, payload string) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(header)) + "." + encode([]byte(payload))
	digest := sha256.Sum256([]byte(input))
	var signature []byte
	var err error
	switch key := key.(type) {
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	case *ecdsa.PrivateKey:
		r, s, signErr := ecdsa.Sign(rand.Reader, key, digest[:])
		signature, err = make([]byte, 64), signErr
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
	}
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(signature)
}
