package web

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
)

// SecureHeaders sets the headers of every response of the plugin's own routes: it is not cached and not framed, and the
// URL, which may hold an authorization code, is not passed on (RFC 9700, sections 4.2.4 and 4.16).
func SecureHeaders(h http.Header) {
	NeverStore(h)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

// SetRedirect sets Location unchanged: [http.Redirect] would clean the path, and so turn an accepted "/./x" into a
// target that was never checked.
func SetRedirect(h http.Header, location string) {
	NeverStore(h)
	h.Set("Location", location)
}

// SourceHash returns the hash by which a Content-Security-Policy allows one style or script (CSP Level 3, section
// 2.3.1).
func SourceHash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
