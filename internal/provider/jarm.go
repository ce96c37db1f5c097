package provider

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"strconv"
	"time"
)

const (
	opResponse = "authorization response"

	maxResponse = 48 << 10 // room for a code of 16 kB, encoded

	// responseLife is the longest accepted lifetime of a response, so that one that leaks from a URL soon becomes useless
	// (recommended by JARM section 2.1).
	responseLife = 10 * time.Minute
)

// SignedResponse is an authorization response in a signed JWT. Everything but its signature has been checked.
type SignedResponse struct {
	Params url.Values // not trusted before [Provider.VerifyResponse]
	raw    string
}

// ReadResponse reads the response parameter of an authorization response, a signed JWT (JWT Secured Authorization
// Response Mode for OAuth 2.0, sections 2.1 and 2.4), and checks everything but its signature. The caller can then find
// out whether this browser started the sign-in before it verifies the signature. Anyone can send a response, so garbage
// must cost neither cryptography nor a fetch. Params holds code, state, error, error_description, session_state and
// iss, each at most once. All other members are ignored. An invalid response is ErrInvalidToken.
func (p *Provider) ReadResponse(raw string) (*SignedResponse, error) {
	if err := p.checkKind(opResponse, raw, maxResponse); err != nil {
		return nil, err
	}
	claims, err := payloadBy(decodeRepeated, opResponse, raw, maxResponse) // Keycloak repeats iss
	if err != nil {
		return nil, err
	}
	params, err := p.checkResponse(claims)
	if err != nil {
		return nil, err
	}
	return &SignedResponse{params, raw}, nil
}

// VerifyResponse verifies the signature. It stops responses that are forged, come from another provider (mix-up) or
// were made for another client. If the keys cannot be fetched, the error is ErrUnavailable.
func (p *Provider) VerifyResponse(ctx context.Context, r *SignedResponse) error {
	ctx, cancel := context.WithTimeout(ctx, p.backend.limits.total())
	defer cancel()
	_, err := p.verifySignature(ctx, opResponse, r.raw, p.keys.renew)
	return err
}

// checkResponse checks the claims and returns the parameters.
func (p *Provider) checkResponse(claims Claims) (url.Values, error) {
	if err := p.checkIssuer(opResponse, p.issuer, claims); err != nil {
		return nil, err
	}
	if err := p.checkAudience(opResponse, claims); err != nil {
		return nil, err
	}
	// ID tokens and logout tokens are not responses, and in the code flow no token is sent through the browser.
	for _, name := range []string{"nonce", "events", "id_token", "access_token", "token_type", "refresh_token"} {
		if _, present := claims[name]; present {
			return nil, badToken(opResponse, "unexpected_member", "%s has no place in an authorization response", name)
		}
	}
	times, err := p.checkTimes(opResponse, withDefaultTime(claims, "iat", time.Now()))
	if err != nil {
		return nil, err
	}
	if life := times.exp - times.iat; life > (responseLife + p.tolerance).Seconds() {
		return nil, badToken(opResponse, "lifetime", "valid for %.15g s, at most %v are accepted", life, responseLife)
	}
	params := url.Values{}
	for _, name := range []string{"code", "state", "error", "error_description", "session_state", "iss"} {
		text, err := document(claims).text(name)
		if err != nil {
			return nil, badToken(opResponse, "bad_member", "%w", err)
		}
		if claims[name] != nil {
			params.Set(name, text)
		}
	}
	return params, nil
}

// withDefaultTime returns a copy of claims in which a time that may be absent is filled in.
func withDefaultTime(claims Claims, name string, at time.Time) Claims {
	if claims[name] != nil {
		return claims
	}
	filled := maps.Clone(claims)
	filled[name] = json.Number(strconv.FormatInt(at.Unix(), 10))
	return filled
}
