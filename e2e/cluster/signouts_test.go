package cluster_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// TestSignOutsAreKept: one app with its state in a file is killed during many sign-outs, again and again. Each sign-out
// that it acknowledged holds, and nobody else is signed out.
func TestSignOutsAreKept(t *testing.T) {
	signOuts, kills := start.Long(200, 1000), start.Long(4, 20)
	a := newLonely(t, signOuts+people)
	everybody := make([]*person, len(a.users))
	for i := range everybody {
		everybody[i] = a.signIn(t, a.users[i].Subject)
	}
	leaving, staying := everybody[:signOuts], everybody[signOuts:]
	before, failed := a.signOutUnderKills(t, leaving, signOuts/kills)
	a.restart(t)

	resurrected, lost := 0, 0
	for _, p := range before {
		if status, _ := p.me(a.url); status != http.StatusUnauthorized {
			resurrected++
		}
	}
	for _, p := range staying {
		if status, subject := p.me(a.url); status != http.StatusOK || subject != p.subject {
			lost++
		}
	}
	t.Logf("%d requests for sign-outs failed", failed)
	t.Logf("figure kills: SQLite, one app, signing out all the time | %d | – | – | %d | – | %d | %d", kills+1, lost,
		len(before), resurrected)
	if resurrected != 0 || lost != 0 || failed == 0 {
		t.Error("a sign-out was forgotten, somebody else was signed out, or no kill hit one")
	}
}

// lonely is one app with its state in a file.
type lonely struct {
	*cluster
	users []fakeop.User
	app   start.App
	run   func(t testing.TB) start.App
}

func newLonely(t *testing.T, users int) *lonely {
	a := &lonely{users: make([]fakeop.User, users)}
	for i := range a.users {
		a.users[i].Subject = fmt.Sprintf("user-%04d", i)
	}
	op := fakeop.Start(t, fakeop.Config{ClientID: "app", ClientSecret: "secret", Users: a.users})
	example, port, secret := start.BuildExample(t), start.FreePort(t), rand.Text()+rand.Text()
	file := filepath.Join(t.TempDir(), "state.db")
	a.run = func(t testing.TB) start.App {
		return example.Run(t, port, "OIDC_ISSUER="+op.Issuer(), "OIDC_CLIENT_ID=app", "OIDC_CLIENT_SECRET=secret",
			"OIDC_APP_URL=http://localhost:"+port, "OIDC_COOKIE_SECRET="+secret, "DATABASE_URL=sqlite:"+file)
	}
	a.app = a.run(t)
	a.cluster = &cluster{url: a.app.URL, op: op}
	return a
}

func (a *lonely) restart(t *testing.T) {
	a.app.Kill(t)
	a.app = a.run(t)
}

// signOutUnderKills signs all out, eight at a time, and restarts the app after each so many. It returns the cookies
// from before and how many requests failed.
func (a *lonely) signOutUnderKills(t *testing.T, leaving []*person, every int) (before []*person, failed int64) {
	var failures atomic.Int64
	before = make([]*person, len(leaving))
	next := make(chan int)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for i := range next {
				before[i] = leaving[i].copied(t, a.url)
				for !leaving[i].signOut(a.url) {
					failures.Add(1)
					time.Sleep(5 * time.Millisecond)
				}
			}
		})
	}
	for i := range leaving {
		next <- i
		if i%every == every/2 {
			a.restart(t) // while the workers sign others out
		}
	}
	close(next)
	workers.Wait()
	return before, failures.Load()
}
