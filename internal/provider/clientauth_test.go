package provider_test

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const longSecret = "a secret of thirty-two bytes …"

// opened verifies a JWT of this client with its public key or secret and returns header and claims.
func opened(t *testing.T, token, alg string, key any) (header, claims object) {
	t.Helper()
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := jws.Verify(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	header = object{"alg": jws.Signatures[0].Protected.Algorithm, "kid": jws.Signatures[0].Protected.KeyID}
	for name, value := range jws.Signatures[0].Protected.ExtraHeaders {
		header[string(name)] = value
	}
	return header, claims
}

// wantOwnClaims checks the claims that every JWT of this client has and returns the others.
func wantOwnClaims(t *testing.T, claims object) object {
	t.Helper()
	now := float64(time.Now().Unix())
	rest := maps.Clone(claims)
	for name, want := range (object{"iss": clientID, "aud": issuer, "iat": now - 5, "nbf": now - 5, "exp": now + 55}) {
		if !reflect.DeepEqual(claims[name], want) {
			t.Errorf("%s is %#v, want %#v", name, claims[name], want)
		}
		delete(rest, name)
	}
	if jti, _ := claims["jti"].(string); len(jti) < 22 {
		t.Errorf("jti is %#v", claims["jti"])
	}
	delete(rest, "jti")
	return rest
}

// Cases 1, 67: each request has its own assertion, for this provider only, and no other authentication.
func TestClientAssertion(t *testing.T) {
	type row struct {
		method, alg string
		key         crypto.Signer
	}
	rsaKey := newRSAKey(t, 2048)
	rows := []row{{"client_secret_jwt", "HS256", nil}, {"private_key_jwt", "EdDSA", newEdKey(t)},
		{"private_key_jwt", "ES256", newKey(t)}}
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"} {
		rows = append(rows, row{"private_key_jwt", alg, rsaKey})
	}
	for _, test := range rows {
		t.Run(test.alg, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				op := newOP(t)
				verifier, kid := any([]byte(longSecret)), ""
				p := op.client(func(c *provider.Config) {
					c.AuthMethod, c.ClientSecret = test.method, longSecret
					if test.key != nil {
						c.ClientSecret, verifier, kid = "", test.key.Public(), "mine"
						c.ClientKey = parsed(t, test.key, test.alg, kid)
					}
				})
				seen := map[string]bool{}
				op.serve(tokenPath, func(w http.ResponseWriter, r *http.Request) {
					if err := r.ParseForm(); err != nil || r.Header.Get("Authorization") != "" {
						t.Errorf("%v, %v", err, r.Header)
					}
					assertion := r.PostForm.Get("client_assertion")
					want := url.Values{"grant_type": {"authorization_code"}, "code": {"c"}, "code_verifier": {"v"},
						"client_id":    {clientID},
						"redirect_uri": {"https://app.example/auth/callback"}, "client_assertion": {assertion},
						"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
					if !reflect.DeepEqual(r.PostForm, want) {
						t.Errorf("got %v", r.PostForm)
					}
					header, claims := opened(t, assertion, test.alg, verifier)
					if wanted := (object{"alg": test.alg, "kid": kid, "typ": "JWT"}); !reflect.DeepEqual(header, wanted) {
						t.Errorf("header %v", header)
					}
					if rest := wantOwnClaims(t, claims); !reflect.DeepEqual(rest, object{"sub": clientID}) {
						t.Errorf("claims %v", rest)
					}
					seen[claims["jti"].(string)] = true
					jsonAnswer(401, object{"error": "invalid_client"})(w, r)
				})
				for range 3 {
					_, err := p.Exchange(t.Context(), "c", "v")
					wantError(t, err, provider.Invalid, "invalid_client")
				}
				if op.count(tokenPath) != 3 || len(seen) != 3 {
					t.Errorf("%d requests for 3 codes, %d assertions", op.count(tokenPath), len(seen))
				}
			})
		})
	}
}

// An incomplete configuration sends nothing.
func TestClientAuthenticationIncomplete(t *testing.T) {
	noTransport := func(c *provider.Config) { c.Transport = nil }
	for name, test := range map[string]struct {
		method, code string
		change       func(*provider.Config)
	}{
		"no key": {"private_key_jwt", "client_key", func(*provider.Config) {}},
		"a key for decryption": {"private_key_jwt", "client_key", func(c *provider.Config) {
			c.ClientKey = parsed(t, newKey(t), "ECDH-ES", "")
		}},
		"only a decryption key": {"private_key_jwt", "client_key", func(c *provider.Config) {
			c.DecryptionKey = parsed(t, newKey(t), "", "")
		}},
		"no secret": {"client_secret_jwt", "auth_method", func(c *provider.Config) { c.ClientSecret = "" }},
		"a short secret": {"client_secret_jwt", "auth_method", func(c *provider.Config) {
			c.ClientSecret = longSecret[:31]
		}},
		"unknown":               {"tls_client_auth ", "auth_method", func(*provider.Config) {}},
		"no certificate":        {"tls_client_auth", "auth_method", noTransport},
		"no certificate either": {"self_signed_tls_client_auth", "auth_method", noTransport},
	} {
		t.Run(name, func(t *testing.T) {
			hits := 0
			var address string
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == tokenPath {
					hits++
				}
				jsonAnswer(200, metadataOf(address, nil))(w, r)
			}))
			defer server.Close()
			address = server.URL
			roots := x509.NewCertPool()
			roots.AddCert(server.Certificate())
			p := newOP(t).client(func(c *provider.Config) {
				c.Issuer, c.Transport, c.AuthMethod, c.RootCAs = address, server.Client().Transport, test.method, roots
			}, test.change)
			_, err := p.Exchange(t.Context(), "c", "v")
			wantError(t, err, provider.Misconfigured, test.code)
			if hits != 0 {
				t.Error("the code was sent without authentication")
			}
		})
	}
}

// metadataOf returns a document with all endpoints at one base URL.
func metadataOf(address string, change object) object {
	return metadata(merge(object{"issuer": address, "authorization_endpoint": address + "/authorize",
		"token_endpoint": address + tokenPath,
		"jwks_uri":       address + keysPath, "userinfo_endpoint": address + userinfoPath, "end_session_endpoint": nil},
		change))
}

// RFC 8705 section 2: the certificate is presented in the handshake, whatever authorities the server names, and the
// form has only the client id.
func TestMutualTLS(t *testing.T) {
	certificate := newCertificate(t, "app.example", time.Hour)
	others := x509.NewCertPool()
	others.AddCert(newCertificate(t, "ca.example", time.Hour).Leaf)
	for _, method := range []string{"tls_client_auth", "self_signed_tls_client_auth"} {
		t.Run(method, func(t *testing.T) {
			mux := http.NewServeMux()
			server := httptest.NewUnstartedServer(mux)
			server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, ClientCAs: others}
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.StartTLS()
			defer server.Close()
			mux.HandleFunc(discoveryPath, jsonAnswer(200, metadataOf(server.URL, object{
				"mtls_endpoint_aliases": object{"token_endpoint": server.URL + "/mtls"},
			})))
			mux.HandleFunc("/mtls", func(w http.ResponseWriter, r *http.Request) {
				_ = r.ParseForm()
				if r.PostForm.Get("client_id") != clientID || r.PostForm.Has("client_secret") ||
					r.Header.Get("Authorization") != "" {
					t.Errorf("%v %v", r.Header, r.PostForm)
				}
				if got := r.TLS.PeerCertificates; len(got) != 1 || !bytes.Equal(got[0].Raw, certificate.Certificate[0]) {
					t.Errorf("%d other certificates", len(got))
				}
				textAnswer(200, "application/json", goodAnswer+"}")(w, r)
			})
			roots := x509.NewCertPool()
			roots.AddCert(server.Certificate())
			client := func(c *tls.Certificate) *provider.Provider {
				return newOP(t).client(func(cfg *provider.Config) {
					cfg.Issuer, cfg.AuthMethod, cfg.Transport, cfg.RootCAs, cfg.ClientCertificate = server.URL, method, nil, roots, c
				})
			}
			if tokens, err := client(&certificate).Exchange(t.Context(), "c", "v"); err != nil || tokens.AccessToken != "at" {
				t.Error(tokens, err)
			}
			if _, err := client(nil).Metadata(t.Context()); err == nil {
				t.Error("the server did not ask for a certificate")
			}
		})
	}
}

// RFC 8705 section 5.
func TestMutualTLSAliases(t *testing.T) {
	const plain, mtls = issuer + tokenPath, "https://mtls.op.example"
	for name, test := range map[string]struct {
		aliases         any
		token, userinfo string // with a tls method; "": refused
	}{
		"none": {nil, plain, issuer + userinfoPath},
		"all": {object{"token_endpoint": mtls + "/t", "userinfo_endpoint": mtls + "/u"},
			mtls + "/t", mtls + "/u"},
		"one": {object{"token_endpoint": mtls + "/t"}, mtls + "/t", issuer + userinfoPath},
		"others are not wanted": {object{"authorization_endpoint": mtls, "jwks_uri": mtls, "issuer": mtls}, plain,
			issuer + userinfoPath},
		"not https":          {object{"token_endpoint": "http://mtls.op.example/t"}, "", ""},
		"userinfo not https": {object{"userinfo_endpoint": "http://mtls.op.example/t"}, "", ""},
		"with userinfo":      {object{"token_endpoint": "https://op.example@evil.example/t"}, "", ""},
		"a number":           {object{"token_endpoint": 1}, "", ""},
		"null": {object{"token_endpoint": json.RawMessage("null"), "userinfo_endpoint": ""}, plain,
			issuer + userinfoPath},
		"null for all": {json.RawMessage("null"), plain, issuer + userinfoPath},
		"a list":       {[]string{mtls}, "", ""},
	} {
		for _, method := range []string{"tls_client_auth", "self_signed_tls_client_auth", "private_key_jwt",
			"client_secret_basic"} {
			op := newOP(t)
			op.serve(discoveryPath, document(object{"mtls_endpoint_aliases": test.aliases}))
			got, err := op.client(func(c *provider.Config) { c.AuthMethod = method }).Metadata(t.Context())
			token, userinfo := test.token, test.userinfo
			if !strings.Contains(method, "tls_") {
				token, userinfo = plain, issuer+userinfoPath
			}
			switch {
			case token == "":
				wantError(t, err, provider.Invalid, "bad_endpoint")
			case err != nil:
				t.Errorf("%s, %s: %v", name, method, err)
			case got.TokenEndpoint != token || got.UserinfoEndpoint != userinfo || got.JWKSURI != issuer+keysPath ||
				got.AuthorizationEndpoint != issuer+"/authorize":
				t.Errorf("%s, %s: %+v", name, method, got)
			}
		}
	}
}

// case 67: a provider that does not list the method still gets one request by that method, and the log one warning.
func TestAuthMethodNotListed(t *testing.T) {
	for name, test := range map[string]struct {
		listed   any
		warnings int
	}{
		"not said": {nil, 0}, "listed": {[]string{"private_key_jwt", "client_secret_basic"}, 0},
		"no list": {"client_secret_post", 0},
		"others":  {[]any{"client_secret_post", 1, "x\n" + strings.Repeat("z", 1000)}, 1}, "empty": {[]string{}, 1},
		"a public client": {[]string{"client_secret_basic"}, 0}, // most providers do not list none
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logBuffer
				op := newOP(t)
				op.serve(discoveryPath, document(object{"token_endpoint_auth_methods_supported": test.listed}))
				op.serve(tokenPath, textAnswer(200, "application/json", goodAnswer+"}"))
				p := op.client(logTo(&log), func(c *provider.Config) {
					if name == "a public client" {
						c.AuthMethod, c.ClientSecret = "none", ""
					}
				})
				for range 3 { // with the metadata fetched anew
					if _, err := p.Exchange(t.Context(), "c", "v"); err != nil {
						t.Fatal(err)
					}
					time.Sleep(2 * time.Hour)
					synctest.Wait()
				}
				if n := strings.Count(log.String(), "level=WARN"); n != test.warnings || op.count(discoveryPath) != 3 {
					t.Errorf("%d warnings, %d fetches: %s", n, op.count(discoveryPath), log.String())
				}
				if test.warnings > 0 {
					contains(t, log.String(), "does not list", "client_secret_basic")
				}
				if strings.Contains(log.String(), strings.Repeat("z", 257)) { // case 126
					t.Error("the list is not cut")
				}
			})
		})
	}
}

// If a client with a key is refused, the log names the kid as sent to the provider, and the setting for it.
func TestRefusedKeyIsNamed(t *testing.T) {
	key := parsed(t, newKey(t), "", "our-kid")
	for name, test := range map[string]struct {
		method string
		script http.HandlerFunc
		named  bool
	}{
		"invalid_client":          {"private_key_jwt", jsonAnswer(401, object{"error": "invalid_client"}), true},
		"invalid_client with 400": {"private_key_jwt", jsonAnswer(400, object{"error": "invalid_client"}), true},
		"unauthorized_client":     {"private_key_jwt", jsonAnswer(400, object{"error": "unauthorized_client"}), true},
		"401 without a code":      {"private_key_jwt", textAnswer(401, "text/html", "<p>"), true},
		"another error":           {"private_key_jwt", jsonAnswer(400, object{"error": "invalid_grant"}), false},
		"a client without a key":  {"client_secret_basic", jsonAnswer(401, object{"error": "invalid_client"}), false},
		"DPoP is asked for, with 401": {"private_key_jwt", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
			w.WriteHeader(401)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var log logBuffer
			op := newOP(t)
			op.serve(tokenPath, test.script)
			p := op.client(logTo(&log), func(c *provider.Config) {
				c.AuthMethod, c.ClientKey, c.KeyIDSetting = test.method, key, "ClientKeyID (X_CLIENT_KEY_ID)"
			})
			if _, err := p.Exchange(t.Context(), "c", "v"); err == nil {
				t.Error("no error")
			}
			if named := strings.Contains(log.String(),
				`kid=our-kid kid_set_by="ClientKeyID (X_CLIENT_KEY_ID)"`); named != test.named {
				t.Errorf("named: %t in %s", named, log.String())
			}
		})
	}
}

// case 65, 126: an assertion that is echoed in the body of an error is not logged.
func TestAssertionsAreNotLogged(t *testing.T) {
	var log logBuffer
	op := newOP(t)
	sent := ""
	op.serve(tokenPath, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		sent = r.PostForm.Get("client_assertion")
		w.WriteHeader(401)
		_, _ = fmt.Fprintf(w, "%s {}", sent)
	})
	p := op.client(logTo(&log), func(c *provider.Config) {
		c.AuthMethod, c.ClientKey = "private_key_jwt", parsed(t, newKey(t), "", "")
	})
	_, err := p.Exchange(t.Context(), "the-code", "the-verifier")
	wantError(t, err, provider.Invalid, "provider_status")
	contains(t, log.String(), "[redacted]")
	if head, _, _ := strings.Cut(sent, "."); sent == "" || strings.Contains(log.String(), head) {
		t.Errorf("the assertion is in the log: %s", log.String())
	}
}
