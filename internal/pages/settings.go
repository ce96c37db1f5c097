package pages

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// languages returns the languages of the app, the default first.
func (s Settings) languages() []string {
	if len(s.Languages) > 0 {
		return s.Languages
	}
	all := Shipped()
	for _, tag := range slices.Sorted(maps.Keys(s.Texts)) {
		if !slices.Contains(all, tag) {
			all = append(all, tag)
		}
	}
	return all
}

// Check reports settings that would not be shown as they are meant.
func (s Settings) Check(found *settings.Problems) {
	if why, fix := settings.CheckText(s.AppName); why != "" {
		found.Add("AppName", why, fix)
	}
	if s.Logo != "" && !isLogo(s.Logo) {
		found.Add("Logo", fmt.Sprintf("%.40q is not the address of an image", s.Logo),
			"use a path of the app, an https URL, or a data URL with base64")
	}
	if strings.Contains(s.Style, "</") { // it would end the style element
		found.Add("Style", `has "</"`, "write CSS alone, without tags")
	}
	for _, text := range checkTexts(s.Texts) {
		found.Add("Texts", text, "see docs/pages.md for all texts")
	}
	for _, tag := range s.Languages {
		switch {
		case !isTag(tag):
			found.Add("Languages", fmt.Sprintf("%q is not a language tag", tag), "write tags such as de or pt-BR")
		case !s.has(tag):
			found.Add("Languages", fmt.Sprintf("there are no texts in %q", tag), "add them to Texts, or leave it out")
		}
	}
}

// has reports whether there are texts in a language, or in one that it is a variant of.
func (s Settings) has(tag string) bool {
	return slices.ContainsFunc(append(wider(tag), tag), func(tag string) bool {
		return len(s.Texts[tag]) > 0 || slices.Contains(Shipped(), tag)
	})
}
