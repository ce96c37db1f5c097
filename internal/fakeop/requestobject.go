package fakeop

import (
	"bytes"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

const requestObjectLife = time.Hour

// openRequestObject verifies a signed request object (RFC 9101, 6) and returns the parameters in it, the only ones that
// count: anyone could have added those outside it. Its times follow FAPI 2.0 Message Signing (5.3.2).
func (p *Provider) openRequestObject(form url.Values) (url.Values, error) {
	refuse := func(reason string) (url.Values, error) {
		return nil, &oauthError{"invalid_request_object", "the request object is refused: " + reason}
	}
	var claims struct {
		jwtClaims
		ClientID string `json:"client_id"`
	}
	if len(form["request"]) != 1 {
		return refuse("there is more than one")
	}
	token, err := p.openClientJWS(form.Get("request"), &claims, "", "JWT", "oauth-authz-req+jwt")
	if err != nil {
		return refuse(err.Error())
	}
	switch err := claims.lives(requestObjectLife); {
	case claims.Issuer != p.cfg.ClientID:
		return refuse("iss is not the client's id")
	case claims.Audience != p.issuer:
		return refuse("aud is not the issuer alone")
	case claims.Subject == p.cfg.ClientID:
		return refuse("with sub it could be taken for a client assertion (RFC 9101, 10.8)")
	case form.Has("client_id") && form.Get("client_id") != claims.ClientID:
		return refuse("client_id differs outside")
	case err != nil:
		return refuse(err.Error())
	case claims.NotBefore == nil:
		return refuse("nbf is missing")
	case *claims.Expiry > *claims.NotBefore+requestObjectLife.Seconds():
		return refuse("exp is more than an hour after nbf")
	}
	params, err := requestParams(token.UnsafePayloadWithoutVerification()) // verified above
	if err != nil {
		return refuse(err.Error())
	}
	return params, nil
}

// requestParams converts the claims of a request object to parameters: numbers and objects (max_age, claims) to their
// text, lists to repeated parameters.
func requestParams(payload []byte) (url.Values, error) {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.SetNumberType(json.UnmarshalJSONNumber)
	var claims map[string]any
	if err := decoder.Decode(&claims); err != nil {
		return nil, errors.New("the claims cannot be read")
	}
	params := make(url.Values)
	for name, value := range claims {
		if name == "request" || name == "request_uri" {
			return nil, errors.New("there is another request in it")
		}
		if slices.Contains([]string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}, name) {
			continue // a claim of the JWT, not of the request
		}
		list, several := value.([]any)
		if !several {
			list = []any{value}
		}
		for _, each := range list {
			text, err := paramText(each)
			if err != nil {
				return nil, errors.New("parameter " + strconv.Quote(name) + " is neither text, number nor object")
			}
			params.Add(name, text)
		}
	}
	return params, nil
}

func paramText(value any) (string, error) {
	switch value := value.(type) {
	case string:
		return value, nil
	case json.Number:
		return value.String(), nil
	case map[string]any:
		text, err := json.Marshal(value)
		return string(text), err
	}
	return "", errors.New("no parameter")
}
