package signals_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/signals"
)

// TestSetUp: the stream has the events that this app acts on, is pushed or polled as configured, and is verified.
func TestSetUp(t *testing.T) {
	const types = "https://schemas.openid.net/secevent/caep/event-type/"
	for _, tt := range []struct {
		poll     time.Duration
		delivery map[string]any
	}{
		{0, map[string]any{
			"method": "urn:ietf:rfc:8935", "endpoint_url": pushedTo, "authorization_header": authorized,
		}},
		{time.Minute, map[string]any{"method": "urn:ietf:rfc:8936"}},
	} {
		r := newReceiver(t, nil, func(c *signals.Config) { c.Poll = tt.poll })
		stream, err := r.SetUp(t.Context(), "my app")
		if err != nil || stream.ID != "stream-1" || stream.Status != "enabled" || stream.Poll != (tt.poll > 0) {
			t.Fatalf("%+v, %v", stream, err)
		}
		made := r.op.Stream()
		delivery, _ := made["delivery"].(map[string]any)
		if tt.poll > 0 {
			delete(delivery, "endpoint_url") // the transmitter's own
		}
		want := []any{
			types + "session-revoked", types + "credential-change", types + "token-claims-change",
			types + "device-compliance-change",
		}
		requested, _ := made["events_requested"].([]any)
		if !maps.Equal(delivery, tt.delivery) || !slices.Equal(requested, want) || made["description"] != "my app" {
			t.Errorf("%v", made)
		}
		tokens := r.op.QueuedTokens()
		if len(tokens) != 1 {
			t.Fatalf("%d verification events", len(tokens))
		}
		if err := r.Take(t.Context(), tokens[0]); err != nil {
			t.Errorf("the verification: %v", err)
		}
	}
}

// TestSetUpFails: a stream is set up only if it exists, was asked for a verification event, and has a status.
func TestSetUpFails(t *testing.T) {
	for _, endpoint := range []fakeop.Endpoint{fakeop.SignalStream, fakeop.SignalVerification, fakeop.SignalStatus} {
		r := newReceiver(t, nil, nil)
		r.op.Intercept(endpoint, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
		if stream, err := r.SetUp(t.Context(), "app"); stream != nil || !errors.As(err, new(*provider.Error)) {
			t.Errorf("without %s: %+v, %v", endpoint, stream, err)
		}
	}
}

// TestStatus: the stream of this app is the one with its delivery and address, among all of the same client.
func TestStatus(t *testing.T) {
	stream := func(id, method, endpoint string) map[string]any {
		return map[string]any{
			"stream_id": id, "iss": "", "aud": fakeop.SignalAudience,
			"delivery": map[string]any{"method": "urn:ietf:rfc:" + method, "endpoint_url": endpoint},
		}
	}
	all := []map[string]any{
		stream("other", "8935", "https://other.example/auth/signals"), stream("polled", "8936", "https://idp.example/poll"),
		stream("pushed", "8935", pushedTo), stream("again", "8935", pushedTo),
	}
	for _, tt := range []struct {
		poll    time.Duration
		streams []map[string]any
		want    string
	}{
		{0, all, "pushed"}, {time.Minute, all, "polled"}, {time.Minute, all[2:], ""}, {0, all[:2], ""}, {0, nil, ""},
	} {
		r := newReceiver(t, nil, func(c *signals.Config) { c.Poll = tt.poll })
		list := []map[string]any{}
		for _, one := range tt.streams {
			one = maps.Clone(one)
			one["iss"] = r.op.Issuer()
			list = append(list, one)
		}
		r.op.Intercept(fakeop.SignalStream, serveJSON(list))
		r.op.Intercept(fakeop.SignalStatus, serveJSON(map[string]any{"status": "paused", "reason": "maintenance"}))
		got, err := r.Status(t.Context())
		switch {
		case tt.want == "":
			if got != nil || !errors.Is(err, provider.ErrInvalidResponse) {
				t.Errorf("none of %d: %+v, %v", len(list), got, err)
			}
		case err != nil || got.ID != tt.want || got.Status != "paused" || got.Reason != "maintenance":
			t.Errorf("%+v, %v, want %s", got, err, tt.want)
		}
	}
}

// TestStatusFails: without the streams or the status of the transmitter there is an error.
func TestStatusFails(t *testing.T) {
	for _, endpoint := range []fakeop.Endpoint{fakeop.SignalStream, fakeop.SignalStatus} {
		r := newReceiver(t, nil, nil)
		if _, err := r.SetUp(t.Context(), "app"); err != nil {
			t.Fatal(err)
		}
		r.op.Intercept(endpoint, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
		if stream, err := r.Status(t.Context()); stream != nil || !errors.As(err, new(*provider.Error)) {
			t.Errorf("without %s: %+v, %v", endpoint, stream, err)
		}
	}
}

// serveJSON returns a handler that sends a value.
func serveJSON(value any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(value)
	}
}
