// The race detector allocates, so measurements would be wrong.

//go:build !race

package ginoidcotel_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"testing"

	"github.com/gin-gonic/gin"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
	ginoidcotel "github.com/seed-d65cea4d/ginoidc/otel"
)

// guarded returns a function that sends one request of a signed-in user through a guard.
func guarded(tb testing.TB, newAuth func(ginoidc.Config) (*ginoidc.Auth, error), change func(*ginoidc.Config)) func() {
	cfg := ginoidc.Config{
		Providers: []ginoidc.Provider{{Issuer: "https://idp.example", ClientID: "app", ClientSecret: clientSecret}},
		AppURL:    appURL, CookieSecrets: []string{"ZGlmZmVyZW50LWJ5dGVzLWZvci1hbGwtdGVzdHM="},
		Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	auth, err := newAuth(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/page", auth.RequireAuth())
	client := ginoidctest.SignInAs(tb, auth, engine, ginoidc.User{Subject: "alice"})
	u, err := url.Parse(appURL + "/page")
	if err != nil {
		tb.Fatal(err)
	}
	r := &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}, RemoteAddr: "192.0.2.1:80"}
	for _, cookie := range client.Jar.Cookies(u) {
		r.AddCookie(cookie)
	}
	w := discard{}
	return func() {
		clear(w)
		engine.ServeHTTP(w, r)
	}
}

// discard is a response that nobody reads.
type discard http.Header

func (d discard) Header() http.Header         { return http.Header(d) }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func reportAll(c *ginoidc.Config) {
	c.ReportAllowed, c.OnEvent = true, func(context.Context, ginoidc.Event) {}
}

// measuredAuth is ginoidcotel.New with meters of the SDK.
func measuredAuth(cfg ginoidc.Config) (*ginoidc.Auth, error) {
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	return ginoidcotel.New(cfg, ginoidcotel.WithMeterProvider(meters))
}

// TestAllowedCostsNothing: counting that a guard allowed a request allocates nothing in addition to the event.
func TestAllowedCostsNothing(t *testing.T) {
	reported := testing.AllocsPerRun(200, guarded(t, ginoidc.New, reportAll))
	if counted := testing.AllocsPerRun(200, guarded(t, measuredAuth, nil)); counted > reported {
		t.Errorf("%v allocations with metrics, %v without", counted, reported)
	}
}

func BenchmarkGuard(b *testing.B) {
	for name, request := range map[string]func(){
		"ginoidc": guarded(b, ginoidc.New, nil), "every event": guarded(b, ginoidc.New, reportAll),
		"measured": guarded(b, measuredAuth, nil),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				request()
			}
		})
	}
}
