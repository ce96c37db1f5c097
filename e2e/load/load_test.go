// Package load_test has users work with two instances of the example while everything around them fails.
package load_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

const people = 24

// TestLoad: while every call to the provider and to Redis fails in random ways and the instances are replaced one after
// the other, requests are answered as the user who sends them, or 502 or 503; nobody is signed out, and sign-outs that
// were acknowledged hold. Afterwards everybody can work again, and nothing is left of it. E2E_LONG takes ten minutes.
func TestLoad(t *testing.T) {
	long := time.Duration(start.Long(20, 600)) * time.Second
	s, n, everybody := newCrowd(t)
	before := s.usage(t)
	stop := s.work(everybody, 0)
	replaced := s.disturb(t, rand.New(rand.NewPCG(1, 0)), long)
	stop()

	s.check(t, everybody)
	after := s.usage(t)
	goroutines := s.goroutines(t, after)
	faults, kinds := 0, 0
	for _, g := range s.gates {
		k, connections, missing := g.report()
		if faults, kinds = faults+connections, kinds+k; start.IsLong() && len(missing) > 0 {
			t.Errorf("%s: %q were not met", g.name, missing)
		}
	}
	t.Logf("before: %s; after: %s, goroutines %d; connections that met faults: %s", before, after, goroutines, s.gates)
	t.Logf("figure load: in %g minutes with two instances and %d users: %d connections met %d faults, instances were "+
		"replaced %d times; %d sign-ins, %d refused; %d guarded requests, %d of them served; %d calls of an upstream "+
		"service and %d of programs were served; %d sign-outs; signed out by a fault %d, shown another user %d, other "+
		"answers %d", long.Minutes(), people, faults, kinds, replaced, n.signIns.Load(), n.refused.Load(),
		n.guarded.Load(), n.served.Load(), n.upstream.Load(), n.bearer.Load(), n.signOuts.Load(), n.lost.Load(),
		n.crossed.Load(), n.failed.Load())
	n.verdict(t)
	if n.served.Load() == 0 || n.signOuts.Load() == 0 || n.bearer.Load() == 0 || faults == 0 {
		t.Error("too little happened to say anything")
	}
}

// newCrowd returns a site and everybody, signed in to it.
func newCrowd(t *testing.T) (*site, *tally, []*person) {
	t.Helper()
	var users []fakeop.User
	for i := range people {
		users = append(users, fakeop.User{Subject: fmt.Sprintf("user-%02d", i), Groups: []string{"staff"}})
	}
	s, n := newSite(t, users), &tally{}
	everybody := make([]*person, people)
	for i := range everybody {
		everybody[i] = s.newPerson(t, n, users[i].Subject, uint64(i))
		everybody[i].signIn()
	}
	if n.signIns.Load() != people {
		t.Fatalf("%d of %d sign-ins before the faults: %q", n.signIns.Load(), people, n.odd)
	}
	return s, n, everybody
}

// work has everybody act, with a pause after each act, until stop is called.
func (s *site) work(everybody []*person, pause time.Duration) (stop func()) {
	done := make(chan struct{})
	var working sync.WaitGroup
	for _, p := range everybody {
		working.Go(func() {
			for ; !closed(done); time.Sleep(pause) {
				p.act()
			}
		})
	}
	return func() { close(done); working.Wait() }
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// disturb lets gates fail and replaces instances, and ends with everything in order.
func (s *site) disturb(t *testing.T, r *rand.Rand, long time.Duration) (replaced int) {
	t.Helper()
	done := s.fail(r, long)
	for !closed(done) {
		time.Sleep(2 * time.Second)
		s.replace(t, replaced%instances)
		replaced++
	}
	return replaced
}

// fail lets gates fail, and closes done when they are in order again.
func (s *site) fail(r *rand.Rand, long time.Duration) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		for began := time.Now(); time.Since(began) < long; time.Sleep(250 * time.Millisecond) {
			for _, g := range s.gates {
				g.roll(r)
			}
		}
		for _, g := range s.gates {
			g.set(nil)
		}
	}()
	return done
}

// check requires, after the faults, that everybody who was signed in still is, that sign-outs hold, and that everybody
// can sign in.
func (s *site) check(t *testing.T, everybody []*person) {
	t.Helper()
	for _, p := range everybody {
		served := p.served.Load()
		p.await(t, "not served after the faults", func() bool {
			if !p.signedIn {
				if p.signIn(); !p.signedIn {
					return false
				}
			}
			p.look("/api/me", &p.served)
			return p.served.Load() > served
		})
	}
	gone := everybody[0].gone
	for _, p := range slices.Backward(gone[max(0, len(gone)-200):]) {
		if r, body := p.send(http.MethodGet, s.url+"/api/me"); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s had signed out: %s %s", p.subject, r.Status, body)
		}
	}
}

// await tries until the deadline of the test.
func (p *person) await(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline, ok := t.Deadline()
	for !done() {
		if ok && time.Until(deadline) < time.Minute {
			t.Fatalf("%s: %s: %q", p.subject, what, p.odd)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
