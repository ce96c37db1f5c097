package ginoidc

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/ascii"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// signInRequest is what a sign-in asks the provider for beside what is configured, by who asks.
type signInRequest struct {
	app  url.Values // the app's code, or a guard: in sealed form where it came through the browser
	link url.Values // whoever wrote the link
}

// readSignInRequest returns where a sign-in is to end, unchecked, and what it is to ask the provider for.
func (a *Auth) readSignInRequest(c *gin.Context) (target string, _ signInRequest, err error) {
	query := c.Request.URL.Query()
	if c.Request.Method == http.MethodPost || query.Has("iss") {
		return a.initiation(c)
	}
	ctx := c.Request.Context()
	of := signInRequest{link: a.linkParameters(ctx, query, map[string]func(string) bool{
		"prompt": promptPattern.MatchString, "login_hint": isHint, "max_age": provider.IsMaxAge,
		"acr_values": isHint, "ui_locales": isHint, "display": displayPattern.MatchString,
	}, "return_to", sealedParameters)}
	if sealed := query.Get(sealedParameters); sealed != "" {
		var ok bool
		if of.app, ok = a.unsealed(c, sealed); !ok { // of an older secret, or made up: a sign-in without them is an ordinary one
			a.logIgnored(ctx, "they do not open", sealedParameters)
		}
	}
	return query.Get("return_to"), of, nil
}

var (
	promptPattern  = regexp.MustCompile(`^(none|((login|consent|select_account|create)( |$))+)$`)
	displayPattern = regexp.MustCompile(`^(page|popup|touch|wap)$`)
)

// isHint accepts what a provider can be given as it is.
func isHint(s string) bool { return s != "" && len(s) <= 256 && ascii.Printable(s) }

// linkParameters picks the authentication request parameters that are allowed (OpenID Connect Core 1.0, section 3.1.2.1)
// out of what anybody can write (case 4). others are what the route itself takes.
func (a *core) linkParameters(ctx context.Context, query url.Values, allowed map[string]func(string) bool, others ...string) url.Values {
	params := url.Values{}
	var unknown, malformed []string
	for name := range query {
		value, wellFormed := query.Get(name), allowed[name]
		switch {
		case wellFormed != nil && wellFormed(value):
			params.Set(name, value)
		case wellFormed != nil:
			malformed = append(malformed, name)
		case !slices.Contains(others, name):
			unknown = append(unknown, name)
		}
	}
	a.logIgnored(ctx, "their values are malformed", malformed...)
	a.logIgnored(ctx, "a link may not ask for them", unknown...)
	return params
}

// parameters joins what a sign-in asks for with what is configured. The app's code goes before the configuration. A link
// fills what both leave open, or a stronger sign-in could be switched off by one. Of the max_age that is configured and the
// one that is asked for the smaller counts, whoever asks.
func (a *core) parameters(ctx context.Context, of signInRequest) url.Values {
	all := maps.Clone(a.config.idp().SignInParameters)
	var ignored []string
	for name, values := range of.app {
		if name != "max_age" || tightens(values[0], all) {
			all[name] = values
		}
	}
	for name, values := range of.link {
		switch {
		case !all.Has(name), name == "max_age" && !of.app.Has(name) && tightens(values[0], all):
			all[name] = values
		case all.Get(name) != values[0]:
			ignored = append(ignored, name)
		}
	}
	a.logIgnored(ctx, "the app asks for something else", ignored...)
	return all
}

// tightens tells whether a max_age wants a newer sign-in than params do.
func tightens(value string, params url.Values) bool {
	old := maxAge(params)
	return old < 0 || maxAge(url.Values{"max_age": {value}}) < old
}

// maxAge is the number of seconds that params ask for, -1 where they do not.
func maxAge(params url.Values) int {
	n, err := strconv.Atoi(params.Get("max_age"))
	if err != nil {
		return -1
	}
	return n
}

// logIgnored names parameters of a link that have no effect. Their values may be personal and their names anything, so it
// is at debug, without the former and with few of the latter.
func (a *core) logIgnored(ctx context.Context, why string, names ...string) {
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	for i := range names {
		names[i] = ascii.Clean(names[i], 64)
	}
	a.log.DebugContext(ctx, "ginoidc: sign-in parameters ignored", "why", why, "names", names[:min(len(names), 16)])
}

const (
	sealedParameters    = "with"
	maxSealedParameters = 1500 // bytes, so that the URL stays below what proxies take
)

// SignInURLWith is SignInURL for a sign-in that asks the provider for more, such as prompt=create for a sign-up, one or
// more resource (RFC 8707) or claims (OpenID Connect Core 1.0, section 5.5). They replace those that are configured, but a
// max_age only if it is smaller. The parameters are sealed into the URL: who has it can use it and not change it. An error
// if they repeat one of the plugin's own, such as scope or redirect_uri, or take more than 1,500 bytes.
func (a *Auth) SignInURLWith(returnTo string, params url.Values) (string, error) {
	if err := provider.CheckParameters(params); err != nil {
		return "", fmt.Errorf("%w: %w", errParameters, err)
	}
	text := params.Encode()
	if len(text) > maxSealedParameters {
		return "", fmt.Errorf("%w: %d bytes, at most %d fit in a URL", errParameters, len(text), maxSealedParameters)
	}
	query := url.Values{sealedParameters: {a.seals.parameters.Seal(text, "")}}
	if returnTo != "" {
		query.Set("return_to", returnTo)
	}
	return a.routes.signIn + "?" + query.Encode(), nil
}

// ownSignInURL is SignInURL for a sign-in that a guard or page of the plugin itself asks for. The parameters stand in the
// query, where a link may have them too. Those that are configured otherwise would be ignored there: they are sealed beside
// it, for this session alone, or whoever is asked for a weaker class of sign-in could make a link of it for others.
func (a *Auth) ownSignInURL(c *gin.Context, returnTo string, params url.Values) string {
	query, sealed := maps.Clone(params), url.Values{}
	for name, values := range params {
		if name != "max_age" && a.config.idp().SignInParameters.Has(name) {
			sealed[name] = values
		}
	}
	if len(sealed) > 0 {
		if s, err := a.requestOf(c).ownSession(c); err == nil {
			query.Set(sealedParameters, a.seals.parameters.Seal(sealed.Encode(), ofSession(s)))
		}
	}
	if returnTo != "" {
		query.Set("return_to", returnTo)
	}
	if len(query) == 0 {
		return a.routes.signIn
	}
	return a.routes.signIn + "?" + query.Encode()
}

// unsealed opens what SignInURLWith or ownSignInURL sealed.
func (a *Auth) unsealed(c *gin.Context, sealed string) (url.Values, bool) {
	text, ok := a.seals.parameters.Open(sealed, "")
	if !ok {
		if s, err := a.requestOf(c).ownSession(c); err == nil {
			text, ok = a.seals.parameters.Open(sealed, ofSession(s))
		}
	}
	if !ok {
		return nil, false
	}
	params, err := url.ParseQuery(text)
	return params, err == nil
}

// ofSession is the place of texts that are valid with this session only.
func ofSession(s *session.Session) string { return hex.EncodeToString(s.ID[:]) }
