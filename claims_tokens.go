package ginoidc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/bearer"
	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/recheck"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
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
		if userInfo, err = rp.Client.UserInfo(ctx, tokens, claims.Text(idToken, "sub")); err != nil {
			return nil, translated(err)
		}
	}
	idp := &rp.settings
	if _, at, overage := rp.shape.GroupsOf(idToken, userInfo); at == nil && !overage && idp.GroupsResolver == nil {
		rp.log.DebugContext(ctx, "ginoidc: the provider sends no groups claim",
			"claim", cmp.Or(idp.GroupsClaim, strings.Join(idp.GroupsPath, ".")), "sub", claims.Text(idToken, "sub"))
	}
	user := newUser(rp.shape, idToken, userInfo)
	user.Provider = rp.settings.Name
	if err := rp.resolveGroups(ctx, user, tokens.AccessToken); err != nil {
		return nil, err
	}
	p := &person{rp: rp, user: user, sid: claims.Text(idToken, "sid"), issued: idToken.Time("iat"), tokens: tokens}
	p.issuer = user.Issuer
	var err error
	if p.expires, err = idToken.SessionExpiry(); err != nil {
		return nil, fmt.Errorf("%w: %w", outcome.ErrInvalidToken, err)
	}
	if rp.keepIDToken != Never {
		signed, _ := rp.Client.SignedIDToken(tokens.IDToken) // which was valid a moment ago
		p.idToken = []byte(signed)
	}
	return p, nil
}

// resolveGroups lets the app's resolver replace the groups of the claims. A resolver that fails makes the sign-in fail:
// with the groups of the claims instead, a user could keep a membership that the resolver would take away.
func (rp *relyingParty) resolveGroups(ctx context.Context, user *User, accessToken string) error {
	if resolve := rp.settings.GroupsResolver; resolve != nil {
		groups, err := resolve(ctx, user, accessToken)
		if err != nil {
			return fmt.Errorf("%w: groups: %w", outcome.ErrProviderResponse, err)
		}
		user.Groups, user.GroupsOverage = rp.shape.Within(groups), false
	}
	if rp.groups.Observe(len(user.Groups) > 0 || user.GroupsOverage) {
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

// newUser returns the user whom validated claims describe.
func newUser(shape *claims.Shape, idToken, userInfo provider.Claims) *User {
	p := shape.Profile(idToken, userInfo)
	return &User{
		Issuer: p.Issuer, Subject: p.Subject, Name: p.Name, PreferredUsername: p.PreferredUsername,
		Email: p.Email, EmailVerified: p.EmailVerified, Picture: p.Picture,
		Groups: p.Groups, GroupsOverage: p.GroupsOverage, Organizations: p.Organizations,
		AuthTime: idToken.Time("auth_time"), ACR: p.ACR, AMR: p.AMR, Extra: p.Extra, shape: shape, ready: true,
	}
}

// vet asks code of the app about the user of a session that is checked: the resolver for the groups, and OnSignIn
// whether the user may still sign in. It returns the user as they leave it.
func (rp *relyingParty) vet(
	ctx context.Context, ask hooks, r *session.Record, found recheck.Found, accessToken string,
) (*session.Record, error) {
	u := rp.userFound(r, found)
	if resolve := rp.settings.GroupsResolver; resolve != nil {
		groups, err := resolve(ctx, u, accessToken)
		if err != nil {
			return nil, refusal(fmt.Errorf("groups: %w", err))
		}
		u.Groups, u.GroupsOverage = rp.shape.Within(groups), false
	}
	var err error
	if !r.Issued.IsZero() { // StartSession does not call OnSignIn either
		err = ask.signIn(ctx, &PendingSignIn{User: u, AccessToken: accessToken, Recheck: true})
	}
	if err == nil {
		rec := u.record()
		return &rec, nil
	}
	if errors.Is(err, ErrProviderUnavailable) || errors.Is(err, ErrSessionStore) || ctx.Err() != nil {
		// Not wrapped: the hook's errors are wrapped in ErrForbidden, and this one refuses nobody.
		return nil, fmt.Errorf("undecided: %v", err)
	}
	return nil, refusal(err)
}

// userFound returns the user as the sources of a check describe them.
func (rp *relyingParty) userFound(r *session.Record, found recheck.Found) *User {
	before := rp.userOf(r)
	u := before.copied() // code of the app may change what it gets, and the comparison needs what was known
	if found.IDToken != nil {
		u = newUser(rp.shape, found.IDToken, found.UserInfo)
		u.Data, u.Actor, u.Provider = before.Data, before.Actor, before.Provider
	}
	known := found.Memberships
	u.Groups, u.GroupsOverage, u.Organizations = known.Groups, known.GroupsOverage, known.Organizations
	return u
}

// refusal returns an error of the app's code as a [recheck.ErrRefused] if it means that the user may no longer sign in.
func refusal(err error) error {
	if errors.Is(err, ErrForbidden) || errors.Is(err, ErrUnauthenticated) {
		return fmt.Errorf("%w: %w", recheck.ErrRefused, err)
	}
	return recheck.Judged(err)
}

// userOfToken returns the user of a verified access token. A client that acts on its own behalf is a user whose Subject
// is the client's identifier at the provider.
func (rp *relyingParty) userOfToken(token *provider.AccessToken) (any, error) {
	u := newUser(rp.shape, token.Claims, nil)
	u.Issuer, u.Subject, u.Provider = rp.Client.Issuer(token.Claims), token.Subject, rp.settings.Name
	if u.Subject == "" && token.Machine {
		u.Subject = token.ClientID
	}
	u.ClientID, u.Scopes, u.machine = token.ClientID, token.Scopes, token.Machine
	if u.Subject == "" {
		return nil, fmt.Errorf("%w: it names neither a subject nor a client", bearer.ErrRefused)
	}
	return u, nil
}
