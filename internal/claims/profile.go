package claims

import (
	"encoding/json"
	"maps"
	"time"
)

// Profile is what the claims of a provider say about a user. Groups and Organizations are sorted and deduplicated.
type Profile struct {
	Issuer, Subject                         string
	Name, PreferredUsername, Email, Picture string
	EmailVerified                           bool
	Groups, Organizations                   []string
	GroupsOverage                           bool // the provider left out the groups
	AuthTime                                time.Time
	ACR                                     string
	AMR                                     []string
	Extra                                   json.RawMessage // all other claims but those of the protocol; nil for none
	Act                                     map[string]any  // who acts as the user (RFC 8693, section 4.1); nil for nobody
}

// Profile returns the user whom validated claims describe, without AuthTime and Act. The ID token takes precedence over
// userinfo, claim by claim. Groups and organizations come from the ID token if it has them at all and otherwise from
// userinfo, never from both. email and email_verified come from the same source: the email_verified of one says nothing
// about the address in the other, and trusting it would verify an unverified address.
func (s *Shape) Profile(idToken, userInfo map[string]any) Profile {
	all := Merge(idToken, userInfo)
	emailSource := idToken
	if idToken["email"] == nil {
		emailSource = userInfo
	}
	p := Profile{
		Issuer: Text(idToken, "iss"), Subject: Text(idToken, "sub"),
		Name: Text(all, "name"), PreferredUsername: Text(all, "preferred_username"),
		Email: Text(emailSource, "email"), Picture: Text(all, "picture"),
		ACR: Text(idToken, "acr"), AMR: Texts(idToken["amr"]),
	}
	p.EmailVerified = p.Email != "" && s.EmailVerified(emailSource["email_verified"])

	var groupsAt, organizationsAt []string
	p.Groups, groupsAt, p.GroupsOverage = s.GroupsOf(idToken, userInfo)
	p.Organizations, organizationsAt = s.OrganizationsOf(idToken, userInfo)
	s.Groups.TakeOut(all, groupsAt)
	s.Organizations.TakeOut(all, organizationsAt)
	for _, name := range ofProtocol() {
		delete(all, name)
	}
	if len(p.AMR) > 0 {
		delete(all, "amr")
	}
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil || !Decodable(value) })
	if len(all) > 0 {
		p.Extra, _ = json.Marshal(all) // it was JSON
	}
	return p
}

// ofProtocol returns the claims that Extra leaves out: validation is finished with them, or Profile has a field for
// them.
func ofProtocol() []string {
	return []string{
		"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "nonce", "azp", "at_hash", "c_hash", "s_hash", "auth_time",
		"acr", "sid", "session_expiry",
		"name", "preferred_username", "email", "email_verified", "picture", "_claim_names", "_claim_sources", "hasgroups",
	}
}

// Claims merges Extra and the fields of p. Groups and organizations are where the provider put them, or in claims of
// these names if s is nil. Numbers keep their original digits.
func (s *Shape) Claims(p Profile) (map[string]any, error) {
	all := map[string]any{}
	if len(p.Extra) > 0 {
		var err error
		if all, err = Object(p.Extra); err != nil {
			return nil, err
		}
	}
	if s == nil {
		s = &Shape{Groups: Place{Name: "groups"}, Organizations: Place{Name: "organizations"}}
	}
	all["iss"], all["sub"] = p.Issuer, p.Subject
	for name, value := range map[string]string{
		"name": p.Name, "preferred_username": p.PreferredUsername, "email": p.Email, "picture": p.Picture, "acr": p.ACR,
	} {
		if value != "" {
			all[name] = value
		}
	}
	if p.Email != "" {
		all["email_verified"] = p.EmailVerified
	}
	if len(p.AMR) > 0 {
		all["amr"] = p.AMR
	}
	if !p.AuthTime.IsZero() {
		all["auth_time"] = p.AuthTime.Unix()
	}
	if p.Act != nil {
		all["act"] = p.Act
	}
	s.Groups.Restore(all, p.Groups)
	s.Organizations.Restore(all, p.Organizations)
	return all, nil
}
