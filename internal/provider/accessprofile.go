package provider

import (
	"fmt"
	"slices"
)

// The profiles of JWT access tokens. All but the first are older than RFC 9068: their header does not tell an access
// token from an ID token, so a claim that only access tokens of that provider have does. Prefer the first wherever
// the provider can be set to it.
const (
	// ProfileRFC9068: typ is at+jwt, and sub, client_id (or azp) and jti are there. Among others Auth0 and Keycloak can
	// be set to it, and node-oidc-provider, Authlete, Duende and Curity have it.
	ProfileRFC9068 = "rfc9068"

	// ProfileKeycloak: lacks at+jwt and, as configured by default, an audience of the API, which a mapper has to add.
	// The claim typ is Bearer or DPoP; azp is the client. Versions before 24 put the nonce of the sign-in into access
	// tokens, which are refused then.
	ProfileKeycloak = "keycloak"

	// ProfileEntraV1: lacks at+jwt, jti (uti is in its place) and the issuer of discovery: iss is
	// https://sts.windows.net/<tenant>/, to be set as AccessTokenConfig.Issuer. appid is the client; scp, a text, has
	// the scopes of a user's token, and a token without it is a client's own. The audience is the App ID URI.
	ProfileEntraV1 = "entra-v1"

	// ProfileEntraV2: lacks at+jwt and jti (uti is in its place). azp is the client, scp as in ProfileEntraV1, the
	// audience the client id of the API.
	ProfileEntraV2 = "entra-v2"

	// ProfileOkta: lacks at+jwt; cid is the client and scp a list. Of custom authorization servers only: the tokens of
	// an Okta org itself are not meant to be verified by anyone else.
	ProfileOkta = "okta"

	// ProfileAuth0: lacks at+jwt and jti, unless the API is set to RFC 9068, which this profile takes too. azp is the
	// client, and must not be among the audiences, as it is in an ID token. The sub of a client's own token is its id
	// and "@clients".
	ProfileAuth0 = "auth0"

	// ProfileCognito: lacks at+jwt and, unless the client asked for a resource (RFC 8707), aud: the client_id has to be
	// the audience then. So such a token is good at every API that takes tokens of that client. token_use is access.
	ProfileCognito = "cognito"
)

// AccessTokenProfiles are the names of all profiles.
func AccessTokenProfiles() []string {
	return []string{
		ProfileRFC9068, ProfileKeycloak, ProfileEntraV1, ProfileEntraV2, ProfileOkta, ProfileAuth0, ProfileCognito,
	}
}

// accessProfile is the shape of one provider's JWT access tokens. Without kind it is of nobody's.
type accessProfile struct {
	types   []string // accepted as typ of the header; "" for none
	client  []string // claims that name the client
	scope   string
	id      string
	needsID bool

	// audience is the claim that stands in for a missing aud; "" for none.
	audience string
	// kind reports whether it is an access token and none of the provider's other JWTs.
	kind func(claims document, client string) bool
	// machine reports whether a client acts for itself.
	machine func(claims document, sub, client string) bool
}

func profileOf(name string) accessProfile {
	untyped := accessProfile{types: []string{"", "jwt"}, client: []string{"azp"}, scope: "scope", id: "jti", machine: subIsClient}
	switch profile := untyped; name {
	case "", ProfileRFC9068:
		return accessProfile{
			types: []string{"at+jwt"}, client: []string{"client_id", "azp"}, scope: "scope", id: "jti", needsID: true,
			kind: func(document, string) bool { return true }, machine: subIsClient,
		}
	case ProfileKeycloak:
		profile.kind = func(d document, _ string) bool { return d["typ"] == "Bearer" || d["typ"] == "DPoP" && d.has("cnf") }
		profile.machine = func(d document, _, client string) bool { return d["client_id"] == client }
		return profile
	case ProfileEntraV1:
		profile.client, profile.scope, profile.id = []string{"appid"}, "scp", "uti"
		profile.kind, profile.machine = entra("1.0"), entraMachine
		return profile
	case ProfileEntraV2:
		profile.scope, profile.id, profile.kind, profile.machine = "scp", "uti", entra("2.0"), entraMachine
		return profile
	case ProfileOkta:
		profile.client, profile.scope = []string{"cid"}, "scp"
		profile.kind = func(d document, _ string) bool { return d.has("scp") }
		return profile
	case ProfileAuth0:
		profile.types, profile.client = []string{"jwt", "at+jwt"}, []string{"azp", "client_id"}
		profile.kind = func(d document, client string) bool {
			return d["aud"] != client && !slices.Contains(d.list("aud"), client)
		}
		profile.machine = func(_ document, sub, client string) bool { return sub == client+"@clients" }
		return profile
	case ProfileCognito:
		profile.client, profile.audience = []string{"client_id"}, "client_id"
		profile.kind = func(d document, _ string) bool { return d["token_use"] == "access" }
		return profile
	}
	return accessProfile{}
}

func subIsClient(_ document, sub, client string) bool { return sub == client }

// entra tells access tokens by what they permit: ID tokens have neither scp nor, with a client, roles.
func entra(version string) func(document, string) bool {
	return func(d document, _ string) bool { return d["ver"] == version && (d.has("scp") || d.has("roles")) }
}

func entraMachine(d document, _, _ string) bool { return !d.has("scp") }

// checkType keeps other JWTs of the provider from being taken for access tokens (RFC 8725 section 3.11).
func (a accessProfile) checkType(header document) error {
	typ, err := header.text("typ")
	if kind := mediaType(typ); err != nil || header.has("typ") && kind == "" || !slices.Contains(a.types, kind) {
		return badToken(opAccessToken, "wrong_type", "typ is %s", excerpt(fmt.Sprint(header["typ"])))
	}
	return nil
}

// audienceOf is what the token says of its audience.
func (a accessProfile) audienceOf(claims document) any {
	if a.audience != "" && !claims.has("aud") {
		return claims[a.audience]
	}
	return claims["aud"]
}

// clientOf reads the client that the token was issued to. Names that contradict each other name nobody.
func (a accessProfile) clientOf(claims Claims) (client string, err error) {
	for _, name := range a.client {
		id, ok := identifier(claims, name)
		if !ok || !visible(id) && id != "" || client != "" && id != "" && id != client {
			return "", badToken(opAccessToken, "client", "%s is no client id, or another one's", name)
		}
		if client == "" {
			client = id
		}
	}
	if client == "" {
		return "", badToken(opAccessToken, "client", "%q: no client is named", a.client)
	}
	return client, nil
}
