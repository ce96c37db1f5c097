package ginoidctest

// AccessToken issues a JWT access token (RFC 9068), to call an API with. It is for the user with a subject or, if
// subject is empty, for the client itself, as for the client_credentials grant (RFC 6749, section 4.4): then its sub is
// the client's id. audience is the API's resource identifier.
//
// The token has the claims iss, sub, aud, client_id, exp, iat, jti, scope and auth_time, and the user's groups,
// organizations and additional claims; see [Provider.OnAccessToken]. It does not depend on Config.JWTAccessTokens. An
// unknown user fails the test.
func (p *Provider) AccessToken(tb TB, subject, audience string, scopes ...string) string {
	tb.Helper()
	issue := func() (string, error) { return p.op.AccessToken(subject, audience, scopes...) }
	if subject == "" {
		issue = func() (string, error) { return p.op.ClientToken(audience, scopes...) }
	}
	token, err := issue()
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
