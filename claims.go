package ginoidc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// User is who is signed in. Issuer and Subject together identify the user, byte for byte; an e-mail address
// does not (OpenID Connect Core 1.0, section 5.7). Handlers treat a User as read-only.
type User struct {
	Issuer, Subject string

	// The profile, each empty when the provider does not give it (Core, section 5.1).
	Name, PreferredUsername, Email, Picture string

	// EmailVerified is true only if what gave the Email, ID token or userinfo, says the JSON value true beside it, or the
	// string "true" where Provider.StringEmailVerified is set.
	EmailVerified bool

	// Groups and Organizations are sorted and without duplicates. They are as old as the sign-in.
	Groups, Organizations []string

	// GroupsOverage tells that the provider left the groups out because they are too many.
	// Every check of a group is then denied with [ErrGroupsOverage].
	GroupsOverage bool

	// AuthTime is when the user proved who they are to the provider, and ACR how: its authentication context class
	// (OpenID Connect Core 1.0, section 2). Zero and "" when it does not say.
	AuthTime time.Time
	ACR      string

	// Extra holds the provider's further claims as a JSON object, without those of the protocol; nil when
	// there are none. Claims decodes it together with the fields above.
	Extra json.RawMessage

	// Data is the app's own, a JSON value kept with the session: set by OnSignIn or UpdateSession. nil: none.
	Data json.RawMessage

	// Actor is who acts as this user, such as a supporter who sees the app as a customer does; nil: the user. An app sets it
	// in a user for [Auth.StartSession] or of an [Authenticator]; StartSession with Actor itself leads back.
	Actor *User

	shape *claims.Shape // where groups and organizations sit in Claims; nil: the defaults
	ready bool          // Groups and Organizations are sorted
}

// InGroup tells whether the user is in the group of exactly this name. A nil user is in none.
func (u *User) InGroup(name string) bool {
	return u != nil && contains(u.Groups, name, u.ready)
}

// InOrganization tells whether the user is a member of the organization of exactly this id.
func (u *User) InOrganization(id string) bool {
	return u != nil && contains(u.Organizations, id, u.ready)
}

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

// Claims decodes the user's claims into v as [json.Unmarshal] does. Groups and organizations stand where the
// provider put them, as lists of strings; the protocol's own claims (aud, exp, nonce …) are not there. A nil user is
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

// claims puts the further claims and the fields together. Numbers stay as they were written.
func (u *User) claims() (map[string]any, error) {
	if u == nil {
		return nil, ErrUnauthenticated
	}
	all := map[string]any{}
	if len(u.Extra) > 0 {
		var err error
		if all, err = furtherClaims(u.Extra); err != nil {
			return nil, err
		}
	}
	shape := u.shape
	if shape == nil {
		shape = &claims.Shape{Groups: claims.Place{Name: "groups"}, Organizations: claims.Place{Name: "organizations"}}
	}
	all["iss"], all["sub"] = u.Issuer, u.Subject
	for name, value := range map[string]string{
		"name": u.Name, "preferred_username": u.PreferredUsername, "email": u.Email, "picture": u.Picture, "acr": u.ACR,
	} {
		if value != "" {
			all[name] = value
		}
	}
	if u.Email != "" {
		all["email_verified"] = u.EmailVerified
	}
	if !u.AuthTime.IsZero() {
		all["auth_time"] = u.AuthTime.Unix()
	}
	if u.Actor != nil {
		all["act"] = map[string]any{"iss": u.Actor.Issuer, "sub": u.Actor.Subject} // RFC 8693, section 4.1
	}
	shape.Groups.Restore(all, u.Groups)
	shape.Organizations.Restore(all, u.Organizations)
	return all, nil
}

func furtherClaims(extra json.RawMessage) (claims map[string]any, err error) {
	if !json.Valid(extra) { // the decoder would stop before what follows
		return nil, errors.New("ginoidc: further claims: not JSON")
	}
	decoder := json.NewDecoder(bytes.NewReader(extra))
	decoder.UseNumber()
	if err := decoder.Decode(&claims); err != nil {
		return nil, fmt.Errorf("ginoidc: further claims: %w", err)
	}
	if claims == nil { // null
		claims = map[string]any{}
	}
	return claims, nil
}

// record is what the session keeps of a user.
func (u *User) record() session.Record {
	return session.Record{
		Subject: u.Subject, AuthTime: u.AuthTime, ACR: u.ACR,
		Name: u.Name, PreferredUsername: u.PreferredUsername, Email: u.Email, Picture: u.Picture, EmailVerified: u.EmailVerified,
		Groups: claims.Normalized(u.Groups), Organizations: claims.Normalized(u.Organizations), GroupsOverage: u.GroupsOverage,
		Claims: u.Extra, Data: u.Data, Actor: u.Actor.encoded(),
	}
}

// userOf is the reverse of record.
func userOf(shape *claims.Shape, issuer string, r *session.Record) *User {
	u := &User{
		Issuer: issuer, Subject: r.Subject, AuthTime: r.AuthTime, ACR: r.ACR,
		Name: r.Name, PreferredUsername: r.PreferredUsername, Email: r.Email, Picture: r.Picture, EmailVerified: r.EmailVerified,
		Groups: r.Groups, Organizations: r.Organizations, GroupsOverage: r.GroupsOverage,
		Extra: r.Claims, Data: r.Data, shape: shape, ready: true,
	}
	if len(r.Actor) > 0 {
		u.Actor = decodedActor(r.Actor)
	}
	return u
}

// subject returns the Subject of a user who may be nil.
func (u *User) subject() string {
	if u == nil {
		return ""
	}
	return u.Subject
}

// encoded returns what a session keeps of an actor, nil for none.
func (u *User) encoded() []byte {
	if u == nil {
		return nil
	}
	actor := *u
	actor.Actor = nil // whose own actor does not matter
	text, err := json.Marshal(actor)
	if err != nil { // Extra or Data is not JSON
		actor.Extra, actor.Data = nil, nil
		text, _ = json.Marshal(actor)
	}
	return text
}

// decodedActor reverses encoded. What cannot be read is an actor whom nobody knows, not none.
func decodedActor(text []byte) *User {
	actor := &User{}
	if err := json.Unmarshal(text, actor); err != nil {
		return &User{}
	}
	return actor
}
