package ginoidc_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKeyProblems: the error for a key says what is wrong with it and how to generate one.
func TestKeyProblems(t *testing.T) {
	file := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(file, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	setenv(t, map[string]string{"DECRYPTION_KEY_FILE": file})
	_, _, err := fromEnv()
	if err == nil || strings.Contains(err.Error(), "client key") || strings.Contains(err.Error(), "ed25519") ||
		!strings.Contains(err.Error(), "algorithm EC") {
		t.Errorf("decryption key: %v", err)
	}
}
