package provider

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
)

const (
	refreshAfter = time.Hour              // a document older than this is fetched anew in the background of use …
	staleAfter   = 24 * time.Hour         // … and one older than this before it is used
	forcedEvery  = time.Minute            // at most one forced fetch of a kind in this time, whatever tokens arrive
	firstBackoff = 250 * time.Millisecond // doubled by every failure in a row …
	lastBackoff  = 2 * time.Second        // … up to this, so that a returned provider is noticed soon

	mainFlight      = "main" // all fetches
	untrustedFlight = "aside"
)

// cache holds one document of the provider. The first use fetches it, concurrent callers share one fetch, and the
// last good copy stays in use while the provider is away.
type cache[T any] struct {
	fetch  func(context.Context) (*T, error)
	limits limits
	flight flight.Group[*T]

	mu          sync.Mutex
	current     *T // nil: never fetched
	fetched     time.Time
	failure     error // of the last fetch, nil when it succeeded
	failures    int   // in a row
	retryAt     time.Time
	forcedAt    time.Time
	untrustedAt time.Time // as forcedAt, of renewUntrusted
}

// start makes the cache ready for use.
func (c *cache[T]) start(fetch func(context.Context) (*T, error), limits limits, logger *slog.Logger) {
	c.fetch, c.limits, c.flight.Log = fetch, limits, logger
}

// get returns the document. Without a copy it waits for the shared fetch, or, shortly after a failed one, returns the
// remembered error at once. An old copy is returned at once and refreshed behind the caller's back; one of another day
// is returned only if the fetch fails (stale-if-error, RFC 5861 section 4): a key withdrawn long ago must not serve
// again because nobody has signed in since.
func (c *cache[T]) get(ctx context.Context) (*T, error) {
	current, age, due, err := c.look()
	switch {
	case !due:
		return current, err
	case current == nil:
		return c.wait(ctx, mainFlight, c.ordinary)
	case age < staleAfter:
		c.flight.Start(mainFlight, c.detached(ctx, c.ordinary))
		return current, nil
	}
	if newer, err := c.wait(ctx, mainFlight, c.ordinary); err == nil {
		return newer, nil
	}
	return current, nil
}

// known is the copy at hand, of any age, or nil.
func (c *cache[T]) known() *T {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// look reports the copy and its age, whether an ordinary fetch is due, and, when there is no copy, the last failure.
func (c *cache[T]) look() (current *T, age time.Duration, due bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	age = now.Sub(c.fetched)
	due = !now.Before(c.retryAt) && (c.current == nil || age >= refreshAfter)
	if c.current == nil {
		err = c.failure
	}
	return c.current, age, due, err
}

// renew asks for a document newer than seen, which turned out not to be enough. It returns the newer one if there
// is one by now, forces a fetch if none was forced in the last minute, and otherwise returns seen again, so that
// forged tokens cannot turn this server into load on the provider (cases 119, 120). The error is that of the last
// fetch: with it nobody can say whether seen is out of date.
func (c *cache[T]) renew(ctx context.Context, seen *T) (*T, error) {
	return c.wait(ctx, mainFlight, func(ctx context.Context) (*T, error) { return c.forced(ctx, seen) })
}

// renewUntrusted is renew for tokens that anybody may send. They have a throttle of their own, and queue up for it in a
// flight of their own, so that however many they are, a sign-in finds its forced fetch unspent and joins none that
// was refused (cases 190, 256). What is let through runs on the main flight, for there is one fetch at a time.
func (c *cache[T]) renewUntrusted(ctx context.Context, seen *T) (*T, error) {
	return c.wait(ctx, untrustedFlight, func(ctx context.Context) (*T, error) {
		if current, allowed, err := c.mayForce(seen, &c.untrustedAt); !allowed {
			return current, err
		}
		return c.wait(ctx, mainFlight, c.load)
	})
}

func (c *cache[T]) ordinary(ctx context.Context) (*T, error) {
	// Another flight may have landed between the caller's look and this take-off.
	if current, _, due, err := c.look(); !due {
		return current, err
	}
	return c.load(ctx)
}

func (c *cache[T]) forced(ctx context.Context, seen *T) (*T, error) {
	if current, allowed, err := c.mayForce(seen, &c.forcedAt); !allowed {
		return current, err
	}
	return c.load(ctx)
}

// mayForce allows a forced fetch if seen is still the newest and last is long ago, and sets last then. Otherwise the
// newest copy and the error of the last fetch are the answer.
func (c *cache[T]) mayForce(seen *T, last *time.Time) (current *T, allowed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	allowed = c.current == seen && (last.IsZero() || time.Since(*last) >= forcedEvery)
	if allowed {
		*last = time.Now()
	}
	return c.current, allowed, c.failure
}

// load fetches once and records the outcome.
func (c *cache[T]) load(ctx context.Context) (*T, error) {
	value, err := c.fetch(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failure = err
	if err != nil {
		c.retryAt = time.Now().Add(backoff(c.failures))
		c.failures++
		return c.current, err
	}
	c.current, c.fetched, c.failures, c.retryAt = value, time.Now(), 0, time.Time{}
	return value, nil
}

// backoff is the pause after failures earlier failures in a row, with up to a quarter taken off by chance.
func backoff(failures int) time.Duration {
	pause := min(firstBackoff<<min(failures, 8), lastBackoff)
	return pause - rand.N(pause/4)
}

// detached is work that keeps the caller's values but neither its deadline nor its cancellation: it is done for all
// callers.
func (c *cache[T]) detached(ctx context.Context, work func(context.Context) (*T, error)) func() (*T, error) {
	return func() (*T, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.limits.total())
		defer cancel()
		return work(ctx)
	}
}

func (c *cache[T]) wait(ctx context.Context, flight string, work func(context.Context) (*T, error)) (*T, error) {
	value, _, err := c.flight.Do(ctx, flight, c.detached(ctx, work))
	if err != nil && value == nil && ctx.Err() != nil && err == ctx.Err() {
		return nil, &Error{Kind: Unavailable, Op: "fetch", Code: "gave_up", Err: context.Cause(ctx)}
	}
	return value, err
}
