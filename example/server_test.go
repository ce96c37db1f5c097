package main

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
)

// case 299
func TestAccessLogKeepsTheCode(t *testing.T) {
	a := newApp(t, localhost)
	client := a.client(t, "")
	start := a.navigate(t, client, "/auth/signin?return_to=/profile")
	callback, err := a.provider.Approve(start.Header.Get("Location"), "alice")
	if err != nil {
		t.Fatal(err)
	}
	a.navigate(t, client, callback)
	u, err := url.Parse(callback)
	if err != nil {
		t.Fatal(err)
	}
	log := a.log.String()
	if !strings.Contains(log, "path=/auth/callback status=303") {
		t.Errorf("the callback is not in the log:\n%s", log)
	}
	for _, name := range []string{"code", "state"} {
		if value := u.Query().Get(name); value == "" || strings.Contains(log, value) {
			t.Errorf("%s %q is in the log:\n%s", name, value, log)
		}
	}
}

// case 300
func TestPanicKeepsTheCookies(t *testing.T) {
	stderr := gin.DefaultErrorWriter
	defer func() { gin.DefaultErrorWriter = stderr }()
	var printed logText // the output of Gin's own recovery, which prints headers for a broken connection
	gin.DefaultErrorWriter = &printed
	for _, cause := range []any{"boom", syscall.EPIPE} {
		a := newApp(t, localhost)
		a.engine.GET("/panic", func(*gin.Context) { panic(cause) })
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/panic?q=hidden", nil)
		r.Header.Set("Cookie", "ginoidc=precious")
		a.engine.ServeHTTP(w, r)
		log := a.log.String() + printed.String()
		if strings.Contains(log, "precious") || strings.Contains(log, "hidden") || !strings.Contains(log, "path=/panic") {
			t.Errorf("%v: log:\n%s", cause, log)
		}
		if cause == "boom" && (w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "boom")) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}

// Headers of proxies are not trusted unless a proxy is configured. // cases 221, 224
func TestForwardedHeaders(t *testing.T) {
	a := newApp(t, localhost)
	client := a.client(t, "")
	got := a.send(t, client, http.MethodGet, "/profile/", "", "X-Forwarded-For", "203.0.113.9", "X-Forwarded-Prefix",
		"/evil")
	if got.StatusCode != http.StatusNotFound || got.Header.Get("Location") != "" {
		t.Errorf("%d to %q", got.StatusCode, got.Header.Get("Location"))
	}
	if log := a.log.String(); strings.Contains(log, "203.0.113.9") || !strings.Contains(log, "client=127.0.0.1") {
		t.Errorf("log:\n%s", log)
	}
}

func TestHeaders(t *testing.T) {
	a := newApp(t, localhost)
	client := a.client(t, "alice")
	for _, path := range []string{"/", "/profile", "/api/me", "/readyz", "/nowhere", "/static/style.css"} {
		h := a.navigate(t, client, path).Header
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") ||
			strings.Contains(policy, "form-action") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: may be sniffed", path)
		}
		if private := strings.Contains(h.Get("Cache-Control"), "no-store"); private == strings.HasPrefix(path, "/static/") {
			t.Errorf("%s: Cache-Control %q", path, h.Get("Cache-Control"))
		}
	}
}

func TestWrongMethod(t *testing.T) {
	a := newApp(t, localhost)
	got := a.send(t, a.client(t, "alice"), http.MethodDelete, "/api/notes", "")
	if got.StatusCode != http.StatusMethodNotAllowed || got.Header.Get("Allow") != "GET, POST" {
		t.Errorf("%d, Allow %q", got.StatusCode, got.Header.Get("Allow"))
	}
	for accept, want := range map[string]string{
		"*/*": `"error":"method_not_allowed"`, "text/html,*/*;q=0.8": "<h1>Not possible here</h1>",
	} {
		got := a.send(t, a.client(t, ""), http.MethodPost, "/profile", "", "Accept", accept)
		if got.StatusCode != http.StatusMethodNotAllowed || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s", accept, got.StatusCode, got.body)
		}
	}
}

// A slow client cannot hold a connection for long. // case 286
func TestSlowClients(t *testing.T) {
	tests := []struct {
		name, sends string
		drips       bool // then sends one byte per second
		reads       bool
		cutAfter    time.Duration
	}{
		{"headers", "GET / HTTP/1.1\r\nX-Endless: ", true, true, 5 * time.Second},
		{"body", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", true, true, 15 * time.Second},
		{"idle", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", false, true, 2 * time.Minute},
		{"unread answer", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", false, false, time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { slowClient(t, test.sends, test.drips, test.reads, test.cutAfter) })
		})
	}
}

func slowClient(t *testing.T, sends string, drips, reads bool, cutAfter time.Duration) {
	server := newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
	}), slog.New(slog.DiscardHandler))
	closed := make(chan struct{})
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(closed)
		}
	}
	listener, client := newPipe()
	defer time.Sleep(time.Minute) // so that all goroutines end
	defer client.Close()
	go server.Serve(listener)
	defer server.Close()
	start := time.Now()
	if reads {
		go io.Copy(io.Discard, client)
	}
	if _, err := io.WriteString(client, sends); err != nil {
		t.Fatal(err)
	}
	go func() {
		for range 1000 {
			if _, err := io.WriteString(client, "x"); !drips || err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}()
	select {
	case <-closed:
	case <-time.After(time.Hour):
	}
	if took := time.Since(start); took < cutAfter || took > cutAfter+time.Second {
		t.Errorf("cut off after %s, want %s", took, cutAfter)
	}
}

// case 282
func TestLargeCookieHeader(t *testing.T) {
	a := newApp(t, localhost)
	server := httptest.NewUnstartedServer(nil)
	server.Config = newServer(a.engine, slog.New(slog.DiscardHandler))
	server.Start()
	defer server.Close()
	for size, want := range map[int]int{8 << 10: 200, 64 << 10: 200, 1 << 20: 431} {
		got := a.send(t, server.Client(), http.MethodGet, server.URL+"/", "", "Cookie", "x="+strings.Repeat("y", size))
		if got.StatusCode != want {
			t.Errorf("%d bytes: %d, want %d", size, got.StatusCode, want)
		}
	}
}
