package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestFailTwice: a test that fails once, because it was slow, does not keep another one from noticing the change.
func TestFailTwice(t *testing.T) {
	for name, tt := range map[string]struct{ again, other, want string }{
		"fails again":                 {"echo '--- FAIL: TestA (9.00s)'; exit 1", "exit 0", "TestA"},
		"was slow, and another fails": {"exit 0", "echo '--- FAIL: TestB (0.00s)'; exit 1", "TestB"},
		"was slow":                    {"exit 0", "exit 0", ""},
	} {
		binary := filepath.Join(t.TempDir(), "tests")
		script := "#!/bin/sh\ncase \"$*\" in\n*'(TestA|TestB)'*) echo '--- FAIL: TestA (4.00s)'; exit 1;;\n" +
			"*'(TestA)'*) " + tt.again + ";;\n*) " + tt.other + ";;\nesac\n"
		if err := os.WriteFile(binary, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		s := &suite{binary: binary, dir: t.TempDir()}
		got, err := s.failTwice([]test{{name: "TestA"}, {name: "TestB"}}, 1)
		if got != tt.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", name, got, err, tt.want)
		}
	}
}

// TestFailedTest: whether a test fails, panics or takes too long, it alone is run again.
func TestFailedTest(t *testing.T) {
	for _, tt := range []struct{ name, out, want string }{
		{"failed", "ok\n--- FAIL: TestA (0.01s)\n    --- FAIL: TestA/x (0.00s)\n        a_test.go:1: no\nFAIL\n", "TestA"},
		{"panic", "--- FAIL: TestB (0.00s)\npanic: runtime error\n\ngoroutine 7 [running]:\n\t/x.go:1 +0x1\n", "TestB"},
		{"too long", "panic: test timed out after 4s\n\trunning tests:\n\t\tTestC/sub (4s)\n\ngoroutine 1:\n", "TestC"},
		{"panic of a goroutine", "panic: x\n\ngoroutine 9 [running]:\n\t/x.go:1 +0x1\n", "?"},
	} {
		if got := failedTest(tt.out); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
