// Package cookie reads and sets the cookies of the plugin.
//
// A browser sends every cookie whose path and domain match, and does not say where each came from: it may be left over
// from before the app moved, belong to an app at a parent or child path, or be planted by a sibling domain. So names
// are compared byte for byte, and if a cookie is repeated, the first one does not simply win: see [Apart].
package cookie

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const (
	// MaxSize is the size of a cookie in bytes that browsers support (RFC 6265 section 6.1). They silently drop larger
	// ones.
	MaxSize = 4096

	// MaxParts is the number of cookies, "name" and "name.1" to "name.8", over which a value that does not fit in one is
	// split.
	MaxParts = 9
)

// Prefixed adds the strongest prefix that the path allows (RFC 6265bis, section 4.1.3). __Host- prevents sibling
// domains from planting the cookie (session fixation), but requires the path "/". Apps below a base path get __Secure-.
func Prefixed(name string, secure bool, base string) (prefixed, path string) {
	switch {
	case !secure && base == "":
		return name, "/"
	case !secure:
		return name, base
	case base == "":
		return "__Host-" + name, "/"
	}
	return "__Secure-" + name, base
}

// Below returns path, or "/" if the prefix __Host- of the name requires it.
func Below(name, path string) string {
	if strings.HasPrefix(name, "__Host-") {
		return "/"
	}
	return path
}

// PartName returns the name of the nth part of the value in cookies of that name.
func PartName(name string, n int) string {
	if n == 0 {
		return name
	}
	return name + "." + strconv.Itoa(n)
}

// CutPart reads "name=value" as part 0 and "name.3=value" as part 3.
func CutPart(pair, name string) (n int, value string, ok bool) {
	rest, ok := strings.CutPrefix(pair, name)
	if !ok {
		return 0, "", false
	}
	if value, ok := strings.CutPrefix(rest, "="); ok {
		return 0, value, true
	}
	if len(rest) < 3 || rest[0] != '.' || rest[1] < '1' || rest[1] >= '0'+MaxParts || rest[2] != '=' {
		return 0, "", false
	}
	return int(rest[1] - '0'), rest[3:], true
}

// Validate returns an error for what net/http would otherwise drop from a cookie with only a log line.
func Validate(c *http.Cookie) error {
	if err := c.Valid(); err != nil {
		return fmt.Errorf("cookie %q: %w", c.Name, err)
	}
	return nil
}
