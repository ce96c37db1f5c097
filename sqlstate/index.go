package sqlstate

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// Enlist remembers for ttl that session belongs to owner. A second call for the same pair replaces its ttl. Of more
// than 1,000 sessions of one owner, those that end soonest are dropped.
func (s *Store) Enlist(ctx context.Context, owner, session string, ttl time.Duration) error {
	if ttl <= 0 {
		return s.Delist(ctx, owner, session)
	}
	if err := checkKeys(owner, session); err != nil {
		return err
	}
	if _, _, err := s.exec(ctx, s.statements.enlist, "i:"+owner, session, microseconds(ttl)); err != nil {
		return fmt.Errorf("sqlstate: enlist a session: %w", err)
	}
	s.trim(ctx, "i:"+owner, state.MaxListed)
	s.clean(ctx, listsTable)
	return nil
}

// Delist forgets a session of owner. It is idempotent.
func (s *Store) Delist(ctx context.Context, owner, session string) error {
	if _, _, err := s.exec(ctx, s.statements.delist, "i:"+owner, session); err != nil {
		return fmt.Errorf("sqlstate: delist a session: %w", err)
	}
	return nil
}

// Listed returns owner's sessions that have not expired, the one that ends last first.
func (s *Store) Listed(ctx context.Context, owner string) (sessions []string, err error) {
	err = s.query(ctx, s.statements.listed, func() { sessions = nil }, func(rows *sql.Rows) error {
		var session string
		err := rows.Scan(&session)
		sessions = append(sessions, session)
		return err
	}, "i:"+owner, state.MaxListed)
	if err != nil {
		return nil, fmt.Errorf("sqlstate: list sessions: %w", err)
	}
	return sessions, nil
}
