package ginoidc

import (
	"context"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
)

// seals are for texts that leave the process, each of a purpose and with keys of its own.
type seals struct {
	kept       *sealed.Text // what one request leaves for others, in the shared state
	landed     *sealed.Text // which sign-in a browser comes from, in a cookie of the sign-in route
	parameters *sealed.Text // what code adds to a sign-in, in a URL
}

func newSeals(secrets []string, audience string) (s seals, err error) {
	for purpose, text := range map[string]**sealed.Text{
		"kept values": &s.kept, "landed": &s.landed, "sign-in parameters": &s.parameters,
	} {
		if *text, err = sealed.New(purpose, secrets, audience); err != nil {
			return seals{}, err
		}
	}
	return s, nil
}

// What is kept for other requests.
const (
	replacedTokens = "replaced tokens" // that a sign-in leaves for its callback
	callbackAnswer = "callback answer" // that one instance leaves for the others
	updatedCookies = "updated session" // that an update leaves for requests that are on their way
)

// inTurn is [shared.Values.Turn] with a release that reports its failure.
func (a *core) inTurn(ctx context.Context, key string, ttl, limit time.Duration) (release func(), waited bool, err error) {
	giveBack, waited, err := a.values.Turn(ctx, key, ttl, limit)
	if err != nil {
		return nil, waited, err
	}
	return func() {
		if err := giveBack(context.WithoutCancel(ctx)); err != nil {
			a.emit(ctx, event{kind: eventLeaseNotReleased, err: err})
		}
	}, waited, nil
}
