package web

import (
	"net/http"
	"strings"
)

// KeepPrivate keeps shared caches from serving one user's page to another (RFC 9111, section 5.2.2). Stricter headers
// that are already set stay. h may be nil.
func KeepPrivate(h http.Header) { KeepPrivateIn(h, &[2]string{}) }

// KeepPrivateIn is KeepPrivate for callers that have memory for the values of the headers of this one response.
func KeepPrivateIn(h http.Header, values *[2]string) {
	if h == nil {
		return
	}
	*values = [2]string{"private, no-store", "Cookie"}
	if len(h) == 0 { // as at the start of most responses
		h["Cache-Control"], h["Vary"] = values[0:1:1], values[1:2:2]
		return
	}
	if lines := h["Cache-Control"]; len(lines) == 0 || !isPrivate(lines) {
		h["Cache-Control"] = values[0:1:1]
	}
	for _, name := range []string{"Cdn-Cache-Control", "Surrogate-Control"} { // RFC 9213, section 2.2
		if lines := h[name]; len(lines) > 0 && !isPrivate(lines) {
			h[name] = []string{"no-store"}
		}
	}
	switch vary := h["Vary"]; {
	case len(vary) == 0:
		h["Vary"] = values[1:2:2]
	case !variesByCookie(vary):
		h["Vary"] = append(vary[:len(vary):len(vary)], "Cookie")
	}
}

// KeepOutOfHistory keeps a page out of what the browser shows for its back button without a request (OWASP ASVS
// 14.3.2). A browser keeps the document of a page without no-store, and shows it even after a sign-out: Vary affects
// caches only.
func KeepOutOfHistory(h http.Header) {
	if !unstored(h["Cache-Control"]) {
		h["Cache-Control"] = []string{"private, no-store"}
	}
}

// NeverStore marks a response that no cache may store. A Cache-Control with no-store stays, such as that of
// [KeepPrivate].
func NeverStore(h http.Header) {
	if !unstored(h["Cache-Control"]) {
		h["Cache-Control"] = []string{"no-store"}
	}
}

func unstored(lines []string) bool {
	for _, line := range lines {
		for line != "" {
			var directive string
			if directive, line = cutDirective(line); strings.EqualFold(directive, "no-store") {
				return true
			}
		}
	}
	return false
}

// isPrivate reports whether this Cache-Control keeps a response out of shared caches. A private with field names covers
// those fields only (RFC 9111, section 5.2.2.7), and next to public some caches ignore it.
func isPrivate(lines []string) bool {
	if unstored(lines) {
		return true
	}
	private, public := false, false
	for _, line := range lines {
		for line != "" {
			var directive string
			directive, line = cutDirective(line)
			switch {
			case strings.EqualFold(directive, "private"):
				private = true
			case strings.EqualFold(directive, "public"):
				public = true
			}
		}
	}
	return private && !public
}

// cutDirective takes the first directive off a list.
func cutDirective(list string) (directive, rest string) {
	directive, rest, _ = cutUnquoted(list, ',')
	return strings.TrimSpace(directive), rest
}

// variesByCookie reports whether Vary names Cookie already, or everything.
func variesByCookie(lines []string) bool {
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name == "*" || strings.EqualFold(name, "Cookie") {
				return true
			}
		}
	}
	return false
}
