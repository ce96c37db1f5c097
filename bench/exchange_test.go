package bench

import (
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

const longName = "hand-written limit, marked private, with a cookie as long"

// longCookie is the hand-written limit that marks its responses, with a Cookie header as long as that of c.
func longCookie(t testing.TB, c contender) contender {
	long := markedPrivate(t)
	long.name = longName
	long.cookie = "x=" + strings.Repeat("x", max(0, len(c.cookie)-len(long.cookie)-len("x=; "))) + "; " + long.cookie
	return long
}

// connection is one in memory, over which a client sends the same request many times.
type connection struct {
	net.Conn
	request string
	times   int
	at      int           // in the request
	done    chan struct{} // closed when the server has answered all of them
	close   func()
}

func newConnection(c contender, times int) *connection {
	done := make(chan struct{})
	return &connection{
		request: c.request(), times: times, done: done, close: sync.OnceFunc(func() { close(done) }),
	}
}

// Read implements net.Conn. The server reads one byte in the background while a handler runs.
func (c *connection) Read(b []byte) (int, error) {
	if c.times == 0 {
		c.close()
		return 0, io.EOF
	}
	n := copy(b, c.request[c.at:])
	if c.at += n; c.at == len(c.request) {
		c.at, c.times = 0, c.times-1
	}
	return n, nil
}

func (c *connection) Write(b []byte) (int, error)      { return len(b), nil }
func (c *connection) Close() error                     { c.close(); return nil }
func (c *connection) SetDeadline(time.Time) error      { return nil }
func (c *connection) SetReadDeadline(time.Time) error  { return nil }
func (c *connection) SetWriteDeadline(time.Time) error { return nil }
func (c *connection) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
func (c *connection) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2} }

// listener accepts connections in memory.
type listener chan net.Conn

func (l listener) Accept() (net.Conn, error) {
	if c, ok := <-l; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l listener) Close() error   { return nil }
func (l listener) Addr() net.Addr { return &net.TCPAddr{} }

// exchanges says what net/http takes for a request of each contender when there is no network.
func (r *report) exchanges(t *testing.T) {
	const times = 300
	sealed := plugin(t, pluginName, 3, nil)
	all := []contender{bare(sealed.cookie), handWritten(t, 3), markedPrivate(t), longCookie(t, sealed), sealed}
	least, bytes := make([]time.Duration, len(all)), make([]float64, len(all))
	for round := range *rounds {
		for i, c := range all {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			took := serveAll(c, times) / times
			runtime.ReadMemStats(&after)
			if bytes[i] = float64(after.TotalAlloc-before.TotalAlloc) / times; round == 0 || took < least[i] {
				least[i] = took
			}
		}
	}
	r.print("The same server in one process, over a connection in memory, so that nothing but net/http and the handler " +
		"takes time:\n\n| | µs a request | bytes allocated |\n| --- | ---: | ---: |\n")
	for i, c := range all {
		r.print("| %s | %.2f | %.0f |\n", c.name, micro(least[i]), bytes[i])
	}
	share := func(from, to int) float64 { return micro(least[to] - least[from]) }
	r.print("\nSo of the %.2f µs between the limit and the plugin, %.2f are the two headers that keep caches from "+
		"storing a user's page,\n%.2f the longer cookie, and %.2f what the plugin does.\n\n",
		share(1, 4), share(1, 2), share(2, 3), share(3, 4))
}

// serveAll returns how long a server takes for so many requests.
func serveAll(c contender, times int) time.Duration {
	l, conn := make(listener, 1), newConnection(c, times)
	server := &http.Server{Handler: c.handler, ReadHeaderTimeout: time.Second}
	began := time.Now()
	go func() { _ = server.Serve(l) }() // until the listener is closed
	l <- conn
	<-conn.done
	took := time.Since(began)
	close(l)
	return took
}
