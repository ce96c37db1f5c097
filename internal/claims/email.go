package claims

import "strings"

// EmailDomain returns the domain of an e-mail address in lower case, or "" if it is not certain which domain that is:
// in "a@good.example@evil.example" mail servers and comparisons may take different parts for it. Only ASCII is folded,
// so no look-alike of another script becomes a letter. A final dot and subdomains stay, so they are other domains.
func EmailDomain(address string) string {
	user, domain, _ := strings.Cut(address, "@")
	if user == "" || strings.Contains(domain, "@") {
		return ""
	}
	lower := []byte(domain)
	for i, c := range lower {
		switch {
		case c <= ' ' || c > '~': // not the name of a host: internationalized ones are written as xn--
			return ""
		case c >= 'A' && c <= 'Z':
			lower[i] = c + 'a' - 'A'
		}
	}
	return string(lower)
}
