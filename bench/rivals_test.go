package bench

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	jwtmiddleware "github.com/appleboy/gin-jwt/v2"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/gin-gonic/gin"
	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/limit"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

const audience = "https://api.example.com"

// bearer guards with the plugin by an access token that was seen before.
func bearer(t testing.TB) contender {
	a, token := resourceServer(t)
	return contender{
		name: "**ginoidc**, access token seen before", handler: guardedBy(a.Auth), authorization: "Bearer " + token,
	}
}

// resourceServer returns an app that accepts access tokens, and a token.
func resourceServer(t testing.TB) (*testapp.App, string) {
	t.Helper()
	a := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
		c.Providers[0].Audience, c.Providers[0].SigningAlgs, op.SigningAlg = audience, []string{"RS256"}, "RS256"
	})
	a.OP.OnAccessToken(func(claims map[string]any) { maps.Copy(claims, limit.Alice(3).Claims()) })
	token, err := a.OP.AccessToken("alice", audience)
	if err != nil {
		t.Fatal(err)
	}
	return a, token
}

// rechecked guards a session whose user is read again at the provider every five minutes.
func rechecked(t testing.TB) contender {
	return plugin(t, "**ginoidc**, sealed cookie and RecheckEvery", 3, func(c *ginoidc.Config) {
		c.RecheckEvery = 5 * time.Minute
	})
}

// withIDToken guards a session that has the ID token too, for the provider's sign-out.
func withIDToken(t testing.TB) contender {
	return plugin(t, "**ginoidc**, sealed cookie with the ID token", 3, func(c *ginoidc.Config) {
		c.KeepIDToken = ginoidc.Always
	})
}

// goOIDC verifies an access token with go-oidc on each request. It has the key already.
func goOIDC(t testing.TB) contender {
	t.Helper()
	key := newRSAKey(t)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	issued := limit.Alice(3).Claims()
	issued["iss"], issued["aud"], issued["iat"] = testapp.Issuer, audience, time.Now().Unix()
	claims, err := json.Marshal(issued)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	keys := &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{key.Public()}}
	verifier := oidc.NewVerifier(testapp.Issuer, keys, &oidc.Config{ClientID: audience})
	e := gin.New()
	e.GET("/x", func(c *gin.Context) {
		verified, err := verifier.Verify(c.Request.Context(), c.GetHeader("Authorization")[len("Bearer "):])
		var claims struct {
			Groups []string `json:"groups"`
		}
		if err != nil || verified.Claims(&claims) != nil || !slices.Contains(claims.Groups, limit.Group) {
			c.Status(http.StatusForbidden)
			return
		}
		c.Set("user", verified)
		c.Status(http.StatusOK)
	})
	return contender{name: "go-oidc, RS256 on each request", handler: e, authorization: "Bearer " + token}
}

// ginJWT guards with appleboy/gin-jwt.
func ginJWT(t testing.TB, algorithm string) contender {
	t.Helper()
	m := &jwtmiddleware.GinJWTMiddleware{
		Realm: "app", SigningAlgorithm: algorithm, Key: []byte(testapp.CookieSecret), Timeout: time.Hour,
		PayloadFunc: func(any) jwtmiddleware.MapClaims {
			claims := jwtmiddleware.MapClaims(limit.Alice(3).Claims())
			claims["identity"] = claims["sub"]
			return claims
		},
		Authorizator: func(_ any, c *gin.Context) bool {
			groups, _ := jwtmiddleware.ExtractClaims(c)["groups"].([]any)
			return slices.Contains(groups, any(limit.Group))
		},
	}
	if algorithm == "RS256" {
		key := newRSAKey(t)
		m.PrivKeyBytes = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
		public, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		m.PubKeyBytes = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	}
	m, err := jwtmiddleware.New(m)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := m.TokenGenerator(nil)
	if err != nil {
		t.Fatal(err)
	}
	e := gin.New()
	e.Use(m.MiddlewareFunc())
	e.GET("/x", func(c *gin.Context) { c.Status(http.StatusOK) })
	return contender{name: "gin-jwt, " + algorithm, handler: e, authorization: "Bearer " + token}
}

// scsMemory guards by hand with scs, which is for net/http, and its store in memory.
func scsMemory(t testing.TB) contender {
	t.Helper()
	manager := scs.New()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /x", func(w http.ResponseWriter, r *http.Request) {
		m, ok := manager.Get(r.Context(), "user").(member)
		if !ok || !slices.Contains(m.Groups, limit.Group) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.WriteHeader(http.StatusOK)
	})
	mux.HandleFunc("GET /start", func(_ http.ResponseWriter, r *http.Request) {
		manager.Put(r.Context(), "user", alice())
	})
	h := manager.LoadAndSave(mux)
	return contender{name: "scs, memory (net/http)", handler: h, cookie: started(t, h)}
}

func newRSAKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
