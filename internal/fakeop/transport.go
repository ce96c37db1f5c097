package fakeop

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Transport reaches the provider in memory, through a real HTTP client and server with a pipe between them: gzip,
// timeouts and broken connections are as on a network, and everything works inside a testing/synctest bubble. A request
// for another host than the issuer's, or that of Config.MTLSRoot, fails and is counted as [Elsewhere]. There is no TLS
// in memory, so there is no client certificate either: for these, serve the provider with net/http.
func (p *Provider) Transport() http.RoundTripper {
	return &transport{provider: p, pipe: Pipe(p, p.log)}
}

type transport struct {
	provider *Provider
	pipe     *http.Transport
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, root := range []string{t.provider.issuer, t.provider.cfg.MTLSRoot} {
		u, err := url.Parse(root)
		if err == nil && r.URL.Host != "" && r.URL.Scheme == u.Scheme && r.URL.Host == u.Host {
			return t.pipe.RoundTrip(r)
		}
	}
	t.provider.count(Elsewhere)
	if r.Body != nil {
		_ = r.Body.Close() // a RoundTripper must close it, even on error
	}
	return nil, fmt.Errorf("test provider: the in-memory provider is not at %q", r.URL.Scheme+"://"+r.URL.Host)
}

// Pipe returns a transport whose requests are served by h over a pipe in memory. Connections are not kept, because an
// idle one would outlive a synctest bubble.
func Pipe(h http.Handler, log *slog.Logger) *http.Transport {
	dial := func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		l := &oneConn{conn: pipeConn{server}}
		if err := newServer(h, log).Serve(l); err != io.EOF {
			return nil, err
		}
		return client, nil
	}
	return &http.Transport{DialContext: dial, DialTLSContext: dial, DisableKeepAlives: true}
}

func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// oneConn is a listener that accepts one connection. Then Serve returns, and the connection continues on its own.
type oneConn struct{ conn net.Conn }

func (l *oneConn) Accept() (net.Conn, error) {
	conn := l.conn
	l.conn = nil
	if conn == nil {
		return nil, io.EOF
	}
	return conn, nil
}

func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return pipeConn{}.LocalAddr() }

// pipeConn gives a pipe the addresses that handlers expect of a connection.
type pipeConn struct{ net.Conn }

func (pipeConn) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443} }

func (pipeConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 50000} }
