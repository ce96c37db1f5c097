package provider_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const goodAnswer = `{"access_token":"at","token_type":"Bearer","id_token":"x.y.z"`

// case 67: the authentication is the configured one, and there is one POST.
func TestTokenRequest(t *testing.T) {
	tests := []struct {
		method, user, password string
		form                   url.Values
	}{
		{"client_secret_basic", "app%3A+id", "p%2B%25+w%C3%B6rd%3A", nil}, // form-encoded, RFC 6749 section 2.3.1
		{"client_secret_post", "", "", url.Values{"client_id": {"app: id"}, "client_secret": {"p+% wörd:"}}},
		{"none", "", "", url.Values{"client_id": {"app: id"}}},
		{"tls_client_auth", "", "", url.Values{"client_id": {"app: id"}}}, // a Transport of one's own brings the certificate
		{"self_signed_tls_client_auth", "", "", url.Values{"client_id": {"app: id"}}},
	}
	for _, test := range tests {
		t.Run(test.method, func(t *testing.T) {
			op := newOP(t)
			op.serve(tokenPath, func(w http.ResponseWriter, r *http.Request) {
				if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || r.URL.RawQuery != "" {
					t.Errorf("%s %s: %v", r.Method, r.URL, err)
				}
				want := url.Values{"grant_type": {"authorization_code"}, "code": {"c&d e"}, "code_verifier": {"v"},
					"redirect_uri": {"https://app.example/auth/callback"}}
				for name, values := range test.form {
					want[name] = values
				}
				if r.PostForm.Encode() != want.Encode() {
					t.Errorf("got %v, want %v", r.PostForm, want)
				}
				user, password, _ := r.BasicAuth()
				if user != test.user || password != test.password {
					t.Errorf("basic %q %q", user, password)
				}
				jsonAnswer(401, object{"error": "invalid_client"})(w, r)
			})
			p := op.client(func(c *provider.Config) {
				c.AuthMethod, c.ClientID, c.ClientSecret = test.method, "app: id", "p+% wörd:"
			})
			_, err := p.Exchange(t.Context(), "c&d e", "v")
			wantError(t, err, provider.Invalid, "invalid_client")
			if n := op.count(tokenPath); n != 1 {
				t.Errorf("%d POSTs for one code", n)
			}
		})
	}
	op := newOP(t)
	_, err := op.client(func(c *provider.Config) { c.AuthMethod = "jwt" }).Exchange(t.Context(), "c", "v")
	wantError(t, err, provider.Misconfigured, "auth_method")
	if op.count(tokenPath) != 0 {
		t.Error("the code was sent without the authentication configured")
	}
}

func TestTokenAnswer(t *testing.T) {
	body := func(text string) http.HandlerFunc { return textAnswer(200, "application/json; charset=utf-8", text) }
	member := func(text string) http.HandlerFunc { return body(goodAnswer + "," + text + "}") }
	failure := func(status int, code string) http.HandlerFunc { return jsonAnswer(status, object{"error": code}) }
	tests := []struct {
		name   string
		script http.HandlerFunc
		kind   provider.Kind
		code   string
	}{
		{name: "good", script: body(goodAnswer + "}")},
		{name: "bearer", script: body(`{"access_token":"at","token_type":"bEARER","id_token":"x.y.z"}`)},
		{name: "refresh token, scope, unknown members",
			script: member(`"refresh_token":"rt","scope":"openid","x":{"a":null}`)},
		{name: "refresh token, scope as a list", script: member(`"refresh_token":"rt","scope":["openid"]`)},
		{name: "null",
			script: member(`"refresh_token":null,"expires_in":null,"error":null,"error_description":null,"scope":null`)},
		{name: "empty", script: member(`"refresh_token":"","error":"","scope":[]`)},

		{"HTML", textAnswer(200, "text/html", goodAnswer+"}"), provider.Invalid, "bad_content_type"}, // case 54
		{"form", textAnswer(200, "application/x-www-form-urlencoded", "access_token=at&token_type=bearer"), provider.Invalid,
			"bad_content_type"},
		{"no content type", textAnswer(200, "", goodAnswer+"}"), provider.Invalid, "bad_content_type"},
		{"empty", body(""), provider.Invalid, "bad_answer"},
		{"array", body("[]"), provider.Invalid, "bad_answer"},
		{"null", body("null"), provider.Invalid, "bad_answer"},
		{"cut", body(goodAnswer), provider.Invalid, "bad_answer"},
		{"two documents", body(goodAnswer + "}{}"), provider.Invalid, "bad_answer"},
		{"too large", member(`"x":"` + strings.Repeat("x", 1<<20) + `"`), provider.Invalid, "body_too_large"}, // case 61

		{"no id_token", body(`{"access_token":"at","token_type":"Bearer"}`), provider.Invalid, "no_id_token"}, // case 55
		{"id_token empty", body(`{"access_token":"at","token_type":"Bearer","id_token":""}`),
			provider.Invalid, "no_id_token"},
		// case 56
		{"id_token a number", body(`{"access_token":"at","token_type":"Bearer","id_token":1}`),
			provider.Invalid, "bad_answer"},
		// case 56
		{"id_token an array", body(`{"access_token":"at","token_type":"Bearer","id_token":["x"]}`),
			provider.Invalid, "bad_answer"},
		// case 56
		{"id_token an object", body(`{"access_token":"at","token_type":"Bearer","id_token":{}}`),
			provider.Invalid, "bad_answer"},
		// case 56
		{"id_token null", body(`{"access_token":"at","token_type":"Bearer","id_token":null}`),
			provider.Invalid, "no_id_token"},
		{"ID_TOKEN", body(`{"access_token":"at","token_type":"Bearer","ID_TOKEN":"x.y.z"}`), provider.Invalid, "no_id_token"},
		{"error with 200", member(`"error":"invalid_grant"`), provider.Invalid, "error_with_200"}, // case 57
		{"odd error with 200", member(`"error":{}`), provider.Invalid, "error_with_200"},
		{"twin", member(`"ACCESS_TOKEN":"evil"`), provider.Invalid, "bad_answer"},      // case 59
		{"duplicate", member(`"access_token":"evil"`), provider.Invalid, "bad_answer"}, // case 59
		{"no access_token", body(`{"token_type":"Bearer","id_token":"x"}`), provider.Invalid, "no_access_token"},
		{"access_token a number", body(`{"access_token":1,"token_type":"Bearer","id_token":"x"}`),
			provider.Invalid, "bad_answer"},
		{"access_token with a line break", body(`{"access_token":"a\r\nX: y","token_type":"Bearer","id_token":"x"}`),
			provider.Invalid, "no_access_token"},
		{"no token_type", body(`{"access_token":"at","id_token":"x"}`), provider.Invalid, "bad_token_type"},
		{"MAC", body(`{"access_token":"at","token_type":"mac","id_token":"x"}`), provider.Invalid, "bad_token_type"},
		{"refresh_token a number", member(`"refresh_token":1`), provider.Invalid, "bad_answer"},
		{"scope a list of numbers", member(`"scope":["openid",1]`), provider.Invalid, "bad_answer"},
		{"scope a list with null", member(`"scope":[null]`), provider.Invalid, "bad_answer"},
		{"scope an object", member(`"scope":{"openid":true}`), provider.Invalid, "bad_answer"},
		{"access_token null", body(`{"access_token":null,"token_type":"Bearer","id_token":"x"}`), provider.Invalid,
			"no_access_token"},
		{"token_type null", body(`{"access_token":"at","token_type":null,"id_token":"x"}`),
			provider.Invalid, "bad_token_type"},

		{"invalid_grant", failure(400, "invalid_grant"), provider.Refused, "invalid_grant"},    // case 64
		{"invalid_client", failure(401, "invalid_client"), provider.Invalid, "invalid_client"}, // case 65
		{"unauthorized_client", failure(400, "unauthorized_client"), provider.Invalid, "unauthorized_client"},
		{"unknown error", failure(400, "\n\x1b[31m forged"), provider.Invalid, "provider_status"},
		{"error without a body", textAnswer(400, "", ""), provider.Invalid, "provider_status"},
		{"201", textAnswer(201, "application/json", goodAnswer+"}"), provider.Invalid, "provider_status"},
		{"429", textAnswer(429, "", ""), provider.Unavailable, "provider_status"}, // case 66
		{"503", failure(503, "invalid_grant"), provider.Unavailable, "provider_status"},
		{"302", redirect(302), provider.Invalid, "redirect"},
		{"307", redirect(307), provider.Invalid, "redirect"}, // case 52
		{"308", redirect(308), provider.Invalid, "redirect"}, // case 52
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			op.serve(tokenPath, test.script)
			tokens, err := op.client().Exchange(t.Context(), "code", "verifier")
			if n := op.count(tokenPath) + op.count("/elsewhere"); n != 1 {
				t.Errorf("%d requests for one code", n)
			}
			if test.kind != 0 {
				wantError(t, err, test.kind, test.code)
				if tokens != nil {
					t.Error("tokens in addition to the error")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tokens.AccessToken != "at" || tokens.IDToken != "x.y.z" || tokens.TokenType != "Bearer" ||
				!tokens.Expiry.IsZero() {
				t.Errorf("%+v", tokens)
			}
			if more := strings.Contains(test.name, "scope"); more != (tokens.RefreshToken == "rt") ||
				more != (tokens.Scope == "openid") {
				t.Errorf("%+v", tokens) // case 74: no scope is not the scope asked for
			}
		})
	}
}

// case 60
func TestExpiresIn(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for text, want := range map[string]time.Duration{
		`3600`: time.Hour, `"3600"`: time.Hour, `3600.0`: time.Hour, `1`: time.Second, `1e300`: year, `1e999`: year,
		`9999999999999`: year,
		`-1`:            0, `0`: 0, `null`: 0, `-1e999`: 0, // unknown
		`"soon"`: -1, `""`: -1, `true`: -1, `{}`: -1, `[]`: -1, `"NaN"`: -1, // refused
	} {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				op := newOP(t)
				op.serve(tokenPath, textAnswer(200, "application/json", goodAnswer+`,"expires_in":`+text+`}`))
				tokens, err := op.client().Exchange(t.Context(), "code", "verifier")
				switch {
				case want < 0:
					wantError(t, err, provider.Invalid, "bad_expires_in")
				case err != nil:
					t.Error(err)
				case want == 0 && !tokens.Expiry.IsZero(), want > 0 && time.Until(tokens.Expiry) != want:
					t.Errorf("expires in %v, want %v", time.Until(tokens.Expiry), want)
				}
			})
		})
	}
}

// case 65, 126: the body of an error is only in the log, quoted, truncated and without what we sent.
func TestErrorBodies(t *testing.T) {
	var log logBuffer
	op := newOP(t)
	op.serve(tokenPath, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.WriteHeader(401)
		_, _ = fmt.Fprintf(w, "{\"error\":\"invalid_client\"}%s %s %s p%%26w\nlevel=ERROR forged%s", r.PostForm.Get("code"),
			r.PostForm.Get("code_verifier"), r.Header.Get("Authorization"), strings.Repeat("z", 1000))
	})
	p := op.client(logTo(&log), func(c *provider.Config) { c.ClientSecret = "p&w" })
	_, err := p.Exchange(t.Context(), "the-code", "the-verifier")
	for _, text := range []string{log.String(), err.Error()} {
		for _, secret := range []string{"the-code", "the-verifier", "p&w", "p%26w", "YXBwO", "\nlevel=ERROR forged",
			strings.Repeat("z", 257)} {
			if strings.Contains(text, secret) {
				t.Errorf("%q in %s", secret, text)
			}
		}
	}
	contains(t, log.String(), "[redacted]", "forged", "zzz")
	if strings.Contains(err.Error(), "forged") {
		t.Errorf("the body is in the error: %v", err)
	}

	// The slog handler quotes it, and nothing else before, or it would be unreadable.
	var lines logBuffer
	logged := op.client(func(c *provider.Config) { c.Logger = slog.New(slog.NewJSONHandler(&lines, nil)) })
	op.serve(tokenPath,
		textAnswer(400, "application/json", "{\"error\":\r\n\t\"invalid_scope\",\"of\":\"\\u00e9\u00e9\x00\x1b\xff\"}"))
	_, err = logged.Exchange(t.Context(), "the-code", "the-verifier")
	wantError(t, err, provider.Invalid, "provider_status") // because it is not UTF-8
	var line struct{ Body string }
	if err := json.Unmarshal([]byte(lines.String()), &line); err != nil ||
		line.Body != `{"error":   "invalid_scope","of":"\u00e9é???"}` {
		t.Errorf("%s: %v", line.Body, err)
	}

	op.serve(tokenPath, jsonAnswer(401, object{"error": "invalid_client"}))
	_, err = p.Exchange(t.Context(), "c", "v")
	wantError(t, err, provider.Invalid, "invalid_client")
	contains(t, log.String(), "level=ERROR", "does not accept this client") // case 65: an alarm
}
