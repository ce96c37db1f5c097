package ginoidc_test

import (
	"crypto/ed25519"
	"crypto/tls"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestProviderProblems: New refuses every unsafe or meaningless setting of a provider and names its path. Group T.
func TestProviderProblems(t *testing.T) {
	ecKey, rsaKey := testKeys(t)
	withKey := func(key []byte) func(*ginoidc.Provider) {
		return func(p *ginoidc.Provider) {
			p.ClientSecret, p.ClientKey, p.ClientAuthMethod = "", key, "private_key_jwt"
		}
	}
	fapi2 := func(p *ginoidc.Provider) { p.Profile, p.ClientSecret, p.ClientKey = "fapi2", "", ecKey }
	for _, tt := range []struct {
		name   string
		change func(*ginoidc.Provider)
		want   []string // as in TestConfigProblems, below "Providers[0]."
	}{
		{"nothing set", func(p *ginoidc.Provider) { *p = ginoidc.Provider{} }, // case 305
			[]string{"Issuer ", "ClientID ", "ClientSecret "}},
		{"http issuer", func(p *ginoidc.Provider) { p.Issuer = "http://idp.example" }, []string{"Issuer "}}, // case 112
		{"http issuer on loopback", func(p *ginoidc.Provider) { p.Issuer = "http://127.0.0.1:4000/op" }, nil},
		{"issuer with a slash", func(p *ginoidc.Provider) { p.Issuer = "https://idp.example/" }, nil},
		{"issuer with a query", func(p *ginoidc.Provider) { p.Issuer = "https://idp.example?x=1" }, []string{"Issuer "}},
		{"issuer without scheme", func(p *ginoidc.Provider) { p.Issuer = "idp.example" }, []string{"Issuer "}},
		{"scope without openid", func(p *ginoidc.Provider) { p.Scopes = []string{"profile"} }, []string{"Scopes "}},
		// case 310
		{"scope of two words", func(p *ginoidc.Provider) { p.Scopes = []string{"openid", "a b"} }, []string{"Scopes "}},
		{"public client", func(p *ginoidc.Provider) { p.ClientAuthMethod, p.ClientSecret = "none", "" }, nil},
		{"public client with a secret", func(p *ginoidc.Provider) { p.ClientAuthMethod = "none" }, []string{"ClientSecret "}},
		{"unsupported client authentication", func(p *ginoidc.Provider) { p.ClientAuthMethod = "secret_handshake" },
			[]string{"ClientAuthMethod "}},
		{"symmetric algorithm", func(p *ginoidc.Provider) { p.SigningAlgs = []string{"RS256", "HS256"} },
			[]string{"SigningAlgs "}}, // case 76
		{"no algorithm", func(p *ginoidc.Provider) { p.SigningAlgs = []string{"none"} }, []string{"SigningAlgs "}}, // case 75
		{"clock tolerance", func(p *ginoidc.Provider) { p.ClockTolerance = time.Hour }, []string{"ClockTolerance "}},
		{"certificate for an http origin", certifies("http://localhost:9"), []string{"CertificateOrigins "}},
		{"certificate for a path", certifies("https://api.example/"), []string{"CertificateOrigins "}},
		{"certificate for a pattern", certifies("https://*.example"), []string{"CertificateOrigins "}},
		{"certificate for a default port", certifies("https://api.example:443"), []string{"CertificateOrigins "}},
		{"certificate for capitals", certifies("https://API.example"), []string{"CertificateOrigins "}},
		{"certificate for nothing", certifies(""), []string{"CertificateOrigins "}},
		{"no certificate", func(p *ginoidc.Provider) { p.CertificateOrigins = []string{"https://api.example"} },
			[]string{"CertificateOrigins "}},
		{"sign-out parameters", func(p *ginoidc.Provider) {
			p.SignOutParameters = url.Values{"logout_uri": {"https://app.example/"}}
		}, nil},
		{"sign-out parameter of ours", func(p *ginoidc.Provider) { p.SignOutParameters = url.Values{"state": {"1"}} },
			[]string{"SignOutParameters "}},
		{"redirect of another", func(p *ginoidc.Provider) {
			p.SignOutParameters = url.Values{"post_logout_redirect_uri": {"https://evil.example"}}
		}, []string{"SignOutParameters "}},
		{"sign-out parameter twice", func(p *ginoidc.Provider) { p.SignOutParameters = url.Values{"a": {"1", "2"}} },
			[]string{"SignOutParameters "}},
		{"origins for the certificate", func(p *ginoidc.Provider) {
			p.CertificateOrigins, p.ClientCertificate = []string{"https://api.example", "https://localhost:8443"},
				&tls.Certificate{}
		}, nil},
		{"two ways to the groups", func(p *ginoidc.Provider) { p.GroupsClaim, p.GroupsPath = "groups", []string{"a"} },
			[]string{"GroupsPath "}},
		{"empty path element", func(p *ginoidc.Provider) { p.OrganizationsPath = []string{"a", ""} },
			[]string{"OrganizationsPath "}},
		// case 44
		{"unknown response mode", func(p *ginoidc.Provider) { p.ResponseMode = "fragment.jwt" }, []string{"ResponseMode "}},
		{"signed answers", func(p *ginoidc.Provider) { p.ResponseMode = "form_post.jwt" }, nil},
		{"pushed sometimes", func(p *ginoidc.Provider) { p.PushedAuthorization = "sometimes" },
			[]string{"PushedAuthorization "}},
		{"parameter of ours", func(p *ginoidc.Provider) { p.SignInParameters = url.Values{"nonce": {"1"}} },
			[]string{"SignInParameters "}}, // case 6
		{"redirect_uri of another", func(p *ginoidc.Provider) { p.SignInParameters = url.Values{"redirect_uri": {"x"}} },
			[]string{"SignInParameters "}}, // case 6
		{"prompt of none and another", func(p *ginoidc.Provider) {
			p.SignInParameters = url.Values{"prompt": {"none login"}}
		}, []string{"SignInParameters "}},
		{"prompt of two", func(p *ginoidc.Provider) { p.SignInParameters = url.Values{"prompt": {"login consent"}} }, nil},
		{"prompt of none", func(p *ginoidc.Provider) { p.SignInParameters = url.Values{"prompt": {"none"}} }, nil},
		{"claims that are no object", func(p *ginoidc.Provider) { p.SignInParameters = url.Values{"claims": {`["email"]`}} },
			[]string{"SignInParameters "}},
		{"claims", func(p *ginoidc.Provider) {
			p.SignInParameters = url.Values{"claims": {`{"id_token":{"email":null}}`}}
		}, nil},
		{"max_age of no number", func(p *ginoidc.Provider) { p.SignInParameters = url.Values{"max_age": {"x"}} },
			[]string{"SignInParameters "}},
		{"parameters", func(p *ginoidc.Provider) {
			p.SignInParameters = url.Values{"resource": {"a:1", "a:2"}, "audience": {"a"}}
		}, nil},
		{"private key", withKey(ecKey), nil},
		{"private key with a secret", func(p *ginoidc.Provider) {
			p.ClientKey, p.ClientAuthMethod = ecKey,
				"private_key_jwt"
		}, []string{"ClientSecret "}},
		{"private key left out", withKey(nil), []string{"ClientKey "}},
		{"private key of no use", func(p *ginoidc.Provider) { p.ClientKey = ecKey }, []string{"ClientKey "}},
		{"private key that is none", withKey([]byte(testapp.CookieSecret)), []string{"ClientKey "}},
		{"algorithm of another key", func(p *ginoidc.Provider) { withKey(ecKey)(p); p.ClientKeyAlg = "RS256" },
			[]string{"ClientKeyAlg "}},
		{"key id without key", func(p *ginoidc.Provider) { p.ClientKeyID = "k" }, []string{"ClientKeyID "}},
		{"algorithm without key", func(p *ginoidc.Provider) { p.ClientKeyAlg = "ES256" }, []string{"ClientKeyAlg "}},
		{"key for encryption", func(p *ginoidc.Provider) { withKey(ecKey)(p); p.ClientKeyAlg = "ECDH-ES" },
			[]string{"ClientKey "}},
		{"signed requests", func(p *ginoidc.Provider) { p.SignRequests, p.ClientKey = true, ecKey }, nil},
		{"signed requests without a key", func(p *ginoidc.Provider) { p.SignRequests = true }, []string{"ClientKey "}},
		{"key for decryption", func(p *ginoidc.Provider) { p.DecryptionKey = ecKey }, nil},
		{"key that cannot decrypt", func(p *ginoidc.Provider) {
			p.DecryptionKey = testapp.PEM(ed25519.NewKeyFromSeed([]byte(testapp.CookieSecret)))
		}, []string{"DecryptionKey "}},
		{"short secret for client_secret_jwt", func(p *ginoidc.Provider) { p.ClientAuthMethod = "client_secret_jwt" },
			[]string{"ClientSecret "}},
		{"client_secret_jwt", func(p *ginoidc.Provider) {
			p.ClientAuthMethod, p.ClientSecret = "client_secret_jwt", testapp.CookieSecret
		}, nil},
		{"certificate left out", func(p *ginoidc.Provider) { p.ClientAuthMethod, p.ClientSecret = "tls_client_auth", "" },
			[]string{"ClientCertificate "}},
		{"certificate", func(p *ginoidc.Provider) {
			p.ClientAuthMethod, p.ClientSecret, p.ClientCertificate = "self_signed_tls_client_auth", "", &tls.Certificate{}
		}, nil},
		{"certificate of a transport", func(p *ginoidc.Provider) {
			p.ClientAuthMethod, p.ClientSecret, p.Transport = "tls_client_auth", "", http.DefaultTransport
		}, nil},
		{"unknown profile", func(p *ginoidc.Provider) { p.Profile = "fapi" }, []string{"Profile "}},
		{"fapi2", fapi2, nil},
		{"fapi2 with a certificate", func(p *ginoidc.Provider) {
			fapi2(p)
			p.ClientKey, p.ClientCertificate = nil,
				&tls.Certificate{}
		}, nil},
		{"fapi2 with a secret", func(p *ginoidc.Provider) { p.Profile, p.ClientAuthMethod = "fapi2", "client_secret_basic" },
			[]string{"ClientAuthMethod "}},
		{"fapi2 without PAR", func(p *ginoidc.Provider) { fapi2(p); p.PushedAuthorization = "auto" },
			[]string{"PushedAuthorization "}},
		{"fapi2 with RS256", func(p *ginoidc.Provider) { fapi2(p); p.SigningAlgs = []string{"ES256", "RS256"} },
			[]string{"SigningAlgs "}},
		{"fapi2 with an RSA key", func(p *ginoidc.Provider) { fapi2(p); p.ClientKey = rsaKey }, nil}, // it signs with PS256
		{"fapi2 with a key for RS256", func(p *ginoidc.Provider) { fapi2(p); p.ClientKey, p.ClientKeyAlg = rsaKey, "RS256" },
			[]string{"ClientKeyAlg "}},
		{"two ways to the organizations", func(p *ginoidc.Provider) {
			p.OrganizationsClaim, p.OrganizationsPath = "o",
				[]string{"a"}
		}, []string{"OrganizationsPath "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := validConfig()
			tt.change(&c.Providers[0])
			var want []string
			for _, field := range tt.want {
				want = append(want, "Providers[0]."+field)
			}
			checkProblems(t, c, want)
		})
	}
}

// certifies sets a certificate and an origin to present it to.
func certifies(origin string) func(*ginoidc.Provider) {
	return func(p *ginoidc.Provider) {
		p.ClientCertificate, p.CertificateOrigins = &tls.Certificate{}, []string{"https://api.example.com:8443", origin}
	}
}

// TestKeyProblems: the error for a key says what is wrong with it and how to generate one.
func TestKeyProblems(t *testing.T) {
	file := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(file, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	setenv(t, map[string]string{"DECRYPTION_KEY_FILE": file})
	_, _, err := fromEnv()
	if err == nil || strings.Contains(err.Error(), "client key") || strings.Contains(err.Error(), "ed25519") ||
		!strings.Contains(err.Error(), "algorithm EC") {
		t.Errorf("decryption key: %v", err)
	}
}
