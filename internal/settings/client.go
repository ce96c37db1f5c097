package settings

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// Client has the settings by which an app authenticates to a provider, and those of the profile, which restrict it.
type Client struct {
	ClientID, ClientSecret, ClientAuthMethod string
	ClientKey, DecryptionKey                 []byte
	ClientKeyAlg, ClientKeyID                string
	SignRequests                             bool
	ClientCertificate                        *tls.Certificate
	CertificateOrigins                       []string
	Transport                                http.RoundTripper // of the app: it may have a certificate itself
	RootCAs                                  *x509.CertPool
	DPoP                                     bool

	Profile     string
	SigningAlgs []string
}

// checkClient checks that the credentials of the app match its client authentication method. A credential that the
// method does not use is refused and not ignored: one of the two settings is a mistake, and only the operator knows
// which one the provider expects.
func (p *Provider) checkClient(found *Problems) {
	p.checkMethod(found)
	if provider.UsesMutualTLS(p.ClientAuthMethod) && p.ClientCertificate == nil && p.Transport == nil {
		found.Add("ClientCertificate", "is not set although the client authentication method is "+p.ClientAuthMethod,
			"set the certificate with its private key")
	}
	if len(p.CertificateOrigins) > 0 && p.ClientCertificate == nil && !found.Unread("ClientCertificate") {
		found.Add("CertificateOrigins", "is set and there is no ClientCertificate to show",
			"set ClientCertificate, or leave it out")
	}
	// The certificate proves who the app is, so it is shown only to addresses that are named in full.
	for _, o := range p.CertificateOrigins {
		if !IsOrigin(o) || !strings.HasPrefix(o, "https:") {
			found.Add("CertificateOrigins", fmt.Sprintf("%q is not an https origin", o), fixOrigin)
		}
	}
	p.checkKeys(found)
	switch p.Profile {
	case "":
	case ProfileFAPI2:
		p.checkFAPI2(found)
	case ProfileIPSIESL1:
		p.checkIPSIE(found)
	default:
		found.Add("Profile", fmt.Sprintf("%q is not known", p.Profile), "use fapi2 or ipsie-sl1, or leave it out")
	}
}

// checkMethod checks the client authentication method and the client secret.
func (c *Client) checkMethod(found *Problems) {
	method := c.ClientAuthMethod
	switch method {
	case "client_secret_basic", "client_secret_post":
		if c.ClientSecret == "" {
			found.Add("ClientSecret", "is empty",
				"set the client secret, or the client authentication method to none for a public client")
		}
	case "client_secret_jwt":
		if n := len(c.ClientSecret); n < provider.MinHMACSecret {
			found.Add("ClientSecret",
				fmt.Sprintf("has %d bytes instead of at least %d, which client_secret_jwt needs", n, provider.MinHMACSecret),
				"have the provider make a longer one, or use another method")
		}
	case "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth", "none":
		if c.ClientSecret != "" {
			found.Add("ClientSecret", "is set although the client authentication method is "+method, "remove one of the two")
		}
	default:
		found.Add("ClientAuthMethod", fmt.Sprintf("%q is not supported", method),
			"use client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt, tls_client_auth, "+
				"self_signed_tls_client_auth or none")
	}
}

// key reads ClientKey. Errors of keys never quote one.
func (c *Client) key() (*provider.PrivateKey, error) {
	return provider.ParsePrivateKey(c.ClientKey, c.ClientKeyAlg, c.ClientKeyID)
}

// checkKeys reports keys that cannot be used, and those that no other setting uses: the operator would believe that
// they protect something.
func (c *Client) checkKeys(found *Problems) {
	const fix = "make one with openssl genpkey -algorithm ed25519, or -algorithm EC -pkeyopt ec_paramgen_curve:P-256"
	needed := c.ClientAuthMethod == "private_key_jwt" || c.SignRequests
	switch {
	case len(c.ClientKey) > 0:
		if key, err := c.key(); unfit(err) && c.ClientKeyAlg != "" {
			found.Add("ClientKeyAlg", fmt.Sprintf("%q: %v", c.ClientKeyAlg, errors.Unwrap(err)),
				"leave it out, or use one that the key can sign with")
		} else if err != nil {
			found.Add("ClientKey", errors.Unwrap(err).Error(), fix)
		} else if !key.CanSign() {
			found.Add("ClientKey", "is a key for encryption", fix)
		} else if !needed {
			found.Add("ClientKey", "is set and neither private_key_jwt nor SignRequests uses it",
				"remove it, or set one of them")
		}
	case needed || found.Unread("ClientKey"):
		found.Add("ClientKey", "is empty although private_key_jwt or SignRequests needs it", fix)
	default:
		for _, s := range []struct{ field, value string }{{"ClientKeyAlg", c.ClientKeyAlg}, {"ClientKeyID", c.ClientKeyID}} {
			if s.value != "" {
				found.Add(s.field, "is set and there is no ClientKey that it is about", "set ClientKey, or leave it out")
			}
		}
	}
	if len(c.DecryptionKey) > 0 {
		if key, err := provider.ParsePrivateKey(c.DecryptionKey, "", ""); err != nil {
			found.Add("DecryptionKey", errors.Unwrap(err).Error(),
				"make one with openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256")
		} else if !key.CanDecrypt() {
			found.Add("DecryptionKey", "is a key for signatures", "use an RSA or EC key")
		}
	}
}

// unfit reports whether a key was read but cannot be used with the algorithm, so that ClientKeyAlg is to be corrected
// and not the key.
func unfit(err error) bool {
	var bad *provider.Error
	return errors.As(err, &bad) && bad.Code == "key_algorithm"
}

// checkFAPI2 reports settings that the profile does not allow (FAPI 2.0 Security Profile, sections 5.3.3 and 5.4.1).
func (p *Provider) checkFAPI2(found *Problems) {
	if p.ClientAuthMethod != "private_key_jwt" && !provider.UsesMutualTLS(p.ClientAuthMethod) {
		found.Add("ClientAuthMethod", fmt.Sprintf("%q is not allowed by the profile fapi2", p.ClientAuthMethod),
			"use private_key_jwt, tls_client_auth or self_signed_tls_client_auth")
	}
	if p.PushedAuthorization != "always" {
		found.Add("PushedAuthorization", fmt.Sprintf("%q is not allowed by the profile fapi2", p.PushedAuthorization),
			"leave it out")
	}
	p.checkAlgs(found)
}

// checkIPSIE reports settings that the profile does not allow. The cryptography is that of its common requirements.
func (p *Provider) checkIPSIE(found *Problems) {
	if strings.HasPrefix(p.Issuer, "http:") {
		found.Add("Issuer", "is not https, which the profile ipsie-sl1 requires", "use https")
	}
	p.checkAlgs(found)
	if p.ClientAuthMethod == "client_secret_jwt" {
		found.Add("ClientAuthMethod", "signs with HS256, which the profile ipsie-sl1 does not allow",
			"use private_key_jwt, a certificate or client_secret_basic")
	}
	if len(p.TrustedAudiences) > 0 {
		found.Add("TrustedAudiences", "is not allowed by the profile ipsie-sl1: ID tokens have one audience", "leave it out")
	}
}

// checkAlgs reports algorithms that the profile does not allow. Both have the same ones.
func (c *Client) checkAlgs(found *Problems) {
	notAllowed := func(alg string) bool { return !slices.Contains(FAPI2Algs(), alg) }
	algs := strings.Join(FAPI2Algs(), " ")
	if slices.ContainsFunc(c.SigningAlgs, notAllowed) {
		found.Add("SigningAlgs", "are not those of the profile "+c.Profile, "use only "+algs+", or leave it out")
	}
	if key, err := c.key(); len(c.ClientKey) > 0 && err == nil && notAllowed(key.Alg()) {
		found.Add("ClientKeyAlg", fmt.Sprintf("%q is not allowed by the profile %s", key.Alg(), c.Profile),
			"use one of "+algs)
	}
}
