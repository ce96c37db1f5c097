package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// CheckParameters refuses additional parameters of an authorization request that would replace this client's own, and
// those that every provider must refuse (OpenID Connect Core 1.0 sections 3.1.2.1 and 5.5).
func CheckParameters(params url.Values) error {
	for name, values := range params {
		switch {
		case ownParameter(name):
			return fmt.Errorf("%q is set by the plugin", name)
		case len(values) != 1 && name != "resource": // resource may be repeated (RFC 8707 section 2)
			return fmt.Errorf("%q has %d values", name, len(values))
		case name == "max_age" && !IsMaxAge(values[0]):
			return errors.New("max_age is not a number of seconds")
		case name == "prompt" && isNoneWithOthers(values[0]):
			return fmt.Errorf("prompt %q has none together with others", values[0])
		case name == "claims" && !isObject(values[0]):
			return errors.New("claims is not a JSON object")
		}
	}
	return nil
}

// ownParameter reports whether only this client may set the parameter. A request object would replace all of them (RFC
// 9101 section 5), and it has claims of its own (RFC 7519 section 4.1).
func ownParameter(name string) bool {
	return slices.Contains([]string{
		"response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
		"response_mode", "request", "request_uri", "dpop_jkt", "client_secret", "client_assertion", "client_assertion_type",
		"iss", "sub", "aud", "exp", "nbf", "iat", "jti",
	}, name)
}

var maxAgePattern = regexp.MustCompile(`^[0-9]{1,9}$`)

// IsMaxAge reports whether s is a max_age: at most nine digits of seconds.
func IsMaxAge(s string) bool { return maxAgePattern.MatchString(s) }

func isNoneWithOthers(prompt string) bool {
	words := strings.Fields(prompt)
	return len(words) > 1 && slices.Contains(words, "none")
}

func isObject(text string) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal([]byte(text), &object) == nil && object != nil
}
