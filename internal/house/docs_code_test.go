package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Go code of the pages is checked as is if it begins with "package". Any other block is declarations or statements that
// may use the packages and variables below; it need not use everything it declares.
const (
	fragmentImports = `import (
	"context"; "crypto/sha256"; "crypto/tls"; "database/sql"; "encoding/json"; "errors"; "fmt"; "html/template"; "io"
	"log"; "log/slog"; "net"; "net/http"
	"net/http/httptest"; "net/netip"; "net/url"; "os"; "strings"; "sync/atomic"; "testing"; "time"
	"github.com/gin-contrib/sessions"; "github.com/gin-contrib/sessions/filesystem"; "github.com/gin-gonic/gin"
	"github.com/seed-d65cea4d/ginoidc"; "github.com/seed-d65cea4d/ginoidc/cookiestore"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"; "github.com/seed-d65cea4d/ginoidc/redisstate"
	"github.com/seed-d65cea4d/ginoidc/memorystore"; "github.com/seed-d65cea4d/ginoidc/sqlstate"
)
`
	fragmentVariables = `package fragment
import (
	"context"; "testing"
	"github.com/gin-contrib/sessions"; "github.com/gin-gonic/gin"; "github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"; "github.com/seed-d65cea4d/ginoidc/redisstate"
)
var (
	auth *ginoidc.Auth
	cfg ginoidc.Config
	idp *ginoidctest.Provider
	router *gin.Engine
	secret string
	store sessions.Store
	t *testing.T
)
func handler(*gin.Context)
func groupsFromGraph(context.Context, string) ([]string, error)
func newApp() (*ginoidc.Auth, *gin.Engine)
func newState(*testing.T) ginoidc.SharedState
`
)

// TestGoBlocks: the Go code of the pages compiles.
func TestGoBlocks(t *testing.T) {
	t.Chdir(root)
	fset := token.NewFileSet()
	var found [][]*ast.File
	imported := map[string]bool{}
	for name, page := range documents(t) {
		for _, b := range blocks(name, page, "go") {
			files, err := b.parse(fset)
			if err != nil {
				t.Error(err)
				continue
			}
			found = append(found, files)
			for _, file := range files {
				for _, spec := range file.Imports {
					name, _ := strconv.Unquote(spec.Path.Value)
					imported[name] = true
				}
			}
		}
	}
	if len(found) == 0 {
		t.Fatal("no page has Go code")
	}
	exports := exporter(t, fset, slices.Sorted(maps.Keys(imported)))
	for _, files := range found {
		fragment := files[0].Name.Name == "fragment"
		config := types.Config{Importer: exports, Error: func(err error) {
			// Soft errors are unused variables and imports.
			if e := (types.Error{}); !fragment || !errors.As(err, &e) || !e.Soft {
				t.Error(err)
			}
		}}
		_, _ = config.Check(files[0].Name.Name, fset, files, nil) // what it returns, Error has seen
	}
}

// parse returns the files of a block, with the lines of the page in every position.
func (b block) parse(fset *token.FileSet) ([]*ast.File, error) {
	line := fmt.Sprintf("\n//line %s:%d\n", b.file, b.line)
	if strings.HasPrefix(b.text, "package ") {
		file, err := parser.ParseFile(fset, path.Base(b.file), line+b.text, 0)
		return []*ast.File{file}, err
	}
	variables, err := parser.ParseFile(fset, "variables.go", fragmentVariables, 0)
	if err != nil {
		return nil, err
	}
	head := "package fragment\n" + fragmentImports
	file, err := parser.ParseFile(fset, path.Base(b.file), head+line+b.text, 0)
	if err != nil {
		file, err = parser.ParseFile(fset, path.Base(b.file), head+"func _() {"+line+b.text+"\n}", 0)
	}
	return []*ast.File{variables, file}, err
}

// exporter imports packages as compiled by the go command, which in a test of this module has usually compiled them
// already.
func exporter(t *testing.T, fset *token.FileSet, packages []string) types.Importer {
	t.Helper()
	command := exec.Command("go",
		append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}, packages...)...)
	command.Stderr = os.Stderr
	listed, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(listed)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		exports[name] = file
	}
	return importer.ForCompiler(fset, "gc", func(name string) (io.ReadCloser, error) {
		return os.Open(exports[name])
	})
}

// TestExampleInPage: docs/sessions.md shows the page that the tests of the root package run.
func TestExampleInPage(t *testing.T) {
	t.Chdir(root)
	const begins = "// deviceOf names"
	_, code, _ := strings.Cut(readFile(t, "example_test.go"), begins)
	if code == "" || !strings.Contains(readFile(t, "docs/sessions.md"), strings.TrimSpace(begins+code)) {
		t.Error("docs/sessions.md does not have the last code of example_test.go")
	}
}
