package provider_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// polled returns a transmitter's stream that is polled.
func polled(t *testing.T, op *scriptedOP) (*provider.Transmitter, *provider.Stream) {
	t.Helper()
	p := op.transmitter(managed)
	s, err := p.SetUpStream(t.Context(), provider.StreamRequest{Events: []string{provider.EventSessionRevoked}})
	if err != nil {
		t.Fatal(err)
	}
	return p, s
}

// TestPoll: tokens come until they are acknowledged or refused, at most 25 at once.
func TestPoll(t *testing.T) {
	op := newOP(t)
	p, s := polled(t, op)
	op.serve(string(fakeop.SignalPoll), func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if string(body) != `{"maxEvents":25,"returnImmediately":true}` {
			t.Errorf("the first poll sends %s", body)
		}
		textAnswer(200, "application/json", `{"sets":{"`+strings.Repeat("j", 255)+`":"token"}}`)(w, r)
	})
	if tokens, err := p.Poll(t.Context(), s, provider.PollAnswer{}); len(tokens) != 1 || err != nil {
		t.Errorf("%v, %v", tokens, err)
	}
	op.serve(string(fakeop.SignalPoll), nil)
	for i := range 30 {
		op.Queue(fmt.Sprintf("j%d", i), "token")
	}
	tokens, err := p.Poll(t.Context(), s, provider.PollAnswer{})
	if err != nil || len(tokens) != 25 || tokens["j0"] != "token" {
		t.Fatalf("%v, %v", tokens, err)
	}
	said := provider.PollAnswer{Refused: map[string]string{"j0": "invalid_request"}}
	for i := 1; i < 25; i++ {
		said.Accepted = append(said.Accepted, fmt.Sprintf("j%d", i))
	}
	if tokens, err = p.Poll(t.Context(), s, said); err != nil || len(tokens) != 5 {
		t.Errorf("%v, %v", tokens, err)
	}
	if queued, errors := op.Queued(); len(queued) != 5 || errors["j0"] != "invalid_request" {
		t.Errorf("queued: %q, errors %v", queued, errors)
	}
}

// TestPollAnswers: what is not the answer to a poll is an error.
func TestPollAnswers(t *testing.T) {
	many := object{}
	for i := range 26 {
		many[fmt.Sprint("j", i)] = "token"
	}
	for _, body := range []string{
		``, `[]`, `{}`, `{"sets":null}`, `{"sets":[]}`, `{"sets":{"j1":1}}`, `{"sets":{"":"a"}}`,
		`{"sets":{"j1":"a","j1":"b"}}`, `{"sets":{},"SETS":{}}`, `{"sets":{"` + strings.Repeat("j", 256) + `":"a"}}`,
		string(mustJSON(t, object{"sets": many})),
	} {
		op := newOP(t)
		p, s := polled(t, op)
		op.serve(string(fakeop.SignalPoll), textAnswer(200, "application/json", body))
		_, err := p.Poll(t.Context(), s, provider.PollAnswer{})
		wantError(t, err, provider.Invalid, "bad_answer")
	}
	op := newOP(t)
	p, s := polled(t, op)
	op.serve(string(fakeop.SignalPoll), textAnswer(503, "text/plain", ""))
	_, err := p.Poll(t.Context(), s, provider.PollAnswer{})
	wantError(t, err, provider.Unavailable, "provider_status")
	op.serve(string(fakeop.SignalPoll), textAnswer(202, "application/json", `{"sets":{}}`))
	_, err = p.Poll(t.Context(), s, provider.PollAnswer{})
	wantError(t, err, provider.Invalid, "provider_status")
	op.serve(string(fakeop.SignalPoll), textAnswer(200, "text/html", `{"sets":{}}`))
	_, err = p.Poll(t.Context(), s, provider.PollAnswer{})
	wantError(t, err, provider.Invalid, "bad_content_type")
	for _, s := range []*provider.Stream{
		{Endpoint: "http://op.example/ssf/poll", Poll: true}, {Endpoint: "https://op.example/ssf/poll"},
	} {
		_, err := p.Poll(t.Context(), s, provider.PollAnswer{})
		wantError(t, err, provider.Invalid, "bad_endpoint")
	}
}
