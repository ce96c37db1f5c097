package signals_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/signals"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// newPoller returns a receiver that polls every minute and has a stream.
func newPoller(t *testing.T, of *receiver) *receiver {
	t.Helper()
	r := newReceiver(t, of, func(c *signals.Config) { c.Poll = time.Minute })
	if of == nil {
		if _, err := r.SetUp(t.Context(), "app"); err != nil {
			t.Fatal(err)
		}
		for _, token := range r.op.QueuedTokens() { // of the verification
			if err := r.Take(t.Context(), token); err != nil {
				t.Fatal(err)
			}
		}
		r.took()
	}
	return r
}

// run lets a receiver poll until stop is called.
func (r *receiver) run() (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	synctest.Wait()
	return func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			r.t.Errorf("polling ends with %v", err)
		}
	}
}

// TestPoll: events are polled at once and then at the interval. Each is acknowledged or refused, so that it does not
// come again, unless it could not be judged: a failure or panic of the app's code costs no event.
func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPoller(t, nil)
		r.onHook(func() error { panic("of the app") })
		r.queue("a", nil)
		r.queue("b", func(claims map[string]any) { claims["aud"] = "https://other.example" })
		defer r.run()()
		left, refused := r.op.Queued()
		if !slices.Equal(left, []string{"a"}) || refused["b"] != "invalid_audience" || refused["a"] != "" {
			t.Errorf("at once: %q wait, and the refused are %v", left, refused)
		}
		if _, reported := r.took(); !slices.Equal(slices.Compact(reported), []events.Kind{events.SignalRefused}) {
			t.Errorf("at once: %v", reported)
		}
		r.onHook(func() error { return nil })
		time.Sleep(59 * time.Second)
		if hooked, _ := r.took(); hooked != 0 {
			t.Error("polled before the interval was over")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		left, _ = r.op.Queued()
		hooked, reported := r.took()
		if len(left) != 0 || hooked != 1 || !slices.Equal(reported, []events.Kind{events.Signal}) {
			t.Errorf("a minute later: %q wait, %d calls of the hook, %v", left, hooked, reported)
		}
	})
}

// TestPollAll: one turn polls until nothing waits, and not for events that cannot be judged now: they would come again
// at once, forever.
func TestPollAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPoller(t, nil)
		for i := range 60 { // more than one poll returns
			r.queue(fmt.Sprintf("t%02d", i), nil)
		}
		polls := r.op.Count(fakeop.SignalPoll)
		stop := r.run()
		left, _ := r.op.Queued()
		if hooked, _ := r.took(); hooked != 60 || len(left) != 0 || r.op.Count(fakeop.SignalPoll) != polls+4 {
			t.Errorf("%d calls of the hook, %d wait, %d polls", hooked, len(left), r.op.Count(fakeop.SignalPoll)-polls)
		}
		stop()
		r.onHook(func() error { return errors.New("database") })
		r.queue("t60", nil)
		polls = r.op.Count(fakeop.SignalPoll)
		r.run()()
		if left, _ := r.op.Queued(); len(left) != 1 || r.op.Count(fakeop.SignalPoll) != polls+1 {
			t.Errorf("the hook fails: %d wait, %d polls", len(left), r.op.Count(fakeop.SignalPoll)-polls)
		}
	})
}

// TestPollTurns: while one instance polls, the others do not, and each may be the next.
func TestPollTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newPoller(t, nil)
		b := newPoller(t, a)
		a.onHook(func() error { time.Sleep(10 * time.Second); return nil })
		a.queue("a", nil)
		stop := a.run()
		polls := a.op.Count(fakeop.SignalPoll)
		b.run()()
		if hooked, reported := b.took(); hooked != 0 || len(reported) != 0 || a.op.Count(fakeop.SignalPoll) != polls {
			t.Errorf("both poll: %d calls of the hook, %v", hooked, reported)
		}
		time.Sleep(11 * time.Second)
		stop()
		a.queue("b", nil)
		b.run()()
		if hooked, _ := b.took(); hooked != 1 {
			t.Errorf("the other one, later: %d calls of the hook", hooked)
		}
	})
}

// TestPollFails: trouble with the transmitter or the shared state is reported, and polling goes on. The stream may be
// another one by then.
func TestPollFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPoller(t, nil)
		fails := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
		r.op.Intercept(fakeop.SignalStream, fails)
		before := r.op.Count(fakeop.SignalStream)
		defer r.run()()
		for i, step := range []struct {
			name    string
			prepare func()
			failed  bool
			streams int // how often the stream is read
		}{
			{"no stream", nil, true, 1},
			{"no polls", func() {
				r.op.Intercept(fakeop.SignalStream, nil)
				r.op.Intercept(fakeop.SignalPoll, fails)
			}, true, 1},
			{"all is well", func() { r.op.Intercept(fakeop.SignalPoll, nil) }, false, 1},
			{"the stream is known", func() {}, false, 0},
			{"no leases", func() { r.state.Begin(1) }, true, 0},
			{"leases that cannot be released", func() { r.state.Begin(2) }, false, 0},
		} {
			if i > 0 {
				before = r.op.Count(fakeop.SignalStream)
				step.prepare()
				time.Sleep(time.Minute)
				synctest.Wait()
			}
			want := []events.Kind(nil)
			if step.failed {
				want = []events.Kind{events.PollFailed}
			}
			_, reported := r.took()
			if n := r.op.Count(fakeop.SignalStream) - before; !slices.Equal(reported, want) || n != step.streams {
				t.Errorf("%s: %v, %d reads of the stream", step.name, reported, n)
			}
		}
	})
}

// contradicts is a state of an app that returns a lease together with an error.
type contradicts struct{ *testapp.Outage }

func (contradicts) Lease(context.Context, string, time.Duration) (func(context.Context) error, bool, error) {
	return nil, true, testapp.ErrOutage
}

// TestPollUncertain: an instance that cannot know whether it has the lease does not poll.
func TestPollUncertain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPoller(t, nil)
		r.State = contradicts{r.state}
		polls := r.op.Count(fakeop.SignalPoll)
		r.run()()
		if _, reported := r.took(); !slices.Equal(reported, []events.Kind{events.PollFailed}) ||
			r.op.Count(fakeop.SignalPoll) != polls {
			t.Errorf("%d polls, %v", r.op.Count(fakeop.SignalPoll)-polls, reported)
		}
	})
}

// TestPollStops: a poll that ends because the app stops is no trouble with the transmitter.
func TestPollStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPoller(t, nil)
		r.op.Intercept(fakeop.SignalPoll, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		})
		stop := r.run()
		stop()
		if _, reported := r.took(); len(reported) != 0 {
			t.Errorf("reported: %v", reported)
		}
	})
}
