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

	// responseLife is the most a response may be valid, so that one that leaks from a URL soon is of no use (JARM section
	// 2.1 recommends it).
	responseLife = 10 * time.Minute
)

// SignedResponse is an authorization response that is a signed JWT, of which all is checked but the signature.
type SignedResponse struct {
	Params url.Values // not to be trusted before [Provider.VerifyResponse]
	raw    string
}

// ReadResponse reads the response parameter of an authorization response that is a signed JWT (JWT Secured
// Authorization Response Mode for OAuth 2.0, sections 2.1 and 2.4), and checks all but its signature: for what has to
// be known, such as whether this browser asked at all, before that is worth looking at. Anybody may send one, so
// garbage costs neither cryptography nor a fetch. Params are code, state, error, error_description, session_state and
// iss, each once if at all. What else the JWT holds is left out. Whatever is wrong with it is ErrInvalidToken.
func (p *Provider) ReadResponse(raw string) (*SignedResponse, error) {
	if err := p.checkKind(opResponse, raw, maxResponse); err != nil {
		return nil, err
	}
	claims, err := payloadBy(decodeRepeated, opResponse, raw, maxResponse) // Keycloak gives iss twice
	if err != nil {
		return nil, err
	}
	params, err := p.checkResponse(claims)
	if err != nil {
		return nil, err
	}
	return &SignedResponse{params, raw}, nil
}

// VerifyResponse checks the signature. It stops responses that are forged, of another provider (mix-up) or made for
// another client. Keys that cannot be fetched are ErrUnavailable.
func (p *Provider) VerifyResponse(ctx context.Context, r *SignedResponse) error {
	ctx, cancel := context.WithTimeout(ctx, p.backend.limits.total())
	defer cancel()
	_, err := p.verifySignature(ctx, opResponse, r.raw, p.keys.renew)
	return err
}

// checkResponse checks the claims and picks the parameters.
func (p *Provider) checkResponse(claims Claims) (url.Values, error) {
	if claims["iss"] != p.issuer {
		return nil, badToken(opResponse, "issuer", "%w", ErrIssuerMismatch)
	}
	if err := p.checkAudience(opResponse, claims); err != nil {
		return nil, err
	}
	// An ID token or a logout token is no response, and in the code flow no token comes through the browser (case 46).
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

// withDefaultTime fills in a time that a token may leave out, in a copy.
func withDefaultTime(claims Claims, name string, at time.Time) Claims {
	if claims[name] != nil {
		return claims
	}
	filled := maps.Clone(claims)
	filled[name] = json.Number(strconv.FormatInt(at.Unix(), 10))
	return filled
}
