package provider_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// wireFault is a fault between a request and its response. Exactly one of the three fields is set.
type wireFault struct {
	name    string
	kind    provider.Kind
	dialErr error             // instead of a connection
	raw     func(c net.Conn)  // instead of TLS
	answer  func(w io.Writer) // instead of a good answer, over TLS
}

// Cases 52, 54, 61, 62, 72, 104, 106, 107, 114, 115, 124, 171, 232, 234, 235, 236, 237, 239.
func wireFaults() []wireFault {
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	text := func(s string) func(io.Writer) { return func(w io.Writer) { _, _ = io.WriteString(w, s) } }
	drip := func(start, piece string) func(io.Writer) {
		return func(w io.Writer) {
			_, err := io.WriteString(w, start)
			for ; err == nil; _, err = io.WriteString(w, piece) {
				time.Sleep(time.Second)
			}
		}
	}
	endless := func(start, piece string) func(io.Writer) {
		return func(w io.Writer) {
			_, err := io.WriteString(w, start)
			for ; err == nil; _, err = io.WriteString(w, piece) {
			}
		}
	}
	return []wireFault{
		{name: "refused", kind: provider.Unavailable,
			dialErr: &net.OpError{Op: "dial", Err: errors.New("connection refused")}},
		{name: "no such name", kind: provider.Unavailable, dialErr: &net.DNSError{Err: "no such host", IsNotFound: true}},
		{name: "TLS stalls", kind: provider.Unavailable, raw: func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }},
		{name: "not TLS", kind: provider.Invalid, raw: func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1))
			go func() { _, _ = io.Copy(io.Discard, c) }()
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}},
		{name: "garbled record", kind: provider.Invalid, answer: func(w io.Writer) {
			_, _ = w.(*tls.Conn).NetConn().Write(append([]byte{23, 3, 3, 0, 32}, make([]byte, 32)...))
		}},
		{name: "accepted in silence", kind: provider.Unavailable, answer: func(io.Writer) { time.Sleep(time.Minute) }},
		{name: "closed without an answer", kind: provider.Unavailable, answer: text("")},
		{name: "cut in the headers", kind: provider.Unavailable, answer: text("HTTP/1.1 200 OK\r\nX-A: b\r\n")},
		{name: "headers drip", kind: provider.Unavailable, answer: drip("HTTP/1.1 200 OK\r\nX-A: ", "a")},
		{name: "body drips", kind: provider.Unavailable, answer: drip(ok+"\r\n", " ")},
		{name: "cut in the body", kind: provider.Invalid, answer: text(ok + "Content-Length: 1000\r\n\r\n{\"issuer\":")},
		{name: "bad chunk", kind: provider.Invalid, answer: text(ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n")},
		{name: "503 with HTML", kind: provider.Unavailable,
			answer: text("HTTP/1.1 503 X\r\nContent-Type: text/html\r\n\r\n<html>")},
		{name: "200 with HTML", kind: provider.Invalid,
			answer: text("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>")},
		{name: "not HTTP", kind: provider.Invalid, answer: text("SSH-2.0-OpenSSH_9.2\r\n")},
		{name: "endless body", kind: provider.Invalid, answer: endless(ok+"\r\n", strings.Repeat(" ", 4096))},
		{name: "endless headers", kind: provider.Invalid,
			answer: endless("HTTP/1.1 200 OK\r\n", "X-A: "+strings.Repeat("a", 4096)+"\r\n")},
		{name: "endless 1xx", kind: provider.Invalid, answer: endless("", "HTTP/1.1 103 Early Hints\r\n\r\n")},
		{name: "gzip bomb", kind: provider.Invalid, answer: func(w io.Writer) {
			_, err := io.WriteString(w, ok+"Content-Encoding: gzip\r\n\r\n")
			for bomb, zeros := gzip.NewWriter(w), make([]byte, 1<<16); err == nil; {
				_, err = bomb.Write(zeros)
			}
		}},
		{name: "307", kind: provider.Invalid,
			answer: text("HTTP/1.1 307 X\r\nLocation: https://op.example/elsewhere\r\nContent-Length: 0\r\n\r\n")},
	}
}

// Every fault with every back-channel call: an error of the expected kind, within five seconds, after one attempt, and
// without a remaining goroutine (synctest checks that).
func TestWireFaults(t *testing.T) {
	calls := map[string]func(context.Context, *provider.Provider, *scriptedOP) error{
		discoveryPath: func(ctx context.Context, p *provider.Provider, _ *scriptedOP) error {
			_, err := p.Metadata(ctx)
			return err
		},
		keysPath: func(ctx context.Context, p *provider.Provider, op *scriptedOP) error {
			_, err := p.VerifyIDToken(ctx, op.token(claims(nil)), expect())
			return err
		},
		tokenPath: func(ctx context.Context, p *provider.Provider, _ *scriptedOP) error {
			_, err := p.Exchange(ctx, "c", "v")
			return err
		},
		tokenPath + " refresh": func(ctx context.Context, p *provider.Provider, _ *scriptedOP) error {
			_, _, err := p.Refresh(ctx, oldTokens(), "alice")
			return err
		},
		revokePath: func(ctx context.Context, p *provider.Provider, _ *scriptedOP) error {
			return p.Revoke(ctx, bearer())
		},
		userinfoPath: func(ctx context.Context, p *provider.Provider, _ *scriptedOP) error {
			_, err := p.UserInfo(ctx, &provider.Tokens{AccessToken: "at"}, "alice")
			return err
		},
		pushPath: func(ctx context.Context, p *provider.Provider, _ *scriptedOP) error {
			_, err := p.AuthorizationURL(ctx, provider.AuthRequest{State: "s", Nonce: "n", Verifier: "v"})
			return err
		},
	}
	for name, call := range calls {
		path, _, _ := strings.Cut(name, " ")
		for _, fault := range wireFaults() {
			if name == revokePath && fault.name == "200 with HTML" {
				continue // valid like any other 200 there (RFC 7009 section 2.2)
			}
			t.Run(name+"/"+fault.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					certificate := newCertificate(t, "op.example", time.Hour)
					roots := x509.NewCertPool()
					roots.AddCert(certificate.Leaf)
					wire := &faultyWire{fault: fault, certificate: certificate}
					transport := provider.PipeTransport(roots, wire.dial)
					op := newOP(t)
					p := op.client(always, func(c *provider.Config) { c.Transport = route{path: path, faulty: transport, good: op} })
					start := time.Now()
					err := call(t.Context(), p, op)
					var e *provider.Error
					if !errors.As(err, &e) || e.Kind != fault.kind {
						t.Errorf("got %v, want kind %d", err, fault.kind)
					}
					if took := time.Since(start); took > 5*time.Second {
						t.Errorf("took %v", took)
					}
					if wire.dials.Load() != 1 || op.count("/elsewhere") != 0 {
						t.Errorf("%d attempts", wire.dials.Load())
					}
					transport.CloseIdleConnections()
					time.Sleep(2 * time.Minute) // for the other side to end
				})
			})
		}
	}
}

// cases 124, 234: only TLS 1.2 or later with a trusted, unexpired certificate for the host is accepted.
func TestTLS(t *testing.T) {
	good := newCertificate(t, "127.0.0.1", time.Hour)
	expired, other := newCertificate(t, "127.0.0.1", -time.Minute), newCertificate(t, "127.0.0.2", time.Hour)
	for name, test := range map[string]struct {
		served  tls.Certificate
		trusted *x509.Certificate
		version uint16
		code    string
	}{
		"good":        {good, good.Leaf, tls.VersionTLS12, "provider_status"}, // got through to a 404
		"self-signed": {good, newCertificate(t, "127.0.0.1", time.Hour).Leaf, tls.VersionTLS13, "tls"},
		"TLS 1.1":     {good, good.Leaf, tls.VersionTLS11, "tls"},
		"expired":     {expired, expired.Leaf, tls.VersionTLS13, "tls"},
		"other name":  {other, other.Leaf, tls.VersionTLS13, "tls"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.TLS = &tls.Config{Certificates: []tls.Certificate{test.served}, MinVersion: tls.VersionTLS10,
				MaxVersion: test.version}
			server.StartTLS()
			defer server.Close()
			roots := x509.NewCertPool()
			roots.AddCert(test.trusted)
			p := provider.New(provider.Config{Issuer: server.URL, RootCAs: roots})
			_, err := p.Metadata(t.Context())
			wantError(t, err, provider.Invalid, test.code)
		})
	}
}

// case 66
func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for value, want := range map[string]time.Duration{
			"7": 7 * time.Second, "0": 0, "-1": 0, "soon": 0, "": 0, "86400": 5 * time.Minute,
			strings.Repeat("9", 30):                                   5 * time.Minute,
			time.Now().Add(time.Minute).UTC().Format(http.TimeFormat): time.Minute,
			time.Now().Add(time.Hour).UTC().Format(http.TimeFormat):   5 * time.Minute, "Mon, 02 Jan 1999 15:04:05 GMT": 0,
		} {
			for _, status := range []int{429, 503} {
				op := newOP(t)
				op.serve(tokenPath, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Retry-After", value)
					w.WriteHeader(status)
				})
				_, err := op.client().Exchange(t.Context(), "c", "v")
				var e *provider.Error
				if !errors.As(err, &e) || e.RetryAfter != want {
					t.Errorf("Retry-After %q with %d: %+v, want %v", value, status, e, want)
				}
			}
		}
	})
}

// case 241: the number of calls that wait for a slow provider is limited.
func TestCallsInFlightAreCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		op.serve(tokenPath, slow(2*time.Second, textAnswer(200, "application/json", goodAnswer+"}")))
		p := op.client()
		if _, err := p.Metadata(t.Context()); err != nil {
			t.Fatal(err)
		}
		var callers sync.WaitGroup
		for range 512 {
			callers.Go(func() {
				if _, err := p.Exchange(t.Context(), "c", "v"); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		_, err := p.Exchange(t.Context(), "c", "v")
		wantError(t, err, provider.Unavailable, "too_many_calls")
		if e := (*provider.Error)(nil); !errors.As(err, &e) || e.RetryAfter != time.Second {
			t.Errorf("to be repeated after %v", e.RetryAfter)
		}
		if time.Since(start) != 0 || op.count(tokenPath) != 512 {
			t.Errorf("after %v, %d calls", time.Since(start), op.count(tokenPath))
		}
		// They affect neither users who are signed in, nor the metadata and keys of a sign-in.
		op.serve(tokenPath, jsonAnswer(200, refreshAnswer(nil)))
		op.serve(revokePath, textAnswer(200, "", ""))
		if _, _, err := p.Refresh(t.Context(), oldTokens(), "alice"); err != nil {
			t.Errorf("a refresh: %v", err)
		}
		if err := p.Revoke(t.Context(), bearer()); err != nil {
			t.Errorf("a revocation: %v", err)
		}
		if _, err := p.VerifyIDToken(t.Context(), op.token(claims(nil)), expect()); err != nil {
			t.Errorf("keys: %v", err)
		}
		callers.Wait()
		op.serve(tokenPath, textAnswer(200, "application/json", goodAnswer+"}"))
		if _, err := p.Exchange(t.Context(), "c", "v"); err != nil {
			t.Errorf("once the others are done: %v", err)
		}
	})
}

// A call takes no longer than configured, and a method no longer than twice that.
func TestTimeout(t *testing.T) {
	for set, want := range map[time.Duration]time.Duration{0: 5 * time.Second, time.Second: time.Second,
		20 * time.Second: 20 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			op := newOP(t)
			limited := func(c *provider.Config) { c.Timeout = set }
			took := func(call func(*provider.Provider) error) time.Duration {
				start := time.Now()
				wantErrorKind(t, call(op.client(limited)), provider.Unavailable)
				return time.Since(start)
			}
			exchange := func(p *provider.Provider) error { _, err := p.Exchange(t.Context(), "c", "v"); return err }
			verify := func(p *provider.Provider) error {
				_, err := p.VerifyIDToken(t.Context(), op.token(claims(nil)), expect())
				return err
			}
			op.serve(tokenPath, slow(time.Hour, jsonAnswer(200, object{})))
			if d := took(exchange); d != want {
				t.Errorf("limit %v: a call took %v", set, d)
			}
			op.serve(keysPath, slow(want*4/5, jsonAnswer(200, object{"keys": []any{}})))
			op.serve(discoveryPath, slow(want*4/5, document(nil)))
			if d := took(verify); d != 2*want {
				t.Errorf("limit %v: a method took %v", set, d)
			}
			time.Sleep(time.Hour)
		})
	}
}

func wantErrorKind(t *testing.T, err error, kind provider.Kind) {
	t.Helper()
	var e *provider.Error
	if !errors.As(err, &e) || e.Kind != kind {
		t.Errorf("got %v, want kind %d", err, kind)
	}
}

// panics is a Transport that panics at one path, as code of an app may.
type panics struct {
	path string
	good http.RoundTripper
}

func (p panics) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == p.path {
		panic("of the app")
	}
	return p.good.RoundTrip(req)
}

// A Transport that panics in a shared or background fetch ends neither the process nor what others wait for; the log
// has the panic once, with the stack.
func TestTransportPanics(t *testing.T) {
	for _, path := range []string{discoveryPath, keysPath} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logBuffer
				op := newOP(t)
				sick := &panics{path, op}
				p := op.client(logTo(&log), func(c *provider.Config) { c.Transport = sick })
				verify := func() error {
					_, err := p.VerifyIDToken(t.Context(), op.token(claims(nil)), expect())
					return err
				}
				var panicked *flight.PanicError
				if err := verify(); !errors.As(err, &panicked) {
					t.Errorf("got %v", err)
				}
				if text := log.String(); strings.Count(text, "a panic in code of the app") != 1 ||
					!strings.Contains(text, "panics.RoundTrip") {
					t.Errorf("logged %s", text)
				}
				sick.path = ""
				time.Sleep(time.Second) // the keys' fetch fails for want of metadata, and pauses
				if err := verify(); err != nil {
					t.Errorf("afterwards: %v", err)
				}
				time.Sleep(2 * time.Hour)
				sick.path = path
				if err := verify(); err != nil {
					t.Errorf("with a panic in the background: %v", err)
				}
				synctest.Wait()
				if n := strings.Count(log.String(), "a panic in code of the app"); n != 2 {
					t.Errorf("logged %d times", n)
				}
				time.Sleep(48 * time.Hour)
				if err := verify(); err != nil {
					t.Errorf("with a panic in the fetch before use: %v", err)
				}
				for range 600 { // more than there are slots
					_ = verify()
				}
				sick.path = ""
				time.Sleep(time.Second)
				if err := verify(); err != nil {
					t.Errorf("in the end: %v", err)
				}
			})
		})
	}
}

// case 69: a caller that leaves cancels the token request; the limits also apply with a Transport of the app.
func TestCallerLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		op.serve(tokenPath, slow(time.Hour, jsonAnswer(200, object{})))
		p := op.client()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, test := range []struct {
			ctx  context.Context
			want time.Duration
		}{{ctx, time.Second}, {t.Context(), 5 * time.Second}} {
			start := time.Now()
			_, err := p.Exchange(test.ctx, "c", "v")
			wantError(t, err, provider.Unavailable, "timeout")
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != test.want {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		}
		// Discovery, keys and a forced second fetch of the keys together take less than ten seconds.
		op.serve(keysPath, slow(4*time.Second, jsonAnswer(200, object{"keys": []any{}})))
		op.serve(discoveryPath, slow(4*time.Second, document(nil)))
		start := time.Now()
		_, err := op.client().VerifyIDToken(t.Context(), op.token(claims(nil)), expect())
		if wantError(t, err, provider.Unavailable, "gave_up"); time.Since(start) != 10*time.Second {
			t.Errorf("after %v", time.Since(start))
		}
		time.Sleep(time.Minute)
	})
}

// case 236: a provider that closes the connection when this side gives up at the deadline has not ended its body.
func TestBodyThatEndsAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := provider.New(provider.Config{Issuer: "https://op.example", Transport: hangsUp{}})
		_, err := p.Metadata(t.Context())
		wantError(t, err, provider.Unavailable, "timeout")
	})
}

// TestConnectionErrors: a call that takes too long is told from one that finds no server.
func TestConnectionErrors(t *testing.T) {
	for want, err := range map[string]error{
		"timeout": &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, "unreachable": &net.OpError{Op: "dial",
			Err: errors.New("connection refused")},
	} {
		transport := roundTripFunc(func(*http.Request) (*http.Response, error) { return nil, err })
		_, err := provider.New(provider.Config{Issuer: issuer, Transport: transport}).Metadata(t.Context())
		wantError(t, err, provider.Unavailable, want)
	}
}

// TestCallerLeaves: that a caller cancels a call says nothing about the provider.
func TestCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := newOP(t)
		op.serve(tokenPath, slow(time.Hour, jsonAnswer(200, object{})))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := op.client().Exchange(ctx, "c", "v")
		if wantError(t, err, provider.Unavailable, "timeout"); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestErrorsAreLogged: each answer that is an error is in the log, and no other, since that may hold tokens.
func TestErrorsAreLogged(t *testing.T) {
	for status, logged := range map[int]bool{
		200: false, 206: false, 299: false, 300: true, 302: true, 404: true, 503: true,
	} {
		var log logBuffer
		op := newOP(t)
		op.serve(discoveryPath, textAnswer(status, "text/plain", "the body"))
		_, _ = op.client(logTo(&log)).Metadata(t.Context())
		if got := strings.Contains(log.String(), "returned an error") && strings.Contains(log.String(), "the body"); got !=
			logged {
			t.Errorf("%d: %s", status, log.String())
		}
	}
}

// TestAccept: each request says which media type it can use, for a provider that has several.
func TestAccept(t *testing.T) {
	op, seen := newOP(t), map[string]string{}
	p := op.client(func(c *provider.Config) {
		c.Transport = roundTripFunc(func(r *http.Request) (*http.Response, error) {
			seen[r.URL.Path] = r.Header.Get("Accept")
			return op.RoundTrip(r)
		})
	})
	p.Probe(t.Context(), nil, nil)
	_, _ = p.UserInfo(t.Context(), bearer(), "alice")
	for path, want := range map[string]string{
		discoveryPath: "application/json", keysPath: "application/json", tokenPath: "application/json",
		userinfoPath: "application/json, application/jwt", "/authorize": "text/html", "/logout": "text/html",
	} {
		if seen[path] != want {
			t.Errorf("%s: %q, want %q", path, seen[path], want)
		}
	}
}

// hangsUp responds with a body that ends normally, but only once the request has ended.
type hangsUp struct{}

func (hangsUp) RoundTrip(req *http.Request) (*http.Response, error) {
	body, w := io.Pipe()
	context.AfterFunc(req.Context(), func() { _ = w.Close() })
	return &http.Response{StatusCode: http.StatusOK, Body: body}, nil
}

// route is a transport that sends one path through the faulty wire.
type route struct {
	path         string
	faulty, good http.RoundTripper
}

func (r route) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == r.path {
		return r.faulty.RoundTrip(req)
	}
	return r.good.RoundTrip(req)
}

// faultyWire is the network of one test.
type faultyWire struct {
	fault       wireFault
	certificate tls.Certificate
	dials       atomic.Int32 // which may outlast the call
}

func (f *faultyWire) dial(context.Context, string, string) (net.Conn, error) {
	f.dials.Add(1)
	if f.fault.dialErr != nil {
		return nil, f.fault.dialErr
	}
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		if f.fault.raw != nil {
			f.fault.raw(server)
			return
		}
		conn := tls.Server(server, &tls.Config{Certificates: []tls.Certificate{f.certificate}})
		req, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		go func() { _, _ = io.Copy(io.Discard, conn) }() // a pipe has no buffer: let the client close the connection
		f.fault.answer(conn)
		_ = conn.Close()
	}()
	return client, nil
}

// newCertificate makes a self-signed certificate for a name or an IP address.
func newCertificate(t *testing.T, host string, life time.Duration) tls.Certificate {
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Error(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Error(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
