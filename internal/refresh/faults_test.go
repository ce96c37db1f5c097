package refresh_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// bench is a Refresher alone, with a provider and a state that fail on demand.
type bench struct {
	*refresh.Refresher
	of *session.Record

	state  *scripted
	key    *ecdsa.PrivateKey
	answer func(form string) (status int, answer map[string]any) // of the token endpoint
	forms  []string                                              // of its requests
	issued int
	revoke int // status of the revocation endpoint
	gone   []string

	ended    func() (bool, error)
	endErr   error
	refusals []error
	events   []refresh.Event
}

const idp = "https://idp.example"

func newBench(t *testing.T) *bench {
	t.Helper()
	text, err := sealed.New("tokens", []string{"Zk3v9QmX7rT1pLw8sYb2Nc5HdGf0UjAe"}, "app")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{key: key,
		of: &session.Record{Subject: "alice", Created: time.Now()}, revoke: http.StatusOK,
		state: &scripted{Memory: state.NewMemory(0), calls: map[string]int{}, fail: map[string]int{}},
		ended: func() (bool, error) { return false, nil },
	}
	b.answer = func(string) (int, map[string]any) {
		b.issued++
		return http.StatusOK, map[string]any{
			"access_token": fmt.Sprint("at", b.issued), "refresh_token": fmt.Sprint("rt", b.issued), "token_type": "Bearer",
			"expires_in": 300, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
		}
	}
	b.Refresher = refresh.New(refresh.Config{
		Provider: provider.New(provider.Config{Issuer: idp, ClientID: "app", ClientSecret: "secret",
			AuthMethod: "client_secret_post", Transport: b, SigningAlgs: []string{"ES256"}}),
		Values: shared.Values{State: b.state, Seal: text}, Audience: "app", Timeout: 5 * time.Second,
		Lifetime: 24 * time.Hour, Log: slog.New(slog.DiscardHandler),
		Ended: func(context.Context, *session.Record) (bool, error) { return b.ended() },
		End: func(_ context.Context, _ *session.Record, refusal error) error {
			b.refusals = append(b.refusals, refusal)
			return b.endErr
		},
		Report: func(_ context.Context, e refresh.Event, _ *session.Record, _ error) { b.events = append(b.events, e) },
	})
	return b
}

// RoundTrip is the provider.
func (b *bench) RoundTrip(r *http.Request) (*http.Response, error) {
	status, answer := http.StatusOK, map[string]any{
		"issuer": idp, "authorization_endpoint": idp + "/authorize", "token_endpoint": idp + "/token",
		"jwks_uri": idp + "/jwks", "revocation_endpoint": idp + "/revoke",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"}, "code_challenge_methods_supported": []string{"S256"},
	}
	if r.URL.Path == "/jwks" {
		point, err := b.key.PublicKey.Bytes()
		if err != nil {
			return nil, err
		}
		answer = map[string]any{"keys": []any{map[string]string{
			"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:]), "kid": "1",
		}}}
	}
	if r.Method == http.MethodPost {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/revoke" {
			b.gone = append(b.gone, string(body))
			status, answer = b.revoke, map[string]any{}
		} else {
			b.forms = append(b.forms, string(body))
			status, answer = b.answer(string(body))
		}
	}
	text, err := json.Marshal(answer)
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(bytes.NewReader(text))}, err
}

func b64(p []byte) string { return base64.RawURLEncoding.EncodeToString(p) }

// idToken returns an ID token of this subject.
func (b *bench) idToken(subject string) string {
	now := time.Now().Unix()
	claims, _ := json.Marshal(map[string]any{"iss": idp, "aud": "app", "sub": subject, "iat": now, "exp": now + 60})
	text := b64([]byte(`{"alg":"ES256","kid":"1"}`)) + "." + b64(claims)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, b.key, sum[:])
	if err != nil {
		panic(err)
	}
	return text + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// scripted is a state of which the nth call of a method fails, or of which the first leases are taken.
type scripted struct {
	*state.Memory
	mu          sync.Mutex // a refresh may go on when its test has an answer
	calls, fail map[string]int
	taken       int       // leases that others hold, each for one call
	busyUntil   time.Time // until then others hold every lease for one call
	before      func()    // runs before a lease is given
	release     error
	kept        []string
	life        time.Duration // of what was kept last
}

func (s *scripted) call(method string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls[method]++; s.calls[method] == s.fail[method] {
		return errDown
	}
	return nil
}

func (s *scripted) Kept(ctx context.Context, key string) (string, bool, error) {
	if err := s.call("Kept"); err != nil {
		return "", false, err
	}
	return s.Memory.Kept(ctx, key)
}

func (s *scripted) Keep(ctx context.Context, key, value string, ttl time.Duration) error {
	if err := s.call("Keep"); err != nil {
		return err
	}
	s.mu.Lock()
	s.kept, s.life = append(s.kept, key), ttl
	s.mu.Unlock()
	return s.Memory.Keep(ctx, key, value, ttl)
}

func (s *scripted) Lease(
	ctx context.Context, key string, ttl time.Duration,
) (func(context.Context) error, bool, error) {
	if err := s.call("Lease"); err != nil {
		return nil, false, err
	}
	taken, before := s.next()
	if taken {
		return nil, false, nil
	}
	if before != nil {
		before()
	}
	release, ok, err := s.Memory.Lease(ctx, key, ttl)
	return func(ctx context.Context) error {
		if err := release(ctx); err != nil {
			return err
		}
		return s.release
	}, ok, err
}

// next says what becomes of a call for a lease: whether another holds it, and what runs before it is given.
func (s *scripted) next() (taken bool, before func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken > 0 {
		s.taken--
		return true, nil
	}
	if s.calls["Lease"]%2 == 1 && time.Now().Before(s.busyUntil) {
		return true, nil
	}
	before, s.before = s.before, nil
	return false, before
}

// leases returns how often a lease was asked for.
func (s *scripted) leases() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls["Lease"]
}

// expired returns tokens whose access token has expired.
func expired() *provider.Tokens {
	return &provider.Tokens{AccessToken: "at0", TokenType: "Bearer", RefreshToken: "rt0", Expiry: time.Now()}
}

var wanted = provider.TokenRequest{Resource: "https://api.example"}

// operations are the four ways to get a token. Each returns the access token.
func (b *bench) operations() map[string]func(context.Context, *provider.Tokens) (string, error) {
	text := func(t *provider.Tokens, err error) (string, error) {
		if err == nil && t == nil {
			err = errors.New("neither tokens nor an error")
		}
		if err != nil {
			return "", err
		}
		return t.AccessToken, nil
	}
	return map[string]func(context.Context, *provider.Tokens) (string, error){
		"Refresh": func(ctx context.Context, old *provider.Tokens) (string, error) {
			return text(b.Refresh(ctx, b.of, old))
		},
		"Anew": func(ctx context.Context, old *provider.Tokens) (string, error) {
			tokens, _, err := b.Anew(ctx, b.of, old)
			return text(tokens, err)
		},
		"For": func(ctx context.Context, old *provider.Tokens) (string, error) {
			token, _, err := b.For(ctx, b.of, old, wanted)
			return text(token, err)
		},
		"Exchange": func(ctx context.Context, old *provider.Tokens) (string, error) {
			return text(b.Exchange(ctx, old, wanted))
		},
	}
}

// TestStateFailsAtEachCall: a state that fails before the request to the provider costs no refresh token. One that
// fails when the lease is taken already is asked again, and one that fails afterwards, or at an exchange, costs
// nothing.
func TestStateFailsAtEachCall(t *testing.T) {
	for _, tt := range []struct {
		operation, method string
		nth               int
		unavailable       bool // the error is that of the state, and the provider was not asked
		leases            int
	}{
		{"Refresh", "", 0, false, 1},
		{"Refresh", "Kept", 1, true, 0},
		{"Refresh", "Kept", 2, true, 0},
		{"Refresh", "Lease", 1, true, 1},
		{"Refresh", "Kept", 3, false, 2},
		{"Refresh", "Kept", 4, false, 2},
		{"Refresh", "Keep", 1, false, 1},
		{"Anew", "", 0, false, 1},
		{"Anew", "Kept", 1, false, 1}, // takes the tokens for the newest, and asks again with the lease
		{"Anew", "Lease", 1, true, 1},
		{"Anew", "Kept", 3, true, 1},
		{"Anew", "Kept", 4, true, 1},
		{"For", "", 0, false, 1},
		{"For", "Kept", 1, true, 0},
		{"For", "Kept", 2, false, 1},
		{"For", "Lease", 1, true, 1},
		{"For", "Kept", 4, false, 2},
		{"Exchange", "", 0, false, 1},
		{"Exchange", "Kept", 1, true, 0},
		{"Exchange", "Lease", 1, false, 1},
		{"Exchange", "Kept", 2, true, 1},
		{"Exchange", "Keep", 1, false, 1},
	} {
		name := fmt.Sprintf("%s, %s %d", tt.operation, tt.method, tt.nth)
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.state.fail[tt.method] = tt.nth
			token, err := b.operations()[tt.operation](t.Context(), expired())
			if errors.Is(err, shared.ErrUnavailable) != tt.unavailable || (err == nil) == tt.unavailable ||
				(err == nil) != (token == "at1") {
				t.Errorf("%s: %q, %v", name, token, err)
			}
			if asked := len(b.forms); (asked == 0) != tt.unavailable || asked > 1 || b.state.leases() != tt.leases {
				t.Errorf("%s: %d requests, %d leases", name, asked, b.state.leases())
			}
			if kept := tt.method == "Keep"; slices.Contains(b.events, refresh.NotShared) != kept {
				t.Errorf("%s: events %v", name, b.events)
			}
		})
	}
}

// TestTurns: a request waits for the one that has the lease, looks for its result, and gives up in the end.
func TestTurns(t *testing.T) {
	for _, tt := range []struct {
		operation     string
		taken, leases int
	}{
		{"Refresh", 1, 3}, // one that is taken, one to look for a result, one to ask
		{"Anew", 1, 2},
		{"For", 1, 3},
		{"Exchange", 1, 2},
		{"Refresh", 1 << 20, 0}, // never free
		{"Anew", 1 << 20, 0},
		{"For", 1 << 20, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.state.taken = tt.taken
			token, err := b.operations()[tt.operation](t.Context(), expired())
			if busy := tt.leases == 0; errors.Is(err, refresh.ErrBusy) != busy || (token == "") != busy {
				t.Errorf("%s: %q %v", tt.operation, token, err)
			}
			if tt.leases > 0 && b.state.leases() != tt.leases {
				t.Errorf("%s: %d leases, want %d", tt.operation, b.state.leases(), tt.leases)
			}
		})
	}
}

// TestDisconnects: a caller whose browser disconnects gets ErrBusy with the reason; the request goes on for others.
func TestDisconnects(t *testing.T) {
	for _, operation := range []string{"Refresh", "For", "Exchange"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			answer := b.answer
			b.answer = func(form string) (int, map[string]any) {
				time.Sleep(2 * time.Second)
				return answer(form)
			}
			gone := errors.New("the browser is gone")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(gone) })
			if _, err := b.operations()[operation](ctx, expired()); !errors.Is(err, refresh.ErrBusy) || !errors.Is(err, gone) {
				t.Errorf("%s: %v", operation, err)
			}
			time.Sleep(2 * time.Second)
			token, err := b.operations()[operation](t.Context(), expired())
			if operation == "Exchange" {
				token, err = b.operations()[operation](t.Context(), &provider.Tokens{AccessToken: "at0"})
			}
			if token != "at1" || err != nil || len(b.forms) != 1 {
				t.Errorf("%s: %q %v after %d requests", operation, token, err, len(b.forms))
			}
		})
	}
}

// TestEndedMeanwhile: new tokens of a session that ended during the refresh are revoked. If nothing can tell, they
// count.
func TestEndedMeanwhile(t *testing.T) {
	for _, operation := range []string{"Refresh", "Anew", "For"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.ended = func() (bool, error) { return true, nil }
			_, err := b.operations()[operation](t.Context(), expired())
			if !errors.Is(err, refresh.ErrEnded) || len(b.gone) != 2 || !strings.Contains(b.gone[0], "rt1") ||
				len(b.state.kept) != 0 {
				t.Errorf("%s: %v, revoked %q, kept %q", operation, err, b.gone, b.state.kept)
			}

			b = newBench(t)
			b.ended = func() (bool, error) { return false, errDown }
			token, err := b.operations()[operation](t.Context(), expired())
			if token != "at1" || err != nil || !slices.Equal(b.events, []refresh.Event{refresh.Unchecked, refresh.Refreshed}) {
				t.Errorf("%s: %q %v, events %v", operation, token, err, b.events)
			}
		})
	}
}

// TestProviderRefuses: a refusal ends the session, unless it may only mean this access token or Anew leaves it to its
// caller; if the session cannot be ended, the error says so.
func TestProviderRefuses(t *testing.T) {
	refusing := func(b *bench) {
		b.answer = func(string) (int, map[string]any) {
			return http.StatusBadRequest, map[string]any{"error": "invalid_grant"}
		}
	}
	forging := func(b *bench) {
		b.answer = func(string) (int, map[string]any) {
			return http.StatusOK, map[string]any{"access_token": "at1", "token_type": "Bearer", "id_token": b.idToken("mallory")}
		}
	}
	for _, tt := range []struct {
		operation string
		does      func(*bench)
		ends      int
		want      error
	}{
		{"Refresh", refusing, 1, refresh.ErrEnded},
		{"Anew", refusing, 0, provider.ErrRefused},
		{"For", refusing, 0, refresh.ErrNoToken},
		{"For", forging, 1, refresh.ErrEnded},
	} {
		for _, endErr := range []error{nil, errDown} {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				tt.does(b)
				b.endErr = endErr
				_, err := b.operations()[tt.operation](t.Context(), expired())
				want := tt.want
				if endErr != nil && tt.ends > 0 {
					want = endErr
				}
				if !errors.Is(err, want) || len(b.refusals) != tt.ends || slices.Contains(b.events, refresh.Refreshed) {
					t.Errorf("%s: %v, want %v; %d ended, events %v", tt.operation, err, want, len(b.refusals), b.events)
				}
			})
		}
	}
	for _, operation := range []string{"Refresh", "Anew", "For", "Exchange"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.answer = func(string) (int, map[string]any) { return http.StatusBadGateway, map[string]any{} }
			var failure *provider.Error
			if _, err := b.operations()[operation](t.Context(), expired()); !errors.As(err, &failure) ||
				len(b.refusals) != 0 || len(b.state.kept) != 0 {
				t.Errorf("%s: %v, %d ended", operation, err, len(b.refusals))
			}
		})
	}
}

// TestWithoutRefreshToken: nothing is asked.
func TestWithoutRefreshToken(t *testing.T) {
	for _, operation := range []string{"Refresh", "Anew", "For"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			old := expired()
			old.RefreshToken = ""
			if _, err := b.operations()[operation](t.Context(), old); !errors.Is(err, refresh.ErrNoToken) ||
				len(b.forms) != 0 || b.state.leases() != 0 {
				t.Errorf("%s: %v after %d requests", operation, err, len(b.forms))
			}
		})
	}
}

// TestReports: a lease that is not released and tokens that are not revoked are reported, and cost nothing else.
func TestReports(t *testing.T) {
	for _, operation := range []string{"Refresh", "Anew", "For"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.state.release = errDown
			token, err := b.operations()[operation](t.Context(), expired())
			if want := []refresh.Event{refresh.Refreshed, refresh.LeaseNotReleased}; token != "at1" || err != nil ||
				!slices.Equal(b.events, want) {
				t.Errorf("%s: %q %v, events %v", operation, token, err, b.events)
			}
			b = newBench(t)
			if _, err := b.operations()[operation](t.Context(), expired()); err != nil ||
				!slices.Equal(b.events, []refresh.Event{refresh.Refreshed}) {
				t.Errorf("%s: %v, events %v", operation, err, b.events)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.Revoke(t.Context(), b.of, nil)
		if b.Revoke(t.Context(), b.of, expired()); len(b.gone) != 2 || len(b.events) != 0 {
			t.Errorf("revoked %q, events %v", b.gone, b.events)
		}
		b.revoke = http.StatusServiceUnavailable
		if b.Revoke(t.Context(), b.of, expired()); !slices.Equal(b.events, []refresh.Event{refresh.NotRevoked}) {
			t.Errorf("events %v", b.events)
		}
	})
}

// TestUsable: an access token is used up to half a minute before it expires.
func TestUsable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for left, want := range map[time.Duration]bool{
			30*time.Second + 1: true, 30 * time.Second: false, 0: false, -time.Hour: false,
		} {
			if got := refresh.Usable(&provider.Tokens{Expiry: time.Now().Add(left)}); got != want {
				t.Errorf("%v left: %t", left, got)
			}
		}
		if !refresh.Usable(&provider.Tokens{}) {
			t.Error("a token without an expiry is not usable")
		}
	})
}

// TestGenerations: tokens of a session with several access tokens are counted and kept as its newest ones, others not.
func TestGenerations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		tokens, err := b.Refresh(t.Context(), b.of, expired())
		if err != nil {
			t.Fatal(err)
		}
		if tokens.Generation != 0 || len(b.state.kept) != 1 || b.state.life != 10*time.Minute {
			t.Errorf("generation %d, kept %d for %v: %v", tokens.Generation, len(b.state.kept), b.state.life, err)
		}
		b = newBench(t)
		old := expired()
		old.Generation = 1
		tokens, err = b.Refresh(t.Context(), b.of, old)
		if err != nil {
			t.Fatal(err)
		}
		if tokens.Generation != 2 || len(b.state.kept) != 2 || b.state.life != 24*time.Hour {
			t.Errorf("generation %d, kept %d for %v: %v", tokens.Generation, len(b.state.kept), b.state.life, err)
		}
		older := &provider.Tokens{AccessToken: "other", RefreshToken: "other", Generation: 1, Expiry: time.Now()}
		if tokens, err = b.Refresh(t.Context(), b.of, older); err != nil || tokens.AccessToken != "at1" || len(b.forms) != 1 {
			t.Errorf("the newest tokens are not taken: %+v %v", tokens, err)
		}
		same := &provider.Tokens{AccessToken: "same", RefreshToken: "same", Generation: 2, Expiry: time.Now()}
		if tokens, err = b.Refresh(t.Context(), b.of, same); err != nil || tokens.AccessToken != "at2" || len(b.forms) != 2 {
			t.Errorf("tokens as new as the newest are not refreshed: %+v %v", tokens, err)
		}
	})
}

// TestKeptTokens: an access token for another API is kept as long as it lasts for a call, or ten minutes if nobody
// knows. The refresh token is shared only if it is a new one.
func TestKeptTokens(t *testing.T) {
	for _, tt := range []struct {
		change map[string]any
		life   time.Duration
		asked  int // after a second request
		kept   int
	}{
		{nil, 24 * time.Hour, 1, 3},
		{map[string]any{"refresh_token": "rt0"}, 300 * time.Second, 1, 1},
		{map[string]any{"refresh_token": "rt0", "expires_in": nil}, 10 * time.Minute, 1, 1},
		{map[string]any{"refresh_token": "rt0", "expires_in": 30}, 30 * time.Second, 2, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			answer := b.answer
			b.answer = func(form string) (int, map[string]any) {
				status, a := answer(form)
				maps.Copy(a, tt.change)
				maps.DeleteFunc(a, func(_ string, v any) bool { return v == nil })
				return status, a
			}
			for range 2 {
				if _, _, err := b.For(t.Context(), b.of, expired(), wanted); err != nil {
					t.Fatal(err)
				}
			}
			if len(b.forms) != tt.asked || len(b.state.kept) != tt.kept || b.state.life != tt.life {
				t.Errorf("%v: %d requests, kept %d, the last for %v", tt.change, len(b.forms), len(b.state.kept), b.state.life)
			}
		})
	}
}

// rival is another instance with the same session.
func (b *bench) rival(t *testing.T) *bench {
	other := newBench(t)
	*other.state = scripted{Memory: b.state.Memory, calls: map[string]int{}, fail: map[string]int{}}
	other.of, other.key = b.of, b.key
	other.answer = b.answer // with the same numbers
	return other
}

// same makes the provider answer with the same tokens again and again.
func (b *bench) same(change map[string]any) {
	b.answer = func(string) (int, map[string]any) {
		answer := map[string]any{"access_token": "at0", "refresh_token": "rt0", "token_type": "Bearer"}
		maps.Copy(answer, change)
		return http.StatusOK, answer
	}
}

// TestOvertaken: what another request has got just before this one gets its turn counts, and no refresh token is
// redeemed twice.
func TestOvertaken(t *testing.T) {
	for _, tt := range []struct {
		operation string
		rival     string
		asked     int    // by the request itself
		redeems   string // the refresh token
	}{
		{"Refresh", "Refresh", 0, ""},
		{"Refresh", "Anew", 0, ""},
		{"Anew", "Refresh", 1, "rt1"},
		{"For", "For", 0, ""},
		{"For", "Refresh", 1, "rt1"},
		{"Exchange", "Exchange", 0, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			other := b.rival(t)
			b.state.before = func() {
				if _, err := other.operations()[tt.rival](t.Context(), expired()); err != nil {
					t.Error(err)
				}
			}
			if _, err := b.operations()[tt.operation](t.Context(), expired()); err != nil || len(b.forms) != tt.asked {
				t.Errorf("%s after %s: %v after %d requests", tt.operation, tt.rival, err, len(b.forms))
			}
			if tt.asked > 0 && !strings.Contains(b.forms[0], "refresh_token="+tt.redeems) {
				t.Errorf("%s after %s redeems %q", tt.operation, tt.rival, b.forms)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // the refresh token does not change
		b := newBench(t)
		b.same(map[string]any{"access_token": "at1", "expires_in": 300})
		other := b.rival(t)
		b.state.before = func() { _, _ = other.operations()["For"](t.Context(), expired()) }
		if token, err := b.operations()["For"](t.Context(), expired()); token != "at1" || err != nil || len(b.forms) != 0 {
			t.Errorf("%q %v after %d requests", token, err, len(b.forms))
		}
	})
}

// TestAlwaysOvertaken: a request whose tokens are refreshed by others whenever its turn comes gives up; one that only
// has to wait does not.
func TestAlwaysOvertaken(t *testing.T) {
	for _, operation := range []string{"Anew", "For"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			other := b.rival(t)
			newest := expired()
			var overtake func()
			overtake = func() {
				tokens, _, err := other.Anew(t.Context(), b.of, newest)
				if err != nil {
					t.Error(err)
				}
				newest, b.state.before = tokens, overtake
			}
			b.state.before = overtake
			_, err := b.operations()[operation](t.Context(), expired())
			if !errors.Is(err, refresh.ErrBusy) || len(b.forms) != 0 || b.state.leases() != 8 {
				t.Errorf("%s: %v after %d requests and %d leases", operation, err, len(b.forms), b.state.leases())
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.state.busyUntil = time.Now().Add(time.Second)
		if token, err := b.operations()["For"](t.Context(), expired()); token != "at1" || err != nil ||
			b.state.leases() < 20 {
			t.Errorf("%q %v after %d leases", token, err, b.state.leases())
		}
	})
}

// TestSuccessors: a result that has expired too leads to its successor. A provider that answers with the same tokens is
// asked again once they have expired, or never if nobody knows when.
func TestSuccessors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		for n := range 3 {
			if token, err := b.operations()["Refresh"](t.Context(), expired()); token != fmt.Sprint("at", n+1) || err != nil ||
				!strings.Contains(b.forms[n], fmt.Sprint("refresh_token=rt", n)) {
				t.Errorf("%q %v, %q", token, err, b.forms)
			}
			time.Sleep(280 * time.Second)
		}
	})
	for _, tt := range []struct {
		change map[string]any
		after  time.Duration
		asked  int
	}{
		{map[string]any{"expires_in": 300}, 299 * time.Second, 1},
		{map[string]any{"expires_in": 300}, 300 * time.Second, 2},
		{nil, 300 * time.Second, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.same(tt.change)
			for range 2 {
				if token, err := b.operations()["Refresh"](t.Context(), expired()); token != "at0" || err != nil {
					t.Errorf("%q %v", token, err)
				}
				time.Sleep(tt.after)
			}
			if len(b.forms) != tt.asked {
				t.Errorf("%v, after %v: %d requests", tt.change, tt.after, len(b.forms))
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // Anew asks again, also if the tokens stay the same
		b := newBench(t)
		b.same(map[string]any{"expires_in": 300})
		for range 2 {
			if token, err := b.operations()["Anew"](t.Context(), expired()); token != "at0" || err != nil {
				t.Errorf("%q %v", token, err)
			}
		}
		if len(b.forms) != 2 {
			t.Errorf("%d requests", len(b.forms))
		}
	})
}

// TestExchangeOnce: an exchanged token is kept while it lasts, without another turn, and a turn ends with its request.
func TestExchangeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, began := newBench(t), time.Now()
		for _, at := range []time.Duration{0, time.Second, 271 * time.Second} {
			time.Sleep(time.Until(began.Add(at)))
			if token, err := b.operations()["Exchange"](t.Context(), expired()); token == "" || err != nil {
				t.Errorf("%q %v", token, err)
			}
			if time.Since(began) != at {
				t.Errorf("waited until %v", time.Since(began))
			}
		}
		if len(b.forms) != 2 || b.state.leases() != 2 {
			t.Errorf("%d requests, %d leases", len(b.forms), b.state.leases())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b, began := newBench(t), time.Now()
		b.same(map[string]any{
			"access_token": "at1", "expires_in": 20, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
		})
		for range 2 {
			if token, err := b.operations()["Exchange"](t.Context(), expired()); token != "at1" || err != nil {
				t.Errorf("%q %v", token, err)
			}
		}
		if len(b.forms) != 2 || time.Since(began) != 0 {
			t.Errorf("%d requests of a token that lasts for no call, in %v", len(b.forms), time.Since(began))
		}
	})
}
