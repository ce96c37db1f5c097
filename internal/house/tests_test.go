package main

import "testing"

// indexTests reads the tests of all Go modules.
func indexTests(t *testing.T) testIndex {
	t.Helper()
	index, err := readTests()
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// TestFindTest: a test is found with its directory, or without if there is no other of its name.
func TestFindTest(t *testing.T) {
	index := testIndex{
		"TestA": {"a_test.go", "internal/x/a_test.go"}, "TestB": {"internal/x/b_test.go"},
		"TestC": {"internal/x/c_test.go", "internal/y/c_test.go"},
	}
	for test, want := range map[string]string{
		"TestA": "a_test.go", "internal/x.TestA": "internal/x/a_test.go", "internal/y.TestA": "",
		"TestB": "internal/x/b_test.go", "internal/x.TestB": "internal/x/b_test.go", "internal/y.TestB": "",
		"TestC": "", "internal/y.TestC": "internal/y/c_test.go", "TestD": "",
	} {
		if got, err := index.find(test); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", test, got, err, want)
		}
	}
}
