package fakeop_test

import (
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// tokens returns the access token and the refresh token of a token response.
func (r answer) tokens() (access, refresh string) {
	return text(r.object, "access_token"), text(r.object, "refresh_token")
}

func TestRefresh(t *testing.T) {
	a := newApp(t, fakeop.Config{})
	first := a.signIn("alice")
	a.idp.AddUser(fakeop.User{Subject: "alice", Name: "Alice Brewer", Groups: []string{"staff"}})
	second := a.refresh(text(first.object, "refresh_token"))
	if second.StatusCode != 200 || text(second.object, "refresh_token") == text(first.object, "refresh_token") {
		t.Fatalf("refresh: %d %s", second.StatusCode, second.text)
	}
	before, after := part(t, text(first.object, "id_token"), 1), part(t, text(second.object, "id_token"), 1)
	if _, err := a.verify(text(second.object, "id_token")); err != nil || after["nonce"] != nil {
		t.Errorf("refreshed ID token: %v, nonce %v", err, after["nonce"])
	}
	for _, same := range []string{"sub", "sid", "auth_time"} {
		if before[same] != after[same] {
			t.Errorf("%s changed from %v to %v", same, before[same], after[same])
		}
	}
	user := a.userInfo(text(first.object, "access_token"))
	if user.StatusCode != 200 {
		t.Error("a refresh ended the earlier access token")
	}
	for _, seen := range []map[string]any{after, user.object} {
		if seen["name"] != "Alice Brewer" || !reflect.DeepEqual(seen["groups"], []any{"staff"}) {
			t.Errorf("the changed user is not seen: %v", seen)
		}
	}

	if got := a.refresh(text(first.object, "refresh_token")); got.StatusCode != 400 ||
		text(got.object, "error") != "invalid_grant" {
		t.Errorf("used refresh token: %d %s", got.StatusCode, got.text)
	}
	if got := a.refresh(text(second.object, "refresh_token")); got.StatusCode != 400 {
		t.Error("reuse did not revoke the family's newest refresh token")
	}
	if got := a.userInfo(text(second.object, "access_token")); got.StatusCode != 401 {
		t.Error("reuse did not revoke the family's access tokens")
	}
}

// Active agrees with what the endpoints do with tokens, and only successful refreshes are counted.
func TestRotation(t *testing.T) {
	tests := map[string]struct {
		cfg   fakeop.Config
		does  fakeop.Misbehaviour
		keeps bool
		in    bool // whether the refresh token is in the answer to a refresh
	}{
		"default":            {in: true},
		"kept":               {cfg: fakeop.Config{KeepRefreshToken: true}, keeps: true, in: true},
		"kept, and not sent": {does: fakeop.RefreshWithoutRefreshToken, keeps: true},
		"kept by both": {
			cfg: fakeop.Config{KeepRefreshToken: true}, does: fakeop.RefreshWithoutRefreshToken, keeps: true,
		},
		"without offline_access": {cfg: fakeop.Config{AlwaysRefreshToken: true}, in: true},
		"without offline_access, kept": {
			cfg: fakeop.Config{AlwaysRefreshToken: true, KeepRefreshToken: true}, keeps: true, in: true,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, tt.cfg)
			if tt.does != "" {
				a.idp.Misbehave(tt.does)
			}
			var c changes
			if tt.cfg.AlwaysRefreshToken {
				c = changes{"scope": {"openid"}}
			}
			access, old := a.redeem(a.approve("alice", c).Get("code")).tokens()
			if old == "" || !a.idp.Active(old) || !a.idp.Active(access) || a.idp.Refreshes() != 0 {
				t.Fatalf("%q, active %v; after %d refreshes", old, a.idp.Active(old), a.idp.Refreshes())
			}
			got := a.refresh(old)
			if _, in := got.object["refresh_token"]; got.StatusCode != 200 || in != tt.in {
				t.Fatalf("refresh: %d %s", got.StatusCode, got.text)
			}
			_, fresh := got.tokens()
			if tt.in && (fresh == old) != tt.keeps || a.idp.Active(old) != tt.keeps || tt.in && !a.idp.Active(fresh) {
				t.Errorf("the same: %v; active: old %v, new %v", fresh == old, a.idp.Active(old), a.idp.Active(fresh))
			}
			want := 200
			if !tt.keeps {
				want = 400
			}
			if again := a.refresh(old); again.StatusCode != want || a.idp.Active(access) != tt.keeps ||
				a.idp.Active(fresh) != (tt.keeps && tt.in) {
				t.Errorf("again: %d %s; active: access %v, refresh %v",
					again.StatusCode, again.text, a.idp.Active(access), a.idp.Active(fresh))
			}
			if n := a.idp.Refreshes(); n != 1 && !tt.keeps || n != 2 && tt.keeps {
				t.Errorf("%d refreshes", n)
			}
		})
	}
}

// A kept refresh token is bound and limited like one that is rotated.
func TestKeptRefreshTokenIsChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, fakeop.Config{KeepRefreshToken: true})
		_, token := a.signIn("alice").tokens()
		for name, c := range map[string]changes{
			"unknown":      {"refresh_token": {"x"}},
			"empty":        {"refresh_token": {""}},
			"none":         {},
			"access token": {"refresh_token": {text(a.signIn("bob").object, "access_token")}},
		} {
			c["grant_type"] = []string{"refresh_token"}
			if got := a.token(c, nil); got.StatusCode != 400 || text(got.object, "error") != "invalid_grant" {
				t.Errorf("%s: %d %s", name, got.StatusCode, got.text)
			}
		}
		if a.idp.Active("") || a.idp.Active("x") {
			t.Error("no token at all is active")
		}
		time.Sleep(30*24*time.Hour - time.Second)
		if !a.idp.Active(token) || a.refresh(token).StatusCode != 200 {
			t.Error("the refresh token is gone early")
		}
		time.Sleep(time.Second)
		if got := a.refresh(token); got.StatusCode != 400 || a.idp.Active(token) {
			t.Errorf("after 30 days: %d %s", got.StatusCode, got.text)
		}
	})
}

func TestTokenLife(t *testing.T) {
	for life, seconds := range map[time.Duration]float64{0: 3600, time.Second: 1, 5 * time.Minute: 300} {
		synctest.Test(t, func(t *testing.T) {
			a := newApp(t, fakeop.Config{TokenLife: life})
			first := a.signIn("alice")
			for _, got := range []answer{first, a.refresh(text(first.object, "refresh_token"))} {
				has(t, got.object, map[string]any{"expires_in": seconds})
				has(t, part(t, text(got.object, "id_token"), 1), map[string]any{"exp": float64(time.Now().Add(time.Hour).Unix())})
			}
			a.idp.Misbehave(fakeop.DPoPDowngrade)
			access, _ := first.tokens()
			downgraded, _ := a.signIn("alice").tokens()
			time.Sleep(time.Duration(seconds)*time.Second - time.Nanosecond)
			for _, token := range []string{access, downgraded} {
				if !a.idp.Active(token) || a.userInfo(token).StatusCode != 200 {
					t.Errorf("%s: an access token is gone early", life)
				}
			}
			time.Sleep(time.Nanosecond)
			for _, token := range []string{access, downgraded} {
				if a.idp.Active(token) || a.userInfo(token).StatusCode != 401 {
					t.Errorf("%s: an access token outlives its expires_in", life)
				}
			}
		})
	}
}

// OnRefreshAnswer sees only refreshes, after OnTokenAnswer, which sees all responses.
func TestOnRefreshAnswer(t *testing.T) {
	a := newApp(t, fakeop.Config{})
	a.idp.Misbehave(fakeop.RefreshTokenType, fakeop.TokenTypeCase)
	a.idp.OnTokenAnswer(func(answer map[string]any) { answer["seen"] = answer["token_type"] })
	a.idp.OnRefreshAnswer(func(answer map[string]any) {
		answer["seen"], answer["scope"] = []any{answer["seen"]}, "openid"
	})
	first := a.signIn("alice")
	has(t, first.object, map[string]any{"seen": "bearer", "scope": "openid profile email offline_access"})
	_, token := first.tokens()
	has(t, a.refresh(token).object, map[string]any{"seen": []any{"mac"}, "scope": "openid"})
}
