package provider

import (
	"log/slog"
	"strings"
	"testing"
)

// TestExcerpts: untrusted text is cut after 256 bytes, and stays on its line.
func TestExcerpts(t *testing.T) {
	long := strings.Repeat("a", 256)
	for text, want := range map[string]struct{ excerpt, cut string }{
		"":         {`""`, ""},
		"a\n\x00b": {`"a\n\x00b"`, "a ?b"},
		"\xff":     {`"\xff"`, "?"},
		long:       {`"` + long + `"`, long},
		long + "b": {`"` + long + `"…`, long + "…"},
	} {
		if got := excerpt(text); got != want.excerpt {
			t.Errorf("excerpt %s, want %s", got, want.excerpt)
		}
		if got := cut(text); got != want.cut {
			t.Errorf("cut %q, want %q", got, want.cut)
		}
	}
}

// TestLogTo: an event without an error has none in the log.
func TestLogTo(t *testing.T) {
	var log strings.Builder
	logTo(slog.New(slog.NewTextHandler(&log, nil)))(t.Context(), Event{Text: "refreshed"})
	if line := log.String(); !strings.Contains(line, "msg=refreshed") || strings.Contains(line, "error") {
		t.Error(line)
	}
}
