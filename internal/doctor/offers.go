package doctor

import (
	"net/http"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// keys judges the key set: an ID token of a provider without a key cannot be verified.
func (c *check) keys() {
	switch {
	case c.Keys.Err != nil:
		c.fail("keys_unavailable", tryAgain,
			"the keys at %s cannot be read: %v", c.Metadata.JWKSURI, c.Keys.Err.Err)
	case len(c.KeyTypes) == 0:
		c.fail("keys_unusable", "have the provider make a key for signatures, such as of RSA with 2048 bits",
			"the key set at %s has no key for signatures", c.Metadata.JWKSURI)
	default:
		c.ok("keys", "keys for %s", words(c.KeyTypes))
	}
}

// algorithms judges what signs ID tokens. It is pinned in the configuration (RFC 8725, section 3.1).
func (c *check) algorithms() {
	pinned, setting := words(c.Algs), c.Setting("SigningAlgs")
	offered := c.Offers.IDTokenAlgs
	lists := func(alg string) bool { return slices.Contains(offered, alg) }
	switch {
	case offered != nil && !slices.ContainsFunc(c.Algs, lists):
		c.fail("algorithm_not_offered", "set "+setting+" to one that the provider uses for this client",
			"accepted is %s, and the provider signs ID tokens with %s", pinned, words(offered))
	case len(c.KeyTypes) > 0 && len(c.Fitting) == 0:
		c.fail("algorithm_without_key", "set "+setting+" to what this client's ID tokens are signed with, or have the "+
			"provider make such a key: some do so when they first need it",
			"accepted is %s, and the provider has keys for %s only", pinned, words(c.KeyTypes))
	default:
		c.ok("algorithms", "ID tokens signed with %s are accepted", pinned)
	}
}

// endpoints judges which endpoints there are. That each is https, Metadata has checked.
func (c *check) endpoints() {
	m := c.Metadata
	c.ok("endpoints", "authorization at %s, tokens at %s", m.AuthorizationEndpoint, m.TokenEndpoint)
	if m.UserinfoEndpoint == "" && c.NeedsUserInfo {
		c.warn("userinfo_missing", "have the provider put the claims into the ID token; "+c.Setting("SkipUserInfo")+
			" says that this is meant", "the provider has no userinfo endpoint: claims come from the ID token alone")
	}
	if m.RevocationEndpoint == "" && c.KeepsTokens {
		c.warn("revocation_missing", "keep the lifetimes of tokens short at the provider",
			"the provider has no usable revocation_endpoint: tokens outlive the sign-out")
	}
	if m.IntrospectionEndpoint == "" && c.Introspects {
		c.fail("introspection_missing", "leave out "+c.Setting("Introspection"),
			"the provider has no usable introspection_endpoint, and access tokens are to be introspected")
	}
	grants := c.Offers.GrantTypes
	if c.KeepsTokens && grants != nil && !slices.Contains(grants, "refresh_token") {
		c.warn("refresh_not_offered", "allow refresh tokens at the provider",
			"the provider lists the grants %s, without refresh_token: access tokens cannot be renewed", words(grants))
	}
	if m.ResponseModes != nil && !slices.Contains(m.ResponseModes, c.ResponseMode) {
		c.warn("response_mode_not_listed", "set "+c.Setting("ResponseMode")+" to one of those",
			"the response mode is %s, and the provider lists %s", c.ResponseMode, words(m.ResponseModes))
	}
}

// signOut judges the answer to a sign-out request without a session. A provider that does not know where to send the
// browser afterwards must not (RP-Initiated Logout 1.0, section 3), and users end on an error page.
func (c *check) signOut() {
	backChannel := "; no back-channel logout"
	if c.Offers.BackChannelLogout {
		backChannel = "; back-channel logout is offered"
	}
	o := c.SignOut
	refused := o.Outcome == provider.ShownPage && o.Status >= 400 && o.Status < 500 &&
		o.Status != http.StatusTooManyRequests
	switch {
	case c.Metadata.EndSessionEndpoint == "":
		c.warn("sign_out_missing", "expect it, or see the pages of the provider",
			"the provider has no usable end_session_endpoint: a sign-out ends the session here, and not the one there")
	case refused && c.unknownClient(): // which the authorization endpoint says more clearly
	case refused && mentions(o.Text, "id_token_hint") && !c.DropsIDToken:
		c.ok("sign_out", "a sign-out needs the ID token, which sessions keep%s", backChannel)
	case refused && mentions(o.Text, "id_token_hint"):
		c.warn("sign_out_refused", "set "+c.Setting("KeepIDToken")+" to auto or always",
			"a sign-out needs the ID token, and ends on an error page (%d): %q", o.Status, shortened(o.Text, maxPage))
	case refused:
		c.warn("sign_out_refused", "register "+c.SignedOutURL+" as a post-logout redirect URI of the client "+c.ClientID+
			" at the provider", "a sign-out ends on an error page (%d): %q", o.Status, shortened(o.Text, maxPage))
	case o.Outcome == provider.CameBack:
		c.ok("sign_out", "a sign-out comes back to %s%s", c.SignedOutURL, backChannel)
	default:
		c.ok("sign_out", "sign-out at %s%s", c.Metadata.EndSessionEndpoint, backChannel)
	}
}

// pkce judges the metadata. The plugin sends a challenge in any case (RFC 9700, section 2.1.1).
func (c *check) pkce() {
	if slices.Contains(c.Metadata.CodeChallengeMethods, "S256") {
		c.ok("pkce", "the provider lists PKCE with S256")
		return
	}
	seen := "the provider lists no PKCE with S256"
	if c.Metadata.CodeChallengeMethods != nil {
		seen += ", but " + words(c.Metadata.CodeChallengeMethods)
	}
	c.warn("pkce_not_listed", "switch PKCE with S256 on at the provider, if it can; some do it and do not list it",
		"%s; the app sends it in any case", seen)
}

// scopes compares the scopes with those that are listed. Providers may leave some out of the list (OpenID Connect
// Discovery 1.0, section 3), so only the authorization request decides.
func (c *check) scopes() {
	listed := c.Offers.Scopes
	unlisted := slices.DeleteFunc(slices.Clone(c.Scopes), func(s string) bool { return slices.Contains(listed, s) })
	switch {
	case listed == nil:
		c.ok("scopes", "requested are %s; the provider lists none", words(c.Scopes))
	case len(unlisted) > 0:
		c.warn("scope_not_listed", "correct "+c.Setting("Scopes")+", or allow this scope for the client at the provider",
			"the provider does not list %s, but %s", words(unlisted), words(listed))
	default:
		c.ok("scopes", "the provider lists all of %s", words(c.Scopes))
	}
}

// claims compares the claim of the groups with those that are listed. Many providers do not list what a mapper or a
// rule adds, so the list proves nothing.
func (c *check) claims() {
	listed := c.Offers.Claims
	scope := ""
	for _, name := range []string{"groups", "roles"} {
		if slices.Contains(c.Offers.Scopes, name) && !slices.Contains(c.Scopes, name) {
			scope = "; the provider has a scope " + name + ", which is not requested"
		}
	}
	switch {
	case slices.Contains(listed, c.GroupsClaim):
		c.ok("claims", "the provider lists the claim %s, which has the groups", c.GroupsClaim)
	case !c.NeedsGroups:
		c.ok("claims", "no guard is known to require groups%s", scope)
	case listed == nil && scope == "":
		c.ok("claims", "groups are read from %s; the provider lists no claims", c.GroupsClaim)
	default:
		c.warn("groups_not_listed", "sign in and look at the groups in the userinfo route; if there are none, see "+
			"docs/groups.md for what to set at the provider, and "+c.Setting("Scopes")+" and "+c.Setting("GroupsClaim"),
			"groups are read from %s, which the provider does not list%s", c.GroupsClaim, scope)
	}
}

// GroupsMember returns the member of a token that has the groups, without the path below it.
func GroupsMember(claim string, path []string) string {
	if len(path) > 0 {
		return path[0]
	}
	if strings.Contains(claim, "://") { // such as "https://example.com/groups"
		return claim
	}
	member, _, _ := strings.Cut(claim, ".")
	return member
}

// listsMethod reports whether the provider lists this client's authentication method, or lists none.
func (c *check) listsMethod() bool {
	methods := c.Metadata.AuthMethods
	return methods == nil || c.AuthMethod == provider.ClientAuthNone || slices.Contains(methods, c.AuthMethod)
}

// mentions reports whether a text of the provider has one of the phrases.
func mentions(text string, phrases ...string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(phrases, func(phrase string) bool { return strings.Contains(text, phrase) })
}
