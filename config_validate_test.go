package ginoidc_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

func validConfig() ginoidc.Config {
	return ginoidc.Config{
		Issuer: "https://idp.example", ClientID: "app", ClientSecret: "secret", AppURL: testapp.URL,
		CookieSecrets: []string{testapp.CookieSecret},
		Logger:        slog.New(slog.DiscardHandler),
	}
}

// testKeys makes one key of each type that a client may sign with and need not.
func testKeys(t *testing.T) (ecKey, rsaKey []byte) {
	t.Helper()
	ec, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rs, err2 := rsa.GenerateKey(rand.Reader, 2048)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return testapp.PEM(ec), testapp.PEM(rs)
}

// problemsOf lists "Field VARIABLE" of each ConfigError, once.
func problemsOf(err error) []string {
	var found []string
	var walk func(error)
	walk = func(err error) {
		var problem *ginoidc.ConfigError
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				walk(e)
			}
		} else if errors.As(err, &problem) && !slices.Contains(found, problem.Field+" "+problem.Variable) {
			found = append(found, problem.Field+" "+problem.Variable)
		}
	}
	walk(err)
	return found
}

// certifies shows a certificate to an origin.
func certifies(origin string) func(*ginoidc.Config) {
	return func(c *ginoidc.Config) {
		c.ClientCertificate, c.CertificateOrigins = &tls.Certificate{}, []string{"https://api.example.com:8443", origin}
	}
}

// TestConfigProblems: every unsafe or senseless setting stops New, with the field and the variable named. Group T.
func TestConfigProblems(t *testing.T) {
	ecKey, rsaKey := testKeys(t)
	withKey := func(key []byte) func(*ginoidc.Config) {
		return func(c *ginoidc.Config) { c.ClientSecret, c.ClientKey, c.ClientAuthMethod = "", key, "private_key_jwt" }
	}
	fapi2 := func(c *ginoidc.Config) { c.Profile, c.ClientSecret, c.ClientKey = "fapi2", "", ecKey }
	for _, tt := range []struct {
		name   string
		change func(*ginoidc.Config)
		want   []string // "Field VARIABLE", where there is one; nothing for an accepted configuration
	}{
		{"valid", func(c *ginoidc.Config) {}, nil},
		{"nothing set", func(c *ginoidc.Config) { *c = ginoidc.Config{} }, // case 305, all at once
			[]string{"Issuer ", "ClientID ", "ClientSecret ", "AppURL ", "CookieSecrets "}},
		{"http issuer", func(c *ginoidc.Config) { c.Issuer = "http://idp.example" }, []string{"Issuer "}}, // case 112
		{"http issuer on loopback", func(c *ginoidc.Config) { c.Issuer = "http://127.0.0.1:4000/op" }, nil},
		{"issuer with a slash", func(c *ginoidc.Config) { c.Issuer = "https://idp.example/" }, nil},
		{"issuer with a query", func(c *ginoidc.Config) { c.Issuer = "https://idp.example?x=1" }, []string{"Issuer "}},
		{"issuer without scheme", func(c *ginoidc.Config) { c.Issuer = "idp.example" }, []string{"Issuer "}},
		{"http app", func(c *ginoidc.Config) { c.AppURL = "http://app.example.com" }, []string{"AppURL "}}, // case 307
		{"http app on loopback", func(c *ginoidc.Config) { c.AppURL = "http://localhost:8080" }, nil},
		{"http app on a name like loopback", func(c *ginoidc.Config) { c.AppURL = "http://localhost.evil.example" },
			[]string{"AppURL "}},
		{"app with a base path", func(c *ginoidc.Config) { c.AppURL = "https://example.com/app/" }, nil},
		{"app with dot segments", func(c *ginoidc.Config) { c.AppURL = "https://example.com/a/../b" }, []string{"AppURL "}},
		{"app with its default port", func(c *ginoidc.Config) {
			c.AppURL, c.DefaultReturnTo = "https://App.example.com:443", "https://app.example.com/x"
		}, nil},
		{"app with a user", func(c *ginoidc.Config) { c.AppURL = "https://u@example.com" }, []string{"AppURL "}},
		{"short secret", func(c *ginoidc.Config) { c.CookieSecrets = []string{testapp.CookieSecret, "short"} },
			[]string{"CookieSecrets "}}, // case 306
		{"zero secret", func(c *ginoidc.Config) { c.CookieSecrets = []string{strings.Repeat("\x00", 32)} },
			[]string{"CookieSecrets "}}, // case 306
		{"repeated secret", func(c *ginoidc.Config) { c.CookieSecrets = []string{strings.Repeat("correcthorse", 4)} },
			[]string{"CookieSecrets "}}, // case 306
		{"repeated secret of many letters", func(c *ginoidc.Config) { c.CookieSecrets = []string{strings.Repeat("abcdefghijklmnop", 2)} }, []string{"CookieSecrets "}},
		{"repeated secret, cut", func(c *ginoidc.Config) {
			c.CookieSecrets = []string{strings.Repeat("abcdefghijklm",
				3)[:35]}
		}, []string{"CookieSecrets "}},
		{"secret of few letters", func(c *ginoidc.Config) { c.CookieSecrets = []string{"aabbabababbbaabababbabaabbabcbabab"} }, []string{"CookieSecrets "}},
		{"scope without openid", func(c *ginoidc.Config) { c.Scopes = []string{"profile"} }, []string{"Scopes "}}, // case 310
		{"scope of two words", func(c *ginoidc.Config) { c.Scopes = []string{"openid", "a b"} }, []string{"Scopes "}},
		{"public client", func(c *ginoidc.Config) { c.ClientAuthMethod, c.ClientSecret = "none", "" }, nil},
		{"public client with a secret", func(c *ginoidc.Config) { c.ClientAuthMethod = "none" }, []string{"ClientSecret "}},
		{"unsupported client authentication", func(c *ginoidc.Config) { c.ClientAuthMethod = "secret_handshake" },
			[]string{"ClientAuthMethod "}},
		{"symmetric algorithm", func(c *ginoidc.Config) { c.SigningAlgs = []string{"RS256", "HS256"} },
			[]string{"SigningAlgs "}}, // case 76
		{"no algorithm", func(c *ginoidc.Config) { c.SigningAlgs = []string{"none"} }, []string{"SigningAlgs "}}, // case 75
		{"idle above lifetime", func(c *ginoidc.Config) { c.SessionIdle, c.SessionLifetime = 2*time.Hour, time.Hour },
			[]string{"SessionIdle "}},
		{"short lifetime alone", func(c *ginoidc.Config) { c.SessionLifetime = time.Hour }, nil},
		{"negative durations", func(c *ginoidc.Config) { c.SessionIdle, c.SessionLifetime = -2, -1 },
			[]string{"SessionIdle ", "SessionLifetime "}},
		{"clock tolerance", func(c *ginoidc.Config) { c.ClockTolerance = time.Hour }, []string{"ClockTolerance "}},
		{"route prefix", func(c *ginoidc.Config) { c.RoutePrefix = "auth" }, []string{"RoutePrefix "}},
		{"route prefix at the root", func(c *ginoidc.Config) { c.RoutePrefix = "/" }, []string{"RoutePrefix "}},
		{"cookie name with a prefix", func(c *ginoidc.Config) { c.CookieName = "__Host-x" }, []string{"CookieName "}},
		{"cookie name with a space", func(c *ginoidc.Config) { c.CookieName = "a b" }, []string{"CookieName "}},
		{"certificate for an http origin", certifies("http://localhost:9"), []string{"CertificateOrigins "}},
		{"certificate for a path", certifies("https://api.example/"), []string{"CertificateOrigins "}},
		{"certificate for a pattern", certifies("https://*.example"), []string{"CertificateOrigins "}},
		{"certificate for a default port", certifies("https://api.example:443"), []string{"CertificateOrigins "}},
		{"certificate for capitals", certifies("https://API.example"), []string{"CertificateOrigins "}},
		{"certificate for nothing", certifies(""), []string{"CertificateOrigins "}},
		{"no certificate", func(c *ginoidc.Config) { c.CertificateOrigins = []string{"https://api.example"} },
			[]string{"CertificateOrigins "}},
		{"origin with a path", func(c *ginoidc.Config) { c.ReturnOrigins = []string{"https://shop.example/x"} },
			[]string{"ReturnOrigins "}}, // case 160
		{"origin pattern", func(c *ginoidc.Config) { c.ReturnOrigins = []string{"https://*.example"} },
			[]string{"ReturnOrigins "}}, // case 160
		{"origin over http", func(c *ginoidc.Config) { c.ReturnOrigins = []string{"http://shop.example"} },
			[]string{"ReturnOrigins "}}, // case 160
		{"default target elsewhere", func(c *ginoidc.Config) { c.DefaultReturnTo = "//evil.example" },
			[]string{"DefaultReturnTo "}},
		{"sign-out target", func(c *ginoidc.Config) { c.PostSignOutURL = "/bye" }, []string{"PostSignOutURL "}},
		{"sign-out parameters", func(c *ginoidc.Config) { c.SignOutParameters = url.Values{"logout_uri": {"https://app.example/"}} }, nil},
		{"sign-out parameter of ours", func(c *ginoidc.Config) { c.SignOutParameters = url.Values{"state": {"1"}} },
			[]string{"SignOutParameters "}},
		{"redirect of another", func(c *ginoidc.Config) {
			c.SignOutParameters = url.Values{"post_logout_redirect_uri": {"https://evil.example"}}
		}, []string{"SignOutParameters "}},
		{"sign-out parameter twice", func(c *ginoidc.Config) { c.SignOutParameters = url.Values{"a": {"1", "2"}} },
			[]string{"SignOutParameters "}},
		{"origins for the certificate", func(c *ginoidc.Config) {
			c.CertificateOrigins, c.ClientCertificate = []string{"https://api.example", "https://localhost:8443"},
				&tls.Certificate{}
		}, nil},
		{"two ways to the groups", func(c *ginoidc.Config) { c.GroupsClaim, c.GroupsPath = "groups", []string{"a"} },
			[]string{"GroupsPath "}},
		{"empty path element", func(c *ginoidc.Config) { c.OrganizationsPath = []string{"a", ""} },
			[]string{"OrganizationsPath "}},
		// case 44
		{"unknown response mode", func(c *ginoidc.Config) { c.ResponseMode = "fragment.jwt" }, []string{"ResponseMode "}},
		{"signed answers", func(c *ginoidc.Config) { c.ResponseMode = "form_post.jwt" }, nil},
		{"pushed sometimes", func(c *ginoidc.Config) { c.PushedAuthorization = "sometimes" },
			[]string{"PushedAuthorization "}},
		{"parameter of ours", func(c *ginoidc.Config) { c.SignInParameters = url.Values{"nonce": {"1"}} },
			[]string{"SignInParameters "}}, // case 6
		{"redirect_uri of another", func(c *ginoidc.Config) { c.SignInParameters = url.Values{"redirect_uri": {"x"}} },
			[]string{"SignInParameters "}}, // case 6
		{"prompt of none and another", func(c *ginoidc.Config) { c.SignInParameters = url.Values{"prompt": {"none login"}} },
			[]string{"SignInParameters "}},
		{"prompt of two", func(c *ginoidc.Config) { c.SignInParameters = url.Values{"prompt": {"login consent"}} }, nil},
		{"prompt of none", func(c *ginoidc.Config) { c.SignInParameters = url.Values{"prompt": {"none"}} }, nil},
		{"claims that are no object", func(c *ginoidc.Config) { c.SignInParameters = url.Values{"claims": {`["email"]`}} },
			[]string{"SignInParameters "}},
		{"claims", func(c *ginoidc.Config) {
			c.SignInParameters = url.Values{"claims": {`{"id_token":{"email":null}}`}}
		}, nil},
		{"max_age of no number", func(c *ginoidc.Config) { c.SignInParameters = url.Values{"max_age": {"x"}} },
			[]string{"SignInParameters "}},
		{"parameters", func(c *ginoidc.Config) {
			c.SignInParameters = url.Values{"resource": {"a:1", "a:2"}, "audience": {"a"}}
		}, nil},
		{"private key", withKey(ecKey), nil},
		{"private key beside a secret", func(c *ginoidc.Config) {
			c.ClientKey, c.ClientAuthMethod = ecKey,
				"private_key_jwt"
		}, []string{"ClientSecret "}},
		{"private key left out", withKey(nil), []string{"ClientKey "}},
		{"private key of no use", func(c *ginoidc.Config) { c.ClientKey = ecKey }, []string{"ClientKey "}},
		{"private key that is none", withKey([]byte(testapp.CookieSecret)), []string{"ClientKey "}},
		{"algorithm of another key", func(c *ginoidc.Config) { withKey(ecKey)(c); c.ClientKeyAlg = "RS256" },
			[]string{"ClientKeyAlg "}},
		{"key id without key", func(c *ginoidc.Config) { c.ClientKeyID = "k" }, []string{"ClientKeyID "}},
		{"algorithm without key", func(c *ginoidc.Config) { c.ClientKeyAlg = "ES256" }, []string{"ClientKeyAlg "}},
		{"idle time of a short lifetime", func(c *ginoidc.Config) { c.SessionLifetime = time.Millisecond },
			[]string{"SessionLifetime "}},
		{"key for encryption", func(c *ginoidc.Config) { withKey(ecKey)(c); c.ClientKeyAlg = "ECDH-ES" },
			[]string{"ClientKey "}},
		{"signed requests", func(c *ginoidc.Config) { c.SignRequests, c.ClientKey = true, ecKey }, nil},
		{"signed requests without a key", func(c *ginoidc.Config) { c.SignRequests = true }, []string{"ClientKey "}},
		{"key for decryption", func(c *ginoidc.Config) { c.DecryptionKey = ecKey }, nil},
		{"key that cannot decrypt", func(c *ginoidc.Config) {
			c.DecryptionKey = testapp.PEM(ed25519.NewKeyFromSeed([]byte(testapp.CookieSecret)))
		}, []string{"DecryptionKey "}},
		{"short secret for client_secret_jwt", func(c *ginoidc.Config) { c.ClientAuthMethod = "client_secret_jwt" },
			[]string{"ClientSecret "}},
		{"client_secret_jwt", func(c *ginoidc.Config) {
			c.ClientAuthMethod, c.ClientSecret = "client_secret_jwt", testapp.CookieSecret
		}, nil},
		{"certificate left out", func(c *ginoidc.Config) { c.ClientAuthMethod, c.ClientSecret = "tls_client_auth", "" },
			[]string{"ClientCertificate "}},
		{"certificate", func(c *ginoidc.Config) {
			c.ClientAuthMethod, c.ClientSecret, c.ClientCertificate = "self_signed_tls_client_auth", "", &tls.Certificate{}
		}, nil},
		{"certificate of a transport", func(c *ginoidc.Config) {
			c.ClientAuthMethod, c.ClientSecret, c.Transport = "tls_client_auth", "", http.DefaultTransport
		}, nil},
		{"unknown profile", func(c *ginoidc.Config) { c.Profile = "fapi" }, []string{"Profile "}},
		{"fapi2", fapi2, nil},
		{"fapi2 with a certificate", func(c *ginoidc.Config) {
			fapi2(c)
			c.ClientKey, c.ClientCertificate = nil,
				&tls.Certificate{}
		}, nil},
		{"fapi2 with a secret", func(c *ginoidc.Config) { c.Profile, c.ClientAuthMethod = "fapi2", "client_secret_basic" },
			[]string{"ClientAuthMethod "}},
		{"fapi2 without PAR", func(c *ginoidc.Config) { fapi2(c); c.PushedAuthorization = "auto" },
			[]string{"PushedAuthorization "}},
		{"fapi2 with RS256", func(c *ginoidc.Config) { fapi2(c); c.SigningAlgs = []string{"ES256", "RS256"} },
			[]string{"SigningAlgs "}},
		{"fapi2 with an RSA key", func(c *ginoidc.Config) { fapi2(c); c.ClientKey = rsaKey }, nil}, // which signs PS256
		{"fapi2 with a key for RS256", func(c *ginoidc.Config) { fapi2(c); c.ClientKey, c.ClientKeyAlg = rsaKey, "RS256" },
			[]string{"ClientKeyAlg "}},
		{"negative limit of sessions", func(c *ginoidc.Config) { c.MaxSessions = -1 }, []string{"MaxSessions "}},
		{"limit of sessions nobody counts", func(c *ginoidc.Config) { c.MaxSessions, c.State = 3, without("Listed") },
			[]string{"MaxSessions "}},
		{"two ways to the organizations", func(c *ginoidc.Config) {
			c.OrganizationsClaim, c.OrganizationsPath = "o",
				[]string{"a"}
		}, []string{"OrganizationsPath "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := validConfig()
			tt.change(&c)
			auth, err := ginoidc.New(c)
			if got := problemsOf(err); !slices.Equal(got, tt.want) || (auth == nil) != (err != nil) {
				t.Errorf("problems %q, want %q\n%v", got, tt.want, err)
			}
			if err != nil && strings.Contains(err.Error(), testapp.CookieSecret) {
				t.Error("the message shows a secret")
			}
		})
	}
}
