package redisstate

import (
	"context"
	"sync/atomic"

	"github.com/redis/rueidis"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
)

// connection has the client, as soon as there is one. The client of a single server is there at once and connects by
// itself. That of a cluster or of Sentinels is made when one of them first answers.
type connection struct {
	option    rueidis.ClientOption
	own       bool // made here, and not by the app
	oneServer bool // has all keys
	client    atomic.Pointer[rueidis.Client]
	flight    flight.Group[rueidis.Client]
	closed    atomic.Bool
}

// get returns the client, or why there is none yet.
func (c *connection) get(ctx context.Context) (rueidis.Client, error) {
	if client := c.client.Load(); client != nil {
		return *client, nil
	}
	client, _, err := c.flight.Do(ctx, "", c.connect)
	return client, err
}

func (c *connection) connect() (rueidis.Client, error) {
	if c.closed.Load() {
		return nil, rueidis.ErrClosing
	}
	client, err := rueidis.NewClient(c.option)
	if client == nil {
		return nil, err
	}
	c.client.Store(&client)
	if c.closed.Load() {
		client.Close()
	}
	return client, nil // an error only says that Redis is not available yet
}

func (c *connection) close() {
	c.closed.Store(true)
	if client := c.client.Load(); client != nil && c.own {
		(*client).Close()
	}
}
