package ginoidcotel_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
	ginoidcotel "github.com/seed-d65cea4d/ginoidc/otel"
)

const (
	appURL       = "https://app.example"
	clientSecret = "confidential"
	audience     = "https://app.example/api"
)

// app is an app that is measured, with its provider.
type app struct {
	*testing.T
	idp    *ginoidctest.Provider
	auth   *ginoidc.Auth
	engine *gin.Engine
	reader *sdkmetric.ManualReader
	spans  *tracetest.SpanRecorder
}

// newApp starts an app. Its requests have a span each, as with an instrumentation of Gin.
func newApp(t *testing.T, change func(*ginoidc.Config), opts ...ginoidcotel.Option) *app {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	idp, err := ginoidctest.New(ginoidctest.Config{ClientSecret: clientSecret, AlwaysRefreshToken: true})
	if err != nil {
		t.Fatal(err)
	}
	cfg := ginoidc.Config{
		Providers: []ginoidc.Provider{{
			Name: "staff", Issuer: idp.Issuer(), ClientID: "app", ClientSecret: clientSecret, Transport: idp.Transport(),
			Audience: audience,
		}},
		AppURL: appURL, CookieSecrets: []string{"ZGlmZmVyZW50LWJ5dGVzLWZvci1hbGwtdGVzdHM="}, KeepTokens: true,
		Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	a := &app{T: t, idp: idp, engine: gin.New(), reader: sdkmetric.NewManualReader(), spans: tracetest.NewSpanRecorder()}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(a.spans))
	a.auth, err = ginoidcotel.New(cfg, append([]ginoidcotel.Option{
		ginoidcotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(a.reader))),
		ginoidcotel.WithTracerProvider(tracers),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	a.engine.Use(func(c *gin.Context) {
		ctx, span := tracers.Tracer("server").Start(c.Request.Context(), c.FullPath())
		defer span.End()
		c.Request = c.Request.WithContext(ctx)
		c.Next()
	}, a.auth.Middleware())
	a.auth.Mount(a.engine)
	a.routes()
	return a
}

func (a *app) routes() {
	ok := func(c *gin.Context) { c.Status(http.StatusOK) }
	a.engine.GET("/page", a.auth.RequireAuth(), ok)
	a.engine.GET("/none", a.auth.RequireGroups("none"), ok)
	a.engine.GET("/strong", a.auth.RequireACR("gold"), ok)
	a.engine.GET("/broken", func(c *gin.Context) { a.auth.Deny(c, context.DeadlineExceeded) })
	a.engine.GET("/token", a.auth.RequireAuth(), func(c *gin.Context) {
		if _, err := a.auth.Token(c); err != nil {
			a.auth.Deny(c, err)
		}
	})
}

// signIn returns the client of a user who has signed in through the provider.
func (a *app) signIn(subject string) *http.Client {
	a.Helper()
	return ginoidctest.SignIn(a, a.auth, a.engine, a.idp, subject)
}

// stranger returns a client without a session.
func (a *app) stranger() *http.Client {
	client := ginoidctest.SignInAs(a, a.auth, a.engine, ginoidc.User{Subject: "alice"})
	client.Jar = nil
	return client
}

// get requests a page as a script does, and returns where it redirects to.
func (a *app) get(client *http.Client, target string, header ...string) (location string) {
	a.Helper()
	r, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		a.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return a.do(client, r).Header.Get("Location")
}

func (a *app) do(client *http.Client, r *http.Request) *http.Response {
	a.Helper()
	response, err := client.Do(r)
	if err != nil {
		a.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response
}

// refuse starts a sign-in that the provider refuses.
func (a *app) refuse(client *http.Client) {
	a.Helper()
	callback, err := a.idp.Deny(a.get(client, a.auth.SignInURL("")), "access_denied")
	if err != nil {
		a.Fatal(err)
	}
	a.get(client, callback)
}

// measured returns a line for each attribute set of each metric: its name, attributes, and sum or number of values.
func (a *app) measured() []string {
	a.Helper()
	return linesOf(a.T, a.reader)
}

func linesOf(t *testing.T, reader sdkmetric.Reader) []string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					lines = append(lines, fmt.Sprint(m.Name, attributes(p.Attributes.ToSlice()), " ", p.Value))
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					lines = append(lines, fmt.Sprint(m.Name, attributes(p.Attributes.ToSlice()), " ", p.Count))
				}
			default:
				t.Fatalf("%s is a %T", m.Name, m.Data)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// only returns the lines that begin with one of the prefixes.
func only(lines []string, prefixes ...string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		return !slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(line, prefix) })
	})
}
