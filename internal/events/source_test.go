package events_test

import (
	"context"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
)

// TestSource: all events of a request have one id, which error pages show, and those of another request have another.
func TestSource(t *testing.T) {
	one := &events.Source{ClientIP: "192.0.2.1", Route: "/a"}
	ctx := one.In(t.Context())
	derived, cancel := context.WithCancel(ctx)
	defer cancel()
	if events.SourceIn(derived) != one || events.SourceIn(t.Context()) != nil {
		t.Error("the source of another context")
	}
	id := one.ID()
	if id == "" || one.ID() != id || events.RequestID(derived) != id {
		t.Errorf("ids %q, %q, %q", id, one.ID(), events.RequestID(derived))
	}
	if other := events.RequestID(t.Context()); other == id || other == "" || other == events.RequestID(t.Context()) {
		t.Errorf("id %q of another request", other)
	}
}
