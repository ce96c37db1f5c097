package provider_test

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// TestReport: an app that is told of events itself has none of them in the log.
func TestReport(t *testing.T) {
	var log logBuffer
	var told []string
	op := newOP(t)
	op.serve(discoveryPath, textAnswer(503, "", ""))
	_, err := op.client(logTo(&log), func(c *provider.Config) {
		c.Report = func(_ context.Context, e provider.Event) { told = append(told, e.Text) }
	}).Metadata(t.Context())
	wantError(t, err, provider.Unavailable, "provider_status")
	if !slices.Contains(told, "discovery failed") || log.String() != "" {
		t.Errorf("told %q, logged %s", told, log.String())
	}
}

// TestCloseIdle: the connections of a provider that is no longer needed are closed, and those of an app's Transport,
// which others may use, are kept.
func TestCloseIdle(t *testing.T) {
	for name, test := range map[string]struct {
		ofApp       bool
		connections int32
	}{"own": {false, 2}, "of the app": {true, 1}} {
		t.Run(name, func(t *testing.T) {
			var connections atomic.Int32
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					connections.Add(1)
				}
			}
			server.StartTLS()
			defer server.Close()
			cfg := provider.Config{Issuer: server.URL, ClientID: clientID, RootCAs: x509.NewCertPool(), Timeout: time.Minute}
			cfg.RootCAs.AddCert(server.Certificate())
			if test.ofApp {
				cfg.Transport = server.Client().Transport
			}
			p := provider.New(cfg)
			for range 2 {
				wantError(t, p.Probe(t.Context(), nil, nil).Discovery.Err, provider.Invalid, "provider_status")
				p.CloseIdle()
			}
			if n := connections.Load(); n != test.connections {
				t.Errorf("%d connections for two requests", n)
			}
		})
	}
	newOP(t).client().CloseIdle() // a Transport of any type
}

// TestRecovery: what failed for want of metadata works as soon as there is some. The keys, which were not asked for, do
// not pause.
func TestRecovery(t *testing.T) {
	for name, call := range map[string]func(context.Context, *provider.Provider) error{
		"ready": func(ctx context.Context, p *provider.Provider) error { return p.Ready(ctx) },
		"refresh": func(ctx context.Context, p *provider.Provider) error {
			_, _, err := p.Refresh(ctx, oldTokens(), "alice")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for range 20 { // pauses are random
					op := newOP(t)
					op.serve(tokenPath, jsonAnswer(200, refreshAnswer(nil)))
					op.serve(discoveryPath, textAnswer(503, "", ""))
					p := op.client()
					wantError(t, call(t.Context(), p), provider.Unavailable, "provider_status")
					op.serve(discoveryPath, document(nil))
					for _, err := p.Metadata(t.Context()); err != nil; _, err = p.Metadata(t.Context()) {
						time.Sleep(time.Millisecond)
					}
					if err := call(t.Context(), p); err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}
