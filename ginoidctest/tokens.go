package ginoidctest

// AccessToken issues a JWT access token (RFC 9068) for a user, to call an API with. audience is the API's resource
// identifier. The token has the claims iss, sub, aud, client_id, exp, iat, jti, scope and auth_time, and the user's
// groups, organizations and additional claims; see [Provider.OnAccessToken]. It does not depend on
// Config.JWTAccessTokens. An unknown user fails the test.
func (p *Provider) AccessToken(tb TB, subject, audience string, scopes ...string) string {
	tb.Helper()
	token, err := p.op.AccessToken(subject, audience, scopes...)
	if err != nil {
		tb.Fatalf("issuing an access token: %v", err)
	}
	return token
}

// ClientToken issues a JWT access token for the client itself, as the token endpoint does for the client_credentials
// grant (RFC 6749, section 4.4): its subject is the client's id.
func (p *Provider) ClientToken(tb TB, audience string, scopes ...string) string {
	tb.Helper()
	token, err := p.op.ClientToken(audience, scopes...)
	if err != nil {
		tb.Fatalf("issuing an access token: %v", err)
	}
	return token
}

// OnAccessToken edits the claims of every JWT access token before it is signed; nil removes it.
func (p *Provider) OnAccessToken(edit func(claims map[string]any)) { p.op.OnAccessToken(edit) }

// LogoutToken issues what a provider posts to the app as logout_token when a user has signed out elsewhere (OpenID
// Connect Back-Channel Logout 1.0, section 2.4). It names the session sid or, if sid is empty, all sessions of the
// subject; an empty subject is omitted.
func (p *Provider) LogoutToken(tb TB, subject, sid string) string {
	tb.Helper()
	token, err := p.op.LogoutToken(subject, sid, nil)
	if err != nil {
		tb.Fatalf("issuing a logout token: %v", err)
	}
	return token
}
