package main

import (
	"html/template"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
)

// TestTemplateInPage: the template in docs/pages.md shows everything that a page of the plugin can have.
func TestTemplateInPage(t *testing.T) {
	t.Chdir(root)
	found := blocks("docs/pages.md", readFile(t, "docs/pages.md"), "html")
	if len(found) != 1 {
		t.Fatalf("%d templates", len(found))
	}
	own, err := template.New("own").Parse(found[0].text)
	if err != nil {
		t.Fatal(err)
	}
	page := &ginoidc.Page{
		Lang: "l-ang", Direction: "d-irection", Title: "t-itle", Message: "m-essage", LastUsed: "last-used",
		Choices: []ginoidc.ProviderChoice{{Label: "l-abel", URL: "u-rl", Last: true}},
		Form: &ginoidc.PageForm{Action: "a-ction", Button: "b-utton", EmailLabel: "email-label", Email: "e-mail",
			Hidden: []ginoidc.PageField{{Name: "n-ame", Value: "v-alue"}}},
		Link:       ginoidc.PageLink{URL: "link-url", Text: "link-text"},
		Back:       ginoidc.PageLink{URL: "back-url", Text: "back-text"},
		SignedInAs: "signed-in", Request: "r-equest",
	}
	var b strings.Builder
	if err := own.Execute(&b, page); err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Fields("l-ang d-irection t-itle m-essage last-used l-abel u-rl a-ction b-utton " +
		"email-label e-mail n-ame v-alue link-url link-text back-url back-text signed-in r-equest") {
		if !strings.Contains(b.String(), part) {
			t.Errorf("the template does not show %s: %s", part, b.String())
		}
	}
}

// TestVariablesOfStyle: docs/pages.md lists the variables of the pages' style, and no others.
func TestVariablesOfStyle(t *testing.T) {
	t.Chdir(root)
	variables := func(pattern, text string) []string {
		found := map[string]bool{}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			found[m[1]] = true
		}
		return slices.Sorted(maps.Keys(found))
	}
	_, table, _ := strings.Cut(readFile(t, "docs/pages.md"), "| variable |")
	table, _, _ = strings.Cut(table, "\n\n")
	css := readFile(t, "internal/pages/style.css")
	documented, used := variables("`(--[a-z-]+)`", table), variables(`var\((--[a-z-]+)\)`, css)
	set := variables(`[{;\n](--[a-z-]+):`, css)
	if !slices.Equal(documented, used) || !slices.Equal(set, used) || len(used) < 10 {
		t.Errorf("documented %q, used %q, set %q", documented, used, set)
	}
}
