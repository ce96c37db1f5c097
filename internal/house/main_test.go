// Package house_test tests the repository itself: who imports whom, the list of exported names, and that the pages say
// what the code does.
package house_test

import (
	"fmt"
	"os"
	"testing"
)

// TestMain runs the tests in the root of the repository, so that they name files as the pages do.
func TestMain(m *testing.M) {
	if err := os.Chdir("../.."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
