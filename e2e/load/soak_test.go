package load_test

import (
	"cmp"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// TestSoak: two instances work for a long time while every call to the provider and to Redis fails in random ways, and
// use about as much memory and as many threads in the last quarter as in the second. E2E_SOAK is how long, for example
// "1h". The default of 12 seconds is too short to judge memory.
func TestSoak(t *testing.T) {
	long, err := time.ParseDuration(cmp.Or(os.Getenv("E2E_SOAK"), "12s"))
	if err != nil {
		t.Fatal(err)
	}
	s, n, everybody := newCrowd(t)
	stop := s.work(everybody, 200*time.Millisecond)
	failing := s.fail(rand.New(rand.NewPCG(2, 0)), long)
	samples := s.sample(t, failing, long/60)
	stop()
	s.check(t, everybody)

	quarter := len(samples) / 4
	early, late := peak(samples[quarter:2*quarter]), peak(samples[3*quarter:])
	for i := range instances {
		if long < 10*time.Minute {
			break // of a short time, chance decides
		}
		// The collector lets a heap grow to twice what is alive, and peaks differ by chance.
		if most := early[i].kilobytes*5/4 + 8<<10; late[i].kilobytes > most {
			t.Errorf("instance %d grew from %d to %d kB", i, early[i].kilobytes, late[i].kilobytes)
		}
		if late[i].threads > early[i].threads+4 {
			t.Errorf("instance %d grew from %d to %d threads", i, early[i].threads, late[i].threads)
		}
	}
	after := s.usage(t)
	goroutines := s.goroutines(t, after)
	connections := 0
	for _, g := range s.gates {
		_, met, _ := g.report()
		connections += met
	}
	t.Logf("figure soak: in %g minutes with two instances and %d users, %d connections met faults; %d sign-ins, %d "+
		"guarded requests, %d of them served, %d sign-outs; second quarter: %s; last quarter: %s; at the end: %s, "+
		"goroutines %d; signed out by a fault %d, shown another user %d, other answers %d",
		long.Minutes(), people, connections, n.signIns.Load(), n.guarded.Load(), n.served.Load(), n.signOuts.Load(),
		early, late, after, goroutines, n.lost.Load(), n.crossed.Load(), n.failed.Load())
	n.verdict(t)
	if n.served.Load() == 0 || connections == 0 {
		t.Error("too little happened to say anything")
	}
}

// sample returns what the instances use, until done is closed.
func (s *site) sample(t *testing.T, done chan struct{}, every time.Duration) (samples []usages) {
	t.Helper()
	for !closed(done) {
		time.Sleep(every)
		var u usages
		for i, app := range s.apps {
			u[i] = usageOf(t, app.PID())
		}
		samples = append(samples, u)
	}
	return samples
}

// peak is the most of each.
func peak(samples []usages) (most usages) {
	for i := range most {
		of := func(get func(usage) int) int {
			n := 0
			for _, u := range samples {
				n = max(n, get(u[i]))
			}
			return n
		}
		most[i] = usage{
			of(func(u usage) int { return u.kilobytes }), of(func(u usage) int { return u.threads }),
			of(func(u usage) int { return u.descriptors }),
		}
	}
	return most
}
