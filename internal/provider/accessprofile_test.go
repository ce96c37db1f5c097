package provider_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const (
	rfc9068  = provider.ProfileRFC9068
	keycloak = provider.ProfileKeycloak
	entraV1  = provider.ProfileEntraV1
	entraV2  = provider.ProfileEntraV2
	okta     = provider.ProfileOkta
	auth0    = provider.ProfileAuth0
	cognito  = provider.ProfileCognito
)

// shape is a token as one provider makes it, for a user; and how its ID token differs, with the API as its audience:
// the worst case, in which a front end and its API are one registration.
type shape struct {
	header  string
	claims  object
	client  string // what ClientID has to be
	id      string
	scopes  string
	idToken object // changes
	machine object // changes that make it a client's own
}

func shapes() map[string]shape {
	const untyped = `{"alg":"ES256","kid":"k1"}`
	const typJWT = `{"alg":"ES256","kid":"k1","typ":"JWT"}`
	now := time.Now().Unix()
	base := func(claims object) object {
		all := object{"iss": issuer, "aud": api, "sub": "alice", "iat": now, "exp": now + 300}
		maps.Copy(all, claims)
		return all
	}
	entra := func(version, client string) shape {
		return shape{
			header: typJWT, client: "spa", id: "u1", scopes: "[read write]",
			claims: base(object{
				"ver": version, client: "spa", "scp": "read write", "uti": "u1", "nbf": now, "oid": "o", "tid": "t",
			}),
			idToken: object{"scp": nil, client: nil, "preferred_username": "alice"},
			machine: object{"scp": nil, "roles": []string{"read"}},
		}
	}
	return map[string]shape{
		rfc9068: {
			header: accessHeader, claims: base(object{"client_id": "spa", "jti": "t1", "scope": "read write"}),
			client: "spa", id: "t1", scopes: "[read write]",
			idToken: object{"nonce": "n"}, machine: object{"sub": "spa"},
		},
		keycloak: {
			header: typJWT, client: "spa", id: "t1", scopes: "[read write]",
			claims: base(object{
				"typ": "Bearer", "azp": "spa", "jti": "t1", "sid": "s1", "scope": "read write",
				"aud": []string{api, "account"},
			}),
			idToken: object{"typ": "ID", "at_hash": nil}, machine: object{"client_id": "spa", "sid": nil},
		},
		entraV1: entra("1.0", "appid"),
		entraV2: entra("2.0", "azp"),
		okta: {
			header: untyped, client: "spa", id: "AT.1", scopes: "[read write]",
			claims: base(object{
				"ver": 1, "jti": "AT.1", "cid": "spa", "uid": "u", "scp": []string{"read", "write"}, "sub": "alice@example.com",
			}),
			idToken: object{"cid": nil, "scp": nil, "jti": "ID.1"}, machine: object{"uid": nil, "sub": "spa"},
		},
		auth0: {
			header: typJWT, client: "spa", scopes: "[read write]",
			claims: base(object{
				"azp": "spa", "scope": "read write", "aud": []string{api, issuer + "/userinfo"}, "sub": "auth0|1",
			}),
			idToken: object{"azp": api, "scope": nil, "aud": api},
			machine: object{"sub": "spa@clients", "gty": "client-credentials"},
		},
		cognito: {
			header: untyped, client: api, id: "t1", scopes: "[read write]",
			claims: base(object{
				"aud": nil, "client_id": api, "token_use": "access", "jti": "t1", "scope": "read write", "username": "alice",
			}),
			idToken: object{"token_use": "id", "aud": api}, machine: object{"sub": api},
		},
	}
}

// Each profile takes the tokens of its provider, of users and of clients, and none of its ID tokens.
func TestAccessTokenProfiles(t *testing.T) {
	all := shapes()
	if names := provider.AccessTokenProfiles(); len(names) != len(all) {
		t.Fatalf("profiles %v", names)
	}
	for name, shape := range all {
		t.Run(name, func(t *testing.T) {
			op := newOP(t)
			p := op.client(accepting(func(c *provider.AccessTokenConfig) { c.Profile = name }))
			verify := func(change object) (*provider.AccessToken, error) {
				return p.VerifyAccessToken(t.Context(), op.accessToken(shape.header, merge(maps.Clone(shape.claims), change)))
			}
			got, err := verify(nil)
			if err != nil {
				t.Fatal(err)
			}
			if got.Subject != shape.claims["sub"] || got.ClientID != shape.client || got.ID != shape.id || got.Machine ||
				fmt.Sprint(got.Scopes) != shape.scopes {
				t.Errorf("got %+v", got)
			}
			if got, err := verify(shape.machine); err != nil || !got.Machine || got.ClientID != shape.client {
				t.Errorf("a client's own: %+v, %v", got, err)
			}
			if got, err := verify(shape.idToken); err == nil {
				t.Errorf("an ID token passes: %+v", got)
			}
			event := object{logoutEvent: object{}}
			for _, change := range []object{{"nonce": "n"}, {"at_hash": "AAAA"}, {"events": event}} {
				_, err := verify(change)
				wantRefusal(t, err, "wrong_kind")
			}
			for code, change := range map[string]object{
				"audience": {"aud": "https://other.example"}, "issuer": {"iss": "https://other.example"},
				"subject": {"sub": nil}, "expired": {"exp": 1},
			} {
				_, err := verify(change)
				wantRefusal(t, err, code)
			}
			for other := range all { // every profile is one of its own
				if other == name || other == auth0 { // whose tokens have the least of their own
					continue
				}
				p := op.client(accepting(func(c *provider.AccessTokenConfig) { c.Profile = other }))
				if got, err := p.VerifyAccessToken(t.Context(), op.accessToken(shape.header, shape.claims)); err == nil {
					t.Errorf("%s takes it too: %+v", other, got)
				}
			}
		})
	}
}

// The rules that only one profile has.
func TestAccessTokenProfileRules(t *testing.T) {
	type change = func(*provider.AccessTokenConfig)
	thumbprint := strings.Repeat("A", 43)
	untyped := `{"alg":"ES256","kid":"k1"}`
	for name, test := range map[string]struct {
		profile string
		header  string // "": as usual
		claims  object // changes
		config  change
		code    string // "": accepted
	}{
		"Keycloak, refresh token": {profile: keycloak, claims: object{"typ": "Refresh"}, code: "wrong_kind"},
		"Keycloak, no typ":        {profile: keycloak, claims: object{"typ": nil}, code: "wrong_kind"},
		"Keycloak, DPoP": {
			profile: keycloak, claims: object{"typ": "DPoP", "cnf": object{"jkt": thumbprint}},
		},
		"Keycloak, DPoP without a key": {profile: keycloak, claims: object{"typ": "DPoP"}, code: "wrong_kind"},
		"Keycloak, no azp":             {profile: keycloak, claims: object{"azp": nil}, code: "client"},
		"Keycloak, at+jwt":             {profile: keycloak, header: accessHeader},
		"Keycloak, at+jwt, no typ": {
			profile: keycloak, header: accessHeader, claims: object{"typ": nil}, code: "wrong_kind",
		},
		"Keycloak, as in RFC 9068": {
			profile: rfc9068, header: accessHeader, claims: object{"azp": "spa", "client_id": nil, "jti": "t"},
		},
		"Entra v1 by v2":         {profile: entraV2, claims: object{"ver": "1.0"}, code: "wrong_kind"},
		"Entra v2 by v1":         {profile: entraV1, claims: object{"ver": "2.0"}, code: "wrong_kind"},
		"Entra, permits nothing": {profile: entraV2, claims: object{"scp": nil}, code: "wrong_kind"},
		"Entra, an ID token with roles": {
			profile: entraV2, claims: object{"scp": nil, "azp": nil, "roles": []string{"x"}}, code: "client",
		},
		"Entra v1, its own issuer": {
			profile: entraV1, claims: object{"iss": "https://sts.windows.net/t/"},
			config: func(c *provider.AccessTokenConfig) { c.Issuer = "https://sts.windows.net/t/" },
		},
		"Entra v1, the issuer of discovery": {
			profile: entraV1, code: "issuer",
			config: func(c *provider.AccessTokenConfig) { c.Issuer = "https://sts.windows.net/t/" },
		},
		"Okta, no scp":  {profile: okta, claims: object{"scp": nil}, code: "wrong_kind"},
		"Okta, no cid":  {profile: okta, claims: object{"cid": nil}, code: "client"},
		"Okta, typ JWT": {profile: okta, header: `{"alg":"ES256","kid":"k1","typ":"JWT"}`},
		"Auth0, as in RFC 9068": {
			profile: auth0, header: accessHeader, claims: object{"azp": nil, "client_id": "spa"},
		},
		"Auth0, azp is the audience": {
			profile: auth0, claims: object{"azp": api, "aud": api}, code: "wrong_kind",
		},
		"Auth0, azp is an audience": {
			profile: auth0, claims: object{"aud": []string{api, "spa"}}, code: "wrong_kind",
		},
		"Auth0, no azp":   {profile: auth0, claims: object{"azp": nil}, code: "client"},
		"Okta, typ empty": {profile: okta, header: `{"alg":"ES256","kid":"k1","typ":""}`, code: "wrong_type"},
		"Okta, typ of no type": {
			profile: okta, header: `{"alg":"ES256","kid":"k1","typ":"application/"}`, code: "wrong_type",
		},
		"Auth0, no typ":            {profile: auth0, header: untyped, code: "wrong_type"},
		"Cognito, ID token":        {profile: cognito, claims: object{"token_use": "id"}, code: "wrong_kind"},
		"Cognito, no token_use":    {profile: cognito, claims: object{"token_use": nil}, code: "wrong_kind"},
		"Cognito, another client":  {profile: cognito, claims: object{"client_id": "spa"}, code: "audience"},
		"Cognito, with a resource": {profile: cognito, claims: object{"client_id": "spa", "aud": api}},
		"Cognito, with another resource": {
			profile: cognito, claims: object{"aud": "https://other.example"}, code: "audience",
		},
		"Cognito, no client": {
			profile: cognito, claims: object{"client_id": nil, "aud": api}, code: "client",
		},
	} {
		t.Run(name, func(t *testing.T) {
			op, shape := newOP(t), shapes()[test.profile]
			change := func(c *provider.AccessTokenConfig) {
				if c.Profile = test.profile; test.config != nil {
					test.config(c)
				}
			}
			header := shape.header
			if test.header != "" {
				header = test.header
			}
			token := op.accessToken(header, merge(maps.Clone(shape.claims), test.claims))
			_, err := op.client(accepting(change)).VerifyAccessToken(t.Context(), token)
			if test.code != "" {
				wantRefusal(t, err, test.code)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	if !slices.Contains(provider.AccessTokenProfiles(), rfc9068) {
		t.Error("no profile of RFC 9068")
	}
}

// TestKindsOfTokens: what makes a token one for access, if it has the least of it.
func TestKindsOfTokens(t *testing.T) {
	binding := object{"jkt": strings.Repeat("A", 43)}
	for name, tt := range map[string]struct {
		profile string
		change  object
		bad     bool
	}{
		"bound to a key":            {keycloak, object{"typ": "DPoP", "cnf": binding}, false},
		"DPoP without a key":        {keycloak, object{"typ": "DPoP"}, true},
		"an ID token with a key":    {keycloak, object{"typ": "ID", "cnf": binding}, true},
		"permissions":               {auth0, object{"scope": nil, "permissions": []string{"read"}}, false},
		"a grant type":              {auth0, object{"scope": nil, "gty": "password"}, false},
		"a client id":               {auth0, object{"scope": nil, "client_id": "spa"}, false},
		"nothing granted":           {auth0, object{"scope": nil}, true},
		"for the client it names":   {auth0, object{"aud": []string{api, "spa"}}, true},
		"for that client alone too": {auth0, object{"aud": api, "azp": api}, true},
	} {
		shape, op := shapes()[tt.profile], newOP(t)
		p := op.client(accepting(func(c *provider.AccessTokenConfig) { c.Profile = tt.profile }))
		claims := merge(maps.Clone(shape.claims), tt.change)
		if _, err := p.VerifyAccessToken(t.Context(), op.accessToken(shape.header, claims)); tt.bad {
			wantRefusal(t, err, "wrong_kind")
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
