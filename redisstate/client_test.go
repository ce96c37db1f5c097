package redisstate_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// TestURL: what New refuses, and what it does without any server being up.
func TestURL(t *testing.T) {
	authority := testapp.NewAuthority(t)
	cert, key := authority.Issue(t, "client")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{ // "": it is accepted
		"redis://u:hunter2@127.0.0.1:1/2":                                                 "",
		"valkey://127.0.0.1:1":                                                            "",
		"unix:///nowhere?db=3":                                                            "",
		"redis://127.0.0.1:1?cluster=false":                                               "",
		"redis://u:hunter2@127.0.0.1:1?cluster=true&addr=127.0.0.1:2":                     "",
		"rediss://127.0.0.1:1?cluster=true&cacert=" + authority.File:                      "",
		"redis://127.0.0.1:1/3?master_set=main&addr=127.0.0.1:2":                          "",
		"redis://127.0.0.1:1?master_set=m&sentinel_username=s&sentinel_password=p":        "",
		"rediss://127.0.0.1:1?cacert=" + authority.File + "&cert=" + cert + "&key=" + key: "",
		"redis://127.0.0.1:1?wait_replicas=0":                                             "",
		"redis://127.0.0.1:1?cluster=true&wait_replicas=1":                                "",

		"redis://u:hunter2@127.0.0.1:1?cluster=yes":                  "neither true nor false",
		"redis://u:hunter2@127.0.0.1:1?cluster=true&master_set=main": "both cluster and master_set",
		"redis://u:hunter2@127.0.0.1:1/1?cluster=true":               "only database 0",
		"redis://u:hunter2@127.0.0.1:1?addr=127.0.0.1:2":             "several servers",
		"redis://u:hunter2@127.0.0.1:1?wait_replicas=two":            "not a number",
		"redis://u:hunter2@127.0.0.1:1?wait_replicas=-1":             "not a number",
		"unix:///nowhere?cluster=true":                               "a socket",
		"redis://127.0.0.1:1?sentinel_password=hunter2":              "no master_set",
		"redis://127.0.0.1:1?sentinel_username=hunter2":              "no master_set",
		"redis://u:hunter2@127.0.0.1:1?cacert=" + authority.File:     "not of the form",
		"redis://127.0.0.1:1?cert=" + cert + "&key=" + key:           "not of the form",
		"redis://127.0.0.1:1?master_set=main&dial_timeout=1h":        "not of the form",
		"rediss://u:hunter2@127.0.0.1:1?cacert=/nowhere":             "cacert of URL: open /nowhere",
		"rediss://u:hunter2@127.0.0.1:1?cacert=" + empty:             "no certificate in PEM form",
		"rediss://u:hunter2@127.0.0.1:1?cert=" + cert:                "cert and key of URL",
		"rediss://u:hunter2@127.0.0.1:1?key=" + key:                  "cert and key of URL",
		"rediss://127.0.0.1:1?cluster=true&skip_verify=true":         "not of the form",
	} {
		store, err := redisstate.New(redisstate.Config{URL: url, Secrets: []string{newSecret}})
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", url, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2")):
			t.Errorf("%s: %v, want %q without a password", url, err, want)
		}
		if store != nil {
			_, policy := store.MaxMemoryPolicy(t.Context())
			for what, err := range map[string]error{
				"Ping": store.Ping(t.Context()), "Revoke": store.Revoke(t.Context(), "a", time.Now(), time.Hour),
				"MaxMemoryPolicy": policy,
			} {
				if err == nil {
					t.Errorf("%s: %s succeeds without a server", url, what)
				}
			}
			store.Close()
			if _, err := store.Revoked(t.Context(), "a"); err == nil {
				t.Errorf("%s: Revoked succeeds after Close", url)
			}
		}
	}
}

// TestCertificates: the server's certificate is verified with the given authority, and the client's is presented.
func TestCertificates(t *testing.T) {
	authority, stranger := testapp.NewAuthority(t), testapp.NewAuthority(t)
	addr := newFake().listenTLS(t, authority)
	cert, key := authority.Issue(t, "client")
	otherCert, otherKey := stranger.Issue(t, "client")
	for query, good := range map[string]bool{
		"cacert=" + authority.File + "&cert=" + cert + "&key=" + key:           true,
		"cacert=" + stranger.File + "&cert=" + cert + "&key=" + key:            false,
		"cert=" + cert + "&key=" + key:                                         false, // not one of the system's
		"cacert=" + authority.File:                                             false,
		"cacert=" + authority.File + "&cert=" + otherCert + "&key=" + otherKey: false,
	} {
		store := configured(t, redisstate.Config{URL: "rediss://" + addr + "?" + query, Secrets: []string{newSecret}})
		if err := store.Ping(t.Context()); (err == nil) != good {
			t.Errorf("%s: %v", query, err)
		}
		store.Close()
	}
}

// TestConforms runs the tests of other stores and shared states, over a URL.
func TestConforms(t *testing.T) {
	url := newFake().listen(t)
	one := configured(t, redisstate.Config{URL: url, Secrets: []string{newSecret}})
	other := configured(t, redisstate.Config{URL: url, Secrets: []string{newSecret}})
	t.Cleanup(one.Close)
	t.Cleanup(other.Close)
	ginoidctest.TestState(t, one, other)
	ginoidctest.TestStore(t, one, other)
}

// TestWaitReplicas: a revocation that too few replicas have is an error.
func TestWaitReplicas(t *testing.T) {
	atURL := newFake()
	both := configured(t, redisstate.Config{URL: atURL.listen(t) + "?wait_replicas=1", Secrets: []string{newSecret}})
	t.Cleanup(both.Close)
	err := both.Revoke(t.Context(), "a", time.Now(), time.Hour)
	if err == nil || !strings.Contains(err.Error(), "0 of 1") {
		t.Errorf("wait_replicas=1: %v", err)
	}

	server := newFake()
	store := configured(t, redisstate.Config{Client: server.client(t), WaitReplicas: 2, Secrets: []string{newSecret}})
	at := time.Now().Truncate(time.Microsecond)
	revoke := func() error { return store.Revoke(t.Context(), "a", at, time.Hour) }
	server.set(func() { server.copies = []int{2, 3, 1} })
	for range 2 {
		if err := revoke(); err != nil {
			t.Error(err)
		}
	}
	if err := revoke(); err == nil || !strings.Contains(err.Error(), "1 of 2") {
		t.Errorf("with one replica of two: %v", err)
	}
	for _, command := range []string{"EVAL", "WAIT"} { // what was not written has no copies
		server.set(func() {
			server.refuses, server.refusal = command, "READONLY You can't write against a read only replica."
			server.copies, server.calls = []int{2}, 0
		})
		err := revoke()
		server.set(func() {
			most := map[string]int{"EVAL": 1, "WAIT": 2}[command]
			if err == nil || !strings.Contains(err.Error(), "READONLY") || server.calls > most {
				t.Errorf("at a server that refuses %s: %v after %d commands", command, err, server.calls)
			}
		})
	}
	server.set(func() { server.refusal, server.copies = "", []int{2, 2} })
	if err := revoke(); err != nil {
		t.Error(err)
	}
	server.set(func() { server.down = true }) // the connection ends while nobody uses it
	server.set(func() { server.down = false })
	if err := revoke(); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	server.set(func() { server.copies = []int{2} })
	server.set(func() { server.down = true })
	if err := revoke(); err == nil {
		t.Error("succeeds without a server")
	}
	server.set(func() { server.down = false })
	if err := revoke(); err != nil {
		t.Errorf("when the server is back: %v", err)
	}
	if got, err := store.Revoked(t.Context(), "a"); err != nil || !got[0].Equal(at) {
		t.Errorf("Revoked = %v, %v", got, err)
	}
}
