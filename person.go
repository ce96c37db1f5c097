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
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// person is the user for whom validated tokens vouch, with what a session keeps of the tokens.
type person struct {
	user    *User
	sid     string
	issued  time.Time // iat of the ID token
	idToken []byte    // as the provider signed it, never encrypted; nil when it is not kept
	tokens  *provider.Tokens
}

// personOf makes a person of a validated ID token and of what its access token gives access to: userinfo, which has to
// name the same subject, and the app's GroupsResolver.
func (a *core) personOf(ctx context.Context, idToken provider.Claims, tokens *provider.Tokens) (*person, error) {
	var userInfo provider.Claims
	if !a.config.idp().SkipUserInfo {
		var err error
		if userInfo, err = a.provider.UserInfo(ctx, tokens, claims.Text(idToken, "sub")); err != nil {
			return nil, translated(err)
		}
	}
	if _, at, overage := a.shape.GroupsOf(idToken, userInfo); at == nil && !overage && a.config.idp().GroupsResolver == nil {
		a.log.DebugContext(ctx, "ginoidc: the provider sends no groups claim",
			"claim", cmp.Or(a.config.idp().GroupsClaim, strings.Join(a.config.idp().GroupsPath, ".")), "sub", claims.Text(idToken, "sub"))
	}
	user, err := newUser(a.shape, idToken, userInfo)
	if err != nil {
		return nil, err
	}
	if err := a.resolveGroups(ctx, user, tokens.AccessToken); err != nil {
		return nil, err
	}
	p := &person{user: user, sid: claims.Text(idToken, "sid"), issued: idToken.Time("iat"), tokens: tokens}
	if a.config.KeepIDToken != Never {
		signed, err := a.provider.SignedIDToken(tokens.IDToken)
		if err != nil && a.config.KeepIDToken == Always {
			return nil, translated(err)
		}
		p.idToken = []byte(signed) // with an error none: a sign-out does without the hint
	}
	return p, nil
}

// resolveGroups lets the app's resolver replace the groups of the claims.
func (a *core) resolveGroups(ctx context.Context, user *User, accessToken string) error {
	if resolve := a.config.idp().GroupsResolver; resolve != nil {
		groups, err := resolve(ctx, user, accessToken)
		if err != nil {
			return fmt.Errorf("%w: groups: %w", errProviderResponse, err)
		}
		user.Groups, user.GroupsOverage = claims.Normalized(groups), false
	}
	if a.groupsWatch.observe(len(user.Groups) > 0 || user.GroupsOverage) {
		a.emit(ctx, event{kind: eventGroupsMissing, attrs: []slog.Attr{slog.String("claim", a.shape.Groups.Roots()[0])}})
	}
	return nil
}

// claimShape says where the claims of the configured provider are.
func (p *Provider) claimShape() *claims.Shape {
	return &claims.Shape{
		Groups: claims.Place{
			Name: p.GroupsClaim, Path: slices.Clone(p.GroupsPath), Format: p.GroupsFormat, WithNames: true,
		},
		Organizations: claims.Place{
			Name: p.OrganizationsClaim, Path: slices.Clone(p.OrganizationsPath), Format: p.OrganizationsFormat,
		},
		StringEmailVerified: p.StringEmailVerified,
	}
}

// newUser makes a user of validated claims. The ID token takes precedence over userinfo claim by claim. Groups and
// organizations come from the ID token if it has them at all, and otherwise from userinfo, never from both. An e-mail
// address and email_verified come from the same source: that of one says nothing about the address of the other.
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
		AuthTime: idToken.Time("auth_time"), ACR: claims.Text(idToken, "acr"),
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
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil || !claims.Decodable(value) })
	if len(all) == 0 {
		return u, nil
	}
	var err error
	u.Extra, err = json.Marshal(all)
	return u, err
}

// protocolClaims are not kept in User.Extra: they have done their work, or have a field of their own.
func protocolClaims() []string {
	return []string{
		"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "nonce", "azp", "at_hash", "c_hash", "s_hash", "auth_time", "acr", "sid",
		"name", "preferred_username", "email", "email_verified", "picture", "_claim_names", "_claim_sources", "hasgroups",
	}
}

// groupsWatch notices a groups claim that the provider never sends, the usual cause of "nobody is in any group".
type groupsWatch struct {
	guarded, seen atomic.Bool
	signIns       atomic.Int64
}

// watchedSignIns is how many sign-ins without the groups claim make a warning.
const watchedSignIns = 10

// observe counts a sign-in and reports, once, that guards require groups and no sign-in so far had any.
func (w *groupsWatch) observe(found bool) (warn bool) {
	if found {
		w.seen.Store(true)
	}
	return w.signIns.Add(1) == watchedSignIns && w.guarded.Load() && !w.seen.Load()
}
