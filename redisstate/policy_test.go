package redisstate_test

import (
	"cmp"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// TestEvictionIsWarnedOf: once, at the start or a minute after that as soon as Redis responds, whatever asks it first;
// an unknown policy is not a warning.
func TestEvictionIsWarnedOf(t *testing.T) {
	ask := map[string]func(*testing.T, *redisstate.Store) error{
		"Ping":    func(t *testing.T, s *redisstate.Store) error { return s.Ping(t.Context()) },
		"Revoked": func(t *testing.T, s *redisstate.Store) error { _, err := s.Revoked(t.Context(), "a"); return err },
	}
	for _, tt := range []struct {
		name, info, config string
		want               string // "WARN", "DEBUG" or nothing
	}{
		{"noeviction", "noeviction", "", ""},
		{"by CONFIG", "", "noeviction", ""},
		{"all keys", "allkeys-lru", "", "WARN"},
		{"keys that end, as all do", "volatile-lru", "noeviction", "WARN"},
		{"all keys, by CONFIG", "", "allkeys-lfu", "WARN"},
		{"all keys, by CONFIG alone", "-", "allkeys-lfu", "WARN"},
		{"reported by neither", "", "", "DEBUG"},
	} {
		for _, first := range []string{"", "Ping", "Revoked"} { // "": Redis is up at the start
			synctest.Test(t, func(t *testing.T) {
				var logs strings.Builder
				server := newFake()
				server.info, server.config = tt.info, tt.config
				client := server.client(t)
				server.set(func() { server.silent = first != "" })
				began := time.Now()
				store, err := redisstate.New(redisstate.Config{
					Client: client, Secrets: []string{strings.Repeat("s", 32)},
					Logger: slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
				})
				if err != nil {
					t.Fatal(err)
				}
				if first != "" {
					server.set(func() {
						server.silent = false
						for conn := range server.conns {
							conn.Close()
						}
					})
					for _, after := range []time.Duration{2 * time.Second, 59 * time.Second} {
						time.Sleep(time.Until(began.Add(after)))
						if err := ask[first](t, store); err != nil || logs.Len() > 0 {
							t.Errorf("%s: %v, logged less than a minute after the start: %s", tt.name, err, &logs)
						}
					}
					time.Sleep(time.Second)
					if err := ask[first](t, store); err != nil {
						t.Error(err)
					}
				}
				at := logs.String()
				for range 3 {
					for _, do := range ask {
						if err := do(t, store); err != nil {
							t.Error(err)
						}
					}
					time.Sleep(time.Minute)
				}
				policy := cmp.Or(strings.TrimPrefix(tt.info, "-"), tt.config)
				got, err := store.MaxMemoryPolicy(t.Context())
				if got != policy || (err == nil) != (policy != "") ||
					err != nil && !strings.Contains(err.Error(), "unknown command") {
					t.Errorf("%s: %q, %v", tt.name, got, err)
				}
				lines := strings.Count(logs.String(), "level=")
				if lines > 1 || (lines == 1) != (tt.want != "") || !strings.Contains(at, tt.want) {
					t.Errorf("%s, first asked by %q: %s", tt.name, first, &logs)
				}
			})
		}
	}
}
