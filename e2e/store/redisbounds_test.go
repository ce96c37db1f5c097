package store_test

import (
	"hash/fnv"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// TestSeenIsBounded by the real script: a set of attempts holds 4,096, and drops what expires first.
func TestSeenIsBounded(t *testing.T) {
	server := newRedisServer(t, "--appendonly", "no")
	store := newRedisState(t, redisstate.Config{URL: "redis://" + server.addr})
	var keys []string
	for i := 0; len(keys) < 4100; i++ {
		key, hash := "a"+strconv.Itoa(i), fnv.New32a()
		_, _ = hash.Write([]byte(key))
		if hash.Sum32()%256 == 0 {
			keys = append(keys, key)
		}
	}
	once := func(key string, want bool) {
		t.Helper()
		if first, err := store.MarkUsed(t.Context(), key, time.Hour); first != want || err != nil {
			t.Fatalf("MarkUsed(%s) = %t, %v", key, first, err)
		}
	}
	if first, err := store.MarkUsed(t.Context(), keys[0], time.Minute); !first || err != nil { // ends first
		t.Fatal(first, err)
	}
	for _, key := range keys[1:] {
		once(key, true)
	}
	client := server.client(t, "", 0)
	n := command(t, client, "ZCARD", "ginoidc:o:a00")
	if n, err := n.AsInt64(); n != 4096 || err != nil {
		t.Errorf("%d entries, %v", n, err)
	}
	once(keys[0], true)
	once(keys[len(keys)-1], false)
}

// TestPolicyOfARealRedis: INFO reports the policy, and CONFIG does if INFO is forbidden.
func TestPolicyOfARealRedis(t *testing.T) {
	for _, tt := range []struct {
		policy, forbid string
		warns          bool
	}{{"noeviction", "", false}, {"volatile-ttl", "", true}, {"volatile-ttl", "-info", true},
		{"noeviction", "-info", false}, {"allkeys-lru", "-config", true}} {
		server := newRedisServer(t, "--appendonly", "no", "--maxmemory-policy", tt.policy)
		if client := server.client(t, "", 0); tt.forbid != "" {
			command(t, client, "ACL", "SETUSER", "default", tt.forbid)
		}
		var logs strings.Builder
		newRedisState(t, redisstate.Config{URL: "redis://" + server.addr, Logger: slog.New(slog.NewTextHandler(&logs, nil))})
		if warned := strings.Contains(logs.String(), tt.policy); warned != tt.warns {
			t.Errorf("%s %s: %s", tt.policy, tt.forbid, &logs)
		}
	}
}
