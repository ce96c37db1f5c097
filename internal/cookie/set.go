package cookie

import (
	"net/http"
	"slices"
	"strings"
)

const setCookie = "Set-Cookie"

// Line returns the Set-Cookie line of a cookie that passes [Validate] and has a value of ours, which is base64url.
// net/http would check each byte of it, which is a tenth of the start of a sign-in.
func Line(c *http.Cookie) string {
	empty := *c
	empty.Value = ""
	line := empty.String()
	begin := len(c.Name) + len("=")
	return line[:begin] + c.Value + line[begin:]
}

// Set adds Set-Cookie lines to h and replaces those that set the same cookies: a response sets each cookie once (RFC
// 6265 section 4.1.1). The order of the others is kept.
func Set(h http.Header, lines ...string) {
	if len(lines) == 0 {
		return
	}
	kept := slices.DeleteFunc(slices.Clone(h[setCookie]), func(line string) bool { return Sets(lines, nameOf(line)) })
	h[setCookie] = append(kept, lines...)
}

// SetIfAbsent adds those of lines whose cookies h does not set yet.
func SetIfAbsent(h http.Header, lines ...string) {
	for _, line := range lines {
		if !Sets(h[setCookie], nameOf(line)) {
			h[setCookie] = append(h[setCookie], line)
		}
	}
}

// Sets reports whether one of lines sets the cookie of that name.
func Sets(lines []string, name string) bool {
	return slices.ContainsFunc(lines, func(line string) bool { return nameOf(line) == name })
}

// nameOf returns the name of the cookie that a Set-Cookie line sets.
func nameOf(line string) string {
	name, _, _ := strings.Cut(line, "=")
	return strings.TrimSpace(name)
}
