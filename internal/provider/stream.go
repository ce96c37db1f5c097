package provider

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
)

const (
	opStream = "signal stream"

	deliverByPush = "urn:ietf:rfc:8935"
	deliverByPoll = "urn:ietf:rfc:8936"
)

// Stream is the configuration of an event stream (Shared Signals Framework 1.0 section 8.1.1).
type Stream struct {
	ID        string
	Delivered []string // types of events
	Endpoint  string   // to which events are pushed, or at which they are polled
	Poll      bool
}

// StreamRequest is what the receiver wants of a stream.
type StreamRequest struct {
	Events      []string
	Description string
	// PushURL is the address to which events are pushed, with PushToken as the Authorization header, unless it is "". If
	// PushURL is "", events are polled.
	PushURL, PushToken string
}

func (r StreamRequest) body() map[string]any {
	delivery := map[string]any{"method": deliverByPoll}
	if r.PushURL != "" {
		delivery = map[string]any{"method": deliverByPush, "endpoint_url": r.PushURL}
		if r.PushToken != "" {
			delivery["authorization_header"] = r.PushToken
		}
	}
	return map[string]any{"delivery": delivery, "events_requested": r.Events, "description": r.Description}
}

// SetUpStream updates the receiver's stream with the same delivery, or creates one. It is idempotent, so that an app
// can call it at each start.
func (t *Transmitter) SetUpStream(ctx context.Context, want StreamRequest) (*Stream, error) {
	method, body, status := http.MethodPost, want.body(), http.StatusCreated
	streams, err := t.Streams(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range streams {
		if s.Poll == (want.PushURL == "") && (s.Poll || s.Endpoint == want.PushURL) {
			method, body["stream_id"], status = http.MethodPatch, s.ID, http.StatusOK
			break
		}
	}
	a, err := t.manage(ctx, method, configurationEndpoint, nil, body, want.PushToken)
	if err != nil {
		return nil, err
	}
	if a.status != status {
		return nil, unexpectedStatus(opStream, a)
	}
	object, err := a.object(opStream)
	if err != nil {
		return nil, err
	}
	return t.parseStream(object)
}

var errNoList = errors.New("it is JSON, but not a list")

// Streams returns the receiver's streams.
func (t *Transmitter) Streams(ctx context.Context) ([]Stream, error) {
	a, err := t.manage(ctx, http.MethodGet, configurationEndpoint, nil, nil)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK || !isJSON(a.header) {
		return nil, unexpectedStatus(opStream, a)
	}
	// The list is read as the member of an object, so that the strict decoder applies to it.
	object, err := decodeObject(slices.Concat([]byte(`{"streams":`), a.body, []byte("}")), maxBody+16)
	list, ok := object["streams"].([]any)
	if !ok || len(object) != 1 {
		return nil, invalid(opStream, "bad_answer", "the streams are not a list: %w", cmp.Or(err, errNoList))
	}
	streams := make([]Stream, 0, len(list))
	for _, element := range list {
		configuration, _ := element.(map[string]any)
		s, err := t.parseStream(configuration)
		if err != nil {
			return nil, err
		}
		streams = append(streams, *s)
	}
	return streams, nil
}

// parseStream reads the configuration of a stream. Events on a stream of another issuer, or for another audience, would
// all be refused, so such a stream is an error at once.
func (t *Transmitter) parseStream(d document) (*Stream, error) {
	id, ok := identifier(Claims(d), "stream_id")
	switch {
	case !ok || id == "":
		return nil, invalid(opStream, "bad_answer", "stream_id is missing")
	case d["iss"] != t.issuer:
		return nil, invalid(opStream, "issuer_mismatch", "%w", ErrIssuerMismatch)
	case !t.isAudience(d["aud"]):
		return nil, misconfigured(opStream, "audience", "the stream is for another audience than %q", t.audience)
	}
	delivery, _ := d["delivery"].(map[string]any)
	method := delivery["method"]
	if method != deliverByPush && method != deliverByPoll {
		return nil, invalid(opStream, "bad_answer", "the stream has an unknown delivery method")
	}
	s := &Stream{ID: id, Delivered: d.list("events_delivered"), Poll: method == deliverByPoll}
	if s.Endpoint, _ = document(delivery).text("endpoint_url"); s.Endpoint == "" {
		return nil, invalid(opStream, "bad_answer", "the stream has no endpoint_url")
	}
	return s, nil
}

// StreamStatus returns the status of a stream, "enabled", "paused" or "disabled", and the reason, if there is one.
func (t *Transmitter) StreamStatus(ctx context.Context, id string) (status, reason string, err error) {
	a, err := t.manage(ctx, http.MethodGet, statusEndpoint, url.Values{"stream_id": {id}}, nil)
	if err != nil {
		return "", "", err
	}
	if a.status != http.StatusOK {
		return "", "", unexpectedStatus(opStream, a)
	}
	object, err := a.object(opStream)
	if err != nil {
		return "", "", err
	}
	if err := object.required("status", "enabled", "paused", "disabled"); err != nil {
		return "", "", invalid(opStream, "bad_answer", "%w", err)
	}
	status, _ = object.text("status")
	reason, _ = object.text("reason")
	return status, cut(reason), nil
}

// VerifyStream asks the transmitter to send a verification event with this state over a stream.
func (t *Transmitter) VerifyStream(ctx context.Context, id, state string) error {
	a, err := t.manage(ctx, http.MethodPost, verificationEndpoint, nil, map[string]any{"stream_id": id, "state": state})
	if err != nil {
		return err
	}
	if a.status != http.StatusNoContent && a.status != http.StatusOK {
		return unexpectedStatus(opStream, a)
	}
	return nil
}

// The endpoints of the management API.
func configurationEndpoint(m *transmitterMetadata) string { return m.configuration }
func statusEndpoint(m *transmitterMetadata) string        { return m.status }
func verificationEndpoint(m *transmitterMetadata) string  { return m.verification }

// manage calls an endpoint of the management API. The body may be nil.
func (t *Transmitter) manage(ctx context.Context, method string, endpoint func(*transmitterMetadata) string,
	query url.Values, body any, secrets ...string) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, t.backend.limits.total())
	defer cancel()
	metadata, err := t.metadata.get(ctx)
	if err != nil {
		return nil, err
	}
	address := endpoint(metadata)
	if address == "" {
		return nil, misconfigured(opStream, "unsupported", "the transmitter does not offer this endpoint")
	}
	if len(query) > 0 {
		u, err := url.Parse(address)
		if err != nil {
			return nil, misconfigured(opStream, "bad_url", "%w", quotedError{err})
		}
		all := u.Query()
		for name, values := range query {
			all[name] = values
		}
		u.RawQuery = all.Encode()
		address = u.String()
	}
	return t.send(ctx, method, address, body, secrets...)
}

// send makes one request with the access token of the receiver.
func (t *Transmitter) send(ctx context.Context, method, address string, body any, secrets ...string) (*answer, error) {
	if t.token == nil {
		return nil, misconfigured(opStream, "no_access_token", "no function returns access tokens for the transmitter")
	}
	token, err := t.token(ctx)
	if err != nil {
		return nil, misconfigured(opStream, "no_access_token", "%w", err)
	}
	text, _ := json.Marshal(body) // texts, and lists and maps of them
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(text))
	if err != nil {
		return nil, misconfigured(opStream, "bad_url", "%w", quotedError{err})
	}
	if body == nil {
		req.Body, req.ContentLength = http.NoBody, 0
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	if !visible(token) {
		return nil, misconfigured(opStream, "no_access_token", "%w", errors.New("the access token is empty or unusable"))
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return t.backend.do(opStream, req, append(secrets, token)...)
}
