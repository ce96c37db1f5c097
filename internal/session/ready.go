package session

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// Ready returns nil if the store responds: it saves an empty record that no browser gets, and deletes it again. An
// error wraps [ErrStore].
func (m *Manager) Ready(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	h := http.Header{}
	if err := m.records.SaveRecord(h, r, m.config.Name, []byte("ready"), m.cookie(readyAge)); err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	for _, line := range h[setCookie] {
		pair, _, _ := strings.Cut(line, ";")
		r.Header.Add("Cookie", pair)
	}
	if err := m.records.DeleteRecord(http.Header{}, r, m.config.Name, m.cookie(-1)); err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	return nil
}

// readyAge is the time-to-live, in seconds, of a probe that could not be deleted.
const readyAge = 60
