package blackbox_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// The re-checks of the machine.
const (
	machineEvery    = 30 * time.Minute
	machineProvider = 2 * time.Hour    // how much longer users stay as known while the provider is away
	machineRetry    = 2 * time.Minute  // after a failed check or a failed fetch of metadata
	machineReuse    = 10 * time.Minute // for copies of the cookies from before a check
	banned          = "banned"
)

// memberships are the groups of each user at the provider, or that the user is banned, over time.
type memberships struct {
	of       map[string][]membership
	down     atomic.Bool // the provider is away; metadata is fetched at any time
	lastDown time.Time   // when that last changed
}

type membership struct {
	since time.Time
	is    string // groups, or banned
}

func newMemberships() *memberships {
	k := &memberships{of: map[string][]membership{}}
	for _, u := range fakeop.DemoUsers() {
		k.change(u.Subject, fmt.Sprint(slices.Sorted(slices.Values(u.Groups))))
	}
	return k
}

func (k *memberships) change(subject, is string) {
	k.of[subject] = append(k.of[subject], membership{time.Now(), is})
}

func (k *memberships) now(subject string) string { return k.of[subject][len(k.of[subject])-1].is }

// configure lets an instance re-check users at the provider.
func (k *memberships) configure(c *ginoidc.Config, op *fakeop.Config, transport func() http.RoundTripper) {
	op.KeepRefreshToken = true // copies of cookies have earlier ones, whose use would end the session
	c.RecheckEvery, c.RecheckGrace = machineEvery, machineProvider
	c.Providers[0].Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if k.down.Load() {
			return nil, errors.New("the provider is away")
		}
		return transport().RoundTrip(r)
	})
	c.OnSignIn = func(_ context.Context, p *ginoidc.PendingSignIn) error {
		if k.now(p.User.Subject) == banned {
			return errors.New("banned")
		}
		return nil
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// troubled reports whether the provider is away, or was so recently that checks have not been repeated.
func (k *memberships) troubled() bool {
	return k != nil && (k.down.Load() || time.Since(k.lastDown) < machineRetry)
}

// age is how old what is known of a user may be.
func (k *memberships) age() time.Duration {
	if k.troubled() {
		return machineEvery + machineProvider
	}
	return machineEvery
}

// were reports whether the user had these groups at some time within this age.
func (k *memberships) were(subject string, groups []string, age time.Duration) bool {
	return k.was(subject, fmt.Sprint(groups), time.Now().Add(-age))
}

func (k *memberships) was(subject, is string, since time.Time) bool {
	all := k.of[subject]
	for i, m := range all {
		ended := i+1 < len(all) && all[i+1].since.Before(since)
		if m.is == is && !ended {
			return true
		}
	}
	return false
}

// agreesOnRecheck compares what an instance says of a living session with what the provider has said.
func (m *machine) agreesOnRecheck(t *rapid.T, b *modelBrowser, status int, subject string, groups []string) {
	k, want := m.known, b.session.subject
	switch status {
	case http.StatusOK:
		age := k.age()
		if subject != want || !k.were(want, groups, age) {
			t.Fatalf("%s %q, want %s and the groups of the last %v: %v, it is %v", subject, groups, want, age, k.of[want],
				time.Now())
		}
	case http.StatusUnauthorized:
		if !k.was(want, banned, b.session.began) {
			t.Fatalf("%s is signed out, and was never banned: %+v", want, *b.session)
		}
		session := b.session
		m.end(func(s *modelSession) bool { return s == session })
	case http.StatusServiceUnavailable:
		if !k.troubled() {
			t.Fatalf("%s: 503 while the provider answers", want)
		}
	default:
		t.Fatalf("%s: %d", want, status)
	}
}

// needsProvider skips a step of which nothing can be said while the provider is away.
func (m *machine) needsProvider(t *rapid.T) {
	if m.known.troubled() {
		t.Skip("the provider is away")
	}
}

func (m *machine) providerOutage(t *rapid.T) {
	if m.known == nil {
		t.Skip("the provider is asked at sign-ins only")
	}
	m.known.down.Store(!m.known.down.Load())
	m.known.lastDown = time.Now()
}

// membership changes the groups of a user at the provider, or bans the user.
func (m *machine) membership(t *rapid.T) {
	if m.known == nil {
		t.Skip("groups are those of the sign-in")
	}
	subject := subjects().Draw(t, "subject")
	groups := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"admin", "staff", "audit"}), 0, 3, rapid.ID).
		Draw(t, "groups")
	if len(groups) == 3 {
		m.known.change(subject, banned)
		return
	}
	slices.Sort(groups)
	m.known.change(subject, fmt.Sprint(groups))
	m.op.AddUser(fakeop.User{Subject: subject, Groups: groups})
}

// token uses the access token, which is refreshed if it has expired.
func (m *machine) token(t *rapid.T) {
	b := m.browser(t)
	r := b.Fetch("/token")
	switch lives := b.session.valid(b.renewed); {
	case m.known == nil && (r.StatusCode == http.StatusOK || lives && r.StatusCode == http.StatusUnauthorized):
		t.Fatalf("a token, although none is kept: %d", r.StatusCode)
	case m.known == nil:
	case r.StatusCode == http.StatusOK:
		if !lives || m.state.down || !m.op.Active(r.Body) {
			t.Fatalf("a token that is of no use, or of nobody: %q", r.Body)
		}
	case lives && r.StatusCode == http.StatusUnauthorized:
		m.agreesOnRecheck(t, b, r.StatusCode, "", nil)
	case lives && !m.state.down && !m.known.troubled():
		t.Fatalf("token: %d %s", r.StatusCode, r.Body)
	}
}

const machineAuthorization = "Bearer 0a1b2c3d4e5f60718293a4b5c6d7e8f9"

// withSignals lets an instance receive security events.
func withSignals(c *ginoidc.Config) {
	c.Providers[0].Signals = &ginoidc.Signals{
		Audience: []string{fakeop.SignalAudience}, SigningAlgs: []string{"ES256"}, Authorization: machineAuthorization,
		Token: func(context.Context) (string, error) { return fakeop.SignalToken, nil },
	}
}

// signal is a security event about a user.
func (m *machine) signal(t *rapid.T) {
	subject := subjects().Draw(t, "subject")
	event := rapid.SampledFrom([]string{
		fakeop.SessionRevoked, fakeop.TokenClaimsChange, fakeop.CredentialChange,
	}).Draw(t, "event")
	payload := map[string]any{"event_timestamp": time.Now().Unix()}
	switch event {
	case fakeop.CredentialChange:
		payload["credential_type"], payload["change_type"] = "password", "update"
	case fakeop.TokenClaimsChange:
		payload["claims"] = map[string]any{"role": "auditor"}
	}
	token, err := m.op.EventToken(event, m.op.UserSubject(subject), payload, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := m.apps[rapid.IntRange(0, 1).Draw(t, "app")].Browser()
	r := b.Do(http.MethodPost, "/auth/signals", strings.NewReader(token), "Content-Type", "application/secevent+jwt",
		"Authorization", machineAuthorization, "Accept", "application/json")
	switch {
	case r.StatusCode != http.StatusAccepted:
		if !m.state.down && !m.known.troubled() {
			t.Fatalf("%s: %d %s", event, r.StatusCode, r.Body)
		}
	case m.state.down:
		t.Fatalf("%s was accepted during an outage", event)
	case event != fakeop.TokenClaimsChange: // which is for the app
		m.end(func(s *modelSession) bool { return s.subject == subject })
	}
}
