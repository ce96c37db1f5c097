package recheck_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/recheck"
)

type (
	object  = map[string]any
	sources = recheck.Sources
	known   = recheck.Memberships
)

// membershipsCase is what a check read, and what is known afterwards.
type membershipsCase struct {
	from            sources
	before          known
	resolved, byApp bool
	want            known
	refused         bool
}

func membershipsCases() map[string]membershipsCase {
	fromIDToken := func(c object) sources { return sources{c, nil, true} }
	fromUserInfo := func(c object) sources { return sources{nil, c, true} }
	noClaims := sources{nil, nil, true}
	staff, acme := []string{"staff"}, []string{"acme"}
	both := known{Groups: staff, Organizations: acme}
	others := known{Groups: []string{"a"}, Organizations: []string{"b"}}
	overage, unknown := object{"_claim_names": object{"groups": "src1"}}, known{GroupsOverage: true}
	ofOthers := object{"groups": []any{"a"}, "organizations": []any{"b"}}
	empty, none := object{"groups": []any{}, "organizations": []any{}}, object{"sub": "a"}
	return map[string]membershipsCase{
		"ID token":                 {from: fromIDToken(ofOthers), before: both, want: others},
		"ID token without them":    {from: fromIDToken(none), before: both},
		"ID token, empty":          {from: fromIDToken(empty), before: both},
		"ID token, odd":            {from: fromIDToken(object{"groups": 7, "organizations": true}), before: both},
		"ID token, overage":        {from: fromIDToken(overage), before: both, want: unknown},
		"ID token before userinfo": {from: sources{ofOthers, object{"groups": "x"}, true}, want: others},
		"only userinfo has them":   {from: sources{none, ofOthers, true}, before: both, want: others},

		"userinfo":               {from: fromUserInfo(ofOthers), before: both, want: others},
		"userinfo, empty":        {from: fromUserInfo(empty), before: both},
		"userinfo, overage":      {from: fromUserInfo(overage), before: both, want: unknown},
		"userinfo without them":  {from: fromUserInfo(none), before: both},
		"userinfo, groups alone": {from: fromUserInfo(object{"groups": "staff"}), before: both, want: known{Groups: staff}},

		"no claims, groups":        {from: noClaims, before: known{Groups: staff}, refused: true},
		"no claims, overage":       {from: noClaims, before: unknown, refused: true},
		"no claims, organizations": {from: noClaims, before: known{Organizations: acme}, refused: true},
		"no claims, none before":   {from: noClaims},
		"nothing to ask":           {refused: true},
		"nothing to ask, by app":   {before: both, byApp: true, refused: true},

		"resolver alone":                {before: known{Groups: staff}, resolved: true, want: unknown},
		"resolver alone, organizations": {before: both, resolved: true, refused: true},
		"resolver alone, by app": {before: both, resolved: true, byApp: true,
			want: known{GroupsOverage: true, Organizations: acme}},
		"resolver after a refresh": {from: noClaims, before: known{Groups: staff}, resolved: true, want: unknown},
		"resolver and userinfo":    {from: fromUserInfo(ofOthers), before: both, resolved: true, want: others},
		"resolver, userinfo without": {
			from: fromUserInfo(none), before: known{Groups: staff}, resolved: true, want: unknown,
		},
		"resolver, ID token without": {from: fromIDToken(none), before: both, resolved: true},
	}
}

// TestMemberships: what cannot be read for certain is not kept, and absent means none. Case 341.
func TestMemberships(t *testing.T) {
	for name, tt := range membershipsCases() {
		t.Run(name, func(t *testing.T) {
			shape := &claims.Shape{
				Groups: claims.Place{Name: "groups"}, Organizations: claims.Place{Name: "organizations"},
			}
			got, err := tt.from.Memberships(shape, tt.before, tt.resolved, tt.byApp)
			if len(got.Groups) == 0 {
				got.Groups = nil
			}
			if len(got.Organizations) == 0 {
				got.Organizations = nil
			}
			if errors.Is(err, recheck.ErrRefused) != tt.refused || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

// TestExpires: an ID token can move the end of a session in both directions, but not into the past, and one that says
// nothing of it changes nothing.
func TestExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, now := time.Now().Add(time.Hour), time.Now().Unix()
		number := func(at int64) json.Number { return json.Number(strconv.FormatInt(at, 10)) }
		for name, tt := range map[string]struct {
			idToken object
			want    time.Time
		}{
			"no ID token": {nil, before}, "no claim": {object{}, before}, "null": {object{"session_expiry": nil}, before},
			"later":   {object{"session_expiry": number(now + 7200)}, before.Add(time.Hour)},
			"earlier": {object{"session_expiry": number(now + 1)}, time.Now().Add(time.Second)},
			"now":     {object{"session_expiry": number(now)}, time.Time{}},
			"a text":  {object{"session_expiry": "tomorrow"}, time.Time{}},
		} {
			at, err := sources{IDToken: tt.idToken}.Expires(before)
			if refused := errors.Is(err, recheck.ErrRefused); refused != tt.want.IsZero() || err == nil && !at.Equal(tt.want) {
				t.Errorf("%s: %v, %v, want %v", name, at, err, tt.want)
			}
		}
	})
}
