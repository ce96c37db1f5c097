package blackbox_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"pgregory.net/rapid"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
	"github.com/seed-d65cea4d/ginoidc/memorystore"
)

// TestStateMachine takes steps in any order: sign-ins in several tabs, requests, renewals, updates of the user,
// sign-outs of each kind, security events, restarts, outages of the shared state, and time that passes; and, with
// re-checks, changes and outages of the provider, and refreshes. A model says who is signed in in each browser and with
// which groups, and all instances agree. Copies of earlier cookies never show an ended session or groups that are no
// longer valid.
//
// More steps: go test ./internal/blackbox -run TestStateMachine -rapid.checks=1000 -v.
func TestStateMachine(t *testing.T) {
	total := 0
	for name, k := range map[string]struct{ inCookies, rechecks bool }{
		"sealed cookies": {true, false}, "server": {false, false},
		"sealed cookies, re-checks": {true, true}, "server, re-checks": {false, true},
	} {
		t.Run(name, func(t *testing.T) {
			steps := 0
			rapid.Check(t, func(rt *rapid.T) {
				var failure any // of rapid, which waits for it outside of the bubble
				synctest.Test(t, func(t *testing.T) {
					m := newMachine(t, k.inCookies, k.rechecks)
					defer func() {
						failure = recover()
						steps += m.steps
					}()
					m.run(rt)
				})
				// Rapid tells a failure from a sequence that it has cut too short by the line of the panic.
				if strings.Contains(fmt.Sprintf("%T", failure), "invalidData") {
					panic(failure)
				}
				if failure != nil {
					panic(failure)
				}
			})
			t.Logf("%d steps", steps)
			total += steps
		})
	}
	t.Logf("figure steps: %d steps, of which each was followed by a comparison of three browsers and up to six copies of "+
		"their cookies with the model", total)
}

func (m *machine) run(t *rapid.T) {
	t.Repeat(map[string]func(*rapid.T){
		"": m.agrees, "sign in": m.signIn, "begin in a tab": m.begin, "finish in a tab": m.finish,
		"update": m.update, "copy": m.copyCookies, "sign out": m.signOut,
		"sign out everywhere": m.signOutEverywhere, "provider signs out": m.backChannel,
		"end one": m.endOne, "restart": m.restart, "outage": m.outage, "wait": m.wait, "signal": m.signal,
		"provider's outage": m.providerOutage, "membership": m.membership, "token": m.token,
	})
}

const (
	machineIdle, machineLifetime = 12 * time.Hour, 7 * 24 * time.Hour // the defaults
	machineGrace                 = 10 * time.Second                   // of an update
	machineAttempt               = 10 * time.Minute                   // until a sign-in has to be finished
)

// machine is the app and its model.
type machine struct {
	t     *testing.T
	steps int

	// The app: two instances that share their state, and perhaps a store.
	apps  [2]*testapp.App
	op    *fakeop.Provider
	state *unsteady
	store *memorystore.Store // nil: sealed cookies

	// The model.
	browsers [3]*modelBrowser
	copies   []modelCopy
	known    *memberships // with re-checks
}

// modelBrowser is what one browser has.
type modelBrowser struct {
	*testapp.Browser
	session *modelSession // nil: nobody
	renewed time.Time     // when the session was last saved
	seen    time.Time     // when the browser last used it; with re-checks, it may have been saved then
	tabs    []modelTab
}

// modelSession is what all copies of a session share.
type modelSession struct {
	subject        string
	groups         []string
	began, updated time.Time
	version        int // how often it was updated
	ended          bool
}

// modelTab is a sign-in that the user has not finished.
type modelTab struct {
	callback string
	session  *modelSession // that it will begin
}

// modelCopy is cookies that somebody has kept.
type modelCopy struct {
	*testapp.Browser
	of      *modelSession
	version int // of the session then
}

// unsteady is a shared state that can fail.
type unsteady struct {
	ginoidc.SharedState
	down bool
}

var errOutage = errors.New("the state does not respond")

func (u *unsteady) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	if u.down {
		return errOutage
	}
	return u.SharedState.Revoke(ctx, key, at, ttl)
}

func (u *unsteady) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	if u.down {
		return nil, errOutage
	}
	return u.SharedState.Revoked(ctx, keys...)
}

func (u *unsteady) MarkUsed(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	if u.down {
		return false, errOutage
	}
	return u.SharedState.MarkUsed(ctx, key, ttl)
}

func (u *unsteady) Keep(ctx context.Context, key, value string, ttl time.Duration) error {
	if u.down {
		return errOutage
	}
	return u.SharedState.Keep(ctx, key, value, ttl)
}

func newMachine(t *testing.T, inCookies, rechecks bool) *machine {
	m := &machine{t: t, state: &unsteady{SharedState: state.NewMemory(0)}}
	if !inCookies {
		m.store = memorystore.New(memorystore.Config{})
	}
	if rechecks {
		m.known = newMemberships()
	}
	for i := range m.apps {
		m.start(i)
	}
	for i := range m.browsers {
		m.browsers[i] = &modelBrowser{Browser: m.apps[0].Browser()}
	}
	return m
}

// start begins an instance anew, with nothing but what instances share.
func (m *machine) start(i int) {
	a := testapp.NewWithTokens(m.t, func(c *ginoidc.Config, op *fakeop.Config) {
		c.State = m.state
		if m.store != nil {
			c.Store = m.store
		}
		if m.op != nil {
			c.Providers[0].Transport = m.op.Transport()
		}
		withSignals(c)
		if m.known == nil {
			c.KeepTokens = false
			return
		}
		m.known.configure(c, op, func() http.RoundTripper { return m.op.Transport() })
	})
	if m.op == nil {
		m.op = a.OP
	}
	a.OP = m.op
	a.Engine.POST("/update", func(c *gin.Context) {
		err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error {
			u.Groups = c.QueryArray("group")
			return nil
		})
		if err != nil {
			a.Auth.Deny(c, err)
		}
	})
	m.apps[i] = a
}

// valid reports whether the session lives in a browser whose cookies were last set at that time.
func (s *modelSession) valid(renewed time.Time) bool {
	return s != nil && !s.ended && time.Since(renewed) < machineIdle && time.Since(s.began) < machineLifetime
}

// end ends the sessions that fit.
func (m *machine) end(fits func(*modelSession) bool) {
	for _, b := range m.browsers {
		if b.session != nil && fits(b.session) {
			b.session.ended = true
		}
	}
	for _, c := range m.copies {
		if fits(c.of) {
			c.of.ended = true
		}
	}
}

// fetch asks an instance who is signed in.
func (m *machine) fetch(b *testapp.Browser, app int) (status int, subject string, groups []string) {
	b.App = m.apps[app]
	r := b.Fetch("/me")
	if r.StatusCode != http.StatusOK {
		return r.StatusCode, "", nil
	}
	v := r.JSON(m.t)
	subject, _ = v["sub"].(string)
	list, _ := v["groups"].([]any)
	for _, g := range list {
		groups = append(groups, fmt.Sprint(g))
	}
	return r.StatusCode, subject, groups
}

// agrees follows each step.
func (m *machine) agrees(t *rapid.T) {
	m.steps++
	time.Sleep(time.Second) // so that sessions differ in when they began
	app := rapid.IntRange(0, 1).Draw(t, "app")
	for i, b := range m.browsers {
		status, subject, groups := m.fetch(b.Browser, app)
		if status != http.StatusUnauthorized && m.known != nil && b.session.valid(b.seen) {
			if status == http.StatusOK && !b.session.valid(b.renewed) {
				b.renewed = time.Now() // by a re-check
			}
			b.seen = time.Now()
		}
		lives := b.session.valid(b.renewed)
		switch {
		case m.state.down && lives:
			if status != http.StatusServiceUnavailable {
				t.Fatalf("browser %d during an outage: %d", i, status)
			}
		case m.state.down:
			if status == http.StatusOK {
				t.Fatalf("browser %d during an outage is %s, and was signed out", i, subject)
			}
		case m.known != nil && lives:
			m.agreesOnRecheck(t, b, status, subject, groups)
		case lives:
			if status != http.StatusOK || subject != b.session.subject || !slices.Equal(groups, b.session.groups) {
				t.Fatalf("browser %d: %d %s %q, want %+v", i, status, subject, groups, *b.session)
			}
			if time.Since(b.renewed) > machineIdle/2 {
				b.renewed = time.Now()
			}
		case m.known != nil && b.session.valid(b.seen) && (status == http.StatusUnauthorized || m.known.troubled()):
			if status == http.StatusUnauthorized { // no re-check has saved the session since
				b.session = nil
			}
		case status != http.StatusUnauthorized:
			t.Fatalf("browser %d: %d %s, want nobody: %+v", i, status, subject, b.session)
		}
	}
	for _, c := range m.copies {
		kept := c.Twin() // as a copy keeps no new cookies
		status, subject, groups := m.fetch(kept, app)
		if status != http.StatusOK {
			continue
		}
		stale := c.version < c.of.version && time.Since(c.of.updated) > machineGrace || !slices.Equal(groups, c.of.groups)
		if m.known != nil {
			stale = !m.known.were(subject, groups, m.known.age()+machineReuse)
		}
		if m.state.down || c.of.ended || stale || time.Since(c.of.began) >= machineLifetime || subject != c.of.subject {
			t.Fatalf("a copy of version %d is %s %q: %+v, it is %v", c.version, subject, groups, *c.of, time.Now())
		}
	}
}

func (m *machine) browser(t *rapid.T) *modelBrowser {
	b := m.browsers[rapid.IntRange(0, len(m.browsers)-1).Draw(t, "browser")]
	b.App = m.apps[rapid.IntRange(0, 1).Draw(t, "app")]
	return b
}

func groupsOf(subject string) []string {
	for _, u := range fakeop.DemoUsers() {
		if u.Subject == subject {
			return slices.Sorted(slices.Values(u.Groups))
		}
	}
	return nil
}
