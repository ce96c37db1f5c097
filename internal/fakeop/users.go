package fakeop

import (
	"maps"
	"slices"
	"strings"
)

// User can sign in at the provider.
type User struct {
	Subject, Name, Email  string
	EmailVerified         bool
	Picture               string
	Groups, Organizations []string
	// Claims are additional claims of the ID token and of userinfo. A claim with the name of a field above replaces it in
	// any shape ("groups": "admin"), and nil removes it. Protocol claims (iss, sub, nonce …) cannot be changed here; see
	// OnIDToken.
	Claims map[string]any
}

// DemoUsers are the users of the example app: alice (groups admin, staff and audit; organization acme), bob (group
// staff; organization globex) and carol (no group, no organization).
func DemoUsers() []User {
	return []User{
		{
			Subject: "alice", Name: "Alice Archer", Email: "alice@example.com", EmailVerified: true,
			Groups: []string{"admin", "staff", "audit"}, Organizations: []string{"acme"},
		},
		{
			Subject: "bob", Name: "Bob Baker", Email: "bob@example.com", EmailVerified: true,
			Groups: []string{"staff"}, Organizations: []string{"globex"},
		},
		{Subject: "carol", Name: "Carol Cook", Email: "carol@example.com", EmailVerified: true},
	}
}

// AddUser adds a user, or replaces the one with the same subject: later ID tokens and userinfo responses have the new
// claims.
func (p *Provider) AddUser(u User) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.users {
		if p.users[i].Subject == u.Subject {
			p.users[i] = u
			return
		}
	}
	p.users = append(p.users, u)
}

// user returns the user with this subject or, for login_hint, with this e-mail address.
func (p *Provider) user(hint string) (User, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.users, func(u User) bool { return u.Subject == hint })
	if i < 0 && hint != "" {
		i = slices.IndexFunc(p.users, func(u User) bool { return u.Email == hint })
	}
	if i < 0 {
		return User{}, false
	}
	return p.users[i], true
}

// claims returns the claims of a user for the scopes. Groups and organizations are included with every scope, as with
// most providers that are configured to send them.
func (u User) claims(scopes []string) map[string]any {
	claims := make(map[string]any)
	if slices.Contains(scopes, "profile") {
		claims["name"], claims["preferred_username"] = u.Name, u.Subject
		if u.Picture != "" {
			claims["picture"] = u.Picture
		}
	}
	if slices.Contains(scopes, "email") && u.Email != "" {
		claims["email"], claims["email_verified"] = u.Email, u.EmailVerified
	}
	if len(u.Groups) > 0 {
		claims["groups"] = u.Groups
	}
	if len(u.Organizations) > 0 {
		claims["organizations"] = u.Organizations
	}
	maps.Copy(claims, u.Claims)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return claims
}

// initials are shown on the log-in page.
func (u User) initials() string {
	var initials strings.Builder
	for _, word := range strings.Fields(u.Name) {
		for _, letter := range word {
			initials.WriteRune(letter)
			break
		}
	}
	return initials.String()
}
