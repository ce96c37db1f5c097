package provider

import (
	"context"
	"net/http"
	"strings"
)

// maxPolled is how many tokens one poll asks for.
const maxPolled = 25

// PollAnswer is what a poll says about earlier tokens (RFC 8936 section 2.4). Codes are those of RFC 8935 section 2.4.
type PollAnswer struct {
	Accepted []string          // jti
	Refused  map[string]string // code by jti
}

// Poll returns the tokens that wait at the endpoint of a stream, by jti, after it has said what became of earlier ones.
// It does not wait for tokens. The tokens are not verified.
func (t *Transmitter) Poll(ctx context.Context, s *Stream, said PollAnswer) (tokens map[string]string, _ error) {
	ctx, cancel := context.WithTimeout(ctx, t.backend.limits.total())
	defer cancel()
	body := map[string]any{"maxEvents": maxPolled, "returnImmediately": true}
	if len(said.Accepted) > 0 {
		body["ack"] = said.Accepted
	}
	if len(said.Refused) > 0 {
		refused := map[string]any{}
		for jti, code := range said.Refused {
			refused[jti] = map[string]any{"err": code, "description": "The token was not accepted."}
		}
		body["setErrs"] = refused
	}
	if !s.Poll {
		return nil, invalid(opStream, "bad_endpoint", "the stream is not polled")
	}
	if err := checkEndpoint(s.Endpoint, strings.HasPrefix(t.issuer, "http:")); err != nil {
		return nil, invalid(opStream, "bad_endpoint", "%w", err)
	}
	a, err := t.send(ctx, http.MethodPost, s.Endpoint, body)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, unexpectedStatus(opStream, a)
	}
	object, err := a.object(opStream)
	if err != nil {
		return nil, err
	}
	sets, ok := object["sets"].(map[string]any)
	if !ok || len(sets) > maxPolled {
		return nil, invalid(opStream, "bad_answer", "sets is not an object of at most %d tokens", maxPolled)
	}
	tokens = make(map[string]string, len(sets))
	for jti, value := range sets {
		text, ok := value.(string)
		if !ok || jti == "" || len(jti) > maxIdentifier {
			return nil, invalid(opStream, "bad_answer", "sets has a member that is not a token")
		}
		tokens[jti] = text
	}
	return tokens, nil
}
