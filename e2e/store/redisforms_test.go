package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// TestRedisForms: each form of Config.URL, on Redis and on Valkey.
func TestRedisForms(t *testing.T) {
	for name, program := range start.RedisPrograms(t) {
		t.Run(name, func(t *testing.T) {
			t.Run("one server", func(t *testing.T) {
				server := start.RunRedisProgram(t, program, start.FreePort(t), t.TempDir())
				conforms(t, "redis://"+server.Addr+"/3")
				conforms(t, "valkey://"+server.Addr)
			})
			if name == "Redis" { // the build of Valkey that tests can get has no TLS
				t.Run("TLS", func(t *testing.T) { certificates(t, program) })
			}
			t.Run("Sentinel", func(t *testing.T) { failover(t, program) })
			t.Run("cluster", func(t *testing.T) {
				conforms(t, start.RunRedisCluster(t, program, 3, false).URL())
			})
		})
	}
}

// conforms runs the tests of shared states and of stores on two instances.
func conforms(t *testing.T, url string) {
	t.Helper()
	one, other := newRedisState(t, redisstate.Config{URL: url}), newRedisState(t, redisstate.Config{URL: url})
	ginoidctest.TestState(t, one, other)
	ginoidctest.TestStore(t, one, other)
}

// certificates: server and client show each other certificates of a private authority.
func certificates(t *testing.T, program string) {
	authority, stranger := testapp.NewAuthority(t), testapp.NewAuthority(t)
	serverCert, serverKey := authority.Issue(t, "server")
	server := start.RunRedisTLS(t, program, authority.File, serverCert, serverKey)
	cert, key := authority.Issue(t, "client")
	url := "rediss://" + server.Addr + "?cacert="
	conforms(t, url+authority.File+"&cert="+cert+"&key="+key)
	for _, refused := range []string{url + stranger.File + "&cert=" + cert + "&key=" + key, url + authority.File} {
		if err := newRedisState(t, redisstate.Config{URL: refused}).Ping(t.Context()); err == nil {
			t.Errorf("%s: no error", refused)
		}
	}
}

// failover: the primary is killed, Sentinel promotes the replica, and the store continues there with every revocation.
func failover(t *testing.T, program string) {
	primary := start.RunRedisProgram(t, program, start.FreePort(t), t.TempDir())
	start.RunRedisProgram(t, program, start.FreePort(t), t.TempDir(), "--replicaof",
		"127.0.0.1 "+strings.TrimPrefix(primary.Addr, "127.0.0.1:"))
	primary.AwaitReplica(t)
	sentinel := start.RunSentinel(t, program, primary.Addr)
	url := "redis://" + sentinel.Addr + "?master_set=main&addr=127.0.0.1:1" // another Sentinel is down
	conforms(t, url)
	sure, store := newRedisState(t, redisstate.Config{URL: url, WaitReplicas: 1}),
		newRedisState(t, redisstate.Config{URL: url})
	at := time.Now().Truncate(time.Microsecond)
	for i := range 100 {
		if err := sure.Revoke(t.Context(), fmt.Sprint(i), at, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	sentinel.AwaitReplicaOf(t, "main")
	primary.Kill(t)
	eventually(t, func() (bool, error) { return true, store.Revoke(t.Context(), "after", at, time.Hour) })
	for i := range 100 {
		got, err := store.Revoked(t.Context(), fmt.Sprint(i), "after")
		if err != nil || !got[0].Equal(at) || !got[1].Equal(at) {
			t.Errorf("revocation %d after the failover: %v, %v", i, got, err)
		}
	}
	if err := sure.Revoke(t.Context(), "alone", at, time.Hour); err == nil {
		t.Error("a revocation is acknowledged without a replica")
	}
}
