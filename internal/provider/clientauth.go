package provider

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" // RFC 7523 section 2.2

	// MinHMACSecret is the minimum length in bytes of a client secret for client_secret_jwt (a key for HS256, RFC 7518
	// section 3.2). A shorter one could be found offline by anyone who has seen an assertion.
	MinHMACSecret = 32
)

// Client authentication methods (OpenID Connect Core 1.0 section 9, RFC 8705 section 2).
const (
	ClientSecretBasic       = "client_secret_basic"
	ClientSecretPost        = "client_secret_post"
	ClientSecretJWT         = "client_secret_jwt"
	PrivateKeyJWT           = "private_key_jwt"
	TLSClientAuth           = "tls_client_auth"
	SelfSignedTLSClientAuth = "self_signed_tls_client_auth"
	ClientAuthNone          = "none"
)

// authenticate adds this client's authentication (OpenID Connect Core 1.0 section 9, RFC 8705 section 2) to a request
// that carries form. The method is fixed by the configuration: probing would send the same code twice. Each
// call makes a new assertion, so none is ever sent twice.
func (p *Provider) authenticate(op string, form url.Values, header http.Header) error {
	switch p.authMethod {
	case ClientSecretBasic: // both are form-encoded first (RFC 6749 section 2.3.1)
		basic := &http.Request{Header: header}
		basic.SetBasicAuth(url.QueryEscape(p.clientID), url.QueryEscape(p.clientSecret))
		return nil
	case ClientSecretPost:
		form.Set("client_secret", p.clientSecret)
	case ClientSecretJWT, PrivateKeyJWT:
		assertion, err := p.clientAssertion(op)
		if err != nil {
			return err
		}
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", assertion)
	case TLSClientAuth, SelfSignedTLSClientAuth:
		if !p.certificate { // otherwise the code would be sent without any authentication
			return misconfigured(op, "auth_method", "%s needs a client certificate", p.authMethod)
		}
	case ClientAuthNone:
	default:
		return misconfigured(op, "auth_method", "client authentication %s is not supported", excerpt(p.authMethod))
	}
	form.Set("client_id", p.clientID)
	return nil
}

// UsesMutualTLS reports whether the method authenticates by the TLS client certificate.
func UsesMutualTLS(method string) bool {
	return method == TLSClientAuth || method == SelfSignedTLSClientAuth
}

// clientAssertion returns the JWT by which this client authenticates (RFC 7523 section 3).
func (p *Provider) clientAssertion(op string) (string, error) {
	claims := p.ownClaims()
	claims["sub"] = p.clientID
	if p.authMethod == PrivateKeyJWT {
		return p.clientKey.sign(op, "JWT", claims)
	}
	if len(p.clientSecret) < MinHMACSecret {
		return "", misconfigured(op, "auth_method", "client_secret_jwt needs a secret of at least %d bytes", MinHMACSecret)
	}
	return signJWT(op, jose.SigningKey{Algorithm: jose.HS256, Key: []byte(p.clientSecret)},
		jose.SignerOptions{}, "JWT", claims)
}

// checkAuthMethod warns once if the provider does not list the configured method. The method may still work: the lists
// are often out of date, and most omit none, which authenticates nothing.
func (p *Provider) checkAuthMethod(ctx context.Context, metadata *Metadata) {
	if metadata.AuthMethods == nil || p.authMethod == ClientAuthNone ||
		slices.Contains(metadata.AuthMethods, p.authMethod) {
		return
	}
	p.authWarning.Do(func() {
		p.report(ctx, Event{
			Level: slog.LevelWarn, Text: "the provider does not list this client's authentication method",
			Attrs: []slog.Attr{
				slog.String("method", p.authMethod), slog.String("supported", cut(strings.Join(metadata.AuthMethods, " "))),
			},
		})
	})
}
