package provider

import (
	"fmt"
	"strings"
)

// document is a JSON object that somebody else wrote. Its methods are the one place that decides what an optional
// member says. null says nothing, as if the member were absent: serializers write it for what is not set. Another type
// than the expected one is an error and never a guess. What must not be there at all, such as a nonce in a logout
// token, may not be there as null either; such members are looked up directly.
type document map[string]any

// has reports whether a member is there.
func (d document) has(name string) bool { return d[name] != nil }

// text reads a string, "" when it is absent. Where "" means something else than absent, the caller asks has.
func (d document) text(name string) (string, error) {
	text, ok := d[name].(string)
	if d.has(name) && !ok {
		return "", fmt.Errorf("%s is not a string", name)
	}
	return text, nil
}

// words reads names separated by spaces, or an array of them, as Twitch writes scope.
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

// list gives the strings of an array, nil when there is no array.
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
