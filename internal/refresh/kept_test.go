package refresh_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/memorystore"
)

var errWritten = errors.New("written")

// holder is a session on a server that keeps tokens, and the request that carries it.
type holder struct {
	*bench
	refresh.Carrier
	kept    refresh.Kept
	sets    int
	written bool
}

func newHolder(t *testing.T, tokens *provider.Tokens) *holder {
	t.Helper()
	m, err := session.New(session.Config{
		Store: memorystore.New(memorystore.Config{}), Name: "sid", Path: "/", Idle: time.Hour, Lifetime: 24 * time.Hour,
		Audience: "app",
	})
	if err != nil {
		t.Fatal(err)
	}
	h := &holder{bench: newBench(t)}
	r := (&http.Request{Header: http.Header{}}).WithContext(t.Context())
	set, encoded := http.Header{}, []byte(nil)
	if tokens != nil {
		encoded = tokens.Encode()
	}
	s, err := m.Begin(set, r, session.Record{Subject: "alice"}, encoded)
	if err != nil {
		t.Fatal(err)
	}
	h.Carrier = refresh.Carrier{
		Sessions: m, Session: s, Request: cookie.After(r, set["Set-Cookie"]),
		Set: func(set func(http.Header) error) error {
			h.sets++
			return set(http.Header{})
		},
		Writable: func() error {
			if h.written {
				return errWritten
			}
			return nil
		},
	}
	return h
}

// stored returns the access token that the store has now.
func (h *holder) stored(t *testing.T) string {
	t.Helper()
	tokens, err := refresh.Load(h.Sessions, h.Request, h.Session)
	if err != nil {
		t.Fatal(err)
	}
	if tokens == nil {
		return ""
	}
	return tokens.AccessToken
}

func lasting(d time.Duration) *provider.Tokens {
	return &provider.Tokens{AccessToken: "at0", TokenType: "Bearer", RefreshToken: "rt0", Expiry: time.Now().Add(d)}
}

// TestFresh: tokens are refreshed when they are about to expire, once a request, and only if the new ones can be kept.
func TestFresh(t *testing.T) {
	down := func(string) (int, map[string]any) { return http.StatusServiceUnavailable, nil }
	refuses := func(string) (int, map[string]any) {
		return http.StatusBadRequest, map[string]any{"error": "invalid_grant"}
	}
	for name, tt := range map[string]struct {
		left    time.Duration // of the access token
		answer  func(string) (int, map[string]any)
		written bool
		token   string
		err     error
		calls   int
	}{
		"usable":                        {31 * time.Second, nil, false, "at0", nil, 0},
		"about to expire":               {30 * time.Second, nil, false, "at1", nil, 1},
		"expired":                       {0, nil, false, "at1", nil, 1},
		"usable, too late":              {31 * time.Second, nil, true, "at0", nil, 0},
		"valid for a moment, too late":  {time.Second, nil, true, "at0", nil, 0},
		"expired, too late":             {0, nil, true, "", errWritten, 0},
		"valid for a moment, no answer": {time.Second, down, false, "at0", nil, 1},
		"expired, no answer":            {0, down, false, "", provider.ErrUnavailable, 1},
		"valid for a moment, refused":   {time.Second, refuses, false, "", refresh.ErrEnded, 1},
		"expired, refused":              {0, refuses, false, "", refresh.ErrEnded, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHolder(t, lasting(tt.left))
				if h.written = tt.written; tt.answer != nil {
					h.answer = tt.answer
				}
				for range 2 { // the second use in the request
					tokens, err := h.kept.Fresh(t.Context(), h.Refresher, h.Carrier)
					if !errors.Is(err, tt.err) || tt.err == nil && (err != nil || tokens.AccessToken != tt.token) {
						t.Fatalf("%+v, %v", tokens, err)
					}
					if tt.err != nil || tt.answer != nil {
						break
					}
				}
				if len(h.forms) != tt.calls {
					t.Errorf("%d calls", len(h.forms))
				}
				if want := tt.token; tt.err == nil && h.stored(t) != want {
					t.Errorf("stored: %q, want %q", h.stored(t), want)
				}
			})
		})
	}
}

// TestFreshShort: a token that lasts for a moment only is used until its end, and is refreshed then, or in the next
// request.
func TestFreshShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHolder(t, lasting(0))
		issue := h.answer
		h.answer = func(form string) (int, map[string]any) {
			status, answer := issue(form)
			answer["expires_in"] = 5
			return status, answer
		}
		for i, want := range []string{"at1", "at1", "at2", "at2", "at3"} {
			switch i {
			case 2:
				h.kept = refresh.Kept{}
			case 4:
				time.Sleep(5 * time.Second) // it has expired while the request went on
			}
			tokens, err := h.kept.Fresh(t.Context(), h.Refresher, h.Carrier)
			if err != nil || tokens.AccessToken != want {
				t.Errorf("use %d: %+v, %v", i, tokens, err)
			}
		}
	})
}

// TestFreshWithout: a session without tokens, or with those of another version, has none.
func TestFreshWithout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHolder(t, nil)
		if _, err := h.kept.Fresh(t.Context(), h.Refresher, h.Carrier); !errors.Is(err, refresh.ErrNoToken) {
			t.Errorf("%v", err)
		}
		if _, err := h.kept.For(t.Context(), h.Refresher, h.Carrier, wanted); !errors.Is(err, refresh.ErrNoToken) {
			t.Errorf("%v", err)
		}
		h = newHolder(t, lasting(time.Hour))
		if _, err := h.kept.Fresh(t.Context(), h.Refresher, h.Carrier); err != nil {
			t.Fatal(err)
		}
		other := newHolder(t, nil)
		h.kept.Forget()
		if _, err := h.kept.Fresh(t.Context(), h.Refresher, other.Carrier); !errors.Is(err, refresh.ErrNoToken) {
			t.Errorf("tokens of another session: %v", err)
		}
	})
}

// away is a store that cannot be asked.
type away struct{ *memorystore.Store }

func (away) LoadRecord(*http.Request, string) ([]byte, bool, error) {
	return nil, false, errors.New("away")
}

// TestStoreAway: while the store does not answer, it is unknown whether a session keeps tokens.
func TestStoreAway(t *testing.T) {
	h := newHolder(t, lasting(time.Hour))
	m, err := session.New(session.Config{
		Store: away{memorystore.New(memorystore.Config{})}, Name: "sid", Path: "/", Idle: time.Hour, Lifetime: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Sessions = m
	if tokens, err := refresh.Load(m, h.Request, h.Session); tokens != nil || !errors.Is(err, session.ErrStore) {
		t.Errorf("Load: %+v, %v", tokens, err)
	}
	if tokens, err := h.kept.Fresh(t.Context(), h.Refresher, h.Carrier); tokens != nil ||
		!errors.Is(err, session.ErrStore) || errors.Is(err, refresh.ErrNoToken) {
		t.Errorf("Fresh: %+v, %v", tokens, err)
	}
}

// TestSignOutMeanwhile: tokens that are issued while the user signs out are revoked, and not kept.
func TestSignOutMeanwhile(t *testing.T) {
	for name, get := range map[string]func(*testing.T, *holder) (*provider.Tokens, error){
		"Fresh": func(t *testing.T, h *holder) (*provider.Tokens, error) {
			return h.kept.Fresh(t.Context(), h.Refresher, h.Carrier)
		},
		"For": func(t *testing.T, h *holder) (*provider.Tokens, error) {
			return h.kept.For(t.Context(), h.Refresher, h.Carrier, wanted)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHolder(t, lasting(time.Second)) // valid for a moment, but of a session that is over
				issue := h.answer
				h.answer = func(form string) (int, map[string]any) {
					if err := h.Sessions.Destroy(http.Header{}, h.Request); err != nil {
						t.Error(err)
					}
					return issue(form)
				}
				if _, err := get(t, h); !errors.Is(err, session.ErrGone) {
					t.Errorf("%v", err)
				}
				if len(h.gone) != 2 || !strings.Contains(h.gone[0], "rt1") || h.stored(t) != "" {
					t.Errorf("revoked %q, stored %q", h.gone, h.stored(t))
				}
			})
		})
	}
}

// TestKeptFor: another access token costs one call, and the refresh token that came with it stays with the session.
func TestKeptFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHolder(t, lasting(time.Hour))
		for range 2 {
			token, err := h.kept.For(t.Context(), h.Refresher, h.Carrier, wanted)
			if err != nil || token.AccessToken != "at1" || len(h.forms) != 1 || h.sets != 1 {
				t.Fatalf("%+v, %v after %d calls and %d cookies", token, err, len(h.forms), h.sets)
			}
		}
		tokens, err := refresh.Load(h.Sessions, h.Request, h.Session)
		if err != nil || tokens.RefreshToken != "rt1" || tokens.AccessToken != "at0" {
			t.Errorf("stored: %+v, %v", tokens, err)
		}
		h.written = true
		if token, err := h.kept.For(t.Context(), h.Refresher, h.Carrier, wanted); err != nil || token.AccessToken != "at1" {
			t.Errorf("kept, too late: %+v, %v", token, err)
		}
		other := provider.TokenRequest{Resource: "https://other.example"}
		_, err = h.kept.For(t.Context(), h.Refresher, h.Carrier, other)
		if !errors.Is(err, errWritten) || len(h.forms) != 1 {
			t.Errorf("another one, too late: %v after %d calls", err, len(h.forms))
		}
	})
}

// TestKeptForFails: without an answer, of the state or of the provider, there is no token.
func TestKeptForFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHolder(t, lasting(time.Hour))
		h.state.fail["Kept"] = h.state.calls["Kept"] + 1
		token, err := h.kept.For(t.Context(), h.Refresher, h.Carrier, wanted)
		if token != nil || !errors.Is(err, shared.ErrUnavailable) || len(h.forms) != 0 {
			t.Errorf("%+v, %v after %d calls", token, err, len(h.forms))
		}
		h.answer = func(string) (int, map[string]any) { return http.StatusServiceUnavailable, nil }
		token, err = h.kept.For(t.Context(), h.Refresher, h.Carrier, wanted)
		if token != nil || !errors.Is(err, provider.ErrUnavailable) || h.sets != 0 {
			t.Errorf("%+v, %v", token, err)
		}
	})
}

// TestKeptForUnchanged: the tokens of the session stay as they are if the provider issues no other refresh token, and
// if another request has got the access token meanwhile.
func TestKeptForUnchanged(t *testing.T) {
	for _, other := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h := newHolder(t, lasting(time.Hour))
			if issue := h.answer; other {
				h.state.before = func() {
					if _, _, err := refresh.New(h.Config).For(t.Context(), &h.Session.Record, lasting(time.Hour), wanted); err != nil {
						t.Error(err)
					}
				}
			} else {
				h.answer = func(form string) (int, map[string]any) {
					status, answer := issue(form)
					delete(answer, "refresh_token")
					return status, answer
				}
			}
			token, err := h.kept.For(t.Context(), h.Refresher, h.Carrier, wanted)
			if err != nil || token == nil || token.AccessToken != "at1" || h.sets != 0 || len(h.forms) != 1 {
				t.Errorf("another request %t: %+v, %v; %d cookies, %d calls", other, token, err, h.sets, len(h.forms))
			}
		})
	}
}

// TestLeave: tokens that are left for a callback are those of one session and one provider alone.
func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		of := &session.Record{ID: shared.Hash{1}, Subject: "alice"}
		if err := b.Leave(t.Context(), of, shared.Hash{7}, lasting(time.Hour), time.Minute); err != nil {
			t.Fatal(err)
		}
		named := refresh.New(b.Config)
		named.Name = "staff"
		for name, tt := range map[string]struct {
			from *refresh.Refresher
			of   session.Record
			want bool
		}{
			"the same":         {b.Refresher, session.Record{ID: shared.Hash{1}, Subject: "alice"}, true},
			"another session":  {b.Refresher, session.Record{ID: shared.Hash{2}, Subject: "alice"}, false},
			"another user":     {b.Refresher, session.Record{ID: shared.Hash{1}, Subject: "bob"}, false},
			"another provider": {named, session.Record{ID: shared.Hash{1}, Subject: "alice"}, false},
		} {
			tokens, sid, ok, err := tt.from.Left(t.Context(), &tt.of)
			if ok != tt.want || err != nil || ok && (tokens.AccessToken != "at0" || sid != shared.Hash{7}) {
				t.Errorf("%s: %+v, %v, %v, %v", name, tokens, sid, ok, err)
			}
		}
		key := shared.Key(shared.KindReplaced, of.ID)
		if _, ok, err := b.Values.Kept(t.Context(), "replaced tokens", key, of.Owner()); !ok || err != nil {
			t.Errorf("an earlier version finds nothing: %v", err)
		}
		b.state.fail["Keep"] = b.state.calls["Keep"] + 1
		if err := b.Leave(t.Context(), of, shared.Hash{7}, lasting(time.Hour), time.Minute); !errors.Is(err, errDown) {
			t.Errorf("nothing is left: %v", err)
		}
		b.state.fail["Kept"] = b.state.calls["Kept"] + 1
		if _, _, ok, err := b.Left(t.Context(), of); ok || !errors.Is(err, shared.ErrUnavailable) {
			t.Errorf("%v, %v", ok, err)
		}
		time.Sleep(time.Minute)
		if _, _, ok, err := b.Left(t.Context(), of); ok || err != nil {
			t.Errorf("after its time: %v, %v", ok, err)
		}
		for n, want := range map[int]bool{0: false, 15: false, 16: true} { // bytes that another version has left
			text := strings.Repeat("\x07", n)
			if err := b.Values.Keep(t.Context(), "replaced tokens", key, of.Owner(), text, time.Minute); err != nil {
				t.Fatal(err)
			}
			if tokens, sid, ok, err := b.Left(t.Context(), of); tokens != nil || ok != want || ok != (sid[15] == 7) ||
				err != nil {
				t.Errorf("%d bytes: %+v, %v, %v, %v", n, tokens, sid, ok, err)
			}
		}
	})
}
