package cookiestore

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
)

// maxValue leaves room for the attributes, which some browsers count too (RFC 6265 section 6.1).
const maxValue = 3900

// parts are the cookies of one session in a request: "name" at 0, "name.1" at 1, and so on. A session that fits in one
// cookie is its sealed text; otherwise "name" holds "~N~" and the first of N pieces of it.
type parts struct {
	value [cookie.MaxParts]string
	count [cookie.MaxParts]uint8 // how often the request carries it; at most repeated
}

const repeated = 2 // or more often

func (p *parts) read(r *http.Request, name string) {
	for pair := range cookie.Named(r, name) {
		if i, value, ok := cookie.CutPart(pair, name); ok {
			p.value[i] = value
			p.count[i] = min(p.count[i]+1, repeated)
		}
	}
}

// join puts the sealed text together. It allocates memory for the cookies present, not for the count that they claim. A
// repeated part is refused, because it is unknown which one the server set: the other may be an attacker's, planted
// from a sibling domain or for a narrower path.
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
		if p.count[i] != 1 || len(p.value[i]) > cookie.MaxSize {
			return "", false
		}
	}
	if n == 1 {
		return first, true
	}
	return first + strings.Join(p.value[1:n], ""), true
}

// partBudget returns how many bytes of value fit in each cookie of that name with the attributes of o.
func partBudget(name string, o *gsessions.Options) int {
	overhead := len(gsessions.NewCookie(cookie.PartName(name, cookie.MaxParts-1), "", o).String())
	return max(0, min(maxValue, cookie.MaxSize-overhead))
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

// writeParts makes values the only parts that h sets for this name, and deletes further parts that the request carries.
// Without values it deletes the session.
func writeParts(h http.Header, r *http.Request, name string, values []string, o *gsessions.Options) {
	expired := *o
	expired.MaxAge = -1
	var carried parts
	carried.read(r, name)
	var lines []string
	for i := range cookie.MaxParts {
		line := gsessions.NewCookie(cookie.PartName(name, i), "", &expired).String()
		if i < len(values) {
			line = gsessions.NewCookie(cookie.PartName(name, i), values[i], o).String()
		} else if i > 0 && carried.count[i] == 0 {
			continue
		}
		lines = append(lines, line)
	}
	kept := slices.DeleteFunc(slices.Clone(h["Set-Cookie"]), func(line string) bool {
		_, _, ours := cookie.CutPart(line, name)
		return ours
	})
	h["Set-Cookie"] = append(kept, lines...)
}
