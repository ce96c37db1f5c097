package cookiestore

import (
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	gsessions "github.com/gorilla/sessions"
)

// Browsers keep cookies of 4,096 bytes and drop larger ones silently; some count the attributes too
// (RFC 6265 section 6.1).
const (
	maxCookie = 4096
	maxValue  = 3900
	maxParts  = 9 // the count and the numbers of the parts are one digit each
)

// parts are the cookies of one session in a request: "name" at 0, "name.1" at 1, and so on.
// A session that fits in one cookie is its sealed text; otherwise "name" holds "~N~" and the first
// of N pieces of it.
type parts struct {
	value [maxParts]string
	count [maxParts]int // how often the request carries it
}

// readParts scans the Cookie header itself: Request.Cookie validates every byte of every cookie and
// costs more than opening the session does. The name must match byte for byte after spaces and tabs,
// so that neither other white space nor a "$Version" before it passes for ours.
func readParts(h http.Header, name string) (p parts) {
	for _, line := range h["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			if i, value, ok := matchPart(textproto.TrimString(pair), name); ok {
				p.value[i] = value
				p.count[i]++
			}
		}
	}
	return p
}

// matchPart reads "name=value" as part 0 and "name.3=value" as part 3.
func matchPart(pair, name string) (part int, value string, ok bool) {
	rest, ok := strings.CutPrefix(pair, name)
	if !ok {
		return 0, "", false
	}
	if value, ok := strings.CutPrefix(rest, "="); ok {
		return 0, value, true
	}
	if len(rest) < 3 || rest[0] != '.' || rest[1] < '1' || rest[1] >= '0'+maxParts || rest[2] != '=' {
		return 0, "", false
	}
	return int(rest[1] - '0'), rest[3:], true
}

// join puts the sealed text together. It takes memory by what the request holds, never by the count
// that it claims. A part that comes twice is refused, for it can not be known which of the two the
// server set: the other may be an attacker's, planted from a sibling domain or for a narrower path.
func (p *parts) join(maxChunks int) (text string, ok bool) {
	first, chunked := strings.CutPrefix(p.value[0], "~")
	n := 1
	if chunked {
		if len(first) < 2 || first[0] < '2' || first[1] != '~' {
			return "", false
		}
		n, first = int(first[0]-'0'), first[2:]
	}
	if n > maxChunks {
		return "", false
	}
	for i := range n {
		if p.count[i] != 1 || len(p.value[i]) > maxCookie {
			return "", false
		}
	}
	if n == 1 {
		return first, true
	}
	return first + strings.Join(p.value[1:n], ""), true
}

// validate tells what net/http would otherwise drop from a cookie with no more than a line in the log.
func validate(name string, o *gsessions.Options) error {
	if err := gsessions.NewCookie(name, "", o).Valid(); err != nil {
		return fmt.Errorf("cookiestore: cookie %q: %w", name, err)
	}
	return nil
}

// partBudget returns how many bytes of value fit in each cookie of that name with the attributes of o.
func partBudget(name string, o *gsessions.Options) int {
	overhead := len(gsessions.NewCookie(partName(name, maxParts-1), "", o).String())
	return max(0, min(maxValue, maxCookie-overhead))
}

// split cuts the sealed text into cookie values of at most budget bytes.
func split(text string, budget, maxChunks int) ([]string, error) {
	if len(text) <= budget {
		return []string{text}, nil
	}
	const marker = len("~2~")
	size, limit := len(text), budget
	if maxChunks > 1 {
		size, limit = size+marker, budget*maxChunks
	}
	if size > limit {
		return nil, &SizeError{Size: size, Limit: limit}
	}
	n := (size + budget - 1) / budget
	text = "~" + strconv.Itoa(n) + "~" + text
	values := make([]string, n)
	for i := range values {
		end := min(budget, len(text))
		values[i], text = text[:end], text[end:]
	}
	return values, nil
}

// writeParts makes values all that h sets for this name, and deletes the further parts that the
// request carries. With no values it deletes the session.
func writeParts(h http.Header, r *http.Request, name string, values []string, o *gsessions.Options) {
	expired := *o
	expired.MaxAge = -1
	carried := readParts(r.Header, name)
	var lines []string
	for i := range maxParts {
		cookie := gsessions.NewCookie(partName(name, i), "", &expired)
		if i < len(values) {
			cookie = gsessions.NewCookie(partName(name, i), values[i], o)
		} else if i > 0 && carried.count[i] == 0 {
			continue
		}
		lines = append(lines, cookie.String())
	}
	kept := slices.DeleteFunc(slices.Clone(h["Set-Cookie"]), func(line string) bool {
		_, _, ours := matchPart(line, name)
		return ours
	})
	h["Set-Cookie"] = append(kept, lines...)
}

func partName(name string, part int) string {
	if part == 0 {
		return name
	}
	return name + "." + strconv.Itoa(part)
}
