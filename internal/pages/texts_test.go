package pages_test

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/pages"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// TestLanguages: every language has every text, with the placeholder of the English one, and no other text.
func TestLanguages(t *testing.T) {
	placeholders := regexp.MustCompile(`\{\w*\}`)
	english := pages.Texts(pages.English)
	if len(english) < 70 {
		t.Fatalf("%d texts in English", len(english))
	}
	for _, tag := range pages.Shipped() {
		texts := pages.Texts(tag)
		keys := slices.Sorted(maps.Keys(texts))
		if want := slices.Sorted(maps.Keys(english)); !slices.Equal(keys, want) {
			t.Errorf("%s has the keys %q, want %q", tag, keys, want)
		}
		for key, text := range texts {
			if strings.TrimSpace(text) != text || text == "" || strings.ContainsAny(text, "<>") {
				t.Errorf("%s: %s is %q", tag, key, text)
			}
			if got, want := placeholders.FindAllString(text, -1), placeholders.FindAllString(english[key], -1); len(want) > 1 ||
				!slices.Equal(got, want) {
				t.Errorf("%s: %s has %q, want %q", tag, key, got, want)
			}
			if tag != pages.English && text == english[key] {
				t.Errorf("%s: %s is not translated", tag, key)
			}
		}
	}
	if texts := pages.Texts("xx"); texts != nil {
		t.Errorf("in a language without texts: %v", texts)
	}
}

// TestOwnTexts: an app replaces single texts and adds languages. What one lacks is taken from the language that it is a
// variant of, and at last from English, which New reports.
func TestOwnTexts(t *testing.T) {
	own := pages.Settings{Texts: map[string]map[string]string{
		"en":    {"forbidden.text": "Ask."},
		"de-CH": {"form_too_large.text": "Die Antwort ist zu gross."},
		"fr":    {"forbidden.title": "Refusé"},
	}}
	newSet(t, own)
	set, missing, err := pages.New(own)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ accept, tag, key, want string }{
		{"en", "en", "forbidden.text", "Ask."},
		{"en", "en", "forbidden.title", "No access"},
		{"de-CH", "de-CH", "form_too_large.text", "Die Antwort ist zu gross."},
		{"de-CH", "de-CH", "forbidden.title", "Kein Zugriff"},
		{"de", "de", "form_too_large.text", "Die Antwort ist zu groß."},
		{"fr", "fr", "forbidden.title", "Refusé"},
		{"fr", "fr", "forbidden.text", "Ask."},
		{"fr", "fr", "link.retry", "Try again"},
	} {
		if l := set.Accepted([]string{tt.accept}); l.Tag != tt.tag || l.Text(tt.key) != tt.want {
			t.Errorf("%s: %s of %s is %q, want %q", tt.accept, tt.key, l.Tag, l.Text(tt.key), tt.want)
		}
	}
	if text := set.English().Text("forbidden.text"); text != "You do not have access to this resource." {
		t.Errorf("in JSON: %q", text)
	}
	if len(missing) != 1 || slices.Contains(missing["fr"], "forbidden.title") ||
		len(missing["fr"]) != len(pages.Texts("en"))-1 {
		t.Errorf("missing %v", missing)
	}
}

// TestProblems: each setting that would not be shown as it is meant is reported.
func TestProblems(t *testing.T) {
	texts := func(tag, key, text string) pages.Settings {
		return pages.Settings{Texts: map[string]map[string]string{tag: {key: text}}}
	}
	logo := func(logo string) pages.Settings { return pages.Settings{Logo: logo} }
	for _, tt := range []struct {
		settings pages.Settings
		want     []string // fields
	}{
		{pages.Settings{}, nil},
		{pages.Settings{AppName: "Acme\u200b"}, []string{"AppName"}},
		{logo("/logo.svg"), nil},
		{logo("https://cdn.example/a/logo.svg?v=2"), nil},
		{logo("http://localhost:8080/logo.svg"), nil},
		{logo("data:image/svg+xml;base64,PHN2Zy8+"), nil},
		{logo("logo.svg"), []string{"Logo"}},
		{logo("//cdn.example/logo.svg"), []string{"Logo"}},
		{logo("http://cdn.example/logo.svg"), []string{"Logo"}},
		{logo("https:///logo.svg"), []string{"Logo"}},
		{logo("https://user@cdn.example/logo.svg"), []string{"Logo"}},
		{logo("javascript:alert(1)"), []string{"Logo"}},
		{logo("data:text/html;base64,PHN2Zy8+"), []string{"Logo"}},
		{logo("data:image/svg+xml,<svg onload='x'>"), []string{"Logo"}},
		{logo(`/logo.svg" onerror="x`), []string{"Logo"}},
		{logo("%zz"), []string{"Logo"}},
		{pages.Settings{Style: "a > b {} </style><script>"}, []string{"Style"}},
		{pages.Settings{Style: "@media (width < 30rem) {}"}, nil},
		{pages.Settings{Languages: []string{"de", "en-GB", "de-AT"}}, nil},
		{pages.Settings{Languages: []string{"fr"}}, []string{"Languages"}},
		{pages.Settings{Languages: []string{"de\r\nx", "fr", "d"}}, []string{"Languages", "Languages", "Languages"}},
		{pages.Settings{Languages: []string{"fr-CA"}, Texts: texts("fr", "link.retry", "Réessayer").Texts}, nil},
		{texts("fr", "link.retry", "Réessayer"), nil},
		{texts("fr", "signed_in_as", "{user} est connecté"), nil},
		{texts("fr", "link.retyr", "Réessayer"), []string{"Texts"}},
		{texts("fr", "link.retry", " "), []string{"Texts"}},
		{texts("fr", "signed_in_as", "Connecté"), []string{"Texts"}},
		{texts("fr", "signed_in_as", "{user} {user}"), []string{"Texts"}},
		{texts("fr", "link.retry", "Réessayer {app}"), []string{"Texts"}},
		{texts("français", "link.retry", "Réessayer"), []string{"Texts"}},
	} {
		var got []string
		var found settings.Problems
		tt.settings.Check(&found)
		for _, problem := range found.All {
			if problem.Text == "" || problem.Fix == "" {
				t.Errorf("%+v: %+v", tt.settings, problem)
			}
			got = append(got, problem.Field)
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%+v: problems of %q, want %q", tt.settings, got, tt.want)
		}
	}
}
