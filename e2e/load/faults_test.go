package load_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/faults"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// wireFaults returns the faults of a provider's endpoint with this certificate.
func wireFaults(t *testing.T, good tls.Certificate) []fault {
	t.Helper()
	const (
		ok   = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
		cut  = ok + "Content-Length: 1000\r\n\r\n{\"issuer\":"
		down = "HTTP/1.1 503 Down\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<p>Maintenance"
		away = "HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:9/elsewhere\r\nContent-Length: 0\r\n" +
			"Connection: close\r\n\r\n"
	)
	answered := func(answer func(net.Conn)) func(net.Conn) { return faults.Over(good, answer) }
	return []fault{
		{"refused", func(c net.Conn) { faults.Reset("")(c) }},
		{"stalled", faults.Stall},
		{"bad certificate", faults.Over(testapp.SelfSigned(t), faults.Say(ok+"\r\n{}"))},
		{"dripping headers", answered(faults.Drip("HTTP/1.1 200 OK\r\nX-A: ", "a"))},
		{"dripping body", answered(faults.Drip(ok+"\r\n", " "))},
		{"reset", answered(faults.Reset(cut))},
		{"short", answered(faults.Say(cut))},
		{"503", answered(faults.Say(down))},
		{"garbage", answered(faults.Say(ok + "\r\n\x00\xff\xfe{]not JSON"))},
		{"endless", answered(faults.Pour(ok + "\r\n"))},
		{"bomb", answered(faults.Say(ok + "Content-Encoding: gzip\r\n\r\n" + bomb(t)))},
		{"redirect", answered(faults.Say(away))},
	}
}

// bomb returns 100 MB of blanks, compressed.
func bomb(t *testing.T) string {
	t.Helper()
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	for range 100 {
		if _, err := io.WriteString(w, strings.Repeat(" ", 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return compressed.String()
}

// redisFaults returns the faults of Redis.
func redisFaults() []fault {
	// answered waits for a command first.
	answered := func(answer func(net.Conn)) func(net.Conn) {
		return func(c net.Conn) {
			if _, err := c.Read(make([]byte, 1)); err == nil {
				answer(c)
			}
		}
	}
	return []fault{
		{"refused", func(c net.Conn) { faults.Reset("")(c) }},
		{"stalled", faults.Stall},
		{"dripping", answered(faults.Drip("$1000\r\n", "a"))},
		{"reset", answered(faults.Reset("$1000\r\nabc"))},
		{"short", answered(faults.Say("$1000\r\nabc"))},
		{"error", answered(faults.Say("-LOADING Redis is loading the dataset in memory\r\n"))},
		{"garbage", answered(faults.Say("HTTP/1.1 200 OK\r\n\r\n\x00\xff"))},
		{"endless", answered(faults.Pour("$67108864\r\n"))}, // the client allocates what the server announces
	}
}
