package cluster_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

const (
	people  = 200 // use the app all the time
	leavers = 120 // sign out meanwhile
)

// underKills: every process and the server are killed and restarted while two hundred users work. None of them is
// signed out, no session shows another user, and an acknowledged sign-out holds.
func underKills(t *testing.T, app start.Example, b backing, kills int) {
	var users []fakeop.User
	for i := range people + leavers {
		users = append(users, fakeop.User{Subject: fmt.Sprintf("user-%03d", i)})
	}
	l := &load{cluster: newCluster(t, app, b, fakeop.Config{Users: users}), done: make(chan struct{})}
	everybody := make([]*person, len(users))
	for i := range everybody {
		everybody[i] = l.signIn(t, users[i].Subject)
	}
	l.begin(t, everybody[:people], everybody[people:])
	for range kills {
		for i := range l.apps {
			l.apps[i].Kill(t)
			l.run(t, i)
		}
		b.kill(t)
		time.Sleep(50 * time.Millisecond)
		b.again(t)
	}
	for i := 0; i < 1200 && // with one kill, the load may be over too soon
		(l.served.Load() < people || l.left.Load() < leavers/12); i++ {
		time.Sleep(50 * time.Millisecond)
	}
	close(l.done)
	l.workers.Wait()
	if l.served.Load() < people || len(l.gone) < leavers/12 {
		t.Error("too few requests were served to say anything")
	}

	during := l.resurrected.Load()
	l.awaitRecovery(everybody[:people])
	under := l.served.Load()
	for _, p := range everybody[:people] {
		l.ask(p)
	}
	for _, p := range l.gone {
		l.askGone(p)
	}
	t.Logf("resurrected %d at once and %d afterwards; afterwards %d of %d signed in", during, l.resurrected.Load()-during,
		l.served.Load()-under, people)
	t.Logf("figure kills: %s | %d | %d | %d | %d | %d | %d | %d", kindOf(t), kills, l.served.Load(), l.unavailable.Load(),
		l.lost.Load(), l.crossed.Load(), len(l.gone), l.resurrected.Load())
	if l.lost.Load() != 0 || l.crossed.Load() != 0 || l.resurrected.Load() != 0 || l.served.Load()-under != people {
		t.Error("sessions were lost, crossed or resurrected")
	}
}

// load counts what users see.
type load struct {
	*cluster
	done    chan struct{} // is closed to end it
	workers sync.WaitGroup

	asked, served, unavailable, lost, crossed, resurrected atomic.Int64

	gone []*person    // the cookies from before acknowledged sign-outs
	left atomic.Int64 // how many they are, while the load lasts
}

// begin lets the first users work, with four requests at a time, and the others sign out one by one.
func (l *load) begin(t *testing.T, staying, leaving []*person) {
	for worker := range 4 {
		l.workers.Go(func() {
			for i := worker; l.goesOn(); i = (i + 4) % len(staying) {
				l.ask(staying[i])
			}
		})
	}
	l.workers.Go(func() {
		for _, p := range leaving {
			for before := p.copied(t, l.url); l.goesOn(); time.Sleep(20 * time.Millisecond) {
				if p.signOut(l.url) {
					l.gone = append(l.gone, before)
					l.left.Add(1)
					break
				}
			}
			if len(l.gone) > 0 {
				l.askGone(l.gone[len(l.gone)/2])
			}
		}
	})
}

func (l *load) goesOn() bool {
	select {
	case <-l.done:
		return false
	default:
		return true
	}
}

func (l *load) ask(p *person) {
	l.asked.Add(1)
	switch status, subject := p.me(l.url); {
	case status == http.StatusOK && subject == p.subject:
		l.served.Add(1)
	case status == http.StatusOK:
		l.crossed.Add(1)
	case status == 0 || status >= 500:
		l.unavailable.Add(1)
	default:
		l.lost.Add(1)
	}
}

func (l *load) askGone(p *person) {
	if status, _ := p.me(l.url); status == http.StatusOK {
		l.resurrected.Add(1)
	}
}

// awaitRecovery: connections to the server recover by themselves, and to each node of a cluster.
func (l *load) awaitRecovery(everybody []*person) {
	deadline := time.Now().Add(30 * time.Second)
	for _, p := range everybody {
		for time.Now().Before(deadline) {
			if status, _ := p.me(l.url); status < http.StatusInternalServerError && status != 0 {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}
