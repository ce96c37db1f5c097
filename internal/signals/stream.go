package signals

import (
	"context"
	"fmt"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// Stream is the stream of the app at the transmitter, with its status, which the transmitter can change at any time.
type Stream struct {
	provider.Stream
	Status, Reason string
}

// SetUp creates the stream of the app, or updates the one that is there already, and asks for a verification event.
func (r *Receiver) SetUp(ctx context.Context, description string) (*Stream, error) {
	want := provider.StreamRequest{
		Events: []string{
			provider.EventSessionRevoked, provider.EventCredentialChange, provider.EventTokenClaimsChange,
			provider.EventDeviceComplianceChange,
		},
		Description: description,
	}
	if r.Poll == 0 {
		want.PushURL, want.PushToken = r.URL, r.Authorization
	}
	stream, err := r.Transmitter.SetUpStream(ctx, want)
	if err != nil {
		return nil, err
	}
	if err := r.Transmitter.VerifyStream(ctx, stream.ID, r.States.Seal("", stream.ID)); err != nil {
		return nil, err
	}
	return r.status(ctx, stream)
}

// Status returns the stream that SetUp has set up.
func (r *Receiver) Status(ctx context.Context) (*Stream, error) {
	stream, err := r.own(ctx)
	if err != nil {
		return nil, err
	}
	return r.status(ctx, stream)
}

// own returns the stream of this app. The transmitter may have others for the same client.
func (r *Receiver) own(ctx context.Context) (*provider.Stream, error) {
	streams, err := r.Transmitter.Streams(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range streams {
		if one.Poll == (r.Poll > 0) && (one.Poll || one.Endpoint == r.URL) {
			return &one, nil
		}
	}
	return nil, fmt.Errorf("%w: the transmitter has no stream of this app: call SetUpSignals", provider.ErrInvalidResponse)
}

func (r *Receiver) status(ctx context.Context, stream *provider.Stream) (*Stream, error) {
	status, reason, err := r.Transmitter.StreamStatus(ctx, stream.ID)
	if err != nil {
		return nil, err
	}
	return &Stream{*stream, status, reason}, nil
}
