package pages_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/pages"
)

// TestAccepted: the language with the largest weight that the app has, by RFC 4647; anything malformed counts as
// nothing.
func TestAccepted(t *testing.T) {
	retry := map[string]string{"link.retry": "x"}
	set := newSet(t, pages.Settings{Languages: []string{"en", "de", "pt-BR", "zh-Hant", "fr"},
		Texts: map[string]map[string]string{"pt-BR": retry, "zh-Hant": retry, "fr": retry}})
	for _, tt := range []struct {
		header []string
		want   string
	}{
		{nil, "en"},
		{[]string{""}, "en"},
		{[]string{"de"}, "de"},
		{[]string{"DE-at"}, "de"},
		{[]string{"it"}, "en"},
		{[]string{"it, de;q=0.1"}, "de"},
		{[]string{"en;q=0.5,de;q=0.9"}, "de"},
		{[]string{"en;q=0.5", "de;q=0.9"}, "de"},
		{[]string{"fr, de"}, "fr"},
		{[]string{"de;q=0, *"}, "en"},
		{[]string{"*;q=0.2, de;q=0.1"}, "en"},
		{[]string{"pt"}, "pt-BR"},
		{[]string{"pt-PT, de;q=0.5"}, "de"},
		{[]string{"zh-Hant-TW"}, "zh-Hant"},
		{[]string{"zh"}, "zh-Hant"},
		{[]string{"de ; q=0.3 , fr ; Q=0.4"}, "fr"},
		{[]string{"de;q=x, fr;q=0.1"}, "fr"},
		{[]string{"de;q=1.1, fr;q=0.1"}, "fr"},
		{[]string{"de;q=NaN, fr;q=0.1"}, "fr"},
		{[]string{"de;v=1, fr;q=0.1"}, "fr"},
		{[]string{"d, -, de-, ;q=1, fr;q=0.1"}, "de"},
		{[]string{strings.Repeat("it,", 100) + "de"}, "en"}, // too many to look at
	} {
		if got := set.Accepted(tt.header); got.Tag != tt.want {
			t.Errorf("%q: %s, want %s", tt.header, got.Tag, tt.want)
		}
	}
	for list, want := range map[string]string{"": "", "de": "de", "it de-AT fr": "de", " fr  de": "fr", "it": "", "-": "",
		strings.Repeat("it ", 100) + "de": ""} {
		l := set.Chosen(list)
		if l == nil && want != "" || l != nil && l.Tag != want {
			t.Errorf("%q: %v, want %q", list, l, want)
		}
	}
}

// TestDirection: the language says in which direction its pages are written, and names of the other direction do not
// reorder what is around them.
func TestDirection(t *testing.T) {
	retry := map[string]string{"signed_in_as": "\u05de\u05d7\u05d5\u05d1\u05e8: {user}"}
	for tag, want := range map[string]string{"en": "ltr", "he": "rtl", "he-IL": "rtl", "ar": "rtl", "fa": "rtl",
		"az-Arab": "rtl", "ur-Latn": "ltr", "pa-PK": "ltr", "de-1996": "ltr"} {
		set := newSet(t, pages.Settings{Languages: []string{tag}, Texts: map[string]map[string]string{tag: retry}})
		l := set.Accepted(nil)
		body := written(t, set, 200, &pages.Page{}).Body.String()
		if l.Direction != want || !strings.Contains(body, `<html lang="`+tag+`" dir="`+want+`">`) {
			t.Errorf("%s is written %s: %.80s", tag, l.Direction, body)
		}
		for name, isolated := range map[string]bool{"Alice": want == "rtl", "\u05d0\u05dc\u05d9\u05e1": true} {
			if got := strings.Contains(l.With("signed_in_as", name), "\u2068"+name+"\u2069"); got != isolated {
				t.Errorf("%s: %s is isolated: %t", tag, name, got)
			}
		}
	}
}

// TestLanguage: the link to the sign-in decides, then the app, then the browser.
func TestLanguage(t *testing.T) {
	set := newSet(t, pages.Settings{})
	for _, tt := range []struct{ wanted, chosen, accepted, want string }{
		{"de", "en", "en", "de"},
		{"it", "de", "en", "de"},
		{"", "de", "en", "de"},
		{"", "it", "de", "de"},
		{"", "", "de", "de"},
		{"", "", "", "en"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Language", tt.accepted)
		if got := set.Language(r, tt.wanted, func() string { return tt.chosen }); got.Tag != tt.want {
			t.Errorf("%+v: %s", tt, got.Tag)
		}
	}
}
