package provider_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const logoutPath = "/logout"

// TestProbeFailures: each failure is found in the step where it is, and what depends on that step is not asked.
func TestProbeFailures(t *testing.T) {
	discovery := func(p *provider.Probe) *provider.Error { return p.Discovery.Err }
	keys := func(p *provider.Probe) *provider.Error { return p.Keys.Err }
	pushed := func(p *provider.Probe) *provider.Error { return p.Pushed.Err }
	authorization := func(p *provider.Probe) *provider.Error { return p.Authorization.Err }
	signOut := func(p *provider.Probe) *provider.Error { return p.SignOut.Err }
	serve := func(path string, script http.HandlerFunc) func(*scriptedOP, *provider.Config) {
		return func(op *scriptedOP, _ *provider.Config) { op.serve(path, script) }
	}
	pushing := func(script http.HandlerFunc) func(*scriptedOP, *provider.Config) {
		return func(op *scriptedOP, c *provider.Config) { always(c); op.serve(pushPath, script) }
	}
	for name, test := range map[string]struct {
		change func(*scriptedOP, *provider.Config)
		params url.Values
		at     func(*provider.Probe) *provider.Error
		code   string
		asked  []string // in addition to the metadata
	}{
		"a document with an error": {serve(discoveryPath, jsonAnswer(404, metadata(nil))), nil, discovery,
			"provider_status", nil},
		"no document": {serve(discoveryPath, jsonAnswer(200, []any{})), nil, discovery, "bad_document", nil},
		"another configuration": {func(op *scriptedOP, c *provider.Config) {
			dpop(c)
			op.serve(discoveryPath, document(object{"dpop_signing_alg_values_supported": []string{"PS256"}}))
		}, nil, discovery, "dpop_unsupported", nil},
		"keys away": {serve(keysPath, textAnswer(503, "", "")), nil, keys, "provider_status",
			[]string{keysPath, tokenPath, "/authorize", logoutPath}},
		"no key set": {serve(keysPath, jsonAnswer(200, object{})), nil, keys, "bad_document",
			[]string{keysPath, tokenPath, "/authorize", logoutPath}},
		"a parameter of ours": {serve(keysPath, jsonAnswer(200, object{})), url.Values{"nonce": {"n"}}, authorization,
			"parameter_conflict", []string{keysPath, tokenPath, logoutPath}},
		"a claim that cannot be signed": {func(_ *scriptedOP, c *provider.Config) {
			signing(parsed(t, newKey(t), "", ""))(c)
		}, url.Values{"claims": {`{"id_token":1,"id_token":2}`}}, authorization, "parameter_conflict",
			[]string{keysPath, tokenPath, logoutPath}},
		"pushed requests away": {pushing(textAnswer(503, "", "")), nil, pushed, "provider_status",
			[]string{keysPath, tokenPath, pushPath, logoutPath}},
		"no connection for a pushed request": {func(op *scriptedOP, c *provider.Config) {
			always(c)
			c.Transport = route{pushPath, roundTripFunc(func(*http.Request) (*http.Response, error) {
				return nil, io.EOF
			}), op}
		}, nil, pushed, "unreachable", []string{keysPath, tokenPath, pushPath, logoutPath}},
		"a pushed request without an address": {pushing(jsonAnswer(201, object{"expires_in": 60})), nil, authorization,
			"bad_request_uri", []string{keysPath, tokenPath, pushPath, logoutPath}},
		"a sign-out address that cannot be used": {serve(discoveryPath,
			document(object{"end_session_endpoint": issuer + "/logout?a=%zz"})), nil, signOut, "bad_endpoint",
			[]string{keysPath, tokenPath, "/authorize"}},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			asked := map[string]bool{}
			found := op.client(func(c *provider.Config) {
				test.change(op, c)
				c.Observe = func(_ context.Context, call provider.Call) { asked[strings.TrimPrefix(call.URL, issuer)] = true }
			}).Probe(t.Context(), test.params, nil)
			if err := test.at(found); err == nil || err.Code != test.code {
				t.Errorf("%v, want %s", err, test.code)
			}
			if (found.Metadata == nil) != (test.asked == nil) {
				t.Errorf("metadata %+v", found.Metadata)
			}
			if found.Pushed != nil && found.Pushed.Err != nil && !reflect.DeepEqual(found.Authorization,
				provider.BrowserOutcome{}) {
				t.Errorf("after a push that failed: %+v", found.Authorization)
			}
			for _, path := range []string{keysPath, tokenPath, pushPath, "/authorize", logoutPath} {
				if asked[path] != slices.Contains(test.asked, path) {
					t.Errorf("%s was asked: %t", path, asked[path])
				}
			}
		})
	}
}

// TestProbePushRefused: the answer to a refused push is kept, and no browser is sent anywhere.
func TestProbePushRefused(t *testing.T) {
	op := newOP(t)
	op.serve(pushPath, jsonAnswer(400, object{"error": "invalid_request"}))
	found := op.client(always).Probe(t.Context(), nil, nil)
	if found.Pushed == nil || found.Pushed.Code != "invalid_request" ||
		!reflect.DeepEqual(found.Authorization, provider.BrowserOutcome{}) || op.count("/authorize") != 0 {
		t.Errorf("%+v, %+v", found.Pushed, found.Authorization)
	}
}

// TestProbeWithoutSignOut: a provider without an endpoint for it is not asked.
func TestProbeWithoutSignOut(t *testing.T) {
	op := newOP(t)
	op.serve(discoveryPath, document(object{"end_session_endpoint": nil}))
	found := op.client().Probe(t.Context(), nil, nil)
	if !reflect.DeepEqual(found.SignOut, provider.BrowserOutcome{}) || found.Metadata == nil {
		t.Errorf("%+v", found.SignOut)
	}
}

// TestProbeParameters: the request is that of a sign-in, but for the prompt.
func TestProbeParameters(t *testing.T) {
	for _, params := range []url.Values{nil, {"prompt": {"login"}, "ui_locales": {"de"}}} {
		op, asked := newOP(t), url.Values(nil)
		op.serve("/authorize", func(_ http.ResponseWriter, r *http.Request) { asked = r.URL.Query() })
		op.client().Probe(t.Context(), params, nil)
		if asked.Get("prompt") != "none" || asked.Get("ui_locales") != params.Get("ui_locales") {
			t.Errorf("%v became %v", params, asked)
		}
		if params != nil && params.Get("prompt") != "login" {
			t.Error("the parameters of the caller have changed")
		}
	}
}

// TestProbeOfKeys: the types of the keys, each once and in one order, and the algorithms that fit one.
func TestProbeOfKeys(t *testing.T) {
	edKey, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey := jwk(&newRSAKey(t, 2048).PublicKey, "r")
	op := newOP(t)
	op.serve(keysPath, jsonAnswer(200, object{"keys": []any{
		rsaKey, jwk(&newKey(t).PublicKey, "e"), rsaKey, merge(jwk(edKey, "o"), object{"alg": "EdDSA"}), jwk(edKey, "p"),
	}}))
	found := op.client(func(c *provider.Config) { c.SigningAlgs = []string{"ES256", "RS256", "EdDSA"} }).
		Probe(t.Context(), nil, nil)
	if !slices.Equal(found.KeyTypes, []string{"Ed25519", "EdDSA", "P-256", "RSA"}) ||
		!slices.Equal(found.Fitting, []string{"ES256", "RS256", "EdDSA"}) {
		t.Errorf("types %q, fitting %q", found.KeyTypes, found.Fitting)
	}
	op.serve(keysPath, jsonAnswer(200, object{"keys": []any{rsaKey}}))
	found = op.client(func(c *provider.Config) { c.SigningAlgs = []string{"ES256", "RS256"} }).
		Probe(t.Context(), nil, nil)
	if !slices.Equal(found.Fitting, []string{"RS256"}) {
		t.Errorf("fitting %q", found.Fitting)
	}
}

// TestProbeErrorCodes: what an endpoint says is kept if it is an error code (RFC 6749 section 5.2) of a usual length.
func TestProbeErrorCodes(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, test := range []struct {
		answer object
		code   string
	}{
		{object{"error": long, "error_description": "x"}, long}, {object{"error": long + "a", "error_description": "x"}, ""},
		{object{"error": "\x1b[31m", "error_description": "x"}, ""}, {object{"error_description": "x"}, ""},
		{object{"error": "invalid_grant", "ERROR": "x", "error_description": "x"}, ""},
	} {
		op := newOP(t)
		op.serve(tokenPath, jsonAnswer(400, test.answer))
		got := op.client().Probe(t.Context(), nil, nil).Token
		if got.Status != 400 || got.Code != test.code || (got.Description == "x") != (test.code != "") {
			t.Errorf("%v: %+v", test.answer, got)
		}
	}
}

// TestProbeOfForgedResponse: a response that another key signed is not read.
func TestProbeOfForgedResponse(t *testing.T) {
	op := newOP(t)
	op.serve("/authorize", func(w http.ResponseWriter, r *http.Request) {
		claims := responseClaims(object{"code": nil, "error": "login_required", "state": r.FormValue("state")})
		forged := sign(t, newKey(t), responseHeader, string(mustJSON(t, claims)))
		http.Redirect(w, r, r.FormValue("redirect_uri")+"?response="+forged, http.StatusFound)
	})
	p := op.client(func(c *provider.Config) { c.ResponseMode = "query.jwt" })
	found := p.Probe(t.Context(), nil, nil).Authorization
	if found.Outcome != provider.CameBack || found.Err == nil || found.Err.Code != "bad_signature" || found.Code != "" {
		t.Errorf("%+v", found)
	}
}

// TestProbeOfThisProcess: a failure of this process, which has no code, is an error too.
func TestProbeOfThisProcess(t *testing.T) {
	op, asked := newOP(t), 0
	op.serve("/authorize", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.FormValue("redirect_uri")+"?state="+r.FormValue("state"), http.StatusFound)
	})
	transport := roundTripFunc(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == discoveryPath {
			if asked++; asked > 1 {
				panic("of the app")
			}
		}
		return op.RoundTrip(r)
	})
	found := op.client(func(c *provider.Config) { c.Transport = transport }).Probe(t.Context(), nil, nil).Authorization
	if found.Outcome != provider.CameBack || found.Err == nil || found.Err.Kind != provider.Misconfigured {
		t.Errorf("%+v", found)
	}
}

// TestProbeOfBareAnswer: an answer without a date, and without a certificate although it came over TLS, as a Transport
// of the app may return it.
func TestProbeOfBareAnswer(t *testing.T) {
	transport := roundTripFunc(func(r *http.Request) (*http.Response, error) {
		if !strings.HasSuffix(r.URL.Path, discoveryPath) {
			return nil, errors.New("away")
		}
		return &http.Response{StatusCode: 200, TLS: &tls.ConnectionState{Version: tls.VersionTLS13},
			Body: io.NopCloser(strings.NewReader(string(mustJSON(t, metadata(nil)))))}, nil
	})
	found := newOP(t).client(func(c *provider.Config) { c.Transport = transport }).Probe(t.Context(), nil, nil)
	if found.Metadata == nil || found.Dated || found.Skew != 0 || found.TLS != "TLS 1.3" || !found.ValidUntil.IsZero() {
		t.Errorf("%+v", found)
	}
}
