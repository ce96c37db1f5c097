package blackbox_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

func subjects() *rapid.Generator[string] { return rapid.SampledFrom([]string{"alice", "bob", "carol"}) }

// signedIn replaces the session of the browser. The new one began with its sign-in: what ended the user's sessions
// between then and the callback ended this one too.
func (b *modelBrowser) signedIn(tab modelTab) {
	if b.session != nil {
		b.session.ended = true
	}
	b.session, b.renewed, b.seen = tab.session, time.Now(), time.Now()
	b.session.updated = b.renewed
}

// start begins a sign-in in a tab.
func (b *modelBrowser) start(subject string) modelTab {
	s := &modelSession{subject: subject, groups: groupsOf(subject), began: time.Now()}
	return modelTab{b.Start("/auth/signin", subject), s}
}

func (m *machine) signIn(t *rapid.T) {
	m.needsProvider(t)
	b, subject := m.browser(t), subjects().Draw(t, "subject")
	m.redeem(t, b, b.start(subject), true)
}

func (m *machine) begin(t *rapid.T) {
	m.needsProvider(t)
	b, subject := m.browser(t), subjects().Draw(t, "subject")
	if len(b.tabs) > 2 {
		t.Skip("more sign-ins displace earlier ones")
	}
	b.tabs = append(b.tabs, b.start(subject))
}

func (m *machine) finish(t *rapid.T) {
	m.needsProvider(t)
	b := m.browser(t)
	if len(b.tabs) == 0 {
		t.Skip("no sign-in to finish")
	}
	tab := b.tabs[0]
	b.tabs = b.tabs[1:]
	m.redeem(t, b, tab, false) // the provider's code may have expired, or a sign-out given up the attempt
}

// redeem finishes a sign-in, and requests the callback once more, which changes nothing.
func (m *machine) redeem(t *rapid.T, b *modelBrowser, tab modelTab, fresh bool) {
	r := b.Navigate(tab.callback)
	// A callback without an attempt leads a user who is signed in back to the app.
	began := slices.ContainsFunc(r.Header["Set-Cookie"], func(line string) bool {
		return strings.HasPrefix(line, "__Host-ginoidc=") && !strings.Contains(line, "Max-Age=0")
	})
	switch {
	case m.state.down && began:
		t.Fatalf("a sign-in during an outage: %d", r.StatusCode)
	case m.state.down: // it can be repeated then; here it is not
	case m.known != nil && m.known.now(tab.session.subject) == banned:
		if began {
			t.Fatalf("a sign-in of a user who is banned: %d", r.StatusCode)
		}
	case fresh && !began:
		t.Fatalf("callback: %d %s %q", r.StatusCode, r.Body, r.Header["Set-Cookie"])
	case began && time.Since(tab.session.began) > machineAttempt:
		t.Fatalf("a sign-in that began %v ago was finished", time.Since(tab.session.began))
	case began:
		b.signedIn(tab)
		if m.known != nil {
			b.session.groups = nil // they are the provider's
		}
		b.Navigate(tab.callback)
	}
}

func (m *machine) update(t *rapid.T) {
	if m.known != nil {
		t.Skip("a re-check replaces what the app has set")
	}
	b := m.browser(t)
	groups := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"admin", "staff", "audit"}), 0, 2, rapid.ID).
		Draw(t, "groups")
	if b.session != nil {
		m.keepCopy(b) // of the cookies that the update replaces
	}
	r := b.Do(http.MethodPost, "/update?"+url.Values{"group": groups}.Encode(), nil)
	switch lives := b.session.valid(b.renewed); {
	case r.StatusCode == http.StatusOK && (!lives || m.state.down):
		t.Fatal("an update of no session")
	case lives && !m.state.down && r.StatusCode != http.StatusOK:
		t.Fatalf("update: %d %s", r.StatusCode, r.Body)
	case r.StatusCode == http.StatusOK:
		now := time.Now()
		slices.Sort(groups)
		b.session.groups, b.session.updated, b.renewed = groups, now, now
		b.session.version++
		if len(groups) == 0 {
			b.session.groups = nil
		}
	}
}

// copyCookies is a thief, or a proxy that logs.
func (m *machine) copyCookies(t *rapid.T) {
	b := m.browser(t)
	if b.session == nil {
		t.Skip("nothing to copy")
	}
	m.keepCopy(b)
}

// keepCopy keeps the last few.
func (m *machine) keepCopy(b *modelBrowser) {
	m.copies = append(m.copies[max(0, len(m.copies)-5):], modelCopy{b.Twin(), b.session, b.session.version})
}

func (m *machine) signOut(t *rapid.T) {
	b := m.browser(t)
	if b.session != nil {
		m.keepCopy(b)
	}
	r := b.Do(http.MethodPost, "/auth/signout", nil)
	switch lives := b.session.valid(b.renewed); {
	case m.state.down && lives && r.StatusCode != http.StatusServiceUnavailable:
		t.Fatalf("sign-out during an outage: %d", r.StatusCode)
	case !m.state.down && r.StatusCode != http.StatusSeeOther:
		t.Fatalf("sign-out: %d %s", r.StatusCode, r.Body)
	case r.StatusCode == http.StatusSeeOther && b.session != nil:
		b.session.ended = true
		b.session = nil
	}
}

func (m *machine) signOutEverywhere(t *rapid.T) {
	subject := subjects().Draw(t, "subject")
	err := m.apps[rapid.IntRange(0, 1).Draw(t, "app")].Auth.EndUserSessions(m.t.Context(), subject)
	if (err != nil) != m.state.down {
		t.Fatalf("EndUserSessions: %v", err)
	}
	if err == nil {
		m.end(func(s *modelSession) bool { return s.subject == subject })
		for _, b := range m.browsers {
			for _, tab := range b.tabs {
				tab.session.ended = tab.session.ended || tab.session.subject == subject
			}
		}
	}
}

func (m *machine) backChannel(t *rapid.T) {
	subject := subjects().Draw(t, "subject")
	r := m.apps[rapid.IntRange(0, 1).Draw(t, "app")].BackChannelLogout(subject, "", nil)
	if (r.StatusCode == http.StatusOK) == m.state.down && !m.known.troubled() {
		t.Fatalf("back-channel logout: %d %s", r.StatusCode, r.Body)
	}
	if r.StatusCode == http.StatusOK {
		m.end(func(s *modelSession) bool { return s.subject == subject })
	}
}

// endOne ends the session of a browser from elsewhere.
func (m *machine) endOne(t *rapid.T) {
	b := m.browser(t)
	if !b.session.valid(b.renewed) || m.state.down {
		t.Skip("no session")
	}
	subject := b.session.subject
	for _, info := range b.App.Sessions(subject, m.living(subject)) {
		if !info.Started.Equal(b.session.began.Truncate(time.Second)) && !info.Started.Equal(b.session.began) {
			continue
		}
		if err := b.App.Auth.EndUserSession(m.t.Context(), subject, info.ID); err != nil {
			t.Fatal(err)
		}
		began := info.Started
		m.end(func(s *modelSession) bool {
			return s.subject == subject && (s.began.Truncate(time.Second).Equal(began) || s.began.Equal(began))
		})
		return
	}
	t.Fatalf("the session is not in the list: %+v", *b.session)
}

// living counts the sessions of a user.
func (m *machine) living(subject string) (n int) {
	for _, b := range m.browsers {
		if b.session.valid(b.renewed) && b.session.subject == subject {
			n++
		}
	}
	return n
}

func (m *machine) restart(t *rapid.T) { m.start(rapid.IntRange(0, 1).Draw(t, "app")) }

func (m *machine) outage(*rapid.T) { m.state.down = !m.state.down }

func (m *machine) wait(t *rapid.T) {
	time.Sleep(rapid.SampledFrom([]time.Duration{
		time.Second, 7 * time.Second, 20 * time.Second, 2 * time.Minute, 5 * time.Hour, 8 * time.Hour, 13 * time.Hour,
		50 * time.Hour,
	}).Draw(t, "time"))
}
