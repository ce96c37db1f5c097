package ginoidc

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// isNavigation tells whether a person's browser is opening a page, so that a redirect to the sign-in makes sense.
// For a fetch, an XHR, curl, a WebSocket upgrade or a prefetch it does not.
func isNavigation(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && wantsPage(r)
}

// showsPage tells whether the answer is shown to a person: that of a navigation, or of a form that was posted as one.
func showsPage(r *http.Request) bool {
	return isNavigation(r) || r.Method == http.MethodPost && wantsPage(r)
}

// wantsPage looks for the marks of a page that a browser loads into a window: Fetch Metadata where the browser sends it,
// else an explicit text/html. "Accept: */*" says nothing.
func wantsPage(r *http.Request) bool {
	if isPrefetch(r) || r.Header.Get("Upgrade") != "" {
		return false
	}
	mode, dest := r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest")
	if mode == "" && dest == "" {
		return acceptsHTML(r) && !isXHR(r)
	}
	return mode == "navigate" && (isWindow(mode, dest) || dest == "" && acceptsHTML(r))
}

// isElsewhere tells that a browser asks for the page in a way that cannot go through a sign-in: as a frame, image,
// script, fetch or prefetch. Clients without Fetch Metadata get the benefit of the doubt.
func isElsewhere(r *http.Request) bool {
	mode, dest := r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest")
	return isPrefetch(r) || mode != "" && mode != "navigate" || dest != "" && !isWindow(mode, dest)
}

// isWindow tells whether what is fetched goes into a window and not into a frame. A service worker that repeats a
// navigation, fetch(event.request), keeps its mode and sends "empty" for its destination.
func isWindow(mode, dest string) bool {
	return dest == "document" || dest == "empty" && mode == "navigate"
}

// opensWindow tells that a browser shows the answer in a window, where its back button finds it again.
func opensWindow(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return mode == "navigate" && isWindow(mode, r.Header.Get("Sec-Fetch-Dest"))
}

// isOwnNavigation tells that a link or form of this very origin was followed by a person. Only Fetch Metadata can
// say so, as an attacker's page cannot forge it. What a service worker repeats does not count: it is of this origin
// whoever began it.
func isOwnNavigation(r *http.Request) bool {
	h := r.Header
	return h.Get("Sec-Fetch-Site") == "same-origin" && h.Get("Sec-Fetch-Mode") == "navigate" &&
		h.Get("Sec-Fetch-Dest") == "document" && !isPrefetch(r)
}

// isPrefetch sees the marks of a speculative load (Fetch Standard, Sec-Purpose, and its older spellings).
func isPrefetch(r *http.Request) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		value := strings.ToLower(r.Header.Get(name))
		if strings.HasPrefix(value, "prefetch") || strings.HasPrefix(value, "prerender") || value == "preview" {
			return true
		}
	}
	return false
}

// isXHR sees the mark that script libraries put on their requests. Android's WebViews put their app's name into the same
// header of every navigation.
func isXHR(r *http.Request) bool {
	return slices.ContainsFunc(r.Header["X-Requested-With"], func(value string) bool {
		return strings.EqualFold(strings.TrimSpace(value), "XMLHttpRequest")
	})
}

// acceptsHTML tells whether Accept names text/html with a weight above 0 (RFC 9110, section 12.5.1).
func acceptsHTML(r *http.Request) bool {
	for _, line := range r.Header["Accept"] {
		for _, entry := range splitUnquoted(line, ',') {
			parts := splitUnquoted(entry, ';')
			if strings.EqualFold(strings.TrimSpace(parts[0]), "text/html") && !slices.ContainsFunc(parts[1:], isZeroWeight) {
				return true
			}
		}
	}
	return false
}

// isZeroWeight tells whether a parameter is a weight that means "not acceptable" (RFC 9110, section 12.4.2). One that is
// no number says nothing.
func isZeroWeight(param string) bool {
	name, value, _ := strings.Cut(param, "=")
	if !strings.EqualFold(strings.TrimSpace(name), "q") {
		return false
	}
	weight, err := strconv.ParseFloat(strings.Trim(value, " \t\""), 64)
	return err == nil && !(weight > 0)
}

// splitUnquoted cuts s at every separator that stands in no quoted string.
func splitUnquoted(s string, separator byte) (parts []string) {
	for found := true; found; {
		var part string
		part, s, found = cutUnquoted(s, separator)
		parts = append(parts, part)
	}
	return parts
}

// cutUnquoted is strings.Cut at the first separator that stands in no quoted string (RFC 9110, section 5.6.4).
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

// hasPathPrefix tells whether path is below prefix, whole segments compared.
func hasPathPrefix(path, prefix string) bool {
	return strings.HasPrefix(path, prefix+"/")
}
