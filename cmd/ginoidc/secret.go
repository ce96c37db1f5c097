package main

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
)

// secret prints a secret for OIDC_COOKIE_SECRET.
func secret(args []string, out, errOut io.Writer) int {
	if status, ok := parseAlone(newFlags("secret", errOut), args); !ok {
		return status
	}
	fmt.Fprintln(out, newSecret())
	return exitOK
}

// newSecret returns 32 random bytes as text.
func newSecret() string {
	bytes := make([]byte, 32)
	_, _ = rand.Read(bytes) // never fails
	return base64.RawURLEncoding.EncodeToString(bytes)
}
