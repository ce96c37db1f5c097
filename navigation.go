package ginoidc

import (
	"net/http"
	"strings"
)

// isNavigation tells whether a person's browser is opening a page, so that a redirect to the sign-in makes sense.
// For a fetch, an XHR, curl, a WebSocket upgrade or a prefetch it does not.
func isNavigation(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && wantsPage(r)
}

// wantsPage tells whether a page would be shown to a person: by Fetch Metadata where the browser sends it, else by
// an explicit text/html. "Accept: */*" says nothing.
func wantsPage(r *http.Request) bool {
	h := r.Header
	if isPrefetch(r) || h.Get("Upgrade") != "" || h.Get("X-Requested-With") != "" {
		return false
	}
	mode, dest := h.Get("Sec-Fetch-Mode"), h.Get("Sec-Fetch-Dest")
	if mode == "" && dest == "" {
		return acceptsHTML(r)
	}
	return mode == "navigate" && (dest == "document" || dest == "" && acceptsHTML(r))
}

// isElsewhere tells that a browser asks for the page in a way that cannot go through a sign-in: as a frame, image,
// script, fetch or prefetch. Clients without Fetch Metadata get the benefit of the doubt.
func isElsewhere(r *http.Request) bool {
	mode, dest := r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest")
	return isPrefetch(r) || mode != "" && mode != "navigate" || dest != "" && dest != "document"
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

// isOwnNavigation tells that a link or form of this very origin was followed by a person. Only Fetch Metadata can
// say so, as an attacker's page cannot forge it.
func isOwnNavigation(r *http.Request) bool {
	h := r.Header
	return h.Get("Sec-Fetch-Site") == "same-origin" && h.Get("Sec-Fetch-Mode") == "navigate" &&
		h.Get("Sec-Fetch-Dest") == "document" && !isPrefetch(r)
}

func acceptsHTML(r *http.Request) bool {
	for _, line := range r.Header["Accept"] {
		for entry := range strings.SplitSeq(line, ",") {
			kind, params, _ := strings.Cut(entry, ";")
			if strings.EqualFold(strings.TrimSpace(kind), "text/html") && !strings.HasPrefix(strings.TrimSpace(params), "q=0") {
				return true
			}
		}
	}
	return false
}

// hasPathPrefix tells whether path is below prefix, whole segments compared.
func hasPathPrefix(path, prefix string) bool {
	return strings.HasPrefix(path, prefix+"/")
}
