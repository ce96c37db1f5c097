// Package cookie reads and sets the cookies of the plugin.
//
// A browser sends every cookie whose path and domain fit, and does not say which is which: one that was left behind
// when an app moved, one of an app above or below this one, one that a sibling domain planted. So names are compared
// byte for byte, and a cookie that comes twice is not simply the first of the two: see [Apart].
package cookie

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const (
	// MaxSize is how many bytes of a cookie browsers keep (RFC 6265 section 6.1). They drop a larger one without a word.
	MaxSize = 4096

	// MaxParts is how many cookies, "name" and "name.1" to "name.8", hold what does not fit in one.
	MaxParts = 9
)

// PartName is the name of the nth part of what lies in cookies of that name.
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

// Validate reports what net/http would otherwise drop from a cookie with no more than a line in the log.
func Validate(c *http.Cookie) error {
	if err := c.Valid(); err != nil {
		return fmt.Errorf("cookie %q: %w", c.Name, err)
	}
	return nil
}
