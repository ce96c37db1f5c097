package relyingparty

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/seed-d65cea4d/ginoidc/internal/directory"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

var (
	// ErrUnknown means that there is no provider of the name.
	ErrUnknown = errors.New("ginoidc: unknown provider")
	// ErrUnnamed means that a call concerns one of several providers and does not say which.
	ErrUnnamed = errors.New("ginoidc: the call names none of several providers: see Auth.ForProvider")
)

// Member is a Party with what the caller knows of it. It is a pointer, so the zero value means that there is none.
type Member interface {
	comparable
	Of() *Party
}

// Set has the relying parties of an app: those of its configuration, and those that are found at run time. After the
// last Add it is safe for concurrent use.
type Set[T Member] struct {
	Several bool // there can be more than one, so requests have to say which they concern

	fixed  []T
	byName map[string]T
	found  *directory.Directory[T] // nil: all are fixed
}

// Find returns the relying party of a provider that is not configured. It gets the earlier one of the name, or the zero
// value, and may go on with its client. An error that is ErrUnknown means that there is no such provider now.
type Find[T Member] func(ctx context.Context, name string, earlier T) (T, error)

// FindBy makes the set look up providers that are not configured. release is called with relying parties whose client
// is no longer in use. log receives panics.
func (s *Set[T]) FindBy(find Find[T], release func(T), log *slog.Logger) {
	s.found = directory.New(directory.Config[T]{
		Find: func(ctx context.Context, name string, earlier T) (T, error) {
			later, err := find(ctx, name, earlier)
			var none T
			switch {
			case errors.Is(err, ErrUnknown):
				return none, fmt.Errorf("%w: %w", directory.ErrUnknown, err)
			case err != nil:
				return none, err
			case earlier != none && earlier.Of().Client != later.Of().Client:
				release(earlier)
			}
			return later, nil
		},
		Drop: release, Group: func(t T) string { return t.Of().issuerGroup() }, Log: log,
	})
}

// Finds reports whether providers are found at run time.
func (s *Set[T]) Finds() bool { return s.found != nil }

// Add adds a relying party of the configuration.
func (s *Set[T]) Add(t T) {
	if s.byName == nil {
		s.byName = map[string]T{}
	}
	s.fixed, s.byName[t.Of().Name] = append(s.fixed, t), t
}

// Fixed returns the relying parties of the configuration, in its order.
func (s *Set[T]) Fixed() []T { return s.fixed }

// Only returns the relying party of an app with one, and otherwise none.
func (s *Set[T]) Only() (only T) {
	if s.Several {
		return only
	}
	return s.First()
}

// First returns a relying party for what does not depend on which, or none if all are found at run time. It decides
// nothing about a user.
func (s *Set[T]) First() (first T) {
	if len(s.fixed) > 0 {
		first = s.fixed[0]
	}
	return first
}

// Can reports whether there is, or can be, a provider of the name.
func (s *Set[T]) Can(name string) bool {
	_, fixed := s.byName[name]
	return name != "" && (fixed || s.found != nil && settings.IsProviderName(name))
}

// Forget makes the next use of a name look it up.
func (s *Set[T]) Forget(name string) {
	if s.found != nil {
		s.found.Forget(name)
	}
}

// Named returns the one of a provider, for a new sign-in. The error is ErrUnknown or ErrUnavailable.
func (s *Set[T]) Named(ctx context.Context, name string) (T, error) {
	return s.lookup(ctx, name, (*directory.Directory[T]).Current)
}

// Kept is Named for what a sign-in has started, such as sessions, which a failing lookup does not end.
func (s *Set[T]) Kept(ctx context.Context, name string) (T, error) {
	return s.lookup(ctx, name, (*directory.Directory[T]).Kept)
}

// lookup returns the relying party of a name, which look finds in the directory unless it is configured. Names come
// from requests, so one that no provider can have is not looked up.
func (s *Set[T]) lookup(ctx context.Context, name string,
	look func(*directory.Directory[T], context.Context, string) (T, error),
) (none T, _ error) {
	if t, ok := s.byName[name]; ok {
		return t, nil
	}
	if s.found == nil || !settings.IsProviderName(name) {
		return none, ErrUnknown
	}
	t, err := look(s.found, ctx, name)
	switch {
	case errors.Is(err, directory.ErrUnknown): // the text of the app's error is not for responses
		return none, ErrUnknown
	case err != nil:
		return none, fmt.Errorf("%w: provider %s: %w", ErrUnavailable, name, err)
	}
	return t, nil
}

// ForCall returns the one that a call of the app concerns, which names it or not. The error is ErrUnnamed, ErrUnknown
// or ErrUnavailable.
func (s *Set[T]) ForCall(ctx context.Context, name string) (none T, _ error) {
	if name != "" {
		return s.Kept(ctx, name)
	}
	if only := s.Only(); only != none {
		return only, nil
	}
	return none, ErrUnnamed
}
