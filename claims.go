package ginoidc

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// User is a signed-in user. Issuer and Subject together identify the user, compared byte for byte; an e-mail address
// does not, because it can be reassigned (OpenID Connect Core 1.0, section 5.7). Treat a User as read-only in handlers.
type User struct {
	Issuer, Subject string

	// Provider is the name of the provider that the user signed in with: see [Provider].Name.
	Provider string `json:",omitempty"`

	// The profile. Each field is empty if the provider does not send the claim (Core, section 5.1).
	Name, PreferredUsername, Email, Picture string

	// EmailVerified is true only if the source of Email, ID token or userinfo, also has email_verified with the JSON value
	// true, or the string "true" if Provider.StringEmailVerified is set.
	EmailVerified bool

	// Groups and Organizations are sorted and deduplicated. They are those of the sign-in or, with [Config].RecheckEvery,
	// of the last re-check.
	Groups, Organizations []string

	// GroupsOverage reports that the provider left out the groups because there are too many. Every group guard then
	// denies with [ErrGroupsOverage].
	GroupsOverage bool

	// AuthTime is when the provider last authenticated the user, ACR the authentication context class, and AMR lists the
	// methods, such as "pwd" and "otp" (OpenID Connect Core 1.0, section 2; RFC 8176). They are zero if the provider does
	// not send them.
	AuthTime time.Time
	ACR      string
	AMR      []string

	// Extra holds all other claims of the provider as a JSON object, except those of the protocol; nil if there are none.
	// Claims decodes it together with the fields above.
	Extra json.RawMessage

	// Data is a JSON value of the app that is kept with the session. Set it in OnSignIn or UpdateSession.
	Data json.RawMessage

	// ClientID is the client to which the access token that identifies the user was issued, and Scopes are its scopes.
	// Both are empty if a session identifies the user. See [Provider].Audience.
	ClientID string
	Scopes   []string

	// Actor is the user who acts as this user, such as support staff who see the app as a customer does; nil if nobody
	// does. Set it in a user that you give to [Auth.StartSession] or return from an [Authenticator]. To stop acting, call
	// StartSession with Actor.
	Actor *User

	shape   *claims.Shape // where Claims puts groups and organizations; nil for the defaults
	machine bool          // a client that acts on its own behalf
	ready   bool          // Groups and Organizations are sorted
}

// IsMachine reports whether a client that acts on its own behalf made the request, so that there is no person
// (client_credentials; RFC 6749, section 4.4).
func (u *User) IsMachine() bool { return u != nil && u.machine }

// InGroup reports whether the user is in the group of exactly this name. A nil user is in none. It does not tell an
// unknown membership from none: check GroupsOverage too, or use [Auth.RequireGroups].
func (u *User) InGroup(name string) bool {
	return u != nil && contains(u.Groups, name, u.ready)
}

// InOrganization reports whether the user is a member of the organization with exactly this id.
func (u *User) InOrganization(id string) bool {
	return u != nil && contains(u.Organizations, id, u.ready)
}

// contains reports whether name is in names. The empty name is in no list, so that an unset variable matches nobody.
func contains(names []string, name string, sorted bool) bool {
	if name == "" {
		return false
	}
	if !sorted {
		return slices.Contains(names, name)
	}
	_, found := slices.BinarySearch(names, name)
	return found
}

// Claims decodes the user's claims into v as [json.Unmarshal] does. Groups and organizations are where the provider put
// them, as lists of strings. The claims of the protocol (aud, exp, nonce …) are left out. A nil user is
// [ErrUnauthenticated].
func (u *User) Claims(v any) error {
	claims, err := u.claims()
	if err != nil {
		return err
	}
	raw, err := json.Marshal(claims)
	if err != nil {
		return fmt.Errorf("ginoidc: claims: %w", err)
	}
	return json.Unmarshal(raw, v)
}

// claims merges Extra and the fields. Numbers keep their original digits.
func (u *User) claims() (map[string]any, error) {
	if u == nil {
		return nil, ErrUnauthenticated
	}
	p := claims.Profile{
		Issuer: u.Issuer, Subject: u.Subject, Name: u.Name, PreferredUsername: u.PreferredUsername,
		Email: u.Email, EmailVerified: u.EmailVerified, Picture: u.Picture, Groups: u.Groups, Organizations: u.Organizations,
		AuthTime: u.AuthTime, ACR: u.ACR, AMR: u.AMR, Extra: u.Extra,
	}
	if u.Actor != nil {
		p.Act = map[string]any{"iss": u.Actor.Issuer, "sub": u.Actor.Subject}
	}
	return u.shape.Claims(p)
}

// record returns the part of a user that the session keeps.
func (u *User) record() session.Record {
	return session.Record{
		Subject: u.Subject, AuthTime: u.AuthTime, ACR: u.ACR, AMR: wire.NewList(u.AMR),
		Name: u.Name, PreferredUsername: u.PreferredUsername, Picture: u.Picture,
		Email: u.Email, EmailVerified: u.EmailVerified,
		Groups: wire.NewList(claims.Normalized(u.Groups)), GroupsOverage: u.GroupsOverage,
		Organizations: wire.NewList(claims.Normalized(u.Organizations)),
		Claims:        u.Extra, Data: u.Data, Actor: u.Actor.encoded(),
	}
}

// userOf reverses record.
func (rp *relyingParty) userOf(r *session.Record) *User {
	u := &User{
		Provider: rp.settings.Name, Issuer: cmp.Or(r.Issuer, rp.settings.Issuer),
		Subject: r.Subject, AuthTime: r.AuthTime, ACR: r.ACR, AMR: r.AMR.Strings(),
		Name: r.Name, PreferredUsername: r.PreferredUsername, Picture: r.Picture,
		Email: r.Email, EmailVerified: r.EmailVerified,
		Groups: r.Groups.Strings(), Organizations: r.Organizations.Strings(), GroupsOverage: r.GroupsOverage,
		Extra: r.Claims, Data: r.Data, shape: rp.shape, ready: true,
	}
	if len(r.Actor) > 0 {
		u.Actor = decodedActor(r.Actor)
	}
	return u
}

// subject returns the Subject of u, or "" if u is nil.
func (u *User) subject() string {
	if u == nil {
		return ""
	}
	return u.Subject
}

// encoded returns the form in which a session keeps an actor, nil for none.
func (u *User) encoded() []byte {
	if u == nil {
		return nil
	}
	actor := *u
	actor.Actor = nil // an actor has no actor
	text, err := json.Marshal(actor)
	if err != nil { // Extra or Data is not JSON
		actor.Extra, actor.Data = nil, nil
		text, _ = json.Marshal(actor)
	}
	return text
}

// decodedActor reverses encoded. If the text cannot be read, the actor is unknown, which must not look like no actor.
func decodedActor(text []byte) *User {
	actor := &User{}
	if err := json.Unmarshal(text, actor); err != nil {
		return &User{}
	}
	return actor
}

// UserFrom returns the signed-in user. It returns false if nobody is signed in or if neither Middleware nor a guard has
// run, and on a route without a guard also if the session store does not respond, which is logged: see
// [Auth.OptionalAuth]. Call it on the goroutine of the request. If an engine has several Auths, it uses the one whose
// guard or Middleware ran last; [Auth.UserFrom] uses a particular one.
func UserFrom(c *gin.Context) (*User, bool) {
	return requestAt(c, requestKey{}).signedInUser(c)
}

// UserFromContext is UserFrom for code that has only the context of the request, or one derived from it. The first call
// in a request marks the response as private and must run on the goroutine of the request; later calls may run on any.
// A *gin.Context, or a context derived from one, is valid only until the request ends, because Gin reuses it.
func UserFromContext(ctx context.Context) (*User, bool) {
	return requestIn(ctx, requestKey{}).signedInUser(ctx)
}

// UserFrom returns the user who is signed in with this Auth, whichever guard ran. It needs no Middleware.
func (a *Auth) UserFrom(c *gin.Context) (*User, bool) {
	if c.Request == nil {
		return nil, false
	}
	return a.requestOf(c).signedInUser(c)
}

// signedInUser returns the user who makes the request. An error counts as nobody: only guards tell users about it. An
// outage is in the log, once a request.
func (req *request) signedInUser(ctx context.Context) (*User, bool) {
	if req == nil {
		return nil, false
	}
	id, err := req.identify(ctx)
	if (errors.Is(err, ErrSessionStore) || errors.Is(err, ErrProviderUnavailable)) && !req.reported.Swap(true) {
		req.auth.emit(req.Context, events.Event{Kind: events.UserUnknown, Code: outcome.Of(err).Code, Err: err})
	}
	if err != nil || id.nobody() {
		return nil, false
	}
	return id.user(), true
}
