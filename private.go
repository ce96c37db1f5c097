package ginoidc

import (
	"net/http"
	"strings"
)

// keepPrivate keeps shared caches from handing one user's page to another (RFC 9111, section 5.2.2). What is there
// already stays if it is as strict. h may be nil.
func keepPrivate(h http.Header) {
	if h == nil {
		return
	}
	values := &[2]string{"private, no-store", "Cookie"} // one allocation for both, never shared between responses
	if lines := h["Cache-Control"]; len(lines) == 0 || !isPrivate(lines) {
		h["Cache-Control"] = values[0:1:1]
	}
	for _, name := range []string{"Cdn-Cache-Control", "Surrogate-Control"} { // which go before it (RFC 9213, section 2.2)
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

// keepUnstored keeps a page out of what a browser shows for its back button without asking (ASVS 14.3.2; case 172). Of a
// page without no-store it keeps the whole document, and shows it after a sign-out too: Vary is for caches.
func keepUnstored(h http.Header) {
	if !unstored(h["Cache-Control"]) {
		h["Cache-Control"] = []string{"private, no-store"}
	}
}

// neverStore is for answers that nobody may keep, whoever asks. What says so stays, as that of a denial by [keepPrivate].
func neverStore(h http.Header) {
	if !unstored(h["Cache-Control"]) {
		h.Set("Cache-Control", "no-store")
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

// isPrivate tells that no shared cache keeps a response with such a Cache-Control. A private with names of fields is about
// these alone (RFC 9111, section 5.2.2.7), and beside public it is not what everybody goes by.
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

// variesByCookie tells that Vary names the cookies already, or everything.
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
