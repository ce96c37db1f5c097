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
	refreshAfter = time.Hour              // a document older than this is refreshed in the background when it is used …
	staleAfter   = 24 * time.Hour         // … and one older than this is refreshed before it is used
	forcedEvery  = time.Minute            // at most one forced fetch of each kind in this time, whatever tokens arrive
	firstBackoff = 250 * time.Millisecond // doubled by every consecutive failure …
	lastBackoff  = 2 * time.Second        // … up to this, so that recovery of the provider is noticed soon

	mainFlight      = "main" // all fetches
	untrustedFlight = "aside"
)

// cache holds one document of the provider. The first use fetches it, concurrent callers share one fetch, and the last
// valid copy stays in use while the provider is unavailable.
type cache[T any] struct {
	fetch  func(context.Context) (*T, error)
	limits limits
	flight flight.Group[*T]

	mu          sync.Mutex
	current     *T // nil: never fetched
	fetched     time.Time
	failure     error // of the last fetch, nil when it succeeded
	failures    int   // consecutive
	retryAt     time.Time
	forcedAt    time.Time
	untrustedAt time.Time // as forcedAt, for renewUntrusted
}

// start prepares the cache for use.
func (c *cache[T]) start(fetch func(context.Context) (*T, error), limits limits, logger *slog.Logger) {
	c.fetch, c.limits, c.flight.Log = fetch, limits, logger
}

// get returns the document. Without a copy it waits for the shared fetch or, shortly after a failed fetch, returns the
// remembered error at once. A copy older than refreshAfter is returned at once and refreshed in the background. A copy
// older than staleAfter is returned only if the fetch fails (stale-if-error, RFC 5861 section 4): a key withdrawn long
// ago must not be accepted again just because nobody has signed in since.
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

// known returns the current copy, of any age, or nil.
func (c *cache[T]) known() *T {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// look returns the copy and its age, and reports whether an ordinary fetch is due. Without a copy, err is the last
// failure.
func (c *cache[T]) look() (current *T, age time.Duration, due bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	age = now.Sub(c.fetched) // of a copy that was never fetched: the longest there is
	due = !now.Before(c.retryAt) && age >= refreshAfter
	if c.current == nil {
		err = c.failure
	}
	return c.current, age, due, err
}

// renew asks for a document newer than seen, which turned out to be insufficient. It returns the newer one if there
// already is one, forces a fetch if none was forced in the last minute, and otherwise returns seen again, so that
// forged tokens cannot make this server flood the provider with requests. The error is that of the
// last fetch: if it is not nil, seen may be out of date.
func (c *cache[T]) renew(ctx context.Context, seen *T) (*T, error) {
	return c.wait(ctx, mainFlight, func(ctx context.Context) (*T, error) { return c.forced(ctx, seen) })
}

// renewUntrusted is renew for tokens that anyone can send. They have a throttle and a flight of their own. However many
// arrive, the forced fetch of a sign-in is still available, and a sign-in never joins a flight that was throttled. A
// fetch that is allowed runs on the main flight, because only one fetch runs at a time.
func (c *cache[T]) renewUntrusted(ctx context.Context, seen *T) (*T, error) {
	return c.wait(ctx, untrustedFlight, func(ctx context.Context) (*T, error) {
		if current, allowed, err := c.mayForce(seen, &c.untrustedAt); !allowed {
			return current, err
		}
		return c.wait(ctx, mainFlight, c.load)
	})
}

func (c *cache[T]) ordinary(ctx context.Context) (*T, error) {
	// Another flight may have finished since the caller looked.
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

// mayForce allows a forced fetch if seen is still the newest copy and the last forced fetch is at least forcedEvery
// ago, and then sets last. Otherwise it returns the newest copy and the error of the last fetch.
func (c *cache[T]) mayForce(seen *T, last *time.Time) (current *T, allowed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	allowed = c.current == seen && time.Since(*last) >= forcedEvery
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

// backoff returns the pause after a number of earlier failures in a row, with jitter of up to a quarter.
func backoff(failures int) time.Duration {
	pause := min(firstBackoff<<min(failures, 8), lastBackoff)
	return pause - rand.N(pause/4)
}

// detached wraps work that keeps the caller's values but neither its deadline nor its cancellation, because it is done
// for all callers.
func (c *cache[T]) detached(ctx context.Context, work func(context.Context) (*T, error)) func() (*T, error) {
	return func() (*T, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.limits.total())
		defer cancel()
		return work(ctx)
	}
}

func (c *cache[T]) wait(ctx context.Context, flight string, work func(context.Context) (*T, error)) (*T, error) {
	value, _, err := c.flight.Do(ctx, flight, c.detached(ctx, work))
	if err != nil && err == ctx.Err() {
		return nil, &Error{Kind: Unavailable, Op: "fetch", Code: "gave_up", Err: context.Cause(ctx)}
	}
	return value, err
}
