// Package claims reads groups and organizations from claims of any shape. It is pure: the name, path and format of a
// claim alone decide what it means.
package claims

import (
	"slices"
	"strings"
)

// The formats in which providers write the names of groups and organizations.
const (
	FormatList      = "list"      // a list of names or of objects with id and name; a bare string is one name
	FormatSeparated = "separated" // names in one string, separated by commas or, without any, by spaces
	FormatKeys      = "keys"      // an object whose member names are the names
)

// Place is one claim that holds names: at an explicit Path, or under a Name that is first taken literally (Auth0's
// URL-shaped names have dots) and then as a dotted path (Keycloak's realm_access.roles).
type Place struct {
	Name      string
	Path      []string
	Format    string // one of the Format constants
	WithNames bool   // an object in a list counts by id and by name
}

// paths returns the paths at which the claim can be, in order of preference.
func (p Place) paths() [][]string {
	switch {
	case len(p.Path) > 0:
		return [][]string{p.Path}
	case !strings.Contains(p.Name, "."):
		return [][]string{{p.Name}}
	}
	return [][]string{{p.Name}, strings.Split(p.Name, ".")}
}

// Find returns the claim and its path. null counts as absent, for the claim and for the objects that hold it.
func (p Place) Find(claims map[string]any) (value any, at []string) {
	for _, path := range p.paths() {
		if value, _ := lookUp(claims, path); value != nil {
			return value, path
		}
	}
	return nil, nil
}

// TakeOut removes the claim that Find found at the path at. If Restore could not otherwise know that the claim was at a
// dotted path, a null stays there as a mark.
func (p Place) TakeOut(claims map[string]any, at []string) {
	paths := p.paths()
	for _, path := range paths {
		holder, _ := lookUp(claims, path[:len(path)-1])
		object, _ := holder.(map[string]any) // nil if there is none
		delete(object, path[len(path)-1])
	}
	if len(at) > 0 && !slices.Equal(at, paths[0]) {
		Put(claims, at, nil)
	}
}

// Restore puts the names back where TakeOut found them, or else at the preferred path. Without names there is no claim.
func (p Place) Restore(claims map[string]any, names []string) {
	paths := p.paths()
	at := paths[0]
	for _, path := range paths {
		if _, exists := lookUp(claims, path); exists {
			at = path
			break
		}
	}
	p.TakeOut(claims, nil)
	if len(names) > 0 {
		Put(claims, at, names)
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

// Put sets the member at path, and creates missing parent objects.
func Put(claims map[string]any, path []string, value any) {
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

// Roots returns the names of the top-level members that can hold the claim.
func (p Place) Roots() (names []string) {
	for _, path := range p.paths() {
		names = append(names, path[0])
	}
	return names
}

// leftOut reports whether the provider marks the claim as omitted.
func (p Place) leftOut(claims map[string]any) bool {
	elsewhere, _ := claims["_claim_names"].(map[string]any)
	for _, name := range p.Roots() {
		if elsewhere[name] != nil {
			return true
		}
	}
	return claims["hasgroups"] == true || claims["hasgroups"] == "true"
}
