package main

import "testing"

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
