package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// apply returns the source with everything inserted. Of several texts at one place, the outer ones enclose the inner
// ones, which were found later.
func (f *instrumented) apply() string {
	slices.SortStableFunc(f.inserts, func(a, b insert) int {
		return cmp.Or(cmp.Compare(a.at, b.at), compareBool(b.suffix, a.suffix), cmp.Compare(a.order, b.order))
	})
	var text strings.Builder
	from := 0
	for _, i := range f.inserts {
		text.Write(f.source[from:i.at])
		text.WriteString(i.text)
		from = i.at
	}
	text.Write(f.source[from:])
	return text.String()
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// helper returns the source file that an instrumented package needs. The environment says which mutant is active, and
// where to write which mutants are reached.
func helper(pkg string, mutants int) string {
	return fmt.Sprintf(`package %s

import (
	"os"
	"strconv"
	"sync/atomic"
)

var mutantActive_, _ = strconv.Atoi(os.Getenv("MUTANT"))
var mutantTrace_, _ = os.OpenFile(os.Getenv("MUTANT_TRACE"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
var mutantReached_ [%d]atomic.Bool

func mutant_(id int) bool {
	if mutantTrace_ != nil && !mutantReached_[id].Swap(true) {
		_, _ = mutantTrace_.WriteString(strconv.Itoa(id) + "\n")
	}
	return id == mutantActive_
}

func mutantError_(id int, err error) error {
	if mutant_(id) {
		return nil
	}
	return err
}

func mutantZero_[T any](id int, value T) T {
	if mutant_(id) {
		value = *new(T)
	}
	return value
}
`, pkg, mutants+1)
}
