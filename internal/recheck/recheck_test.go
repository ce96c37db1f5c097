package recheck_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/recheck"
	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

const (
	every = 5 * time.Minute
	grace = 10 * time.Minute
)

// instances are the checkers of two instances that share a state, and what they have done.
type instances struct {
	values  shared.Values
	ended   bool
	read    func(context.Context) (recheck.Answer, error)
	endErr  error
	mu      sync.Mutex
	reads   int
	tokens  []string // with which Read was called
	ends    int
	reports []recheck.Event
}

func newInstances(t *testing.T) (*instances, []*recheck.Checker) {
	t.Helper()
	seal, err := sealed.New("kept values", []string{strings.Repeat("s", 32)}, "app")
	if err != nil {
		t.Fatal(err)
	}
	in := &instances{values: shared.Values{State: state.NewMemory(0), Seal: seal}}
	in.read = func(context.Context) (recheck.Answer, error) {
		time.Sleep(time.Second)
		user := session.Record{Subject: "alice", Name: "Alice", Created: time.Now(), Renewed: time.Now()}
		return recheck.Answer{User: &user, Tokens: []byte("new")}, nil
	}
	cfg := recheck.Config{
		Values: in.values, Every: every, Grace: grace, Limit: 20 * time.Second, Wait: time.Minute,
		Ended: func(context.Context, *session.Record) (bool, error) { return in.ended, nil },
		Read: func(ctx context.Context, _ *session.Record, tokens []byte) (recheck.Answer, error) {
			in.mu.Lock()
			in.reads++
			in.tokens = append(in.tokens, string(tokens))
			in.mu.Unlock()
			return in.read(ctx)
		},
		End: func(context.Context, *session.Record, recheck.Answer, error) error {
			in.ends++
			return in.endErr
		},
		Report: func(_ context.Context, e recheck.Event, _ *session.Record, _ error) {
			in.reports = append(in.reports, e)
		},
	}
	return in, []*recheck.Checker{recheck.New(cfg), recheck.New(cfg)}
}

func load(context.Context) ([]byte, error) { return []byte("old"), nil }

// dueSession returns a session that was last read long ago.
func dueSession() *session.Record {
	return &session.Record{Subject: "alice", Created: time.Now().Add(-every - time.Second)}
}

// TestOneCheckForAll: requests of two instances share one check. The next one begins with the tokens of the last.
func TestOneCheckForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, both := newInstances(t)
		for round := range 2 {
			r := dueSession()
			var all sync.WaitGroup
			for n := range 100 {
				all.Go(func() {
					result, err := both[n%2].Check(t.Context(), r, load)
					if err != nil || result.Applied(r).Name != "Alice" || string(result.Tokens) != "new" {
						t.Errorf("%+v, %v", result, err)
					}
				})
			}
			all.Wait()
			if in.reads != round+1 {
				t.Errorf("round %d: %d reads", round, in.reads)
			}
			time.Sleep(every + 2*time.Second)
		}
		if in.tokens[0] != "old" || in.tokens[1] != "new" {
			t.Errorf("read with %q", in.tokens)
		}
	})
}

// TestCheckOutlastsItsRequest: when the browser of the request that began a check disconnects, the check continues for
// the others.
func TestCheckOutlastsItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, both := newInstances(t)
		work := in.read
		in.read = func(ctx context.Context) (recheck.Answer, error) {
			answer, _ := work(ctx)
			return answer, ctx.Err()
		}
		r := dueSession()
		leaves, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		if _, err := both[0].Check(leaves, r, load); !errors.Is(err, recheck.ErrPending) {
			t.Errorf("the first request: %v", err)
		}
		if result, err := both[0].Check(t.Context(), r, load); err != nil || in.reads != 1 || result.User == nil {
			t.Errorf("the second: %+v, %v after %d reads", result, err, in.reads)
		}
	})
}

// TestEndedMeanwhile: nobody is read again whose session has ended while the request waited for its turn.
func TestEndedMeanwhile(t *testing.T) {
	in, both := newInstances(t)
	in.ended = true
	if _, err := both[0].Check(t.Context(), dueSession(), load); !errors.Is(err, recheck.ErrEnded) || in.reads != 0 {
		t.Errorf("%v after %d reads", err, in.reads)
	}
}

// TestRefusal: a refusal ends the session. If that cannot be recorded, the request does not take it for ended.
func TestRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, both := newInstances(t)
		in.read = func(context.Context) (recheck.Answer, error) { return recheck.Answer{}, recheck.ErrRefused }
		in.endErr = shared.ErrUnavailable
		_, err := both[0].Check(t.Context(), dueSession(), load)
		if errors.Is(err, recheck.ErrEnded) || !errors.Is(err, shared.ErrUnavailable) || in.ends != 1 {
			t.Errorf("%v after %d ends", err, in.ends)
		}
		in.endErr = nil
		if _, err := both[1].Check(t.Context(), dueSession(), load); !errors.Is(err, recheck.ErrEnded) || in.ends != 2 {
			t.Errorf("%v after %d ends", err, in.ends)
		}
	})
}

// TestFailure: after a failure, no instance checks again before the provider allows it, and no later than RecheckEvery.
// Tokens that were refreshed before the failure are kept. A panic of the app is a failure.
func TestFailure(t *testing.T) {
	for name, tt := range map[string]struct {
		fail  func() error
		pause time.Duration
	}{
		"error": {func() error { return errors.New("down") }, 10 * time.Second},
		"panic": {func() error { panic("app") }, 10 * time.Second},
		"later": {func() error { return &provider.Error{Kind: provider.Unavailable, RetryAfter: time.Minute} }, time.Minute},
		"much later": {func() error {
			return &provider.Error{Kind: provider.Unavailable, RetryAfter: time.Hour}
		}, every},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in, both := newInstances(t)
				in.read = func(context.Context) (recheck.Answer, error) { return recheck.Answer{Tokens: []byte("new")}, tt.fail() }
				began, r := time.Now(), dueSession()
				for n := 0; in.reads < 2; n++ {
					result, err := both[n%2].Check(t.Context(), r, load)
					if err == nil || name != "panic" && string(result.Tokens) != "new" || recheck.Made(err) == (n == 1) {
						t.Fatalf("request %d: %q, %v", n, result.Tokens, err)
					}
					if n == 0 && !errors.Is(err, recheck.ErrFailed) {
						t.Errorf("%v", err)
					}
					if in.reads == 2 {
						break
					}
					time.Sleep(tt.pause / 2)
				}
				if paused := time.Since(began); paused != tt.pause || in.ends != 0 || len(in.reports) != 2 {
					t.Errorf("again after %s, %d ends, reports %v", paused, in.ends, in.reports)
				}
			})
		})
	}
}

// TestKilledInstance: if the instance that checks is killed, others check when its lease ends.
func TestKilledInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, both := newInstances(t)
		r := dueSession()
		if _, _, err := in.values.Turn(t.Context(), shared.Key(shared.KindRecheck, r.ID), 30*time.Second, 0); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := both[0].Check(t.Context(), r, load); err != nil || in.reads != 1 || time.Since(began) < 30*time.Second {
			t.Errorf("%v, %d reads after %s", err, in.reads, time.Since(began))
		}
	})
}

// TestLastResultWithoutTurn: a request that does not get its turn has the last result, not only what its cookies know.
func TestLastResultWithoutTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, both := newInstances(t)
		r := dueSession()
		if _, err := both[0].Check(t.Context(), r, load); err != nil {
			t.Fatal(err)
		}
		time.Sleep(every + 2*time.Second)
		if _, _, err := in.values.Turn(t.Context(), shared.Key(shared.KindRecheck, r.ID), time.Hour, 0); err != nil {
			t.Fatal(err)
		}
		result, err := both[0].Check(t.Context(), r, load)
		if !errors.Is(err, shared.ErrTurn) || result.User == nil || in.reads != 1 {
			t.Errorf("%+v, %v after %d reads", result, err, in.reads)
		}
	})
}

// TestOutage: whichever call of the shared state fails, nobody is taken for signed out, and what fails after the check
// is only reported.
func TestOutage(t *testing.T) {
	all := 1
	for call := 0; call <= all; call++ {
		synctest.Test(t, func(t *testing.T) {
			in, both := newInstances(t)
			outage := testapp.NewOutage()
			both[0].Values.State = outage
			outage.Begin(call)
			result, err := both[0].Check(t.Context(), dueSession(), load)
			calls, method := outage.End()
			if call == 0 {
				all = calls
			}
			switch {
			case err != nil &&
				(!errors.Is(err, shared.ErrUnavailable) || errors.Is(err, recheck.ErrEnded) || in.reads > 0):
				t.Errorf("call %d, of %s: %v after %d reads", call, method, err, in.reads)
			case err == nil && (result.User == nil || len(in.reports) != min(call, 1)):
				t.Errorf("call %d, of %s: %+v, reports %v", call, method, result, in.reports)
			}
		})
	}
	if all < 5 {
		t.Errorf("%d calls", all)
	}
}

// TestNotRead: without knowing whether the session has ended, or without its tokens, nobody is read. A session that
// Read finds ended is not ended again.
func TestNotRead(t *testing.T) {
	down := errors.New("down")
	for name, tt := range map[string]struct {
		ended func(context.Context, *session.Record) (bool, error)
		load  func(context.Context) ([]byte, error)
		read  error
		want  error
		reads int
	}{
		"revocations": {func(context.Context, *session.Record) (bool, error) { return false, down }, load, nil, down, 0},
		"tokens":      {nil, func(context.Context) ([]byte, error) { return nil, down }, nil, down, 0},
		"ended":       {nil, load, recheck.ErrEnded, recheck.ErrEnded, 1},
	} {
		t.Run(name, func(t *testing.T) {
			in, both := newInstances(t)
			if tt.ended != nil {
				both[0].Ended = tt.ended
			}
			in.read = func(context.Context) (recheck.Answer, error) { return recheck.Answer{}, tt.read }
			_, err := both[0].Check(t.Context(), dueSession(), tt.load)
			if !errors.Is(err, tt.want) || in.reads != tt.reads || in.ends != 0 || len(in.reports) != 0 {
				t.Errorf("%v after %d reads, %d ends and reports %v", err, in.reads, in.ends, in.reports)
			}
		})
	}
}

// TestFailureOfAnother: an instance that waited for its turn does not repeat a check that has just failed.
func TestFailureOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, both := newInstances(t)
		in.read = func(context.Context) (recheck.Answer, error) {
			time.Sleep(time.Second)
			return recheck.Answer{}, errors.New("down")
		}
		r := dueSession()
		var all sync.WaitGroup
		for n := range both {
			all.Go(func() {
				if _, err := both[n].Check(t.Context(), r, load); err == nil {
					t.Errorf("instance %d: no error", n)
				}
			})
		}
		all.Wait()
		if in.reads != 1 {
			t.Errorf("%d reads", in.reads)
		}
	})
}

// TestNoTurnForAFailure: as long as the last check has failed, a request learns so without waiting for a turn, and also
// where checks are in the background.
func TestNoTurnForAFailure(t *testing.T) {
	for _, background := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			in, both := newInstances(t)
			both[0].Background = background
			in.read = func(context.Context) (recheck.Answer, error) { return recheck.Answer{}, errors.New("down") }
			r := dueSession()
			_, _ = both[0].Check(t.Context(), r, load)
			synctest.Wait()
			if _, _, err := in.values.Turn(t.Context(), shared.Key(shared.KindRecheck, r.ID), time.Hour, 0); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_, err := both[0].Check(t.Context(), r, load)
			var failing *provider.Error
			if !errors.As(err, &failing) || failing.Code != "recheck_failed" || !time.Now().Equal(began) || in.reads != 1 {
				t.Errorf("background %t: %v after %s and %d reads", background, err, time.Since(began), in.reads)
			}
		})
	}
}

// TestFailureIsKeptOnce: a failed check, which has no user that may be too large, is not kept a second time.
func TestFailureIsKeptOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, both := newInstances(t)
		counted := &keeps{Memory: state.NewMemory(0)}
		both[0].Values.State = counted
		in.read = func(context.Context) (recheck.Answer, error) { return recheck.Answer{}, errors.New("down") }
		_, err := both[0].Check(t.Context(), dueSession(), load)
		if !errors.Is(err, recheck.ErrFailed) || counted.calls != 1 {
			t.Errorf("%v, %d calls", err, counted.calls)
		}
	})
}

// keeps is a state that keeps nothing, and counts how often it should.
type keeps struct {
	*state.Memory
	calls int
}

func (s *keeps) Keep(context.Context, string, string, time.Duration) error {
	s.calls++
	return errors.New("down")
}

// TestUnknownResult: what another version has kept is read again.
func TestUnknownResult(t *testing.T) {
	for _, kept := range []string{"", "\x02", "\x01\x00", "\x01\x00\x00\x00\x01x\x00"} {
		synctest.Test(t, func(t *testing.T) {
			in, both := newInstances(t)
			r := dueSession()
			key := shared.Key(shared.KindRecheck, r.ID)
			if err := in.values.Keep(t.Context(), "checked user", key, r.Owner(), kept, time.Hour); err != nil {
				t.Fatal(err)
			}
			if _, ok, err := in.values.Kept(t.Context(), "checked user", key, r.Owner()); !ok || err != nil {
				t.Fatal(ok, err)
			}
			if result, err := both[0].Check(t.Context(), r, load); err != nil || result.User == nil || in.reads != 1 {
				t.Errorf("%q: %+v, %v after %d reads", kept, result, err, in.reads)
			}
		})
	}
}

// TestBackground: while what was read last is usable, a request does not wait for the check.
func TestBackground(t *testing.T) {
	for name, tt := range map[string]struct {
		age     time.Duration // of what was read
		last    bool          // a check has been made in time, and no request has saved its result
		pending bool
	}{
		"usable":                {every + time.Second, false, true},
		"at the end":            {every + grace, false, true},
		"too old":               {every + grace + time.Second, false, false},
		"by the last check":     {10 * (every + grace), true, true},
		"no last check in time": {10 * (every + grace), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in, both := newInstances(t)
				checker := both[0]
				r := dueSession()
				if tt.last {
					if _, err := checker.Check(t.Context(), r, load); err != nil {
						t.Fatal(err)
					}
					time.Sleep(every + time.Second)
				}
				checker.Background = true
				r.Created = time.Now().Add(-tt.age)
				reads := in.reads
				_, err := checker.Check(t.Context(), r, load)
				if errors.Is(err, recheck.ErrPending) != tt.pending || (err == nil) == tt.pending {
					t.Errorf("%v", err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if in.reads != reads+1 {
					t.Errorf("%d checks", in.reads-reads)
				}
				if result, err := checker.Check(t.Context(), r, load); err != nil || result.Applied(r).Name != "Alice" {
					t.Errorf("afterwards: %+v, %v", result, err)
				}
			})
		})
	}
}

// TestDue: what was read exactly so long ago is not due yet.
func TestDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, both := newInstances(t)
		if both[0].Due(time.Now().Add(-every)) || !both[0].Due(time.Now().Add(-every-1)) {
			t.Error("due too early or too late")
		}
	})
}

// TestTooLargeToShare: a user that does not fit in the shared state is not kept, but the tokens are, since the refresh
// has replaced the old ones. Each request then waits for a check of its own, also where checks are in the background.
func TestTooLargeToShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, both := newInstances(t)
		read := in.read
		in.read = func(ctx context.Context) (recheck.Answer, error) {
			answer, err := read(ctx)
			answer.User.Data = []byte(`"` + strings.Repeat("d", 20<<10) + `"`)
			return answer, err
		}
		r := dueSession()
		both[0].Background, both[1].Background = true, true
		r.Created = time.Now().Add(-every - grace - time.Second)
		if _, err := both[0].Check(t.Context(), r, load); err != nil {
			t.Fatal(err)
		}
		r.Created = time.Now().Add(-every - time.Second) // usable
		result, err := both[1].Check(t.Context(), r, load)
		if err != nil || result.User == nil {
			t.Errorf("%+v, %v", result, err)
		}
		if in.reads != 2 || in.tokens[1] != "new" || len(in.reports) != 2 || in.reports[0] != recheck.NotShared {
			t.Errorf("%d reads with %q, reported %v", in.reads, in.tokens, in.reports)
		}
	})
}

// TestTokensStay until a check has new ones.
func TestTokensStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, both := newInstances(t)
		read := in.read
		for range 3 {
			if _, err := both[0].Check(t.Context(), dueSession(), load); err != nil {
				t.Fatal(err)
			}
			in.read = func(ctx context.Context) (recheck.Answer, error) {
				answer, err := read(ctx)
				answer.Tokens = nil
				return answer, err
			}
			time.Sleep(every + 2*time.Second)
		}
		if got := strings.Join(in.tokens, " "); got != "old new new" {
			t.Errorf("read with %s", got)
		}
	})
}
