package sqlstate

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

//go:embed schema
var schema embed.FS

// latest is the version of the tables that this package needs. Version n is made by schema/DIALECT/n.sql from n-1. Each
// version must also serve programs that know only the one before, because instances are replaced one by one.
const latest = 1

// Migrate creates the tables, or brings those of an earlier version up to date. It is idempotent, and may run in
// several instances at once: one does the work and the others wait for it until ctx ends. It needs the right to create
// tables; Schema returns the statements for those who run them by other means.
func (s *Store) Migrate(ctx context.Context) error {
	if version, err := s.version(ctx, s.db); err == nil && version >= latest {
		return nil // without a right to create tables
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("sqlstate: migrate: %w", err)
	}
	defer conn.Close()
	for attempt := 1; ; attempt++ {
		err := s.alone(ctx, conn, func() error { return s.upgrade(ctx, conn) })
		if err == nil {
			return nil
		}
		if !isConflict(err) || attempt >= maxAttempts || ctx.Err() != nil {
			return fmt.Errorf("sqlstate: migrate: %w", err)
		}
		pause(ctx, attempt)
	}
}

// Schema returns the statements that create the tables of the newest version, with their names as configured.
func (s *Store) Schema() string {
	return s.names.versionTable() + ";\n" + strings.Join(s.steps, "")
}

// alone runs do while no other instance does. MySQL commits each change of a table at once, so a lock of the connection
// takes the place of a transaction, and the statements can be repeated.
func (s *Store) alone(ctx context.Context, conn *sql.Conn, do func() error) (err error) {
	begin, lock, commit, rollback := "BEGIN", "", "COMMIT", "ROLLBACK"
	switch name := s.names.table("migrate"); s.dialect {
	case SQLite:
		begin = "BEGIN IMMEDIATE"
	case PostgreSQL:
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(name))
		lock = fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", hash.Sum32())
	case MySQL:
		name = strings.NewReplacer("`", "").Replace(name)
		return s.aloneMySQL(ctx, conn, name, do)
	}
	if _, err := conn.ExecContext(ctx, begin); err != nil {
		return err
	}
	if lock != "" {
		_, err = conn.ExecContext(ctx, lock)
	}
	if err == nil {
		err = do()
	}
	if err == nil {
		_, err = conn.ExecContext(ctx, commit)
	}
	if err != nil {
		_ = s.release(ctx, conn, rollback)
	}
	return err
}

// release gives the lock back, even if ctx has ended. A connection that does not do so in time is closed, with which
// the server releases the lock; the pool must not hand it out.
func (s *Store) release(ctx context.Context, conn *sql.Conn, statement string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	defer cancel()
	_, err := conn.ExecContext(ctx, statement, args...)
	if err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	return err
}

var errNoLock = errors.New("another instance migrates and does not end")

func (s *Store) aloneMySQL(ctx context.Context, conn *sql.Conn, name string, do func() error) error {
	const seconds = 60
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT get_lock(?, ?)", name, seconds).Scan(&got); err != nil {
		return err
	}
	if got.Int64 != 1 {
		return errNoLock
	}
	err := do()
	return errors.Join(err, s.release(ctx, conn, "DO release_lock(?)", name))
}

// upgrade runs the steps from the version that the tables have.
func (s *Store) upgrade(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, s.names.versionTable()); err != nil {
		return err
	}
	version, err := s.version(ctx, conn)
	if err != nil {
		return err
	}
	for version < latest {
		for statement := range strings.SplitSeq(strings.TrimSuffix(s.steps[version], ";\n"), ";\n") {
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("version %d: %w", version+1, err)
			}
		}
		version++
	}
	return nil
}

// readSteps returns the statements that make each version.
func readSteps(d Dialect, n names) (steps []string, err error) {
	for version := 1; version <= latest; version++ {
		text, err := schema.ReadFile("schema/" + string(d) + "/" + strconv.Itoa(version) + ".sql")
		if err != nil {
			return nil, err
		}
		steps = append(steps, n.in(string(text))+n.insertVersion(version)+";\n")
	}
	return steps, nil
}

// in replaces the names in a schema file. An index is in the schema of its table and takes no qualifier.
func (n names) in(text string) string {
	return strings.NewReplacer(
		"ginoidc_entries_ends", n.prefix+"entries_ends", "ginoidc_lists_ends", n.prefix+"lists_ends",
		"ginoidc_entries", n.table("entries"), "ginoidc_lists", n.table("lists"),
	).Replace(text)
}

func (n names) versionTable() string {
	return "CREATE TABLE IF NOT EXISTS " + n.table("version") + " (version integer NOT NULL PRIMARY KEY)"
}

func (n names) insertVersion(version int) string {
	return fmt.Sprintf("INSERT INTO %s (version) VALUES (%d)", n.table("version"), version)
}

// version returns the version of the tables, or 0.
func (s *Store) version(ctx context.Context, db interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) (version int, err error) {
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM "+s.names.table("version")).Scan(&version)
	return version, err
}
