package fakeop_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

func decode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The whole flow, with every key type and every shape of issuer, inside a
// bubble and over a network.
func TestSignIn(t *testing.T) {
	inMemory := func(t *testing.T, cfg fakeop.Config) *app { return newApp(t, cfg) }
	listening := func(t *testing.T, cfg fakeop.Config) *app {
		return appOf(t, fakeop.Start(t, cfg), http.DefaultTransport, cfg.ClientID)
	}
	tests := map[string]struct {
		start func(*testing.T, fakeop.Config) *app
		cfg   fakeop.Config
		alg   string
	}{
		"defaults":            {inMemory, fakeop.Config{}, "RS256"},
		"ES256":               {inMemory, fakeop.Config{SigningAlg: "ES256"}, "ES256"},
		"EdDSA":               {inMemory, fakeop.Config{SigningAlg: "EdDSA"}, "EdDSA"},
		"issuer with path":    {inMemory, fakeop.Config{Issuer: "https://idp.example/realms/one"}, "RS256"},
		"trailing slash":      {inMemory, fakeop.Config{Issuer: "https://idp.example/"}, "RS256"},
		"http issuer":         {inMemory, fakeop.Config{Issuer: "http://idp.test:8080"}, "RS256"},
		"another client":      {inMemory, fakeop.Config{ClientID: "an other/app"}, "RS256"},
		"listening":           {listening, fakeop.Config{}, "RS256"},
		"listening at a path": {listening, fakeop.Config{Issuer: "/tenant/", SigningAlg: "ES256"}, "ES256"},
	}
	for name, tt := range tests {
		run := func(t *testing.T) { checkSignIn(t, tt.start(t, tt.cfg), tt.alg) }
		t.Run(name, func(t *testing.T) {
			if strings.HasPrefix(name, "listening") {
				run(t)
				return
			}
			synctest.Test(t, run)
		})
	}
}

func checkSignIn(t *testing.T, a *app, alg string) {
	callback := a.approve("alice", nil)
	if callback.Get("state") != "the-state" || callback.Get("iss") != a.idp.Issuer() {
		t.Errorf("callback = %v", callback)
	}
	answer := a.redeem(callback.Get("code"))
	if answer.StatusCode != http.StatusOK || text(answer.object, "token_type") != "Bearer" ||
		answer.object["expires_in"] != 3600.0 {
		t.Fatalf("token answer = %d %s", answer.StatusCode, answer.text)
	}
	if answer.Header.Get("Cache-Control") != "no-store" {
		t.Error("the token answer may be cached")
	}
	token, err := a.verify(text(answer.object, "id_token"), alg)
	if err != nil {
		t.Fatalf("go-oidc refuses the ID token: %v", err)
	}
	if token.Nonce != "the-nonce" || token.Subject != "alice" ||
		token.VerifyAccessToken(text(answer.object, "access_token")) != nil {
		t.Errorf("ID token = %+v", token)
	}
	claims := part(t, text(answer.object, "id_token"), 1)
	now := float64(time.Now().Unix())
	if at, _ := claims["auth_time"].(float64); at < now-60 || at > now || text(claims, "sid") == "" {
		t.Errorf("auth_time = %v, sid = %v", claims["auth_time"], claims["sid"])
	}
	user := map[string]any{
		"name": "Alice Archer", "preferred_username": "alice", "email": "alice@example.com", "email_verified": true,
		"groups": []any{"admin", "staff", "audit"}, "organizations": []any{"acme"},
	}
	for claim, want := range user {
		if !reflect.DeepEqual(claims[claim], want) {
			t.Errorf("ID token: %s = %v, want %v", claim, claims[claim], want)
		}
	}
	user["sub"] = "alice"
	if got := a.userInfo(text(answer.object, "access_token")); !reflect.DeepEqual(got.object, user) {
		t.Errorf("userinfo = %v, want %v", got.object, user)
	}
}

func TestNewRefusesBadConfig(t *testing.T) {
	tests := map[string]fakeop.Config{
		"relative issuer":     {Issuer: "idp.example"},
		"other scheme":        {Issuer: "ftp://idp.example"},
		"no host":             {Issuer: "https:///x"},
		"query":               {Issuer: "https://idp.example?tenant=1"},
		"fragment":            {Issuer: "https://idp.example#x"},
		"unparsable":          {Issuer: "https://idp.example:port"},
		"unknown signing alg": {SigningAlg: "HS256"},
		"relative mTLS root":  {MTLSRoot: "/mtls"},
		"unknown auth method": {ClientAuthMethod: "client_secret_basic"},
		"public with method":  {ClientAuthMethod: "private_key_jwt", ClientKey: ecKey().Public(), Public: true},
		"method without key":  {ClientAuthMethod: "private_key_jwt"},
		"TLS without key":     {ClientAuthMethod: "self_signed_tls_client_auth"},
		"short secret":        {ClientAuthMethod: "client_secret_jwt", ClientSecret: "thirty-one bytes are not enough"},
		"objects without key": {RequireRequestObject: true},
		"private key":         {ClientKey: ecKey()},
		"another curve":       {ClientKey: must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)).Public()},
		"negative life":       {TokenLife: -time.Second},
		"life of a fraction":  {TokenLife: 1500 * time.Millisecond},
		"key to encrypt to":   {EncryptIDToken: edKey().Public()},
	}
	for name, cfg := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := fakeop.New(cfg); err == nil || !strings.HasPrefix(err.Error(), "test provider: ") {
				t.Errorf("New: %v, want an error of ours", err)
			}
		})
	}
}

// fakeTB records what a helper does to a test.
type fakeTB struct {
	failed   bool
	cleanups []func()
}

func (*fakeTB) Helper()                  {}
func (tb *fakeTB) Fatalf(string, ...any) { tb.failed = true }
func (tb *fakeTB) Cleanup(f func())      { tb.cleanups = append(tb.cleanups, f) }

func TestStartEndsWithTheTest(t *testing.T) {
	tb := new(fakeTB)
	idp := fakeop.Start(tb, fakeop.Config{})
	discovery := idp.Issuer() + string(fakeop.Discovery)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(discovery)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("before the end: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
	for _, f := range tb.cleanups {
		f()
	}
	if resp, err := client.Get(discovery); err == nil {
		_ = resp.Body.Close()
		t.Error("the provider still listens")
	}
	if fakeop.Start(tb, fakeop.Config{SigningAlg: "none"}); !tb.failed {
		t.Error("a bad configuration did not fail the test")
	}
}

func TestMethodsAndPaths(t *testing.T) {
	a := newApp(t, fakeop.Config{Issuer: "https://idp.example/tenant"})
	tests := []struct {
		method, path string
		status       int
		allow        string
	}{
		{"POST", "/tenant/.well-known/openid-configuration", 405, "GET, HEAD"},
		{"DELETE", "/tenant/jwks", 405, "GET, HEAD"},
		{"GET", "/tenant/revoke", 405, "POST"},
		{"PUT", "/tenant/authorize", 405, "GET, POST"},
		{"GET", "/tenant/token", 405, "POST"},
		{"HEAD", "/tenant/jwks", 200, ""},
		{"GET", "/tenant/elsewhere", 404, ""},
		{"GET", "/tenant", 404, ""},
		{"GET", "/jwks", 404, ""},
		{"GET", "/tenant/id_token", 404, ""},
	}
	for _, tt := range tests {
		got := a.do(tt.method, "https://idp.example"+tt.path, nil, nil)
		if got.StatusCode != tt.status || got.Header.Get("Allow") != tt.allow {
			t.Errorf("%s %s = %d, Allow %q; want %d, %q",
				tt.method, tt.path, got.StatusCode, got.Header.Get("Allow"), tt.status, tt.allow)
		}
	}
}

func TestCount(t *testing.T) {
	a := newApp(t, fakeop.Config{})
	answer := a.signIn("bob")
	if _, err := a.verify(text(answer.object, "id_token")); err != nil {
		t.Fatal(err)
	}
	a.userInfo(text(answer.object, "access_token"))
	a.userInfo("unknown")
	want := map[fakeop.Endpoint]int{
		fakeop.Discovery: 1, fakeop.JWKS: 1, fakeop.Authorize: 1, fakeop.Token: 1,
		fakeop.UserInfo: 2, fakeop.EndSession: 0, fakeop.Elsewhere: 0,
	}
	for e, n := range want {
		if got := a.idp.Count(e); got != n {
			t.Errorf("Count(%s) = %d, want %d", e, got, n)
		}
	}
}

// Everything at once, for the race detector.
func TestConcurrentUse(t *testing.T) {
	a := newApp(t, fakeop.Config{SigningAlg: "ES256"})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			callback, err := a.idp.Approve(a.authURL(nil), "alice")
			if err != nil {
				t.Error(err)
				return
			}
			a.idp.Misbehave(fakeop.KidAbsent)
			a.idp.OnIDToken(func(claims map[string]any) { claims["count"] = a.idp.Count(fakeop.Token) })
			a.idp.AddUser(fakeop.User{Subject: "dave"})
			a.idp.Intercept(fakeop.UserInfo, nil)
			a.idp.OnRefreshAnswer(nil)
			if a.idp.Active("x") || a.idp.Refreshes() != 0 {
				t.Error("tokens of nobody")
			}
			if err := a.idp.RotateKeys(true); err != nil {
				t.Error(err)
			}
			resp, err := a.client.PostForm(a.url(fakeop.Token), url.Values{
				"client_id": {"app"}, "client_secret": {"secret"}, "redirect_uri": {redirectURI}, "code_verifier": {verifier},
				"grant_type": {"authorization_code"}, "code": {codeOf(callback)},
			})
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("token endpoint: %v, %v", resp, err)
				return
			}
			_ = resp.Body.Close()
		})
	}
	wg.Wait()
	if got := a.idp.Count(fakeop.Token); got != 4 {
		t.Errorf("Count(Token) = %d, want 4", got)
	}
}

func codeOf(callback string) string {
	u, err := url.Parse(callback)
	if err != nil {
		return ""
	}
	return u.Query().Get("code")
}

// A log must not expose the codes, tokens and secrets that tests handle.
func TestLogHoldsNoSecrets(t *testing.T) {
	var log strings.Builder
	a := newApp(t, fakeop.Config{
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	code := a.approve("alice", nil).Get("code")
	a.redeem(code)
	a.redeem(code)
	a.token(changes{"client_secret": {"a-wrong-secret"}}, nil)
	a.get(a.authURL(changes{"scope": {"email"}}))
	a.get(a.authURL(changes{"client_id": {"x"}}))
	if !strings.Contains(log.String(), "invalid_grant") || !strings.Contains(log.String(), "invalid_client") {
		t.Errorf("refusals are not logged: %s", log.String())
	}
	for _, secret := range []string{code, verifier, "a-wrong-secret"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}
