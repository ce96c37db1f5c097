package ginoidcotel

import (
	"context"
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-d65cea4d/ginoidc"
)

// spans records what happens in traces. There the number of values does not matter, so names of providers and codes
// are as they are.
type spans struct{ tracer trace.Tracer }

// event adds an event to the span of the request. It has no user and no address of a client: traces are read by more
// people than the log, and kept elsewhere. The request id leads to the line in the log.
func (s spans) event(ctx context.Context, e ginoidc.Event) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	var attrs []attribute.KeyValue
	for _, text := range []attribute.KeyValue{
		keyProvider.String(e.Provider), semconv.ErrorTypeKey.String(e.Code), keyReason.String(string(e.Reason)),
		semconv.HTTPRoute(e.Route), keyRequestID.String(e.RequestID),
	} {
		if text.Value.AsString() != "" {
			attrs = append(attrs, text)
		}
	}
	span.AddEvent("ginoidc."+e.Name, trace.WithTimestamp(e.Time), trace.WithAttributes(attrs...))
}

// call records the span of a call to the provider. The call has ended, so the span is made with its times. The context
// of the trace is not sent to the provider, which belongs to somebody else.
func (s spans) call(ctx context.Context, call ginoidc.ProviderCall) {
	attrs := append(addressOf(call.URL),
		keyOperation.String(call.Operation), semconv.HTTPRequestMethodKey.String(call.Method), semconv.URLFull(call.URL))
	if call.Provider != "" {
		attrs = append(attrs, keyProvider.String(call.Provider))
	}
	if call.Status != 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(call.Status))
	}
	failure := call.Code
	if call.Status >= 400 {
		failure = strconv.Itoa(call.Status)
	}
	if failure != "" {
		attrs = append(attrs, semconv.ErrorTypeKey.String(failure))
	}
	_, span := s.tracer.Start(ctx, call.Method+" "+call.Operation, trace.WithTimestamp(call.Start),
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
	defer span.End(trace.WithTimestamp(call.Start.Add(call.Duration)))
	if failure != "" {
		span.SetStatus(codes.Error, "")
	}
}

// addressOf returns the attributes of the server in an absolute URL.
func addressOf(address string) []attribute.KeyValue {
	u, err := url.Parse(address)
	if err != nil {
		return nil
	}
	port, err := strconv.Atoi(u.Port())
	switch {
	case err == nil:
	case u.Scheme == "http":
		port = 80
	default:
		port = 443
	}
	return []attribute.KeyValue{semconv.ServerAddress(u.Hostname()), semconv.ServerPort(port)}
}
