package provider_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// The requests are those of RFC 7009 section 2.1, of this client, the refresh token first.
func TestRevocationRequests(t *testing.T) {
	for name, test := range map[string]struct {
		tokens *provider.Tokens
		want   string
	}{
		"both": {oldTokens(),
			"[token=rt%2F1+%2B&token_type_hint=refresh_token token=at1&token_type_hint=access_token]"},
		"access token":  {bearer(), "[token=at&token_type_hint=access_token]"},
		"refresh token": {&provider.Tokens{RefreshToken: "rt"}, "[token=rt&token_type_hint=refresh_token]"},
		"none":          {&provider.Tokens{}, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			var forms []string
			op.serve(revokePath, func(w http.ResponseWriter, r *http.Request) {
				user, password, _ := r.BasicAuth()
				if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || user != clientID || password != "s3cret" {
					t.Errorf("%s of %q %q: %v", r.Method, user, password, err)
				}
				forms = append(forms, r.PostForm.Encode())
				w.WriteHeader(200) // with no body at all
			})
			if err := op.client().Revoke(t.Context(), test.tokens); err != nil || fmt.Sprint(forms) != test.want {
				t.Errorf("%v, %v; want %s", forms, err, test.want)
			}
		})
	}
}

func TestRevocationAnswers(t *testing.T) {
	failure := func(status int, code string) http.HandlerFunc { return jsonAnswer(status, object{"error": code}) }
	for name, test := range map[string]struct {
		script http.HandlerFunc
		kind   provider.Kind // 0: done
		code   string
	}{
		// RFC 7009 section 2.2: the body does not matter
		"200":                   {textAnswer(200, "text/html", "<p>gone</p>"), 0, ""},
		"unsupported":           {failure(400, "unsupported_token_type"), 0, ""},
		"unsupported, with 403": {failure(403, "unsupported_token_type"), provider.Invalid, "provider_status"},
		"unsupported, not in JSON": {textAnswer(400, "text/plain", "unsupported_token_type"), provider.Invalid,
			"provider_status"},
		"202": {textAnswer(202, "", ""), provider.Invalid, "provider_status"},
		"unsupported, by twins": {textAnswer(400, "application/json",
			`{"error":"unsupported_token_type","ERROR":"invalid_request"}`), provider.Invalid, "provider_status"},
		"invalid_client": {failure(401, "invalid_client"), provider.Invalid, "invalid_client"},
		"redirect":       {redirect(307), provider.Invalid, "redirect"},
		"503":            {textAnswer(503, "", ""), provider.Unavailable, "provider_status"}, // case 171
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			op.serve(revokePath, test.script)
			err := op.client().Revoke(t.Context(), oldTokens())
			if n := op.count(revokePath) + op.count("/elsewhere"); n != 2 {
				t.Errorf("%d requests for two tokens", n)
			}
			if test.kind != 0 {
				wantError(t, err, test.kind, test.code)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	op := newOP(t) // one refusal is enough for an error, whichever token it is about
	for _, refused := range []string{"refresh_token", "access_token"} {
		op.serve(revokePath, func(w http.ResponseWriter, r *http.Request) {
			if _ = r.ParseForm(); r.PostForm.Get("token_type_hint") == refused {
				w.WriteHeader(503)
			}
		})
		wantError(t, op.client().Revoke(t.Context(), oldTokens()), provider.Unavailable, "provider_status")
	}
}

// case 171: whatever the provider does, two seconds at most, and then the second token is not sent.
func TestRevocationIsQuick(t *testing.T) {
	hang := slow(time.Hour, jsonAnswer(200, object{}))
	for name, test := range map[string]struct {
		path   string
		script http.HandlerFunc
		took   time.Duration
		code   string
		calls  int
	}{
		"slow":            {revokePath, slow(900*time.Millisecond, textAnswer(200, "", "")), 1800 * time.Millisecond, "", 2},
		"too slow":        {revokePath, slow(1500*time.Millisecond, textAnswer(200, "", "")), 2 * time.Second, "timeout", 2},
		"never":           {revokePath, hang, 2 * time.Second, "timeout", 1},
		"never discovery": {discoveryPath, hang, 2 * time.Second, "gave_up", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				op := newOP(t)
				op.serve(revokePath, textAnswer(200, "", ""))
				op.serve(test.path, test.script)
				start, attempts := time.Now(), 0
				p := op.client(func(c *provider.Config) {
					c.Observe = func(_ context.Context, call provider.Call) {
						if call.Op == "revocation" {
							attempts++
						}
					}
				})
				err := p.Revoke(t.Context(), oldTokens())
				if took := time.Since(start); took != test.took || op.count(revokePath) != test.calls || attempts != test.calls {
					t.Errorf("%d calls of %d attempts, after %v", op.count(revokePath), attempts, took)
				}
				if test.code != "" {
					wantError(t, err, provider.Unavailable, test.code)
				} else if err != nil {
					t.Error(err)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

// Without a usable endpoint there is no call and no error; with mutual TLS it is the alias (RFC 8705 section 5).
func TestRevocationEndpoint(t *testing.T) {
	aliases := object{"revocation_endpoint": "https://mtls.op.example" + revokePath}
	for name, test := range map[string]struct {
		change object
		method string
		host   string // called
	}{
		"none":             {object{"revocation_endpoint": nil}, "client_secret_basic", ""},
		"not https":        {object{"revocation_endpoint": "http://op.example" + revokePath}, "client_secret_basic", ""},
		"no string":        {object{"revocation_endpoint": 1}, "client_secret_basic", ""},
		"alias, by TLS":    {object{"mtls_endpoint_aliases": aliases}, "tls_client_auth", "mtls.op.example"},
		"alias, by secret": {object{"mtls_endpoint_aliases": aliases}, "client_secret_basic", "op.example"},
	} {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			op.serve(discoveryPath, document(test.change))
			calls := map[string]int{}
			op.serve(revokePath, func(_ http.ResponseWriter, r *http.Request) { calls[r.Host]++ })
			p := op.client(func(c *provider.Config) { c.AuthMethod = test.method })
			err := p.Revoke(t.Context(), bearer())
			want := map[string]int{}
			if test.host != "" {
				want[test.host] = 1
			}
			if err != nil || !maps.Equal(calls, want) {
				t.Errorf("%v, %v; want %v", calls, err, want)
			}
		})
	}
}

// case 126: no token is in the log or in an error when the provider echoes the request.
func TestRevokedTokensAreNotLogged(t *testing.T) {
	var log logBuffer
	op := newOP(t)
	op.serve(revokePath, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		jsonAnswer(400, object{"error": "invalid_request", "of": r.PostForm.Get("token"), "form": r.PostForm.Encode()})(w, r)
	})
	tokens := &provider.Tokens{AccessToken: "secret/at", RefreshToken: "secret/rt", TokenType: "Bearer"}
	err := op.client(logTo(&log)).Revoke(t.Context(), tokens)
	wantError(t, err, provider.Invalid, "invalid_request")
	if text := log.String() + err.Error(); strings.Contains(text, "secret/") || strings.Contains(text, "secret%2F") ||
		errors.Is(err, provider.ErrRefused) {
		t.Error(text)
	}
	if n := strings.Count(log.String(), "op=revocation"); n != 2 {
		t.Errorf("%d lines: %s", n, log.String())
	}
}
