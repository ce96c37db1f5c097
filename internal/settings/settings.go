// Package settings has the rules for settings: the limits of single values, and which values contradict each other. It
// does not read them and does not fill in defaults.
//
// A check of a single value returns what is wrong, in words that follow the name of the setting, or "" for an
// acceptable value. A check of several settings adds to [Problems].
package settings

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seed-d65cea4d/ginoidc/internal/store"
)

// The limits of durations, and the address of an app that names none.
const (
	MinTimeout, MaxTimeout         = time.Second, 10 * time.Second
	MinAttemptLife, MaxAttemptLife = time.Minute, 24 * time.Hour
	maxClockTolerance              = 5 * time.Minute
	minPoll, maxPoll               = time.Second, time.Hour

	minSecret        = store.MinSecret // bytes
	minAuthorization = 32

	DefaultAppURL = "http://localhost:8080" // of an app that is configured by environment variables
)

var (
	cookieNamePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	fieldNamePattern  = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
	tokenPattern      = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]+$`)
)

// SigningAlgs returns the JWS algorithms that a provider may sign with. It leaves out none, and HS256 and its
// relatives, with which anyone who knows the client secret could sign (RFC 8725, sections 2.1 and 3.1).
func SigningAlgs() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// FAPI2Algs returns those of the FAPI 2.0 Security Profile, section 5.4.1, which IPSIE SL1 requires too.
func FAPI2Algs() []string { return []string{"PS256", "ES256", "EdDSA"} }

// IsCookieName reports whether s can be the base of the names of cookies. Names that begin with "__" are left to the
// prefixes that browsers enforce (RFC 6265bis, section 4.1.3).
func IsCookieName(s string) bool { return cookieNamePattern.MatchString(s) }

// IsScopeToken reports whether s is one word of a list that is separated by spaces, such as a scope (RFC 6749, section
// 3.3) or an authentication context class.
func IsScopeToken(s string) bool { return tokenPattern.MatchString(s) }

// IsFieldName reports whether s can be the name of a header (RFC 9110, sections 5.1 and 5.6.2).
func IsFieldName(s string) bool { return fieldNamePattern.MatchString(s) }

// CheckText returns what is in a text or around it by mistake, and the fix: characters that slipped in when it was
// copied from the provider's page to the app. No other check would find them, and the provider would only respond that
// it does not know the client. The text may be a secret, so it is never quoted.
func CheckText(s string) (problem, fix string) {
	invisible := func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }
	first, _ := utf8.DecodeRuneInString(s)
	last, _ := utf8.DecodeLastRuneInString(s)
	switch {
	case strings.ContainsFunc(s, invisible):
		return "has a control or invisible character", "remove it, such as the line break at the end of a file"
	case unicode.IsSpace(first) || unicode.IsSpace(last):
		return "has a blank at its beginning or end", "remove it"
	case InQuotes(s):
		return "is in quotes", "remove them: only a shell takes them off, an env file of docker does not"
	}
	return "", ""
}

// InQuotes reports whether s is in straight or typographic quotes, which some env files keep as part of the value.
func InQuotes(s string) bool {
	for _, pair := range []string{`""`, "''", "``", "\u201c\u201d", "\u2018\u2019"} {
		_, size := utf8.DecodeRuneInString(pair)
		if len(s) >= len(pair) && strings.HasPrefix(s, pair[:size]) && strings.HasSuffix(s, pair[size:]) {
			return true
		}
	}
	return false
}

// CheckSecret returns why a secret of at least the given number of bytes could be guessed. It finds placeholders and
// words that someone typed, not every weak secret.
func CheckSecret(s string, least int) (problem string) {
	if len(s) < least {
		return fmt.Sprintf("has %d bytes instead of at least %d", len(s), least)
	}
	for period := 1; period <= len(s)/2; period++ {
		if s[period:] == s[:len(s)-period] {
			return "repeats itself"
		}
	}
	distinct := map[byte]bool{}
	for i := range len(s) {
		distinct[s[i]] = true
	}
	if len(distinct) < 8 {
		return "has no variety"
	}
	return ""
}
