// Package clientcert finds the TLS client certificate of a request: that of its connection, or the one that a proxy in
// front of the app forwards in a header. Access tokens may be bound to it (RFC 8705 section 3).
package clientcert

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Formats of the header.
const (
	FormatByteSequence = "rfc9440" // the DER as base64 between colons (RFC 9440 section 2.1)
	FormatPEM          = "pem"     // PEM with percent-encoding, as nginx and Envoy write it
)

// Formats returns all formats.
func Formats() []string { return []string{FormatByteSequence, FormatPEM} }

const maxHeader = 16 << 10

// ErrUntrusted means that somebody else than the proxy sent the header: a client that claims the certificate of
// another one.
var ErrUntrusted = errors.New("the header with a client certificate does not come from a trusted proxy")

// ErrMalformed means that the proxy sent the header in another form than expected.
var ErrMalformed = errors.New("the header with a client certificate is malformed")

// Source says where certificates are found. The zero value is the connection.
type Source struct {
	Header  string         // of the proxy; "" for none
	Format  string         // of the header
	Proxies []netip.Prefix // the networks of the proxies
}

// New returns a Source behind the proxies in these networks, as ParseNetworks reads them.
func New(header, format string, proxies []string) (Source, error) {
	networks, err := ParseNetworks(proxies)
	return Source{Header: header, Format: format, Proxies: networks}, err
}

// Thumbprint returns the x5t#S256 of the client certificate (RFC 8705 section 3.1), or "" if there is none. Behind a
// proxy only the header counts, since the connection is the proxy's own. From anywhere else the header is an error: an
// attacker who reaches the app directly could claim any certificate, which are no secrets.
func (s Source) Thumbprint(r *http.Request) (string, error) {
	values := r.Header.Values(s.Header)
	switch {
	case s.Header == "":
		return ofConnection(r), nil
	case !s.trusts(r.RemoteAddr) && len(values) > 0:
		return "", ErrUntrusted
	case !s.trusts(r.RemoteAddr):
		return ofConnection(r), nil
	case len(values) == 0 || len(values) == 1 && values[0] == "": // nginx sends it empty without a certificate
		return "", nil
	case len(values) > 1: // one of them may be the client's
		return "", fmt.Errorf("%w: there are %d", ErrMalformed, len(values))
	}
	der, err := s.decode(values[0])
	if err != nil {
		return "", err
	}
	return thumbprint(der), nil
}

// trusts reports whether the peer of the connection is one of the proxies.
func (s Source) trusts(peer string) bool {
	address, err := netip.ParseAddrPort(peer)
	if err != nil {
		return false
	}
	ip := address.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(s.Proxies, func(network netip.Prefix) bool { return network.Contains(ip) })
}

// decode returns the DER in a header. It is not parsed: the thumbprint in the token identifies it.
func (s Source) decode(value string) ([]byte, error) {
	if len(value) > maxHeader {
		return nil, fmt.Errorf("%w: %d bytes", ErrMalformed, len(value))
	}
	if s.Format == FormatPEM {
		return decodePEM(value)
	}
	text, opened := strings.CutPrefix(value, ":")
	text, closed := strings.CutSuffix(text, ":")
	der, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if !opened || !closed || err != nil || len(der) == 0 {
		return nil, fmt.Errorf("%w: it is not a byte sequence", ErrMalformed)
	}
	return der, nil
}

// decodePEM reads one certificate. Some proxies leave a plus sign as it is, so it does not stand for a space.
func decodePEM(value string) ([]byte, error) {
	text, err := url.PathUnescape(value)
	if err != nil {
		return nil, fmt.Errorf("%w: its percent-encoding", ErrMalformed)
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || strings.TrimSpace(string(rest)) != "" {
		return nil, fmt.Errorf("%w: it is not one certificate in PEM", ErrMalformed)
	}
	return block.Bytes, nil
}

// ofConnection returns the thumbprint of the certificate in the TLS handshake.
func ofConnection(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return ""
	}
	return thumbprint(r.TLS.PeerCertificates[0].Raw)
}

func thumbprint(der []byte) string {
	sum := sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// ParseNetworks reads networks such as "10.0.0.0/8", and single addresses. It refuses a network that is not in its
// plain form, since it may be meant otherwise, and one of all addresses, with which every client would be a proxy.
func ParseNetworks(texts []string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if address, addressErr := netip.ParseAddr(text); addressErr == nil && address.Zone() == "" {
			address = address.Unmap()
			network, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err != nil || network != network.Masked() || network.Addr().Is4In6() || network.Bits() == 0 {
			return nil, fmt.Errorf("%q is not a network", text)
		}
		networks = append(networks, network)
	}
	return networks, nil
}
