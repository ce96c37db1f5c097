package fakeop

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Endpoints of the transmitter of security events (OpenID Shared Signals Framework 1.0). Its issuer is the provider's,
// whose path must be empty, and so are its keys.
const (
	SignalDiscovery    Endpoint = "/.well-known/ssf-configuration"
	SignalStream       Endpoint = "/ssf/stream"
	SignalStatus       Endpoint = "/ssf/status"
	SignalVerification Endpoint = "/ssf/verify"
	SignalPoll         Endpoint = "/ssf/poll"
)

// SignalToken is the access token that the stream's endpoints accept.
const SignalToken = "token-of-the-receiver"

// SignalAudience is the audience of security event tokens.
const SignalAudience = "https://receiver.example"

// Types of events.
const (
	caepEvent         = "https://schemas.openid.net/secevent/caep/event-type/"
	verificationEvent = "https://schemas.openid.net/secevent/ssf/event-type/verification"

	SessionRevoked         = caepEvent + "session-revoked"
	CredentialChange       = caepEvent + "credential-change"
	TokenClaimsChange      = caepEvent + "token-claims-change"
	DeviceComplianceChange = caepEvent + "device-compliance-change"
)

// transmitter is the stream of the one receiver.
type transmitter struct {
	mu     sync.Mutex
	stream map[string]any // nil: none was created
	status string
	queue  []queued
	errors map[string]string // what the receiver said about tokens that it did not accept, by jti
}

type queued struct{ jti, token string }

// EventToken issues a security event token (RFC 8417). subject is the value of sub_id, and payload that of the event.
// edit, which may be nil, changes the claims before they are signed, and may set the header's type by a claim named
// "typ", which is then removed.
func (p *Provider) EventToken(event string, subject, payload map[string]any,
	edit func(claims map[string]any)) (string, error) {
	if payload == nil {
		payload = map[string]any{}
	}
	claims := map[string]any{
		"iss": p.issuer, "aud": SignalAudience, "iat": time.Now().Unix(), "jti": rand.Text(), "txn": rand.Text(),
		"sub_id": subject, "events": map[string]any{event: payload}, "typ": "secevent+jwt",
	}
	if edit != nil {
		edit(claims)
	}
	return p.signTyped(claims)
}

// UserSubject is the identifier of a user (RFC 9493, 3.2.3).
func (p *Provider) UserSubject(subject string) map[string]any {
	return map[string]any{"format": "iss_sub", "iss": p.issuer, "sub": subject}
}

// SessionSubject is the identifier of a session.
func SessionSubject(sid string) map[string]any { return map[string]any{"format": "opaque", "id": sid} }

// OnSignalDiscovery edits the transmitter's configuration before it is sent.
func (p *Provider) OnSignalDiscovery(edit func(doc map[string]any)) { p.onEdit(SignalDiscovery, edit) }

// OnStream edits the configuration of the stream whenever it is created or updated.
func (p *Provider) OnStream(edit func(stream map[string]any)) { p.onEdit(SignalStream, edit) }

// Queue keeps a token for the next poll.
func (p *Provider) Queue(jti, token string) {
	p.signals.mu.Lock()
	defer p.signals.mu.Unlock()
	p.signals.queue = append(p.signals.queue, queued{jti, token})
}

// Queued returns the identifiers of the tokens that no poll has acknowledged, and what polls said about those that were
// not accepted.
func (p *Provider) Queued() (jtis []string, errors map[string]string) {
	p.signals.mu.Lock()
	defer p.signals.mu.Unlock()
	for _, q := range p.signals.queue {
		jtis = append(jtis, q.jti)
	}
	return jtis, p.signals.errors
}

// QueuedTokens returns the tokens that no poll has acknowledged.
func (p *Provider) QueuedTokens() (tokens []string) {
	p.signals.mu.Lock()
	defer p.signals.mu.Unlock()
	for _, q := range p.signals.queue {
		tokens = append(tokens, q.token)
	}
	return tokens
}

// Stream returns the configuration of the stream, or nil if none was created.
func (p *Provider) Stream() map[string]any {
	p.signals.mu.Lock()
	defer p.signals.mu.Unlock()
	return p.signals.stream
}

// SetStreamStatus sets the status that the stream has from now on.
func (p *Provider) SetStreamStatus(status string) {
	p.signals.mu.Lock()
	defer p.signals.mu.Unlock()
	p.signals.status = status
}

func (p *Provider) signalDiscovery(w http.ResponseWriter, _ *http.Request) {
	doc := map[string]any{
		"spec_version": "1_0", "issuer": p.issuer, "jwks_uri": p.url(JWKS),
		"delivery_methods_supported": []string{pushDelivery, pollDelivery},
		"configuration_endpoint":     p.url(SignalStream), "status_endpoint": p.url(SignalStatus),
		"verification_endpoint": p.url(SignalVerification),
		"authorization_schemes": []any{map[string]any{"spec_urn": "urn:ietf:rfc:6749"}},
		"default_subjects":      "ALL",
	}
	p.edit(doc, SignalDiscovery)
	writeJSON(w, http.StatusOK, doc)
}

const (
	pushDelivery = "urn:ietf:rfc:8935"
	pollDelivery = "urn:ietf:rfc:8936"
)

// authorized refuses requests without the access token, and reads a JSON object from the others.
func (p *Provider) authorized(w http.ResponseWriter, r *http.Request) (body map[string]any, ok bool) {
	if r.Header.Get("Authorization") != "Bearer "+SignalToken {
		w.WriteHeader(http.StatusUnauthorized)
		return nil, false
	}
	if r.Method == http.MethodGet {
		return nil, true
	}
	if r.Header.Get("Content-Type") != "application/json" || json.NewDecoder(r.Body).Decode(&body) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return nil, false
	}
	return body, true
}

// signalStream creates, reads and updates the only stream (Shared Signals Framework, 8.1.1).
func (p *Provider) signalStream(w http.ResponseWriter, r *http.Request) {
	body, ok := p.authorized(w, r)
	if !ok {
		return
	}
	s := &p.signals
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Method == http.MethodGet && r.URL.Query().Get("stream_id") == "":
		streams := []any{}
		if s.stream != nil {
			streams = append(streams, s.stream)
		}
		writeJSON(w, http.StatusOK, streams)
	case r.Method == http.MethodPost && s.stream != nil:
		w.WriteHeader(http.StatusConflict)
	case r.Method == http.MethodPost:
		s.stream, s.status = map[string]any{"stream_id": "stream-1", "iss": p.issuer, "aud": SignalAudience}, "enabled"
		p.configure(body)
		writeJSON(w, http.StatusCreated, s.stream)
	case s.stream == nil || body["stream_id"] != s.stream["stream_id"]:
		w.WriteHeader(http.StatusNotFound)
	default:
		p.configure(body)
		writeJSON(w, http.StatusOK, s.stream)
	}
}

// configure applies the properties that the receiver supplies.
func (p *Provider) configure(body map[string]any) {
	stream := p.signals.stream
	for _, name := range []string{"delivery", "events_requested", "description"} {
		if value, ok := body[name]; ok {
			stream[name] = value
		}
	}
	stream["events_delivered"] = stream["events_requested"]
	if delivery, _ := stream["delivery"].(map[string]any); delivery["method"] == pollDelivery {
		delivery["endpoint_url"] = p.url(SignalPoll)
	}
	p.edit(stream, SignalStream)
}

func (p *Provider) signalStatus(w http.ResponseWriter, r *http.Request) {
	if _, ok := p.authorized(w, r); !ok {
		return
	}
	p.signals.mu.Lock()
	defer p.signals.mu.Unlock()
	if p.signals.stream == nil || r.URL.Query().Get("stream_id") != p.signals.stream["stream_id"] {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"stream_id": "stream-1", "status": p.signals.status})
}

// signalVerification queues a verification event, for polls and for tests that push (Shared Signals Framework, 8.1.4).
func (p *Provider) signalVerification(w http.ResponseWriter, r *http.Request) {
	body, ok := p.authorized(w, r)
	if !ok {
		return
	}
	id, _ := body["stream_id"].(string)
	payload := map[string]any{}
	if state, ok := body["state"]; ok {
		payload["state"] = state
	}
	jti := rand.Text()
	token, err := p.EventToken(verificationEvent, SessionSubject(id), payload,
		func(claims map[string]any) { claims["jti"] = jti })
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	p.Queue(jti, token)
	w.WriteHeader(http.StatusNoContent)
}

// signalPoll delivers what is queued and takes acknowledgments (RFC 8936, 2). It never waits.
func (p *Provider) signalPoll(w http.ResponseWriter, r *http.Request) {
	body, ok := p.authorized(w, r)
	if !ok {
		return
	}
	s := &p.signals
	s.mu.Lock()
	defer s.mu.Unlock()
	done := map[string]bool{}
	acknowledged, _ := body["ack"].([]any)
	for _, jti := range acknowledged {
		text, _ := jti.(string)
		done[text] = true
	}
	refused, _ := body["setErrs"].(map[string]any)
	for jti, why := range refused {
		if s.errors == nil {
			s.errors = map[string]string{}
		}
		object, _ := why.(map[string]any)
		s.errors[jti], _ = object["err"].(string)
		done[jti] = true
	}
	s.queue = slices.DeleteFunc(s.queue, func(q queued) bool { return done[q.jti] })
	limit := len(s.queue)
	if most, ok := body["maxEvents"].(float64); ok {
		limit = min(limit, int(most))
	}
	sets := map[string]any{}
	for _, q := range s.queue[:limit] {
		sets[q.jti] = q.token
	}
	answer := map[string]any{"sets": sets}
	if limit < len(s.queue) {
		answer["moreAvailable"] = true
	}
	p.edit(answer, SignalPoll)
	writeJSON(w, http.StatusOK, answer)
}
