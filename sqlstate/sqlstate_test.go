package sqlstate_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/sqlstate"
)

var _ ginoidc.SharedState = (*sqlstate.Store)(nil)

func dialects() []sqlstate.Dialect {
	return []sqlstate.Dialect{sqlstate.PostgreSQL, sqlstate.MySQL, sqlstate.SQLite}
}

func TestNewReportsEveryProblem(t *testing.T) {
	db := new(fake).opened(t)
	good := sqlstate.Config{DB: db, Dialect: sqlstate.PostgreSQL, Secrets: []string{secret}}
	for name, tt := range map[string]struct {
		change func(*sqlstate.Config)
		wants  []string // one per line
	}{
		"nothing":  {func(*sqlstate.Config) {}, nil},
		"a schema": {func(c *sqlstate.Config) { c.Schema, c.Prefix = "app_1", "_x" }, nil},
		"all": {func(c *sqlstate.Config) { *c = sqlstate.Config{Timeout: -1} },
			[]string{"secret", "DB", "Dialect", "Timeout"}},
		"another dialect": {func(c *sqlstate.Config) { c.Dialect = "oracle" }, []string{`"oracle"`}},
		"a short secret":  {func(c *sqlstate.Config) { c.Secrets = []string{"short"} }, []string{"5 bytes"}},
		"SQLite's schema": {func(c *sqlstate.Config) { c.Dialect, c.Schema = sqlstate.SQLite, "main" }, []string{"Schema"}},
		"injection": {func(c *sqlstate.Config) { c.Schema, c.Prefix = `a"; DROP TABLE x; --`, "x; DROP TABLE y --" },
			[]string{"Prefix", "Schema"}},
		"a dot":      {func(c *sqlstate.Config) { c.Prefix = "a.b" }, []string{"Prefix"}},
		"a backtick": {func(c *sqlstate.Config) { c.Schema = "a`b" }, []string{"Schema"}},
		"a new line": {func(c *sqlstate.Config) { c.Prefix = "a\n" }, []string{"Prefix"}},
		"a digit":    {func(c *sqlstate.Config) { c.Prefix = "1a" }, []string{"Prefix"}},
		"too long":   {func(c *sqlstate.Config) { c.Prefix = strings.Repeat("a", 41) }, []string{"Prefix"}},
	} {
		cfg := good
		tt.change(&cfg)
		store, err := sqlstate.New(cfg)
		if (err == nil) != (tt.wants == nil) || (store == nil) == (err == nil) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err == nil {
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(tt.wants) || !strings.HasPrefix(lines[0], "sqlstate: ") {
			t.Errorf("%s: %q", name, lines)
			continue
		}
		for i, want := range tt.wants {
			if !strings.Contains(lines[i], want) {
				t.Errorf("%s: %q lacks %q", name, lines[i], want)
			}
		}
	}
}

// everyMethod calls each method of the state, and loads, saves and deletes a session.
func everyMethod(ctx context.Context, s *sqlstate.Store) map[string]error {
	at := time.Unix(1_700_000_000, 0)
	done := map[string]error{
		"Revoke": s.Revoke(ctx, "e1", at, time.Hour), "Enlist": s.Enlist(ctx, "u1", "e1", time.Hour),
		"Delist": s.Delist(ctx, "u1", "e1"), "Keep": s.Keep(ctx, "n1", "v", time.Hour),
		"forget": s.Keep(ctx, "n1", "", 0), "Ping": s.Ping(ctx), "Enlist for no time": s.Enlist(ctx, "u1", "e1", 0),
	}
	for _, n := range []int{1, 2, 3, 32, 33} {
		keys := make([]string, n)
		_, err := s.Revoked(ctx, keys...)
		done["Revoked"] = errors.Join(done["Revoked"], err)
	}
	_, done["MarkUsed"] = s.MarkUsed(ctx, "j1", time.Hour)
	_, done["Listed"] = s.Listed(ctx, "u1")
	_, _, done["Kept"] = s.Kept(ctx, "n1")
	_, done["load"] = load(ctx, s, id)
	_, done["save"] = save(ctx, s, "")
	_, done["replace"] = save(ctx, s, id)
	done["delete"] = remove(ctx, s, id)
	release, ok, err := s.Lease(ctx, "t1", time.Hour)
	if done["Lease"] = err; ok {
		done["release"] = release(ctx)
	}
	return done
}

// TestStatements: each names its tables with schema and prefix, has as many placeholders as arguments, and finds its
// rows by the database's clock. Nothing that a caller passes becomes part of a statement.
func TestStatements(t *testing.T) {
	clock := map[sqlstate.Dialect]string{
		sqlstate.PostgreSQL: "statement_timestamp()", sqlstate.MySQL: "utc_timestamp(6)", sqlstate.SQLite: "unixepoch(",
	}
	table := map[sqlstate.Dialect]string{
		sqlstate.PostgreSQL: `"own".my_`, sqlstate.MySQL: "`own`.my_", sqlstate.SQLite: "my_",
	}
	for _, d := range dialects() {
		f := &fake{answer: func(_ context.Context, text string, _ []any) (answer, error) {
			if strings.Contains(text, "max(version)") {
				return answer{rows: [][]driver.Value{{int64(1)}}}, nil
			}
			return answer{affected: 1, id: 1}, nil
		}}
		cfg := sqlstate.Config{DB: f.opened(t), Dialect: d, Prefix: "my_", Secrets: []string{secret}}
		if d != sqlstate.SQLite {
			cfg.Schema = "own"
		}
		store, err := sqlstate.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for method, err := range everyMethod(t.Context(), store) {
			if err != nil {
				t.Errorf("%s: %s: %v", d, method, err)
			}
		}
		tables := regexp.MustCompile(`\S*(entries|lists|version)\b`)
		texts := f.ran()
		for _, text := range texts {
			for _, name := range tables.FindAllString(text, -1) {
				if !strings.HasPrefix(name, table[d]) && !strings.Contains(name, "(version") {
					t.Errorf("%s: table %s in %s", d, name, text)
				}
			}
			timed := strings.Contains(text, "ends")
			if timed != strings.Contains(text, clock[d]) && !strings.Contains(text, "OFFSET") || strings.Contains(text, "{") ||
				strings.Contains(text, "e1") {
				t.Errorf("%s: %s", d, text)
			}
		}
		if len(texts) < 20 {
			t.Errorf("%s: %d statements ran", d, len(texts))
		}
	}
}

// TestOneRoundTrip: what a guarded request asks for is one statement each.
func TestOneRoundTrip(t *testing.T) {
	for _, d := range dialects() {
		f := &fake{}
		store := newStore(t, f, d)
		_, loaded := load(t.Context(), store, id)
		_, revoked := store.Revoked(t.Context(), "e1", "u1", "p1", "p2", "p3")
		if texts := f.ran(); len(texts) != 2 || loaded != nil || revoked != nil {
			t.Errorf("%s: %q, %v, %v", d, texts, loaded, revoked)
		}
	}
}

func TestPing(t *testing.T) {
	version := int64(0)
	f := &fake{answer: func(context.Context, string, []any) (answer, error) {
		return answer{rows: [][]driver.Value{{version}}}, nil
	}}
	store := newStore(t, f, sqlstate.SQLite)
	if err := store.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "Migrate") {
		t.Errorf("without tables: %v", err)
	}
	version = 2 // a later instance's
	if err := store.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
