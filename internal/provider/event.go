package provider

import (
	"context"
	"log/slog"
)

// Event is something about the provider that needs the attention of an operator, of the app or of the provider. It
// holds no secret, token or code.
type Event struct {
	Level slog.Level
	Text  string
	Attrs []slog.Attr
	Err   error // nil: none
}

// logTo returns a Config.Report that writes events to a log.
func logTo(logger *slog.Logger) func(context.Context, Event) {
	return func(ctx context.Context, e Event) {
		attrs := e.Attrs
		if e.Err != nil {
			attrs = append(attrs, slog.Any("error", e.Err))
		}
		logger.LogAttrs(ctx, e.Level, e.Text, attrs...)
	}
}
