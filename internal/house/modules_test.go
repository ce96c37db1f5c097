package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestNoDriver: users of the plugin get no driver of a database, and the example's versions of what both use are the
// plugin's, so that the workspace tests what users compile.
func TestNoDriver(t *testing.T) {
	t.Chdir(root)
	requirement := regexp.MustCompile(`(?m)^\t(\S+) (v\S+)`)
	plugin, example := map[string]string{}, map[string]string{}
	for name, versions := range map[string]map[string]string{"go.mod": plugin, "example/go.mod": example} {
		for _, m := range requirement.FindAllStringSubmatch(readFile(t, name), -1) {
			versions[m[1]] = m[2]
		}
	}
	for _, driver := range []string{
		"github.com/jackc/pgx/v5", "github.com/go-sql-driver/mysql", "modernc.org/sqlite", "modernc.org/libc",
	} {
		if plugin[driver] != "" || example[driver] == "" {
			t.Errorf("%s: %q in go.mod, %q in example/go.mod", driver, plugin[driver], example[driver])
		}
	}
	for name, version := range example {
		if plugin[name] != "" && plugin[name] != version {
			t.Errorf("example/go.mod has %s %s, go.mod %s", name, version, plugin[name])
		}
	}
	used := regexp.MustCompile(`(?m)^\t(\S+)$`).FindAllString(readFile(t, "go.work"), -1)
	if len(plugin) < 20 || !slices.Equal(used, []string{"\t.", "\t./example"}) ||
		!strings.Contains(readFile(t, "example/go.mod"), "replace github.com/seed-d65cea4d/ginoidc => ../") {
		t.Errorf("%d requirements; go.work uses %q", len(plugin), used)
	}
}
