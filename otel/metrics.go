package ginoidcotel

import (
	"context"
	"errors"
	"path"
	"strings"
	"sync"
	"weak"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/seed-d65cea4d/ginoidc"
)

// outcomeFailed is the outcome of a guard that could not decide. The other outcomes are names of events.
const outcomeFailed = "failed"

// metrics counts what happens.
type metrics struct {
	*labels
	signIns, started, ended, refreshes, decisions, failures, events metric.Int64Counter
	calls                                                           metric.Float64Histogram

	allowed   []metric.AddOption // of decisions, for the event of each guarded request
	auth      *ginoidc.Auth      // whose cache is observed
	ownRoutes string             // what the patterns of the plugin's routes begin with
}

// newMetrics makes the instruments.
func newMetrics(meter metric.Meter, cfg *ginoidc.Config) (*metrics, error) {
	var errs []error
	counter := func(name, unit, description string) metric.Int64Counter {
		c, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
		return c
	}
	m := &metrics{
		labels:  newLabels(cfg),
		allowed: []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(keyOutcome.String(ginoidc.EventAllowed)))},
		signIns: counter("ginoidc.sign_ins", "{sign_in}",
			"Sign-ins that ended: accepted ones, and with error.type refused ones."),
		started: counter("ginoidc.sessions.started", "{session}", "Sessions that began."),
		ended: counter("ginoidc.sessions.ended", "{session}",
			"Ends of sessions before they expired. One that ends all sessions of a user counts once."),
		refreshes: counter("ginoidc.refreshes", "{refresh}",
			"Refreshed access tokens, and with error.type refreshes that the provider refused."),
		decisions: counter("ginoidc.guard.decisions", "{decision}",
			"Decisions of guards about requests. A request that passes two guards counts twice."),
		failures: counter("ginoidc.failures", "{request}",
			"Requests that could not be answered, apart from sign-ins."),
		events: counter("ginoidc.events", "{event}", "Events of any name, except for allowed requests."),
	}
	var err error
	m.calls, err = meter.Float64Histogram("ginoidc.provider.call.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of HTTP calls to the provider."),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10))
	return m, errors.Join(append(errs, err)...)
}

// event counts an event. That a guard allowed a request is the one that each guarded request causes, so it comes first
// and makes no attributes.
func (m *metrics) event(ctx context.Context, e ginoidc.Event) {
	if e.Name == ginoidc.EventAllowed {
		m.decisions.Add(ctx, 1, m.allowed...)
		return
	}
	add := func(c metric.Int64Counter, attrs ...attribute.KeyValue) {
		c.Add(ctx, 1, metric.WithAttributeSet(attribute.NewSet(attrs...)))
	}
	add(m.events, keyEvent.String(m.words.admit(e.Name)))
	ofProvider := m.provider(nil, e.Provider)
	switch e.Name {
	case ginoidc.EventSignIn:
		add(m.signIns, ofProvider...)
	case ginoidc.EventSignInRefused:
		add(m.signIns, m.failure(ofProvider, e.Code)...)
	case ginoidc.EventSessionStarted:
		add(m.started, ofProvider...)
	case ginoidc.EventSessionEnded:
		add(m.ended, append(ofProvider, keyReason.String(m.words.admit(string(e.Reason))))...)
	case ginoidc.EventTokensRefreshed:
		add(m.refreshes, ofProvider...)
	case ginoidc.EventRefreshRefused:
		add(m.refreshes, m.failure(ofProvider, e.Code)...)
	case ginoidc.EventDenied, ginoidc.EventStepUp:
		add(m.decisions, m.failure([]attribute.KeyValue{keyOutcome.String(e.Name)}, e.Code)...)
	case ginoidc.EventRequestFailed, ginoidc.EventThrottled:
		add(m.failures, m.failure(nil, e.Code)...)
		if m.guarded(e.Route) {
			add(m.decisions, m.failure([]attribute.KeyValue{keyOutcome.String(outcomeFailed)}, e.Code)...)
		}
	}
}

// guarded reports whether a failure is that of a guard, and not of one of the plugin's own routes. Work that no request
// waits for has no route.
func (m *metrics) guarded(route string) bool {
	return route != "" && !strings.HasPrefix(route, m.ownRoutes)
}

// call measures a call to the provider.
func (m *metrics) call(ctx context.Context, call ginoidc.ProviderCall) {
	attrs := append(m.provider(nil, call.Provider), keyOperation.String(m.words.admit(call.Operation)))
	attrs = m.response(attrs, call)
	m.calls.Record(ctx, call.Duration.Seconds(), metric.WithAttributeSet(attribute.NewSet(attrs...)))
}

// watchCache observes the cache of access tokens of requests. What the meter keeps refers to m weakly, and only auth
// refers to m: an app that replaces its Auth at run time does not keep the former one in memory, and the counters stay
// at what they were.
func watchCache(meter metric.Meter, m *metrics, auth *ginoidc.Auth) error {
	lookups, err := meter.Int64ObservableCounter("ginoidc.access_token.lookups", metric.WithUnit("{lookup}"),
		metric.WithDescription("Lookups of access tokens of requests in the cache of verified ones, by result."))
	if err != nil {
		return err
	}
	m.auth, m.ownRoutes = auth, path.Dir(auth.SignOutURL())+"/"
	hit := metric.WithAttributeSet(attribute.NewSet(keyResult.String("hit")))
	miss := metric.WithAttributeSet(attribute.NewSet(keyResult.String("miss")))
	var mu sync.Mutex // readers may collect at the same time
	var last ginoidc.TokenStats
	current := weak.Make(m)
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		mu.Lock()
		defer mu.Unlock()
		if m := current.Value(); m != nil {
			last = m.auth.AccessTokenStats()
		}
		o.ObserveInt64(lookups, int64(last.Hits), hit)
		o.ObserveInt64(lookups, int64(last.Misses), miss)
		return nil
	}, lookups)
	return err
}
