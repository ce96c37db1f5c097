package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

const (
	// uncoveredFile has a line for each function that the tests do not reach as a whole: directory, function, blocks.
	uncoveredFile = "internal/house/figures/uncovered.txt"

	// reasonsFile says why. Functions follow the reason that they have, each with its directory and how many of its
	// blocks no test reaches: a further one needs a test, or a reason of its own.
	reasonsFile = "internal/house/uncovered.txt"
)

// functionAt returns the function of a place of a profile, such as "New" or "Store.Revoke".
func functionAt(place string) (string, error) {
	name, lines, _ := strings.Cut(place, ":")
	first, _, _ := strings.Cut(lines, ".")
	line, err := strconv.Atoi(first)
	if err != nil {
		return "", fmt.Errorf("%q: %w", place, err)
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	for _, d := range file.Decls {
		if files.Position(d.Pos()).Line > line || files.Position(d.End()).Line < line {
			continue
		}
		if f, ok := d.(*ast.FuncDecl); ok {
			return functionName(f), nil
		}
	}
	return "(variables)", nil
}

// functionName returns the name of a function, with that of its receiver's type.
func functionName(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	of := f.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if generic, ok := of.(*ast.IndexExpr); ok {
		of = generic.X
	}
	if ident, ok := of.(*ast.Ident); ok {
		return ident.Name + "." + f.Name.Name
	}
	return f.Name.Name
}

// reason is why some functions are not reached as a whole.
type reason struct {
	text      string
	functions map[string]int // blocks by "directory function"
}

func readReasons() (all []reason, err error) {
	text, err := os.ReadFile(reasonsFile)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case !strings.HasPrefix(line, " "):
			all = append(all, reason{strings.TrimSpace(line), map[string]int{}})
		case len(fields) == 3 && len(all) > 0:
			n, err := strconv.Atoi(fields[2])
			if err != nil {
				return nil, fmt.Errorf("%s: %q: %w", reasonsFile, line, err)
			}
			all[len(all)-1].functions[fields[0]+" "+fields[1]] += n
		default:
			return nil, fmt.Errorf("%s: %q is neither a reason nor a function with its blocks", reasonsFile, line)
		}
	}
	return all, nil
}

// checkReasons compares what is not reached with the reasons.
func checkReasons(missed map[string]int) error {
	reasons, err := readReasons()
	if err != nil {
		return err
	}
	explained := map[string]int{}
	for _, r := range reasons {
		for name, n := range r.functions {
			explained[name] += n
		}
	}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(missed)) {
		if n := missed[name]; n > explained[name] {
			problems = append(problems, fmt.Errorf("%s: %d blocks are not reached, %s has reasons for %d", name, n,
				reasonsFile, explained[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(explained)) {
		if n := missed[name]; n < explained[name] {
			problems = append(problems, fmt.Errorf("%s: %d blocks are not reached, fewer than the %d of %s", name, n,
				explained[name], reasonsFile))
		}
	}
	return errors.Join(problems...)
}

// readUncovered returns what the last run did not reach.
func readUncovered() (map[string]int, error) {
	text, err := os.ReadFile(uncoveredFile)
	if err != nil {
		return nil, err
	}
	missed := map[string]int{}
	for line := range strings.Lines(string(text)) {
		var dir, name string
		var n int
		if _, err := fmt.Sscan(line, &dir, &name, &n); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", uncoveredFile, line, err)
		}
		missed[dir+" "+name] = n
	}
	return missed, nil
}

// reasonFigures returns the reasons as the documentation has them: a list, each with its functions.
func reasonFigures() (string, error) {
	reasons, err := readReasons()
	if err != nil {
		return "", err
	}
	var list strings.Builder
	for _, r := range reasons {
		blocks := 0
		byDir := map[string][]string{}
		for _, name := range slices.Sorted(maps.Keys(r.functions)) {
			dir, function, _ := strings.Cut(name, " ")
			blocks += r.functions[name]
			byDir[dir] = append(byDir[dir], "`"+function+"`")
		}
		fmt.Fprintf(&list, "- %s Blocks: %d.\n", r.text, blocks)
		for _, dir := range slices.Sorted(maps.Keys(byDir)) {
			place := "`" + dir + "`"
			if dir == "." {
				place = "The root package"
			}
			fmt.Fprintf(&list, "  %s: %s.\n", place, strings.Join(byDir[dir], ", "))
		}
	}
	return list.String(), nil
}
