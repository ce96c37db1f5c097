// Package snippets_test checks the scripts in the pages: their syntax, and that what they import from the module for
// scripts is there.
package snippets_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

const root = "../.."

// module makes /auth/client.js the module of the plugin.
func module(t *testing.T) api.Plugin {
	path, err := filepath.Abs(filepath.Join(root, "internal", "web", "client", "client.js"))
	if err != nil {
		t.Fatal(err)
	}
	return api.Plugin{Name: "module", Setup: func(build api.PluginBuild) {
		build.OnResolve(api.OnResolveOptions{Filter: "^/auth/client.js$"},
			func(api.OnResolveArgs) (api.OnResolveResult, error) { return api.OnResolveResult{Path: path}, nil })
	}}
}

// check bundles a script, which fails if it is not valid or imports what is not there.
func check(t *testing.T, script string, loader api.Loader) {
	t.Helper()
	result := api.Build(api.BuildOptions{
		Stdin:  &api.StdinOptions{Contents: script, Loader: loader},
		Bundle: true, Format: api.FormatESModule, External: []string{"react", "vue"}, Plugins: []api.Plugin{module(t)},
	})
	for _, message := range append(result.Errors, result.Warnings...) {
		t.Error(strings.Join(api.FormatMessages([]api.Message{message}, api.FormatMessagesOptions{}), "\n"))
	}
}

func TestScripts(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join(root, "docs", "*", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^ *```(jsx?|vue)\n(.*?)^ *```$")
	setup := regexp.MustCompile(`(?s)<script setup>(.*)</script>`)
	found := map[string]int{}
	for _, name := range append(pages, more...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range block.FindAllStringSubmatch(string(text), -1) {
			kind, script := m[1], m[2]
			found[kind]++
			t.Run(fmt.Sprintf("%s/%d", filepath.Base(name), i), func(t *testing.T) {
				if kind == "vue" {
					inside := setup.FindStringSubmatch(script)
					if inside == nil {
						t.Fatal("no <script setup>")
					}
					script = inside[1]
				}
				check(t, script, map[string]api.Loader{"js": api.LoaderJS, "jsx": api.LoaderJSX, "vue": api.LoaderJS}[kind])
			})
		}
	}
	if found["js"] < 4 || found["jsx"] < 1 || found["vue"] < 1 {
		t.Errorf("%v blocks", found)
	}
}
