package signals

import (
	"context"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// Run polls for events at the interval Poll until ctx is done, and returns its error. Instances take turns. Trouble
// with the transmitter is reported, and polling goes on.
func (r *Receiver) Run(ctx context.Context) error {
	p := poller{Receiver: r}
	every := time.NewTicker(r.Poll)
	defer every.Stop()
	for {
		// Code of the app is called, and nothing else would recover its panics here.
		_, err := flight.Try(r.Log, func() (any, error) { return nil, p.poll(ctx) })
		if err != nil && ctx.Err() == nil {
			r.Events.Emit(ctx, events.Event{Kind: events.PollFailed, OfProvider: true, Err: err})
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-every.C:
		}
	}
}

// poller polls the stream of a Receiver.
type poller struct {
	*Receiver
	stream *provider.Stream // nil: not known yet
}

// poll fetches all events that wait, unless another instance does so.
func (p *poller) poll(ctx context.Context) error {
	key := shared.Key(shared.KindSignal, p.Audience.Hash("\x00poll "+p.Issuer))
	giveBack, ok, err := p.State.Lease(ctx, key, lease)
	if err != nil || !ok {
		return err
	}
	defer func() { _ = giveBack(context.WithoutCancel(ctx)) }() // if it fails, the lease expires
	if p.stream == nil {
		if p.stream, err = p.own(ctx); err != nil {
			return err
		}
	}
	var said provider.PollAnswer
	for deadline := time.Now().Add(lease / 2); time.Now().Before(deadline); {
		tokens, err := p.Transmitter.Poll(ctx, p.stream, said)
		if err != nil {
			p.stream = nil // the transmitter may have another one by now
			return err
		}
		said = p.take(ctx, tokens)
		if len(said.Accepted)+len(said.Refused) == 0 { // the same tokens would come again at once
			return nil
		}
	}
	return nil
}

// take lets the tokens of a poll have their effect. Those that cannot be judged now are neither accepted nor refused,
// so that they come again. A panic of the app's code is such a case, or the other tokens would never be accepted.
func (p *poller) take(ctx context.Context, tokens map[string]string) provider.PollAnswer {
	said := provider.PollAnswer{Refused: map[string]string{}}
	for jti, raw := range tokens {
		_, err := flight.Try(p.Log, func() (any, error) { return nil, p.Take(ctx, raw) })
		if err == nil {
			said.Accepted = append(said.Accepted, jti)
			continue
		}
		p.Events.Emit(ctx, Refusal(err))
		if code := Code(err); code != "" {
			said.Refused[jti] = code
		}
	}
	return said
}
