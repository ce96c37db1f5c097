package env

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// content reads a whole file. The errors quote its name but never its content.
func content(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	if len(b) == 0 {
		return nil, fmt.Errorf("%q is empty", name)
	}
	return b, nil
}

// certificate reads a certificate and its key from one file.
func certificate(name string) (*tls.Certificate, error) {
	pem, err := content(name)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(pem, pem)
	if err != nil {
		return nil, fmt.Errorf("%q holds no certificate with its key: %w", name, err)
	}
	return &pair, nil
}

// roots returns the certificates of the system and of a file.
func roots(name string) (*x509.CertPool, error) {
	pem, err := content(name)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%q holds no certificate", name)
	}
	return pool, nil
}
