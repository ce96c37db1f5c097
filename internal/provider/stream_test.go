package provider_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// managed makes a Transmitter with the access token of the receiver.
func managed(c *provider.TransmitterConfig) {
	c.Audience = []string{fakeop.SignalAudience}
	c.Token = func(context.Context) (string, error) { return fakeop.SignalToken, nil }
}

func pushRequest() provider.StreamRequest {
	return provider.StreamRequest{
		Events: []string{provider.EventSessionRevoked}, Description: "app", PushURL: "https://app.example/auth/signals",
		PushToken: "Bearer push-secret",
	}
}

// TestSetUpStream: a stream is created once and updated from then on, by push or by poll.
func TestSetUpStream(t *testing.T) {
	for _, poll := range []bool{false, true} {
		op := newOP(t)
		p := op.transmitter(managed)
		want := pushRequest()
		if poll {
			want.PushURL, want.PushToken = "", ""
		}
		for range 2 {
			s, err := p.SetUpStream(t.Context(), want)
			if err != nil {
				t.Fatal(err)
			}
			if s.ID != "stream-1" || s.Poll != poll || !slices.Equal(s.Delivered, want.Events) || s.Endpoint == "" {
				t.Errorf("%+v", s)
			}
			want.Events = append(want.Events, provider.EventCredentialChange)
		}
		delivery := op.Stream()["delivery"].(map[string]any)
		if got := delivery["authorization_header"]; poll != (got == nil) || !poll && got != want.PushToken {
			t.Errorf("poll %t: %v", poll, delivery)
		}
		if status, reason, err := p.StreamStatus(t.Context(), "stream-1"); status != "enabled" || reason != "" || err != nil {
			t.Errorf("%q, %q, %v", status, reason, err)
		}
		op.SetStreamStatus("paused")
		if status, _, err := p.StreamStatus(t.Context(), "stream-1"); status != "paused" || err != nil {
			t.Errorf("%q, %v", status, err)
		}
		if err := p.VerifyStream(t.Context(), "stream-1", "state-1"); err != nil {
			t.Error(err)
		}
		if queued, _ := op.Queued(); len(queued) != 1 {
			t.Errorf("queued: %q", queued)
		}
		_, _, err := p.StreamStatus(t.Context(), "stream-2")
		wantError(t, err, provider.Invalid, "provider_status")
	}
}

// TestBadStreams: a stream that could deliver nothing, or to somebody else, is an error.
func TestBadStreams(t *testing.T) {
	for name, test := range map[string]struct {
		change object
		kind   provider.Kind
		code   string
	}{
		"another issuer":   {object{"iss": "https://other.example"}, provider.Invalid, "issuer_mismatch"},
		"another audience": {object{"aud": "https://other.example"}, provider.Misconfigured, "audience"},
		"two audiences":    {object{"aud": []string{fakeop.SignalAudience, "x"}}, provider.Misconfigured, "audience"},
		"no audience":      {object{"aud": nil}, provider.Misconfigured, "audience"},
		"no id":            {object{"stream_id": nil}, provider.Invalid, "bad_answer"},
		"id a number":      {object{"stream_id": 1}, provider.Invalid, "bad_answer"},
		"no delivery":      {object{"delivery": nil}, provider.Invalid, "bad_answer"},
		"unknown delivery": {object{"delivery": object{"method": "urn:x"}}, provider.Invalid, "bad_answer"},
		"no endpoint":      {object{"delivery": object{"method": "urn:ietf:rfc:8936"}}, provider.Invalid, "bad_answer"},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			op.OnStream(func(stream map[string]any) { merge(stream, test.change) })
			_, err := op.transmitter(managed).SetUpStream(t.Context(), pushRequest())
			wantError(t, err, test.kind, test.code)
		})
	}
}

// TestStreamAnswers: what is not the answer of a transmitter is an error, and no secret is in it or in the log.
func TestStreamAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		script http.HandlerFunc
		kind   provider.Kind
		code   string
	}{
		"refused": {textAnswer(401, "text/plain", "Bearer push-secret "+fakeop.SignalToken), provider.Invalid,
			"provider_status"},
		"conflict":         {textAnswer(409, "application/json", `{}`), provider.Invalid, "provider_status"},
		"overload":         {textAnswer(429, "text/plain", ""), provider.Unavailable, "provider_status"},
		"redirect":         {textAnswer(302, "text/plain", ""), provider.Invalid, "redirect"},
		"a page":           {textAnswer(200, "text/html", "[]"), provider.Invalid, "provider_status"},
		"an object":        {textAnswer(200, "application/json", `{}`), provider.Invalid, "bad_answer"},
		"nothing":          {textAnswer(200, "application/json", ``), provider.Invalid, "bad_answer"},
		"two lists":        {textAnswer(200, "application/json", `[],"x":[]`), provider.Invalid, "bad_answer"},
		"a list of texts":  {textAnswer(200, "application/json", `["stream-1"]`), provider.Invalid, "bad_answer"},
		"repeated members": {textAnswer(200, "application/json", `[{"iss":"a","iss":"b"}]`), provider.Invalid, "bad_answer"},
	} {
		t.Run(name, func(t *testing.T) {
			op, logs := newOP(t), &logBuffer{}
			op.serve(string(fakeop.SignalStream), test.script)
			p := op.transmitter(managed, func(c *provider.TransmitterConfig) {
				var cfg provider.Config
				logTo(logs)(&cfg)
				c.Logger = cfg.Logger
			})
			_, err := p.SetUpStream(t.Context(), pushRequest())
			wantError(t, err, test.kind, test.code)
			if text := logs.String() + err.Error(); strings.Contains(text, fakeop.SignalToken) {
				t.Errorf("%s", text)
			}
		})
	}
}

// TestStreamWithoutToken: no request is made without a usable access token, or to an endpoint that is not offered.
func TestStreamWithoutToken(t *testing.T) {
	for name, token := range map[string]func(context.Context) (string, error){
		"none": nil, "empty": func(context.Context) (string, error) { return "", nil },
		"two lines": func(context.Context) (string, error) { return "a\r\nb", nil },
		"error":     func(context.Context) (string, error) { return "", errors.New("no token") },
	} {
		op := newOP(t)
		p := op.transmitter(func(c *provider.TransmitterConfig) { c.Token = token })
		_, err := p.Streams(t.Context())
		wantError(t, err, provider.Misconfigured, "no_access_token")
		if n := op.count(string(fakeop.SignalStream)); n != 0 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
	op := newOP(t)
	op.OnSignalDiscovery(func(doc map[string]any) { delete(doc, "verification_endpoint") })
	wantError(t, op.transmitter(managed).VerifyStream(t.Context(), "stream-1", "s"), provider.Misconfigured, "unsupported")
}
