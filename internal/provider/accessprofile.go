package provider

import (
	"fmt"
	"slices"
)

// Profiles of JWT access tokens. All except ProfileRFC9068 predate RFC 9068: the header does not distinguish access
// tokens from ID tokens, so a claim does that only access tokens of that provider have. Use ProfileRFC9068 if the
// provider can issue such tokens.
const (
	// ProfileRFC9068 requires typ at+jwt and the claims sub, client_id (or azp) and jti. node-oidc-provider issues such
	// tokens; Auth0 and Keycloak can be configured to. A client's own token is one whose sub is the client id, which
	// does not hold for Keycloak and Auth0: use their profiles to tell machines from people.
	ProfileRFC9068 = "rfc9068"

	// ProfileKeycloak is for tokens with and without at+jwt. The claim typ must be Bearer or DPoP, and azp is the client.
	// By default these tokens lack the API's audience: add it with an audience mapper. Versions before 24 copy the nonce
	// of the sign-in into access tokens, which are therefore refused.
	ProfileKeycloak = "keycloak"

	// ProfileEntraV1 is for tokens without at+jwt and jti (uti replaces it), and with an issuer that differs from
	// discovery: https://sts.windows.net/<tenant>/, to be set as AccessTokenConfig.Issuer. appid is the client. scp
	// holds the scopes of a user's token; a token with roles only is a client's own. The audience is the App ID URI.
	ProfileEntraV1 = "entra-v1"

	// ProfileEntraV2 is for tokens without at+jwt and jti (uti replaces it). azp is the client, scp and roles are as in
	// ProfileEntraV1, and the audience is the client id of the API.
	ProfileEntraV2 = "entra-v2"

	// ProfileOkta is for tokens without at+jwt, from custom authorization servers: Okta does not support verification of
	// tokens from the org authorization server. cid is the client, and scp is a list.
	ProfileOkta = "okta"

	// ProfileAuth0 is for tokens without at+jwt and jti, and also accepts those of APIs set to RFC 9068. azp is the
	// client; it must not be an audience, as it is in ID tokens, and there must be a claim that only access tokens have:
	// scope, permissions, gty or client_id. The sub of a client's own token is the client id followed by "@clients".
	ProfileAuth0 = "auth0"

	// ProfileCognito is for tokens without at+jwt and usually without aud: client_id must then equal the configured
	// audience. Such a token is accepted by every API that accepts this client's tokens. token_use must be access.
	ProfileCognito = "cognito"
)

// AccessTokenProfiles returns the names of all profiles.
func AccessTokenProfiles() []string {
	return []string{
		ProfileRFC9068, ProfileKeycloak, ProfileEntraV1, ProfileEntraV2, ProfileOkta, ProfileAuth0, ProfileCognito,
	}
}

// accessProfile describes JWT access tokens of one provider. In the zero value, of an unknown profile, kind is nil.
type accessProfile struct {
	types   []string // accepted typ header values; "" for none
	client  []string // claims that may identify the client
	scope   string   // claim
	id      string   // claim
	needsID bool

	// audience is the claim used if aud is missing; "" for none.
	audience string
	// kind reports whether the claims are those of an access token and not of another JWT from the same provider.
	kind func(claims document, client string) bool
	// machine reports whether the client acts on its own behalf.
	machine func(claims document, sub, client string) bool
}

func profileOf(name string) accessProfile {
	profile := accessProfile{ // what the older ones have in common
		types: []string{"", "jwt"}, client: []string{"azp"}, scope: "scope", id: "jti", machine: subIsClient,
	}
	switch name {
	case "", ProfileRFC9068:
		profile.types, profile.client, profile.needsID = []string{"at+jwt"}, []string{"client_id", "azp"}, true
		profile.kind = func(document, string) bool { return true } // as typ says
	case ProfileKeycloak:
		profile.types = append(profile.types, "at+jwt")
		profile.kind = func(d document, _ string) bool { return d["typ"] == "Bearer" || d["typ"] == "DPoP" && d.has("cnf") }
		profile.machine = func(d document, _, client string) bool { return d["client_id"] == client }
	case ProfileEntraV1:
		profile.client, profile.scope, profile.id = []string{"appid"}, "scp", "uti"
		profile.kind, profile.machine = entra("1.0"), entraMachine
	case ProfileEntraV2:
		profile.scope, profile.id, profile.kind, profile.machine = "scp", "uti", entra("2.0"), entraMachine
	case ProfileOkta:
		profile.client, profile.scope = []string{"cid"}, "scp"
		profile.kind = func(d document, _ string) bool { return d.has("scp") }
	case ProfileAuth0:
		profile.types, profile.client = []string{"jwt", "at+jwt"}, []string{"azp", "client_id"}
		profile.kind = func(d document, client string) bool {
			grants := d.has("scope") || d.has("permissions") || d.has("gty") || d.has("client_id")
			return grants && d["aud"] != client && !slices.Contains(d.list("aud"), client)
		}
		profile.machine = func(_ document, sub, client string) bool { return sub == client+"@clients" }
	case ProfileCognito:
		profile.client, profile.audience = []string{"client_id"}, "client_id"
		profile.kind = func(d document, _ string) bool { return d["token_use"] == "access" }
	}
	return profile
}

func subIsClient(_ document, sub, client string) bool { return sub == client }

// entra recognizes access tokens by what they grant: ID tokens have no scp, and those with roles name no client.
func entra(version string) func(document, string) bool {
	return func(d document, _ string) bool { return d["ver"] == version && (d.has("scp") || d.has("roles")) }
}

func entraMachine(d document, _, _ string) bool { return !d.has("scp") }

// checkType keeps other JWTs of the provider from being used as access tokens (RFC 8725 section 3.11).
func (a accessProfile) checkType(header document) error {
	typ, _ := header.text("typ")
	if kind := mediaType(typ); header.has("typ") && kind == "" || !slices.Contains(a.types, kind) {
		return badToken(opAccessToken, "wrong_type", "typ is %s", excerpt(fmt.Sprint(header["typ"])))
	}
	return nil
}

// audienceOf returns the audience, unchecked.
func (a accessProfile) audienceOf(claims document) any {
	if a.audience != "" && !claims.has("aud") {
		return claims[a.audience]
	}
	return claims["aud"]
}

// clientOf returns the client that the token was issued to. Claims that contradict each other are an error.
func (a accessProfile) clientOf(claims Claims) (client string, err error) {
	for _, name := range a.client {
		id, ok := identifier(claims, name)
		if !ok || !visible(id) && id != "" || client != "" && id != "" && id != client {
			return "", badToken(opAccessToken, "client", "%s is not a client id, or contradicts another claim", name)
		}
		if client == "" {
			client = id
		}
	}
	if client == "" {
		return "", badToken(opAccessToken, "client", "none of %q identifies the client", a.client)
	}
	return client, nil
}
