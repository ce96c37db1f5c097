package provider_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const (
	issuer   = "https://op.example"
	clientID = "app"
	nonce    = "nonce-of-this-attempt"
)

// object is a JSON object in a test.
type object = map[string]any

// scriptedOP is a provider in memory: a RoundTripper, so that synctest can move its time.
type scriptedOP struct {
	t   testing.TB
	key *ecdsa.PrivateKey

	mu      sync.Mutex
	scripts map[string]http.HandlerFunc // by path
	hits    map[string]int
}

const (
	discoveryPath = "/.well-known/openid-configuration"
	keysPath      = "/keys"
	tokenPath     = "/token"
	userinfoPath  = "/userinfo"
	pushPath      = "/par"
	revokePath    = "/revoke"
)

func newOP(t testing.TB) *scriptedOP {
	op := &scriptedOP{t: t, key: newKey(t), scripts: map[string]http.HandlerFunc{}, hits: map[string]int{}}
	op.serve(discoveryPath, jsonAnswer(200, metadata(nil)))
	op.serve(keysPath, jsonAnswer(200, object{"keys": []any{jwk(&op.key.PublicKey, "k1")}}))
	return op
}

func (op *scriptedOP) serve(path string, script http.HandlerFunc) {
	op.mu.Lock()
	defer op.mu.Unlock()
	op.scripts[path] = script
}

func (op *scriptedOP) count(path string) int {
	op.mu.Lock()
	defer op.mu.Unlock()
	return op.hits[path]
}

func (op *scriptedOP) RoundTrip(req *http.Request) (*http.Response, error) {
	op.mu.Lock()
	op.hits[req.URL.Path]++
	script := op.scripts[req.URL.Path]
	op.mu.Unlock()
	if script == nil {
		return nil, errors.New("no such host in the script: " + req.URL.String())
	}
	recorder := httptest.NewRecorder()
	script(recorder, req)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	return recorder.Result(), nil
}

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

// claims of a good ID token, changed; a nil value removes.
func claims(change object) object {
	now := time.Now().Unix()
	return merge(object{"iss": issuer, "aud": clientID, "sub": "alice", "nonce": nonce, "iat": now, "exp": now + 300}, change)
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
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// slow delays a script by fake time, or until the client gives up.
func slow(d time.Duration, script http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
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

// jwk writes a public key as a JWK that can be spoiled before it is served.
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

// sign makes a compact JWS of exactly this header and payload, ES256 or RS256 by the kind of key.
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

// expect is what most tests ask of a token: our nonce and nothing else.
func expect() provider.Expect { return provider.Expect{Nonce: nonce, MaxAge: -1} }

// wantError checks kind, code and the sentinel that goes with the kind, and that an invalid token is told apart.
func wantError(t *testing.T, err error, kind provider.Kind, code string) {
	t.Helper()
	var e *provider.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v (%T), want a *provider.Error", err, err)
	}
	if e.Kind != kind || e.Code != code {
		t.Errorf("got kind %d, code %q (%v); want kind %d, code %q", e.Kind, e.Code, err, kind, code)
	}
	for sentinel, is := range map[error]provider.Kind{
		provider.ErrUnavailable: provider.Unavailable, provider.ErrInvalidResponse: provider.Invalid, provider.ErrRefused: provider.Refused,
	} {
		if errors.Is(err, sentinel) != (is == kind) {
			t.Errorf("errors.Is(%v, %v) = %t", err, sentinel, is != kind)
		}
	}
}

// wantBadToken checks that a token was refused for the reason named.
func wantBadToken(t *testing.T, err error, code string) {
	t.Helper()
	wantError(t, err, provider.Refused, code)
	if !errors.Is(err, provider.ErrInvalidToken) {
		t.Errorf("%v is not ErrInvalidToken", err)
	}
}

// logBuffer collects a log from several goroutines.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func logTo(l *logBuffer) func(*provider.Config) {
	return func(c *provider.Config) { c.Logger = slog.New(slog.NewTextHandler(l, nil)) }
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not contain %q", text, part)
		}
	}
}
