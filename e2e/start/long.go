package start

import "os"

// Long returns a number that keeps a test short, or with E2E_LONG set the one that the documentation's results are of.
func Long(short, long int) int {
	if os.Getenv("E2E_LONG") != "" {
		return long
	}
	return short
}
