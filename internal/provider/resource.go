package provider

import (
	"io"
	"net/http"
	"net/url"

	"github.com/seed-d65cea4d/ginoidc/internal/origin"
)

const (
	opResource = "resource request"

	maxDrain = 64 << 10 // of an answer nobody reads, so that its connection can be used again
)

// Send makes a request of the app's own to a resource server with the access token of tokens: as a bearer token (RFC
// 6750 section 2.1), or with proof of the key it is bound to (RFC 9449 section 7). It is what a RoundTripper does, so
// req stays as it is and its body is closed, and next, which makes the call, sets the limits of time and size.
//
// A server that wants another nonce in the proof is asked once more, if the body of req can be sent again: that is when
// there is none, or req has GetBody. Else its 401 is the answer, and the next proof has the nonce.
//
// The token goes to the place the app named and to no other: over https, or on loopback (else the code of the error is
// insecure_resource), and not along when a redirect leads to another origin, where it would be in a stranger's hands.
func (p *Provider) Send(req *http.Request, tokens *Tokens, next http.RoundTripper) (*http.Response, error) {
	if redirectedAway(req) {
		return next.RoundTrip(req)
	}
	if !confidential(req.URL) {
		closeBody(req.Body)
		return nil, misconfigured(opResource, "insecure_resource", "no access token is sent in clear, as to %s",
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

// sendOnce sends a copy of req with the token and remembers the nonce that comes back.
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
	resp.Request = req // not the one with the token, which would be in reach of any log
	p.backend.nonces.keep(req.URL, headersOf(resp).nonce())
	return resp, nil
}

// wantsNonce reports a 401 that asks for another nonce and gives one. (With a 400 it would stand in the body.)
func wantsNonce(resp *http.Response) bool {
	a := headersOf(resp)
	return a.wantsNonce() && a.nonce() != ""
}

// headersOf is an answer of which the body is somebody else's to read.
func headersOf(resp *http.Response) *answer {
	return &answer{status: resp.StatusCode, header: resp.Header}
}

// redirectedAway reports a request that some redirect brought to another origin than the one before. A server there, or
// on the way, chose where it goes, so it must not go with the token.
func redirectedAway(req *http.Request) bool {
	for hop := req; hop.Response != nil; hop = hop.Response.Request {
		from := hop.Response.Request
		if from == nil || origin.Of(from.URL) != origin.Of(hop.URL) {
			return true
		}
	}
	return false
}

// confidential reports a place where nobody on the way can read what is sent.
func confidential(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && origin.IsLoopback(u.Hostname())
}

// bodyAgain gives the body of a request for the second time, if that can be done.
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
