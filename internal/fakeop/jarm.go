package fakeop

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

const jarmLife = 10 * time.Minute

// jarmed reports whether the response is to be a JWT (JARM, 2.3).
func (a *authorization) jarmed() bool { return strings.HasSuffix(a.responseMode, "jwt") }

// posted reports whether the response is sent as a form. "jwt" is "query.jwt" for a code (JARM, 2.3.4).
func (a *authorization) posted() bool { return strings.HasPrefix(a.responseMode, "form_post") }

// jarm packs the parameters of an authorization response, including iss, into a signed JWT, the only parameter that is
// sent (JARM, 2.1).
func (p *Provider) jarm(params map[string]any) (url.Values, error) {
	params["aud"] = p.cfg.ClientID
	params["exp"] = time.Now().Add(jarmLife).Unix()
	p.edit(params, jarmClaims)
	payload, err := json.Marshal(params)
	if err != nil {
		return nil, fmt.Errorf("test provider: authorization response: %w", err)
	}
	token, err := p.sign(payload, jarmClaims)
	return url.Values{"response": {token}}, err
}
