package provider_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// expect is what most tests require of a token: our nonce and nothing else.
func expect() provider.Expect { return provider.Expect{Nonce: nonce, MaxAge: -1} }

// wantError checks kind, code and the sentinel of the kind, and that only an invalid token is ErrInvalidToken.
func wantError(t *testing.T, err error, kind provider.Kind, code string) {
	t.Helper()
	var e *provider.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v (%T), want a *provider.Error", err, err)
	}
	if e.Kind != kind || e.Code != code {
		t.Errorf("got kind %d, code %q (%v); want kind %d, code %q", e.Kind, e.Code, err, kind, code)
	}
	for sentinel, is := range map[error]provider.Kind{
		provider.ErrUnavailable: provider.Unavailable, provider.ErrInvalidResponse: provider.Invalid,
		provider.ErrRefused: provider.Refused,
	} {
		if errors.Is(err, sentinel) != (is == kind) {
			t.Errorf("errors.Is(%v, %v) = %t", err, sentinel, is != kind)
		}
	}
}

// wantBadToken checks that a token was refused for the reason named.
func wantBadToken(t *testing.T, err error, code string) {
	t.Helper()
	wantError(t, err, provider.Refused, code)
	if !errors.Is(err, provider.ErrInvalidToken) {
		t.Errorf("%v is not ErrInvalidToken", err)
	}
}

// logBuffer collects a log from several goroutines.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func logTo(l *logBuffer) func(*provider.Config) {
	return func(c *provider.Config) { c.Logger = slog.New(slog.NewTextHandler(l, nil)) }
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not contain %q", text, part)
		}
	}
}
