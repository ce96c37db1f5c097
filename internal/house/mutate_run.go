package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// build compiles tests with an instrumented package, which stays as it is on disk.
type build struct {
	work    string
	overlay string
	mutants []mutant
}

// instrument writes instrumented copies of the source files of a package, and the overlay that replaces them.
func (b *build) instrument(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	replace, pkg := map[string]string{}, ""
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		f, text, err := instrument(filepath.ToSlash(name), source, len(b.mutants)+1)
		if err != nil {
			return err
		}
		b.mutants = append(b.mutants, f.mutants...)
		if replace[name], err = b.write(filepath.Base(name), text); err != nil {
			return err
		}
		_, after, _ := strings.Cut("\n"+string(source), "\npackage ")
		pkg, _, _ = strings.Cut(after, "\n")
	}
	added := filepath.Join(dir, "zz_mutants.go")
	if replace[added], err = b.write("zz_mutants.go", helper(pkg, len(b.mutants))); err != nil {
		return err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	b.overlay, err = b.write("overlay.json", string(overlay))
	return err
}

func (b *build) write(name, text string) (string, error) {
	name = filepath.Join(b.work, name)
	return name, os.WriteFile(name, []byte(text), 0o600)
}

// suite is the compiled tests of a package.
type suite struct {
	binary, dir, work string
	tests             []test
}

type test struct {
	name    string
	took    time.Duration
	reaches map[int]bool // mutants
}

// suite compiles the tests of a package and finds out which mutants each of them reaches. Tests that fail with the
// instrumentation alone, such as those that count allocations, are left out.
func (b *build) suite(dir string) (*suite, error) {
	s, err := b.compile(dir, "tests")
	if err != nil {
		return nil, err
	}
	list := exec.Command(s.binary, "-test.list", "^(Test|Fuzz)")
	list.Dir = dir
	out, err := list.Output()
	if err != nil {
		return nil, err
	}
	for _, name := range strings.Fields(string(out)) {
		if !strings.HasPrefix(name, "Test") && !strings.HasPrefix(name, "Fuzz") {
			continue
		}
		t, passed, err := s.measure(test{name: name})
		if err != nil {
			return nil, err
		}
		if !passed {
			fmt.Printf("  %s: %s is left out: it fails with the instrumentation\n", dir, name)
			continue
		}
		s.tests = append(s.tests, t)
	}
	slices.SortFunc(s.tests, func(a, b test) int { return int(a.took - b.took) })
	return s, nil
}

// compile compiles the tests of a package into a file of that name.
func (b *build) compile(dir, name string) (*suite, error) {
	s := &suite{binary: filepath.Join(b.work, name), dir: dir, work: b.work}
	command := exec.Command("go", "test", "-c", "-overlay", b.overlay, "-o", s.binary, "./"+filepath.ToSlash(dir))
	if out, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return s, nil
}

// measure returns how long a test takes and which mutants it reaches.
func (s *suite) measure(t test) (measured test, passed bool, err error) {
	name := filepath.Join(s.work, "trace")
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return t, false, err
	}
	began := time.Now()
	failed, err := s.exec([]test{t}, 0, time.Minute, "MUTANT_TRACE="+name)
	if failed != "" { // perhaps because of the trace, as when it counts allocations
		failed, err = s.exec([]test{t}, 0, time.Minute)
	}
	if failed != "" || err != nil {
		return t, false, err
	}
	t.took, t.reaches = time.Since(began), map[int]bool{}
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return t, false, err
	}
	for _, field := range strings.Fields(string(text)) {
		id, err := strconv.Atoi(field)
		if err != nil {
			return t, false, err
		}
		t.reaches[id] = true
	}
	return t, true, nil
}

// run returns the mutants that no test notices. Those tests run first that noticed other changes to the same function,
// then the fastest.
func (s *suite) run(mutants []mutant) (survivors []mutant, err error) {
	before := map[string][]string{} // tests that noticed changes, by function
	for _, m := range mutants {
		reaching := slices.DeleteFunc(slices.Clone(s.tests), func(t test) bool { return !t.reaches[m.id] })
		function := m.file + " " + m.function
		slices.SortStableFunc(reaching, func(a, b test) int {
			return compareBool(slices.Contains(before[function], b.name), slices.Contains(before[function], a.name))
		})
		killer := ""
		for len(reaching) > 0 && killer == "" {
			n := min(8, len(reaching))
			if killer, err = s.failTwice(reaching[:n], m.id); err != nil {
				return nil, err
			}
			reaching = reaching[n:]
		}
		switch {
		case killer == "":
			survivors = append(survivors, m)
		case !slices.Contains(before[function], killer):
			before[function] = append(before[function], killer)
		}
	}
	return survivors, nil
}

// failTwice returns the test that fails with an active mutant, and fails again with more time: a busy machine makes
// some tests fail once.
func (s *suite) failTwice(tests []test, active int) (name string, err error) {
	limit := 4 * time.Second
	for _, t := range tests {
		limit += 5 * t.took
	}
	name, err = s.exec(tests, active, limit)
	if name == "" || err != nil {
		return "", err
	}
	i := slices.IndexFunc(tests, func(t test) bool { return t.name == name })
	if i < 0 {
		return s.exec(tests, active, 3*limit)
	}
	name, err = s.exec(tests[i:i+1], active, 3*limit)
	if others := slices.Delete(slices.Clone(tests), i, i+1); name == "" && err == nil && len(others) > 0 {
		return s.failTwice(others, active) // a test that was only slow kept the others from running
	}
	return name, err
}

// exec runs tests with an active mutant and returns the name of one that failed, by a panic or by taking too long too,
// or "?" if the output does not say which.
func (s *suite) exec(tests []test, active int, limit time.Duration, env ...string) (failed string, err error) {
	names := make([]string, len(tests))
	for i, t := range tests {
		names[i] = t.name
	}
	c := exec.Command(s.binary, "-test.run", "^("+strings.Join(names, "|")+")$", "-test.failfast",
		"-test.timeout", limit.String())
	c.Dir = s.dir
	c.Env = append(append(os.Environ(), "MUTANT="+strconv.Itoa(active)), env...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err = c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return failedTest(out.String()), nil
	}
	return "", err
}

// failedTest returns the name of the test that failed or timed out, from the output of tests, or "?".
func failedTest(out string) string {
	for line := range strings.Lines(out) {
		for _, before := range []string{"--- FAIL: ", "\t\t"} { // the latter in the list after "running tests:"
			if name, ok := strings.CutPrefix(line, before); ok && strings.Contains(line, " (") {
				name, _, _ = strings.Cut(name, " ")
				name, _, _ = strings.Cut(name, "/")
				return name
			}
		}
	}
	return "?"
}
