package ginoidc

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// signInMethods: a third party may initiate a sign-in by a form too.
func (a *core) signInMethods() []string {
	if a.config.InitiateLogin {
		return []string{http.MethodGet, http.MethodPost}
	}
	return []string{http.MethodGet}
}

// initiation reads a login initiation request (OpenID Connect Core 1.0, section 4): where the provider, or a portal of
// its, sends the user to be signed in here. Only our issuer's may be asked for, and target_link_uri passes the rule of
// return targets, or the route would be an open redirector (case 17).
func (a *Auth) initiation(c *gin.Context) (target string, _ asked, err error) {
	if !a.config.InitiateLogin {
		return "", asked{}, ErrInitiationOff
	}
	form := c.Request.URL.Query()
	if c.Request.Method == http.MethodPost {
		if form, err = web.ReadForm(c.Writer, c.Request); err != nil {
			return "", asked{}, fmt.Errorf("%w: %w", ErrInvalidInitiation, err)
		}
	}
	for _, name := range []string{"iss", "login_hint", "target_link_uri"} {
		if len(form[name]) > 1 {
			return "", asked{}, fmt.Errorf("%w: repeated %s", ErrInvalidInitiation, name)
		}
	}
	if form.Get("iss") != a.issuer {
		return "", asked{}, fmt.Errorf("%w: iss is not the configured issuer", ErrInvalidInitiation)
	}
	hint := a.linkParameters(c.Request.Context(), form, map[string]func(string) bool{"login_hint": isHint}, "iss", "target_link_uri")
	return form.Get("target_link_uri"), asked{link: hint}, nil
}
