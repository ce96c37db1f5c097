package provider

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/origin"
)

// TLSConfig returns the TLS configuration of this client's connections: TLS 1.2 or later, to servers that roots vouch
// for (nil means the system's roots). A certificate that is not nil is presented to any server that requests one.
func TLSConfig(roots *x509.CertPool, certificate *tls.Certificate) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	if certificate != nil {
		// The authorities that the server names are ignored: none of them issued a self-signed certificate (RFC 8705 section
		// 2.2).
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
	}
	return config
}

// Certified returns the transport for the app's own requests, for [Provider.Send]. Requests to the provider and to the
// resource servers at origins use certified, which presents the client's certificate, because access tokens may be
// bound to it (RFC 8705 section 3). All others use plain. The certificate identifies this client, so a request that a
// redirect sent to another origin goes without it, whatever that origin is.
func (p *Provider) Certified(plain, certified http.RoundTripper, origins []string) http.RoundTripper {
	return &certificateTransport{p, plain, certified, slices.Clone(origins)}
}

// ResourceTransport returns such a transport with the timeouts of http.DefaultTransport. It trusts the servers that
// roots vouch for. certificate is nil if the client has none.
func (p *Provider) ResourceTransport(
	roots *x509.CertPool, certificate *tls.Certificate, origins []string,
) http.RoundTripper {
	plain := http.DefaultTransport
	if roots != nil {
		plain = resourceTransport(TLSConfig(roots, nil))
	}
	if certificate == nil {
		return plain
	}
	return p.Certified(plain, resourceTransport(TLSConfig(roots, certificate)), origins)
}

func resourceTransport(config *tls.Config) http.RoundTripper {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		ForceAttemptHTTP2:   true,
	}
}

// certificateTransport uses separate connections for the two kinds, so that a connection made with the certificate
// carries nothing else.
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

// origins returns the provider's own origins: that of the issuer and, once the metadata is known, that of the userinfo
// endpoint.
func (p *Provider) origins() (origins []string) {
	addresses := []string{metadataIssuer(p.issuer)}
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
