package blackbox_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// regions are replicas of a shared state: a revocation in one of them takes effect there at once, and in the others
// when it arrives. What one region sends another arrives in order.
type regions struct {
	copies []*state.Memory
	lag    func() time.Duration

	mu       sync.Mutex
	arrives  map[[2]int]time.Time // the latest, from and to
	heard    map[[2]int]time.Time // when what has last arrived was sent, from and to
	cutUntil time.Time            // until then nothing arrives
}

func newRegions(n int, lag func() time.Duration) *regions {
	r := &regions{lag: lag, arrives: map[[2]int]time.Time{}, heard: map[[2]int]time.Time{}}
	for from := range n {
		r.copies = append(r.copies, state.NewMemory(0))
		for to := range n {
			r.heard[[2]int{from, to}] = time.Now()
		}
	}
	return r
}

// send lets do happen in all other regions.
func (r *regions) send(from int, do func(to *state.Memory)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sent := time.Now()
	for to, memory := range r.copies {
		if to == from {
			continue
		}
		link := [2]int{from, to}
		at := sent.Add(r.lag())
		for _, earliest := range []time.Time{r.cutUntil, r.arrives[link].Add(1)} { // not at the same time: in order
			if at.Before(earliest) {
				at = earliest
			}
		}
		r.arrives[link] = at
		time.AfterFunc(time.Until(at), func() {
			do(memory)
			r.mu.Lock()
			defer r.mu.Unlock()
			if sent.After(r.heard[link]) {
				r.heard[link] = sent
			}
		})
	}
}

// behind is how long ago a region was up to date.
func (r *regions) behind(to int) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	var most time.Duration
	for from := range r.copies {
		if from != to {
			most = max(most, time.Since(r.heard[[2]int{from, to}]))
		}
	}
	return most
}

// regional is the state of one region's instances. With a bound it does not answer while it may lack revocations that
// are older.
type regional struct {
	*state.Memory
	all   *regions
	here  int
	bound time.Duration // 0: none
}

func (s regional) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	s.all.send(s.here, func(to *state.Memory) { _ = to.Revoke(ctx, key, at, ttl) }) // never fails
	return s.Memory.Revoke(ctx, key, at, ttl)
}

func (s regional) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	if behind := s.all.behind(s.here); s.bound > 0 && behind > s.bound {
		return nil, fmt.Errorf("the region is %v behind", behind)
	}
	return s.Memory.Revoked(ctx, keys...)
}

// simulation is an app in each region, with sessions in sealed cookies.
type simulation struct {
	all  *regions
	apps []*testapp.App
}

func newSimulation(t *testing.T, n int, bound time.Duration, lag func() time.Duration) *simulation {
	s := &simulation{all: newRegions(n, lag)}
	for i := range n {
		s.apps = append(s.apps, testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.State = regional{s.all.copies[i], s.all, i, bound}
			if i > 0 {
				c.Providers[0].Transport = s.apps[0].OP.Transport()
			}
		}))
		s.apps[i].OP = s.apps[0].OP
	}
	return s
}

// known signs a user in, copies the cookies to all regions, signs out in one of them, and returns for how long any
// region accepted the copies, and how many requests it could not answer.
func (s *simulation) known(t *testing.T, where int, watch time.Duration) (accepted time.Duration, unavailable int) {
	t.Helper()
	b := s.apps[where].Browser()
	b.MustSignIn("alice")
	copies := make([]*testapp.Browser, len(s.apps))
	for i, app := range s.apps {
		copies[i] = app.Browser()
		copies[i].Jar = b.Twin().Jar
	}
	time.Sleep(6 * time.Second) // more than the clock skew that the plugin allows for
	began := time.Now()
	if r := b.Do(http.MethodPost, "/auth/signout", nil); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("sign-out: %d %s", r.StatusCode, r.Body)
	}
	for time.Since(began) < watch {
		for _, c := range copies {
			switch r := c.Fetch("/me"); r.StatusCode {
			case http.StatusOK:
				accepted = time.Since(began)
			case http.StatusServiceUnavailable:
				unavailable++
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return accepted, unavailable
}

// TestRevocationBound: with sessions in sealed cookies and revocations that are replicated between three regions, a
// sign-out is known everywhere within the lag of the replication.
func TestRevocationBound(t *testing.T) {
	const lag = 800 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		s := newSimulation(t, 3, 0, func() time.Duration { return time.Duration(random.Int64N(int64(lag))) })
		var longest time.Duration
		for i := range 100 {
			accepted, unavailable := s.known(t, i%3, 2*lag)
			longest = max(longest, accepted)
			if unavailable > 0 {
				t.Errorf("%d requests were not answered", unavailable)
			}
		}
		t.Logf("figure regions: with replication that takes up to %v, 100 sign-outs were known everywhere within %v", lag,
			longest)
		if longest > lag || longest < lag/2 {
			t.Errorf("known everywhere within %v, want at most %v", longest, lag)
		}
	})
}

// TestRevocationBoundOfABrokenLink: a link that is cut for a minute delays what is known there by as much. A region
// that does not answer when it is behind for longer than a bound keeps the bound.
func TestRevocationBoundOfABrokenLink(t *testing.T) {
	const (
		lag, beat = 300 * time.Millisecond, 500 * time.Millisecond
		bound     = 2 * time.Second
		cut       = time.Minute
	)
	for _, bound := range []time.Duration{0, bound} {
		t.Run(bound.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(3, 4))
				s := newSimulation(t, 3, bound, func() time.Duration { return time.Duration(random.Int64N(int64(lag))) })
				stop := s.all.heartbeats(beat)
				defer stop()
				time.AfterFunc(5900*time.Millisecond, func() { // just before the user signs out
					s.all.mu.Lock()
					defer s.all.mu.Unlock()
					s.all.cutUntil = time.Now().Add(cut)
				})
				accepted, unavailable := s.known(t, 0, cut+10*time.Second)
				with := "without the check"
				if bound > 0 {
					with = fmt.Sprintf("with a bound of %v", bound)
				}
				t.Logf("figure regions: with a link that was cut for a minute, and %s, a sign-out was known everywhere after %v",
					with, accepted)
				switch {
				case bound == 0 && (accepted < cut-time.Second || unavailable > 0):
					t.Errorf("without a bound: %v, %d", accepted, unavailable)
				case bound > 0 && (accepted > bound || unavailable == 0):
					t.Errorf("with a bound of %v: %v, %d", bound, accepted, unavailable)
				}
				if r := s.apps[1].Browser().Fetch("/me"); r.StatusCode != http.StatusUnauthorized {
					t.Errorf("after the link was repaired: %d", r.StatusCode)
				}
			})
		})
	}
}

// heartbeats lets all regions know that they miss nothing.
func (r *regions) heartbeats(every time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		for {
			for from := range r.copies {
				r.send(from, func(*state.Memory) {})
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(every):
			}
		}
	})
	return func() { cancel(); work.Wait() }
}
