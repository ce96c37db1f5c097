package ginoidc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

const api = "https://api.example.com"

// newAPI returns an app that accepts access tokens. It has routes for a scope, for people, for machines, and for a
// strong sign-in.
func newAPI(t *testing.T, change ...testapp.Change) *testapp.App {
	t.Helper()
	a := testapp.New(t, append([]testapp.Change{func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Audience = api
	}}, change...)...)
	a.OP.OnIDToken(func(claims map[string]any) { claims["groups"] = []string{"admin"} })
	show := func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		c.JSON(http.StatusOK, gin.H{"sub": u.Subject, "client": u.ClientID, "scopes": u.Scopes, "machine": u.IsMachine()})
	}
	a.Engine.GET("/things", a.Auth.RequireScopes("read", "list"), show)
	a.Engine.GET("/people", a.Auth.RequirePerson(), show)
	a.Engine.GET("/machines", a.Auth.RequireMachine(), show)
	a.Engine.GET("/mfa", a.Auth.RequireACR("mfa"), show)
	a.Engine.GET("/fresh", a.Auth.RequireFreshSignIn(time.Minute), show)
	return a
}

// TestBearer: an access token alone identifies the user, even if there is a session. Each refusal has its own response.
func TestBearer(t *testing.T) {
	a := newAPI(t)
	mint := func(token string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + token
	}
	alice := mint(a.OP.AccessToken("alice", api, "read", "list"))
	little := mint(a.OP.AccessToken("alice", api, "read"))
	robot := mint(a.OP.ClientToken(api, "read", "list"))
	elsewhere := mint(a.OP.AccessToken("alice", "https://other.example.com", "read"))
	b := a.Browser()
	b.MustSignIn("bob")
	const invalid = `Bearer realm="https://app.example.com", error="invalid_token"`
	for _, tt := range []struct {
		name, path, authorization string
		status                    int
		sub, challenge            string
	}{
		{"a user", "/me", alice, 200, "alice", ""},
		{"a client", "/me", robot, 200, "app", ""},
		{"scheme in lower case", "/me", "bearer " + strings.TrimPrefix(alice, "Bearer "), 200, "alice", ""},
		{"scopes", "/things", alice, 200, "alice", ""},
		{"a scope is missing", "/things", little, 403, "",
			`Bearer realm="https://app.example.com", error="insufficient_scope", scope="read list"`},
		{"a session has no scopes", "/things", "", 403, "", ""},
		{"a person", "/people", alice, 200, "alice", ""},
		{"a person by session", "/people", "", 200, "bob", ""},
		{"no person", "/people", robot, 403, "", ""},
		{"a machine", "/machines", robot, 200, "app", ""},
		{"no machine", "/machines", alice, 403, "", ""},
		{"not strong enough", "/mfa", alice, 401, "",
			`Bearer realm="https://app.example.com", error="insufficient_user_authentication", acr_values="mfa"`},
		{"another audience", "/me", elsewhere, 401, "", invalid},
		{"garbage", "/me", "Bearer garbage", 401, "", invalid},
		{"nothing", "/me", "Bearer ", 401, "", invalid},
		{"no token", "/me", "Bearer", 401, "", invalid},
		{"two tokens", "/me", alice + " " + strings.TrimPrefix(alice, "Bearer "), 401, "", invalid},
		{"quotes", "/me", `Bearer "` + strings.TrimPrefix(alice, "Bearer ") + `"`, 401, "", invalid},
		{"DPoP without a key", "/me", "DPoP " + "garbage", 401, "", invalid},
		{"another scheme", "/me", "Basic Ym9iOmJvYg==", 200, "bob", ""},
		{"no header", "/me", "", 200, "bob", ""},
		{"a public page", "/", "Bearer garbage", 200, "", ""},
	} {
		for _, page := range []bool{false, true} {
			headers := []string{"Authorization", tt.authorization}
			if tt.authorization == "" {
				headers = nil
			}
			if page {
				headers = append(headers, testapp.Navigation()...)
			}
			r := b.Do(http.MethodGet, tt.path, nil, headers...)
			if r.StatusCode != tt.status || r.Header.Get("Set-Cookie") != "" || r.Location() != "" {
				t.Errorf("%s, page %t: %d, want %d; cookies %q, to %q", tt.name, page, r.StatusCode, tt.status,
					r.Header["Set-Cookie"], r.Location())
				continue
			}
			if got := strings.Join(r.Header.Values("WWW-Authenticate"), "\n"); got != tt.challenge {
				t.Errorf("%s: challenge %q, want %q", tt.name, got, tt.challenge)
			}
			if tt.sub != "" && r.JSON(t)["sub"] != tt.sub {
				t.Errorf("%s: %s", tt.name, r.Body)
			}
		}
	}
}

// TestBearerRefusals: only access tokens for this app are accepted, and refused ones cause no fetch of keys. Cases 383,
// 384.
func TestBearerRefusals(t *testing.T) {
	a := newAPI(t)
	good, err := a.OP.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	b := a.Browser()
	if r := b.Do(http.MethodGet, "/me", nil, "Authorization", "Bearer "+good); r.StatusCode != 200 {
		t.Fatalf("%d %s", r.StatusCode, r.Body)
	}
	if s := a.Auth.AccessTokenStats(); s != (ginoidc.TokenStats{Entries: 1, Misses: 1}) {
		t.Errorf("after the first token: %+v", s)
	}
	b.Do(http.MethodGet, "/me", nil, "Authorization", "Bearer "+good)
	if s := a.Auth.AccessTokenStats(); s != (ginoidc.TokenStats{Entries: 1, Hits: 1, Misses: 1}) {
		t.Errorf("the second time: %+v", s)
	}
	bad, err := a.OP.BadAccessTokens("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	if len(bad) < 30 {
		t.Fatalf("%d tokens", len(bad))
	}
	for name, token := range bad {
		r := b.Do(http.MethodGet, "/me", nil, "Authorization", "Bearer "+token)
		if r.StatusCode != 401 || r.JSON(t)["error"] != "invalid_access_token" || r.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.Body)
		}
	}
	if n := a.OP.Count(fakeop.JWKS); n > 2 {
		t.Errorf("%d fetches of keys", n)
	}
	for _, where := range []string{"/me?access_token=" + good, "/me?token=" + good} {
		if r := b.Fetch(where); r.StatusCode != 401 {
			t.Errorf("a token in the query: %d", r.StatusCode)
		}
	}
	form := strings.NewReader("access_token=" + good)
	if r := b.Do("POST", "/me", form, "Content-Type", "application/x-www-form-urlencoded"); r.StatusCode != 401 {
		t.Errorf("a token in the body: %d", r.StatusCode)
	}
	if strings.Contains(a.Logs.String(), good) || strings.Contains(a.Logs.String(), "eyJ") {
		t.Error("a token is in the log")
	}
}

// proofOf makes a DPoP proof; edit may change its header and claims.
func proofOf(
	t *testing.T, key *ecdsa.PrivateKey, method, url, token string, edit func(header, claims map[string]any),
) string {
	t.Helper()
	sum := sha256.Sum256([]byte(token))
	header := map[string]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: &key.PublicKey}}
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": url, "iat": time.Now().Unix(),
		"ath": base64.RawURLEncoding.EncodeToString(sum[:])}
	if edit != nil {
		edit(header, claims)
	}
	options := &jose.SignerOptions{}
	for name, value := range header {
		options = options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
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

// TestBearerBoundToKey: an access token that is bound to a key is accepted only with a fresh proof of that key, made
// for this request, once on all instances. Case 380.
func TestBearerBoundToKey(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	thief, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public := jose.JSONWebKey{Key: &key.PublicKey}
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	shared := state.NewMemory(0)
	a := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
	other := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.State, c.Providers[0].Transport = shared, a.OP.Transport()
	})
	unbound, err := a.OP.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	a.OP.OnAccessToken(func(claims map[string]any) {
		claims["cnf"] = map[string]any{"jkt": base64.RawURLEncoding.EncodeToString(thumbprint)}
	})
	token, err := a.OP.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	const url = testapp.URL + "/me"
	claim := func(name string, value any) func(header, claims map[string]any) {
		return func(_, claims map[string]any) { claims[name] = value }
	}
	header := func(name string, value any) func(header, claims map[string]any) {
		return func(header, _ map[string]any) { header[name] = value }
	}
	proof := func(edit func(header, claims map[string]any)) []string {
		return []string{proofOf(t, key, "GET", url, token, edit)}
	}
	past := func(age time.Duration) int64 { return time.Now().Add(-age).Unix() }
	for _, tt := range []struct {
		name, scheme, token string
		proofs              []string
		status              int
	}{
		{"a proof", "DPoP", token, proof(nil), 200},
		{"scheme in lower case", "dpop", token, proof(nil), 200},
		{"the default port", "DPoP", token, proof(claim("htu", "https://APP.example.com:443/me")), 200},
		{"a query", "DPoP", token, proof(claim("htu", url+"?x=1")), 200},
		{"a minute old", "DPoP", token, proof(claim("iat", past(time.Minute))), 200},
		{"as a bearer token", "Bearer", token, nil, 401},
		{"as a bearer token with a proof", "Bearer", token, proof(nil), 401},
		{"an unbound token", "DPoP", unbound, proof(nil), 401},
		{"no proof", "DPoP", token, nil, 401},
		{"two proofs", "DPoP", token, append(proof(nil), proof(nil)...), 401},
		{"garbage", "DPoP", token, []string{"garbage"}, 401},
		{"another key", "DPoP", token, []string{proofOf(t, thief, "GET", url, token, nil)}, 401},
		{"another key's signature", "DPoP", token,
			[]string{proofOf(t, thief, "GET", url, token, header("jwk", public))}, 401},
		{"another method", "DPoP", token, proof(claim("htm", "POST")), 401},
		{"another path", "DPoP", token, proof(claim("htu", testapp.URL+"/admin")), 401},
		{"another host", "DPoP", token, proof(claim("htu", "https://evil.example/me")), 401},
		{"another scheme", "DPoP", token, proof(claim("htu", "http://app.example.com/me")), 401},
		{"another token", "DPoP", token, []string{proofOf(t, key, "GET", url, unbound, nil)}, 401},
		{"no ath", "DPoP", token, proof(claim("ath", nil)), 401},
		{"no jti", "DPoP", token, proof(claim("jti", "")), 401},
		{"old", "DPoP", token, proof(claim("iat", past(3*time.Minute))), 401},
		{"of the future", "DPoP", token, proof(claim("iat", past(-2*time.Minute))), 401},
		{"no time", "DPoP", token, proof(claim("iat", "now")), 401},
		{"another type", "DPoP", token, proof(header("typ", "JWT")), 401},
		{"critical", "DPoP", token, proof(header("crit", []string{"exp"})), 401},
		{"a private key", "DPoP", token, proof(header("jwk", jose.JSONWebKey{Key: key})), 401},
	} {
		headers := []string{"Authorization", tt.scheme + " " + tt.token}
		for _, p := range tt.proofs {
			headers = append(headers, "DPoP", p)
		}
		r := a.Browser().Do("GET", "/me", nil, headers...)
		if r.StatusCode != tt.status {
			t.Errorf("%s: %d %s", tt.name, r.StatusCode, r.Body)
		}
		challenge := r.Header.Get("WWW-Authenticate")
		if tt.status == 401 && !strings.HasPrefix(challenge, `DPoP realm="`) &&
			!strings.Contains(challenge, "invalid_token") {
			t.Errorf("%s: challenge %q", tt.name, challenge)
		}
	}
	strict := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Transport, c.Providers[0].RequireBoundTokens = a.OP.Transport(), true
	})
	for authorization, want := range map[string]int{"DPoP " + token: 200, "Bearer " + unbound: 401} {
		r := strict.Browser().Do("GET", "/me", nil, "Authorization", authorization, "DPoP", proof(nil)[0])
		if r.StatusCode != want {
			t.Errorf("where tokens have to be bound, %.8s: %d %s", authorization, r.StatusCode, r.Body)
		}
	}
	replayed := proof(nil)[0]
	for i, on := range []*testapp.App{other, a, other} {
		r := on.Browser().Do("GET", "/me", nil, "Authorization", "DPoP "+token, "DPoP", replayed)
		if want := []int{200, 401, 401}[i]; r.StatusCode != want {
			t.Errorf("time %d: %d, want %d", i+1, r.StatusCode, want)
		}
	}
}

// TestBearerBoundToCertificate: an access token that is bound to a TLS client certificate is accepted only over a
// connection with that certificate. Case 381.
func TestBearerBoundToCertificate(t *testing.T) {
	own, stolen := testapp.SelfSigned(t), testapp.SelfSigned(t)
	a := newAPI(t)
	sum := sha256.Sum256(own.Certificate[0])
	a.OP.OnAccessToken(func(claims map[string]any) {
		claims["cnf"] = map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}
	})
	token, err := a.OP.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	parsed := func(certificate tls.Certificate) []*x509.Certificate {
		leaf, err := x509.ParseCertificate(certificate.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return []*x509.Certificate{leaf}
	}
	for name, tt := range map[string]struct {
		connection *tls.ConnectionState
		status     int
	}{
		"no TLS":              {nil, 401},
		"no certificate":      {&tls.ConnectionState{}, 401},
		"another certificate": {&tls.ConnectionState{PeerCertificates: parsed(stolen)}, 401},
		"the certificate":     {&tls.ConnectionState{PeerCertificates: parsed(own)}, 200},
	} {
		r := httptest.NewRequest("GET", testapp.URL+"/me", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		r.TLS = tt.connection
		w := httptest.NewRecorder()
		if a.Engine.ServeHTTP(w, r); w.Code != tt.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// TestThreeKindsOfClient: browsers, clients with access tokens and clients with API keys share one route at one time,
// and each is refused in its own form. Case 382.
func TestThreeKindsOfClient(t *testing.T) {
	a := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Authenticators = []ginoidc.Authenticator{byKey(map[string]func(*gin.Context) (*ginoidc.User, error){
			"robot": shows(ginoidc.User{Subject: "robot"}),
		})}
	})
	a.Engine.GET("/who", a.Auth.RequireAuth(), func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		c.String(http.StatusOK, u.Subject)
	})
	token, err := a.OP.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	browser := a.Browser()
	browser.MustSignIn("bob")
	cookie, page := browser.CookieHeader(), testapp.Navigation()
	var wg sync.WaitGroup
	for _, tt := range []struct {
		headers []string
		status  int
		want    string // the body, or the beginning of a header that says how to authenticate
	}{
		{[]string{"Cookie", cookie}, 200, "bob"},
		{[]string{"Authorization", "Bearer " + token}, 200, "alice"},
		{[]string{"X-API-Key", "robot"}, 200, "robot"},
		{[]string{"Cookie", cookie, "Authorization", "Bearer " + token}, 200, "alice"},
		{[]string{"Cookie", cookie, "Authorization", "Bearer " + token, "X-API-Key", "robot"}, 200, "robot"},
		{page, 302, "/auth/signin?return_to=%2Fwho"},
		{nil, 401, `Cookie realm="https://app.example.com"`},
		{[]string{"Cookie", cookie, "Authorization", "Bearer x"}, 401, `Bearer realm="https://app.example.com", error=`},
		{[]string{"Cookie", cookie, "X-API-Key", "unknown"}, 401, `Cookie realm="https://app.example.com"`},
	} {
		for range 8 {
			wg.Go(func() {
				r := httptest.NewRequest("GET", testapp.URL+"/who", nil)
				for i := 0; i < len(tt.headers); i += 2 {
					r.Header.Add(tt.headers[i], tt.headers[i+1])
				}
				w := httptest.NewRecorder()
				a.Engine.ServeHTTP(w, r)
				got := w.Body.String()
				switch w.Code {
				case http.StatusFound:
					got = w.Header().Get("Location")
				case http.StatusUnauthorized:
					got = w.Header().Get("WWW-Authenticate")
				}
				if w.Code != tt.status || !strings.HasPrefix(got, tt.want) {
					t.Errorf("%q: %d %s", tt.headers, w.Code, got)
				}
			})
		}
	}
	wg.Wait()
}

// TestResourceMetadata: a client that is refused finds the metadata of the resource, and in it who issues tokens.
func TestResourceMetadata(t *testing.T) {
	const resource = testapp.URL + "/v1"
	a := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Resource = resource })
	const address = testapp.URL + "/.well-known/oauth-protected-resource/v1"
	b := a.Browser()
	for name, authorization := range map[string]string{"no token": "Basic x", "a bad token": "Bearer x"} {
		r := b.Do("GET", "/me", nil, "Authorization", authorization)
		challenge := strings.Join(r.Header.Values("WWW-Authenticate"), "\n")
		if r.StatusCode != 401 || strings.Count(challenge, `, resource_metadata="`+address+`"`) != 1 {
			t.Errorf("%s: %d, challenge %q", name, r.StatusCode, challenge)
		}
	}
	r := b.Do("GET", strings.TrimPrefix(address, testapp.URL), nil, "Origin", "https://client.example")
	want := map[string]any{
		"resource": resource, "authorization_servers": []any{testapp.Issuer},
		"bearer_methods_supported": []any{"header"},
		"dpop_signing_alg_values_supported": []any{
			"ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256",
		},
	}
	if got := r.JSON(t); r.StatusCode != 200 || !reflect.DeepEqual(got, want) {
		t.Errorf("%d %v", r.StatusCode, got)
	}
	h := r.Header
	if h.Get("Access-Control-Allow-Origin") != "*" || !strings.HasPrefix(h.Get("Cache-Control"), "public") ||
		!strings.HasPrefix(h.Get("Content-Type"), "application/json") || h.Get("Set-Cookie") != "" {
		t.Errorf("%v", h)
	}
	preflight := b.Do("OPTIONS", strings.TrimPrefix(address, testapp.URL), nil, "Origin", "https://client.example",
		"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "mcp-protocol-version")
	if preflight.StatusCode != 204 || preflight.Header.Get("Access-Control-Allow-Headers") != "*" {
		t.Errorf("preflight: %d %v", preflight.StatusCode, preflight.Header)
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		r := b.Do(method, strings.TrimPrefix(address, testapp.URL), nil)
		if r.StatusCode != 405 || r.Header.Get("Allow") == "" {
			t.Errorf("%s: %d", method, r.StatusCode)
		}
	}
	off := newAPI(t).Browser()
	if r := off.Fetch("/.well-known/oauth-protected-resource"); r.StatusCode != 404 {
		t.Errorf("without Resource: %d", r.StatusCode)
	}
}

// TestResourceMetadataPath: the metadata is at the root of the host, wherever the app is mounted, and a guard in front
// of it lets it pass.
func TestResourceMetadataPath(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	for _, tt := range []struct{ app, resource, group, want string }{
		{"", "", "", "/.well-known/oauth-protected-resource"},
		{"", "/", "", "/.well-known/oauth-protected-resource"},
		{"/shop", "/shop", "", "/.well-known/oauth-protected-resource/shop"},
		{"/shop", "/shop", "/shop", "/.well-known/oauth-protected-resource/shop"},
		{"/a/shop", "/a/shop/api", "/a/shop", "/.well-known/oauth-protected-resource/a/shop/api"},
	} {
		a := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.AppURL, c.Resource = testapp.URL+tt.app, testapp.URL+tt.resource
		})
		engine := gin.New()
		engine.Use(a.Auth.RequireAuth())
		var mounted gin.IRouter = engine
		if tt.group != "" {
			mounted = engine.Group(tt.group)
		}
		a.Auth.Mount(mounted)
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, httptest.NewRequest("GET", tt.want, nil))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"resource":"`+testapp.URL+tt.resource+`"`) {
			t.Errorf("%+v: %d %s", tt, w.Code, w.Body)
		}
	}
}

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
