package blackbox_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// hostile is a provider of a customer that is dead, slow or an attacker.
type hostile struct {
	issuer  string
	op      *fakeop.Provider // nil if its metadata is no use already
	private bool             // its address may not be called
	calls   *gauge
}

// gauge counts what is going on, and its largest number so far.
type gauge struct{ now, most atomic.Int64 }

func (g *gauge) during(do func()) {
	n := g.now.Add(1)
	for most := g.most.Load(); n > most && !g.most.CompareAndSwap(most, n); most = g.most.Load() {
	}
	defer g.now.Add(-1)
	do()
}

// hostiles are the ways in which a provider can harm who calls it, by name. stop ends their answers.
func hostiles(t *testing.T, stop <-chan struct{}) map[string]func() hostile {
	t.Helper()
	serve := func(h http.HandlerFunc) hostile {
		g := &gauge{}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			g.during(func() { h(w, r) })
		}))
		t.Cleanup(server.Close)
		return hostile{issuer: server.URL, calls: g}
	}
	hang := func(http.ResponseWriter, *http.Request) { <-stop }
	return map[string]func() hostile{
		"dead": func() hostile {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			return hostile{issuer: "http://" + listener.Addr().String()}
		},
		"silent": func() hostile { return serve(hang) },
		"slow": func() hostile {
			return serve(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				trickle(w, stop)
			})
		},
		"endless": func() hostile {
			return serve(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				flood(w, stop)
			})
		},
		"bomb": func() hostile {
			return serve(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Content-Encoding", "gzip")
				zipped := gzip.NewWriter(w)
				flood(zipped, stop)
				_ = zipped.Close()
			})
		},
		"redirect": func() hostile {
			return serve(http.RedirectHandler("http://127.0.0.1:1/", http.StatusTemporaryRedirect).ServeHTTP)
		},
		"headers": func() hostile {
			return serve(func(w http.ResponseWriter, _ *http.Request) {
				for i := range 4000 {
					w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("x", 1000))
				}
			})
		},
		"private": func() hostile { return hostile{issuer: "https://10.0.0.1", private: true} },
		"cloud":   func() hostile { return hostile{issuer: "https://169.254.169.254", private: true} },
		"silent at the token endpoint": func() hostile {
			op := fakeop.Start(t, fakeop.Config{ClientID: "app", ClientSecret: testapp.ClientSecret, SigningAlg: "ES256"})
			g := &gauge{}
			op.Intercept(fakeop.Token, func(w http.ResponseWriter, r *http.Request) { g.during(func() { hang(w, r) }) })
			return hostile{issuer: op.Issuer(), op: op, calls: g}
		},
	}
}

// trickle writes a byte now and then.
func trickle(w http.ResponseWriter, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(50 * time.Millisecond):
			if _, err := io.WriteString(w, " "); err != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
		}
	}
}

// flood writes as fast as it can.
func flood(w io.Writer, stop <-chan struct{}) {
	spaces := []byte(strings.Repeat(" ", 64<<10))
	for {
		select {
		case <-stop:
			return
		default:
			if _, err := w.Write(spaces); err != nil {
				return
			}
		}
	}
}

// inParallel calls do for each number below n, some at a time.
func inParallel(n, atOnce int, do func(int)) {
	var workers sync.WaitGroup
	var next atomic.Int64
	for range atOnce {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	workers.Wait()
}
