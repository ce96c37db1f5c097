package ginoidc

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// profileFAPI2 is the Config.Profile of the FAPI 2.0 Security Profile.
const profileFAPI2 = "fapi2"

// fapi2Algs are the algorithms of FAPI 2.0 Security Profile, section 5.4.1.
func fapi2Algs() []string { return []string{"PS256", "ES256", "EdDSA"} }

// withFAPI2 fills what the profile leaves no choice of.
func (c Config) withFAPI2() Config {
	if c.ClientCertificate != nil && len(c.ClientKey) == 0 {
		setDefault(&c.ClientAuthMethod, provider.TLSClientAuth)
	}
	setDefault(&c.ClientAuthMethod, provider.PrivateKeyJWT)
	setDefault(&c.PushedAuthorization, provider.PushAlways)
	if !c.mutualTLS() {
		c.DPoP = true
	}
	if len(c.SigningAlgs) == 0 {
		c.SigningAlgs = fapi2Algs()
	}
	if key, err := c.clientKey(); c.ClientKeyAlg == "" && err == nil && key.Alg() == "RS256" {
		c.ClientKeyAlg = "PS256"
	}
	return c
}

func (c *Config) mutualTLS() bool {
	return provider.UsesMutualTLS(c.ClientAuthMethod)
}

// clientKey reads ClientKey, and decryptionKey reads DecryptionKey. The errors never cite a key.
func (c *Config) clientKey() (*provider.PrivateKey, error) {
	return provider.ParsePrivateKey(c.ClientKey, c.ClientKeyAlg, c.ClientKeyID)
}

func (c *Config) decryptionKey() (*provider.PrivateKey, error) {
	return provider.ParsePrivateKey(c.DecryptionKey, "", "")
}

// validateClient checks that the app has what its way of authenticating needs, and nothing that another would.
func (c *Config) validateClient(p *problems) {
	method := c.ClientAuthMethod
	switch method {
	case provider.ClientSecretBasic, provider.ClientSecretPost:
		if c.ClientSecret == "" {
			p.add("ClientSecret", "is empty", "set the client secret, or the client authentication method to none for a public client")
		}
	case provider.ClientSecretJWT:
		if len(c.ClientSecret) < provider.MinHMACSecret {
			p.add("ClientSecret", fmt.Sprintf("has %d bytes instead of at least %d, which client_secret_jwt needs", len(c.ClientSecret), provider.MinHMACSecret), "have the provider make a longer one, or use another method")
		}
	case provider.PrivateKeyJWT, provider.TLSClientAuth, provider.SelfSignedTLSClientAuth, provider.ClientAuthNone:
		if c.ClientSecret != "" {
			p.add("ClientSecret", "is set although the client authentication method is "+method, "remove one of the two")
		}
	default:
		p.add("ClientAuthMethod", fmt.Sprintf("%q is not supported", method), "use client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt, tls_client_auth, self_signed_tls_client_auth or none")
	}
	if c.mutualTLS() && c.ClientCertificate == nil && c.Transport == nil {
		p.add("ClientCertificate", "is not set although the client authentication method is "+method, "set the certificate with its private key")
	}
	if len(c.CertificateOrigins) > 0 && c.ClientCertificate == nil && !p.unread("ClientCertificate") {
		p.add("CertificateOrigins", "is set and there is no ClientCertificate to show", "set ClientCertificate, or leave it out")
	}
	c.validateKeys(p)
	if c.Profile == profileFAPI2 {
		c.validateFAPI2(p)
	} else if c.Profile != "" {
		p.add("Profile", fmt.Sprintf("%q is not known", c.Profile), "use fapi2 or leave it out")
	}
}

func (c *Config) validateKeys(p *problems) {
	const (
		mend  = "make one with openssl genpkey -algorithm ed25519, or -algorithm EC -pkeyopt ec_paramgen_curve:P-256"
		noKey = "is set and there is no ClientKey that it is about"
	)
	needed := c.ClientAuthMethod == provider.PrivateKeyJWT || c.SignRequests
	switch {
	case len(c.ClientKey) > 0:
		if key, err := c.clientKey(); unfit(err) && c.ClientKeyAlg != "" {
			p.add("ClientKeyAlg", fmt.Sprintf("%q: %v", c.ClientKeyAlg, errors.Unwrap(err)), "leave it out, or use one that the key can sign with")
		} else if err != nil {
			p.add("ClientKey", errors.Unwrap(err).Error(), mend)
		} else if !key.CanSign() {
			p.add("ClientKey", "is a key for encryption", mend)
		} else if !needed {
			p.add("ClientKey", "is set and neither private_key_jwt nor SignRequests uses it", "remove it, or set one of them")
		}
	case needed || p.unread("ClientKey"):
		p.add("ClientKey", "is empty although private_key_jwt or SignRequests needs it", mend)
	default:
		if c.ClientKeyAlg != "" {
			p.add("ClientKeyAlg", noKey, "set ClientKey, or leave it out")
		}
		if c.ClientKeyID != "" {
			p.add("ClientKeyID", noKey, "set ClientKey, or leave it out")
		}
	}
	if len(c.DecryptionKey) > 0 {
		if key, err := c.decryptionKey(); err != nil {
			p.add("DecryptionKey", errors.Unwrap(err).Error(), "make one with openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256")
		} else if !key.CanDecrypt() {
			p.add("DecryptionKey", "is a key for signatures", "use an RSA or EC key")
		}
	}
}

// unfit tells that a key was read and cannot be used with the algorithm.
func unfit(err error) bool {
	var bad *provider.Error
	return errors.As(err, &bad) && bad.Code == "key_algorithm"
}

// validateFAPI2 refuses what the profile does not allow (FAPI 2.0 Security Profile, sections 5.3.3 and 5.4.1).
func (c *Config) validateFAPI2(p *problems) {
	if c.ClientAuthMethod != provider.PrivateKeyJWT && !c.mutualTLS() {
		p.add("ClientAuthMethod", fmt.Sprintf("%q is not allowed by the profile fapi2", c.ClientAuthMethod), "use private_key_jwt, tls_client_auth or self_signed_tls_client_auth")
	}
	if c.PushedAuthorization != provider.PushAlways {
		p.add("PushedAuthorization", fmt.Sprintf("%q is not allowed by the profile fapi2", c.PushedAuthorization), "leave it out")
	}
	notAllowed := func(alg string) bool { return !slices.Contains(fapi2Algs(), alg) }
	if slices.ContainsFunc(c.SigningAlgs, notAllowed) {
		p.add("SigningAlgs", "are not those of the profile fapi2", "use of "+strings.Join(fapi2Algs(), " ")+", or leave it out")
	}
	if key, err := c.clientKey(); len(c.ClientKey) > 0 && err == nil && notAllowed(key.Alg()) {
		p.add("ClientKeyAlg", fmt.Sprintf("%q is not allowed by the profile fapi2", key.Alg()), "use one of "+strings.Join(fapi2Algs(), " "))
	}
}
