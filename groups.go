package ginoidc

import (
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// claimShape says where a provider puts groups and organizations, and how it writes them.
type claimShape struct {
	groups, organizations claimPlace
	stringVerified        bool // Config.StringEmailVerified
}

func newClaimShape(c *Config) *claimShape {
	return &claimShape{
		groups: claimPlace{
			name: c.GroupsClaim, path: slices.Clone(c.GroupsPath), format: c.GroupsFormat, withNames: true,
		},
		organizations: claimPlace{
			name: c.OrganizationsClaim, path: slices.Clone(c.OrganizationsPath), format: c.OrganizationsFormat,
		},
		stringVerified: c.StringEmailVerified,
	}
}

// claimPlace is one claim that holds names: at an explicit path, or under a name that is first taken literally (Auth0's
// URL-shaped names have dots) and then as a dotted path (Keycloak's realm_access.roles).
type claimPlace struct {
	name      string
	path      []string
	format    string
	withNames bool // of an object both id and name count
}

// paths are the places where the claim can be, the first choice first.
func (p claimPlace) paths() [][]string {
	switch {
	case len(p.path) > 0:
		return [][]string{p.path}
	case !strings.Contains(p.name, "."):
		return [][]string{{p.name}}
	}
	return [][]string{{p.name}, strings.Split(p.name, ".")}
}

// find returns the claim and where it is. null counts as absent, for the claim and on the way to it.
func (p claimPlace) find(claims map[string]any) (value any, at []string) {
	for _, path := range p.paths() {
		if value, _ := lookUp(claims, path); value != nil {
			return value, path
		}
	}
	return nil, nil
}

// takeOut removes the claim, wherever it is. Where restore could not tell by itself that it was found at a dotted path,
// null stays as a mark.
func (p claimPlace) takeOut(claims map[string]any, at []string) {
	paths := p.paths()
	for _, path := range paths {
		if holder, ok := lookUp(claims, path[:len(path)-1]); ok {
			if object, ok := holder.(map[string]any); ok {
				delete(object, path[len(path)-1])
			}
		}
	}
	if len(at) > 0 && !slices.Equal(at, paths[0]) {
		put(claims, at, nil)
	}
}

// restore puts the names where takeOut took them from, or where they belong. Without names there is no claim.
func (p claimPlace) restore(claims map[string]any, names []string) {
	paths := p.paths()
	at := paths[0]
	for _, path := range paths {
		if _, exists := lookUp(claims, path); exists {
			at = path
			break
		}
	}
	p.takeOut(claims, nil)
	if len(names) > 0 {
		put(claims, at, names)
	}
}

// lookUp follows a path of member names. The empty path leads to the claims themselves.
func lookUp(claims map[string]any, path []string) (value any, exists bool) {
	value, exists = claims, true
	for _, key := range path {
		object, _ := value.(map[string]any)
		if value, exists = object[key]; !exists {
			return nil, false
		}
	}
	return value, true
}

// put sets a member, and makes the objects on the way to it that are not there.
func put(claims map[string]any, path []string, value any) {
	last := len(path) - 1
	for _, key := range path[:last] {
		next, ok := claims[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			claims[key] = next
		}
		claims = next
	}
	claims[path[last]] = value
}

// roots are the names of top-level members that can hold the claim.
func (p claimPlace) roots() (names []string) {
	for _, path := range p.paths() {
		names = append(names, path[0])
	}
	return names
}

// groupsOf reads the groups from one source: the ID token if it has the claim or its overage marker, else userinfo.
// overage tells that the provider left them out (an entry in _claim_names, OpenID Connect Core 1.0, section 5.6.2,
// or hasgroups): then "no groups" would be a guess, and what _claim_sources names is never fetched.
func (s *claimShape) groupsOf(idToken, userInfo provider.Claims) (groups, at []string, overage bool) {
	for _, claims := range []provider.Claims{idToken, userInfo} {
		if value, at := s.groups.find(claims); value != nil {
			return s.groups.names(value), at, false
		}
		if s.groups.leftOut(claims) {
			return nil, nil, true
		}
	}
	return nil, nil, false
}

// leftOut finds the overage marker of the claim.
func (p claimPlace) leftOut(claims map[string]any) bool {
	elsewhere, _ := claims["_claim_names"].(map[string]any)
	for _, name := range p.roots() {
		if elsewhere[name] != nil {
			return true
		}
	}
	return claims["hasgroups"] == true || claims["hasgroups"] == "true"
}

// organizationsOf reads the ids of the user's organizations by the same rule.
func (s *claimShape) organizationsOf(idToken, userInfo provider.Claims) (organizations, at []string) {
	for _, claims := range []provider.Claims{idToken, userInfo} {
		if value, at := s.organizations.find(claims); value != nil {
			return s.organizations.names(value), at
		}
	}
	return nil, nil
}

// names reads a claim by its format. Nothing is guessed: a string is one name, whole, unless the format says that it
// holds several; the members of an object are names only if the format says so. The elements of a list are never split
// or trimmed. Anything else names nothing.
func (p claimPlace) names(value any) []string {
	var names []string
	switch v := value.(type) {
	case string:
		names = []string{v}
		if p.format == formatSeparated {
			names = splitNames(v)
		}
	case map[string]any:
		if p.format == formatKeys {
			names = keyNames(v)
		} else {
			names = p.namesOfObject(v)
		}
	case []any:
		for _, element := range v {
			switch e := element.(type) {
			case string:
				names = append(names, e)
			case map[string]any:
				names = append(names, p.namesOfObject(e)...)
			}
		}
	}
	return normalized(names)
}

// splitNames takes names apart at commas or, without any, at spaces.
func splitNames(s string) []string {
	if !strings.Contains(s, ",") {
		return strings.Fields(s)
	}
	names := strings.Split(s, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return names
}

// keyNames are the names of the members that say something: an object, a list or true. A member that is null, false, a
// number or a string could as well deny what its name says.
func keyNames(object map[string]any) (names []string) {
	for name, value := range object {
		switch v := value.(type) {
		case map[string]any, []any:
			names = append(names, name)
		case bool:
			if v {
				names = append(names, name)
			}
		}
	}
	return names
}

// namesOfObject reads id and name. A group is known by both. An organization is known by its id alone, since names are not
// unique, and by its name only if it has no id. An id that is there and is no non-empty string could be anybody's.
func (p claimPlace) namesOfObject(object map[string]any) []string {
	id, name := textClaim(object, "id"), textClaim(object, "name")
	switch {
	case object["id"] != nil && id == "":
		return nil
	case id != "" && !p.withNames:
		return []string{id}
	}
	return []string{id, name}
}

// normalized returns the names sorted, without duplicates and without the empty name.
func normalized(names []string) []string {
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "" })
	slices.Sort(names)
	return slices.Compact(names)
}
