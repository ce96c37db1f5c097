// Package ginoidcotel measures an app of package ginoidc with OpenTelemetry: metrics of sign-ins, guards, sessions and
// calls to the provider, spans of these calls, and events on the span of the request. [New] takes the place of
// ginoidc.New:
//
//	auth, err := ginoidcotel.New(cfg)
//
// Values of attributes are few, whatever users and strangers send. No metric, span or event has a token, a code, a
// secret, a query, an address of a client or the subject of a user. See docs/observability.md for all of them, and for
// alerts and a dashboard to start with.
package ginoidcotel

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-d65cea4d/ginoidc"
)

const scope = "github.com/seed-d65cea4d/ginoidc/otel"

// Option changes what [New] does.
type Option func(*options)

type options struct {
	meters  metric.MeterProvider
	tracers trace.TracerProvider
}

// WithMeterProvider sets where metrics go. Default: otel.GetMeterProvider.
func WithMeterProvider(p metric.MeterProvider) Option { return func(o *options) { o.meters = p } }

// WithTracerProvider sets where spans go. Default: otel.GetTracerProvider.
func WithTracerProvider(p trace.TracerProvider) Option { return func(o *options) { o.tracers = p } }

// New is ginoidc.New for an app that is measured. OnEvent and OnProviderCall of cfg are called as before. An error is
// one of ginoidc.New, or of the meter provider.
func New(cfg ginoidc.Config, opts ...Option) (*ginoidc.Auth, error) {
	o := options{otel.GetMeterProvider(), otel.GetTracerProvider()}
	for _, opt := range opts {
		opt(&o)
	}
	meter := o.meters.Meter(scope)
	m, err := newMetrics(meter, &cfg)
	if err != nil {
		return nil, err
	}
	observe(&cfg, m, spans{o.tracers.Tracer(scope)})
	auth, err := ginoidc.New(cfg)
	if err != nil {
		return nil, err
	}
	return auth, watchCache(meter, m, auth)
}

// observe sets the hooks of cfg. Those of the app are called first, and a panic in them does not keep anything from
// being measured. The plugin recovers panics of both, so that an exporter that fails breaks no request.
func observe(cfg *ginoidc.Config, m *metrics, s spans) {
	onEvent, onCall, allAllowed := cfg.OnEvent, cfg.OnProviderCall, cfg.ReportAllowed
	cfg.ReportAllowed = true
	cfg.OnEvent = func(ctx context.Context, e ginoidc.Event) {
		defer s.event(ctx, e)
		defer m.event(ctx, e)
		if onEvent != nil && (allAllowed || e.Name != ginoidc.EventAllowed) {
			onEvent(ctx, e)
		}
	}
	cfg.OnProviderCall = func(ctx context.Context, call ginoidc.ProviderCall) {
		defer s.call(ctx, call)
		defer m.call(ctx, call)
		if onCall != nil {
			onCall(ctx, call)
		}
	}
}
