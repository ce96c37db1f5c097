package redisstate_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// addrOf returns the address in a URL of listen.
func addrOf(url string) string { return strings.TrimPrefix(url, "redis://") }

// ofCluster returns a store for a cluster that has these nodes, of which the first is known.
func ofCluster(t *testing.T, nodes ...*fake) *redisstate.Store {
	t.Helper()
	var addrs []string
	for _, node := range nodes {
		addrs = append(addrs, addrOf(node.listen(t)))
	}
	for _, node := range nodes {
		node.set(func() { node.cluster = addrs })
	}
	store := configured(t, redisstate.Config{
		URL: "redis://" + addrs[0] + "?cluster=true", Secrets: []string{newSecret}, Logger: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(store.Close)
	return store
}

// TestCluster: keys of several nodes are read with one command each, and the policy is that of the node at risk.
func TestCluster(t *testing.T) {
	safe, full := newFake(), newFake()
	safe.info, full.info = "noeviction", "allkeys-lru"
	for _, nodes := range [][]*fake{{safe, full}, {full, safe}} {
		store := ofCluster(t, nodes...)
		for _, node := range nodes {
			node.set(func() { node.refuses, node.refusal = "MGET", "CROSSSLOT Keys in request don't hash to the same slot" })
		}
		if at, err := store.Revoked(t.Context(), "a", "b", "c", "d"); err != nil || len(at) != 4 {
			t.Errorf("%v, %v", at, err)
		}
		for range 10 { // the nodes have no order
			if policy, err := store.MaxMemoryPolicy(t.Context()); policy != "allkeys-lru" || err != nil {
				t.Errorf("the policy is %q, %v", policy, err)
			}
		}
	}
}

// TestOwnClientOfCluster: a client of the app may be that of a cluster, so it gets one command for each key, too.
func TestOwnClientOfCluster(t *testing.T) {
	server := newFake()
	store := newStore(t, server)
	server.set(func() {
		server.refuses, server.refusal = "MGET", "CROSSSLOT Keys in request don't hash to the same slot"
	})
	if at, err := store.Revoked(t.Context(), "a", "b"); err != nil || len(at) != 2 {
		t.Errorf("%v, %v", at, err)
	}
}

// TestClusterCertificates: the certificate of a node has to be for the name under which it is reached, and not for that
// of another node in the URL.
func TestClusterCertificates(t *testing.T) {
	authority := testapp.NewAuthority(t)
	server := newFake()
	addr := server.listenTLS(t, authority)
	cert, key := authority.Issue(t, "client")
	server.cluster = []string{addr}
	store := configured(t, redisstate.Config{
		URL: "rediss://127.0.0.2:1?cluster=true&addr=" + addr + "&cacert=" + authority.File + "&cert=" + cert +
			"&key=" + key,
		Secrets: []string{newSecret},
	})
	t.Cleanup(store.Close)
	err := store.Ping(t.Context())
	for i := 0; i < 50 && err != nil; i++ { // the client asks the nodes in any order, and the other one is down
		err = store.Ping(t.Context())
	}
	if err != nil {
		t.Error(err)
	}
}

// TestClosedBeforeConnected: a store that was closed while its cluster was down makes no connections when the cluster
// is back.
func TestClosedBeforeConnected(t *testing.T) {
	server := newFake()
	server.down = true
	store := ofCluster(t, server)
	store.Close()
	server.set(func() { server.down, server.dials = false, 0 })
	if err := store.Ping(t.Context()); err == nil {
		t.Error("Ping succeeds after Close")
	}
	server.set(func() {
		if server.dials != 0 {
			t.Errorf("%d connections after Close", server.dials)
		}
	})
}

// TestClosedWhileConnecting: a store that is closed while it connects keeps no connection.
func TestClosedWhileConnecting(t *testing.T) {
	server := newFake()
	server.down = true
	addr := addrOf(server.listen(t))
	store := configured(t, redisstate.Config{
		URL: "redis://" + addr + "?cluster=true", Secrets: []string{newSecret}, Timeout: 5 * time.Second,
	})
	server.set(func() { server.down, server.cluster, server.hold = false, []string{addr}, make(chan struct{}) })
	pinged := make(chan struct{})
	go func() { _ = store.Ping(t.Context()); close(pinged) }()
	server.hold <- struct{}{}
	store.Close()
	close(server.hold)
	<-pinged // with or without an error: it began before Close
	if err := store.Ping(t.Context()); err == nil {
		t.Error("Ping succeeds after Close")
	}
	conns := 1
	for conns > 0 { // for ever, if the connection is kept
		time.Sleep(10 * time.Millisecond)
		server.set(func() { conns = len(server.conns) })
	}
}
