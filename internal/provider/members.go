package provider

import (
	"fmt"
	"strings"
)

// document is a JSON object from an untrusted source. Its methods are the only place that decides how an optional
// member is read. null is treated as absent, because serializers write it for unset fields. A member of an unexpected
// type is an error and never a guess. Members that must be absent, such as a nonce in a logout token, may not be null
// either; those are looked up directly.
type document map[string]any

// has reports whether a member is present.
func (d document) has(name string) bool { return d[name] != nil }

// text reads a string, or "" if it is absent. Where "" and absent differ, the caller uses has.
func (d document) text(name string) (string, error) {
	text, ok := d[name].(string)
	if d.has(name) && !ok {
		return "", fmt.Errorf("%s is not a string", name)
	}
	return text, nil
}

// words reads space-separated names, or an array of them, which is how Twitch writes scope.
func (d document) words(name string) (string, error) {
	list, ok := d[name].([]any)
	if !ok {
		return d.text(name)
	}
	words := make([]string, 0, len(list))
	for _, element := range list {
		word, ok := element.(string)
		if !ok {
			return "", fmt.Errorf("%s is not a list of strings", name)
		}
		words = append(words, strings.Fields(word)...)
	}
	return strings.Join(words, " "), nil
}

// list returns the strings of an array, or nil if there is no array.
func (d document) list(name string) (texts []string) {
	array, ok := d[name].([]any)
	if ok {
		texts = make([]string, 0, len(array))
	}
	for _, element := range array {
		if text, ok := element.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// Claims are the members of a verified JSON object: exact names, numbers as json.Number.
type Claims map[string]any
