package main

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// startProvider starts the bundled test provider on a free loopback port and registers c as its client.
func startProvider(c *ginoidc.Config, client ginoidctest.Config) (stop func(), err error) {
	provider, stop, err := ginoidctest.Listen(client)
	if err != nil {
		return func() {}, err
	}
	c.Providers[0].Issuer = provider.Issuer()
	return stop, nil
}

// bundledClient sets what the environment leaves out and returns the configuration of the bundled provider for this
// client. Settings from the environment are kept. The error names a variable that requires more than this provider
// supports.
func bundledClient(c *ginoidc.Config, prefix string) (ginoidctest.Config, error) {
	p := &c.Providers[0]
	p.Issuer = "http://localhost" // until the provider knows its port
	method := p.ClientAuthMethod
	if method == "" && p.Profile == ginoidc.ProfileFAPI2 {
		method = "private_key_jwt"
	}
	withoutSecret := []string{"none", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"}
	secretless := slices.Contains(withoutSecret, method)
	p.ClientID = cmp.Or(p.ClientID, "example")
	if p.ClientSecret == "" && !secretless {
		p.ClientSecret = rand.Text() + rand.Text()
	}
	if len(c.CookieSecrets) == 0 {
		c.CookieSecrets = []string{rand.Text() + rand.Text()}
	}
	app := strings.TrimSuffix(c.AppURL, "/")
	client := ginoidctest.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, ClientAuthMethod: method,
		RedirectURIs:           []string{app + strings.TrimSuffix(cmp.Or(c.RoutePrefix, "/auth"), "/") + "/callback"},
		PostLogoutRedirectURIs: []string{app + "/", cmp.Or(c.PostSignOutURL, app+"/")},
		Logger:                 c.Logger,
		AlwaysRefreshToken:     c.KeepTokens,
		JWTAccessTokens:        p.Audience != "" && p.Introspection == "",
		TokenLife:              5 * time.Minute,
		ACRValues:              []string{"urn:example:password", secondFactor},
	}
	if method == "tls_client_auth" || method == "self_signed_tls_client_auth" {
		return client, fmt.Errorf("example: %sCLIENT_AUTH_METHOD: the bundled provider has no TLS; "+
			"use another method, or set %sISSUER", prefix, prefix)
	}
	var badAlg, badKey, badDecryption error
	client.SigningAlg, badAlg = signingAlg(p, prefix)
	client.ClientKey, badKey = publicKey(p.ClientKey, prefix+"CLIENT_KEY_FILE")
	client.EncryptIDToken, badDecryption = publicKey(p.DecryptionKey, prefix+"DECRYPTION_KEY_FILE")
	return client, errors.Join(badAlg, badKey, badDecryption)
}

// signingAlg returns the first algorithm that both sides support.
func signingAlg(p *ginoidc.Provider, prefix string) (string, error) {
	for _, alg := range p.SigningAlgs {
		if alg == "RS256" || alg == "ES256" || alg == "EdDSA" {
			return alg, nil
		}
	}
	switch {
	case len(p.SigningAlgs) > 0:
		return "", fmt.Errorf("example: %sSIGNING_ALGS: the bundled provider signs with RS256, ES256 or EdDSA; "+
			"add one, or set %sISSUER", prefix, prefix)
	case p.Profile == ginoidc.ProfileFAPI2:
		return "ES256", nil
	}
	return "", nil
}

// publicKey returns the public part of a key in PEM, as it is registered with a real provider, or nil if there is no
// key.
func publicKey(text []byte, variable string) (crypto.PublicKey, error) {
	if len(text) == 0 {
		return nil, nil
	}
	if block, _ := pem.Decode(text); block != nil {
		pkcs8, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if key, ok := pkcs8.(crypto.Signer); ok && err == nil {
			return key.Public(), nil
		}
		if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			return key.Public(), nil
		}
		if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
			return key.Public(), nil
		}
	}
	return nil, fmt.Errorf("example: %s: the bundled provider reads private keys in PEM only; "+
		"convert the key, or name another provider", variable)
}

// greet prints the address of the app and the demo users.
func greet(w io.Writer, s settings) {
	fmt.Fprintf(w, "The app:      %s\n", s.oidc.AppURL)
	if !s.bundled {
		for _, p := range s.oidc.Providers {
			fmt.Fprintf(w, "The provider: %s\n", strings.TrimSpace(p.Name+" "+p.Issuer))
		}
		return
	}
	fmt.Fprintf(w, "The provider: %s, a test provider that asks for no password\n\nSign in as\n",
		s.oidc.Providers[0].Issuer)
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
