package provider_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// TestEventSubjects: whose sessions each form of a subject stands for.
func TestEventSubjects(t *testing.T) {
	user := func(iss, sub any) object { return object{"format": "iss_sub", "iss": iss, "sub": sub} }
	opaque := func(id any) object { return object{"format": "opaque", "id": id} }
	email := object{"format": "email", "email": "alice@example.com"}
	aliases := func(all ...any) object { return object{"format": "aliases", "identifiers": all} }
	complex := func(members object) object { return merge(object{"format": "complex"}, members) }
	alice, long := user(issuer, "alice"), strings.Repeat("a", 255)
	many := slices.Repeat([]any{email}, 16)
	for _, test := range []struct {
		name     string
		subject  any
		sub, sid string
		bad      bool
	}{
		{"user", alice, "alice", "", false},
		{"user with more members", merge(user(issuer, "alice"), object{"x": 1}), "alice", "", false},
		{"user of another provider", user("https://other.example", "alice"), "", "", false},
		{"user of an issuer with a slash", user(issuer+"/", "alice"), "", "", false},
		{"longest user", user(issuer, long), long, "", false},
		{"session", opaque("s1"), "", "s1", false},
		{"email only", email, "", "", false},
		{"account", object{"format": "account", "uri": "acct:alice@example.com"}, "", "", false},
		{"jwt_id", object{"format": "jwt_id", "iss": issuer, "jti": "1"}, "", "", false},
		{"proprietary", object{"format": "catalog_item", "catalog_id": "1"}, "", "", false},
		{"aliases", aliases(email, alice), "alice", "", false},
		{"aliases without a user", aliases(email, opaque("s1")), "", "", false},
		{"sixteen aliases", aliases(many...), "", "", false},
		{"complex user", complex(object{"user": alice}), "alice", "", false},
		{"complex user by an alias", complex(object{"user": aliases(email, alice)}), "alice", "", false},
		{"complex session", complex(object{"session": opaque("s1")}), "", "s1", false},
		{"user and session", complex(object{"user": alice, "session": opaque("s1")}), "alice", "s1", false},
		{"email and session", complex(object{"user": email, "session": opaque("s1")}), "", "s1", false},
		{"another provider's user and session", complex(object{"user": user("https://o.example", "alice"),
			"session": opaque("s1")}), "", "", false},
		{"user and device", complex(object{"user": alice, "device": opaque("d1"), "tenant": opaque("t1")}),
			"alice", "", false},
		{"device", complex(object{"device": opaque("d1")}), "", "", false},
		{"tenant", complex(object{"tenant": opaque("t1"), "org_unit": opaque("o1"), "group": opaque("g1")}), "", "", false},
		{"complex email", complex(object{"user": email}), "", "", false},
		{"session that is not opaque", complex(object{"session": alice}), "", "", false},

		{"missing", nil, "", "", true},
		{"null", json.RawMessage("null"), "", "", true},
		{"a text", "alice", "", "", true},
		{"a list", []any{alice}, "", "", true},
		{"empty", object{}, "", "", true},
		{"no format", object{"iss": issuer, "sub": "alice"}, "", "", true},
		{"format empty", object{"format": "", "iss": issuer, "sub": "alice"}, "", "", true},
		{"format a number", object{"format": 1}, "", "", true},
		{"format by another name", object{"Format": "iss_sub", "iss": issuer, "sub": "alice"}, "", "", true},
		{"no iss", user(nil, "alice"), "", "", true},
		{"no sub", user(issuer, nil), "", "", true},
		{"sub empty", user(issuer, ""), "", "", true},
		{"sub a number", user(issuer, 7), "", "", true},
		{"sub of 256 bytes", user(issuer, long+"a"), "", "", true},
		{"iss a list", user([]string{issuer}, "alice"), "", "", true},
		{"no id", opaque(nil), "", "", true},
		{"id empty", opaque(""), "", "", true},
		{"id an object", opaque(object{}), "", "", true},
		{"no email", object{"format": "email"}, "", "", true},
		{"no aliases", aliases(), "", "", true},
		{"seventeen aliases", aliases(append(many, email)...), "", "", true},
		{"aliases a text", object{"format": "aliases", "identifiers": "alice"}, "", "", true},
		{"no alias in the list", object{"format": "aliases", "identifiers": []any{}}, "", "", true},
		{"an alias that is a text", aliases("alice"), "", "", true},
		{"a bad alias", aliases(alice, opaque("")), "", "", true},
		{"nested aliases", aliases(aliases(alice)), "", "", true},
		{"a complex alias", aliases(complex(object{"user": alice})), "", "", true},
		{"complex without members", complex(nil), "", "", true},
		{"complex with a text", complex(object{"user": "alice"}), "", "", true},
		{"complex with a bad member", complex(object{"user": alice, "device": opaque("")}), "", "", true},
		{"complex within complex", complex(object{"user": complex(object{"user": alice})}), "", "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			got, err := op.transmitter().VerifyEventToken(t.Context(),
				op.logoutToken(eventHeader, eventClaims(object{"sub_id": test.subject})))
			if test.bad {
				wantBadToken(t, err, "subject")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sub, sid, found := got.Subject.Sessions(issuer)
			if sub != test.sub || sid != test.sid || found != (test.sub != "" || test.sid != "") {
				t.Errorf("got %q, %q, %t", sub, sid, found)
			}
		})
	}
}

// TestCriticalSubjectMembers: an event whose subject has a critical member that is not understood is discarded (Shared
// Signals Framework section 3.6).
func TestCriticalSubjectMembers(t *testing.T) {
	user, opaque := object{"format": "iss_sub", "iss": issuer, "sub": "alice"}, object{"format": "opaque", "id": "1"}
	for _, test := range []struct {
		critical []string
		subject  object
		discard  bool
	}{
		{nil, object{"format": "complex", "user": user, "tenant": opaque}, false},
		{[]string{"user", "session"}, object{"format": "complex", "user": user, "session": opaque, "device": opaque}, false},
		{[]string{"tenant"}, object{"format": "complex", "user": user}, false},
		{[]string{"tenant"}, user, false},
		{[]string{"tenant", "user"}, object{"format": "complex", "user": user, "tenant": opaque}, true},
		{[]string{"user"}, object{"format": "complex", "user": object{"format": "email", "email": "a@b"}}, true},
		{[]string{"session"}, object{"format": "complex", "user": user, "session": user}, true},
	} {
		op := newOP(t)
		op.OnSignalDiscovery(func(doc map[string]any) { doc["critical_subject_members"] = test.critical })
		got, err := op.transmitter().VerifyEventToken(t.Context(),
			op.logoutToken(eventHeader, eventClaims(object{"sub_id": test.subject})))
		if err != nil || got.Discard != test.discard {
			t.Errorf("%q, %v: %+v, %v", test.critical, test.subject, got, err)
		}
	}
}

// TestIssuerOfUsers: the transmitter's issuer and that of the users may differ.
func TestIssuerOfUsers(t *testing.T) {
	op := newOP(t)
	got, err := op.transmitter().VerifyEventToken(t.Context(), op.logoutToken(eventHeader, eventClaims(object{
		"sub_id": object{"format": "iss_sub", "iss": "https://users.example", "sub": "alice"},
	})))
	if err != nil {
		t.Fatal(err)
	}
	if sub, _, found := got.Subject.Sessions("https://users.example"); sub != "alice" || !found {
		t.Errorf("got %q, %t", sub, found)
	}
	if provider.EventSessionRevoked != got.Type {
		t.Errorf("got %s", got.Type)
	}
}
