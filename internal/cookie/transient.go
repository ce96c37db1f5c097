package cookie

import "strings"

// Transient returns Set-Cookie lines without what makes the browser keep the cookies after it is closed: Max-Age and
// Expires. Lines that delete a cookie stay as they are.
func Transient(lines []string) []string {
	transient := make([]string, 0, len(lines))
	for _, line := range lines {
		pair, attributes, ok := strings.Cut(line, "; ")
		if ok && !strings.Contains(attributes, "Max-Age=0") {
			kept := []string{pair}
			for attribute := range strings.SplitSeq(attributes, "; ") {
				if !strings.HasPrefix(attribute, "Max-Age=") && !strings.HasPrefix(attribute, "Expires=") {
					kept = append(kept, attribute)
				}
			}
			line = strings.Join(kept, "; ")
		}
		transient = append(transient, line)
	}
	return transient
}
