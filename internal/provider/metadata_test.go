package provider_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

func TestDiscoveryDocument(t *testing.T) {
	good := string(mustJSON(t, metadata(nil)))
	padded := good + strings.Repeat(" ", 1<<20-len(good))
	tests := []struct {
		name   string
		script http.HandlerFunc
		kind   provider.Kind // 0: accepted
		code   string
		text   string
	}{
		{name: "good", script: document(nil)},
		{name: "as large as may be", script: textAnswer(200, "application/json", padded)},
		{name: "no userinfo", script: document(object{"userinfo_endpoint": nil})},
		// case 127
		{name: "end_session_endpoint not https",
			script: document(object{"end_session_endpoint": "http://op.example/logout"})},
		{name: "revocation_endpoint not https", script: document(object{"revocation_endpoint": "http://op.example/revoke"})},
		{name: "end_session_endpoint of a wrong type", script: document(object{"end_session_endpoint": 1})},

		{"no authorization_endpoint", document(object{"authorization_endpoint": nil}), provider.Invalid, "bad_endpoint",
			"authorization_endpoint is missing"},
		{"no token_endpoint", document(object{"token_endpoint": nil}), provider.Invalid, "bad_endpoint",
			"token_endpoint is missing"},
		{"no jwks_uri", document(object{"jwks_uri": nil}), provider.Invalid, "bad_endpoint", "jwks_uri is missing"},
		{"empty", document(object{"jwks_uri": ""}), provider.Invalid, "bad_endpoint", "jwks_uri is missing"},
		{"null", document(object{"token_endpoint": json.RawMessage("null")}), provider.Invalid, "bad_endpoint",
			"token_endpoint is missing"},
		{"issuer null", document(object{"issuer": json.RawMessage("null")}), provider.Misconfigured, "issuer_mismatch",
			"calls itself \"\""},
		{"javascript", document(object{"authorization_endpoint": "javascript:alert(1)"}), provider.Invalid,
			"bad_endpoint", "not https"},
		{"http", document(object{"token_endpoint": "http://op.example/t"}), provider.Invalid, "bad_endpoint", "not https"},
		{"http on a link-local address", document(object{"jwks_uri": "http://169.254.169.254/"}), provider.Invalid,
			"bad_endpoint", "not https"},
		{"http on a name like loopback", document(object{"jwks_uri": "http://127.0.0.1.evil.example/"}), provider.Invalid,
			"bad_endpoint", "not https"},
		{"relative", document(object{"token_endpoint": "/token"}), provider.Invalid, "bad_endpoint", "not https"},
		{"http on loopback", document(object{"token_endpoint": "http://127.0.0.1:1/t"}), provider.Invalid,
			"bad_endpoint", "not https"},
		{"no host", document(object{"token_endpoint": "https:///token"}), provider.Invalid, "bad_endpoint",
			"not an absolute URL"},
		{"opaque", document(object{"token_endpoint": "https:op.example"}), provider.Invalid, "bad_endpoint",
			"not an absolute URL"},
		{"userinfo", document(object{"token_endpoint": "https://op.example@evil.example/"}), provider.Invalid,
			"bad_endpoint", "userinfo"},
		{"fragment", document(object{"authorization_endpoint": "https://op.example/a#"}), provider.Invalid,
			"bad_endpoint", "fragment"},
		{"not a URL", document(object{"token_endpoint": "https://op.example/%zz"}), provider.Invalid,
			"bad_endpoint", "not a URL"},
		{"number", document(object{"token_endpoint": 1}), provider.Invalid, "bad_endpoint", "not a string"},
		{"bad userinfo_endpoint", document(object{"userinfo_endpoint": "http://op.example/u"}), provider.Invalid,
			"bad_endpoint", "userinfo_endpoint"},
		{"bad pushed_authorization_request_endpoint",
			document(object{"pushed_authorization_request_endpoint": "http://op.example/par"}), provider.Invalid, "bad_endpoint",
			"pushed_authorization_request_endpoint"},

		{"HTML", textAnswer(200, "text/html", "<html>"), provider.Invalid, "bad_document", "malformed JSON"}, // case 115
		{"cut", textAnswer(200, "application/json", `{"issuer":"https://op.exa`), provider.Invalid,
			"bad_document", "truncated"},
		{"array", jsonAnswer(200, []any{}), provider.Invalid, "bad_document", "not an object"},
		{"duplicate", textAnswer(200, "application/json", `{"issuer":"a","issuer":"b"}`), provider.Invalid,
			"bad_document", "twice"},
		{"too large", textAnswer(200, "application/json", strings.Repeat(" ", 1<<20)+"{}"), provider.Invalid,
			"body_too_large", "larger than"},
		{"not found", textAnswer(404, "text/plain", "no"), provider.Invalid, "provider_status", "404"},
		{"server error", textAnswer(500, "text/plain", "no"), provider.Unavailable, "provider_status", "500"},
		{"redirect", redirect(302), provider.Invalid, "redirect", "302"}, // case 114
		{"several choices", redirect(300), provider.Invalid, "redirect", "300"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			op.serve(discoveryPath, test.script)
			metadata, err := op.client().Metadata(t.Context())
			if test.kind == 0 {
				if err != nil || metadata.Issuer != issuer {
					t.Fatalf("got %+v, %v", metadata, err)
				}
				return
			}
			wantError(t, err, test.kind, test.code)
			contains(t, err.Error(), test.text)
			if metadata != nil {
				t.Errorf("got %+v in addition to the error", metadata)
			}
			if op.count("/elsewhere") != 0 {
				t.Error("the redirect was followed")
			}
		})
	}
}

// What is optional in the document may be null, and an endpoint empty: it is absent.
func TestAbsentInDiscovery(t *testing.T) {
	optional := []string{
		"userinfo_endpoint", "end_session_endpoint", "revocation_endpoint", "pushed_authorization_request_endpoint",
		"require_pushed_authorization_requests", "authorization_response_iss_parameter_supported",
		"tls_client_certificate_bound_access_tokens", "token_endpoint_auth_methods_supported", "response_modes_supported",
		"code_challenge_methods_supported", "dpop_signing_alg_values_supported", "mtls_endpoint_aliases",
	}
	absent, null, empty := object{}, object{}, object{}
	for _, name := range optional {
		absent[name], null[name] = nil, json.RawMessage("null")
		if empty[name] = null[name]; strings.HasSuffix(name, "_endpoint") {
			empty[name] = ""
		}
	}
	for _, method := range []string{"client_secret_basic", "tls_client_auth"} {
		read := func(change object) *provider.Metadata {
			op := newOP(t)
			op.serve(discoveryPath, document(change))
			metadata, err := op.client(func(c *provider.Config) { c.AuthMethod = method }).Metadata(t.Context())
			if err != nil {
				t.Error(err)
			}
			return metadata
		}
		want := read(absent)
		if got := read(null); !reflect.DeepEqual(got, want) {
			t.Errorf("null: %+v, want %+v", got, want)
		}
		if got := read(empty); !reflect.DeepEqual(got, want) {
			t.Errorf("empty: %+v, want %+v", got, want)
		}
	}
}

// The endpoints of an https issuer are https. On a machine of one's own both may be http.
func TestEndpointSchemes(t *testing.T) {
	for _, test := range []struct {
		issuer, endpoint string
		ok               bool
	}{
		{"https://op.example", "http://localhost:1", false},
		{"https://localhost:1", "http://localhost:1", false},
		{"https://127.0.0.1:1", "https://127.0.0.1:2", true},
		{"http://127.0.0.1:1", "http://127.9.9.9:2", true},
		{"http://localhost:1", "http://localhost:2", true},
		{"HTTP://[::1]:1", "http://[::1]:2", true},
		{"http://localhost:1", "https://op.example", true},
		{"http://localhost:1", "http://op.example", false},
		{"http://localhost:1", "ftp://localhost:2", false},
		{"http://localhost:1", "http://127.0.0.1.evil.example", false},
	} {
		for _, name := range []string{
			"authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "pushed_authorization_request_endpoint",
		} {
			op := newOP(t)
			op.serve(discoveryPath, document(object{"issuer": test.issuer, name: test.endpoint + "/x"}))
			_, err := op.client(func(c *provider.Config) { c.Issuer = test.issuer }).Metadata(t.Context())
			if test.ok {
				if err != nil {
					t.Errorf("%s of %s at %s: %v", name, test.issuer, test.endpoint, err)
				}
				continue
			}
			wantError(t, err, provider.Invalid, "bad_endpoint")
		}
		op := newOP(t)
		op.serve(discoveryPath, document(object{
			"issuer": test.issuer, "end_session_endpoint": test.endpoint + "/x", "revocation_endpoint": test.endpoint + "/x",
		}))
		metadata, err := op.client(func(c *provider.Config) { c.Issuer = test.issuer }).Metadata(t.Context())
		if err != nil || (metadata.EndSessionEndpoint != "") != test.ok || (metadata.RevocationEndpoint != "") != test.ok {
			t.Errorf("%s at %s: %+v, %v", test.issuer, test.endpoint, metadata, err)
		}
	}
}

// TestDiscoveryIsLogged: an operator reads which provider cannot be used, and why.
func TestDiscoveryIsLogged(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"provider_status": textAnswer(503, "", ""), "bad_document": jsonAnswer(200, []any{}),
	} {
		var log logBuffer
		op := newOP(t)
		op.serve(discoveryPath, answer)
		if _, err := op.client(logTo(&log)).Metadata(t.Context()); err == nil {
			t.Error("accepted")
		}
		contains(t, log.String(), "discovery failed", "issuer="+issuer, name)
	}
}

// TestUnparsableIssuer: the address of a provider that cannot be called is an error of the configuration.
func TestUnparsableIssuer(t *testing.T) {
	const issuer = "https://op.example:port"
	p := provider.New(provider.Config{Issuer: issuer, ClientID: clientID})
	_, err := p.Metadata(t.Context())
	wantError(t, err, provider.Misconfigured, "bad_url")
	wantError(t, p.Probe(t.Context(), nil, nil).Discovery.Err, provider.Misconfigured, "bad_url")
	op := newOP(t)
	transmitter := op.transmitter(func(c *provider.TransmitterConfig) { c.Issuer = issuer })
	_, err = transmitter.VerifyEventToken(t.Context(), op.logoutToken(eventHeader, eventClaims(object{"iss": issuer})))
	wantError(t, err, provider.Misconfigured, "bad_url")
}

// case 111
func TestIssuerMismatch(t *testing.T) {
	const hint = `configure the issuer as exactly "`
	for got, hinted := range map[string]bool{
		"https://op.example/": true, "https://OP.example": false, "https://op.example/tenant": false,
		"https://op.exampl": false, "": false,
	} {
		op := newOP(t)
		op.serve(discoveryPath, document(object{"issuer": got}))
		_, err := op.client().Metadata(t.Context())
		wantError(t, err, provider.Misconfigured, "issuer_mismatch")
		if !errors.Is(err, provider.ErrIssuerMismatch) {
			t.Errorf("%v is not ErrIssuerMismatch", err)
		}
		contains(t, err.Error(), `"`+issuer+`"`, `"`+got+`"`)
		if strings.Contains(err.Error(), hint+got+`"`) != hinted {
			t.Errorf("hint for %q: %v", got, err)
		}
		if err := op.client().Ready(t.Context()); !errors.Is(err, provider.ErrIssuerMismatch) {
			t.Errorf("Ready: %v", err)
		}
	}
}

// The slash of an issuer is part of its name, but not doubled in the address of its document.
func TestIssuerWithSlash(t *testing.T) {
	op := newOP(t)
	op.serve(discoveryPath, document(object{"issuer": issuer + "/"}))
	metadata, err := op.client(func(c *provider.Config) { c.Issuer = issuer + "/" }).Metadata(t.Context())
	if err != nil || metadata.Issuer != issuer+"/" {
		t.Errorf("%+v, %v", metadata, err)
	}
}

// case 117
func TestColdStartSharesFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		op.serve(discoveryPath, slow(time.Second, document(nil)))
		p := op.client()
		if n := op.count(discoveryPath); n != 0 {
			t.Errorf("New called the provider %d times", n)
		}
		token := op.token(claims(nil))
		var callers sync.WaitGroup
		for range 500 {
			callers.Go(func() {
				if _, err := p.VerifyIDToken(t.Context(), token, expect()); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if d, k := op.count(discoveryPath), op.count(keysPath); d != 1 || k != 1 {
			t.Errorf("%d discovery and %d key requests, want 1 and 1", d, k)
		}
	})
}

// One caller who gives up neither waits nor takes the shared fetch with it.
func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		op.serve(discoveryPath, slow(3*time.Second, document(nil)))
		p := op.client()
		start := time.Now()
		var patient sync.WaitGroup
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		patient.Go(func() {
			synctest.Wait() // until the impatient caller has started the fetch
			if _, err := p.Metadata(t.Context()); err != nil {
				t.Error(err)
			}
		})
		_, err := p.Metadata(ctx)
		wantError(t, err, provider.Unavailable, "gave_up")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		patient.Wait()
		if time.Since(start) != 3*time.Second || op.count(discoveryPath) != 1 {
			t.Errorf("ready after %v and %d fetches", time.Since(start), op.count(discoveryPath))
		}
	})
}

// cases 116, 242
func TestDiscoveryBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		op.serve(discoveryPath, textAnswer(503, "text/plain", "down"))
		p := op.client()
		var gaps []time.Duration
		last, seen := time.Now(), 0
		for range 20_000 {
			start := time.Now()
			_, err := p.Metadata(t.Context())
			wantError(t, err, provider.Unavailable, "provider_status")
			if time.Since(start) != 0 {
				t.Fatalf("the remembered error took %v", time.Since(start))
			}
			if n := op.count(discoveryPath); n != seen {
				gaps, last, seen = append(gaps, start.Sub(last)), start, n
			}
			time.Sleep(time.Millisecond)
		}
		spread := map[time.Duration]bool{}
		for i, want := range []time.Duration{0, 250, 500, 1000} {
			if gap := gaps[i] / time.Millisecond; gap > want+1 || gap < want*3/4 {
				t.Errorf("pause %d is %v, want about %d ms", i, gaps[i], want)
			}
		}
		for _, gap := range gaps[4:] {
			spread[gap] = true
			if gap > 2001*time.Millisecond || gap < 1500*time.Millisecond {
				t.Errorf("pause of %v", gap)
			}
		}
		if len(spread) < 5 {
			t.Errorf("no jitter in %v", gaps)
		}

		op.serve(discoveryPath, document(nil))
		back := time.Now()
		for ; ; time.Sleep(time.Millisecond) {
			if _, err := p.Metadata(t.Context()); err == nil {
				break
			}
			if time.Since(back) > 2*time.Second {
				t.Fatal("no recovery within two seconds of the provider's return")
			}
		}
		op.serve(discoveryPath, textAnswer(503, "text/plain", "down")) // and a healed one starts over
		time.Sleep(time.Hour)
		_, _ = p.Metadata(t.Context())
		synctest.Wait()
		before := op.count(discoveryPath)
		time.Sleep(251 * time.Millisecond)
		_, _ = p.Metadata(t.Context())
		synctest.Wait()
		if op.count(discoveryPath) != before+1 {
			t.Error("the back-off did not start over after a success")
		}
	})
}

// Stale-if-error, and a refresh that no caller waits for (cases 115, 240).
func TestMetadataRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		p := op.client()
		get := func() string {
			start := time.Now()
			metadata, err := p.Metadata(t.Context())
			if err != nil || time.Since(start) != 0 {
				t.Fatalf("%v after %v", err, time.Since(start))
			}
			synctest.Wait()
			return metadata.TokenEndpoint
		}
		get()
		time.Sleep(time.Hour - time.Second)
		if get(); op.count(discoveryPath) != 1 {
			t.Error("refreshed too early")
		}
		for _, broken := range []http.HandlerFunc{textAnswer(500, "", ""), textAnswer(200, "", "<html>"),
			document(object{"issuer": "https://evil.example"})} {
			op.serve(discoveryPath, broken)
			time.Sleep(3 * time.Second)
			before := op.count(discoveryPath)
			if got := get(); got != issuer+tokenPath || op.count(discoveryPath) != before+1 {
				t.Errorf("token endpoint %q, %d fetches", got, op.count(discoveryPath)-before)
			}
		}
		op.serve(discoveryPath, slow(4*time.Second, document(object{"token_endpoint": issuer + "/new"})))
		time.Sleep(3 * time.Second)
		get()
		time.Sleep(5 * time.Second)
		if got := get(); got != issuer+"/new" {
			t.Errorf("still %q after the refresh", got)
		}
	})
}

func document(change object) http.HandlerFunc { return jsonAnswer(200, metadata(change)) }

func redirect(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, issuer+"/elsewhere", status)
	}
}
