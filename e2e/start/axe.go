package start

import (
	"os"
	"path/filepath"
	"testing"
)

// Axe returns the script of axe-core, which checks the accessibility of the page that runs it.
func Axe(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(moduleDir(t, plugin+"/e2e"), "axe")
	install(t, dir)
	script, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}
