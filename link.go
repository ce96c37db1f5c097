package ginoidc

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/gin-gonic/gin"
)

var (
	errLinkRefused  = fmt.Errorf("%w: the accounts were not linked", ErrForbidden)
	errLinkFormPost = errors.New("ginoidc: LinkURL: with form_post the response comes without the session")
	errLinkOff      = errors.New("ginoidc: LinkURL: Config.OnLink is not set")
)

const linkParameter = "link"

// LinkURL returns the path of a sign-in that adds an account to the signed-in user: a second identity, with the
// provider of this name, which the user has to prove with a fresh sign-in there (prompt=login). The session stays as
// it is. Config.OnLink gets both users and stores that they are the same person; the plugin keeps no table. returnTo
// is the page to return to, as in [Auth.SignInURL].
//
// The URL works in this session only, or another site could add an account of an attacker to the user (cross-site
// request forgery). The error is [ErrUnauthenticated] if nobody is signed in, and [ErrUnknownProvider].
func (a *Auth) LinkURL(c *gin.Context, provider, returnTo string) (string, error) {
	if a.config.OnLink == nil {
		return "", errLinkOff
	}
	req := a.requestOf(c)
	s, err := req.ownSession(c)
	if err != nil {
		return "", err
	}
	rp := a.providers.only()
	if rp == nil {
		if rp, err = a.providers.named(req, provider); err != nil {
			return "", err
		}
	}
	if rp.responseMode().FormPost() {
		return "", errLinkFormPost
	}
	query := url.Values{
		providerParameter: {rp.settings.Name},
		linkParameter:     {a.links.seal.Seal(linkParameter+" "+rp.settings.Name, placeOf(s))},
	}
	return a.links.to(returnTo, query), nil
}

// readLink makes a sign-in one that links an account, if the request has a valid link of this session.
func (a *Auth) readLink(c *gin.Context, of *signInRequest, sealed string) error {
	if sealed == "" || of.rp == nil {
		return nil
	}
	s, err := a.requestOf(c).ownSession(c)
	if err != nil {
		return err
	}
	if text, ok := a.links.seal.Open(sealed, placeOf(s)); !ok || text != linkParameter+" "+of.rp.settings.Name {
		return fmt.Errorf("%w: the link is not of this session", errLinkRefused)
	}
	of.purpose.Link, of.purpose.Replaces, of.purpose.Replaced = true, s.ID, s.Subject
	of.app = url.Values{"prompt": {"login"}}
	return nil
}

// link hands the identity that the user has proven to the app, in the session that started the attempt. It starts no
// session and keeps no tokens.
func (e *exchange) link(req *request) error {
	s, err := e.auth.sessions.Load(req.http)
	if err == nil && s != nil {
		s, _, err = req.current(req.Context, s)
	}
	if err != nil {
		return translated(err)
	}
	if s == nil || s.ID != e.attempt.Replaces || s.Subject != e.attempt.Replaced {
		return fmt.Errorf("%w: the session that began to is over", errLinkRefused)
	}
	p, err := e.rp.redeem(req, e.code, e.attempt)
	if err != nil {
		return err
	}
	user := e.auth.userOf(s)
	if user.Issuer == p.user.Issuer && user.Subject == p.user.Subject {
		return fmt.Errorf("%w: both are the same", errLinkRefused)
	}
	if err := e.auth.config.OnLink(req, user, p.user); err != nil {
		return fmt.Errorf("%w: %w", errLinkRefused, err)
	}
	e.rp.emit(req, event{kind: eventLinked, subject: p.user.Subject, sid: p.sid})
	return nil
}
