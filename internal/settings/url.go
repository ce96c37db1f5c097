package settings

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/origin"
)

var hostPattern = regexp.MustCompile(`^[A-Za-z0-9.:_\[\]-]+$`)

// CheckURL returns why s cannot be an issuer, the URL of an app or an origin. Plain http is only for loopback, so that
// no code or cookie crosses a network in the clear (RFC 9700, section 2.6).
func CheckURL(s string) (problem string) {
	if s == "" {
		return "is empty"
	}
	if why, _ := CheckText(s); why != "" {
		return why
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Opaque != "" || !hostPattern.MatchString(u.Host):
		return fmt.Sprintf("%q is not an absolute URL", s)
	case !validPort(u):
		return "has no usable port"
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#"):
		return "has a user part, query or fragment"
	case u.Scheme == "https":
		return ""
	case u.Scheme != "http":
		return fmt.Sprintf("has the scheme %q instead of https", u.Scheme)
	case !origin.IsLoopback(u.Hostname()):
		return "uses http outside loopback"
	}
	return ""
}

// validPort reports whether an address has a port from 1 to 65535 or none. A colon without a port is refused, because
// clients drop it and the comparison would fail.
func validPort(u *url.URL) bool {
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0 || u.Port() == "" && !strings.HasSuffix(u.Host, ":")
}

// IsOrigin reports whether s is an origin in the form in which origins are compared: scheme, host and, unless it is the
// default of the scheme, port.
func IsOrigin(s string) bool {
	u, err := url.Parse(s)
	return CheckURL(s) == "" && err == nil && origin.Of(u) == s
}

// IsPlainPath reports whether a path is in its plain form: without dot segments, escapes, doubled slashes and the
// characters that mean something to a router or a cookie.
func IsPlainPath(p string) bool {
	if why, _ := CheckText(p); why != "" {
		return false
	}
	return p == "" || p[0] == '/' && p != "//" && (path.Clean(p) == p || path.Clean(p)+"/" == p) &&
		!strings.ContainsAny(p, "%\\:*? ;,")
}

// IssuerOf returns the issuer whose metadata is at an address (OpenID Connect Discovery 1.0, section 4; RFC 8414,
// section 3.1, which puts the issuer's path last), without a trailing slash.
func IssuerOf(address string) (issuer string, ok bool) {
	before, after, ok := strings.Cut(address, "/.well-known/")
	if why, _ := CheckText(address); !ok || why != "" || !strings.Contains(before, "://") {
		return "", false
	}
	after, _, _ = strings.Cut(after, "?")
	if _, path, ok := strings.Cut(strings.TrimSuffix(after, "/"), "/"); ok {
		return before + "/" + path, true
	}
	return before, true
}
