// Package ascii judges text of others by what all places take: headers, logs and pages.
package ascii

import "strings"

// Printable reports whether s consists of printable ASCII characters, spaces included (VSCHAR, RFC 6749 appendix A).
// A line break is none, so that such text forges neither a header nor a line of a log.
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
