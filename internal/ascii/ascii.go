// Package ascii checks untrusted text for the characters that are safe everywhere: in headers, logs and pages.
package ascii

import "strings"

// Printable reports whether s consists of printable ASCII characters, spaces included (VSCHAR, RFC 6749 appendix A). A
// line break is not one of them, so such text cannot forge a header or a log line.
func Printable(s string) bool { return strings.IndexFunc(s, unprintable) < 0 }

// Clean returns at most limit bytes of s, with a question mark for each character that is not printable.
func Clean(s string, limit int) string {
	return strings.Map(func(r rune) rune {
		if unprintable(r) {
			return '?'
		}
		return r
	}, s[:min(len(s), limit)])
}

func unprintable(r rune) bool { return r < 0x20 || r > 0x7E }
