package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// key makes a private key. The file must not be there yet.
func key(args []string, out, errOut io.Writer) int {
	return keys(append([]string{"-new"}, args...), out, errOut)
}

// keys prints what a provider needs to know of an app's keys, and nothing secret.
func keys(args []string, out, errOut io.Writer) int {
	flags := newFlags("keys", errOut)
	alg := flags.String("alg", "",
		"what the key is used with, as in `ClientKeyAlg`; RSA-OAEP-256 or ECDH-ES for a DecryptionKey")
	kid := flags.String("kid", "", "what the key is called, as in `ClientKeyID`; default its thumbprint")
	fresh := flags.Bool("new", false, "make the key first, in a file that is not there yet")
	if status, ok := parse(flags, args); !ok {
		return status
	}
	files := flags.Args()
	switch isFlag := func(arg string) bool { return strings.HasPrefix(arg, "-") }; {
	case len(files) == 0, slices.ContainsFunc(files, isFlag), len(files) > 1 && flags.NFlag() > 0:
		fmt.Fprintln(errOut, "ginoidc keys: name a file with a private key behind the flags, or several without flags")
		flags.Usage()
		return exitMisuse
	}
	read := os.ReadFile
	if *fresh {
		read = func(file string) ([]byte, error) { return makeKey(file, *alg) }
	}
	if err := printKeys(out, files, read, *alg, *kid); err != nil {
		fmt.Fprintf(errOut, "ginoidc keys: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// printKeys writes the JWK set (RFC 7517, section 5) of the public keys of the private keys in files.
func printKeys(out io.Writer, files []string, read func(string) ([]byte, error), alg, kid string) error {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	for _, file := range files {
		raw, err := read(file)
		if err != nil {
			return err
		}
		public, err := publicKey(raw, alg, kid)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		set.Keys = append(set.Keys, public)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(set)
}

func publicKey(raw []byte, alg, kid string) ([]byte, error) {
	key, err := provider.ParsePrivateKey(raw, alg, kid)
	if err != nil {
		return nil, errors.Unwrap(err) // without the labels meant for the log
	}
	return key.PublicJWK()
}

// makeKey makes a private key for alg, and writes it as PKCS #8 to a file that only its owner can read. It never
// overwrites a file: the provider may know its key.
func makeKey(file, alg string) ([]byte, error) {
	key, err := generate(alg)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	raw := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if _, err := publicKey(raw, alg, ""); err != nil {
		return nil, err
	}
	w, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(raw)
	return raw, errors.Join(err, w.Close())
}

func generate(alg string) (any, error) {
	switch {
	case alg == "", alg == "ES256", strings.HasPrefix(alg, "ECDH-ES"):
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case alg == "ES384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case alg == "ES512":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case alg == "EdDSA":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case strings.HasPrefix(alg, "RS"), strings.HasPrefix(alg, "PS"):
		return rsa.GenerateKey(rand.Reader, 3072)
	}
	return nil, fmt.Errorf("there is no algorithm %q", alg)
}
