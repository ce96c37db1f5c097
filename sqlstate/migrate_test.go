package sqlstate_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-d65cea4d/ginoidc/sqlstate"
)

// migrating answers the statements of a migration of tables that have a version; -1: there are none. fails makes the
// statements that contain a text fail.
type migrating struct {
	version int64
	fails   map[string]error
}

func (m *migrating) fake() *fake {
	return &fake{answer: func(_ context.Context, text string, _ []any) (answer, error) {
		for part, err := range m.fails {
			if strings.Contains(text, part) {
				return answer{}, err
			}
		}
		switch {
		case strings.HasPrefix(text, "CREATE TABLE IF NOT EXISTS ginoidc_version") && m.version < 0:
			m.version = 0
		case strings.Contains(text, "max(version)") && m.version < 0:
			return answer{}, errors.New("no such table")
		case strings.Contains(text, "max(version)"):
			return answer{rows: [][]driver.Value{{m.version}}}, nil
		case strings.HasPrefix(text, "INSERT INTO ginoidc_version"):
			m.version++
		case strings.HasPrefix(text, "SELECT get_lock"):
			return answer{rows: [][]driver.Value{{int64(1)}}}, nil
		}
		return answer{}, nil
	}}
}

// lock is what precedes and follows the work of one instance.
func lock(d sqlstate.Dialect) (before, after string) {
	switch d {
	case sqlstate.PostgreSQL:
		return "SELECT pg_advisory_xact_lock", "COMMIT"
	case sqlstate.MySQL:
		return "SELECT get_lock", "DO release_lock"
	default:
		return "BEGIN IMMEDIATE", "COMMIT"
	}
}

func position(texts []string, prefix string) int {
	return slices.IndexFunc(texts, func(text string) bool { return strings.HasPrefix(text, prefix) })
}

// TestMigrate: the tables are made once, between lock and commit. A second run reads the version alone, and so needs no
// right to create tables.
func TestMigrate(t *testing.T) {
	for _, d := range dialects() {
		m := &migrating{version: -1}
		f := m.fake()
		store := newStore(t, f, d)
		if err := store.Migrate(t.Context()); err != nil {
			t.Fatalf("%s: %v", d, err)
		}
		before, after := lock(d)
		texts := f.ran()
		order := []int{
			position(texts, before), position(texts, "CREATE TABLE IF NOT EXISTS ginoidc_version"),
			slices.IndexFunc(texts, func(text string) bool {
				return strings.Contains(text, "TABLE ginoidc_entries") ||
					strings.Contains(text, "EXISTS ginoidc_entries")
			}),
			position(texts, "INSERT INTO ginoidc_version"), position(texts, after),
		}
		if !slices.IsSorted(order) || slices.Contains(order, -1) || order[len(order)-1] != len(texts)-1 {
			t.Errorf("%s: order %v of %q", d, order, texts)
		}
		for _, version := range []int64{1, 2} {
			m.version = version
			if err := store.Migrate(t.Context()); err != nil || m.version != version {
				t.Errorf("%s: again: version %d, %v", d, m.version, err)
			}
			if texts := f.ran(); len(texts) != 1 || !strings.HasPrefix(texts[0], "SELECT coalesce") {
				t.Errorf("%s: again: %q", d, texts)
			}
		}
	}
}

// TestMigrateFails: nothing is left half done, and the lock is given up.
func TestMigrateFails(t *testing.T) {
	for _, d := range dialects() {
		broken := errors.New("no room")
		m := &migrating{version: -1, fails: map[string]error{"lists (": broken}}
		f := m.fake()
		store := newStore(t, f, d)
		err := store.Migrate(t.Context())
		texts := f.ran()
		last := texts[len(texts)-1]
		if !errors.Is(err, broken) || m.version != 0 || last != "ROLLBACK" && !strings.HasPrefix(last, "DO release_lock") {
			t.Errorf("%s: version %d, %v; last %q", d, m.version, err, last)
		}
		m.fails = nil
		if err := store.Migrate(t.Context()); err != nil || m.version != 1 {
			t.Errorf("%s: afterwards: version %d, %v", d, m.version, err)
		}
	}
}

// TestMigrateStalls: a connection that does not release the lock in time is closed, and Migrate returns.
func TestMigrateStalls(t *testing.T) {
	for _, d := range dialects() {
		synctest.Test(t, func(t *testing.T) {
			broken := errors.New("no room")
			m := &migrating{version: -1, fails: map[string]error{"lists (": broken}}
			f := m.fake()
			answered := f.answer
			f.answer = func(ctx context.Context, text string, args []any) (answer, error) {
				if text == "ROLLBACK" || strings.HasPrefix(text, "DO release_lock") {
					<-ctx.Done()
					return answer{}, ctx.Err()
				}
				return answered(ctx, text, args)
			}
			err := newStore(t, f, d).Migrate(t.Context())
			f.mu.Lock()
			defer f.mu.Unlock()
			if !errors.Is(err, broken) || f.gone != 1 {
				t.Errorf("%s: %v, %d connections closed", d, err, f.gone)
			}
		})
	}
}

// TestMigrateConflicts: another instance may hold the file of SQLite. It is waited for, not for ever.
func TestMigrateConflicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &migrating{version: -1, fails: map[string]error{"BEGIN": sqliteError(5)}}
		f := m.fake()
		store := newStore(t, f, sqlstate.SQLite)
		if err := store.Migrate(t.Context()); !errors.Is(err, sqliteError(5)) || len(f.ran()) < 10 {
			t.Errorf("%v", err)
		}
		attempts := 0
		answered := f.answer
		f.answer = func(ctx context.Context, text string, args []any) (answer, error) {
			if text == "BEGIN IMMEDIATE" {
				if attempts++; attempts == 3 {
					m.fails = nil
				}
			}
			return answered(ctx, text, args)
		}
		if err := store.Migrate(t.Context()); err != nil || attempts != 3 {
			t.Errorf("%d attempts, %v", attempts, err)
		}
	})
}

// An instance that does not get MySQL's lock says so.
func TestMigrateWithoutLock(t *testing.T) {
	m := &migrating{version: -1}
	f := m.fake()
	answered := f.answer
	f.answer = func(ctx context.Context, text string, args []any) (answer, error) {
		if strings.HasPrefix(text, "SELECT get_lock") {
			return answer{rows: [][]driver.Value{{int64(0)}}}, nil
		}
		return answered(ctx, text, args)
	}
	err := newStore(t, f, sqlstate.MySQL).Migrate(t.Context())
	if err == nil || !strings.Contains(err.Error(), "another instance") || m.version != -1 {
		t.Errorf("version %d, %v", m.version, err)
	}
}

// TestSchema: what an app's own tool runs has the names that the statements use, and no others.
func TestSchema(t *testing.T) {
	for _, d := range dialects() {
		cfg := sqlstate.Config{DB: new(fake).opened(t), Dialect: d, Prefix: "my_", Secrets: []string{secret}}
		if d != sqlstate.SQLite {
			cfg.Schema = "own"
		}
		store, err := sqlstate.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		text := store.Schema()
		created := regexp.MustCompile(`(?:TABLE|INTO) (?:IF NOT EXISTS )?(\S+)`).FindAllStringSubmatch(text, -1)
		for _, name := range created {
			if cfg.Schema != "" && !strings.Contains(name[1], "own") || !strings.Contains(name[1], "my_") {
				t.Errorf("%s: %q", d, name[1])
			}
		}
		indexes := regexp.MustCompile(`(?:CREATE INDEX|KEY) (\w+_ends) `).FindAllStringSubmatch(text, -1)
		for _, name := range indexes {
			if !strings.HasPrefix(name[1], "my_") {
				t.Errorf("%s: index %q", d, name[1])
			}
		}
		if len(created) < 4 || len(indexes) != 2 || strings.Contains(text, "ginoidc_") {
			t.Errorf("%s: %d tables, %d indexes:\n%s", d, len(created), len(indexes), text)
		}
	}
}
