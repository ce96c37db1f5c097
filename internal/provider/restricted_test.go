package provider_test

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

func restricted(c *provider.Config) { c.Restricted = true }

// TestPrivateAddressesAreRefused: an issuer or an endpoint that a customer entered leads to no address of this machine,
// of its networks or of a metadata service, and nothing connects. Case 323.
func TestPrivateAddressesAreRefused(t *testing.T) {
	listener, connections := countConnections(t)
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1]", "169.254.169.254", "10.0.0.1",
		"0.0.0.0", "[fd00:ec2::254]",
	} {
		issuer := "https://" + host + ":" + port
		p := provider.New(provider.Config{Issuer: issuer, ClientID: clientID, Restricted: true})
		_, err := p.Metadata(t.Context())
		wantError(t, err, provider.Misconfigured, "private_address")
		contains(t, err.Error(), issuer)
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
	allowed := provider.New(provider.Config{
		Issuer: "https://127.0.0.1:" + port, ClientID: clientID, Restricted: true, AllowPrivate: true,
	})
	_, err := allowed.Metadata(t.Context())
	wantErrorKind(t, err, provider.Unavailable) // the listener closes at once
	if connections.Load() == 0 {
		t.Error("no connection where private addresses are allowed")
	}
}

// TestAddressIsCheckedWhenDialed: it is the address that counts, not the name that resolves to it, and no proxy
// resolves names. Case 323.
func TestAddressIsCheckedWhenDialed(t *testing.T) {
	listener, connections := countConnections(t)
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	transport := provider.New(provider.Config{Issuer: issuer, ClientID: clientID, Restricted: true}).OwnTransport()
	if transport.Proxy != nil {
		t.Error("it uses a proxy")
	}
	// The name is not judged here, as that of a host that resolves to this machine is not.
	p := provider.New(provider.Config{Issuer: "https://localhost:" + port, ClientID: clientID, Transport: transport})
	_, err := p.Metadata(t.Context())
	wantError(t, err, provider.Misconfigured, "private_address")
	if !provider.IsPrivateAddress(err) || connections.Load() != 0 {
		t.Errorf("%v, %d connections", err, connections.Load())
	}
}

// countConnections listens on loopback, counts connections and closes them.
func countConnections(t *testing.T) (net.Listener, *atomic.Int64) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	count := new(atomic.Int64)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			_ = c.Close()
		}
	}()
	return listener, count
}

// TestPrivateEndpoints: metadata of a public issuer that names private endpoints leads nowhere, with a Transport of the
// app too. Case 323.
func TestPrivateEndpoints(t *testing.T) {
	op := newOP(t)
	op.serve(discoveryPath, jsonAnswer(200, metadata(object{"jwks_uri": "https://169.254.169.254/jwks"})))
	p := op.client(restricted)
	_, err := p.VerifyIDToken(t.Context(), op.token(claims(nil)), expect())
	wantError(t, err, provider.Misconfigured, "private_address")
	for _, host := range []string{"10.1.2.3", "localhost", "LOCALHOST", "localhost.", "app.localhost", "127.0.0.1."} {
		op.serve(discoveryPath, jsonAnswer(200, metadata(object{"token_endpoint": "https://" + host + "/token"})))
		_, err = op.client(restricted).Exchange(t.Context(), "c", "v")
		wantError(t, err, provider.Misconfigured, "private_address")
	}
	if op.count(keysPath)+op.count(tokenPath) != 0 {
		t.Error("an endpoint was called")
	}
	if _, err := op.client().Exchange(t.Context(), "c", "v"); op.count(tokenPath) == 0 {
		t.Errorf("a provider of the operator: %v", err)
	}
}

// TestRestrictedLimits: a provider that the operator did not choose has few calls, small responses and few keys.
// Case 324.
func TestRestrictedLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		op.serve(tokenPath, slow(2*time.Second, textAnswer(200, "application/json", goodAnswer+"}")))
		p := op.client(restricted)
		if _, err := p.Metadata(t.Context()); err != nil {
			t.Fatal(err)
		}
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				if _, err := p.Exchange(t.Context(), "c", "v"); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		_, err := p.Exchange(t.Context(), "c", "v")
		wantError(t, err, provider.Unavailable, "too_many_calls")
		callers.Wait()
		op.serve(tokenPath, textAnswer(200, "application/json", goodAnswer+"}"+strings.Repeat(" ", 256<<10)))
		_, err = p.Exchange(t.Context(), "c", "v")
		wantError(t, err, provider.Invalid, "body_too_large")
		var keys []any
		for n := range 32 {
			keys = append(keys, jwk(&newKey(t).PublicKey, fmt.Sprint("other", n)))
		}
		op.serve(keysPath, jsonAnswer(200, object{"keys": append(keys, jwk(&op.key.PublicKey, "k1"))}))
		_, err = p.VerifyIDToken(t.Context(), op.token(claims(nil)), expect())
		wantBadToken(t, err, "bad_signature")
		if _, err := op.client().VerifyIDToken(t.Context(), op.token(claims(nil)), expect()); err != nil {
			t.Errorf("a provider of the operator: %v", err)
		}
	})
}

// TestAddresses: public ones are dialed, and others, or what is no address, are not.
func TestAddresses(t *testing.T) {
	for host, public := range map[string]bool{
		"8.8.8.8": true, "2001:4860:4860::8888": true, "127.0.0.1": false, "10.0.0.1": false, "169.254.169.254": false,
		"::1": false, "fd00::1": false, "::ffff:10.0.0.1": false,
	} {
		address := net.JoinHostPort(host, "443")
		if err := provider.RefusePrivate(address); (err == nil) != public || err != nil && !provider.IsPrivateAddress(err) {
			t.Errorf("%s: %v", address, err)
		}
		if got := provider.NamesPrivate(&url.URL{Scheme: "https", Host: address}); got == public {
			t.Errorf("%s names a private address: %t", address, got)
		}
	}
	if !provider.NamesPrivate(&url.URL{Scheme: "https", Host: "localhost:443"}) {
		t.Error("the name of this machine is allowed")
	}
	if provider.RefusePrivate("op.example:443") == nil || provider.NamesPrivate(&url.URL{Host: "op.example"}) {
		t.Error("a name is dialed, or not allowed")
	}
}
