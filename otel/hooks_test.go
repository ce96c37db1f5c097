package ginoidcotel_test

import (
	"context"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/seed-d65cea4d/ginoidc"
	ginoidcotel "github.com/seed-d65cea4d/ginoidc/otel"
)

// TestHooksOfTheApp: the app's own hooks are called as without metrics, and a panic in them keeps nothing from being
// counted.
func TestHooksOfTheApp(t *testing.T) {
	for _, test := range []struct {
		name        string
		all, panics bool
		want        []string
	}{
		{"default", false, false, []string{"session_started", "sign_in"}},
		{"with allowed requests", true, false, []string{"session_started", "sign_in", "allowed"}},
		{"panic", true, true, []string{"session_started", "sign_in", "allowed"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var events, calls []string
			a := newApp(t, func(c *ginoidc.Config) {
				c.ReportAllowed = test.all
				c.OnEvent = func(_ context.Context, e ginoidc.Event) {
					if events = append(events, e.Name); test.panics {
						panic("app")
					}
				}
				c.OnProviderCall = func(_ context.Context, call ginoidc.ProviderCall) {
					if calls = append(calls, call.Operation); test.panics {
						panic("app")
					}
				}
			})
			a.get(a.signIn("alice"), "/page")
			if !slices.Equal(events, test.want) || len(calls) != 4 {
				t.Errorf("events %q, calls %q", events, calls)
			}
			counted := only(a.measured(), "ginoidc.sign_ins", "ginoidc.guard.decisions", "ginoidc.provider.call")
			if len(counted) != 6 || len(a.spans.Ended()) != 4+3 { // of calls, and of requests
				t.Errorf("%d spans, counted %q", len(a.spans.Ended()), counted)
			}
		})
	}
}

// panicky is an exporter of spans that panics.
type panicky struct{}

func (panicky) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { panic("exporter") }
func (panicky) Shutdown(context.Context) error                             { return nil }

// TestPanicOfAnExporter: users sign in and are served whatever fails in what receives metrics and spans.
func TestPanicOfAnExporter(t *testing.T) {
	filtered := 0
	broken := sdkmetric.NewView(sdkmetric.Instrument{Name: "*"}, sdkmetric.Stream{
		AttributeFilter: func(attribute.KeyValue) bool { filtered++; panic("view") },
	})
	reader := sdkmetric.NewManualReader()
	a := newApp(t, nil,
		ginoidcotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(broken))),
		ginoidcotel.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(panicky{}))))
	client := a.signIn("alice")
	for _, page := range []string{"/page", "/none", "/strong"} {
		a.get(client, page)
	}
	a.signOut(client)
	if filtered < 5 {
		t.Errorf("only %d measurements panicked", filtered)
	}
}

// TestBadConfig: New returns the errors of ginoidc.New.
func TestBadConfig(t *testing.T) {
	if auth, err := ginoidcotel.New(ginoidc.Config{}); auth != nil || err == nil {
		t.Errorf("%v, %v", auth, err)
	}
}
