package main

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// open opens a stream over a connection in memory to the app as it is served, with all its limits. The channel delivers
// the lines as they arrive and is closed when the stream ends.
func openStream(
	t *testing.T, ctx context.Context, a *app, client *http.Client,
) (lines <-chan string, served <-chan error, hangUp func()) {
	t.Helper()
	listener, conn := newPipe()
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, newServer(a.engine, a.logger()), listener) }()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, localhost+"/api/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range client.Jar.Cookies(r.URL) {
		r.AddCookie(cookie)
	}
	if err := r.Write(conn); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		t.Fatal(err)
	}
	kind, caching := resp.Header.Get("Content-Type"), resp.Header.Get("Cache-Control")
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/event-stream") ||
		!strings.Contains(caching, "no-store") {
		t.Fatalf("%d, %v", resp.StatusCode, resp.Header)
	}
	found := make(chan string)
	go func() {
		defer close(found)
		for scanner := bufio.NewScanner(resp.Body); scanner.Scan(); {
			if line := scanner.Text(); line != "" {
				found <- line
			}
		}
	}()
	return found, ended, func() { conn.Close() }
}

// A stream lasts as long as its session and the app, beyond the limits of other requests, and no longer. Case 215.
func TestStream(t *testing.T) {
	tests := []struct {
		name    string
		happens func(t *testing.T, a *app, alice *http.Client, stop, hangUp func())
		ends    bool
	}{
		{"nothing", func(*testing.T, *app, *http.Client, func(), func()) {}, false},
		{"another user signs out", func(t *testing.T, a *app, _ *http.Client, _, _ func()) {
			a.send(t, a.client(t, "bob"), http.MethodPost, "/api/sign-out-everywhere", "")
		}, false},
		{"sign-out", func(t *testing.T, a *app, alice *http.Client, _, _ func()) {
			a.send(t, alice, http.MethodPost, "/auth/signout", "", "Sec-Fetch-Site", "same-origin")
		}, true},
		{"sign-out elsewhere", func(t *testing.T, a *app, _ *http.Client, _, _ func()) {
			a.send(t, a.client(t, "alice"), http.MethodPost, "/api/sign-out-everywhere", "")
		}, true},
		{"the client goes", func(_ *testing.T, _ *app, _ *http.Client, _, hangUp func()) { hangUp() }, true},
		{"the app is to end", func(_ *testing.T, _ *app, _ *http.Client, stop, _ func()) { stop() }, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				a := newAppUntil(t, ctx, localhost)
				alice := a.client(t, "alice")
				lines, served, hangUp := openStream(t, ctx, a, alice)
				start := time.Now()
				for n := range 200 { // more than three minutes
					if line, ok := <-lines; !ok || !strings.HasPrefix(line, "data:{") ||
						time.Since(start) != time.Duration(n)*time.Second {
						t.Fatalf("event %d is %q after %s", n, line, time.Since(start))
					}
				}
				start = time.Now()
				test.happens(t, a, alice, stop, hangUp)
				more := 0
				for range 5 {
					if _, ok := <-lines; !ok {
						break
					}
					more++
				}
				if took := time.Since(start); (more < 5) != test.ends || test.ends && took > 2*time.Second {
					t.Errorf("%d more events in %s, ends: %v", more, took, test.ends)
				}
				hangUp()
				for range lines {
				}
				stop()
				stopped := time.Now()
				if err := <-served; err != nil || time.Since(stopped) > 2*time.Second {
					t.Errorf("shut down after %s: %v", time.Since(stopped), err)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

// The stream of a client that receives no events ends.
func TestStalledStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		a := newAppUntil(t, ctx, localhost)
		lines, served, hangUp := openStream(t, ctx, a, a.client(t, "alice"))
		<-lines
		time.Sleep(time.Minute) // the reader buffers one line, the connection of net.Pipe none
		closed := 0
		for range lines {
			closed++
		}
		if closed > 3 {
			t.Errorf("%d more events", closed)
		}
		hangUp()
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
	})
}
