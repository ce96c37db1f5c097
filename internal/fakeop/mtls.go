package fakeop

import (
	"crypto"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// mtlsEndpoints returns the endpoints where a client may authenticate, or use a token, over mutual TLS (RFC 8705, 5).
func mtlsEndpoints() []Endpoint { return []Endpoint{Token, UserInfo, PAR, Revocation, Introspection} }

// checkCertificate requires the registered key in the certificate of the TLS connection (RFC 8705, 2). The handshake
// has proved that the client holds its private key.
func (p *Provider) checkCertificate(r *http.Request) *oauthError {
	registered, ok := p.cfg.ClientKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || r.TLS == nil || len(r.TLS.PeerCertificates) == 0 || !registered.Equal(r.TLS.PeerCertificates[0].PublicKey) {
		return &oauthError{"invalid_client", "no TLS certificate, or not with the registered key"}
	}
	if r.PostForm.Get("client_id") != p.cfg.ClientID {
		return &oauthError{"invalid_client", "client_id is missing or another client's"}
	}
	return nil
}

// locate returns the endpoint a request is for, and its URL as a DPoP proof must name it.
func (p *Provider) locate(r *http.Request) (e Endpoint, at string) {
	if root, err := url.Parse(p.cfg.MTLSRoot); p.cfg.MTLSRoot != "" && err == nil && r.Host == root.Host {
		path, below := strings.CutPrefix(r.URL.Path, strings.TrimSuffix(root.Path, "/"))
		if e = Endpoint(path); below && slices.Contains(mtlsEndpoints(), e) {
			return e, p.alias(e)
		}
	}
	if path, below := strings.CutPrefix(r.URL.Path, p.path); below {
		return Endpoint(path), p.url(Endpoint(path))
	}
	return "", ""
}

func (p *Provider) alias(e Endpoint) string {
	return strings.TrimSuffix(p.cfg.MTLSRoot, "/") + string(e)
}
