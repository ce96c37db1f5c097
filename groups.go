package ginoidc

import (
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// claimShape says where a provider puts groups and organizations.
type claimShape struct{ groups, organizations claimPath }

func newClaimShape(c *Config) *claimShape {
	return &claimShape{
		groups:        claimPath{name: c.GroupsClaim, path: slices.Clone(c.GroupsPath)},
		organizations: claimPath{name: c.OrganizationsClaim, path: slices.Clone(c.OrganizationsPath)},
	}
}

// claimPath finds one claim: by an explicit path, or by a name that is first taken literally (Auth0's URL-shaped
// names have dots) and then as a dotted path (Keycloak's realm_access.roles).
type claimPath struct {
	name string
	path []string
}

// find returns the object that holds the claim and the claim's key in it.
func (p claimPath) find(claims map[string]any) (holder map[string]any, key string, ok bool) {
	path := p.path
	if len(path) == 0 {
		if _, ok := claims[p.name]; ok {
			return claims, p.name, true
		}
		path = strings.Split(p.name, ".")
	}
	holder = claims
	for _, key = range path[:len(path)-1] {
		if holder, ok = holder[key].(map[string]any); !ok {
			return nil, "", false
		}
	}
	key = path[len(path)-1]
	_, ok = holder[key]
	return holder, key, ok
}

// blank takes the claim out. Where restore could not tell its place from p alone, null stays as a mark.
func (p claimPath) blank(claims map[string]any) {
	switch holder, key, ok := p.find(claims); {
	case !ok:
	case len(p.path) > 0 || key == p.name:
		delete(holder, key)
	default:
		holder[key] = nil
	}
}

// restore puts the names where blank took them from, or where they belong.
func (p claimPath) restore(claims map[string]any, names []string) {
	if holder, key, ok := p.find(claims); ok {
		holder[key] = names
		return
	}
	if len(names) == 0 {
		return
	}
	path := p.path
	if len(path) == 0 {
		path = []string{p.name}
	}
	for _, key := range path[:len(path)-1] {
		next, ok := claims[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			claims[key] = next
		}
		claims = next
	}
	claims[path[len(path)-1]] = names
}

// roots are the names of top-level members that can hold the claim.
func (p claimPath) roots() []string {
	if len(p.path) > 0 {
		return p.path[:1]
	}
	first, _, _ := strings.Cut(p.name, ".")
	return []string{p.name, first}
}

// groupsOf reads the groups from one source: the ID token if it has the claim or its overage marker, else userinfo.
// overage tells that the provider left them out (an entry in _claim_names, OpenID Connect Core 1.0, section 5.6.2,
// or hasgroups): then "no groups" would be a guess, and what _claim_sources names is never fetched.
func (s *claimShape) groupsOf(idToken, userInfo provider.Claims) (groups []string, overage bool) {
	for _, claims := range []provider.Claims{idToken, userInfo} {
		if holder, key, ok := s.groups.find(claims); ok {
			return namesIn(holder[key], true), false
		}
		if s.groups.leftOut(claims) {
			return nil, true
		}
	}
	return nil, false
}

// leftOut finds the overage marker of the claim.
func (p claimPath) leftOut(claims map[string]any) bool {
	elsewhere, _ := claims["_claim_names"].(map[string]any)
	for _, name := range p.roots() {
		if _, ok := elsewhere[name]; ok {
			return true
		}
	}
	return claims["hasgroups"] == true || claims["hasgroups"] == "true"
}

// organizationsOf reads the ids of the user's organizations by the same rule.
func (s *claimShape) organizationsOf(idToken, userInfo provider.Claims) []string {
	for _, claims := range []provider.Claims{idToken, userInfo} {
		if holder, key, ok := s.organizations.find(claims); ok {
			return namesIn(holder[key], false)
		}
	}
	return nil
}

// namesIn reads names from any shape providers use: a list of strings or of objects with id and name, one such
// object, or one string that separates names by commas or, without a comma, by spaces. The elements of a list are
// never split or trimmed. Of an object both the id and the name count as groups (withNames); of an organization the
// id alone, since names are not unique, and the name only if there is no id. Anything else names nothing.
func namesIn(value any, withNames bool) []string {
	var names []string
	switch v := value.(type) {
	case string:
		names = splitNames(v)
	case map[string]any:
		names = namesOfObject(v, withNames)
	case []any:
		for _, element := range v {
			switch e := element.(type) {
			case string:
				names = append(names, e)
			case map[string]any:
				names = append(names, namesOfObject(e, withNames)...)
			}
		}
	}
	return normalized(names)
}

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

func namesOfObject(object map[string]any, withNames bool) []string {
	id, name := textClaim(object, "id"), textClaim(object, "name")
	if id != "" && !withNames {
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
