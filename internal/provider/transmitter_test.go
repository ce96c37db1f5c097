package provider_test

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

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

// TestTransmitterDefaults: without settings, tokens are signed with RS256, and calls go over TLS to a server that the
// configured authorities vouch for.
func TestTransmitterDefaults(t *testing.T) {
	key := newRSAKey(t, 2048)
	var address string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == signalsConfig {
			jsonAnswer(200, object{"issuer": address, "jwks_uri": address + keysPath})(w, r)
			return
		}
		jsonAnswer(200, object{"keys": []any{jwk(&key.PublicKey, "k1")}})(w, r)
	}))
	defer server.Close()
	address = server.URL
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	transmitter := provider.NewTransmitter(provider.TransmitterConfig{
		Issuer: address, Audience: []string{receiver}, MaxAge: time.Hour, ClockTolerance: time.Minute, RootCAs: roots,
		Timeout: time.Minute,
	})
	token := sign(t, key, `{"alg":"RS256","kid":"k1","typ":"secevent+jwt"}`,
		string(mustJSON(t, eventClaims(object{"iss": address}))))
	if _, err := transmitter.VerifyEventToken(t.Context(), token); err != nil {
		t.Error(err)
	}
}

// TestTransmitterEvents: an operator is told what cannot be read, in the log or as configured.
func TestTransmitterEvents(t *testing.T) {
	for _, test := range []struct {
		path   string
		answer http.HandlerFunc
		want   string
		code   string
	}{
		{signalsConfig, textAnswer(503, "", ""), "the configuration of the signal transmitter cannot be read",
			"provider_status"},
		{keysPath, textAnswer(503, "", ""), "fetching the keys of the signal transmitter failed", "provider_status"},
		{keysPath, jsonAnswer(200, object{}), "fetching the keys of the signal transmitter failed", "bad_document"},
	} {
		for _, configured := range []bool{false, true} {
			var log logBuffer
			var told []string
			op := newOP(t)
			op.serve(test.path, test.answer)
			p := op.transmitter(func(c *provider.TransmitterConfig) {
				c.Logger = slog.New(slog.NewTextHandler(&log, nil))
				if configured {
					c.Report = func(_ context.Context, e provider.Event) { told = append(told, e.Text) }
				}
			})
			_, err := p.VerifyEventToken(t.Context(), op.logoutToken(eventHeader, eventClaims(nil)))
			if failed := (*provider.Error)(nil); !errors.As(err, &failed) || failed.Code != test.code {
				t.Errorf("%v, want %s", err, test.code)
			}
			if strings.Contains(log.String(), test.want) == configured || slices.Contains(told, test.want) != configured {
				t.Errorf("told %q, logged %s", told, log.String())
			}
		}
	}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
