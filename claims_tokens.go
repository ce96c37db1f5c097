package ginoidc

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/recheck"
)

// person is the user whom validated tokens identify, with the parts of the tokens that a session keeps.
type person struct {
	rp      *relyingParty
	user    *User
	issuer  string
	sid     string
	issued  time.Time // iat of the ID token
	expires time.Time // session_expiry of the ID token; zero if it has none
	idToken []byte    // as the provider signed it, never encrypted; nil when it is not kept
	tokens  *provider.Tokens
}

// personOf returns the person that a validated ID token identifies, with the claims of userinfo and the groups of the
// app's GroupsResolver. Userinfo must have the subject of the ID token, or a substituted access token could add the
// claims of another user (OpenID Connect Core 1.0, section 5.3.2).
func (rp *relyingParty) personOf(
	ctx context.Context, idToken provider.Claims, tokens *provider.Tokens,
) (*person, error) {
	var userInfo provider.Claims
	if !rp.settings.SkipUserInfo {
		var err error
		if userInfo, err = rp.client.UserInfo(ctx, tokens, claims.Text(idToken, "sub")); err != nil {
			return nil, translated(err)
		}
	}
	idp := &rp.settings
	if _, at, overage := rp.shape.GroupsOf(idToken, userInfo); at == nil && !overage && idp.GroupsResolver == nil {
		rp.log.DebugContext(ctx, "ginoidc: the provider sends no groups claim",
			"claim", cmp.Or(idp.GroupsClaim, strings.Join(idp.GroupsPath, ".")), "sub", claims.Text(idToken, "sub"))
	}
	user, err := newUser(rp.shape, idToken, userInfo)
	if err != nil {
		return nil, err
	}
	user.Provider = rp.settings.Name
	if err := rp.resolveGroups(ctx, user, tokens.AccessToken); err != nil {
		return nil, err
	}
	p := &person{rp: rp, user: user, sid: claims.Text(idToken, "sid"), issued: idToken.Time("iat"), tokens: tokens}
	p.issuer = user.Issuer
	if p.expires, err = sessionExpiry(idToken); err != nil {
		return nil, err
	}
	if rp.keepIDToken != Never {
		signed, err := rp.client.SignedIDToken(tokens.IDToken)
		if err != nil && rp.keepIDToken == Always {
			return nil, translated(err)
		}
		p.idToken = []byte(signed) // empty after an error: a sign-out then sends no hint
	}
	return p, nil
}

// resolveGroups lets the app's resolver replace the groups of the claims. A resolver that fails makes the sign-in fail:
// with the groups of the claims instead, a user could keep a membership that the resolver would take away.
func (rp *relyingParty) resolveGroups(ctx context.Context, user *User, accessToken string) error {
	if resolve := rp.settings.GroupsResolver; resolve != nil {
		groups, err := resolve(ctx, user, accessToken)
		if err != nil {
			return fmt.Errorf("%w: groups: %w", errProviderResponse, err)
		}
		user.Groups, user.GroupsOverage = rp.shape.Within(groups), false
	}
	if rp.groups.observe(len(user.Groups) > 0 || user.GroupsOverage) {
		rp.emit(ctx, events.Event{
			Kind: events.GroupsMissing, Attrs: []slog.Attr{slog.String("claim", rp.shape.Groups.Roots()[0])},
		})
	}
	return nil
}

// claimShape describes where the provider puts groups and organizations. Nothing else is searched for them, however
// much it looks like a list of groups: users can write some claims themselves.
func (p *Provider) claimShape() *claims.Shape {
	return &claims.Shape{
		Groups: claims.Place{
			Name: p.GroupsClaim, Path: slices.Clone(p.GroupsPath), Format: p.GroupsFormat, WithNames: true,
		},
		Organizations: claims.Place{
			Name: p.OrganizationsClaim, Path: slices.Clone(p.OrganizationsPath), Format: p.OrganizationsFormat,
		},
		StringEmailVerified: p.StringEmailVerified, Prefix: p.GroupsPrefix,
	}
}

// newUser returns the user whom validated claims describe. The ID token takes precedence over userinfo, claim by claim.
// Groups and organizations come from the ID token if it has them at all and otherwise from userinfo, never from both.
// email and email_verified come from the same source: the email_verified of one says nothing about the address in the
// other, and trusting it would verify an unverified address.
func newUser(shape *claims.Shape, idToken, userInfo provider.Claims) (*User, error) {
	all := claims.Merge(idToken, userInfo)
	emailSource := idToken
	if idToken["email"] == nil {
		emailSource = userInfo
	}
	u := &User{
		Issuer: claims.Text(idToken, "iss"), Subject: claims.Text(idToken, "sub"),
		Name: claims.Text(all, "name"), PreferredUsername: claims.Text(all, "preferred_username"),
		Email: claims.Text(emailSource, "email"), Picture: claims.Text(all, "picture"),
		AuthTime: idToken.Time("auth_time"), ACR: claims.Text(idToken, "acr"), AMR: claims.Texts(idToken["amr"]),
		shape: shape, ready: true,
	}
	u.EmailVerified = u.Email != "" && shape.EmailVerified(emailSource["email_verified"])

	var groupsAt, organizationsAt []string
	u.Groups, groupsAt, u.GroupsOverage = shape.GroupsOf(idToken, userInfo)
	u.Organizations, organizationsAt = shape.OrganizationsOf(idToken, userInfo)
	shape.Groups.TakeOut(all, groupsAt)
	shape.Organizations.TakeOut(all, organizationsAt)
	for _, name := range protocolClaims() {
		delete(all, name)
	}
	if len(u.AMR) > 0 {
		delete(all, "amr")
	}
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil || !claims.Decodable(value) })
	if len(all) == 0 {
		return u, nil
	}
	var err error
	u.Extra, err = json.Marshal(all)
	return u, err
}

// protocolClaims returns the claims that User.Extra leaves out: validation is finished with them, or User has a field
// for them.
func protocolClaims() []string {
	return []string{
		"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "nonce", "azp", "at_hash", "c_hash", "s_hash", "auth_time",
		"acr", "sid", "session_expiry",
		"name", "preferred_username", "email", "email_verified", "picture", "_claim_names", "_claim_sources", "hasgroups",
	}
}

// groupsWatch detects that the provider never sends a groups claim, the usual reason why nobody is in any group.
type groupsWatch struct {
	guarded *atomic.Bool // a guard requires groups
	seen    atomic.Bool
	signIns atomic.Int64
}

// watchedSignIns is the number of sign-ins without groups after which a warning is logged.
const watchedSignIns = 10

// observe counts a sign-in. It returns true at most once: if guards require groups and no sign-in so far had any.
func (w *groupsWatch) observe(found bool) (warn bool) {
	if found {
		w.seen.Store(true)
	}
	return w.signIns.Add(1) == watchedSignIns && w.guarded.Load() && !w.seen.Load()
}

// sessionExpiry returns when the provider wants a session to end: the claim session_expiry of its ID token (OpenID
// Connect Enterprise Extensions 1.0), or the zero time if there is none. A claim that cannot be read is an error, since
// the session would otherwise outlive what the provider allows.
func sessionExpiry(idToken provider.Claims) (time.Time, error) {
	if idToken["session_expiry"] == nil {
		return time.Time{}, nil
	}
	at := idToken.Time("session_expiry")
	if at.IsZero() {
		return time.Time{}, fmt.Errorf("%w: session_expiry is not a time in seconds", errInvalidToken)
	}
	return at, nil
}

// expiresAfter returns when the session has to end: what the new ID token says of it replaces what was said before. An
// ID token that says nothing of it changes nothing.
func expiresAfter(from recheck.Sources, before time.Time) (time.Time, error) {
	at, err := sessionExpiry(from.IDToken)
	switch {
	case err != nil:
		return at, fmt.Errorf("%w: %w", recheck.ErrRefused, err)
	case at.IsZero():
		return before, nil
	case !at.After(time.Now()):
		return at, fmt.Errorf("%w: session_expiry is in the past", recheck.ErrRefused)
	}
	return at, nil
}

// userOfToken returns the user of a verified access token. A client that acts on its own behalf is a user whose Subject
// is the client's identifier at the provider.
func (rp *relyingParty) userOfToken(token *provider.AccessToken) (any, error) {
	u, err := newUser(rp.shape, token.Claims, nil)
	if err != nil {
		return nil, err
	}
	u.Issuer, u.Subject, u.Provider = rp.client.Issuer(token.Claims), token.Subject, rp.settings.Name
	if u.Subject == "" && token.Machine {
		u.Subject = token.ClientID
	}
	u.ClientID, u.Scopes, u.machine = token.ClientID, token.Scopes, token.Machine
	if u.Subject == "" {
		return nil, fmt.Errorf("%w: it names neither a subject nor a client", errAccessToken)
	}
	return u, nil
}
