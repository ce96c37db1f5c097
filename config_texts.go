package ginoidc

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-d65cea4d/ginoidc/internal/origin"
)

// texts reports characters that slipped into a text when it was copied from the provider's page to the app. No other
// check would find them, and the provider would only respond that it does not know the client. badURL checks addresses.
func (p *problems) texts(field string, texts ...string) {
	for _, s := range texts {
		if why, fix := strayCharacters(s); why != "" {
			p.add(field, why, fix)
			return
		}
	}
}

// strayCharacters returns what is in a text or around it by mistake, and the fix, or "" if there is nothing. The text
// may be a secret, so it is never quoted.
func strayCharacters(s string) (why, fix string) {
	invisible := func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }
	first, _ := utf8.DecodeRuneInString(s)
	last, _ := utf8.DecodeLastRuneInString(s)
	switch {
	case strings.ContainsFunc(s, invisible):
		return "has a control or invisible character", "remove it, such as the line break at the end of a file"
	case unicode.IsSpace(first) || unicode.IsSpace(last):
		return "has a blank at its beginning or end", "remove it"
	case inQuotes(s):
		return "is in quotes", "remove them: only a shell takes them off, an env file of docker does not"
	}
	return "", ""
}

// inQuotes reports whether s is in straight or typographic quotes, which some env files keep as part of the value.
func inQuotes(s string) bool {
	for _, pair := range []string{`""`, "''", "``", "\u201c\u201d", "\u2018\u2019"} {
		_, size := utf8.DecodeRuneInString(pair)
		if len(s) >= len(pair) && strings.HasPrefix(s, pair[:size]) && strings.HasSuffix(s, pair[size:]) {
			return true
		}
	}
	return false
}

// issuerOf returns the issuer whose metadata is at an address (OpenID Connect Discovery 1.0, section 4; RFC 8414,
// section 3.1, which puts the issuer's path last), without a trailing slash.
func issuerOf(address string) (issuer string, ok bool) {
	before, after, ok := strings.Cut(address, "/.well-known/")
	if why, _ := strayCharacters(address); !ok || why != "" || !strings.Contains(before, "://") {
		return "", false
	}
	after, _, _ = strings.Cut(after, "?")
	if _, path, ok := strings.Cut(strings.TrimSuffix(after, "/"), "/"); ok {
		return before + "/" + path, true
	}
	return before, true
}

// aboveRoutes returns AppURL without the path of one of the plugin's routes, if it ends in one.
func (c *Config) aboveRoutes() (base string, ok bool) {
	app, err := url.Parse(strings.TrimSuffix(c.AppURL, "/"))
	r := newRoutes(&url.URL{}, c.RoutePrefix)
	for _, route := range append(r.all(), r.prefix) {
		if err == nil && route != "" && strings.HasSuffix(app.Path, route) {
			return strings.TrimSuffix(app.String(), route), true
		}
	}
	return "", false
}

var hostPattern = regexp.MustCompile(`^[A-Za-z0-9.:_\[\]-]+$`)

// badURL returns why s cannot be an issuer, app URL or origin, or "" if it can. Plain http is only for loopback, so
// that no code or cookie crosses a network in the clear (RFC 9700, section 2.6).
func badURL(s string) string {
	if s == "" {
		return "is empty"
	}
	if why, _ := strayCharacters(s); why != "" {
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

// isOrigin reports whether s is an origin in the form in which origins are compared: scheme, host and, unless it is the
// default of the scheme, port.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return badURL(s) == "" && err == nil && origin.Of(u) == s
}

// cleanPath reports whether a path is in its plain form.
func cleanPath(p string) bool {
	if why, _ := strayCharacters(p); why != "" {
		return false
	}
	return p == "" || p[0] == '/' && p != "//" && (path.Clean(p) == p || path.Clean(p)+"/" == p) &&
		!strings.ContainsAny(p, "%\\:*? ;,")
}
