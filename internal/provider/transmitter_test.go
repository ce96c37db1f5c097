package provider_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// TestTransmitterConfiguration: a document that is not this transmitter's, or names unsafe endpoints, is not used.
func TestTransmitterConfiguration(t *testing.T) {
	for _, test := range []struct {
		name   string
		change object
		kind   provider.Kind // 0: accepted
		code   string
	}{
		{"plain", nil, 0, ""},
		{"no endpoints", object{"configuration_endpoint": nil, "status_endpoint": nil, "verification_endpoint": nil}, 0, ""},
		{"another issuer", object{"issuer": "https://other.example"}, provider.Misconfigured, "issuer_mismatch"},
		{"a slash", object{"issuer": issuer + "/"}, provider.Misconfigured, "issuer_mismatch"},
		{"no issuer", object{"issuer": nil}, provider.Misconfigured, "issuer_mismatch"},
		{"no keys", object{"jwks_uri": nil}, provider.Invalid, "bad_endpoint"},
		{"keys over http", object{"jwks_uri": "http://op.example/jwks"}, provider.Invalid, "bad_endpoint"},
		{"script", object{"status_endpoint": "javascript:alert(1)"}, provider.Invalid, "bad_endpoint"},
		{"endpoint a number", object{"verification_endpoint": 1}, provider.Invalid, "bad_endpoint"},
		{"critical members a text", object{"critical_subject_members": "user"}, provider.Invalid, "bad_document"},
	} {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			op.OnSignalDiscovery(func(doc map[string]any) { merge(doc, test.change) })
			_, err := op.transmitter().VerifyEventToken(t.Context(), op.logoutToken(eventHeader, eventClaims(nil)))
			if test.kind != 0 {
				wantError(t, err, test.kind, test.code)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	op := newOP(t)
	op.serve(signalsConfig, textAnswer(200, "application/json",
		`{"issuer":"https://op.example","issuer":"https://op.example"}`))
	_, err := op.transmitter().VerifyEventToken(t.Context(), op.logoutToken(eventHeader, eventClaims(nil)))
	wantError(t, err, provider.Invalid, "bad_document")
}

// TestTransmitterWithPath: the address of its configuration has the well-known part before the path.
func TestTransmitterWithPath(t *testing.T) {
	for issuer, path := range map[string]string{
		"https://tr.example/tenant/1":  "/.well-known/ssf-configuration/tenant/1",
		"https://tr.example/tenant/1/": "/.well-known/ssf-configuration/tenant/1",
		"https://tr.example/":          "/.well-known/ssf-configuration",
	} {
		op, asked := newOP(t), ""
		op.serve(signalsConfig, jsonAnswer(200, object{"issuer": issuer, "jwks_uri": "https://tr.example" + keysPath}))
		p := op.transmitter(func(c *provider.TransmitterConfig) {
			c.Issuer = issuer
			c.Transport = roundTripFunc(func(r *http.Request) (*http.Response, error) {
				if strings.HasPrefix(r.URL.Path, signalsConfig) {
					asked, r.URL.Path = r.URL.Path, signalsConfig
				}
				return op.RoundTrip(r)
			})
		})
		token := op.logoutToken(eventHeader, eventClaims(object{"iss": issuer}))
		if _, err := p.VerifyEventToken(t.Context(), token); err != nil || asked != path {
			t.Errorf("%s: %v, asked for %s", issuer, err, asked)
		}
	}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
