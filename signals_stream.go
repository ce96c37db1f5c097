package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// SignalStream is the event stream of the app at the transmitter (OpenID Shared Signals Framework 1.0, section 8).
type SignalStream struct {
	ID     string   // as the transmitter named it
	Events []string // the types of events that the transmitter delivers
	Status string   // "enabled", "paused" or "disabled"
	Reason string   // of the status; may be empty
}

var errNoSignals = fmt.Errorf("ginoidc: Provider.Signals is not set: %w", errors.ErrUnsupported)

// signals returns the receiver of the provider that the call concerns.
func (a *Auth) signals() (*signalReceiver, error) {
	rp, err := a.providers.forCall(context.Background(), a.provider)
	if err == nil && rp.signals == nil {
		err = errNoSignals
	}
	if err != nil {
		return nil, err
	}
	return rp.signals, nil
}

// SetUpSignals creates the stream of Provider.Signals at the transmitter, or updates the one that is there already,
// asks for a verification event, and returns the stream. Call it once when the app starts, after it listens: the
// transmitter pushes the verification event, which OnSignal then receives with the type [SignalVerification].
//
// The error is [ErrProviderUnavailable] if the transmitter does not respond, and wraps [errors.ErrUnsupported] without
// Provider.Signals.
func (a *Auth) SetUpSignals(ctx context.Context) (*SignalStream, error) {
	s, err := a.signals()
	if err != nil {
		return nil, err
	}
	ctx = requestContext(ctx)
	want := provider.StreamRequest{
		Events: []string{
			SignalSessionRevoked, SignalCredentialChange, SignalTokenClaimsChange, SignalDeviceComplianceChange,
		},
		Description: a.AppURL(),
	}
	if s.settings.Poll == 0 {
		want.PushURL, want.PushToken = s.url, s.settings.Authorization
	}
	stream, err := s.SetUpStream(ctx, want)
	if err != nil {
		return nil, translated(err)
	}
	if err := s.VerifyStream(ctx, stream.ID, s.states.Seal("", stream.ID)); err != nil {
		return nil, translated(err)
	}
	return s.status(ctx, stream)
}

// SignalStatus returns the stream that SetUpSignals has set up.
func (a *Auth) SignalStatus(ctx context.Context) (*SignalStream, error) {
	s, err := a.signals()
	if err != nil {
		return nil, err
	}
	stream, err := s.own(requestContext(ctx))
	if err != nil {
		return nil, translated(err)
	}
	return s.status(requestContext(ctx), stream)
}

// own returns the stream of this app.
func (s *signalReceiver) own(ctx context.Context) (*provider.Stream, error) {
	streams, err := s.Streams(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range streams {
		if one.Poll == (s.settings.Poll > 0) && (one.Poll || one.Endpoint == s.url) {
			return &one, nil
		}
	}
	return nil, fmt.Errorf("%w: the transmitter has no stream of this app: call SetUpSignals", errProviderResponse)
}

func (s *signalReceiver) status(ctx context.Context, stream *provider.Stream) (*SignalStream, error) {
	status, reason, err := s.StreamStatus(ctx, stream.ID)
	if err != nil {
		return nil, translated(err)
	}
	return &SignalStream{ID: stream.ID, Events: stream.Delivered, Status: status, Reason: reason}, nil
}

// PollSignals fetches security events at the interval Signals.Poll until ctx is done, and then returns ctx.Err. Run it
// in a goroutine of every instance, after [Auth.SetUpSignals]: they take turns if they share State.
//
//	go auth.PollSignals(ctx)
//
// Trouble with the transmitter is an event, and polling goes on. The error wraps [errors.ErrUnsupported] without
// Signals.Poll.
func (a *Auth) PollSignals(ctx context.Context) error {
	rp, err := a.providers.forCall(ctx, a.provider)
	if err != nil {
		return err
	}
	if rp.signals == nil || rp.signals.settings.Poll == 0 {
		return errNoSignals
	}
	p := &poller{rp: rp, auth: a.core}
	every := time.NewTicker(rp.signals.settings.Poll)
	defer every.Stop()
	for {
		// Token and hooks are code of the app, and nothing else would recover its panics here.
		_, err := flight.Try(a.log, func() (any, error) { return nil, p.poll(ctx) })
		if err != nil && ctx.Err() == nil {
			rp.emit(ctx, event{kind: eventPollFailed, err: err, ofProvider: true})
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-every.C:
		}
	}
}

// poller polls the stream of one relying party.
type poller struct {
	rp     *relyingParty
	auth   *core
	stream *provider.Stream // nil: not known yet
}

// poll fetches all events that wait, unless another instance does so.
func (p *poller) poll(ctx context.Context) error {
	s := p.rp.signals
	key := shared.Key(shared.KindSignal, p.rp.audience.Hash("\x00poll "+s.settings.Issuer))
	giveBack, ok, err := p.auth.state.Lease(ctx, key, signalLease)
	if err != nil || !ok {
		return err
	}
	defer func() { _ = giveBack(context.WithoutCancel(ctx)) }() // if it fails, the lease expires
	if p.stream == nil {
		if p.stream, err = s.own(ctx); err != nil {
			return err
		}
	}
	var said provider.PollAnswer
	for deadline := time.Now().Add(signalLease / 2); time.Now().Before(deadline); {
		tokens, more, err := s.Poll(ctx, p.stream, said)
		if err != nil {
			p.stream = nil // the transmitter may have another one by now
			return err
		}
		said = p.take(ctx, tokens)
		if !more && len(said.Accepted)+len(said.Refused) == 0 {
			return nil
		}
	}
	return nil
}

// take lets the tokens of a poll have their effect. Those that cannot be judged now are neither accepted nor refused,
// so that they come again.
func (p *poller) take(ctx context.Context, tokens map[string]string) provider.PollAnswer {
	said := provider.PollAnswer{Refused: map[string]string{}}
	for jti, raw := range tokens {
		err := p.rp.takeSignal(ctx, p.auth, raw)
		if err == nil {
			said.Accepted = append(said.Accepted, jti)
		} else if code := p.rp.refusedSignal(ctx, err); code != "" {
			said.Refused[jti] = code
		}
	}
	return said
}
