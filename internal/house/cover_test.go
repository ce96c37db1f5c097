package main

import (
	"maps"
	"testing"
)

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
