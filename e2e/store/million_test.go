package store_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/postgres"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/internal/session/sessiontest"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
	"github.com/seed-d65cea4d/ginoidc/sqlstate"
)

// TestMillion: what a guarded request, a row and the removal of expired rows cost among a million sessions, or among
// twenty thousand in the short slice. It prints figures, and fails only if something does not work.
func TestMillion(t *testing.T) {
	rows := start.Long(20_000, 1_000_000)
	server := start.RunDurablePostgres(t, start.FreePort(t), start.DataDir(t))
	file := sqliteFile(t)
	for _, d := range []database{
		{"PostgreSQL", sqlstate.PostgreSQL, "pgx", server.URL, nil},
		{"SQLite", sqlstate.SQLite, "sqlite", strings.ReplaceAll(file.dsn, "busy_timeout(900)", "busy_timeout(60000)"), nil},
	} {
		t.Run(d.name, func(t *testing.T) { d.million(t, rows) })
	}
	t.Run("gin-contrib's PostgreSQL store", func(t *testing.T) { ginContrib(t, server.URL, rows) })
	t.Run("Redis", func(t *testing.T) {
		redis := start.RunRedis(t)
		store := newRedisState(t, redisstate.Config{URL: "redis://" + redis.Addr})
		app, b := guarded(t, store, store)
		t.Logf("figure million: `redisstate` | 1 | – | – | %v", median(app, b))
	})
}

func (d database) million(t *testing.T, rows int) {
	db := d.open(t)
	store := d.storeOf(t, db, "")
	app, b := guarded(t, store, store)
	few := median(app, b)
	before := d.size(t, db)
	d.fill(t, db, rows)
	t.Logf("figure million: `sqlstate`, %s | %d | %d | %v | %v", d.name, rows, (d.size(t, db)-before)/int64(rows),
		median(app, b), few)

	plain := d.additions(t, store, 500)
	d.exec(t, db, fmt.Sprintf(`UPDATE ginoidc_entries SET ends = 1 WHERE k LIKE 's:filler%%0'`))
	expired := d.count(t, db, `SELECT count(*) FROM ginoidc_entries WHERE ends = 1`)
	while := d.additions(t, store, 500)
	removed := expired - d.count(t, db, `SELECT count(*) FROM ginoidc_entries WHERE ends = 1`)
	t.Logf("figure removals: %s: an addition takes %v on average; with %d expired rows left it takes %v and removes %d "+
		"of them", d.name, plain, expired, while, removed/500)
	if removed <= min(expired, 500)-1 {
		t.Errorf("%d rows were removed", removed)
	}
}

// guarded is an app with a route for signed-in users, and a browser that is signed in.
func guarded(t *testing.T, store sessions.Store, state ginoidc.SharedState) (http.Handler, sessiontest.Browser) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	const secret = "a secret of the end-to-end tests"
	auth, err := ginoidc.New(ginoidc.Config{
		Providers: []ginoidc.Provider{{Issuer: "https://idp.example.com", ClientID: "app", ClientSecret: secret}},
		AppURL:    "https://app.example.com", CookieSecrets: []string{secret}, Store: store, State: state,
	})
	if err != nil {
		t.Fatal(err)
	}
	e := gin.New()
	e.GET("/", auth.RequireAuth(), func(c *gin.Context) { c.Status(http.StatusOK) })
	e.POST("/start", func(c *gin.Context) {
		err := auth.StartSession(c, &ginoidc.User{
			Subject: "00u1a2b3c4d5e6f7g8h9", Name: "Alice Example", Email: "alice@example.com",
			Groups: []string{"admin", "staff", "audit"},
		})
		if err != nil {
			t.Error(err)
		}
	})
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "https://app.example.com/start", nil))
	b := sessiontest.Browser{}
	b.Receive(t, w.Header())
	return e, b
}

// median returns the time of the median of many requests, one after the other.
func median(app http.Handler, b sessiontest.Browser) time.Duration {
	times := make([]time.Duration, 1000)
	for i := range times {
		w, r := httptest.NewRecorder(), b.Request()
		began := time.Now()
		app.ServeHTTP(w, r)
		if times[i] = time.Since(began); w.Code != http.StatusOK {
			panic(fmt.Sprint("status ", w.Code))
		}
	}
	slices.Sort(times)
	return times[len(times)/2].Round(time.Microsecond)
}

// additions returns the average time of so many revocations.
func (d database) additions(t *testing.T, store *sqlstate.Store, n int) time.Duration {
	t.Helper()
	began := time.Now()
	for i := range n {
		if err := store.Revoke(t.Context(), fmt.Sprint("e", began.UnixNano(), i), began, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	return (time.Since(began) / time.Duration(n)).Round(time.Microsecond)
}

// fill adds rows of the size that the one session has. They end one after the other during twelve hours.
func (d database) fill(t *testing.T, db *sql.DB, rows int) {
	t.Helper()
	var key string
	var size, ends int64
	if err := db.QueryRow(`SELECT k, length(value), ends FROM ginoidc_entries WHERE k LIKE 's:%'`).
		Scan(&key, &size, &ends); err != nil {
		t.Fatal(err)
	}
	const hour = 3600e6
	tail := len(key) - len("s:filler") - 32
	if d.dialect == sqlstate.SQLite {
		d.exec(t, db, fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) `+
			`INSERT INTO ginoidc_entries (k, value, ends) SELECT 's:filler' || lower(hex(randomblob(16))) || `+
			`substr('%040d' || i, -%d), randomblob(%d), %d + i * %d FROM n`, rows, 0, tail, size, ends,
			int64(12*hour)/int64(rows)))
		return
	}
	d.exec(t, db, fmt.Sprintf(`INSERT INTO ginoidc_entries (k, value, ends) SELECT 's:filler' || md5(random()::text) || `+
		`lpad(i::text, %d, '0'), decode(repeat(md5(random()::text), %d), 'hex'), %d + i::bigint * %d `+
		`FROM generate_series(1, %d) i`, tail, size/16, ends, int64(12*hour)/int64(rows), rows))
	d.exec(t, db, "VACUUM ANALYZE ginoidc_entries")
}

func (d database) exec(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func (d database) count(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// size returns the bytes on disk of the table and its index.
func (d database) size(t *testing.T, db *sql.DB) int64 {
	t.Helper()
	if d.dialect == sqlstate.SQLite {
		return int64(d.count(t, db, `SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`))
	}
	return int64(d.count(t, db, `SELECT pg_total_relation_size('ginoidc_entries')`))
}

// ginContrib is a route that reads the user from a session in gin-contrib's store, among as many others.
func ginContrib(t *testing.T, url string, rows int) {
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxIdleConns(16)
	store, err := postgres.NewStore(db, authenticationKey())
	if err != nil {
		t.Fatal(err)
	}
	e := gin.New()
	e.Use(sessions.Sessions("app", store))
	e.GET("/", func(c *gin.Context) {
		if user, _ := sessions.Default(c).Get("user").(string); user == "" {
			c.AbortWithStatus(http.StatusUnauthorized)
		}
	})
	e.POST("/start", func(c *gin.Context) {
		s := sessions.Default(c)
		s.Set("user", "00u1a2b3c4d5e6f7g8h9")
		s.Set("name", "Alice Example")
		s.Set("email", "alice@example.com")
		s.Set("groups", []string{"admin", "staff", "audit"})
		if err := s.Save(); err != nil {
			t.Error(err)
		}
	})
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "https://app.example.com/start", nil))
	b := sessiontest.Browser{}
	b.Receive(t, w.Header())
	few := median(e, b)
	var before, after int64
	const size = `SELECT pg_total_relation_size('http_sessions')`
	if err := db.QueryRow(size).Scan(&before); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(fmt.Sprintf(`INSERT INTO http_sessions (key, data, created_on, modified_on, expires_on) `+
		`SELECT convert_to(md5(i::text) || substr(md5((i + 1)::text), 1, 20), 'UTF8'), data, created_on, modified_on, `+
		`expires_on FROM (SELECT * FROM http_sessions LIMIT 1) one, generate_series(1, %d) i`, rows)); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("VACUUM ANALYZE http_sessions"); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRow(size).Scan(&after); err != nil {
		t.Fatal(err)
	}
	const name = "gin-contrib's PostgreSQL store, which reads the session and checks nothing"
	t.Logf("figure million: %s | %d | %d | %v | %v", name, rows, (after-before)/int64(rows), median(e, b), few)
}
