//go:build linux

package blackbox_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"math/big"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// wire is shared by all hosts of the fault matrix: certificates, and the names that exist.
type wire struct {
	good, otherName, selfSigned tls.Certificate // the last is not among the roots
	roots                       *x509.CertPool
	names                       sync.Map     // the existing names below .invalid: string to net.IP
	hosts                       atomic.Int64 // number of addresses in use
}

// loopback returns the IP address of the nth faulty host. Hosts without faults are at the usual 127.0.0.1.
func loopback(n int) net.IP { return net.IPv4(127, 0, 1, byte(n)).To4() }

func newWire(t *testing.T) *wire {
	t.Helper()
	w := &wire{roots: x509.NewCertPool()}
	addresses := []net.IP{net.IPv4(127, 0, 0, 1)}
	for n := range 256 {
		addresses = append(addresses, loopback(n))
	}
	w.good = certificate(t, "*.invalid", addresses)
	w.otherName = certificate(t, "elsewhere.example", nil)
	w.selfSigned = certificate(t, "*.invalid", addresses)
	w.roots.AddCert(w.good.Leaf)
	w.roots.AddCert(w.otherName.Leaf)
	w.resolve(t)
	return w
}

// certificate returns a self-signed certificate.
func certificate(t *testing.T, name string, addresses []net.IP) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: addresses,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// resolve makes this process use a name server of the test, so that no query leaves the machine and a name can start to
// exist.
func (w *wire) resolve(t *testing.T) {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
	done := make(chan struct{})
	go func() { w.answerNames(server); close(done) }()
	t.Cleanup(func() {
		net.DefaultResolver = before
		_ = server.Close()
		<-done
	})
}

func (w *wire) answerNames(server net.PacketConn) {
	for question := make([]byte, 512); ; {
		n, client, err := server.ReadFrom(question)
		if err != nil {
			return
		}
		if answer := w.answerName(question[:n]); answer != nil {
			_, _ = server.WriteTo(answer, client)
		}
	}
}

// answerName writes a message of RFC 1035, section 4: an address, no address of that type, or no such name.
func (w *wire) answerName(message []byte) []byte {
	const header = 12
	if len(message) < header {
		return nil
	}
	end := bytes.IndexByte(message[header:], 0) + header // of the name
	if end < header || len(message) < end+5 {
		return nil
	}
	var name []string
	for i := header; message[i] != 0 && i+1+int(message[i]) <= end; i += 1 + int(message[i]) {
		name = append(name, string(message[i+1:i+1+int(message[i])]))
	}
	answer := append(append([]byte{}, message[:2]...), 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0) // NXDOMAIN
	answer = append(answer, message[header:end+5]...)
	address, exists := w.names.Load(strings.Join(name, "."))
	if !exists {
		return answer
	}
	answer[3] = 0x80 // no error
	if kind := binary.BigEndian.Uint16(message[end+1:]); kind == 1 {
		answer[7] = 1 // one record: the name above, type A, class IN, TTL 0, four bytes
		answer = append(append(answer, 0xC0, header, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), address.(net.IP)...)
	}
	return answer
}
