package provider

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/origin"
)

const opDiscovery = "discovery"

// Metadata holds the part of the provider's discovery document that this client uses (OpenID Connect Discovery 1.0
// section 3, RFC 8414 section 2, RFC 9207 section 3, RFC 9126 section 5, RFC 9449 section 5.1, RP-Initiated Logout 1.0
// section 2.1). All endpoints have been checked.
type Metadata struct {
	Issuer                string
	AuthorizationEndpoint string
	TokenEndpoint         string
	JWKSURI               string
	UserinfoEndpoint      string // "" if there is none
	EndSessionEndpoint    string // "" if there is none, or none that is usable
	RevocationEndpoint    string // likewise
	IntrospectionEndpoint string // likewise

	PushedAuthorizationRequestEndpoint string // "" if there is none
	RequirePushedAuthorizationRequests bool

	// AuthorizationResponseIssParameterSupported means that every authorization response carries iss.
	AuthorizationResponseIssParameterSupported bool

	// TLSClientCertificateBoundAccessTokens means that access tokens are bound to the client's certificate (RFC 8705
	// section 3.3).
	TLSClientCertificateBoundAccessTokens bool

	// The provider's lists, nil if absent.
	AuthMethods          []string // token_endpoint_auth_methods_supported
	ResponseModes        []string // response_modes_supported
	CodeChallengeMethods []string // code_challenge_methods_supported
	DPoPSigningAlgs      []string // dpop_signing_alg_values_supported
}

// Metadata returns the provider's metadata: fetched on first use, shared by concurrent callers, retried with backoff,
// refreshed in the background after an hour, and kept in use while the provider is unavailable. The caller must not
// modify it.
func (p *Provider) Metadata(ctx context.Context) (*Metadata, error) {
	return p.metadata.get(ctx)
}

func (p *Provider) fetchMetadata(ctx context.Context) (*Metadata, error) {
	a, err := p.backend.get(ctx, opDiscovery, p.metadataAddress())
	if err == nil {
		var metadata *Metadata
		if metadata, err = parseMetadata(a.body, p.issuer, UsesMutualTLS(p.authMethod)); err == nil {
			err = p.checkSupport(ctx, metadata)
		}
		if err == nil {
			return metadata, nil
		}
	}
	p.report(ctx, Event{
		Level: slog.LevelError, Text: "discovery failed", Attrs: []slog.Attr{slog.String("issuer", p.issuer)}, Err: err,
	})
	return nil, err
}

// metadataAddress returns where the metadata is (OpenID Connect Discovery 1.0 section 4).
func (p *Provider) metadataAddress() string {
	return strings.TrimSuffix(metadataIssuer(p.issuer), "/") + "/.well-known/openid-configuration"
}

func parseMetadata(body []byte, issuer string, overMutualTLS bool) (*Metadata, error) {
	object, err := decodeObject(body, maxBody)
	if err != nil {
		return nil, invalid(opDiscovery, "bad_document", "%w", err)
	}
	doc := document(object)
	if got, _ := doc.text("issuer"); got != issuer {
		return nil, issuerMismatch(issuer, got)
	}
	if overMutualTLS {
		if err := doc.useMutualTLSAliases(); err != nil {
			return nil, invalid(opDiscovery, "bad_endpoint", "%w", err)
		}
	}
	metadata := &Metadata{
		Issuer:                             issuer,
		RequirePushedAuthorizationRequests: object["require_pushed_authorization_requests"] == true,
		AuthorizationResponseIssParameterSupported: object["authorization_response_iss_parameter_supported"] == true,
		TLSClientCertificateBoundAccessTokens:      object["tls_client_certificate_bound_access_tokens"] == true,
		AuthMethods:                                doc.list("token_endpoint_auth_methods_supported"),
		ResponseModes:                              doc.list("response_modes_supported"),
		CodeChallengeMethods:                       doc.list("code_challenge_methods_supported"),
		DPoPSigningAlgs:                            doc.list("dpop_signing_alg_values_supported"),
	}
	var problems [5]error
	metadata.AuthorizationEndpoint, problems[0] = doc.endpoint("authorization_endpoint", true)
	metadata.TokenEndpoint, problems[1] = doc.endpoint("token_endpoint", true)
	metadata.JWKSURI, problems[2] = doc.endpoint("jwks_uri", true)
	metadata.UserinfoEndpoint, problems[3] = doc.endpoint("userinfo_endpoint", false)
	metadata.PushedAuthorizationRequestEndpoint, problems[4] = doc.endpoint("pushed_authorization_request_endpoint", false)
	if err := errors.Join(problems[:]...); err != nil {
		return nil, invalid(opDiscovery, "bad_endpoint", "%w", err)
	}
	// Sign-out also works locally without these, so a bad one must not prevent sign-in.
	metadata.EndSessionEndpoint, _ = doc.endpoint("end_session_endpoint", false)
	metadata.RevocationEndpoint, _ = doc.endpoint("revocation_endpoint", false)
	metadata.IntrospectionEndpoint, _ = doc.endpoint("introspection_endpoint", false)
	return metadata, nil
}

// checkSupport refuses a provider that does not support this client's configuration, before any browser is sent there.
func (p *Provider) checkSupport(ctx context.Context, m *Metadata) error {
	p.checkAuthMethod(ctx, m)
	if p.responseMode != "" && m.ResponseModes != nil && !slices.Contains(m.ResponseModes, p.responseMode) {
		p.report(ctx, Event{
			Level: slog.LevelWarn, Text: "the provider does not list the response mode",
			Attrs: []slog.Attr{slog.String("mode", p.responseMode)},
		})
	}
	if p.fapi2 {
		if err := p.checkFAPI2(m); err != nil { // first, because it lists everything that is missing
			return err
		}
	}
	if p.ipsie {
		if err := checkIPSIE(m); err != nil {
			return err
		}
	}
	if p.dpop && m.DPoPSigningAlgs != nil && !slices.Contains(m.DPoPSigningAlgs, dpopAlg) {
		return misconfigured(opDiscovery, "dpop_unsupported", "the provider accepts DPoP proofs signed with %s only, not %s",
			excerpt(strings.Join(m.DPoPSigningAlgs, " ")), dpopAlg)
	}
	return p.checkPushed(m)
}

// issuerMismatch stops a document of another issuer from being accepted as ours (OpenID Connect Discovery 1.0 section
// 4.3). For the most common cause the text says how to fix it.
func issuerMismatch(want, got string) *Error {
	hint := ""
	if strings.TrimSuffix(want, "/") == strings.TrimSuffix(got, "/") {
		hint = fmt.Sprintf("; only the trailing slash differs: configure the issuer as exactly %s", excerpt(got))
	}
	return misconfigured(opDiscovery, "issuer_mismatch", "%w: configured %s, the provider calls itself %s%s",
		ErrIssuerMismatch, excerpt(want), excerpt(got), hint)
}

// useMutualTLSAliases replaces endpoints by those at which the provider requests a client certificate (RFC 8705 section
// 5). They are checked in the same way.
func (d document) useMutualTLSAliases() error {
	const name = "mtls_endpoint_aliases"
	aliases, ok := d[name].(map[string]any)
	if d.has(name) && !ok {
		return fmt.Errorf("%s is not an object", name)
	}
	for _, endpoint := range []string{
		"token_endpoint", "pushed_authorization_request_endpoint", "userinfo_endpoint", "revocation_endpoint",
		"introspection_endpoint",
	} {
		if alias := aliases[endpoint]; alias != nil && alias != "" {
			d[endpoint] = alias
		}
	}
	return nil
}

// endpoint reads an endpoint of the provider, or "" if it is absent. An empty string counts as absent: it is not a URL.
func (d document) endpoint(name string, required bool) (string, error) {
	text, err := d.text(name)
	switch {
	case err != nil:
		return "", err
	case text == "" && required:
		return "", fmt.Errorf("%s is missing", name)
	case text == "":
		return "", nil
	}
	issuer, _ := d.text("issuer") // ours, as parseMetadata has checked
	if err := checkEndpoint(text, strings.HasPrefix(strings.ToLower(issuer), "http:")); err != nil {
		return "", fmt.Errorf("%s %s: %w", name, excerpt(text), err)
	}
	return text, nil
}

// checkEndpoint accepts an absolute https URL without userinfo and fragment. It stops javascript: URLs in redirects,
// and codes and secrets sent unencrypted over a network. On a loopback host the URL may be http if the issuer is too,
// as in tests: an https issuer's document that names one would have secrets sent to whatever listens on this machine.
func checkEndpoint(raw string, httpIssuer bool) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("not a URL")
	case u.Scheme != "https" && (u.Scheme != "http" || !httpIssuer || !origin.IsLoopback(u.Hostname())):
		return errors.New("not https")
	case u.Hostname() == "":
		return errors.New("not an absolute URL")
	case u.User != nil:
		return errors.New("holds userinfo")
	case strings.Contains(raw, "#"):
		return errors.New("holds a fragment")
	}
	return nil
}
