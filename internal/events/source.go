package events

import (
	"context"
	"crypto/rand"
	"sync"
)

// Source is what events say about the request that caused them. It is in the context of the request, which work for
// several requests keeps too, so that nothing of a *gin.Context is read after its request has ended.
type Source struct {
	ClientIP, Route string

	once sync.Once
	id   string
}

// sourceKey is the context key of the Source.
type sourceKey struct{}

// In returns a context with the source.
func (s *Source) In(ctx context.Context) context.Context {
	return context.WithValue(ctx, sourceKey{}, s)
}

// SourceIn returns the source in a context, or nil.
func SourceIn(ctx context.Context) *Source {
	s, _ := ctx.Value(sourceKey{}).(*Source)
	return s
}

// ID returns the id of the request, which is made when it is first needed.
func (s *Source) ID() string {
	s.once.Do(func() { s.id = rand.Text() })
	return s.id
}

// RequestID returns an id for the error page of a request: that of its events, if there are any.
func RequestID(ctx context.Context) string {
	if s := SourceIn(ctx); s != nil {
		return s.ID()
	}
	return rand.Text()
}
