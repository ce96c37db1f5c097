// Package origin compares web addresses by their origin.
package origin

import (
	"net"
	"net/url"
	"strings"
)

// Of returns the ASCII serialization of u's origin (RFC 6454, section 6.2), as browsers send it: in lower case and
// without the default port.
func Of(u *url.URL) string {
	origin := strings.ToLower(u.Scheme + "://" + u.Host)
	switch u.Scheme {
	case "https":
		return strings.TrimSuffix(origin, ":443")
	case "http":
		return strings.TrimSuffix(origin, ":80")
	}
	return origin
}

// IsLoopback reports whether host, without a port, is this machine. What is sent there crosses no network.
func IsLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
