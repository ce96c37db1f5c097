package provider_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
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
		"id too long":      {object{"stream_id": strings.Repeat("a", 256)}, provider.Invalid, "bad_answer"},
		"id a number":      {object{"stream_id": 1}, provider.Invalid, "bad_answer"},
		"no delivery":      {object{"delivery": nil}, provider.Invalid, "bad_answer"},
		"unknown delivery": {object{"delivery": object{"method": "urn:x", "endpoint_url": "https://app.example"}},
			provider.Invalid, "bad_answer"},
		"endpoint a number": {object{"delivery": object{"method": "urn:ietf:rfc:8936", "endpoint_url": 1}},
			provider.Invalid, "bad_answer"},
		"no endpoint": {object{"delivery": object{"method": "urn:ietf:rfc:8936"}}, provider.Invalid, "bad_answer"},
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
			_, err = p.Streams(t.Context())
			wantError(t, err, test.kind, test.code)
			if text := logs.String() + err.Error(); strings.Contains(text, fakeop.SignalToken) {
				t.Errorf("%s", text)
			}
		})
	}
}

// TestStreamSteps: each request in the management of a stream has its form and its answers.
func TestStreamSteps(t *testing.T) {
	const stream = `{"stream_id":"s1","iss":"` + issuer + `","aud":"` + fakeop.SignalAudience +
		`","delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://app.example/auth/signals"}}`
	setUp := func(ctx context.Context, p *provider.Transmitter) error {
		s, err := p.SetUpStream(ctx, pushRequest())
		if err == nil && s.ID != "s1" {
			err = fmt.Errorf("%+v", s)
		}
		return err
	}
	status := func(ctx context.Context, p *provider.Transmitter) error {
		_, _, err := p.StreamStatus(ctx, "s1")
		return err
	}
	verify := func(ctx context.Context, p *provider.Transmitter) error { return p.VerifyStream(ctx, "s1", "state-1") }
	const statusPath, verifyPath = string(fakeop.SignalStatus), string(fakeop.SignalVerification)
	for name, tt := range map[string]struct {
		call          func(context.Context, *provider.Transmitter) error
		streams, path string
		answer        http.HandlerFunc
		sent          string // method, path and query of the last request, and its body
		code          string // "": success
	}{
		"create": {setUp, "[]", "", textAnswer(201, "application/json", stream), "POST /ssf/stream " +
			`{"delivery":{"authorization_header":"Bearer push-secret","endpoint_url":"https://app.example/auth/signals",` +
			`"method":"urn:ietf:rfc:8935"},"description":"app","events_requested":["` +
			provider.EventSessionRevoked + `"]}`, ""},
		"update": {setUp, "[" + strings.ReplaceAll(stream, "s1", "s0") + "]", "",
			textAnswer(200, "application/json", stream), "PATCH /ssf/stream ", ""},
		"pushed to another app": {setUp, "[" + strings.ReplaceAll(stream, "app.example", "other.example") + "]", "",
			textAnswer(201, "application/json", stream), "POST /ssf/stream ", ""},
		"polled": {setUp, "[" + strings.ReplaceAll(stream, "8935", "8936") + "]", "",
			textAnswer(201, "application/json", stream), "POST /ssf/stream ", ""},
		"created with 200": {setUp, "[]", "", textAnswer(200, "application/json", stream), "", "provider_status"},
		"updated with 201": {setUp, "[" + stream + "]", "", textAnswer(201, "application/json", stream), "",
			"provider_status"},
		"not created":    {setUp, "[]", "", textAnswer(503, "text/plain", ""), "", "provider_status"},
		"redirected":     {setUp, "[]", "", textAnswer(302, "text/plain", ""), "", "redirect"},
		"a page created": {setUp, "[]", "", textAnswer(201, "text/html", stream), "", "bad_content_type"},
		"no object":      {setUp, "[]", "", textAnswer(201, "application/json", "[]"), "", "bad_answer"},

		"status": {status, "", statusPath, textAnswer(200, "application/json", `{"status":"paused"}`),
			"GET /ssf/status?stream_id=s1 ", ""},
		"no status":      {status, "", statusPath, textAnswer(200, "application/json", `{}`), "", "bad_answer"},
		"unknown status": {status, "", statusPath, textAnswer(200, "application/json", `{"status":"on"}`), "", "bad_answer"},
		"status a page": {status, "", statusPath, textAnswer(200, "text/html", `{"status":"paused"}`), "",
			"bad_content_type"},
		"status of nothing": {status, "", statusPath, textAnswer(404, "application/json", `{}`), "", "provider_status"},

		"verify": {verify, "", verifyPath, textAnswer(204, "", ""),
			`POST /ssf/verify {"state":"state-1","stream_id":"s1"}`, ""},
		"verify with 200": {verify, "", verifyPath, textAnswer(200, "text/plain", ""), "POST /ssf/verify ", ""},
		"not verified":    {verify, "", verifyPath, textAnswer(404, "text/plain", ""), "", "provider_status"},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			var sent string
			record := func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				sent = r.Method + " " + r.URL.RequestURI() + " " + string(body)
				hasBody, header := r.Method != http.MethodGet, r.Header.Get
				if hasBody != (len(body) > 0) || hasBody != (header("Content-Type") == "application/json") ||
					header("Accept") != "application/json" || header("Authorization") != "Bearer "+fakeop.SignalToken {
					t.Errorf("%s %v", sent, r.Header)
				}
				if tt.streams != "" && r.Method == http.MethodGet {
					textAnswer(200, "application/json", tt.streams)(w, r)
					return
				}
				tt.answer(w, r)
			}
			op.serve(cmp.Or(tt.path, string(fakeop.SignalStream)), record)
			err := tt.call(t.Context(), op.transmitter(managed))
			var failed *provider.Error
			switch {
			case tt.code == "" && err != nil, tt.code != "" && (!errors.As(err, &failed) || failed.Code != tt.code):
				t.Errorf("%v, want the code %q", err, tt.code)
			case !strings.HasPrefix(sent, tt.sent):
				t.Errorf("sent %s\nwant %s", sent, tt.sent)
			}
		})
	}
}

// TestStreamWithoutSecret: the transmitter is not told to send an empty header.
func TestStreamWithoutSecret(t *testing.T) {
	op, want := newOP(t), pushRequest()
	want.PushToken = ""
	if _, err := op.transmitter(managed).SetUpStream(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if _, ok := op.Stream()["delivery"].(map[string]any)["authorization_header"]; ok {
		t.Errorf("%v", op.Stream())
	}
}

// TestQueriesOfEndpoints: those of the transmitter's addresses stay as they are.
func TestQueriesOfEndpoints(t *testing.T) {
	op := newOP(t)
	op.OnSignalDiscovery(func(doc map[string]any) {
		doc["configuration_endpoint"] = issuer + "/ssf/stream?z=1&a=%41"
		doc["status_endpoint"] = issuer + "/ssf/status?tenant=t1"
	})
	var queries []string
	record := func(w http.ResponseWriter, r *http.Request) {
		queries = append(queries, r.URL.RawQuery)
		textAnswer(503, "text/plain", "")(w, r)
	}
	op.serve(string(fakeop.SignalStream), record)
	op.serve(string(fakeop.SignalStatus), record)
	p := op.transmitter(managed)
	_, err := p.Streams(t.Context())
	wantError(t, err, provider.Unavailable, "provider_status")
	_, _, err = p.StreamStatus(t.Context(), "s 1")
	wantError(t, err, provider.Unavailable, "provider_status")
	if want := []string{"z=1&a=%41", "stream_id=s+1&tenant=t1"}; !slices.Equal(queries, want) {
		t.Errorf("queries %q, want %q", queries, want)
	}
}

var errNoToken = errors.New("no token")

// TestStreamWithoutToken: no request is made without a usable access token, or to an endpoint that is not offered.
func TestStreamWithoutToken(t *testing.T) {
	for name, token := range map[string]func(context.Context) (string, error){
		"none": nil, "empty": func(context.Context) (string, error) { return "", nil },
		"two lines": func(context.Context) (string, error) { return "a\r\nb", nil },
		"error":     func(context.Context) (string, error) { return "", errNoToken },
	} {
		op := newOP(t)
		p := op.transmitter(func(c *provider.TransmitterConfig) { c.Token = token })
		_, err := p.Streams(t.Context())
		wantError(t, err, provider.Misconfigured, "no_access_token")
		if errors.Is(err, errNoToken) != (name == "error") {
			t.Errorf("%s: %v", name, err)
		}
		if n := op.count(string(fakeop.SignalStream)); n != 0 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
	down := newOP(t)
	down.serve(signalsConfig, textAnswer(503, "text/plain", ""))
	_, err := down.transmitter(managed).Streams(t.Context())
	wantError(t, err, provider.Unavailable, "provider_status")
	op := newOP(t)
	op.OnSignalDiscovery(func(doc map[string]any) { delete(doc, "verification_endpoint") })
	wantError(t, op.transmitter(managed).VerifyStream(t.Context(), "stream-1", "s"), provider.Misconfigured, "unsupported")
}
