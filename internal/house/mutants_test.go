package main

import (
	"strings"
	"testing"
)

// TestInstrument: every mutant asks whether it is the active one, and without an active one the code is the same.
func TestInstrument(t *testing.T) {
	for _, tt := range []struct {
		name, code, want string
		mutants          string // kinds and texts
	}{
		{"condition", "func f(a int) { if a == 1 { g() } }",
			"func f(a int) { if (((a == 1) || mutant_(2)) && !mutant_(1)) { if !mutant_(3) { g() } } }",
			"always false: a == 1; always true: a == 1; left out: g()"},
		{"comparison", "func f(a int) bool { return a < 9 }",
			"func f(a int) bool { return ((((a < 9) != (mutant_(2) && (a) == (9)))) != mutant_(1)) }",
			"negated: a < 9; off by one: a < 9"},
		{"operands", "func f(a, b, c bool) { _ = a && b && (b || c) }",
			"func f(a, b, c bool) { _ = ((a) || mutant_(2)) && ((b) || mutant_(3)) && " +
				"(((((b) && !mutant_(4)) || ((c) && !mutant_(5)))) || mutant_(1)) }",
			"always true: (b || c); always true: a; always true: b; always false: b; always false: c"},
		{"errors", "func f() (int, error) { return 1, e }\nfunc g() error { return nil }",
			"func f() (int, error) { return 1, mutantError_(1, e) }\nfunc g() error { return nil }", "no error: e"},
		{"cases", "func f(a int) { switch { case a > 1: }\nswitch a { case 1: } }",
			"func f(a int) { switch { case (((((a > 1) != (mutant_(3) && (a) == (1)))) || mutant_(2)) && !mutant_(1)): }\n" +
				"switch a { case 1: } }",
			"always false: a > 1; always true: a > 1; off by one: a > 1"},
		{"calls", "func f() { if g(); a { h() }; switch { default: h() } }",
			"func f() { if g(); (((a) || mutant_(2)) && !mutant_(1)) { if !mutant_(3) { h() } }; " +
				"switch { default: if !mutant_(4) { h() } } }",
			"always false: a; always true: a; left out: h(); left out: h()"},
		{"limits", "func f() T { return T{a: 5 * time.Second, b: 1 << 9, c: d, e: m.X} }",
			"func f() T { return T{a: mutantZero_(1, 5 * time.Second), b: mutantZero_(2, 1 << 9), c: d, e: m.X} }",
			"zero: 5 * time.Second; zero: 1 << 9"},
		{"what would hang", "func f() { mu.Lock(); for a < 1 {}; panic(1) }",
			"func f() { mu.Lock(); for a < 1 {}; panic(1) }", ""},
		{"functions in functions", "func f() bool { g := func() error { return e }; return g() == nil }",
			"func f() bool { g := func() error { return mutantError_(1, e) }; return ((g() == nil) != mutant_(2)) }",
			"no error: e; negated: g() == nil"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, got, err := instrument("x.go", []byte("package x\n"+tt.code), 1)
			if err != nil {
				t.Fatal(err)
			}
			if want := "package x\n" + tt.want; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			var mutants []string
			for i, m := range f.mutants {
				mutants = append(mutants, m.kind+": "+m.text)
				if m.id != i+1 || m.file != "x.go" {
					t.Errorf("%+v", m)
				}
			}
			if got := strings.Join(mutants, "; "); got != tt.mutants {
				t.Errorf("mutants %s", got)
			}
			if _, again, err := instrument("x.go", []byte(got), 1); err != nil {
				t.Errorf("%v: %s", err, again)
			}
		})
	}
}
