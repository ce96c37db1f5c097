// Package returnto decides whether a browser may be sent to a return target after sign-in or sign-out.
//
// The rule is stricter than browsers need. A target that stays on the app's origin as written may leave it after a
// proxy, a router or [net/http.Redirect] has cleaned it, so every target that could be cleaned is refused. For the same
// reason an accepted target must be written to Location unchanged.
package returnto

import (
	"net/url"
	"strings"
	"unicode"
)

const maxLength = 2048

// Rule says which return targets are accepted. The zero value accepts every well-formed local target and no absolute
// one.
type Rule struct {
	// Origins lists the origins that absolute targets may have, such as "https://app.example.com": in lower case, with the
	// port if it is not the default.
	Origins []string
	// Reserved lists the plugin's own absolute paths, such as "/auth/signin". Returning there would sign the user out
	// again, pass an injected response to the callback, or loop.
	Reserved []string
}

// Accept reports whether target may be written to Location. It stops the open
// redirector of RFC 9700, section 4.11, and response splitting.
func (r Rule) Accept(target string) bool {
	if target == "" || len(target) > maxLength || !plain(target) {
		return false
	}
	if target[0] != '/' {
		var listed bool
		if target, listed = r.cutOrigin(target); !listed {
			return false
		}
	}
	return r.acceptLocal(target)
}

// plain reports whether s is visible ASCII without the backslash, which browsers treat as a slash.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7E || s[i] == '\\' {
			return false
		}
	}
	return true
}

// cutOrigin removes a listed origin. It compares everything before the path, which leaves no room for userinfo,
// suffixes and odd ports.
func (r Rule) cutOrigin(target string) (local string, listed bool) {
	for _, origin := range r.Origins {
		n := len(origin)
		if len(target) > n && target[n] == '/' && strings.EqualFold(target[:n], origin) {
			return target[n:], true
		}
	}
	return "", false
}

// acceptLocal judges the path alone, also after one and two decodings: a proxy and a router may each decode once, and a
// bad path stays bad after decoding. Query and fragment are data.
func (r Rule) acceptLocal(target string) bool {
	path := target
	if end := strings.IndexAny(target, "?#"); end >= 0 {
		path = target[:end]
	}
	once, err := url.PathUnescape(path)
	if err != nil {
		return false
	}
	path = unescapeValid(once)
	if strings.Contains(path, "//") || strings.Contains(path, `\`) || strings.ContainsFunc(path, unicode.IsControl) {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return !r.reserves(path)
}

// reserves ignores case because a router may (gin's RedirectFixedPath does). A path that a proxy has decoded may go on
// with a query, a fragment or parameters of a segment.
func (r Rule) reserves(path string) bool {
	for _, own := range r.Reserved {
		n := len(own)
		if len(path) >= n && strings.EqualFold(path[:n], own) && (len(path) == n || strings.IndexByte("/?#;", path[n]) >= 0) {
			return true
		}
	}
	return false
}

// unescapeValid decodes the valid escapes of s and keeps the others: "100%" is a legitimate file name once "100%25" has
// been decoded.
func unescapeValid(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		if len(s) >= 3 && s[0] == '%' {
			if c, err := url.PathUnescape(s[:3]); err == nil {
				b.WriteString(c)
				s = s[3:]
				continue
			}
		}
		b.WriteByte(s[0])
		s = s[1:]
	}
	return b.String()
}
