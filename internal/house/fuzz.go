package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fuzzFile has a line for each fuzz target: directory, name, inputs, seconds.
const fuzzFile = "internal/house/figures/fuzz.txt"

// kept is how many of the inputs that a target has found are kept for its tests, the shortest ones.
const kept = 12

// fuzzed is what came of all runs of a fuzz target whose figures were saved.
type fuzzed struct {
	dir, name       string
	inputs, seconds int
}

// fuzz runs the fuzz targets, or those of these directories, each for a while, beginning with those that have had the
// fewest inputs. With save, it adds the figures to those of earlier runs, and keeps some of the inputs that reached new
// code.
func fuzz(each time.Duration, dirs []string, save bool) error {
	targets, err := fuzzTargets()
	if err != nil {
		return err
	}
	slices.SortStableFunc(targets, func(a, b fuzzed) int { return a.inputs - b.inputs })
	var failed error
	for _, target := range targets {
		if len(dirs) > 0 && !slices.Contains(dirs, target.dir) {
			continue
		}
		f, err := fuzzOne(target.dir, target.name, each)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		fmt.Printf("%s %s: %d inputs in %d s\n", f.dir, f.name, f.inputs, f.seconds)
		if save {
			failed = errors.Join(failed, saveFuzzed(f), keepInputs(f.dir, f.name), quoteFigures())
		}
	}
	return failed
}

// fuzzTargets returns all targets, with what came of them so far.
func fuzzTargets() ([]fuzzed, error) {
	index, err := readTests()
	if err != nil {
		return nil, err
	}
	saved, err := readFuzzed()
	if err != nil {
		return nil, err
	}
	var targets []fuzzed
	for _, name := range slices.Sorted(maps.Keys(index)) {
		for _, file := range index[name] {
			target := fuzzed{dir: path.Dir(file), name: name}
			if !strings.HasPrefix(name, "Fuzz") {
				continue
			}
			if i := slices.IndexFunc(saved, target.same); i >= 0 {
				target = saved[i]
			}
			targets = append(targets, target)
		}
	}
	return targets, nil
}

// same reports whether both are of the same target.
func (f fuzzed) same(other fuzzed) bool { return f.dir == other.dir && f.name == other.name }

func fuzzOne(dir, name string, each time.Duration) (fuzzed, error) {
	command := exec.Command("go", "test", "-run", "^$", "-fuzz", "^"+name+"$", "-fuzztime", each.String(), ".")
	command.Dir = filepath.FromSlash(dir)
	out, err := command.CombinedOutput()
	all := regexp.MustCompile(`elapsed: (\S+), execs: (\d+)`).FindAllSubmatch(out, -1)
	// Up to Go 1.26 the end of the time may itself be reported as a failure (go.dev/issue/75804).
	late := strings.Contains(string(out), "context deadline exceeded") && !strings.Contains(string(out), "Failing input")
	if err != nil && !late || len(all) == 0 {
		return fuzzed{}, fmt.Errorf("%s %s: %w\n%s", dir, name, err, out)
	}
	last := all[len(all)-1]
	took, err := time.ParseDuration(string(last[1]))
	if err != nil {
		return fuzzed{}, err
	}
	inputs, err := strconv.Atoi(string(last[2]))
	return fuzzed{dir, name, inputs, int(took.Seconds())}, err
}

// keepInputs copies inputs from the cache of go test to where its tests find them.
func keepInputs(dir, name string) error {
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return err
	}
	list := exec.Command("go", "list", ".")
	list.Dir = filepath.FromSlash(dir)
	importPath, err := list.Output()
	if err != nil {
		return err
	}
	from := filepath.Join(strings.TrimSpace(string(cache)), "fuzz", strings.TrimSpace(string(importPath)), name)
	entries, err := os.ReadDir(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	texts := map[string][]byte{}
	for _, entry := range entries {
		if texts[entry.Name()], err = os.ReadFile(filepath.Join(from, entry.Name())); err != nil {
			return err
		}
	}
	names := slices.SortedFunc(maps.Keys(texts), func(a, b string) int {
		return len(texts[a]) - len(texts[b])
	})
	to := filepath.Join(filepath.FromSlash(dir), "testdata", "fuzz", name)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, file := range names[:min(kept, len(names))] {
		if err := os.WriteFile(filepath.Join(to, file), texts[file], 0o644); err != nil {
			return err
		}
	}
	return nil
}

func saveFuzzed(f fuzzed) error {
	all, err := readFuzzed()
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(all, f.same); i >= 0 {
		f.inputs, f.seconds = f.inputs+all[i].inputs, f.seconds+all[i].seconds
		all = slices.Delete(all, i, i+1)
	}
	var lines []string
	for _, f := range append(all, f) {
		lines = append(lines, fmt.Sprintln(f.dir, f.name, f.inputs, f.seconds))
	}
	slices.Sort(lines)
	return os.WriteFile(fuzzFile, []byte(strings.Join(lines, "")), 0o644)
}

func readFuzzed() (all []fuzzed, err error) {
	text, err := os.ReadFile(fuzzFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		var f fuzzed
		if _, err := fmt.Sscan(line, &f.dir, &f.name, &f.inputs, &f.seconds); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", fuzzFile, line, err)
		}
		all = append(all, f)
	}
	return all, nil
}

// fuzzFigures returns the figures as the documentation has them.
func fuzzFigures() (string, error) {
	all, err := fuzzTargets()
	if err != nil {
		return "", err
	}
	slices.SortFunc(all, func(a, b fuzzed) int {
		return cmp.Or(cmp.Compare(a.dir, b.dir), cmp.Compare(a.name, b.name))
	})
	var table strings.Builder
	table.WriteString("| target | inputs | seconds |\n| --- | --- | --- |\n")
	sum := fuzzed{}
	for _, f := range all {
		fmt.Fprintf(&table, "| `%s.%s` | %d | %d |\n", f.dir, f.name, f.inputs, f.seconds)
		sum.inputs, sum.seconds = sum.inputs+f.inputs, sum.seconds+f.seconds
	}
	fmt.Fprintf(&table, "| together | %d | %d |\n", sum.inputs, sum.seconds)
	return table.String(), nil
}
