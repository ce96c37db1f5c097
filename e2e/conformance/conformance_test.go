// Package conformance_test runs the relying-party plans of the OpenID Foundation's conformance suite against the
// example app. See docs/conformance.md.
package conformance_test

import (
	"fmt"
	"slices"
	"testing"
)

// TestSuite runs all plans. -run 'TestSuite/plan/module' runs one module. The figures in its output are for
// go run ./internal/house keep.
func TestSuite(t *testing.T) {
	d := newDriver(t, startSuite(t))
	for _, p := range plans(t, d.url) {
		t.Run(p.name, func(t *testing.T) { t.Log("figure conformance: " + d.runPlan(t, p)) })
	}
}

// runPlan runs a plan, and returns its name, how many modules it has, how many of them came out as expected, and how
// many the suite says that it passed, skipped and leaves to a review.
func (d driver) runPlan(t *testing.T, p published) string {
	created := d.suite.create(t, p.name, p.variant, map[string]any{
		"alias": alias, "description": p.name, "client": d.registration(p), "waitTimeoutSeconds": 2,
	})
	var names []string
	results, met := map[string]int{}, 0
	for _, m := range created.Modules {
		names = append(names, m.Name)
		t.Run(m.Name, func(t *testing.T) {
			want, ok := p.expected[m.Name]
			if !ok {
				t.Fatal("a module of which nothing is expected")
			}
			got := d.carryOut(t, p, created, m.Name, m.Variant)
			t.Logf("%s, signed in: %t, requests: %v %s", got.suite, got.signedIn, got.calls, got.remarks)
			results[got.suite]++
			problems := got.problems(want)
			for _, problem := range problems {
				t.Error(problem)
			}
			if len(problems) == 0 {
				met++
			}
		})
	}
	for name := range p.expected {
		if !slices.Contains(names, name) {
			t.Errorf("the plan has no module %s", name)
		}
	}
	return fmt.Sprintf("`%s` | %d | %d | %d | %d | %d", p.name, len(names), met, results["PASSED"], results["SKIPPED"],
		results["REVIEW"])
}
