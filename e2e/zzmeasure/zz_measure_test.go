package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/filesystem"
	gormsessions "github.com/gin-contrib/sessions/gorm"
	"github.com/gin-contrib/sessions/memcached"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-contrib/sessions/postgres"
	"github.com/gin-contrib/sessions/redis"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/session/sessiontest"
)

func all(t *testing.T) map[string]sessions.Store {
	pg := start.RunPostgres(t)
	db, _ := sql.Open("postgres", pg.URL)
	db.SetMaxIdleConns(20)
	p, err := postgres.NewStore(db, authenticationKey())
	if err != nil {
		t.Fatal(err)
	}
	r, err := redis.NewStore(20, "tcp", start.RunRedis(t).Addr, "", "", authenticationKey())
	if err != nil {
		t.Fatal(err)
	}
	mc := memcache.New(start.RunMemcached(t).Addr)
	mc.Timeout = 10 * time.Second
	g, err := gorm.Open(sqlite.Open(filepath.Join(t.TempDir(), "s.db")+"?_journal=WAL&_busy_timeout=10000"), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]sessions.Store{
		"postgres": p, "redis": r, "memcached": memcached.NewStore(mc, "", authenticationKey()),
		"gorm": gormsessions.NewStore(g, false, authenticationKey()), "memstore": memstore.NewStore(authenticationKey()),
		"filesystem": filesystem.NewStore(t.TempDir(), authenticationKey()), "cookie": cookie.NewStore(authenticationKey()),
	}
}

func mgr(t *testing.T, s sessions.Store, idle time.Duration) *session.Manager {
	m, err := session.New(session.Config{Store: s, Secrets: []string{strings.Repeat("k", 32)}, Name: "__Host-ginoidc", Path: "/", Secure: true, Idle: idle, Lifetime: 1000 * 24 * time.Hour, Audience: "x"})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMeasure(t *testing.T) {
	for name, s := range all(t) {
		t.Run(name, func(t *testing.T) {
			m := mgr(t, s, 2*time.Second)
			// size
			for _, w := range []int{12, 36} {
				n := 0
				for k := 1; k < 400; k++ {
					rec := session.Record{Subject: "248289761001", Name: "Alice Adams", Email: "alice@example.com"}
					for i := range k {
						rec.Groups = append(rec.Groups, fmt.Sprintf("%0*d", w, i))
					}
					h := http.Header{}
					if _, err := m.Begin(h, sessiontest.Browser{}.Request(), rec); err != nil {
						var tl *session.TooLargeError
						if !errors.As(err, &tl) {
							t.Fatal(err)
						}
						break
					}
					n = k
				}
				t.Logf("%d groups of %d", n, w)
			}
			// long idle
			ml := mgr(t, s, 90*24*time.Hour)
			b, h := sessiontest.Browser{}, http.Header{}
			if _, err := ml.Begin(h, b.Request(), session.Record{Subject: "a"}); err != nil {
				t.Fatal(err)
			}
			b.Receive(t, h)
			l, err := ml.Load(b.Request())
			t.Logf("idle 90 days: loaded %v %v", l != nil, err)
			// raised
			if ml, ok := s.(interface{ MaxLength(int) }); ok {
				ml.MaxLength(0)
			} else if ml, ok := s.(interface{ SetMaxLength(int) }); ok {
				ml.SetMaxLength(0)
			} else {
				t.Log("cannot be raised (promoted)")
			}
			for _, kb := range []int{8, 64, 512, 900, 2000, 20000} {
				h := http.Header{}
				_, err := m.Begin(h, sessiontest.Browser{}.Request(), session.Record{Subject: "a", Claims: []byte(strings.Repeat("x", kb<<10))})
				if err != nil {
					t.Logf("%d kB: %v", kb, err)
					break
				}
				t.Logf("%d kB ok", kb)
			}
			// latency of a load
			b, h = sessiontest.Browser{}, http.Header{}
			m = mgr(t, s, time.Hour)
			m.Begin(h, b.Request(), session.Record{Subject: "a", Groups: []string{"a", "b", "c"}})
			b.Receive(t, h)
			began := time.Now()
			for range 2000 {
				if l, err := m.Load(b.Request()); err != nil || l == nil {
					t.Fatal(l, err)
				}
			}
			t.Logf("load %v", time.Since(began)/2000)
		})
	}
}

// sign-out raced against renewal
func TestMeasureRace(t *testing.T) {
	for name, s := range all(t) {
		t.Run(name, func(t *testing.T) {
			m := mgr(t, s, time.Second)
			alive, errs := 0, 0
			const rounds = 300
			type one struct {
				b sessiontest.Browser
				s *session.Session
			}
			var ones []one
			for range rounds {
				b, h := sessiontest.Browser{}, http.Header{}
				ses, err := m.Begin(h, b.Request(), session.Record{Subject: "a"})
				if err != nil {
					t.Fatal(err)
				}
				b.Receive(t, h)
				ones = append(ones, one{b, ses})
			}
			time.Sleep(600 * time.Millisecond)
			m2 := mgr(t, s, 1000*time.Second)
			_ = m2
			mR := mgr(t, s, 1*time.Second)
			mU := mgr(t, s, 1000*time.Second)
			for _, o := range ones {
				o.s.Renewed = time.Now().Add(-800 * time.Second) // due
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						c := *o.s
						if err := mU.Renew(http.Header{}, o.b.Request(), &c); err != nil {
							errs++
						}
					})
				}
				wg.Go(func() {
					if err := mR.Destroy(http.Header{}, o.b.Request()); err != nil {
						errs++
					}
				})
				wg.Wait()
				l, err := mU.Load(o.b.Request())
				if err != nil {
					t.Fatal(err)
				}
				if l != nil {
					alive++
				}
			}
			t.Logf("%s: alive after sign-out %d of %d, errors %d", name, alive, rounds, errs)
		})
	}
}
