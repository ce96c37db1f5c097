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
	values := []string{"no-referrer", "nosniff", "DENY"} // one allocation, and no look for the canonical names
	h["Referrer-Policy"], h["X-Content-Type-Options"], h["X-Frame-Options"] = values[0:1:1], values[1:2:2], values[2:3:3]
}

// SetRedirect sets Location unchanged: [http.Redirect] would clean the path, and so turn an accepted "/./x" into a
// target that was never checked.
func SetRedirect(h http.Header, location string) {
	NeverStore(h)
	h["Location"] = []string{location}
}

// SourceHash returns the hash by which a Content-Security-Policy allows one style or script (CSP Level 3, section
// 2.3.1).
func SourceHash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
