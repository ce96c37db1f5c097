// Command spa is a single-page app with a backend for frontend: the session is a cookie, scripts never see a token,
// and the backend calls another API with the token of the user.
package main

import (
	"crypto/rand"
	"embed"
	"io/fs"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

const appURL = "http://localhost:8080"

//go:embed dist
var dist embed.FS // what a bundler would make

func main() {
	idp, stop, err := ginoidctest.Listen(ginoidctest.Config{JWTAccessTokens: true, AlwaysRefreshToken: true})
	if err != nil {
		log.Fatal(err)
	}
	defer stop()
	calendarURL := &url.URL{Scheme: "http", Host: "localhost:8081", Path: "/"}
	calendar, err := newCalendar(idp, calendarURL.String())
	if err != nil {
		log.Fatal(err)
	}
	app, _, err := newApp(configFor(idp, calendarURL.String()), calendarURL)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("open %s and sign in as alice, bob or carol", appURL)
	failed := make(chan error, 2)
	go func() { failed <- serve(calendarURL.Host, calendar) }()
	go func() { failed <- serve("localhost:8080", app) }()
	log.Fatal(<-failed)
}

func serve(address string, handler http.Handler) error {
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServe()
}

// configFor returns the settings of the app. Sign-ins ask for an access token for the calendar (RFC 8707).
func configFor(idp *ginoidctest.Provider, calendar string) ginoidc.Config {
	return ginoidc.Config{
		Providers: []ginoidc.Provider{{
			Issuer: idp.Issuer(), ClientID: "app", ClientSecret: "secret", Transport: idp.Transport(),
			Scopes:           []string{"openid", "profile", "offline_access", "calendar:read"},
			SignInParameters: url.Values{"resource": {calendar}},
		}},
		AppURL:        appURL,
		CookieSecrets: []string{rand.Text() + rand.Text()},
		KeepTokens:    true, // sealed, on the server's side of the cookie
	}
}

func newApp(cfg ginoidc.Config, calendar *url.URL) (*gin.Engine, *ginoidc.Auth, error) {
	auth, err := ginoidc.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery(), secureHeaders, auth.Middleware())
	auth.Mount(router) // also /auth/client.js, which the scripts import
	router.StaticFileFS("/", "/", http.FS(files))
	router.StaticFileFS("/app.js", "app.js", http.FS(files))

	notes := &notes{}
	api := router.Group("/api", auth.RequireAuth())
	api.GET("/notes", notes.list)
	api.POST("/notes", notes.add) // the guard refuses requests of other sites: no CSRF token is needed
	// Not all that the calendar has, but route by route.
	api.GET("/events", passOn(auth, calendar.JoinPath("events")))
	return router, auth, nil
}

// passOn sends requests to another API with the access token of the user, which is refreshed when it has expired. The
// cookies of the app stay here.
func passOn(auth *ginoidc.Auth, target *url.URL) gin.HandlerFunc {
	return func(c *gin.Context) {
		transport, err := auth.Transport(c)
		if err != nil {
			auth.Deny(c, err)
			return
		}
		proxy := httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
			to := *target
			r.Out.URL, r.Out.Host = &to, ""
			r.Out.Header.Del("Cookie")
		}}
		proxy.ServeHTTP(c.Writer, c.Request)
	}
}

// secureHeaders allows scripts and styles of the app alone.
func secureHeaders(c *gin.Context) {
	c.Header("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
	c.Header("X-Content-Type-Options", "nosniff")
}
