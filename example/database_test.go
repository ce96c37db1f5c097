package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/sqlstate"
)

// onDatabase returns an app that keeps its sessions at the URL.
func onDatabase(t *testing.T, address string) *app {
	t.Helper()
	return newAppUntil(t, t.Context(), localhost, func(c *ginoidc.Config) {
		stop, err := useDatabase(c, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
	})
}

// TestSQLiteSurvivesRestarts: sessions go on, and a sign-out holds, after the app has started again. The name of the
// file is taken as it is.
func TestSQLiteSurvivesRestarts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state of 100%20 apps?.db")
	before := onDatabase(t, "sqlite:"+file)
	alice, bob := before.client(t, "alice"), before.client(t, "bob")
	if !signedIn(t, before, alice) || !signedIn(t, before, bob) {
		t.Fatal("no sign-in")
	}
	if err := before.auth.EndUserSessions(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	after := onDatabase(t, "sqlite:"+file)
	for who, browser := range map[string]*http.Client{"alice": alice, "bob": bob} {
		client := after.client(t, "")
		client.Jar = browser.Jar
		if is := signedIn(t, after, client); is != (who == "bob") {
			t.Errorf("%s is signed in: %t", who, is)
		}
	}
	if r := after.send(t, after.client(t, ""), http.MethodGet, "/readyz", ""); r.StatusCode != http.StatusOK {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
}

// TestDatabaseThatIsDown: the app starts, says so once, answers 503 where a session matters, and ends at once.
func TestDatabaseThatIsDown(t *testing.T) {
	for _, address := range []string{
		"postgres://app:hidden@127.0.0.1:1/app?sslmode=disable", "mysql://app:hidden@127.0.0.1:1/app",
	} {
		var log logText
		config := ginoidc.Config{CookieSecrets: []string{secret}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		stop, err := useDatabase(&config, address)
		if err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(time.Minute)
		for !strings.Contains(log.String(), "not ready") && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
		}
		a := newAppUntil(t, t.Context(), localhost, func(c *ginoidc.Config) { c.Store, c.State = config.Store, config.State })
		for path, want := range map[string]int{
			"/healthz": 200, "/readyz": 503, "/api/me": 503, "/": 503, "/silent": 503, "/nowhere": 404,
		} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, localhost+path, nil)
			r.AddCookie(&http.Cookie{Name: "ginoidc", Value: strings.Repeat("A", 43)})
			w := httptest.NewRecorder()
			if a.engine.ServeHTTP(w, r); w.Code != want {
				t.Errorf("%s: %d, want %d", path, w.Code, want)
			}
		}
		stop()
		if text := log.String(); strings.Count(text, "not ready") != 1 || strings.Contains(text, "hidden") {
			t.Errorf("log: %s", text)
		}
	}
}

func TestOpenDatabase(t *testing.T) {
	for address, want := range map[string]sqlstate.Dialect{
		"postgres://app@db.example/app": sqlstate.PostgreSQL, "postgresql://db.example/app": sqlstate.PostgreSQL,
		"mysql://app@db.example/app": sqlstate.MySQL, "sqlite:app.db": sqlstate.SQLite, "sqlite:/var/app.db": sqlstate.SQLite,
		"app.db": "", "http://db.example/app": "", "postgres://app:secret@db.example:none/app": "",
	} {
		db, dialect, err := openDatabase(address)
		if dialect != want || (err == nil) != (want != "") || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %q, %v", address, dialect, err)
		}
		if db != nil {
			_ = db.Close()
		}
	}
}

func TestMySQLConfig(t *testing.T) {
	for address, want := range map[string]string{
		"mysql://app:p%40ss%2F@db.example/shop":        "app:p@ss/@tcp(db.example:3306)/shop",
		"mysql://app@[::1]:3307/shop?tls=true":         "app@tcp([::1]:3307)/shop?tls=true",
		"mysql://[::1]/shop":                           "tcp([::1]:3306)/shop",
		"mysql://db.example/shop?clientFoundRows=true": "tcp(db.example:3306)/shop?clientFoundRows=true",
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		config, err := mySQLConfig(u)
		if err != nil || config.FormatDSN() != want {
			t.Errorf("%s: %v; want %s", address, config.FormatDSN(), want)
		}
	}
}

// A process that cannot use its file does not start.
func TestFileThatIsNoDatabase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(file, bytes.Repeat([]byte("not a database\n"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	config := ginoidc.Config{CookieSecrets: []string{secret}, Logger: slog.New(slog.DiscardHandler)}
	if stop, err := useDatabase(&config, "sqlite:"+file); err == nil || !strings.Contains(err.Error(), "DATABASE_URL") {
		stop()
		t.Errorf("%v", err)
	}
}
