package shared

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"
)

// probeLife is how long what a round trip leaves behind lasts.
const probeLife = 10 * time.Second

// RoundTrip writes to the state and reads back what it wrote, under a key that belongs to no session. It leaves out
// what the state does not support. The error says what the state does not remember, or why it does not answer.
func RoundTrip(ctx context.Context, s Whole) error {
	key := Probe + rand.Text()
	for _, step := range []func(context.Context, Whole, string) error{revokes, uses, lists, keeps} {
		if err := step(ctx, s, key); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	return nil
}

// forgets is the error of a state that answers, and loses what it was given.
func forgets(what string) error { return fmt.Errorf("the state does not remember %s", what) }

func revokes(ctx context.Context, s Whole, key string) error {
	at := time.Now().Truncate(time.Second)
	if err := s.Revoke(ctx, key, at, probeLife); err != nil {
		return fmt.Errorf("method Revoke: %w", err)
	}
	times, err := s.Revoked(ctx, key)
	switch {
	case err != nil:
		return fmt.Errorf("method Revoked: %w", err)
	case len(times) != 1 || !times[0].Equal(at):
		return forgets("what was revoked")
	}
	return nil
}

func uses(ctx context.Context, s Whole, key string) error {
	first, err := s.MarkUsed(ctx, key, probeLife)
	if err != nil {
		return fmt.Errorf("method MarkUsed: %w", err)
	}
	again, err := s.MarkUsed(ctx, key, probeLife)
	switch {
	case err != nil:
		return fmt.Errorf("method MarkUsed: %w", err)
	case !first || again:
		return forgets("what was used")
	}
	return nil
}

func lists(ctx context.Context, s Whole, key string) error {
	if err := s.Enlist(ctx, key, Probe, probeLife); err != nil {
		return fmt.Errorf("method Enlist: %w", err)
	}
	listed, err := s.Listed(ctx, key)
	if err != nil {
		return fmt.Errorf("method Listed: %w", err)
	}
	if err := s.Delist(ctx, key, Probe); err != nil {
		return fmt.Errorf("method Delist: %w", err)
	}
	if !slices.Equal(listed, []string{Probe}) {
		return forgets("which sessions there are")
	}
	return nil
}

func keeps(ctx context.Context, s Whole, key string) error {
	release, ok, err := s.Lease(ctx, key, probeLife)
	switch {
	case err != nil:
		return fmt.Errorf("method Lease: %w", err)
	case !ok:
		return errors.New("method Lease: refused for a new key")
	}
	if err := release(ctx); err != nil {
		return fmt.Errorf("method Lease: %w", err)
	}
	if err := s.Keep(ctx, key, Probe, probeLife); err != nil {
		return fmt.Errorf("method Keep: %w", err)
	}
	value, ok, err := s.Kept(ctx, key)
	switch {
	case err != nil:
		return fmt.Errorf("method Kept: %w", err)
	case !ok || value != Probe:
		return forgets("what was kept")
	}
	return nil
}
