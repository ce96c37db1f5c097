package ginoidc_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// A group of routes for the members of a group.
func Example() {
	auth, router := exampleApp()
	admin := router.Group("/admin", auth.RequireGroups("admin"))
	admin.GET("/users", func(c *gin.Context) {
		user, _ := ginoidc.UserFrom(c)
		c.String(http.StatusOK, "Welcome, %s", user.Name)
	})

	show(router, "/admin/users")
	showAs(auth, router, "/admin/users", ginoidc.User{Subject: "bob", Name: "Bob", Groups: []string{"staff"}})
	showAs(auth, router, "/admin/users", ginoidc.User{Subject: "alice", Name: "Alice", Groups: []string{"admin"}})
	// Output:
	// 401 {"error":"unauthorized","message":"Please sign in.","sign_in_url":"/auth/signin"}
	// 403 {"error":"forbidden","message":"You do not have access to this resource."}
	// 200 Welcome, Alice
}

// The settings that every app needs. New asks nothing of the provider, so the app starts while its provider is down.
func ExampleNew() {
	auth, err := ginoidc.New(ginoidc.Config{
		Providers: []ginoidc.Provider{{
			Issuer:   "https://login.example.com", // as in the provider's discovery document
			ClientID: "shop", ClientSecret: "registered at the provider",
		}},
		AppURL:        "https://shop.example.com",
		CookieSecrets: []string{"q2V9tYx0mB7kLr4WcZ8nJf1sHd6uGp3A"}, // openssl rand -base64 32
	})
	if err != nil {
		log.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	auth.Mount(router)

	fmt.Println(auth.AppURL())
	fmt.Println(auth.SignInURL("/cart"))
	// Output:
	// https://shop.example.com
	// /auth/signin?return_to=%2Fcart
}

// New reports every problem at once, each with the variable to change. Printing err shows how to fix it too.
func ExampleConfigFromEnv() {
	for name, value := range map[string]string{
		"SHOP_ISSUER": "http://login.example.com", "SHOP_CLIENT_ID": "shop", "SHOP_CLIENT_SECRET": "s",
		"SHOP_COOKIE_SECRET": "too-short", "SHOP_SESSION_IDLE": "soon",
	} {
		os.Setenv(name, value)
		defer os.Unsetenv(name)
	}
	cfg, _ := ginoidc.ConfigFromEnv("SHOP_") // New reports what it cannot read
	_, err := ginoidc.New(cfg)
	for _, problem := range err.(interface{ Unwrap() []error }).Unwrap() {
		var e *ginoidc.ConfigError
		if errors.As(problem, &e) {
			fmt.Println(e.Variable, e.Problem)
		}
	}
	// Output:
	// SHOP_SESSION_IDLE "soon" is not a positive duration
	// SHOP_ISSUER uses http outside loopback
	// SHOP_COOKIE_SECRET secret 1 has 9 bytes instead of at least 32
}

// A link that asks the provider for more than the usual: here, to show its form for new accounts. The parameters are
// sealed into the link, so that nobody else can make one with other parameters.
func ExampleAuth_SignInURLWith() {
	auth, router := exampleApp()
	link, err := auth.SignInURLWith("/welcome", url.Values{"prompt": {"create"}})
	if err != nil {
		log.Panic(err)
	}

	w := get(router, link)
	authorization, err := w.Result().Location()
	if err != nil {
		log.Panic(err)
	}
	fmt.Println(authorization.Host, authorization.Query().Get("prompt"))
	// Output: idp.example create
}

// exampleConfig describes an app and a provider in memory, whose users are those of ginoidctest.DemoUsers.
func exampleConfig() (ginoidc.Config, *ginoidctest.Provider) {
	idp, err := ginoidctest.New(ginoidctest.Config{ClientID: "shop", ClientSecret: "s"})
	if err != nil {
		log.Panic(err)
	}
	return ginoidc.Config{
		Providers: []ginoidc.Provider{{
			Issuer: idp.Issuer(), Transport: idp.Transport(), ClientID: "shop", ClientSecret: "s",
		}},
		AppURL:        "https://shop.example.com",
		CookieSecrets: []string{"q2V9tYx0mB7kLr4WcZ8nJf1sHd6uGp3A"}, Logger: slog.New(slog.DiscardHandler),
	}, idp
}

// newApp returns the app that cfg describes, with the plugin's routes.
func newApp(cfg ginoidc.Config) (*ginoidc.Auth, *gin.Engine) {
	gin.SetMode(gin.ReleaseMode)
	auth, err := ginoidc.New(cfg)
	if err != nil {
		log.Panic(err)
	}
	router := gin.New()
	auth.Mount(router)
	return auth, router
}

func exampleApp() (*ginoidc.Auth, *gin.Engine) {
	cfg, _ := exampleConfig()
	return newApp(cfg)
}

// get sends the request of a program that is not signed in. headers are names and values in turn.
func get(engine *gin.Engine, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	engine.ServeHTTP(w, r)
	return w
}

// show prints the response to a program that is not signed in.
func show(engine *gin.Engine, path string, headers ...string) {
	w := get(engine, path, headers...)
	fmt.Println(w.Code, w.Body)
}

// showAs prints the response to the user.
func showAs(auth *ginoidc.Auth, engine *gin.Engine, path string, user ginoidc.User) {
	printResponse(ginoidctest.SignInAs(noTest{}, auth, engine, user).Get(path))
}

// printResponse prints a response.
func printResponse(response *http.Response, err error) {
	if err != nil {
		log.Panic(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		log.Panic(err)
	}
	fmt.Println(response.StatusCode, string(body))
}

// noTest stands in for the *testing.T that an example does not have.
type noTest struct{}

func (noTest) Helper()                           {}
func (noTest) Fatalf(format string, args ...any) { log.Panicf(format, args...) }
func (noTest) Cleanup(func())                    {}

// Responses of the app's own to denied requests, for some routes. The chain is aborted before a handler is called.
func ExampleAuth_With() {
	auth, router := exampleApp()
	api := auth.With(ginoidc.AbortHandlers{
		Unauthenticated: func(c *gin.Context) {
			c.String(http.StatusUnauthorized, "Please sign in")
		},
		Forbidden: func(c *gin.Context) {
			user, _ := ginoidc.UserFrom(c)
			c.String(http.StatusForbidden, "User %s does not have access", user.Email)
		},
	})
	router.GET("/api/admin", api.RequireGroups("admin"), func(c *gin.Context) {
		c.String(http.StatusOK, "Admin-only data")
	})

	show(router, "/api/admin")
	showAs(auth, router, "/api/admin", ginoidc.User{Subject: "bob", Email: "bob@example.com"})
	// Output:
	// 401 Please sign in
	// 403 User bob@example.com does not have access
}

// Every denied request and every failure as JSON in the app's own format.
func ExampleDenied() {
	auth, router := exampleApp()
	problem := func(c *gin.Context) {
		d := ginoidc.Denied(c)
		c.JSON(d.Status, gin.H{"title": d.Title, "code": d.Code})
	}
	api := auth.With(ginoidc.AbortHandlers{Unauthenticated: problem, Forbidden: problem, Failed: problem})
	router.GET("/api/admin", api.RequireGroups("admin"), func(c *gin.Context) {
		c.String(http.StatusOK, "Admin-only data")
	})

	show(router, "/api/admin")
	showAs(auth, router, "/api/admin", ginoidc.User{Subject: "bob"})
	// Output:
	// 401 {"code":"unauthorized","title":"You are not signed in"}
	// 403 {"code":"forbidden","title":"No access"}
}

// A rule of the app's own, about a claim of the provider.
func ExampleAuth_Require() {
	auth, router := exampleApp()
	fromBerlin := auth.Require(func(u *ginoidc.User) error {
		var claims struct {
			Office string `json:"office"`
		}
		if err := u.Claims(&claims); err != nil {
			return err
		}
		if claims.Office != "Berlin" {
			return errors.New("not from Berlin") // for Reason and the log; the response does not show it
		}
		return nil
	})
	router.GET("/canteen", fromBerlin, func(c *gin.Context) { c.String(http.StatusOK, "Today: soup") })

	showAs(auth, router, "/canteen", ginoidc.User{Subject: "alice", Extra: []byte(`{"office":"Berlin"}`)})
	showAs(auth, router, "/canteen", ginoidc.User{Subject: "bob", Extra: []byte(`{"office":"Paris"}`)})
	// Output:
	// 200 Today: soup
	// 403 {"error":"forbidden","message":"You do not have access to this resource."}
}

// A rule that sees the request: notes are for their owners.
func ExampleAuth_RequireFunc() {
	auth, router := exampleApp()
	owners := map[string]string{"1": "alice", "2": "bob"} // by note
	owned := auth.RequireFunc(func(c *gin.Context, u *ginoidc.User) error {
		if owners[c.Param("id")] != u.Subject {
			return errors.New("not the owner") // for Reason and the log; the response does not show it
		}
		return nil
	})
	router.GET("/notes/:id", owned, func(c *gin.Context) { c.String(http.StatusOK, "Buy milk") })

	showAs(auth, router, "/notes/1", ginoidc.User{Subject: "alice"})
	showAs(auth, router, "/notes/2", ginoidc.User{Subject: "alice"})
	// Output:
	// 200 Buy milk
	// 403 {"error":"forbidden","message":"You do not have access to this resource."}
}

// Members of an organization see what belongs to it. The path names the organization; the session decides.
func ExampleAuth_RequireOrganization() {
	auth, router := exampleApp()
	router.GET("/orgs/:org/projects", auth.RequireOrganization("org"), func(c *gin.Context) {
		c.String(http.StatusOK, "Projects of %s", c.Param("org"))
	})

	alice := ginoidc.User{Subject: "alice", Organizations: []string{"acme"}}
	showAs(auth, router, "/orgs/acme/projects", alice)
	showAs(auth, router, "/orgs/globex/projects", alice)
	// Output:
	// 200 Projects of acme
	// 403 {"error":"forbidden","message":"You do not have access to this resource."}
}

// A route for users who have signed in within the last five minutes. A browser is sent to sign in again; a program is
// told what is missing.
func ExampleAuth_RequireFreshSignIn() {
	auth, router := exampleApp()
	router.GET("/password", auth.RequireFreshSignIn(5*time.Minute), func(c *gin.Context) {
		c.String(http.StatusOK, "Change your password")
	})

	for _, age := range []time.Duration{time.Minute, time.Hour} {
		alice := ginoidc.User{Subject: "alice", AuthTime: time.Now().Add(-age)}
		response, err := ginoidctest.SignInAs(noTest{}, auth, router, alice).Get("/password")
		if err != nil {
			log.Panic(err)
		}
		fmt.Println(response.Status, response.Header["Www-Authenticate"])
		response.Body.Close()
	}
	// Output:
	// 200 OK []
	// 401 Unauthorized [Cookie realm="https://shop.example.com", error="insufficient_user_authentication", max_age="300"]
}

// Every route requires sign-in, except for the public ones: a new route is protected unless somebody lists it.
func ExampleAuth_ProtectAll() {
	auth, router := exampleApp()
	router.Use(auth.ProtectAll("/", "/healthz"))
	for _, path := range []string{"/", "/healthz", "/reports"} {
		router.GET(path, func(c *gin.Context) { c.String(http.StatusOK, "This is %s", path) })
	}

	show(router, "/healthz")
	show(router, "/reports")
	// Output:
	// 200 This is /healthz
	// 401 {"error":"unauthorized","message":"Please sign in.","sign_in_url":"/auth/signin"}
}

// A handler that decides itself and answers as a guard does.
func ExampleAuth_Deny() {
	auth, router := exampleApp()
	router.GET("/orders/:id", auth.RequireAuth(), func(c *gin.Context) {
		user, _ := ginoidc.UserFrom(c)
		owner := "bob" // as found in a database
		if user.Subject != owner {
			auth.Deny(c, errors.New("not the customer"))
			return
		}
		c.String(http.StatusOK, "Order %s", c.Param("id"))
	})

	showAs(auth, router, "/orders/7", ginoidc.User{Subject: "bob"})
	showAs(auth, router, "/orders/7", ginoidc.User{Subject: "alice"})
	// Output:
	// 200 Order 7
	// 403 {"error":"forbidden","message":"You do not have access to this resource."}
}

// API keys on the same guards as sessions. A request without a key is left to the session; a wrong key is denied.
func ExampleAuthenticator() {
	keys := map[string]ginoidc.User{"k-1": {Subject: "backup", Groups: []string{"admin"}}}
	cfg, _ := exampleConfig()
	cfg.Authenticators = []ginoidc.Authenticator{func(c *gin.Context) (*ginoidc.User, error) {
		key := c.GetHeader("X-API-Key")
		if key == "" {
			return nil, nil
		}
		user, ok := keys[key]
		if !ok {
			return nil, errors.New("unknown API key")
		}
		return &user, nil
	}}
	auth, router := newApp(cfg)
	router.GET("/dump", auth.RequireGroups("admin"), func(c *gin.Context) { c.String(http.StatusOK, "All the data") })

	show(router, "/dump", "X-API-Key", "k-1")
	show(router, "/dump", "X-API-Key", "guessed")
	// Output:
	// 200 All the data
	// 401 {"error":"unauthorized","message":"Please sign in.","sign_in_url":"/auth/signin"}
}

// Guards refuse requests that another site makes a browser send with the session's cookie, unless the origin is
// trusted.
func ExampleConfig_trustedOrigins() {
	cfg, _ := exampleConfig()
	cfg.TrustedOrigins = []string{"https://admin.example.com"}
	auth, router := newApp(cfg)
	router.POST("/orders", auth.RequireAuth(), func(c *gin.Context) { c.String(http.StatusCreated, "Ordered") })
	alice := ginoidctest.SignInAs(noTest{}, auth, router, ginoidc.User{Subject: "alice"})

	for _, origin := range []string{"https://shop.example.com", "https://admin.example.com", "https://evil.example"} {
		r, _ := http.NewRequest(http.MethodPost, auth.AppURL()+"/orders", http.NoBody)
		r.Header.Set("Origin", origin)
		fmt.Print(origin, " ")
		printResponse(alice.Do(r))
	}
	// Output:
	// https://shop.example.com 201 Ordered
	// https://admin.example.com 201 Ordered
	// https://evil.example 403 {"error":"cross_origin","message":"This request came from another site."}
}

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

// A sign-in that the app refuses, and data of its own that the session keeps.
func ExampleConfig_onSignIn() {
	cfg, idp := exampleConfig()
	cfg.OnSignIn = func(ctx context.Context, s *ginoidc.PendingSignIn) error {
		if !s.User.EmailVerified {
			return errors.New("the e-mail address is not verified") // 403, and no session
		}
		s.User.Data = json.RawMessage(`{"plan":"basic"}`)
		return nil
	}
	auth, router := newApp(cfg)
	router.GET("/plan", auth.RequireAuth(), func(c *gin.Context) {
		user, _ := ginoidc.UserFrom(c)
		c.Data(http.StatusOK, "application/json", user.Data)
	})

	alice := ginoidctest.SignIn(noTest{}, auth, router, idp, "alice")
	printResponse(alice.Get("/plan"))
	// Output: 200 {"plan":"basic"}
}

// Groups from a directory of the app's own instead of the provider's claim. It is asked once, at sign-in.
func ExampleProvider_groupsResolver() {
	directory := map[string][]string{"alice": {"buyers"}}
	cfg, idp := exampleConfig()
	cfg.Providers[0].GroupsResolver = func(ctx context.Context, u *ginoidc.User, _ string) ([]string, error) {
		return directory[u.Subject], nil // an error would end the sign-in
	}
	auth, router := newApp(cfg)
	router.GET("/purchases", auth.RequireGroups("buyers"), func(c *gin.Context) { c.String(http.StatusOK, "None yet") })

	for _, subject := range []string{"alice", "bob"} {
		client := ginoidctest.SignIn(noTest{}, auth, router, idp, subject)
		printResponse(client.Get("/purchases"))
	}
	// Output:
	// 200 None yet
	// 403 {"error":"forbidden","message":"You do not have access to this resource."}
}

// Changing what the session keeps of its user, here after a payment.
func ExampleAuth_UpdateSession() {
	auth, router := exampleApp()
	router.POST("/upgrade", auth.RequireAuth(), func(c *gin.Context) {
		err := auth.UpdateSession(c, func(u *ginoidc.User) error {
			u.Groups = append(u.Groups, "premium")
			return nil
		})
		if err != nil {
			auth.Deny(c, err)
			return
		}
		c.String(http.StatusOK, "Upgraded")
	})
	router.GET("/lounge", auth.RequireGroups("premium"), func(c *gin.Context) { c.String(http.StatusOK, "Have a seat") })
	alice := ginoidctest.SignInAs(noTest{}, auth, router, ginoidc.User{Subject: "alice"})

	printResponse(alice.Get("/lounge"))
	printResponse(alice.Post("/upgrade", "", nil))
	printResponse(alice.Get("/lounge"))
	// Output:
	// 403 {"error":"forbidden","message":"You do not have access to this resource."}
	// 200 Upgraded
	// 200 Have a seat
}

// A page on which users see their sessions and end the others, such as that of a lost phone.
func ExampleAuth_UserSessions() {
	auth, router := exampleApp()
	router.POST("/sessions/end-others", auth.RequireAuth(), func(c *gin.Context) {
		ctx, ended := c.Request.Context(), 0
		user, _ := ginoidc.UserFrom(c)
		sessions, err := auth.UserSessions(ctx, user.Subject)
		for _, s := range sessions {
			if !s.Current && err == nil {
				err = auth.EndUserSession(ctx, user.Subject, s.ID)
				ended++
			}
		}
		if err != nil {
			auth.Deny(c, err)
			return
		}
		c.String(http.StatusOK, "%d ended", ended)
	})

	ginoidctest.SignInAs(noTest{}, auth, router, ginoidc.User{Subject: "alice"}) // on the phone
	laptop := ginoidctest.SignInAs(noTest{}, auth, router, ginoidc.User{Subject: "alice"})
	printResponse(laptop.Post("/sessions/end-others", "", nil))
	// Output: 200 1 ended
}

// A call to another service in the user's name.
func ExampleAuth_Client() {
	calendar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "called with a token: ", r.Header.Get("Authorization") != "")
	}))
	defer calendar.Close()
	cfg, idp := exampleConfig()
	cfg.KeepTokens = true
	auth, router := newApp(cfg)
	router.GET("/calendar", auth.RequireAuth(), func(c *gin.Context) {
		client, err := auth.Client(c)
		if err != nil {
			auth.Deny(c, err)
			return
		}
		response, err := client.Get(calendar.URL)
		if err != nil {
			c.Status(http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		c.DataFromReader(http.StatusOK, response.ContentLength, "text/plain", response.Body, nil)
	})

	printResponse(ginoidctest.SignIn(noTest{}, auth, router, idp, "alice").Get("/calendar"))
	// Output: 200 called with a token: true
}

// Code below the handler finds the user in the request's context.
func ExampleUserFromContext() {
	greeting := func(ctx context.Context) string {
		user, ok := ginoidc.UserFromContext(ctx)
		if !ok {
			return "Hello, stranger"
		}
		return "Hello, " + user.Name
	}
	auth, router := exampleApp()
	router.GET("/", auth.Middleware(), func(c *gin.Context) {
		c.String(http.StatusOK, greeting(c.Request.Context()))
	})

	show(router, "/")
	showAs(auth, router, "/", ginoidc.User{Subject: "alice", Name: "Alice"})
	// Output:
	// 200 Hello, stranger
	// 200 Hello, Alice
}

// Incorrect: the guard comes after a route. Gin applies middleware to later routes only, so the first one is open to
// everybody. Register guards first, and let a test ask ginoidctest.OpenRoutes.
func Example_incorrectGuardAfterRoutes() {
	auth, router := exampleApp()
	page := func(c *gin.Context) { c.String(http.StatusOK, "the secrets") }
	router.GET("/early", page)
	router.Use(auth.RequireAuth()) // too late
	router.GET("/late", page)

	show(router, "/early")
	show(router, "/late")
	fmt.Println("open:", ginoidctest.OpenRoutes(router))
	// Output:
	// 200 the secrets
	// 401 {"error":"unauthorized","message":"Please sign in.","sign_in_url":"/auth/signin"}
	// open: [GET /early]
}

// Incorrect: groups compared by hand. "admin" is a part of "sales-admin", and a provider that left the groups out
// because there were too many is not noticed. Use a guard, or User.InGroup.
func Example_incorrectGroupsByHand() {
	auth, router := exampleApp()
	page := func(c *gin.Context) { c.String(http.StatusOK, "the secrets") }
	byHand := func(c *gin.Context) {
		user, ok := ginoidc.UserFrom(c)
		if !ok || !strings.Contains(strings.Join(user.Groups, ","), "admin") {
			c.AbortWithStatus(http.StatusForbidden)
		}
	}
	router.GET("/wrong", auth.Middleware(), byHand, page)
	router.GET("/right", auth.RequireGroups("admin"), page)

	bob := ginoidc.User{Subject: "bob", Groups: []string{"sales-admin"}}
	showAs(auth, router, "/wrong", bob)
	showAs(auth, router, "/right", bob)
	// Output:
	// 200 the secrets
	// 403 {"error":"forbidden","message":"You do not have access to this resource."}
}

// Incorrect: a redirect without Abort. The chain goes on, so the protected handler runs and its response follows the
// redirect, where any program reads it. A guard aborts first.
func Example_incorrectRedirectWithoutAbort() {
	auth, router := exampleApp()
	page := func(c *gin.Context) { c.String(http.StatusOK, "the secrets") }
	byHand := func(c *gin.Context) {
		if _, signedIn := ginoidc.UserFrom(c); !signedIn {
			c.Redirect(http.StatusSeeOther, "/auth/signin") // and the chain goes on
		}
	}
	router.GET("/wrong", auth.Middleware(), byHand, page)
	router.GET("/right", auth.RequireAuth(), page)

	for _, path := range []string{"/wrong", "/right"} {
		w := get(router, path)
		fmt.Println(path, w.Code, "shows the secrets:", strings.Contains(w.Body.String(), "the secrets"))
	}
	// Output:
	// /wrong 303 shows the secrets: true
	// /right 401 shows the secrets: false
}

// deviceOf names the device of a request, for Config.SessionLabel.
func deviceOf(r *http.Request) string {
	agent := r.UserAgent()
	for _, name := range []string{"iPhone", "iPad", "Android", "Windows", "Macintosh", "Linux"} {
		if strings.Contains(agent, name) {
			return name
		}
	}
	return "Another device"
}

// devicesPage lets users see their sessions and end them.
func devicesPage(router *gin.Engine, auth *ginoidc.Auth) {
	page := template.Must(template.New("devices").Parse(`<!doctype html>
<title>Your devices</title>
<ul>{{range .}}
<li>{{.Label}}, since {{.Started.Format "2 January, 15:04"}}
{{if .Current}}(this one)
{{else}}<form method="post" action="/devices/{{.ID}}/end"><button>Sign out</button></form>{{end}}
{{end}}</ul>
<form method="post" action="/devices/end-others"><button>Sign out everywhere else</button></form>`))

	devices := router.Group("/devices", auth.RequireAuth())
	devices.GET("", func(c *gin.Context) {
		user, _ := ginoidc.UserFrom(c)
		list, err := auth.UserSessions(c, user.Subject)
		if err != nil {
			auth.Deny(c, err)
			return
		}
		c.Header("Content-Type", "text/html; charset=utf-8")
		_ = page.Execute(c.Writer, list)
	})
	devices.POST("/:id/end", func(c *gin.Context) {
		user, _ := ginoidc.UserFrom(c)
		if err := auth.EndUserSession(c, user.Subject, c.Param("id")); err != nil {
			auth.Deny(c, err)
			return
		}
		c.Redirect(http.StatusSeeOther, "/devices")
	})
	devices.POST("/end-others", func(c *gin.Context) {
		if err := auth.EndOtherSessions(c); err != nil {
			auth.Deny(c, err)
			return
		}
		c.Redirect(http.StatusSeeOther, "/devices")
	})
}
