// Package exchange redeems the code of an authorization response once, for all requests and instances that bring the
// same response: browsers request a page twice, and a reload cancels the first request. Each of them has presented the
// attempt's cookie, and each gets the same result, cookies included.
package exchange

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

const (
	purpose    = "callback answer"
	resultLife = 10 * time.Second // for requests that wait on other instances
	slack      = 10 * time.Second // for calls to the shared state, around an exchange
)

// Response is an authorization response, with what binds its result to the attempt.
type Response struct {
	Audience shared.Audience // of the provider
	State    string
	Code     string
	Verifier string        // of PKCE, which only the attempt's cookie holds
	Request  *http.Request // that brought the response, without its body
	Limit    time.Duration // of one exchange
	Links    bool          // it links an account, so it starts no session
}

// Result is what became of a response.
type Result struct {
	Cookies []string         // lines of Set-Cookie
	Session *session.Session // nil unless somebody is signed in
	Err     error
	Code    string // of Err: its cause may be in the log of another instance
}

// Config holds the settings of a Group.
type Config struct {
	Values   shared.Values
	Sessions *session.Manager
	Alone    bool // no other instance shares the state, or the state has no leases
	Events   *events.Reporter
	Log      *slog.Logger
}

// Group shares the results of exchanges. It is safe for concurrent use.
type Group struct {
	Config
	running flight.Group[*Result]
}

// New returns a Group.
func New(cfg Config) *Group { return &Group{Config: cfg, running: flight.Group[*Result]{Log: cfg.Log}} }

// Redeem redeems a code. Once the response cannot be used again, it calls leave with the result for other instances,
// even if it panics afterwards.
type Redeem func(ctx context.Context, leave func(*Result)) *Result

// Do returns the result of a response. Redeeming continues when the browser disconnects, since another request may wait
// for it. An error means that this request has no result: ctx is done, or redeem panicked.
func (g *Group) Do(ctx context.Context, r Response, redeem Redeem) (*Result, error) {
	result, _, err := g.running.Do(ctx, r.State+" "+r.Code, func() (*Result, error) {
		return g.inTurn(context.WithoutCancel(ctx), r, redeem), nil
	})
	return result, err
}

// inTurn calls redeem once for all instances that share the state. The instance that holds the lease redeems the code
// and keeps its result for those that wait for the lease. A request that did not have to wait finds the attempt used
// and is refused as a replay: the kept result is only for requests that were already waiting.
func (g *Group) inTurn(ctx context.Context, r Response, redeem Redeem) *Result {
	if g.Alone { // the flight deduplicates in this process
		return redeem(ctx, func(*Result) {})
	}
	release, waited, err := g.Values.Turn(ctx, r.key(), r.Limit+slack, r.Limit)
	if err != nil {
		return &Result{Err: err}
	}
	defer func() {
		if err := release(context.WithoutCancel(ctx)); err != nil {
			g.Events.Emit(ctx, events.Event{Kind: events.LeaseNotReleased, Err: err}) // others wait until it expires
		}
	}()
	if waited {
		switch result, err := g.kept(ctx, r); {
		case err != nil:
			return &Result{Err: err}
		case result != nil:
			return result
		}
	}
	return redeem(ctx, func(result *Result) { g.keep(ctx, r, result) })
}

// key is the key of the kept result. It depends on the code, so a request with another code does not find it.
func (r *Response) key() string {
	return shared.Key(shared.KindCallback, r.Audience.Hash("\x00callback "+r.State+" "+r.Code))
}

// keep keeps a result for other instances: the code of the error, if any, and the cookies. They are sealed and bound to
// the PKCE verifier. If it fails, this sign-in still succeeds; only the other instances refuse the response.
func (g *Group) keep(ctx context.Context, r Response, result *Result) {
	text := strings.Join(append([]string{result.Code}, result.Cookies...), "\n")
	if _, err := flight.Try(g.Log, func() (any, error) {
		return nil, g.Values.Keep(ctx, purpose, r.key(), r.Verifier, text, resultLife)
	}); err != nil {
		g.Log.DebugContext(ctx, "ginoidc: result of a callback not shared with other instances", "error", err)
	}
}

// kept returns the result that another instance has kept, and nil if there is none that this instance can use.
func (g *Group) kept(ctx context.Context, r Response) (*Result, error) {
	text, ok, err := g.Values.Kept(ctx, purpose, r.key(), r.Verifier)
	if !ok || err != nil {
		return nil, err
	}
	lines := strings.Split(text, "\n")
	result := &Result{Code: lines[0], Cookies: lines[1:]}
	if result.Code != "" {
		result.Err = fmt.Errorf("%w: on another instance, whose log has the cause", outcome.OfCode(result.Code))
	}
	if result.Err != nil || r.Links {
		return result, nil
	}
	result.Session, err = g.Sessions.Load(cookie.After(r.Request.WithContext(ctx), result.Cookies))
	switch {
	case errors.Is(err, session.ErrStore):
		return nil, fmt.Errorf("%w: %w", shared.ErrUnavailable, err)
	case err != nil || result.Session == nil: // nil: the instances do not share their store
		return nil, err
	}
	return result, nil
}
