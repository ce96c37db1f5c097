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

// texts looks for what came into a text on its way from the provider's page to the app, where no other rule would see
// it: the provider would only say that it knows no such client. Addresses are looked at by badURL.
func (p *problems) texts(field string, texts ...string) {
	for _, s := range texts {
		if why, fix := spoiled(s); why != "" {
			p.add(field, why, fix)
			return
		}
	}
}

// spoiled says what is in a text or around it by mistake, and what to do; "" when there is nothing. The text may be a
// secret and is not cited.
func spoiled(s string) (why, fix string) {
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

func inQuotes(s string) bool {
	for _, pair := range []string{`""`, "''", "``", "\u201c\u201d", "\u2018\u2019"} {
		_, size := utf8.DecodeRuneInString(pair)
		if len(s) >= len(pair) && strings.HasPrefix(s, pair[:size]) && strings.HasSuffix(s, pair[size:]) {
			return true
		}
	}
	return false
}

// issuerOf is the issuer whose metadata is at an address (OpenID Connect Discovery 1.0, section 4; RFC 8414, section
// 3.1, which puts the issuer's path last), but for a slash at its end.
func issuerOf(address string) (issuer string, ok bool) {
	before, after, ok := strings.Cut(address, "/.well-known/")
	if why, _ := spoiled(address); !ok || why != "" || !strings.Contains(before, "://") {
		return "", false
	}
	after, _, _ = strings.Cut(after, "?")
	if _, path, ok := strings.Cut(strings.TrimSuffix(after, "/"), "/"); ok {
		return before + "/" + path, true
	}
	return before, true
}

// aboveRoutes is AppURL without the path of the plugin's routes, if it ends in one.
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

// badURL says why s cannot be an issuer, app URL or origin; "" when it can. Plain http is for loopback, so that no code
// or cookie crosses a network in clear (RFC 9700, section 2.6).
func badURL(s string) string {
	if s == "" {
		return "is empty"
	}
	if why, _ := spoiled(s); why != "" {
		return why
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Opaque != "" || !hostPattern.MatchString(u.Host):
		return fmt.Sprintf("%q is not an absolute URL", s)
	case !goodPort(u):
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

// goodPort reports whether an address has a port from 1 to 65535 or none. A colon without one would not be compared as
// it is sent.
func goodPort(u *url.URL) bool {
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0 || u.Port() == "" && !strings.HasSuffix(u.Host, ":")
}

// isOrigin accepts scheme, host and, unless it is the scheme's own, port, in the spelling that they are compared in.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return badURL(s) == "" && err == nil && origin.Of(u) == s
}

// cleanPath tells a path that is written in its one plain form.
func cleanPath(p string) bool {
	if why, _ := spoiled(p); why != "" {
		return false
	}
	return p == "" || p[0] == '/' && p != "//" && (path.Clean(p) == p || path.Clean(p)+"/" == p) &&
		!strings.ContainsAny(p, "%\\:*? ;,")
}
