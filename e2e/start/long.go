package start

import "os"

// IsLong reports whether E2E_LONG asks for the whole test.
func IsLong() bool { return os.Getenv("E2E_LONG") != "" }

// Long returns a number that keeps a test short, or with E2E_LONG set the one that the documentation's results are of.
func Long(short, long int) int {
	if IsLong() {
		return long
	}
	return short
}
