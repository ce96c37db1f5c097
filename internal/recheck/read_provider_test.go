package recheck_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/recheck"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

const idp = "https://idp.example"

// script is a provider: the status of its token endpoint and of its userinfo endpoint, and the calls to both.
type script struct {
	token, userInfo int            // 0: there is no such endpoint
	idToken         map[string]any // further claims of the ID token that a refresh returns; nil for no ID token
	calls           []string
	key             *ecdsa.PrivateKey
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	status, answer := http.StatusOK, map[string]any{}
	switch r.URL.Path {
	case "/token":
		s.calls = append(s.calls, "token")
		status, answer = s.token, map[string]any{"access_token": "at-2", "refresh_token": "rt-2", "token_type": "Bearer"}
		if status != http.StatusOK {
			answer = map[string]any{"error": "invalid_grant"}
		} else if s.idToken != nil {
			answer["id_token"] = s.signed()
		}
	case "/userinfo":
		s.calls = append(s.calls, "userinfo with "+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		status, answer = s.userInfo, map[string]any{"sub": "alice", "groups": []string{"audit"}}
	case "/jwks":
		answer["keys"] = []any{jose.JSONWebKey{Key: &s.key.PublicKey, KeyID: "1"}}
	default:
		answer = map[string]any{
			"issuer": idp, "authorization_endpoint": idp + "/authorize", "token_endpoint": idp + "/token",
			"jwks_uri": idp + "/jwks", "response_types_supported": []string{"code"},
			"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"ES256"},
		}
		if s.userInfo != 0 {
			answer["userinfo_endpoint"] = idp + "/userinfo"
		}
	}
	text, err := json.Marshal(answer)
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(bytes.NewReader(text))}, err
}

// signed returns an ID token of alice.
func (s *script) signed() string {
	key := jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: s.key, KeyID: "1"}}
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		panic(err)
	}
	now := time.Now().Unix()
	claims := map[string]any{"iss": idp, "aud": "app", "sub": "alice", "iat": now, "exp": now + 60}
	maps.Copy(claims, s.idToken)
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		panic(err)
	}
	return token
}

// newReader returns a Reader of the users of s.
func newReader(t *testing.T, s *script) recheck.Reader {
	t.Helper()
	var err error
	if s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	text, err := sealed.New("tokens", []string{strings.Repeat("s", 32)}, "app")
	if err != nil {
		t.Fatal(err)
	}
	p := provider.New(provider.Config{Issuer: idp, ClientID: "app", ClientSecret: "secret",
		AuthMethod: "client_secret_post", Transport: s, SigningAlgs: []string{"ES256"}})
	return recheck.Reader{
		Provider: p, Shape: &claims.Shape{Groups: claims.Place{Name: "groups"}},
		Refresher: refresh.New(refresh.Config{
			Provider: p, Values: shared.Values{State: state.NewMemory(0), Seal: text}, Audience: "app",
			Timeout: 5 * time.Second, Lifetime: 24 * time.Hour, Log: slog.New(slog.DiscardHandler),
			Ended:  func(context.Context, *session.Record) (bool, error) { return false, nil },
			Report: func(context.Context, refresh.Event, *session.Record, error) {},
		}),
		Changed: func(context.Context, *session.Record, []slog.Attr) {},
	}
}

// TestNoUserInfo: a provider that is not asked has accepted no token.
func TestNoUserInfo(t *testing.T) {
	reader, lasting := newReader(t, &script{}), &provider.Tokens{AccessToken: "at-1"}
	from, tokens, err := reader.Ask(t.Context(), checkedSession(), lasting)
	if from.Vouched || tokens != lasting || err != nil {
		t.Errorf("%+v, %+v, %v", from, tokens, err)
	}
}

// TestReadAtProvider: a refresh token is redeemed, and userinfo is asked with what is usable then. Whatever fails, the
// app's code is not asked about the user, and new tokens are not lost.
func TestReadAtProvider(t *testing.T) {
	refreshable := &provider.Tokens{AccessToken: "at-1", RefreshToken: "rt-1"}
	lasting := &provider.Tokens{AccessToken: "at-1"}
	expired := &provider.Tokens{AccessToken: "at-1", Expiry: time.Unix(1, 0)}
	groups := map[string]any{"groups": "staff"}
	over := map[string]any{"session_expiry": 1}
	const both = "token, userinfo with at-2"
	type want struct {
		calls              string
		accessToken, known string // that the app's code gets, and groups; "-" if it is not asked
		refused            bool
		tokens             string // the access token that remains
	}
	for name, tt := range map[string]struct {
		idp            script
		old            *provider.Tokens
		skip, resolved bool // no userinfo; the app's resolver replaces the groups
		want           want
	}{
		"refresh and userinfo": {script{token: 200, userInfo: 200}, refreshable, false, false,
			want{both, "at-2", "audit", false, "at-2"}},
		"refresh with an ID token": {script{token: 200, userInfo: 200, idToken: groups}, refreshable, false, false,
			want{both, "at-2", "staff", false, "at-2"}},
		"a session that is over": {script{token: 200, userInfo: 200, idToken: over}, refreshable, false, false,
			want{both, "-", "", true, "at-2"}},
		"refresh alone": {script{token: 200, userInfo: 200}, refreshable, true, true,
			want{"token", "at-2", "", false, "at-2"}},
		"userinfo alone": {script{userInfo: 200}, lasting, false, false,
			want{"userinfo with at-1", "at-1", "audit", false, "at-1"}},
		"refresh refused":  {script{token: 400, userInfo: 200}, refreshable, false, true, want{"token", "-", "", true, ""}},
		"refresh fails":    {script{token: 503, userInfo: 200}, refreshable, false, true, want{"token", "-", "", false, ""}},
		"userinfo refused": {script{token: 200, userInfo: 401}, refreshable, false, true, want{both, "-", "", true, "at-2"}},
		"userinfo fails":   {script{token: 200, userInfo: 503}, refreshable, false, true, want{both, "-", "", false, "at-2"}},
		"no userinfo":      {script{}, lasting, false, false, want{"", "-", "", true, "at-1"}},
		"nothing to use":   {script{userInfo: 200}, expired, false, false, want{"", "-", "", true, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reader := newReader(t, &tt.idp)
				reader.SkipUserInfo, reader.Resolved = tt.skip, tt.resolved
				asked, known := "-", ""
				reader.Vet = func(
					_ context.Context, r *session.Record, found recheck.Found, accessToken string,
				) (*session.Record, error) {
					asked, known = accessToken, strings.Join(found.Memberships.Groups, " ")
					same := *r
					return &same, nil
				}
				answer, err := reader.Read(t.Context(), checkedSession(), tt.old.Encode())
				got := strings.Join(tt.idp.calls, ", ")
				if got != tt.want.calls || asked != tt.want.accessToken || known != tt.want.known {
					t.Errorf("calls: %s; asked with %q about the groups %q", got, asked, known)
				}
				if (err == nil) != (asked != "-") || errors.Is(err, recheck.ErrRefused) != tt.want.refused {
					t.Errorf("%v", err)
				}
				tokens, _ := provider.DecodeTokens(answer.Tokens)
				if (tokens != nil) != (tt.want.tokens != "") || tokens != nil && tokens.AccessToken != tt.want.tokens {
					t.Errorf("tokens %+v", tokens)
				}
			})
		})
	}
}
