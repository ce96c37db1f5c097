package fakeop_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

func refreshMisbehaviours() map[fakeop.Misbehaviour]misbehaviour {
	return map[fakeop.Misbehaviour]misbehaviour{
		// case 70
		fakeop.RefreshInvalidIssuer:       refreshedToken("RS256", true, map[string]any{"iss": "https://elsewhere.example"}),
		fakeop.RefreshInvalidSub:          refreshedToken("RS256", true, map[string]any{"sub": "mallory"}),
		fakeop.RefreshInvalidAud:          refreshedToken("RS256", true, map[string]any{"aud": "another-client"}),
		fakeop.RefreshInvalidSig:          refreshedToken("RS256", false, nil),
		fakeop.RefreshSigNone:             refreshedToken("none", false, nil),
		fakeop.RefreshWithoutIDToken:      refreshed(map[string]any{"id_token": nil, "token_type": "Bearer"}),
		fakeop.RefreshWithoutRefreshToken: refreshed(map[string]any{"refresh_token": nil, "token_type": "Bearer"}), // case 71
		fakeop.RefreshTokenType:           refreshed(map[string]any{"token_type": "mac"}),
		fakeop.RefreshInvalidGrant:        refreshRefused(400, "invalid_grant"), // case 72
		fakeop.Refresh503:                 refreshRefused(503, "maintenance"),   // case 72
		fakeop.RefreshSlow:                refreshRefused(504, "slow"),          // case 72
		fakeop.Revocation503:              revocationFails(503),                 // case 171
		fakeop.RevocationSlow:             revocationFails(504),                 // case 171
	}
}

// refreshedToken checks the ID token of a refresh, after an unchanged one of a sign-in.
func refreshedToken(alg string, verifies bool, spoilt map[string]any) misbehaviour {
	return func(t *testing.T, a *app) {
		first := a.signIn("alice")
		if _, err := a.verify(text(first.object, "id_token")); err != nil {
			t.Errorf("the sign-in is spoilt as well: %v", err)
		}
		same := part(t, text(first.object, "id_token"), 1)
		maps.DeleteFunc(same, func(name string, _ any) bool { return name == "nonce" || name == "at_hash" })
		got := a.refresh(text(first.object, "refresh_token"))
		a.checkJWT(text(got.object, "id_token"), alg, verifies, spoilt, same)
		if a.idp.Refreshes() != 1 {
			t.Errorf("%d refreshes", a.idp.Refreshes())
		}
	}
}

// refreshed checks the response to a refresh; a second one succeeds too.
func refreshed(members map[string]any) misbehaviour {
	return func(t *testing.T, a *app) {
		got := a.signIn("alice")
		token := text(got.object, "refresh_token")
		has(t, got.object, map[string]any{
			"token_type": "Bearer", "refresh_token": token, "id_token": text(got.object, "id_token"),
		})
		for i := range 2 {
			got = a.refresh(token)
			has(t, got.object, members)
			access, next := got.tokens()
			if got.StatusCode != 200 || !a.idp.Active(access) || a.idp.Refreshes() != i+1 {
				t.Errorf("refresh %d: %d %s", i, got.StatusCode, got.text)
			}
			if next != "" {
				token = next
			}
		}
	}
}

// refreshRefused requires a response that costs the client only time: the refresh token stays valid. A slow response
// takes a minute, for refreshes only, or until the client gives up.
func refreshRefused(status int, contains string) misbehaviour {
	return func(t *testing.T, a *app) {
		_, token := a.signIn("alice").tokens()
		start := time.Now()
		got := a.refresh(token)
		if got.StatusCode != status || !strings.Contains(got.text, contains) ||
			(status == 503) != (got.Header.Get("Retry-After") == "7") {
			t.Errorf("%d %v %s", got.StatusCode, got.Header, got.text)
		}
		took(t, status, start)
		if status == 504 {
			a.givesUp(fakeop.Token, url.Values{"grant_type": {"refresh_token"}})
		}
		if a.idp.Refreshes() != 0 || !a.idp.Active(token) {
			t.Errorf("%d refreshes, refresh token active: %v", a.idp.Refreshes(), a.idp.Active(token))
		}
		start = time.Now()
		a.signIn("bob")
		took(t, 200, start)
	}
}

func revocationFails(status int) misbehaviour {
	return func(t *testing.T, a *app) {
		_, token := a.signIn("alice").tokens()
		start := time.Now()
		if got := a.revoke(token, nil, nil); got.StatusCode != status || !a.idp.Active(token) {
			t.Errorf("%d %s; active: %v", got.StatusCode, got.text, a.idp.Active(token))
		}
		took(t, status, start)
		if status == 504 {
			a.givesUp(fakeop.Revocation, url.Values{"token": {token}})
		}
	}
}

// took requires a minute for 504 and no time for anything else.
func took(t *testing.T, status int, start time.Time) {
	t.Helper()
	want := time.Duration(0)
	if status == 504 {
		want = time.Minute
	}
	if took := time.Since(start); took != want {
		t.Errorf("took %s, want %s", took, want)
	}
}

// givesUp is a client that waits two seconds. It leaves nothing running, or the bubble could not end.
func (a *app) givesUp(e fakeop.Endpoint, form url.Values) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url(e), strings.NewReader(form.Encode()))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	start := time.Now()
	resp, err := a.client.Do(r)
	if err == nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 2*time.Second {
		a.t.Errorf("after %s: %v", time.Since(start), err)
	}
}
