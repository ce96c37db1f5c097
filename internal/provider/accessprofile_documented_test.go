package provider_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// documented is a token as a provider's documentation shows it, with the times of this test.
type documented struct {
	profile, source string
	header          string
	audience        string
	claims          object
	client, scopes  string
	machine         bool
	code            string // why it is refused; "": accepted
}

// documentedTokens are those of providers that no test can run. Each source was read in November 2026.
func documentedTokens() map[string]documented {
	const (
		entraDocs   = "https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference"
		entraID     = "https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference"
		oktaDocs    = "https://developer.okta.com/docs/reference/api/oidc/#access-token-payload"
		oktaID      = "https://developer.okta.com/docs/reference/api/oidc/#id-token-payload"
		auth0Docs   = "https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles"
		auth0ID     = "https://auth0.com/docs/secure/tokens/id-tokens/id-token-structure"
		cognitoDocs = "https://docs.aws.amazon.com/cognito/latest/developerguide/" +
			"amazon-cognito-user-pools-using-the-access-token.html"
		cognitoID = "https://docs.aws.amazon.com/cognito/latest/developerguide/" +
			"amazon-cognito-user-pools-using-the-id-token.html"

		typJWT, typAT, untyped = `{"alg":"ES256","kid":"k1","typ":"JWT"}`, `{"alg":"ES256","kid":"k1","typ":"at+jwt"}`,
			`{"alg":"ES256","kid":"k1"}`

		tenant, apiID, spaID = "72f988bf-86f1-41af-91ab-2d7cd011db47", "6e74172b-be56-4843-9ff4-e66a39bb12e3",
			"e1c9d5a1-37b2-4bd4-8a52-9f2f1c1cf3b1"
	)
	sts, v2 := "https://sts.windows.net/"+tenant+"/", "https://login.microsoftonline.com/"+tenant+"/v2.0"
	const oktaIssuer, auth0Issuer = "https://example.okta.com/oauth2/default", "https://my-domain.auth0.com/"
	const cognitoIssuer, health = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_EXAMPLE",
		"https://example.com/health-api"
	return map[string]documented{
		"Entra v1, a user": {entraV1, entraDocs, typJWT, "api://" + apiID, object{
			"iss": sts, "acr": "1", "aio": "opaque", "amr": []string{"pwd"}, "appid": spaID, "appidacr": "0",
			"ipaddr": "192.0.2.1", "name": "Abe Lincoln", "oid": "o", "rh": "opaque", "scp": "access_as_user", "sub": "pairwise",
			"tid": tenant, "unique_name": "abe@contoso.com", "uti": "fqiBqXLPj0eQa82S-IYFAA", "ver": "1.0",
		}, spaID, "[access_as_user]", false, ""},
		"Entra v2, a user": {entraV2, entraDocs, typJWT, apiID, object{
			"iss": v2, "azp": spaID, "azpacr": "0", "name": "Abe Lincoln", "oid": "o", "preferred_username": "abe@contoso.com",
			"rh": "opaque", "scp": "access_as_user", "sub": "pairwise", "tid": tenant, "uti": "fqiBqXLPj0eQa82S-IYFAA",
			"ver": "2.0",
		}, spaID, "[access_as_user]", false, ""},
		"Entra v2, a user with roles": {entraV2, entraDocs, typJWT, apiID, object{
			"iss": v2, "azp": spaID, "roles": []string{"Admin"}, "scp": "access_as_user", "sub": "pairwise", "tid": tenant,
			"uti": "u", "ver": "2.0",
		}, spaID, "[access_as_user]", false, ""},
		"Entra v2, a client": {entraV2, entraDocs, typJWT, apiID, object{
			"iss": v2, "azp": spaID, "azpacr": "1", "oid": "o", "roles": []string{"Tasks.Read.All"}, "sub": "o", "tid": tenant,
			"uti": "u", "ver": "2.0",
		}, spaID, "[]", true, ""},
		"Entra v2, an ID token": {entraV2, entraID, typJWT, apiID, object{
			"iss": v2, "name": "Abe Lincoln", "oid": "o", "preferred_username": "abe@contoso.com", "roles": []string{"Admin"},
			"sub": "pairwise", "tid": tenant, "uti": "u", "ver": "2.0",
		}, "", "", false, "client"},
		"Okta, a user": {okta, oktaDocs, untyped, "api://default", object{
			"iss": oktaIssuer, "ver": 1, "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE", "sub": "jane@example.com",
			"cid": "0oabskvc6442nkvQO0h7", "uid": "00ujmkLgagxeRrAg20g3", "scp": []string{"openid", "email", "flights"},
		}, "0oabskvc6442nkvQO0h7", "[openid email flights]", false, ""},
		"Okta, a client": {okta, oktaDocs, untyped, "api://default", object{
			"iss": oktaIssuer, "ver": 1, "jti": "AT.x", "sub": "0oabskvc6442nkvQO0h7", "cid": "0oabskvc6442nkvQO0h7",
			"scp": []string{"flights"},
		}, "0oabskvc6442nkvQO0h7", "[flights]", true, ""},
		"Okta, an ID token": {okta, oktaID, untyped, "0oabskvc6442nkvQO0h7", object{
			"iss": oktaIssuer, "ver": 1, "sub": "00uid4BxXw6I6TV4m0g3", "amr": []string{"pwd"}, "jti": "ID.4eAWJOCMB3SX8XewDfVR",
			"auth_time": 1, "idp": "00ok1u7AsAkrwdZL3z0g3", "preferred_username": "jane@example.com",
		}, "", "", false, "client"},
		"Auth0, a user": {auth0, auth0Docs, typJWT, health, object{
			"iss": auth0Issuer, "sub": "auth0|123456", "aud": []string{health, auth0Issuer + "userinfo"}, "azp": "my_client_id",
			"scope": "openid profile read:patients read:admin", "my_custom_claim": "my_custom_value",
		}, "my_client_id", "[openid profile read:patients read:admin]", false, ""},
		"Auth0, a user, as in RFC 9068": {auth0, auth0Docs, typAT, health, object{
			"iss": auth0Issuer, "sub": "auth0|123456", "aud": []string{health, auth0Issuer + "userinfo"},
			"client_id": "my_client_id", "jti": "73WakrfVbNJBaAmhQtEeDv", "scope": "openid profile read:patients read:admin",
		}, "my_client_id", "[openid profile read:patients read:admin]", false, ""},
		"Auth0, a client": {auth0, auth0Docs, typJWT, health, object{
			"iss": auth0Issuer, "sub": "my_client_id@clients", "azp": "my_client_id", "gty": "client-credentials",
		}, "my_client_id", "[]", true, ""},
		"Auth0, an ID token": {auth0, auth0ID, typJWT, "my_client_id", object{
			"iss": auth0Issuer, "sub": "auth0|123456", "name": "Jane Doe", "given_name": "Jane", "family_name": "Doe",
		}, "", "", false, "client"},
		"Auth0, an ID token with azp": {auth0, auth0ID, typJWT, health, object{
			"iss": auth0Issuer, "sub": "auth0|123456", "azp": "my_client_id", "name": "Jane Doe",
		}, "", "", false, "wrong_kind"},
		"Cognito, a user": {cognito, cognitoDocs, untyped, "xxxxxxxxxxxxexample", object{
			"iss": cognitoIssuer, "aud": nil, "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "device_key": "d",
			"cognito:groups": []string{"testgroup"}, "version": 2, "client_id": "xxxxxxxxxxxxexample", "origin_jti": "o",
			"event_id": "e", "token_use": "access", "scope": "phone openid resourceserver.1/appclient2", "auth_time": 1,
			"jti": "t", "username": "my-test-user",
		}, "xxxxxxxxxxxxexample", "[phone openid resourceserver.1/appclient2]", false, ""},
		"Cognito, a client": {cognito, cognitoDocs, untyped, "xxxxxxxxxxxxexample", object{
			"iss": cognitoIssuer, "aud": nil, "sub": "xxxxxxxxxxxxexample", "token_use": "access", "scope": "api/read",
			"auth_time": 1, "version": 2, "jti": "t", "client_id": "xxxxxxxxxxxxexample",
		}, "xxxxxxxxxxxxexample", "[api/read]", true, ""},
		"Cognito, an ID token": {cognito, cognitoID, untyped, "xxxxxxxxxxxxexample", object{
			"iss": cognitoIssuer, "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "cognito:username": "my-test-user",
			"origin_jti": "o", "event_id": "e", "token_use": "id", "auth_time": 1, "jti": "t", "email": "my@example.com",
		}, "", "", false, "client"},
	}
}

// TestDocumentedAccessTokens: each profile accepts what its provider documents, of users and of clients, and no ID
// token. Case 370.
func TestDocumentedAccessTokens(t *testing.T) {
	for name, doc := range documentedTokens() {
		t.Run(name, func(t *testing.T) {
			op, now := newOP(t), time.Now().Unix()
			p := op.client(accepting(func(c *provider.AccessTokenConfig) {
				c.Profile, c.Audience, c.Issuer = doc.profile, doc.audience, doc.claims["iss"].(string)
			}))
			claims := object{"aud": doc.audience, "iat": now, "nbf": now, "exp": now + 3600}
			maps.Copy(claims, doc.claims)
			if claims["aud"] == nil {
				delete(claims, "aud")
			}
			got, err := p.VerifyAccessToken(t.Context(), op.accessToken(doc.header, claims))
			if doc.code != "" {
				wantRefusal(t, err, doc.code)
				return
			}
			if err != nil {
				t.Fatalf("%v; see %s", err, doc.source)
			}
			if got.Subject != claims["sub"] || got.ClientID != doc.client || fmt.Sprint(got.Scopes) != doc.scopes ||
				got.Machine != doc.machine {
				t.Errorf("%+v; see %s", got, doc.source)
			}
		})
	}
}
