package claims_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
)

// TestGroupsOf: one source has the groups, and one that left them out is never replaced by the other.
func TestGroupsOf(t *testing.T) {
	plain := claims.Place{Name: "groups", WithNames: true}
	dotted := claims.Place{Name: "realm_access.roles"}
	for _, test := range []struct {
		name              string
		place             claims.Place
		idToken, userInfo string
		groups            []string
		overage           bool
	}{
		{"ID token", plain, `{"groups":["b","a"]}`, `{"groups":["c"]}`, []string{"a", "b"}, false},
		{"userinfo", plain, `{}`, `{"groups":["c"]}`, []string{"c"}, false},
		{"null in the ID token", plain, `{"groups":null}`, `{"groups":["c"]}`, []string{"c"}, false},
		{"an empty list is the answer", plain, `{"groups":[]}`, `{"groups":["c"]}`, nil, false},
		{"an odd value is the answer", plain, `{"groups":7}`, `{"groups":["c"]}`, nil, false},
		{"none", plain, `{}`, `{}`, nil, false},

		{"distributed claim", plain, `{"_claim_names":{"groups":"src1"}}`, `{"groups":["c"]}`, nil, true},
		{"of another claim", plain, `{"_claim_names":{"roles":"src1"}}`, `{"groups":["c"]}`, []string{"c"}, false},
		{"null as its source", plain, `{"_claim_names":{"groups":null}}`, `{"groups":["c"]}`, []string{"c"}, false},
		{"_claim_names of another type", plain, `{"_claim_names":["groups"]}`, `{"groups":["c"]}`, []string{"c"}, false},
		{"groups and a marker", plain, `{"groups":["a"],"hasgroups":true}`, `{}`, []string{"a"}, false},
		{"hasgroups", plain, `{"hasgroups":true}`, `{"groups":["c"]}`, nil, true},
		{"hasgroups as a string", plain, `{"hasgroups":"true"}`, `{}`, nil, true},
		{"hasgroups is false", plain, `{"hasgroups":false}`, `{"groups":["c"]}`, []string{"c"}, false},
		{"marker in userinfo", plain, `{}`, `{"hasgroups":true}`, nil, true},
		{"parent of a dotted path", dotted, `{"_claim_names":{"realm_access":"src1"}}`, `{}`, nil, true},
		{"the literal of a dotted path", dotted, `{"_claim_names":{"realm_access.roles":"src1"}}`, `{}`, nil, true},
	} {
		shape := claims.Shape{Groups: test.place}
		groups, at, overage := shape.GroupsOf(object(t, test.idToken), object(t, test.userInfo))
		if !slices.Equal(groups, test.groups) || overage != test.overage {
			t.Errorf("%s: %q and overage %v, want %q and %v", test.name, groups, overage, test.groups, test.overage)
		}
		if overage && at != nil {
			t.Errorf("%s: left out and at %q", test.name, at)
		}
	}
}

func TestOrganizationsOf(t *testing.T) {
	shape := claims.Shape{Organizations: claims.Place{Name: "org_id"}}
	for _, test := range []struct {
		idToken, userInfo string
		want, at          []string
	}{
		{`{"org_id":"o1"}`, `{"org_id":"o2"}`, []string{"o1"}, []string{"org_id"}},
		{`{}`, `{"org_id":"o2"}`, []string{"o2"}, []string{"org_id"}},
		{`{"org_id":[]}`, `{"org_id":"o2"}`, nil, []string{"org_id"}},
		{`{"hasgroups":true}`, `{"org_id":"o2"}`, []string{"o2"}, []string{"org_id"}},
		{`{}`, `{}`, nil, nil},
	} {
		got, at := shape.OrganizationsOf(object(t, test.idToken), object(t, test.userInfo))
		if !slices.Equal(got, test.want) || !slices.Equal(at, test.at) {
			t.Errorf("%s and %s: %q at %q, want %q at %q", test.idToken, test.userInfo, got, at, test.want, test.at)
		}
	}
}

func TestEmailVerified(t *testing.T) {
	for _, test := range []struct {
		value           any
		strict, relaxed bool
	}{
		{true, true, true},
		{"true", false, true},
		{"True", false, false},
		{"1", false, false},
		{json.Number("1"), false, false},
		{false, false, false},
		{"false", false, false},
		{nil, false, false},
		{[]any{true}, false, false},
	} {
		strict, relaxed := claims.Shape{}, claims.Shape{StringEmailVerified: true}
		if got := strict.EmailVerified(test.value); got != test.strict {
			t.Errorf("%v: %v", test.value, got)
		}
		if got := relaxed.EmailVerified(test.value); got != test.relaxed {
			t.Errorf("%v with StringEmailVerified: %v", test.value, got)
		}
	}
}

// TestMerge: the ID token takes precedence with each claim that it has. Neither source is changed.
func TestMerge(t *testing.T) {
	for _, test := range []struct{ idToken, userInfo, want string }{
		{`{"a":1,"b":null}`, `{"a":2,"b":3,"c":4}`, `{"a":1,"b":3,"c":4}`},
		{`{"a":false,"b":""}`, `{"a":true,"b":"x"}`, `{"a":false,"b":""}`},
		{`{"a":{"x":1}}`, `{"a":{"y":2}}`, `{"a":{"x":1}}`},
		{`{}`, `{}`, `{}`},
	} {
		idToken, userInfo := object(t, test.idToken), object(t, test.userInfo)
		if got, want := claims.Merge(idToken, userInfo), object(t, test.want); !reflect.DeepEqual(got, want) {
			t.Errorf("%s over %s is %v, want %v", test.idToken, test.userInfo, got, want)
		}
		if !reflect.DeepEqual(userInfo, object(t, test.userInfo)) || !reflect.DeepEqual(idToken, object(t, test.idToken)) {
			t.Errorf("%s over %s changed a source", test.idToken, test.userInfo)
		}
	}
	if got := claims.Merge(nil, nil); got == nil || len(got) > 0 {
		t.Errorf("without claims: %v", got)
	}
}

// TestDecodable: what passes can be decoded, and what does not cannot.
func TestDecodable(t *testing.T) {
	for text, want := range map[string]bool{
		`1`: true, `-0.5e-3`: true, `1e308`: true, `1e-999`: true, `12345678901234567890123`: true,
		`1e309`: false, `-1e999`: false, `[1,[2,1e999]]`: false, `{"a":{"b":1e999}}`: false, `{"a":[1e308]}`: true,
		`"1e999"`: true, `null`: true, `true`: true, `[]`: true, `{}`: true,
	} {
		var value, again any
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&value); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := claims.Decodable(value); got != want {
			t.Errorf("%s: %v", text, got)
		}
		if err := json.Unmarshal([]byte(text), &again); (err == nil) != want {
			t.Errorf("%s decodes with %v", text, err)
		}
	}
}

func TestText(t *testing.T) {
	all := object(t, `{"text":"x","number":1,"null":null,"list":["x"]}`)
	for name, want := range map[string]string{"text": "x", "number": "", "null": "", "list": "", "absent": ""} {
		if got := claims.Text(all, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestTexts: the strings of a claim that is a string or a list, without empty ones.
func TestTexts(t *testing.T) {
	all := object(t, `{"one":"x","list":["x","","y"],"mixed":["x",1,null,["y"]],"empty":"","number":1}`)
	for name, want := range map[string][]string{
		"one": {"x"}, "list": {"x", "y"}, "mixed": {"x"}, "empty": nil, "number": nil, "absent": nil,
	} {
		if got := claims.Texts(all[name]); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestWithin: names that the app has chosen get the prefix of the provider once, and are sorted with it.
func TestWithin(t *testing.T) {
	for prefix, want := range map[string][]string{
		"": {"b", "corp:c", "d"}, "corp:": {"corp:b", "corp:c", "corp:d"},
	} {
		shape := claims.Shape{Prefix: prefix}
		if got := shape.Within([]string{"d", "corp:c", "b", "b"}); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", prefix, got, want)
		}
	}
}

// TestShown: what a page may know of the user's claims. Of an object that holds the groups, only these are shown.
func TestShown(t *testing.T) {
	const all = `{"sub":"alice","email":"a@example.com","phone":"1","groups":["a"],"orgs":["o"],` +
		`"realm_access":{"roles":["r"],"secret":1}}`
	for _, test := range []struct {
		name, groups, want string
		names              []string
	}{
		{"default", "groups", `{"sub":"alice","email":"a@example.com","groups":["a"],"orgs":["o"]}`, nil},
		{"inside an object", "realm_access.roles",
			`{"sub":"alice","email":"a@example.com","orgs":["o"],"realm_access":{"roles":["r"]}}`, nil},
		{"none", "groups", `{}`, []string{}},
		{"no groups", "teams", `{"sub":"alice","email":"a@example.com","orgs":["o"]}`, nil},
		{"a list", "groups", `{"phone":"1","orgs":["o"]}`, []string{"phone", "orgs", "absent"}},
		{"a path in the list", "realm_access.roles", `{"realm_access":{"roles":["r"]}}`, []string{"realm_access.roles"}},
		{"the object in the list", "realm_access.roles", `{"realm_access":{"roles":["r"],"secret":1}}`,
			[]string{"realm_access"}},
	} {
		shape := claims.Shape{Groups: claims.Place{Name: test.groups}, Organizations: claims.Place{Name: "orgs"}}
		if got := shape.Shown(object(t, all), test.names); !reflect.DeepEqual(got, object(t, test.want)) {
			t.Errorf("%s: %v, want %s", test.name, got, test.want)
		}
	}
}
