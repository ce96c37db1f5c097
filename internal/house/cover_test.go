package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"testing"
)

// TestReasons: the reason is known why a block was not reached by the last run, and no reason is left over.
func TestReasons(t *testing.T) {
	t.Chdir(root)
	missed, err := readUncovered()
	if err != nil {
		t.Fatal(err)
	}
	if err := checkReasons(missed); err != nil {
		t.Error(err)
	}
	for name := range missed { // a further block needs a reason, and so does a function that had none
		missed[name]++
		if checkReasons(missed) == nil {
			t.Errorf("a further block of %s needs no reason", name)
		}
		break
	}
}

// TestFunctionAt: places of a profile are in functions, whatever their receivers.
func TestFunctionAt(t *testing.T) {
	t.Chdir(root)
	const place = "internal/house/cover_reasons.go:"
	if name, err := functionAt(place + "1.1,2.2"); err != nil || name != "(variables)" {
		t.Errorf("%q, %v", name, err)
	}
	if _, err := functionAt(place + "x"); err == nil {
		t.Error("x is a line")
	}
	for source, want := range map[string]string{
		"func F() {}": "F", "func (t T) F() {}": "T.F", "func (t *T) F() {}": "T.F", "func (t *T[V]) F() {}": "T.F",
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+source, 0)
		if err != nil {
			t.Fatal(err)
		}
		if f, ok := file.Decls[0].(*ast.FuncDecl); !ok || functionName(f) != want {
			t.Errorf("%s: %v", source, file.Decls[0])
		}
	}
}

// TestReadProfile: a block counts once, and is covered if any test binary reached it.
func TestReadProfile(t *testing.T) {
	got, err := readProfile("mode: set\n" +
		module + "a.go:1.2,3.4 5 0\n" + module + "internal/b/b.go:1.1,2.2 3 1\n" + module + "a.go:1.2,3.4 5 1\n" +
		module + "a.go:7.1,8.1 2 0\n" + module + "internal/b/b.go:1.1,2.2 3 0\n")
	want := map[string]coverage{"a.go:1.2,3.4": {5, 5}, "a.go:7.1,8.1": {2, 0}, "internal/b/b.go:1.1,2.2": {3, 3}}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := readProfile("mode: set\nnonsense\n"); err == nil {
		t.Error("nonsense is a profile")
	}
}
