//go:build linux

package blackbox_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// place says where the address of a faulty host leads.
type place int

const (
	// to a listener, whose connections the fault serves
	listening place = iota
	closed          // to a port without a listener
	nameless        // to a name that does not exist
	mute            // to a listener that accepts nothing: the kernel's backlog takes the connection, over plain HTTP
)

// faultyHost replaces one endpoint of a provider and has the fault. Once healed, the provider responds at the same
// address. Each has its own IP address, so that nothing else takes the port in between.
type faultyHost struct {
	url, addr, name string
	ip              net.IP
	fault           fault
	wire            *wire
	listener        net.Listener
	requests        atomic.Int64
	accepting       sync.WaitGroup
	serving         sync.WaitGroup
}

func (w *wire) newHost(t *testing.T, f fault) *faultyHost {
	t.Helper()
	n := int(w.hosts.Add(1))
	ip := loopback(n)
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: ip})
	if err != nil {
		t.Fatal(err)
	}
	h := &faultyHost{fault: f, wire: w, ip: ip, listener: listener, addr: listener.Addr().String()}
	h.url = "https://" + h.addr
	switch f.place {
	case listening:
		h.accepting.Go(h.accept)
	case closed:
		_ = listener.Close()
	case nameless:
		_ = listener.Close()
		h.name = fmt.Sprintf("idp-%d.invalid", n)
		h.url = "https://" + strings.Replace(h.addr, ip.String(), h.name, 1)
	case mute:
		h.url = "http://" + h.addr
	}
	t.Cleanup(func() { _ = listener.Close() })
	return h
}

func (h *faultyHost) accept() {
	for {
		conn, err := h.listener.Accept()
		if err != nil {
			return
		}
		h.requests.Add(1)
		h.serving.Go(func() {
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(time.Hour)) // bounds every loop below; longer than the test itself
			h.fault.serve(conn)
		})
	}
}

// heal ends the fault, checks that the client has closed its connections, and serves handler at the address.
func (h *faultyHost) heal(t *testing.T, handler http.Handler) {
	t.Helper()
	_ = h.listener.Close()
	h.accepting.Wait()
	ended := make(chan struct{})
	go func() { h.serving.Wait(); close(ended) }()
	testapp.Eventually(t, "the plugin has answered and holds its connection all the same", func() bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
	listener, err := net.Listen("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	if h.fault.place == nameless {
		h.wire.names.Store(h.name, h.ip)
	}
	h.wire.serve(t, listener, handler, h.fault.place != mute)
}

// serve serves handler until the test ends and then closes all connections. It counts the open ones.
func (w *wire) serve(t *testing.T, listener net.Listener, handler http.Handler, secure bool) (open *atomic.Int64) {
	open = &atomic.Int64{}
	server := &httptest.Server{Listener: listener, Config: &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				open.Add(1)
			case http.StateClosed:
				open.Add(-1)
			}
		},
	}}
	if secure {
		server.TLS = &tls.Config{Certificates: []tls.Certificate{w.good}, MinVersion: tls.VersionTLS12}
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return open
}
