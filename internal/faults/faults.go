// Package faults has the ways in which a server can fail on the wire, for tests. Each serves one connection.
package faults

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Stall reads and never responds.
func Stall(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// Over reads one request over TLS and responds to it.
func Over(certificate tls.Certificate, answer func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		c := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		answer(c)
		_ = c.Close()
	}
}

// Say sends a whole or truncated response and closes the connection.
func Say(answer string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, answer) }
}

// Reset sends start and then resets the connection instead of closing it.
func Reset(start string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, start)
		if conn := socket(c); conn != nil {
			_ = conn.SetLinger(0)
			_ = conn.Close()
		}
	}
}

// Drip sends start and then piece every second until the client disconnects.
func Drip(start, piece string) func(net.Conn) {
	return func(c net.Conn) {
		gone := make(chan struct{})
		go func() { Stall(c); close(gone) }()
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for next := start; ; next = piece {
			if _, err := io.WriteString(c, next); err != nil {
				return
			}
			select {
			case <-gone:
				return
			case <-second.C:
			}
		}
	}
}

// Pour sends start and then blanks as fast as the client reads them.
func Pour(start string) func(net.Conn) {
	blanks := strings.Repeat(" ", 64<<10)
	return func(c net.Conn) {
		if conn := socket(c); conn != nil {
			_ = conn.SetWriteBuffer(len(blanks)) // otherwise megabytes are buffered that nobody reads
		}
		_, err := io.WriteString(c, start)
		for err == nil {
			_, err = io.WriteString(c, blanks)
		}
	}
}

// socket returns the TCP connection below TLS, if there is any, or nil.
func socket(c net.Conn) *net.TCPConn {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	conn, _ := c.(*net.TCPConn)
	return conn
}
