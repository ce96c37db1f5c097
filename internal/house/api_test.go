package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/api.txt")

// TestAPI: the exported names are those of docs/api.txt, so that the API grows by decision and not by accident, and
// each of them has a doc comment. After a decision: go test -run TestAPI -update ./internal/house
func TestAPI(t *testing.T) {
	t.Chdir(root)
	const name = "docs/api.txt"
	var lines []string
	for _, dir := range []string{".", "cookiestore", "ginoidctest", "memorystore", "otel", "redisstate", "sqlstate"} {
		s := surface{t: t, fset: token.NewFileSet()}
		s.read(dir)
		lines = append(lines, s.lines...)
	}
	slices.Sort(lines)
	if *update {
		if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	listed := strings.Split(strings.TrimSuffix(readFile(t, name), "\n"), "\n")
	for _, line := range lines {
		if !slices.Contains(listed, line) {
			t.Errorf("not in %s: %s", name, line)
		}
	}
	for _, line := range listed {
		if !slices.Contains(lines, line) {
			t.Errorf("in %s and not in the code: %s", name, line)
		}
	}
}

// surface is the exported API of a package, one line for each name, in the format of Go's own api directory.
type surface struct {
	t     *testing.T
	fset  *token.FileSet
	pkg   string
	lines []string
}

func (s *surface) read(dir string) {
	s.t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		s.t.Fatalf("%s has no Go files: %v", dir, err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(s.fset, name, nil, parser.ParseComments)
		if err != nil {
			s.t.Fatal(err)
		}
		files = append(files, file)
	}
	pkg, err := doc.NewFromFiles(s.fset, files, modulePath+"/"+dir)
	if err != nil {
		s.t.Fatal(err)
	}
	s.pkg = pkg.Name
	s.documented("package", pkg.Doc)
	s.values(pkg.Consts)
	s.values(pkg.Vars)
	s.functions(pkg.Funcs)
	for _, typ := range pkg.Types {
		s.documented("type "+typ.Name, typ.Doc)
		s.typ(typ.Decl.Specs[0].(*ast.TypeSpec))
		s.values(typ.Consts)
		s.values(typ.Vars)
		s.functions(typ.Funcs)
		s.functions(typ.Methods)
	}
}

func (s *surface) values(values []*doc.Value) {
	for _, v := range values {
		for _, spec := range v.Decl.Specs {
			spec := spec.(*ast.ValueSpec)
			for i, name := range spec.Names {
				line := strings.TrimSpace(v.Decl.Tok.String() + " " + name.Name + " " + s.print(spec.Type))
				if v.Decl.Tok == token.CONST && i < len(spec.Values) {
					line += " = " + s.print(spec.Values[i])
				}
				s.add(line)
				s.documented(line, v.Doc+spec.Doc.Text()+spec.Comment.Text())
			}
		}
	}
}

func (s *surface) functions(functions []*doc.Func) {
	for _, f := range functions {
		f.Decl.Doc, f.Decl.Body = nil, nil
		s.add(s.print(f.Decl))
		if f.Name != "Error" { // of the error interface: nothing to add
			s.documented("func "+f.Name, f.Doc)
		}
	}
}

func (s *surface) typ(spec *ast.TypeSpec) {
	kind, members := "", &ast.FieldList{}
	switch typ := spec.Type.(type) {
	case *ast.StructType:
		kind, members = "struct", typ.Fields
	case *ast.InterfaceType:
		kind, members = "interface", typ.Methods
	default:
		kind = s.print(typ)
	}
	line := "type " + spec.Name.Name + " " + kind
	s.add(line)
	for _, member := range members.List {
		for _, name := range member.Names {
			s.add(line + ", " + name.Name + " " + s.print(member.Type))
		}
		if len(member.Names) == 0 {
			s.add(line + ", embedded " + s.print(member.Type))
		}
	}
}

func (s *surface) add(line string) { s.lines = append(s.lines, "pkg "+s.pkg+", "+line) }

func (s *surface) documented(what, comment string) {
	if strings.TrimSpace(comment) == "" {
		s.t.Errorf("package %s: %s has no doc comment", s.pkg, what)
	}
	if caseList().MatchString(comment) {
		s.t.Errorf("package %s: the doc comment of %s names a case by number, which says nothing to readers", s.pkg, what)
	}
}

// print returns the source of a node on one line.
func (s *surface) print(node any) string {
	if expr, ok := node.(ast.Expr); node == nil || ok && expr == nil {
		return ""
	}
	var b strings.Builder
	if err := printer.Fprint(&b, s.fset, node); err != nil {
		s.t.Fatal(fmt.Errorf("%T: %w", node, err))
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
