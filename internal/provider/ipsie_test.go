package provider_test

import (
	"maps"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// TestIPSIEMetadata: a provider that does not announce iss in responses and S256 is refused before any sign-in.
func TestIPSIEMetadata(t *testing.T) {
	for name, tt := range map[string]struct {
		change object
		lacks  []string
	}{
		"all":         {nil, nil},
		"no iss":      {object{"authorization_response_iss_parameter_supported": nil}, []string{"iss_parameter"}},
		"iss false":   {object{"authorization_response_iss_parameter_supported": false}, []string{"iss_parameter"}},
		"no S256":     {object{"code_challenge_methods_supported": []string{"plain"}}, []string{"code_challenge"}},
		"PKCE unsaid": {object{"code_challenge_methods_supported": nil}, []string{"code_challenge"}},
		"neither": {object{
			"code_challenge_methods_supported": nil, "authorization_response_iss_parameter_supported": nil,
		}, []string{"iss_parameter", "code_challenge"}},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			op.serve(discoveryPath, jsonAnswer(200, fapi2Metadata(tt.change)))
			_, err := op.client(ipsie).AuthorizationURL(t.Context(), authRequest())
			if tt.lacks == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, provider.Misconfigured, "ipsie_unsupported")
			contains(t, err.Error(), tt.lacks...)
		})
	}
}

func ipsie(c *provider.Config) { c.IPSIE = true }

// TestIPSIEClaims: without the profile, the same tokens are accepted.
func TestIPSIEClaims(t *testing.T) {
	all := object{"acr": "phr", "amr": []string{"hwk"}, "auth_time": time.Now().Unix(), "session_expiry": 4e9}
	for name, tt := range map[string]struct {
		change object
		code   string // "": accepted
	}{
		"all":              {nil, ""},
		"aud as a list":    {object{"aud": []string{clientID}}, "audience"},
		"no acr":           {object{"acr": nil}, "ipsie_claims"},
		"acr as a number":  {object{"acr": 1}, "ipsie_claims"},
		"no amr":           {object{"amr": nil}, "ipsie_claims"},
		"empty amr":        {object{"amr": []string{}}, "ipsie_claims"},
		"amr as text":      {object{"amr": "hwk"}, "ipsie_claims"},
		"amr of numbers":   {object{"amr": []any{"hwk", 1}}, "ipsie_claims"},
		"no auth_time":     {object{"auth_time": nil}, "ipsie_claims"},
		"no expiry":        {object{"session_expiry": nil}, "ipsie_claims"},
		"another audience": {object{"aud": "other"}, "rejected"},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			op.serve(discoveryPath, jsonAnswer(200, fapi2Metadata(nil)))
			token := op.token(claims(merge(maps.Clone(all), tt.change)))
			_, err := op.client(ipsie).VerifyIDToken(t.Context(), token, expect())
			if tt.code != "" {
				wantBadToken(t, err, tt.code)
			} else if err != nil {
				t.Error(err)
			}
			if _, err := op.client().VerifyIDToken(t.Context(), token, expect()); (err != nil) != (tt.code == "rejected") {
				t.Errorf("without the profile: %v", err)
			}
		})
	}
}

// TestIPSIEClaimsMissing are named in one order.
func TestIPSIEClaimsMissing(t *testing.T) {
	op := newOP(t)
	op.serve(discoveryPath, jsonAnswer(200, fapi2Metadata(nil)))
	p, token := op.client(ipsie), op.token(claims(nil))
	for range 20 {
		_, err := p.VerifyIDToken(t.Context(), token, expect())
		contains(t, err.Error(), "lacks: acr amr auth_time session_expiry")
	}
}

// TestIPSIEChecksTheRest: the profile adds checks, and leaves none out.
func TestIPSIEChecksTheRest(t *testing.T) {
	now := time.Now().Unix()
	for code, change := range map[string]object{
		"logout_token": {"events": object{logoutEvent: object{}}}, "subject": {"sub": ""}, "nonce": {"nonce": "n"},
		"clock_skew": {"iat": now - 86_400}, "auth_time": {"auth_time": now - 3600},
	} {
		op := newOP(t)
		op.serve(discoveryPath, jsonAnswer(200, fapi2Metadata(nil)))
		all := object{"acr": "phr", "amr": []string{"hwk"}, "auth_time": now, "session_expiry": 4e9}
		want := provider.Expect{Nonce: nonce, MaxAge: 60}
		if _, err := op.client(ipsie).VerifyIDToken(t.Context(), op.token(claims(all)), want); err != nil {
			t.Fatal(err)
		}
		_, err := op.client(ipsie).VerifyIDToken(t.Context(), op.token(claims(merge(all, change))), want)
		wantBadToken(t, err, code)
	}
}
