// Package signin is about requests to the sign-in route: the links that lead there, with sealed parameters where nobody
// else may ask for them, what any link may ask for, logins that a third party initiates, the provider that a request
// leads to, the attempt that it starts, and browsers that lose the session cookie.
package signin

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"

	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// ErrParameters means that the parameters of the app do not fit in a link.
var ErrParameters = errors.New("ginoidc: sign-in parameters")

// Query parameters of the route.
const (
	SealedParameter = "with"
	LinkParameter   = "link" // makes it a sign-in that adds an account
)

const maxSealed = 1500 // bytes, so that the URL stays below the limits of proxies

// Links makes links to the sign-in route, and opens what is sealed in them. Anyone can write a link, so parameters that
// may weaken a sign-in count only if they are sealed.
type Links struct {
	Route string
	Seal  *sealed.Text
}

// OwnSession returns the session of the user to whom a text is sealed.
type OwnSession func() (*session.Session, error)

// To returns a link with a return target, unless it is "", and with these parameters in the query.
func (l Links) To(returnTo string, query url.Values) string {
	if returnTo != "" {
		query.Set("return_to", returnTo)
	}
	if len(query) == 0 {
		return l.Route
	}
	return l.Route + "?" + query.Encode()
}

// With returns a link with sealed parameters, which anyone may use.
func (l Links) With(returnTo string, params url.Values) (string, error) {
	text := params.Encode()
	if len(text) > maxSealed {
		return "", fmt.Errorf("%w: %d bytes, at most %d fit in a URL", ErrParameters, len(text), maxSealed)
	}
	return l.To(returnTo, url.Values{SealedParameter: {l.Seal.Seal(text, "")}}), nil
}

// Required returns a link for a sign-in that a guard or page of the plugin itself requires. The parameters are in the
// query, as in any link. There, parameters that are configured otherwise would be ignored, so these are also sealed.
// The seal is bound to this session, or a user who is asked for a weaker sign-in could pass the URL on to others.
func (l Links) Required(returnTo string, params, configured url.Values, own OwnSession) string {
	query, kept := maps.Clone(params), url.Values{}
	for name, values := range params {
		if name != "max_age" && configured.Has(name) { // of several values of max_age the smallest counts anyway
			kept[name] = values
		}
	}
	if len(kept) > 0 {
		if s, err := own(); err == nil {
			query.Set(SealedParameter, l.Seal.Seal(kept.Encode(), placeOf(s)))
		}
	}
	return l.To(returnTo, query)
}

// Open returns the sealed parameters of a link that With or Required made, the latter for this session.
func (l Links) Open(text string, own OwnSession) (url.Values, bool) {
	opened, ok := l.Seal.Open(text, "")
	if !ok {
		if s, err := own(); err == nil {
			opened, ok = l.Seal.Open(text, placeOf(s))
		}
	}
	if !ok {
		return nil, false
	}
	params, err := url.ParseQuery(opened)
	return params, err == nil
}

// Linking returns the value of LinkParameter for a sign-in with a provider that adds an account to the user of s. It is
// of no use in another session: another site could add an account of an attacker to the user (cross-site request
// forgery).
func (l Links) Linking(s *session.Session, provider string) string {
	return l.Seal.Seal(LinkParameter+" "+provider, placeOf(s))
}

// Links reports whether text is what Linking returned for this session and provider.
func (l Links) Links(s *session.Session, provider, text string) bool {
	opened, _ := l.Seal.Open(text, placeOf(s)) // "" if it does not open
	return opened == LinkParameter+" "+provider
}

// placeOf returns the place to which a text is sealed for one session only.
func placeOf(s *session.Session) string { return hex.EncodeToString(s.ID[:]) }
