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

// TestEvictionIsWarnedOf: once, at the start or as soon as Redis responds, without any error; an unknown policy is not
// a warning.
func TestEvictionIsWarnedOf(t *testing.T) {
	for _, tt := range []struct {
		name, info, config string
		want               string // "WARN", "DEBUG" or nothing
	}{
		{"noeviction", "noeviction", "", ""},
		{"by CONFIG", "", "noeviction", ""},
		{"all keys", "allkeys-lru", "", "WARN"},
		{"keys that end, as all do", "volatile-lru", "noeviction", "WARN"},
		{"all keys, by CONFIG", "", "allkeys-lfu", "WARN"},
		{"reported by neither", "", "", "DEBUG"},
	} {
		for _, down := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var logs strings.Builder
				server := newFake()
				server.info, server.config = tt.info, tt.config
				client := server.client(t)
				server.set(func() { server.silent = down })
				store, err := redisstate.New(redisstate.Config{
					Client: client, Secrets: []string{strings.Repeat("s", 32)},
					Logger: slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
				})
				if err != nil {
					t.Fatal(err)
				}
				if down {
					if logs.Len() > 0 {
						t.Errorf("%s: logged before Redis has answered: %s", tt.name, &logs)
					}
					server.set(func() {
						server.silent = false
						for conn := range server.conns {
							conn.Close()
						}
					})
					time.Sleep(time.Minute)
				}
				for range 3 {
					if _, err := store.Revoked(t.Context(), "a"); err != nil {
						t.Error(err)
					}
					if err := store.Ping(t.Context()); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Minute)
				}
				policy := cmp.Or(tt.info, tt.config)
				if got, err := store.MaxMemoryPolicy(t.Context()); got != policy || (err == nil) != (policy != "") {
					t.Errorf("%s: %q, %v", tt.name, got, err)
				}
				lines := strings.Count(logs.String(), "level=")
				if lines > 1 || (lines == 1) != (tt.want != "") || !strings.Contains(logs.String(), tt.want) {
					t.Errorf("%s, down at the start %t: %s", tt.name, down, &logs)
				}
			})
		}
	}
}
