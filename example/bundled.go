package main

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// startProvider starts the bundled test provider on a free loopback port and makes c its client. What the
// environment says of the client stays.
func startProvider(c *ginoidc.Config) (stop func(), err error) {
	public, byKey := c.ClientAuthMethod == "none", c.ClientAuthMethod == "private_key_jwt"
	if c.ClientID == "" {
		c.ClientID = "example"
	}
	if c.ClientSecret == "" && !public && !byKey {
		c.ClientSecret = rand.Text() + rand.Text()
	}
	if len(c.CookieSecrets) == 0 {
		c.CookieSecrets = []string{rand.Text() + rand.Text()}
	}
	app := strings.TrimSuffix(c.AppURL, "/")
	config := ginoidctest.Config{
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, Public: public,
		RedirectURIs:           []string{app + "/auth/callback"},
		PostLogoutRedirectURIs: []string{app + "/"},
		Logger:                 c.Logger,
		AlwaysRefreshToken:     c.KeepTokens,
		TokenLife:              5 * time.Minute,
	}
	if byKey || c.ClientAuthMethod == "client_secret_jwt" {
		config.ClientAuthMethod = c.ClientAuthMethod
	}
	if byKey {
		if config.ClientKey, err = publicKey(c.ClientKey); err != nil {
			return nil, fmt.Errorf("the client's key, which has to be PEM of PKCS #8 here: %w", err)
		}
	}
	provider, stop, err := ginoidctest.Listen(config)
	if err != nil {
		return nil, err
	}
	c.Issuer = provider.Issuer()
	return stop, nil
}

// publicKey is what a real provider would have been given: the public part of a key in PEM, PKCS #8.
func publicKey(text []byte) (crypto.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	private, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("a key that cannot sign")
	}
	return private.Public(), nil
}

// greet tells whoever started the app where to go.
func greet(w io.Writer, s settings) {
	fmt.Fprintf(w, "The app:      %s\n", s.oidc.AppURL)
	if !s.bundled {
		fmt.Fprintf(w, "The provider: %s\n", s.oidc.Issuer)
		return
	}
	fmt.Fprintf(w, "The provider: %s, a test provider that asks for no password\n\nSign in as\n", s.oidc.Issuer)
	for _, u := range ginoidctest.DemoUsers() {
		fmt.Fprintf(w, "  %-6s %s; %s\n", u.Subject, names("group", u.Groups), names("organization", u.Organizations))
	}
	fmt.Fprintln(w, "\nThe provider and all sessions end with this process.")
}

func names(kind string, list []string) string {
	switch len(list) {
	case 0:
		return "no " + kind
	case 1:
		return kind + " " + list[0]
	}
	return kind + "s " + strings.Join(list, ", ")
}
