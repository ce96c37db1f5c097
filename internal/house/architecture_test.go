package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// room is a package and what its code, without tests, imports beyond the standard library. Packages for tests
// ("testing", "net/http/httptest") count as foreign too.
type room struct{ dir, ours, foreign string }

// rooms is the table of docs/architecture.md. Imports run downwards only.
func rooms() []room {
	return []room{
		{"internal/seal", "", ""},
		{"internal/returnto", "", ""},
		{"internal/flight", "", "golang.org/x/sync"},
		{"internal/audit", "", ""},
		{"internal/cookie", "", ""},
		{"internal/web", "", ""},
		{"internal/claims", "", ""},
		{"internal/wire", "", ""},
		{"internal/origin", "", ""},
		{"internal/ascii", "", ""},
		{"internal/sealed", "internal/seal", ""},
		{"internal/attempt", "internal/cookie internal/seal internal/wire", ""},
		{"internal/store", "internal/cookie internal/seal internal/wire", "github.com/gorilla/sessions"},
		{"cookiestore", "internal/cookie internal/seal internal/store internal/wire",
			"github.com/gin-contrib/sessions github.com/gorilla/sessions"},
		{"internal/session", "cookiestore internal/cookie internal/seal internal/wire memorystore",
			"github.com/gin-contrib/sessions github.com/gorilla/securecookie github.com/gorilla/sessions"},
		{"internal/session/sessiontest", "internal/session internal/wire",
			"github.com/gin-contrib/sessions github.com/gorilla/sessions net/http/httptest testing"},
		{"internal/provider", "internal/ascii internal/flight internal/origin internal/wire",
			"github.com/coreos/go-oidc/v3 github.com/go-jose/go-jose/v4 golang.org/x/oauth2"},
		{"internal/state", "", ""},
		{"redisstate", "internal/flight internal/state internal/store",
			"github.com/gin-contrib/sessions github.com/gorilla/sessions github.com/redis/rueidis"},
		{"internal/env", "internal/origin internal/provider internal/settings", ""},
		{"internal/settings", "internal/clientcert internal/origin internal/provider internal/returnto internal/routes " +
			"internal/store",
			""},
		{"internal/lograte", "", ""},
		{"internal/timing", "", ""},
		{"memorystore", "internal/store", "github.com/gin-contrib/sessions github.com/gorilla/sessions"},
		{"internal/house", "", ""},
		{"internal/events", "internal/flight internal/lograte internal/provider", ""},
		{"internal/routes", "internal/audit", "github.com/gin-gonic/gin"},
		{"internal/pages", "internal/origin internal/settings internal/web", ""},
		{"internal/signin", "internal/ascii internal/attempt internal/cookie internal/provider internal/returnto " +
			"internal/sealed internal/session internal/settings",
			""},
		{"internal/reply", "internal/cookie internal/web", "github.com/gin-gonic/gin"},
		{"internal/relyingparty", "internal/bearer internal/directory internal/flight internal/origin internal/provider " +
			"internal/session internal/settings internal/shared",
			""},
		{"internal/roster", "internal/events internal/revocation internal/session internal/shared", ""},
		{"internal/update", "internal/cookie internal/events internal/revocation internal/session internal/shared", ""},
		{".", "cookiestore internal/ascii internal/attempt internal/audit internal/authresponse internal/bearer " +
			"internal/claims internal/clientcert internal/cookie internal/doctor internal/dpopnonce internal/env " +
			"internal/events internal/exchange internal/flight internal/guard internal/marker internal/origin " +
			"internal/outcome internal/pages internal/provider internal/recheck internal/refresh internal/relyingparty " +
			"internal/reply internal/returnto internal/revocation internal/roster internal/routes internal/sealed " +
			"internal/session internal/settings internal/shared internal/signals internal/signin internal/state " +
			"internal/store internal/throttle internal/update internal/web internal/wire",
			"github.com/gin-contrib/sessions github.com/gin-gonic/gin"},
		{"internal/outcome", "internal/attempt internal/authresponse internal/bearer internal/flight internal/guard " +
			"internal/pages internal/provider internal/refresh internal/relyingparty internal/session internal/shared " +
			"internal/signin internal/throttle internal/web",
			""},
		{"internal/guard", "internal/claims internal/provider internal/settings", ""},
		{"internal/faults", "", ""},
		{"internal/doctor", "internal/provider", ""},
		{"internal/signals", "internal/events internal/flight internal/outcome internal/provider internal/roster " +
			"internal/sealed internal/shared",
			""},
		{"internal/bearer", "internal/clientcert internal/dpopnonce internal/provider internal/returnto", ""},
		{"internal/exchange", "internal/attempt internal/cookie internal/events internal/flight internal/outcome " +
			"internal/provider internal/session internal/shared",
			""},
		{"internal/recheck", "internal/claims internal/flight internal/provider internal/refresh internal/session " +
			"internal/shared internal/wire",
			""},
		{"internal/throttle", "", ""},
		{"sqlstate", "internal/state internal/store", "github.com/gin-contrib/sessions github.com/gorilla/sessions"},
		{"internal/limit", "", "github.com/gin-gonic/gin"},
		{"internal/authresponse", "internal/ascii internal/attempt internal/provider internal/relyingparty internal/web", ""},
		{"internal/marker", "internal/cookie internal/revocation internal/sealed", ""},
		{"internal/clientcert", "", ""},
		{"internal/dpopnonce", "internal/sealed", ""},
		{"internal/directory", "internal/flight", ""},
		{"internal/shared", "internal/flight internal/sealed internal/state", ""},
		{"internal/revocation", "internal/flight internal/session internal/shared internal/wire", ""},
		{"internal/refresh", "internal/flight internal/provider internal/session internal/shared", ""},
		{"cmd/ginoidc", ". ginoidctest internal/origin internal/provider redisstate", ""},
		{"internal/fakeop", "", "github.com/go-jose/go-jose/v4"},
		{"ginoidctest", ". internal/audit internal/fakeop",
			"github.com/gin-contrib/sessions github.com/gin-gonic/gin github.com/gorilla/securecookie " +
				"github.com/gorilla/sessions"},
		{"internal/testapp", ". internal/fakeop internal/state",
			"github.com/gin-contrib/sessions github.com/gin-gonic/gin net/http/httptest testing"},
	}
}

// row is the room's row of the table in docs/architecture.md.
func (r room) row() string {
	cell := func(list string) string {
		if list == "" {
			return "–"
		}
		return "`" + strings.Join(strings.Fields(list), "`, `") + "`"
	}
	return "| `" + r.dir + "` | " + cell(r.ours) + " | " + cell(r.foreign) + " |\n"
}

const modulePath = "github.com/seed-d65cea4d/ginoidc"

// TestArchitecture: every package imports exactly what its row says, and the documentation says the same.
func TestArchitecture(t *testing.T) {
	t.Chdir(root)
	documented := readFile(t, "docs/architecture.md")
	found := importsByDir(t)
	for _, r := range rooms() {
		if !strings.Contains(documented, r.row()) {
			t.Errorf("docs/architecture.md lacks the row\n%s", r.row())
		}
		allowed := append(strings.Fields(r.ours), strings.Fields(r.foreign)...)
		used := map[string]bool{}
		for _, imported := range found[r.dir] {
			name := roomOrModule(imported)
			if used[name] = true; !slices.Contains(allowed, name) {
				t.Errorf("%s must not import %s", r.dir, imported)
			}
		}
		for _, name := range allowed {
			if !used[name] {
				t.Errorf("%s does not import %s any more: take it off the tables", r.dir, name)
			}
		}
		delete(found, r.dir)
	}
	for dir := range found {
		t.Errorf("%s has no row: say in both tables what it may import", dir)
	}
}

// TestEventsPassOneFunction: the root package logs nothing at info or above by itself: it emits events, which app hooks
// see too. What New finds in a Config is not an event.
func TestEventsPassOneFunction(t *testing.T) {
	t.Chdir(root)
	call := regexp.MustCompile(`\b\w+\.[lL]og\.(?:(?:Info|Warn|Error)(?:Context)?|LogAttrs|Log)\(`)
	eachFile(t, ".go", func(name string) {
		if path.Dir(name) != "." || strings.HasSuffix(name, "_test.go") || name == "auth.go" {
			return
		}
		if call.MatchString(readFile(t, name)) {
			t.Errorf("%s calls the log: report an event", name)
		}
	})
	if n := len(call.FindAllString(readFile(t, "internal/events/reporter.go"), -1)); n != 1 {
		t.Errorf("%d calls of the log, want that of Emit", n)
	}
}

// TestPairs: each source file of the root has a test file of its name, or of the beginning of its name up to an
// underscore, and each test file its source.
func TestPairs(t *testing.T) {
	t.Chdir(root)
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	tested := func(base string) bool {
		for base != "" && !slices.Contains(names, base+"_test.go") {
			base = base[:max(0, strings.LastIndexByte(base, '_'))]
		}
		return base != ""
	}
	for _, name := range names {
		base, isTest := strings.CutSuffix(strings.TrimSuffix(name, ".go"), "_test")
		switch {
		case base == "doc" || isTest && (base == "bench" || base == "example"):
		case isTest && !slices.Contains(names, base+".go"):
			t.Errorf("%s tests no file: tests of the whole plugin are in internal/blackbox", name)
		case !isTest && !tested(base):
			t.Errorf("%s has no test file", name)
		}
	}
}

// importsByDir returns what the non-test code of each package of this module imports beyond the standard library.
func importsByDir(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	eachFile(t, ".go", func(name string) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		dir := path.Dir(name)
		found[dir] = append(found[dir], []string{}...)
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") || first == "testing" ||
				imported == "net/http/httptest" {
				found[dir] = append(found[dir], imported)
			}
		}
	})
	return found
}

// roomOrModule returns an imported package's name in the tables: its directory, or the module it comes from.
func roomOrModule(imported string) string {
	if imported == modulePath {
		return "."
	}
	if dir, ok := strings.CutPrefix(imported, modulePath+"/"); ok {
		return dir
	}
	for _, r := range rooms() {
		for _, module := range strings.Fields(r.foreign) {
			if strings.HasPrefix(imported, module+"/") {
				return module
			}
		}
	}
	return imported
}

// eachFile visits the files of this module whose names end in suffix, without nested modules and hidden directories.
func eachFile(t *testing.T, suffix string, visit func(name string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			_, err := os.Stat(filepath.Join(name, "go.mod"))
			if name != "." && (err == nil || entry.Name()[0] == '.' || entry.Name() == "testdata") {
				return fs.SkipDir
			}
		case strings.HasSuffix(name, suffix):
			visit(filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
