package clientcert_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/clientcert"
)

// certificate is what a proxy forwards. Only its hash counts, so any bytes do. Its base64 has a plus sign and padding.
var certificate = []byte("\xfb\xef\xbe\xff\xff\xff certificate")

func thumbprint(der []byte) string {
	sum := sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func byteSequence(der []byte) string { return ":" + base64.StdEncoding.EncodeToString(der) + ":" }

func inPEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func source(t *testing.T, format string) clientcert.Source {
	t.Helper()
	networks, err := clientcert.ParseNetworks([]string{"10.1.0.0/16", "192.0.2.7", "2001:db8::/32"})
	if err != nil {
		t.Fatal(err)
	}
	return clientcert.Source{Header: "Client-Cert", Format: format, Proxies: networks}
}

func request(peer string, values ...string) *http.Request {
	r := &http.Request{RemoteAddr: peer, Header: http.Header{}}
	if len(values) > 0 {
		r.Header["Client-Cert"] = values
	}
	return r
}

// TestPeers: the header is accepted from the networks of the proxies only, and from anywhere else it is an error.
func TestPeers(t *testing.T) {
	for peer, trusted := range map[string]bool{
		"10.1.2.3:4711":            true,
		"[::ffff:10.1.2.3]:4711":   true,
		"192.0.2.7:1":              true,
		"[2001:db8::1]:1":          true,
		"[2001:db8::1%eth0]:1":     true,
		"10.2.0.1:4711":            false,
		"192.0.2.8:1":              false,
		"[::1]:1":                  false,
		"10.1.2.3":                 false,
		"":                         false,
		"@":                        false,
		"10.1.2.3:1, 192.0.2.99:1": false,
	} {
		got, err := source(t, clientcert.FormatByteSequence).Thumbprint(request(peer, byteSequence(certificate)))
		if trusted && (err != nil || got != thumbprint(certificate)) {
			t.Errorf("%q: %q, %v", peer, got, err)
		}
		if !trusted && (!errors.Is(err, clientcert.ErrUntrusted) || got != "") {
			t.Errorf("%q: %q, %v", peer, got, err)
		}
	}
}

// TestFormats: one header in the configured format is a certificate. Anything else is an error that says why.
func TestFormats(t *testing.T) {
	whole, text := byteSequence(certificate), inPEM(certificate)
	const sequence, armor = "not a byte sequence", "not one certificate in PEM"
	for _, tt := range []struct {
		name, format string
		values       []string
		want         string
		malformed    string
	}{
		{"a byte sequence", "rfc9440", []string{whole}, thumbprint(certificate), ""},
		{"without padding", "rfc9440", []string{strings.ReplaceAll(whole, "=", "")}, thumbprint(certificate), ""},
		{"none", "rfc9440", nil, "", ""},
		{"an empty header", "rfc9440", []string{""}, "", ""},
		{"two headers", "rfc9440", []string{whole, whole}, "", "there are 2"},
		{"an empty header and another", "rfc9440", []string{"", whole}, "", "there are 2"},
		{"two in one", "rfc9440", []string{whole + ", " + whole}, "", sequence},
		{"a parameter", "rfc9440", []string{whole + ";a=1"}, "", sequence},
		{"no colons", "rfc9440", []string{strings.Trim(whole, ":")}, "", sequence},
		{"no colon before", "rfc9440", []string{strings.TrimPrefix(whole, ":")}, "", sequence},
		{"no colon after", "rfc9440", []string{strings.TrimSuffix(whole, ":")}, "", sequence},
		{"one colon", "rfc9440", []string{":"}, "", sequence},
		{"nothing between colons", "rfc9440", []string{"::"}, "", sequence},
		{"base64url", "rfc9440", []string{strings.NewReplacer("+", "-", "/", "_").Replace(whole)}, "", sequence},
		{"PEM instead", "rfc9440", []string{url.PathEscape(text)}, "", sequence},
		{"16 KiB", "rfc9440", []string{":" + strings.Repeat("A", 16<<10-2) + ":"}, thumbprint(make([]byte, 12286)), ""},
		{"too long", "rfc9440", []string{":" + strings.Repeat("A", 16<<10-1) + ":"}, "", "16385 bytes"},
		{"escaped PEM", "pem", []string{url.QueryEscape(text)}, "", armor}, // + for a space is not percent-encoding
		{"percent-encoded PEM", "pem", []string{url.PathEscape(text)}, thumbprint(certificate), ""},
		{"everything encoded", "pem", []string{strings.ReplaceAll(url.QueryEscape(text), "+", "%20")},
			thumbprint(certificate), ""},
		{"two certificates", "pem", []string{url.PathEscape(text + text)}, "", armor},
		{"a key", "pem", []string{url.PathEscape(strings.ReplaceAll(text, "CERTIFICATE", "PRIVATE KEY"))}, "", armor},
		{"bad escapes", "pem", []string{"%zz"}, "", "percent-encoding"},
		{"a byte sequence instead", "pem", []string{whole}, "", armor},
	} {
		got, err := source(t, tt.format).Thumbprint(request("10.1.2.3:4711", tt.values...))
		if got != tt.want || (err == nil) != (tt.malformed == "") {
			t.Errorf("%s: %q, %v", tt.name, got, err)
		}
		if err != nil && (!errors.Is(err, clientcert.ErrMalformed) || !strings.Contains(err.Error(), tt.malformed)) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestConnection: without a header the certificate is that of the connection, except behind a proxy, whose own it is.
func TestConnection(t *testing.T) {
	behind := source(t, clientcert.FormatByteSequence)
	shown := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Raw: certificate}}}
	for _, tt := range []struct {
		name, peer string
		source     clientcert.Source
		connection *tls.ConnectionState
		want       string
	}{
		{"no header configured", "10.1.2.3:4711", clientcert.Source{}, shown, thumbprint(certificate)},
		{"no header of the proxy configured", "10.1.2.3:4711", clientcert.Source{Proxies: behind.Proxies}, shown,
			thumbprint(certificate)},
		{"not the proxy", "203.0.113.1:4711", behind, shown, thumbprint(certificate)},
		{"the proxy", "10.1.2.3:4711", behind, shown, ""},
		{"no certificate", "203.0.113.1:4711", behind, &tls.ConnectionState{}, ""},
	} {
		r := request(tt.peer)
		r.TLS = tt.connection
		if got, err := tt.source.Thumbprint(r); got != tt.want || err != nil {
			t.Errorf("%s: %q, %v", tt.name, got, err)
		}
	}
	if got, err := (clientcert.Source{}).Thumbprint(request("10.1.2.3:1", byteSequence(certificate))); got != "" ||
		err != nil {
		t.Errorf("a header that is not configured: %q, %v", got, err)
	}
}

// TestParseNetworks: a text that is not a network in its plain form is an error, and so is one of all addresses.
func TestParseNetworks(t *testing.T) {
	good := []string{"10.0.0.0/8", "127.0.0.1", "::1", "fd00::/8", "::ffff:192.0.2.7"}
	if networks, err := clientcert.ParseNetworks(good); err != nil || len(networks) != len(good) {
		t.Errorf("%v, %v", networks, err)
	}
	for _, text := range []string{
		"", "proxy", "10.0.0.1/8", "10.0.0.0/33", "::ffff:10.0.0.0/104", "fe80::1%eth0", "0.0.0.0/0", "::/0",
	} {
		if networks, err := clientcert.ParseNetworks(slices.Concat(good, []string{text})); err == nil {
			t.Errorf("%q: %v", text, networks)
		}
	}
}

// FuzzHeader: whatever a proxy forwards is an error, or the thumbprint of the bytes in it: those that the same
// certificate, written anew, has too.
func FuzzHeader(f *testing.F) {
	f.Add("rfc9440", byteSequence(certificate))
	f.Add("rfc9440", "::")
	f.Add("pem", url.PathEscape(inPEM(certificate)))
	f.Add("pem", inPEM(certificate)+inPEM(certificate))
	f.Fuzz(func(t *testing.T, format, value string) {
		s := source(t, format)
		got, err := s.Thumbprint(request("10.1.2.3:4711", value))
		if err != nil {
			if !errors.Is(err, clientcert.ErrMalformed) || got != "" {
				t.Errorf("%q, %v", got, err)
			}
			return
		}
		var der []byte
		if format == "pem" {
			text, _ := url.PathUnescape(value)
			if block, _ := pem.Decode([]byte(text)); block != nil {
				der = block.Bytes
			}
		} else {
			der, _ = base64.StdEncoding.WithPadding(base64.NoPadding).DecodeString(strings.Trim(value, ":="))
		}
		if value != "" && got != thumbprint(der) || value == "" && got != "" {
			t.Errorf("%q in %s: %q", value, format, got)
		}
	})
}

// TestNew: the networks of the proxies are those of the setting, or the reason why they cannot be.
func TestNew(t *testing.T) {
	s, err := clientcert.New("X-Cert", "pem", []string{"10.0.0.0/8", "192.0.2.1"})
	if err != nil || s.Header != "X-Cert" || s.Format != "pem" || len(s.Proxies) != 2 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := clientcert.New("X-Cert", "pem", []string{"0.0.0.0/0"}); err == nil {
		t.Error("every client would be a proxy")
	}
}
