package provider

import (
	"io"
	"net/http"
	"net/url"

	"github.com/seed-d65cea4d/ginoidc/internal/origin"
)

const (
	opResource = "resource request"

	maxDrain = 64 << 10 // of an unread response, so that its connection can be reused
)

// Send sends a request of the app to a resource server with the access token of tokens: as a bearer token (RFC 6750
// section 2.1), or with a proof of the key it is bound to (RFC 9449 section 7). It follows the contract of
// http.RoundTripper: req is not modified and its body is closed. next makes the call and sets the limits of time and
// size.
//
// If the server asks for another nonce in the proof, the request is repeated once, provided that its body can be sent
// again: it is empty, or req has GetBody. Otherwise the 401 is returned, and the next proof has the nonce.
//
// The token is sent only to the origin the app named, over https or on loopback (otherwise the error has the code
// insecure_resource). When a redirect leads to another origin, the request goes without the token, which would
// otherwise leak.
func (p *Provider) Send(req *http.Request, tokens *Tokens, next http.RoundTripper) (*http.Response, error) {
	if redirectedAway(req) {
		return next.RoundTrip(req)
	}
	if !confidential(req.URL) {
		closeBody(req.Body)
		return nil, misconfigured(opResource, "insecure_resource", "an access token is never sent in plain text, as it "+
			"would be to %s",
			excerpt(origin.Of(req.URL)))
	}
	resp, err := p.sendOnce(req, req.Body, tokens, next)
	if err != nil || tokens.key == nil || !wantsNonce(resp) {
		return resp, err
	}
	body, ok := bodyAgain(req)
	if !ok {
		return resp, nil
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
	_ = resp.Body.Close()
	return p.sendOnce(req, body, tokens, next)
}

// Transport returns a transport that sends requests with the access token of tokens: see [Provider.Send].
func (p *Provider) Transport(tokens *Tokens, next http.RoundTripper) http.RoundTripper {
	return &tokenTransport{p, tokens, next}
}

type tokenTransport struct {
	provider *Provider
	tokens   *Tokens
	next     http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *tokenTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.provider.Send(req, t.tokens, t.next)
}

// sendOnce sends a copy of req with the token and remembers the nonce of the response.
func (p *Provider) sendOnce(
	req *http.Request, body io.ReadCloser, tokens *Tokens, next http.RoundTripper,
) (*http.Response, error) {
	sent := req.Clone(req.Context())
	sent.Body = body
	if sent.Header == nil {
		sent.Header = http.Header{}
	}
	if err := p.authorize(sent, tokens); err != nil {
		closeBody(body)
		return nil, err
	}
	resp, err := next.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	resp.Request = req // the request without the token, so that no log can reach it
	p.backend.nonces.keep(req.URL, headersOf(resp).nonce())
	return resp, nil
}

// wantsNonce reports whether a 401 asks for another nonce and provides one. (With a 400 it would be in the body.)
func wantsNonce(resp *http.Response) bool {
	a := headersOf(resp)
	return a.wantsNonce() && a.nonce() != ""
}

// headersOf returns an answer without its body, which the app reads.
func headersOf(resp *http.Response) *answer {
	return &answer{status: resp.StatusCode, header: resp.Header}
}

// redirectedAway reports whether any redirect led from one origin to another. A server there, or on the way, chose the
// target, so the token must not be sent.
func redirectedAway(req *http.Request) bool {
	for hop := req; hop.Response != nil; hop = hop.Response.Request {
		from := hop.Response.Request
		if from == nil || origin.Of(from.URL) != origin.Of(hop.URL) {
			return true
		}
	}
	return false
}

// confidential reports whether requests to u cannot be read on the way.
func confidential(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && origin.IsLoopback(u.Hostname())
}

// bodyAgain returns the body of a request for a second call, if possible.
func bodyAgain(req *http.Request) (io.ReadCloser, bool) {
	if req.Body == nil || req.Body == http.NoBody {
		return req.Body, true
	}
	if req.GetBody == nil {
		return nil, false
	}
	body, err := req.GetBody()
	return body, err == nil
}

func closeBody(body io.ReadCloser) {
	if body != nil {
		_ = body.Close()
	}
}
