package main

import "github.com/seed-d65cea4d/ginoidc"

// try is a row of the start page: a route, what it requires, and the response that a browser gets.
type try struct {
	Path, Needs string
	Status      int
	Answer      string
}

// tries returns the responses of the routes to u, which is nil if nobody is signed in.
func tries(u *ginoidc.User) []try {
	admin := u.InGroup("admin")
	custom := guarded(u, "/api/custom", "group admin", admin)
	switch {
	case u == nil:
		custom.Status, custom.Answer = 401, "in its own words"
	case !admin:
		custom.Answer = "in its own words"
	}
	return []try{
		guarded(u, "/profile", "sign-in", true),
		guarded(u, "/api/me", "sign-in", true),
		guarded(u, "/api/notes", "sign-in", true),
		guarded(u, "/api/admin", "group admin", admin),
		guarded(u, "/api/auditors", "groups admin and audit", admin && u.InGroup("audit")),
		guarded(u, "/api/orgs/acme/projects", "organization acme", u.InOrganization("acme")),
		guarded(u, "/api/orgs/globex/projects", "organization globex", u.InOrganization("globex")),
		custom,
	}
}

// guarded returns the row of a route with a guard, for a browser.
func guarded(u *ginoidc.User, path, needs string, allowed bool) try {
	switch {
	case u == nil:
		return try{path, needs, 302, "to the sign-in"}
	case !allowed:
		return try{path, needs, 403, "no access"}
	}
	return try{path, needs, 200, "welcome"}
}
