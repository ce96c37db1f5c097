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
	"time"

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

func count(texts []string, prefix string) (n int) {
	for _, text := range texts {
		if strings.HasPrefix(text, prefix) {
			n++
		}
	}
	return n
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
		if !slices.IsSorted(order) || slices.Contains(order, -1) || order[len(order)-1] != len(texts)-1 ||
			slices.Contains(texts, "") || f.gone != 0 {
			t.Errorf("%s: order %v of %q, %d connections closed", d, order, texts, f.gone)
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

// TestMigrateFails: whichever statement fails, the lock is given up, nothing follows, and the next migration succeeds.
func TestMigrateFails(t *testing.T) {
	for _, d := range dialects() {
		good := (&migrating{version: -1}).fake()
		if err := newStore(t, good, d).Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		all, broken := good.ran(), errors.New("no room")
		for failing := 1; failing < len(all); failing++ { // the first one only looks whether there are tables
			m, left := &migrating{version: -1}, failing
			f := m.fake()
			answered := f.answer
			f.answer = func(ctx context.Context, text string, args []any) (answer, error) {
				if left--; left == -1 {
					return answer{}, broken
				}
				return answered(ctx, text, args)
			}
			store := newStore(t, f, d)
			err := store.Migrate(t.Context())
			want := all[:failing+1]
			switch _, after := lock(d); {
			case failing == 1: // there is no lock yet
			case after == "COMMIT":
				want = append(slices.Clone(want), "ROLLBACK")
			case failing < len(all)-1:
				want = append(slices.Clone(want), all[len(all)-1])
			}
			if got := f.ran(); !errors.Is(err, broken) || !slices.Equal(got, want) {
				t.Errorf("%s: %v; ran %q, want %q", d, err, got, want)
			}
			if err := store.Migrate(t.Context()); err != nil || m.version < 1 {
				t.Errorf("%s: afterwards: version %d, %v", d, m.version, err)
			}
		}
	}
}

// TestMigrateUnreachable: a database without a connection is an error.
func TestMigrateUnreachable(t *testing.T) {
	f := &fake{unreachable: errors.New("no route")}
	if err := newStore(t, f, sqlstate.SQLite).Migrate(t.Context()); !errors.Is(err, f.unreachable) {
		t.Errorf("%v", err)
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
		began := time.Now()
		if err := store.Migrate(t.Context()); !errors.Is(err, sqliteError(5)) || time.Since(began) < 20*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if n := count(f.ran(), "BEGIN"); n != 20 {
			t.Errorf("%d attempts", n)
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
		ctx, cancel := context.WithCancel(t.Context())
		m.version, f.answer = -1, func(_ context.Context, text string, _ []any) (answer, error) {
			if strings.HasPrefix(text, "BEGIN") {
				cancel()
			}
			return answer{}, sqliteError(5)
		}
		f.ran()
		if err := store.Migrate(ctx); !errors.Is(err, sqliteError(5)) || count(f.ran(), "BEGIN") != 1 {
			t.Errorf("another attempt for a caller that has given up: %v", err)
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
