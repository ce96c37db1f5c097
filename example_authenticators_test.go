package ginoidc_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
)

// API keys from the configuration of the app. Looking them up by their hash does not reveal by its timing how much of a
// guess is right.
func byAPIKey(users map[[sha256.Size]byte]*ginoidc.User) ginoidc.Authenticator {
	return func(c *gin.Context) (*ginoidc.User, error) {
		key := c.GetHeader("X-API-Key")
		if key == "" {
			return nil, nil
		}
		user := users[sha256.Sum256([]byte(key))]
		if user == nil {
			return nil, errors.New("unknown API key")
		}
		return user, nil
	}
}

// Personal access tokens from the database of the app.
func byPersonalToken(find func(ctx context.Context, hash []byte) (*ginoidc.User, error)) ginoidc.Authenticator {
	return func(c *gin.Context) (*ginoidc.User, error) {
		token, found := strings.CutPrefix(c.GetHeader("Authorization"), "Bearer ")
		if !found || !strings.HasPrefix(token, "pat_") {
			return nil, nil
		}
		hash := sha256.Sum256([]byte(token))
		user, err := find(c.Request.Context(), hash[:]) // … WHERE hash = $1 AND expires > now()
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("%w: %w", ginoidc.ErrSessionStore, err) // 503: the token may be valid
		}
		return user, err // 401 if there is no such token
	}
}

// TLS client certificates of other services. A browser sends one by itself, so requests of other sites are refused.
func byCertificate(users map[string]*ginoidc.User) ginoidc.Authenticator {
	protection := http.NewCrossOriginProtection()
	return func(c *gin.Context) (*ginoidc.User, error) {
		if c.Request.TLS == nil || len(c.Request.TLS.VerifiedChains) == 0 {
			return nil, nil
		}
		if err := protection.Check(c.Request); err != nil {
			return nil, fmt.Errorf("%w: %w", ginoidc.ErrForbidden, err)
		}
		user := users[c.Request.TLS.VerifiedChains[0][0].Subject.CommonName]
		if user == nil {
			return nil, errors.New("unknown client certificate")
		}
		return user, nil
	}
}

// A fixed user for work without a provider.
func developer(cfg *ginoidc.Config, user ginoidc.User) ginoidc.Authenticator {
	local := strings.HasPrefix(cfg.AppURL, "http://")
	return func(c *gin.Context) (*ginoidc.User, error) {
		if ip := net.ParseIP(c.RemoteIP()); !local || !ip.IsLoopback() {
			return nil, fmt.Errorf("%w: the development user is for loopback only", ginoidc.ErrForbidden)
		}
		return &user, nil
	}
}

// printStatus prints the response of an app with this authenticator to a request that edit has changed.
func printStatus(by ginoidc.Authenticator, edit func(*http.Request)) {
	cfg, _ := exampleConfig()
	cfg.Authenticators = []ginoidc.Authenticator{by}
	auth, router := newApp(cfg)
	router.POST("/jobs", auth.RequireGroups("builders"), func(c *gin.Context) {
		user, _ := ginoidc.UserFrom(c)
		c.String(http.StatusOK, "Started by "+user.Subject)
	})
	r := httptest.NewRequest(http.MethodPost, cfg.AppURL+"/jobs", nil)
	edit(r)
	w := httptest.NewRecorder()
	router.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
}

func builder() *ginoidc.User { return &ginoidc.User{Subject: "robot", Groups: []string{"builders"}} }

// Programs with an API key.
func ExampleAuthenticator_keys() {
	by := byAPIKey(map[[sha256.Size]byte]*ginoidc.User{sha256.Sum256([]byte("key-1")): builder()})
	for _, key := range []string{"key-1", "key-2"} {
		printStatus(by, func(r *http.Request) { r.Header.Set("X-API-Key", key) })
	}
	// Output:
	// 200 Started by robot
	// 401 {"error":"unauthorized","message":"Please sign in.","sign_in_url":"/auth/signin"}
}

// Tokens that users create for themselves.
func ExampleAuthenticator_personalTokens() {
	stored := sha256.Sum256([]byte("pat_1"))
	by := byPersonalToken(func(_ context.Context, hash []byte) (*ginoidc.User, error) {
		if !bytes.Equal(hash, stored[:]) {
			return nil, sql.ErrNoRows
		}
		return builder(), nil
	})
	for _, token := range []string{"pat_1", "pat_2"} {
		printStatus(by, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
	}
	// Output:
	// 200 Started by robot
	// 401 {"error":"unauthorized","message":"Please sign in.","sign_in_url":"/auth/signin"}
}

// Services with a TLS client certificate.
func ExampleAuthenticator_certificates() {
	by := byCertificate(map[string]*ginoidc.User{"ci.internal": builder()})
	with := func(name, site string) func(*http.Request) {
		leaf := &x509.Certificate{Subject: pkix.Name{CommonName: name}}
		return func(r *http.Request) {
			r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}}
			r.Header.Set("Sec-Fetch-Site", site)
		}
	}
	printStatus(by, with("ci.internal", ""))
	printStatus(by, with("ci.internal", "cross-site"))
	printStatus(by, with("other.internal", ""))
	// Output:
	// 200 Started by robot
	// 403 {"error":"forbidden","message":"You do not have access to this resource."}
	// 401 {"error":"unauthorized","message":"Please sign in.","sign_in_url":"/auth/signin"}
}

// A user for development.
func ExampleAuthenticator_development() {
	by := developer(&ginoidc.Config{AppURL: "http://localhost:8080"}, *builder())
	for _, from := range []string{"127.0.0.1:50000", "192.0.2.1:50000"} {
		printStatus(by, func(r *http.Request) { r.RemoteAddr = from })
	}
	// Output:
	// 200 Started by robot
	// 403 {"error":"forbidden","message":"You do not have access to this resource."}
}
