package ginoidc

import (
	"crypto/rand"
	"maps"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/claims"
)

// maxLogoutHint keeps a foreign claim from making the URL of the end-session endpoint too long.
const maxLogoutHint = 1024

// endSessionHints tell the provider whose session a sign-out is about (OpenID Connect RP-Initiated Logout 1.0, section 2), so
// that it need not ask. Nobody signed in has none. They are made before the session ends.
//
// What logout_hint holds is between provider and client. Entra ID wants the claim login_hint, where it sends one. Else it is
// the session's identifier, as Auth0 wants it and the specification suggests, or for want of that the subject. Neither tells
// the provider, or a log on the way, more than id_token_hint does; an e-mail address would.
func endSessionHints(id identity) url.Values {
	hints := url.Values{}
	s, err := id.ownSession()
	if err != nil {
		return hints
	}
	if token := s.IDToken; len(token) > 0 {
		hints.Set("id_token_hint", string(token))
	}
	loginHint := ""
	if all, err := id.user.claims(); err == nil {
		loginHint = claims.Text(all, "login_hint")
	}
	for _, hint := range []string{loginHint, s.SID, s.Subject} {
		if hint != "" && len(hint) <= maxLogoutHint {
			hints.Set("logout_hint", hint)
			break
		}
	}
	return hints
}

// endSessionURL is where the browser goes after the session here has ended. The state ties the provider's answer to
// this browser, where that answer comes back to SignedOut.
func (a *Auth) endSessionURL(c *gin.Context, hints url.Values) (string, error) {
	state := rand.Text()
	if a.config.PostSignOutURL == a.AppURL()+a.routes.prefix+signedOutPath {
		at, err := a.attempts.Start(c.Writer.Header(), c.Request, attempt.Purpose{ReturnTo: a.config.DefaultReturnTo, SignOut: true})
		if err != nil {
			return "", translated(err)
		}
		state = at.State
	}
	params := url.Values{
		"client_id":                {a.config.ClientID},
		"post_logout_redirect_uri": {a.config.PostSignOutURL},
		"state":                    {state},
	}
	maps.Copy(params, hints)
	maps.Copy(params, a.config.SignOutParameters) // none of which is one of these
	location, ok := a.provider.EndSessionURL(c.Request.Context(), params)
	if !ok {
		location = a.config.PostSignOutURL
	}
	return location, nil
}
