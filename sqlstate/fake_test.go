package sqlstate_test

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/sqlstate"
)

// fake is a driver whose statements a test answers. The live tests of the end-to-end module run them on databases.
type fake struct {
	mu     sync.Mutex
	texts  []string // of the statements that ran, in order
	closed int      // prepared statements
	open   int
	gone   int // connections that were closed

	unreachable error  // why there are no connections
	preparing   func() // is called before a statement is prepared
	answer      func(ctx context.Context, text string, args []any) (answer, error)
}

// answer is the result of one statement.
type answer struct {
	rows     [][]driver.Value
	affected int64
	id       int64

	broken        error // instead of further rows
	noCount, noID error // instead of affected and id
}

// opened returns a database that is closed with the test.
func (f *fake) opened(t testing.TB) *sql.DB {
	t.Helper()
	db := sql.OpenDB(f)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

const secret = "a secret of thirty-two bytes, ok"

func newStore(t testing.TB, f *fake, d sqlstate.Dialect) *sqlstate.Store {
	t.Helper()
	store, err := sqlstate.New(sqlstate.Config{DB: f.opened(t), Dialect: d, Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// ran returns the statements since the last call.
func (f *fake) ran() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	texts := f.texts
	f.texts = nil
	return texts
}

func (f *fake) run(ctx context.Context, text string, named []driver.NamedValue) (answer, error) {
	f.mu.Lock()
	f.texts = append(f.texts, text)
	f.mu.Unlock()
	args := make([]any, len(named))
	for i, arg := range named {
		args[i] = arg.Value
	}
	if f.answer == nil {
		return answer{}, nil
	}
	return f.answer(ctx, text, args)
}

// The rest implements the driver.

func (f *fake) Connect(context.Context) (driver.Conn, error) { return conn{f}, f.unreachable }
func (f *fake) Driver() driver.Driver                        { return nil }

type conn struct{ *fake }

func (c conn) Begin() (driver.Tx, error)           { return nil, errors.New("not used") }
func (c conn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("not used") }

func (c conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone++
	return nil
}

func (c conn) PrepareContext(_ context.Context, text string) (driver.Stmt, error) {
	if c.preparing != nil {
		c.preparing()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
	return stmt{c.fake, text}, nil
}

type stmt struct {
	*fake
	text string
}

func (s stmt) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

// NumInput makes database/sql check the number of arguments.
func (s stmt) NumInput() int {
	if n := strings.Count(s.text, "?"); n > 0 {
		return n
	}
	n := 0
	for strings.Contains(s.text, "$"+strconv.Itoa(n+1)) {
		n++
	}
	return n
}

func (s stmt) Exec([]driver.Value) (driver.Result, error) { return nil, errors.New("not used") }
func (s stmt) Query([]driver.Value) (driver.Rows, error)  { return nil, errors.New("not used") }

func (s stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	a, err := s.run(ctx, s.text, args)
	return result(a), err
}

func (s stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	a, err := s.run(ctx, s.text, args)
	return newRows(a), err
}

type result answer

func (r result) LastInsertId() (int64, error) { return r.id, r.noID }
func (r result) RowsAffected() (int64, error) { return r.affected, r.noCount }

type rows struct {
	left    [][]driver.Value
	columns []string
	broken  error
}

func newRows(a answer) *rows {
	if len(a.rows) == 0 {
		return &rows{broken: a.broken}
	}
	return &rows{a.rows, make([]string, len(a.rows[0])), a.broken}
}

func (r *rows) Columns() []string { return r.columns }

func (r *rows) Close() error { return nil }

func (r *rows) Next(dest []driver.Value) error {
	if len(r.left) == 0 {
		return cmp.Or(r.broken, io.EOF)
	}
	copy(dest, r.left[0])
	r.left = r.left[1:]
	return nil
}
