package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// app is the example with its provider, both in memory.
type app struct {
	url      string
	provider *ginoidctest.Provider
	auth     *ginoidc.Auth
	engine   *gin.Engine
	log      *logText
}

func newApp(t *testing.T, appURL string) *app {
	t.Helper()
	return newAppUntil(t, t.Context(), appURL)
}

// newAppUntil returns an app whose streams end with a context.
func newAppUntil(t *testing.T, stopping context.Context, appURL string, change ...func(*ginoidc.Config)) *app {
	t.Helper()
	provider, err := ginoidctest.New(ginoidctest.Config{ACRValues: []string{"urn:example:password", secondFactor}})
	if err != nil {
		t.Fatal(err)
	}
	a := &app{url: appURL, provider: provider, log: &logText{}}
	log := a.logger()
	config := ginoidc.Config{
		Providers: []ginoidc.Provider{{
			Issuer: provider.Issuer(), ClientID: "app", ClientSecret: "secret", Transport: provider.Transport(),
		}},
		AppURL: appURL, CookieSecrets: []string{secret}, Logger: log,
	}
	for _, f := range change {
		f(&config)
	}
	if a.auth, err = ginoidc.New(config); err != nil {
		t.Fatal(err)
	}
	if a.engine, err = newEngine(stopping, a.auth, config, log); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *app) logger() *slog.Logger { return slog.New(slog.NewTextHandler(a.log, nil)) }

// client returns a browser in which the demo user is signed in, or nobody if user is "". It does not follow redirects.
func (a *app) client(t *testing.T, who string) *http.Client {
	t.Helper()
	user := ginoidc.User{Subject: "nobody"}
	for _, u := range append(ginoidctest.DemoUsers(), ginoidctest.User{Subject: "dora", Groups: []string{"admin"}}) {
		if u.Subject == who {
			user = ginoidc.User{Subject: who, Name: u.Name, Email: u.Email, Groups: u.Groups, Organizations: u.Organizations}
		}
	}
	client := ginoidctest.SignInAs(t, a.auth, a.engine, user)
	if who == "" {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		client.Jar = jar
	}
	return client
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

// send sends a request. header has names and values in turn.
func (a *app) send(t *testing.T, client *http.Client, method, path, body string, header ...string) answer {
	t.Helper()
	target := path
	if strings.HasPrefix(path, "/") {
		u, err := url.Parse(a.url)
		if err != nil {
			t.Fatal(err)
		}
		target = u.Scheme + "://" + u.Host + path
	}
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp, string(text)}
}

// navigate sends a request as a browser does for a typed address or a link.
func (a *app) navigate(t *testing.T, client *http.Client, path string) answer {
	t.Helper()
	return a.send(t, client, http.MethodGet, path, "", "Accept", "text/html,application/xhtml+xml,*/*;q=0.8",
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
}

// logText collects the log. Several goroutines may write to it.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// pipe is a listener with one connection in memory, which works inside a synctest bubble.
type pipe struct {
	conn   chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newPipe() (net.Listener, net.Conn) {
	client, server := net.Pipe()
	p := &pipe{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
	p.conn <- server
	return p, client
}

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conn:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipe) Addr() net.Addr { return &net.TCPAddr{} }
