// Package bearer is what an app with an API has to do with access tokens beyond validating them: find them in requests
// (RFC 6750), check that the client has the key to which a token is bound (RFC 9449, RFC 8705), challenge clients, and
// describe the app to them (RFC 9728).
package bearer

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/dpopnonce"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

var (
	// ErrRefused is the refusal of an access token (RFC 6750, section 3.1).
	ErrRefused = errors.New("ginoidc: the access token was refused")
	// ErrProof is the refusal of a DPoP proof (RFC 9449, section 7.1).
	ErrProof = fmt.Errorf("%w: DPoP proof", ErrRefused)
	// ErrProofNonce is the refusal of a DPoP proof that only lacks a current nonce (RFC 9449, section 9).
	ErrProofNonce = fmt.Errorf("%w: nonce", ErrProof)
)

// Token returns the token of the Authorization header with the scheme Bearer (RFC 6750, section 2.1) or DPoP. It
// returns false if there is no such header. Tokens in the query or the body of a request are never read: URLs end up in
// logs.
func Token(h http.Header) (raw string, ok bool, err error) {
	values := h["Authorization"]
	if !slices.ContainsFunc(values, isBearer) {
		return "", false, nil
	}
	if len(values) > 1 { // servers and proxies may choose another one of them
		return "", false, fmt.Errorf("%w: several Authorization headers", ErrRefused)
	}
	if _, raw = split(values[0]); raw == "" { // its characters are checked when it is first seen
		return "", false, fmt.Errorf("%w: it is malformed", ErrRefused)
	}
	return raw, true, nil
}

// isBearer reports whether a value of Authorization has the scheme Bearer or DPoP. Other schemes, such as Basic for a
// proxy in front of the app, are not the plugin's.
func isBearer(value string) bool {
	scheme, _ := split(value)
	return strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "DPoP")
}

// split returns the scheme and the rest of a value of Authorization. A tab ends the scheme as well, although only a
// space may (RFC 9110, section 11.4): the token is then refused, and the cookie does not decide in its place.
func split(value string) (scheme, rest string) {
	value = strings.TrimLeft(value, " ")
	end := strings.IndexAny(value, " \t")
	if end < 0 {
		return value, ""
	}
	return value[:end], strings.Trim(value[end:], " ")
}

// nonceHeader is the header with the nonce for the next proof (RFC 9449, section 8.1).
const nonceHeader = "DPoP-Nonce"

// Challenges tell clients how to authenticate (RFC 9110, section 11.6.1).
type Challenges struct {
	Realm    string // the origin of the app
	Tokens   bool   // the app accepts access tokens
	Metadata string // the path of the metadata of the app, or ""
	Nonces   dpopnonce.Issuer
}

// Set sets the challenges of a response: in the way that the client tried, and if it tried none in each way that the
// app accepts. shown and params are as in Add.
func (ch Challenges) Set(h http.Header, shown bool, err error, params string) {
	h.Del("WWW-Authenticate")
	if !shown {
		h.Add("WWW-Authenticate", `Cookie realm="`+ch.Realm+`"`+params)
	}
	if ch.Tokens {
		ch.Add(h, shown, err, params)
	}
}

// Add adds the challenge of the scheme Bearer, or of DPoP for a refused proof, to the header of a response (RFC 6750,
// section 3; RFC 9449, section 7.1; RFC 9728, section 5.1). shown reports whether the request had an access token;
// without one the challenge has no error code. params are those of an error that is not about the token itself, such as
// a missing scope, or "". No text of the provider gets there.
func (ch Challenges) Add(h http.Header, shown bool, err error, params string) {
	scheme, code := "Bearer", ""
	switch {
	case !shown:
	case errors.Is(err, ErrProofNonce):
		scheme, code = "DPoP", `, error="use_dpop_nonce"`
		h.Set(nonceHeader, ch.Nonces.New())
	case errors.Is(err, ErrProof):
		scheme, code = "DPoP", `, error="invalid_dpop_proof"`
	case params != "":
		code = params
	case errors.Is(err, ErrRefused):
		code = `, error="invalid_token"`
	}
	if scheme == "DPoP" {
		code += fmt.Sprintf(`, algs=%q`, strings.Join(provider.ProofAlgs(), " "))
	}
	if ch.Metadata != "" {
		code += fmt.Sprintf(`, resource_metadata=%q`, ch.Realm+ch.Metadata)
	}
	h.Add("WWW-Authenticate", scheme+` realm="`+ch.Realm+`"`+code)
}
