package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// mutant is one change to a source file that makes a check pass or fail always, returns no error, or leaves a call out.
type mutant struct {
	id       int
	file     string
	line     int
	function string
	kind     string // what is changed
	text     string // the code concerned, on one line
	nth      int    // of those that are alike in the function
}

// key identifies a mutant when the lines around it have moved.
func (m mutant) key() string {
	key := m.file + " " + m.function + ": " + m.kind + ": " + m.text
	if m.nth > 1 {
		key += fmt.Sprintf(" (%d)", m.nth)
	}
	return key
}

// The kinds of mutants.
const (
	alwaysTrue  = "always true"
	alwaysFalse = "always false"
	boundary    = "off by one"
	negated     = "negated"
	noError     = "no error"
	leftOut     = "left out"
	zero        = "zero"
)

// instrumented is a source file with all its mutants in it. Each of them asks at run time whether it is the active one,
// so the tests are compiled once for all.
type instrumented struct {
	files   *token.FileSet
	name    string
	source  []byte
	next    int // id of the next mutant
	mutants []mutant

	functions []*ast.FuncType // those that enclose the node, innermost last
	names     []string
	inserts   []insert
}

// insert is text to be inserted at an offset of the source.
type insert struct {
	at     int
	suffix bool // closes an expression: comes before what begins there
	order  int
	text   string
}

// instrument finds the mutants of a source file, whose ids begin with first, and returns the file with all of them.
func instrument(name string, source []byte, first int) (*instrumented, string, error) {
	f := &instrumented{files: token.NewFileSet(), name: name, source: source, next: first}
	file, err := parser.ParseFile(f.files, name, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, "", err
	}
	for _, decl := range file.Decls {
		if function, ok := decl.(*ast.FuncDecl); ok && function.Body != nil {
			f.functions, f.names = []*ast.FuncType{function.Type}, []string{function.Name.Name}
			ast.Walk(f, function.Body)
		}
	}
	return f, f.apply(), nil
}

// Visit implements ast.Visitor.
func (f *instrumented) Visit(node ast.Node) ast.Visitor {
	switch n := node.(type) {
	case *ast.FuncLit:
		f.functions = append(f.functions, n.Type)
		ast.Walk(f, n.Body)
		f.functions = f.functions[:len(f.functions)-1]
		return nil
	case *ast.ForStmt: // without its condition: a loop that does not end only takes time
		ast.Walk(f, n.Body)
		return nil
	case *ast.IfStmt:
		f.condition(n.Cond)
	case *ast.SwitchStmt:
		if n.Tag == nil {
			for _, clause := range n.Body.List {
				for _, expr := range clause.(*ast.CaseClause).List {
					f.condition(expr)
				}
			}
		}
	case *ast.BinaryExpr:
		f.binary(n)
	case *ast.ReturnStmt:
		f.result(n)
	case *ast.BlockStmt:
		f.statements(n.List)
	case *ast.CaseClause:
		f.statements(n.Body)
	case *ast.CommClause:
		f.statements(n.Body)
	case *ast.KeyValueExpr:
		if isLimit(n.Value) {
			f.wrap(n.Value, "mutantZero_(%d, ", ")", zero)
		}
	}
	return f
}

// isLimit reports whether an expression is a product of numbers and units, like 5 * time.Second or 64 << 10.
func isLimit(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return isLimit(e.X) && isLimit(e.Y)
	case *ast.BasicLit:
		return e.Kind == token.INT
	case *ast.SelectorExpr:
		pkg, ok := e.X.(*ast.Ident)
		return ok && pkg.Name == "time"
	}
	return false
}

// statements leaves out calls whose result is not used.
func (f *instrumented) statements(list []ast.Stmt) {
	for _, statement := range list {
		if n, ok := statement.(*ast.ExprStmt); ok {
			if call, ok := n.X.(*ast.CallExpr); ok && !harmless(call) {
				f.wrap(n, "if !mutant_(%d) { ", " }", leftOut)
			}
		}
	}
}

// condition makes a condition always true and always false.
func (f *instrumented) condition(cond ast.Expr) {
	f.wrap(cond, "(", " && !mutant_(%d))", alwaysFalse)
	f.wrap(cond, "((", ") || mutant_(%d))", alwaysTrue)
}

// binary leaves out an operand of && and ||, and moves the boundary of a comparison.
func (f *instrumented) binary(n *ast.BinaryExpr) {
	switch n.Op {
	case token.LAND, token.LOR:
		for _, operand := range []ast.Expr{n.X, n.Y} {
			if inner, ok := operand.(*ast.BinaryExpr); ok && inner.Op == n.Op {
				continue // its own operands are left out
			}
			if n.Op == token.LAND {
				f.wrap(operand, "((", ") || mutant_(%d))", alwaysTrue)
			} else {
				f.wrap(operand, "((", ") && !mutant_(%d))", alwaysFalse)
			}
		}
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		equal := fmt.Sprintf(" && (%s) == (%s)))", f.text(n.X), f.text(n.Y))
		f.wrap(n, "((", ") != (mutant_(%d)"+strings.ReplaceAll(equal, "%", "%%"), boundary)
	}
}

// result changes the last result of a function if it is an error or says whether there is a result.
func (f *instrumented) result(n *ast.ReturnStmt) {
	results := f.functions[len(f.functions)-1].Results
	if results == nil || results.NumFields() != len(n.Results) || len(n.Results) == 0 {
		return
	}
	last := n.Results[len(n.Results)-1]
	kind, ok := results.List[len(results.List)-1].Type.(*ast.Ident)
	value, isName := last.(*ast.Ident)
	switch {
	case ok && kind.Name == "error" && !(isName && value.Name == "nil"):
		f.wrap(last, "mutantError_(%d, ", ")", noError)
	case ok && kind.Name == "bool":
		f.wrap(last, "((", ") != mutant_(%d))", negated)
	}
}

// harmless reports whether a call is left in place: without it, tests hang, or only a log line is missing.
func harmless(call *ast.CallExpr) bool {
	name := ""
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		name = fun.Name
	case *ast.SelectorExpr:
		name = fun.Sel.Name
	}
	return slices.Contains([]string{
		"Lock", "Unlock", "RLock", "RUnlock", "Done", "Wait", "panic", "Debug", "DebugContext", "InfoContext", "Info",
		"WarnContext", "Warn", "ErrorContext", "Error", "LogAttrs",
	}, name)
}

// wrap puts text around a node, with the id of a new mutant for %d.
func (f *instrumented) wrap(node ast.Node, before, after, kind string) {
	m := mutant{
		id: f.next, file: f.name, line: f.files.Position(node.Pos()).Line, function: f.names[0], kind: kind,
		text: strings.Join(strings.Fields(f.text(node)), " "),
	}
	f.next++
	for _, other := range append(f.mutants, m) {
		if other.function == m.function && other.kind == m.kind && other.text == m.text {
			m.nth++
		}
	}
	f.mutants = append(f.mutants, m)
	order := len(f.inserts)
	f.insert(node.Pos(), false, order, before, m.id)
	f.insert(node.End(), true, -order, after, m.id)
}

func (f *instrumented) insert(at token.Pos, suffix bool, order int, text string, id int) {
	if strings.Contains(text, "%") {
		text = fmt.Sprintf(text, id)
	}
	f.inserts = append(f.inserts, insert{f.files.Position(at).Offset, suffix, order, text})
}

func (f *instrumented) text(node ast.Node) string {
	return string(f.source[f.files.Position(node.Pos()).Offset:f.files.Position(node.End()).Offset])
}
