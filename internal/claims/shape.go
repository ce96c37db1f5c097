package claims

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Shape says where a provider puts groups and organizations, and how it writes them.
type Shape struct {
	Groups, Organizations Place
	StringEmailVerified   bool // the string "true" counts as true in email_verified

	// Prefix is put before every name, so that the groups of one provider are not mistaken for those of another.
	Prefix string
}

// prefixed returns sorted names with the prefix, still sorted.
func (s *Shape) prefixed(names []string) []string {
	if s.Prefix == "" {
		return names
	}
	with := make([]string, len(names))
	for i, name := range names {
		with[i] = s.Prefix + name
	}
	return with
}

// Within returns names that the app has chosen itself, sorted, with the prefix before those that lack it.
func (s *Shape) Within(names []string) []string {
	with := Normalized(names)
	for i, name := range with {
		if !strings.HasPrefix(name, s.Prefix) {
			with[i] = s.Prefix + name
		}
	}
	return Normalized(with)
}

// GroupsOf reads the groups from one source: the ID token if it has the claim or its overage marker, and otherwise
// userinfo. overage reports that the provider omitted the groups (an entry in _claim_names, OpenID Connect Core 1.0,
// section 5.6.2, or hasgroups). "No groups" would be a guess then. The URLs in _claim_sources are never fetched.
func (s *Shape) GroupsOf(idToken, userInfo map[string]any) (groups, at []string, overage bool) {
	for _, claims := range []map[string]any{idToken, userInfo} {
		if value, at := s.Groups.Find(claims); value != nil {
			return s.prefixed(s.Groups.Names(value)), at, false
		}
		if s.Groups.leftOut(claims) {
			return nil, nil, true
		}
	}
	return nil, nil, false
}

// OrganizationsOf reads the ids of the user's organizations by the same rule.
func (s *Shape) OrganizationsOf(idToken, userInfo map[string]any) (organizations, at []string) {
	for _, claims := range []map[string]any{idToken, userInfo} {
		if value, at := s.Organizations.Find(claims); value != nil {
			return s.prefixed(s.Organizations.Names(value)), at
		}
	}
	return nil, nil
}

// EmailVerified reads the value of email_verified, a boolean (OpenID Connect Core 1.0, section 5.1).
func (s *Shape) EmailVerified(value any) bool {
	return value == true || s.StringEmailVerified && value == "true"
}

// Merge returns the claims of both sources. The signed ID token takes precedence claim by claim, where null counts as
// absent.
func Merge(idToken, userInfo map[string]any) map[string]any {
	merged := maps.Clone(userInfo)
	if merged == nil {
		merged = map[string]any{}
	}
	for name, value := range idToken {
		if value != nil {
			merged[name] = value
		}
	}
	return merged
}

// Texts returns the strings of a claim that is a list of strings, or one string.
func Texts(value any) (texts []string) {
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	}
	for _, element := range list {
		if s, ok := element.(string); ok && s != "" {
			texts = append(texts, s)
		}
	}
	return texts
}

// Text returns the claim of this name if it is a string, and otherwise "".
func Text(claims map[string]any, name string) string {
	s, _ := claims[name].(string)
	return s
}

// Decodable reports whether encoding/json can decode a value that it has read with UseNumber. It cannot if a number is
// too large for a float64: one such number would make all claims of the user unreadable.
func Decodable(value any) bool {
	switch v := value.(type) {
	case json.Number:
		_, err := v.Float64()
		return err == nil
	case []any:
		return !slices.ContainsFunc(v, func(element any) bool { return !Decodable(element) })
	case map[string]any:
		for _, member := range v {
			if !Decodable(member) {
				return false
			}
		}
	}
	return true
}

// defaultShown returns the claims that Shown shows by default, apart from groups and organizations.
func defaultShown() []string {
	return []string{"sub", "name", "preferred_username", "email", "email_verified", "picture", "act"}
}

// Shown returns the claims with the names, or those of the default if names is nil. If groups or organizations are
// inside an object, it shows only these of the object, unless the list names the object.
func (s *Shape) Shown(all map[string]any, names []string) map[string]any {
	places := []Place{s.Groups, s.Organizations}
	if names == nil {
		names = defaultShown()
	} else {
		places = slices.DeleteFunc(places, func(p Place) bool { return !slices.Contains(names, p.Name) })
	}
	shown := map[string]any{}
	for _, name := range names {
		if value, ok := all[name]; ok {
			shown[name] = value
		}
	}
	for _, place := range places {
		if value, at := place.Find(all); value != nil {
			Put(shown, at, value)
		}
	}
	return shown
}
