// Package web reads what a browser reveals about a request and writes the headers, pages and redirects of the plugin's
// own responses. It knows nothing of users and sessions.
package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// IsNavigation reports whether a browser opens a page for a person, so that a redirect to the sign-in makes sense. It
// does not for a fetch, an XHR, curl, a WebSocket upgrade or a prefetch.
func IsNavigation(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && wantsPage(r)
}

// ShowsPage reports whether the browser shows the response to a person: to a navigation, or to a form posted as one.
func ShowsPage(r *http.Request) bool {
	return IsNavigation(r) || r.Method == http.MethodPost && wantsPage(r)
}

// wantsPage reports whether a browser loads the response into a window. Fetch Metadata decides if the browser sends it,
// and otherwise an explicit text/html: "Accept: */*" means nothing.
func wantsPage(r *http.Request) bool {
	if isPrefetch(r) || header(r, "Upgrade") != "" {
		return false
	}
	mode, dest := header(r, "Sec-Fetch-Mode"), header(r, "Sec-Fetch-Dest")
	if mode == "" && dest == "" {
		return accepts(r, "text/html") && !isXHR(r)
	}
	return mode == "navigate" && (isWindow(mode, dest) || dest == "" && accepts(r, "text/html"))
}

// IsSubresource reports whether a browser asks for the page in a way that cannot go through a sign-in: as a frame,
// image, script, fetch or prefetch. Clients without Fetch Metadata get the benefit of the doubt.
func IsSubresource(r *http.Request) bool {
	mode, dest := header(r, "Sec-Fetch-Mode"), header(r, "Sec-Fetch-Dest")
	return isPrefetch(r) || mode != "" && mode != "navigate" || dest != "" && !isWindow(mode, dest)
}

// isWindow reports whether the response goes into a window and not into a frame. A service worker that repeats a
// navigation, fetch(event.request), keeps the mode and sends "empty" as the destination.
func isWindow(mode, dest string) bool {
	return dest == "document" || dest == "empty" && mode == "navigate"
}

// WantsJSON reports whether a script sent the request, so that a redirect would be followed unseen: a request with
// Fetch Metadata that is not a navigation, and otherwise an XHR, or one that accepts JSON and not HTML.
func WantsJSON(r *http.Request) bool {
	if mode := header(r, "Sec-Fetch-Mode"); mode != "" {
		return mode != "navigate"
	}
	return isXHR(r) || accepts(r, "application/json") && !accepts(r, "text/html")
}

// OpensWindow reports whether a browser shows the response in a window, where the back button can return to it.
func OpensWindow(r *http.Request) bool {
	mode := r.Header["Sec-Fetch-Mode"] // not Get, which takes longer
	return len(mode) > 0 && mode[0] == "navigate" && isWindow(mode[0], header(r, "Sec-Fetch-Dest"))
}

// IsSameOriginNavigation reports whether a person followed a link or form of this origin. Only Fetch Metadata can say
// so, because a page of an attacker cannot forge it. A navigation repeated by a service worker does not count: its
// origin is this one even if another site started the navigation.
func IsSameOriginNavigation(r *http.Request) bool {
	h := r.Header
	return h.Get("Sec-Fetch-Site") == "same-origin" && h.Get("Sec-Fetch-Mode") == "navigate" &&
		h.Get("Sec-Fetch-Dest") == "document" && !isPrefetch(r)
}

// IsCrossSiteNavigation reports whether a page of another site began the navigation, or redirected it. Browsers do not
// add SameSite=Strict cookies to it.
func IsCrossSiteNavigation(r *http.Request) bool {
	return header(r, "Sec-Fetch-Site") == "cross-site" && IsNavigation(r)
}

// header returns the value of a header by its canonical name. Header.Get would look for that first, which is a seventh
// of a 401.
func header(r *http.Request, name string) string {
	if values := r.Header[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// isPrefetch reports whether the request is a speculative load (Fetch Standard, Sec-Purpose, and older spellings).
func isPrefetch(r *http.Request) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		value := strings.ToLower(header(r, name))
		if strings.HasPrefix(value, "prefetch") || strings.HasPrefix(value, "prerender") || value == "preview" {
			return true
		}
	}
	return false
}

// isXHR reports whether a script library made the request. Android WebViews send the name of their app in the same
// header with every navigation.
func isXHR(r *http.Request) bool {
	return slices.ContainsFunc(r.Header["X-Requested-With"], func(value string) bool {
		return strings.EqualFold(strings.TrimSpace(value), "XMLHttpRequest")
	})
}

// accepts reports whether Accept names the media type with a weight above 0 (RFC 9110, section 12.5.1).
func accepts(r *http.Request, mediaType string) bool {
	for _, line := range r.Header["Accept"] {
		for _, entry := range splitUnquoted(line, ',') {
			parts := splitUnquoted(entry, ';')
			if strings.EqualFold(strings.TrimSpace(parts[0]), mediaType) && !slices.ContainsFunc(parts[1:], isZeroWeight) {
				return true
			}
		}
	}
	return false
}

// isZeroWeight reports whether a parameter is a weight that means "not acceptable" (RFC 9110, section 12.4.2). One that
// is not a number says nothing.
func isZeroWeight(param string) bool {
	name, value, _ := strings.Cut(param, "=")
	if !strings.EqualFold(strings.TrimSpace(name), "q") {
		return false
	}
	weight, err := strconv.ParseFloat(strings.Trim(value, " \t\""), 64)
	return err == nil && !(weight > 0)
}

// splitUnquoted cuts s at every separator outside of quoted strings.
func splitUnquoted(s string, separator byte) (parts []string) {
	for found := true; found; {
		var part string
		part, s, found = cutUnquoted(s, separator)
		parts = append(parts, part)
	}
	return parts
}

// cutUnquoted is strings.Cut at the first separator outside of quoted strings (RFC 9110, section 5.6.4).
func cutUnquoted(s string, separator byte) (before, after string, found bool) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}
