package provider

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"slices"

	"github.com/seed-d65cea4d/ginoidc/internal/origin"
)

// TLSConfig is for connections of this client: TLS 1.2 or later, to servers that roots vouch for (nil: the system's).
// certificate, if not nil, is shown to a server that asks for one.
func TLSConfig(roots *x509.CertPool, certificate *tls.Certificate) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	if certificate != nil {
		// Whatever authorities the server names: a self-signed certificate is of none of them (RFC 8705 section 2.2).
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
	}
	return config
}

// Certified gives the transport of requests of the app's own, for [Provider.Send]: certified, which shows the client's
// certificate, for the provider and for the resource servers at origins, and plain for everybody else. Access tokens
// may be bound to the certificate (RFC 8705 section 3). It says who this client is, so a request that a redirect
// brought to another origin goes without it, wherever that is.
func (p *Provider) Certified(plain, certified http.RoundTripper, origins []string) http.RoundTripper {
	return &certificateTransport{p, plain, certified, slices.Clone(origins)}
}

// certificateTransport has connections of its own for either kind, so that one made with the certificate carries
// nothing else.
type certificateTransport struct {
	provider         *Provider
	plain, certified http.RoundTripper
	origins          []string
}

// RoundTrip implements http.RoundTripper.
func (t *certificateTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if at := origin.Of(req.URL); req.URL.Scheme == "https" && !redirectedAway(req) &&
		(slices.Contains(t.origins, at) || slices.Contains(t.provider.origins(), at)) {
		return t.certified.RoundTrip(req)
	}
	return t.plain.RoundTrip(req)
}

// origins are the provider's own: of the issuer and of the userinfo endpoint, as far as its metadata is known.
func (p *Provider) origins() (origins []string) {
	addresses := []string{p.issuer}
	if metadata := p.metadata.known(); metadata != nil {
		addresses = append(addresses, metadata.UserinfoEndpoint)
	}
	for _, address := range addresses {
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			origins = append(origins, origin.Of(u))
		}
	}
	return origins
}
