package ginoidc

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// fapi2Algs returns the algorithms of FAPI 2.0 Security Profile, section 5.4.1.
func fapi2Algs() []string { return []string{"PS256", "ES256", "EdDSA"} }

// setFAPI2 sets the fields for which the profile allows only one value.
func (p *Provider) setFAPI2() {
	if p.ClientCertificate != nil && len(p.ClientKey) == 0 {
		setDefault(&p.ClientAuthMethod, TLSClientAuth)
	}
	setDefault(&p.ClientAuthMethod, PrivateKeyJWT)
	setDefault(&p.PushedAuthorization, Always)
	if !p.mutualTLS() {
		p.DPoP = true
	}
	if len(p.SigningAlgs) == 0 {
		p.SigningAlgs = fapi2Algs()
	}
	if key, err := p.clientKey(); p.ClientKeyAlg == "" && err == nil && key.Alg() == "RS256" {
		p.ClientKeyAlg = "PS256"
	}
}

// mutualTLS reports whether the client authenticates with its certificate (RFC 8705, section 2).
func (p *Provider) mutualTLS() bool {
	return provider.UsesMutualTLS(p.ClientAuthMethod)
}

// clientKey reads ClientKey, and decryptionKey reads DecryptionKey. The errors never quote a key.
func (p *Provider) clientKey() (*provider.PrivateKey, error) {
	return provider.ParsePrivateKey(p.ClientKey, p.ClientKeyAlg, p.ClientKeyID)
}

func (p *Provider) decryptionKey() (*provider.PrivateKey, error) {
	return provider.ParsePrivateKey(p.DecryptionKey, "", "")
}

// validateClient checks that the credentials of the app match its client authentication method.
func (p *Provider) validateClient(found *problems) {
	method := p.ClientAuthMethod
	switch method {
	case ClientSecretBasic, ClientSecretPost:
		if p.ClientSecret == "" {
			found.add("ClientSecret", "is empty",
				"set the client secret, or the client authentication method to none for a public client")
		}
	case ClientSecretJWT:
		if n := len(p.ClientSecret); n < provider.MinHMACSecret {
			found.add("ClientSecret",
				fmt.Sprintf("has %d bytes instead of at least %d, which client_secret_jwt needs", n, provider.MinHMACSecret),
				"have the provider make a longer one, or use another method")
		}
	case PrivateKeyJWT, TLSClientAuth, SelfSignedTLSClientAuth, ClientAuthNone:
		if p.ClientSecret != "" {
			found.add("ClientSecret", "is set although the client authentication method is "+method, "remove one of the two")
		}
	default:
		found.add("ClientAuthMethod", fmt.Sprintf("%q is not supported", method),
			"use client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt, tls_client_auth, "+
				"self_signed_tls_client_auth or none")
	}
	if p.mutualTLS() && p.ClientCertificate == nil && p.Transport == nil {
		found.add("ClientCertificate", "is not set although the client authentication method is "+method,
			"set the certificate with its private key")
	}
	if len(p.CertificateOrigins) > 0 && p.ClientCertificate == nil && !found.unread("ClientCertificate") {
		found.add("CertificateOrigins", "is set and there is no ClientCertificate to show",
			"set ClientCertificate, or leave it out")
	}
	for _, o := range p.CertificateOrigins {
		if !isOrigin(o) || !strings.HasPrefix(o, "https:") {
			found.add("CertificateOrigins", fmt.Sprintf("%q is not an https origin", o),
				"write scheme, host and port only, in lower case and without a pattern")
		}
	}
	p.validateKeys(found)
	if p.Profile == ProfileFAPI2 {
		p.validateFAPI2(found)
	} else if p.Profile != "" {
		found.add("Profile", fmt.Sprintf("%q is not known", p.Profile), "use fapi2 or leave it out")
	}
}

// validateKeys reports keys that cannot be used, and those that no other setting uses.
func (p *Provider) validateKeys(found *problems) {
	const (
		fix   = "make one with openssl genpkey -algorithm ed25519, or -algorithm EC -pkeyopt ec_paramgen_curve:P-256"
		noKey = "is set and there is no ClientKey that it is about"
	)
	needed := p.ClientAuthMethod == PrivateKeyJWT || p.SignRequests
	switch {
	case len(p.ClientKey) > 0:
		if key, err := p.clientKey(); unfit(err) && p.ClientKeyAlg != "" {
			found.add("ClientKeyAlg", fmt.Sprintf("%q: %v", p.ClientKeyAlg, errors.Unwrap(err)),
				"leave it out, or use one that the key can sign with")
		} else if err != nil {
			found.add("ClientKey", errors.Unwrap(err).Error(), fix)
		} else if !key.CanSign() {
			found.add("ClientKey", "is a key for encryption", fix)
		} else if !needed {
			found.add("ClientKey", "is set and neither private_key_jwt nor SignRequests uses it",
				"remove it, or set one of them")
		}
	case needed || found.unread("ClientKey"):
		found.add("ClientKey", "is empty although private_key_jwt or SignRequests needs it", fix)
	default:
		if p.ClientKeyAlg != "" {
			found.add("ClientKeyAlg", noKey, "set ClientKey, or leave it out")
		}
		if p.ClientKeyID != "" {
			found.add("ClientKeyID", noKey, "set ClientKey, or leave it out")
		}
	}
	if len(p.DecryptionKey) > 0 {
		if key, err := p.decryptionKey(); err != nil {
			found.add("DecryptionKey", errors.Unwrap(err).Error(),
				"make one with openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256")
		} else if !key.CanDecrypt() {
			found.add("DecryptionKey", "is a key for signatures", "use an RSA or EC key")
		}
	}
}

// unfit reports whether a key was read but cannot be used with the algorithm.
func unfit(err error) bool {
	var bad *provider.Error
	return errors.As(err, &bad) && bad.Code == "key_algorithm"
}

// validateFAPI2 reports settings that the profile does not allow (FAPI 2.0 Security Profile, sections 5.3.3 and 5.4.1).
func (p *Provider) validateFAPI2(found *problems) {
	if p.ClientAuthMethod != PrivateKeyJWT && !p.mutualTLS() {
		found.add("ClientAuthMethod", fmt.Sprintf("%q is not allowed by the profile fapi2", p.ClientAuthMethod),
			"use private_key_jwt, tls_client_auth or self_signed_tls_client_auth")
	}
	if p.PushedAuthorization != Always {
		found.add("PushedAuthorization", fmt.Sprintf("%q is not allowed by the profile fapi2", p.PushedAuthorization),
			"leave it out")
	}
	notAllowed := func(alg string) bool { return !slices.Contains(fapi2Algs(), alg) }
	if slices.ContainsFunc(p.SigningAlgs, notAllowed) {
		found.add("SigningAlgs", "are not those of the profile fapi2",
			"use only "+strings.Join(fapi2Algs(), " ")+", or leave it out")
	}
	if key, err := p.clientKey(); len(p.ClientKey) > 0 && err == nil && notAllowed(key.Alg()) {
		found.add("ClientKeyAlg", fmt.Sprintf("%q is not allowed by the profile fapi2", key.Alg()),
			"use one of "+strings.Join(fapi2Algs(), " "))
	}
}
