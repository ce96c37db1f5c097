package provider

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// PipeTransport is the hardened transport on another network.
func PipeTransport(roots *x509.CertPool, dial func(context.Context, string, string) (net.Conn, error)) *http.Transport {
	transport := newTransport(roots, nil, defaultLimits(defaultTimeout))
	transport.DialContext = dial
	return transport
}

// EncodeQuery encodes params.
func EncodeQuery(params url.Values) string {
	var b strings.Builder
	writeQuery(&b, params)
	return strings.TrimPrefix(b.String(), "?")
}

// SignRequest makes the request object of params.
func (p *Provider) SignRequest(params url.Values) (string, error) { return p.signRequest(params) }

// OpenResponse reads a response and verifies it.
func (p *Provider) OpenResponse(ctx context.Context, raw string) (url.Values, error) {
	r, err := p.ReadResponse(raw)
	if err != nil {
		return nil, err
	}
	if err := p.VerifyResponse(ctx, r); err != nil {
		return nil, err
	}
	return r.Params, nil
}

// OwnTransport returns the hardened transport, or nil if the provider uses that of the app.
func (p *Provider) OwnTransport() *http.Transport { return p.own }

// RefusePrivate checks an address before it is dialed.
func RefusePrivate(address string) error { return refusePrivate("tcp", address, nil) }

// NamesPrivate reports whether the host of u is an address that is not public.
func NamesPrivate(u *url.URL) bool { return namesPrivate(u) }

// IsPrivateAddress reports whether err is a refused connection.
func IsPrivateAddress(err error) bool { return errors.Is(err, errPrivateAddress) }
