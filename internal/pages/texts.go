package pages

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// The texts of the plugin, a file for each language. Each text has a key; those of an error page begin with its code.
//
//go:embed texts
var files embed.FS

// English is the language of the plugin: that of its JSON responses, of every text that another language lacks, and of
// pages whose app lists no languages.
const English = "en"

// Shipped returns the languages that the plugin has texts in, English first.
func Shipped() []string { return []string{English, "de"} }

// Texts returns the plugin's texts in a language by their keys, or nil if it has none.
func Texts(tag string) map[string]string {
	content, err := files.ReadFile(path.Join("texts", tag+".json"))
	if err != nil {
		return nil
	}
	var texts map[string]string
	if err := json.Unmarshal(content, &texts); err != nil {
		panic(fmt.Sprintf("ginoidc: the texts in %s: %v", tag, err)) // a test reads all of them
	}
	return texts
}

// textsIn returns the texts in a language with those of the app, which may replace single ones. What a language lacks
// is taken from the one that it is a variant of, as "de" for "de-AT", and at last from English. missing has the keys
// for which there is English only.
func textsIn(tag string, own map[string]map[string]string) (texts map[string]string, missing []string) {
	texts = map[string]string{}
	for _, wider := range append(wider(tag), tag) {
		maps.Copy(texts, Texts(wider))
		maps.Copy(texts, own[wider])
	}
	english := Texts(English)
	maps.Copy(english, own[English])
	for key, text := range english {
		if texts[key] == "" {
			texts[key] = text
			missing = append(missing, key)
		}
	}
	slices.Sort(missing)
	return texts, missing
}

// wider returns the languages that one is a variant of, the widest first: "zh" and "zh-Hant" for "zh-Hant-TW".
func wider(tag string) (tags []string) {
	for i, r := range tag {
		if r == '-' {
			tags = append(tags, tag[:i])
		}
	}
	return tags
}

// checkTexts returns what is wrong with the texts of an app, in the order of their languages and keys.
func checkTexts(own map[string]map[string]string) (problems []string) {
	english := Texts(English)
	for _, tag := range slices.Sorted(maps.Keys(own)) {
		if !isTag(tag) {
			problems = append(problems, fmt.Sprintf("%q is not a language tag such as fr or pt-BR", tag))
		}
		for _, key := range slices.Sorted(maps.Keys(own[tag])) {
			text, of := own[tag][key], english[key]
			switch {
			case of == "":
				problems = append(problems, fmt.Sprintf("%s: there is no text %q", tag, key))
			case strings.TrimSpace(text) == "":
				problems = append(problems, fmt.Sprintf("%s: %s is empty", tag, key))
			case placeholder(text) != placeholder(of):
				problems = append(problems, fmt.Sprintf("%s: %s has not the placeholder %s of %q", tag, key,
					placeholder(of), of))
			}
		}
	}
	return problems
}

var placeholders = regexp.MustCompile(`\{\w*\}`)

// placeholder returns what is replaced in a text, such as "{app}", or "". No text has two.
func placeholder(text string) string { return strings.Join(placeholders.FindAllString(text, -1), " ") }
