package cluster_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

const (
	people = 200
	kills  = 20 // of each instance, and of Redis
)

// TestKills: every process is killed and restarted twenty times while two hundred people use the app. Nobody is signed
// out, and no session shows another user. Cases 250, 251 and 290.
func TestKills(t *testing.T) {
	var users []fakeop.User
	for i := range people {
		users = append(users, fakeop.User{Subject: fmt.Sprintf("user-%03d", i)})
	}
	c := newCluster(t, fakeop.Config{Users: users})
	everybody := make([]*person, people)
	for i := range everybody {
		everybody[i] = c.signIn(t, users[i].Subject)
	}

	var asked, served, unavailable, lost, crossed atomic.Int64
	ask := func(p *person) {
		asked.Add(1)
		switch status, subject := p.me(c.url); {
		case status == http.StatusOK && subject == p.subject:
			served.Add(1)
		case status == http.StatusOK:
			crossed.Add(1)
		case status == 0 || status >= 500:
			unavailable.Add(1)
		default:
			lost.Add(1)
		}
	}
	done := make(chan struct{})
	var load sync.WaitGroup
	for worker := range 4 {
		load.Go(func() {
			for i := worker; ; i = (i + 4) % people {
				select {
				case <-done:
					return
				default:
					ask(everybody[i])
				}
			}
		})
	}
	for range kills {
		for i := range c.apps {
			c.apps[i].Kill(t)
			c.run(t, i)
		}
		c.redis.Kill(t)
		time.Sleep(50 * time.Millisecond)
		c.again(t)
	}
	close(done)
	load.Wait()

	deadline := time.Now().Add(10 * time.Second) // connections to Redis heal by themselves
	for time.Now().Before(deadline) {
		if status, _ := everybody[0].me(c.url); status == http.StatusOK {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	under := served.Load()
	for _, p := range everybody {
		ask(p)
	}
	t.Logf("%d kills of each process: %d requests, %d served, %d unavailable, %d sessions lost, %d crossed; afterwards "+
		"%d of %d signed in",
		kills, asked.Load(), served.Load(), unavailable.Load(), lost.Load(), crossed.Load(), served.Load()-under, people)
	if lost.Load() != 0 || crossed.Load() != 0 || served.Load()-under != people {
		t.Error("sessions were lost or crossed")
	}
	if under < people {
		t.Errorf("only %d requests were served under load", under)
	}
}
