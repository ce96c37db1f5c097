// Command cases counts which cases of the project's catalogue of attacks and faults the tests name, as in
//
//	// case 30
//	// cases 29, 31-34: one reason for all
//
// It reads every *_test.go below the directory given and prints a table by group.
package main

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
)

func main() {
	dir := "."
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	if err := report(os.Stdout, dir); err != nil {
		fmt.Fprintln(os.Stderr, "cases:", err)
		os.Exit(1)
	}
}

func report(w io.Writer, dir string) error {
	groups, err := catalogue()
	if err != nil {
		return err
	}
	named, err := scanTree(dir)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "group\t\tcases\tnamed\tnot named")
	var total, count int
	for _, g := range groups {
		var missing []int
		for _, n := range g.cases {
			if _, ok := named[n]; !ok {
				missing = append(missing, n)
			}
			delete(named, n)
		}
		total += len(g.cases)
		count += len(g.cases) - len(missing)
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\n", g.letter, g.title, len(g.cases), len(g.cases)-len(missing), strings.Trim(fmt.Sprint(missing), "[]"))
	}
	fmt.Fprintf(table, "\tall\t%d\t%d\t\n", total, count)
	if err := table.Flush(); err != nil {
		return err
	}
	for _, n := range slices.Sorted(maps.Keys(named)) { // what no group has claimed
		fmt.Fprintf(w, "not in the catalogue: case %d in %s\n", n, named[n])
	}
	return nil
}

// scanTree returns the cases that tests name, each with one file that does.
func scanTree(dir string) (map[int]string, error) {
	named := map[int]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		numbers, err := scan(file)
		for _, n := range numbers {
			named[n] = path
		}
		return err
	})
	return named, err
}

// scan returns the cases named in the comments of one file.
func scan(r io.Reader) ([]int, error) {
	list := regexp.MustCompile(`\b[Cc]ases? (\d+(?:(?:, | and |, and |-|–)\d+)*)`)
	var all []int
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		_, comment, _ := strings.Cut(lines.Text(), "//")
		for _, match := range list.FindAllStringSubmatch(comment, -1) {
			found, err := numbers(match[1])
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	return all, lines.Err()
}
