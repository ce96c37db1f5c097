package ginoidc

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
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

// signInRequest holds the authentication request parameters of a sign-in in addition to the configured ones, by origin.
type signInRequest struct {
	app  url.Values // from the app or a guard; sealed on the way through the browser
	link url.Values // from the link, which anyone can write
}

// readSignInRequest returns the return target of a sign-in, unchecked, and its authentication request parameters.
func (a *Auth) readSignInRequest(c *gin.Context) (target string, _ signInRequest, err error) {
	query := c.Request.URL.Query()
	if c.Request.Method == http.MethodPost || query.Has("iss") {
		return a.providers.ofRequest(c.Request).initiation(c)
	}
	ctx := c.Request.Context()
	of := signInRequest{link: linkParameters(a.log, ctx, query, map[string]func(string) bool{
		"prompt": promptPattern.MatchString, "login_hint": isHint, "max_age": provider.IsMaxAge,
		"acr_values": isHint, "ui_locales": isHint, "display": displayPattern.MatchString,
	}, "return_to", sealedParameters)}
	if sealed := query.Get(sealedParameters); sealed != "" {
		var ok bool
		if of.app, ok = a.unsealed(c, sealed); !ok { // forged, or sealed with an old secret: sign in without them
			logIgnored(a.log, ctx, "they do not open", sealedParameters)
		}
	}
	return query.Get("return_to"), of, nil
}

var (
	promptPattern  = regexp.MustCompile(`^(none|((login|consent|select_account|create)( |$))+)$`)
	displayPattern = regexp.MustCompile(`^(page|popup|touch|wap)$`)
)

// isHint reports whether s can be passed to a provider: short printable ASCII, without control characters.
func isHint(s string) bool { return s != "" && len(s) <= 256 && ascii.Printable(s) }

// linkParameters returns the allowed authentication request parameters (OpenID Connect Core 1.0, section 3.1.2.1) of a
// link, which anyone can write (case 4). others are the parameters of the route itself.
func linkParameters(
	log *slog.Logger, ctx context.Context, query url.Values, allowed map[string]func(string) bool, others ...string,
) url.Values {
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
	logIgnored(log, ctx, "their values are malformed", malformed...)
	logIgnored(log, ctx, "a link may not ask for them", unknown...)
	return params
}

// parameters merges the parameters of a sign-in with the configured ones. Those of the app take precedence over the
// configuration. A link only adds parameters that both leave open, or it could turn off a stronger sign-in. Of several
// values of max_age the smallest counts, whatever its origin.
func (rp *relyingParty) parameters(ctx context.Context, of signInRequest) url.Values {
	all := maps.Clone(rp.settings.SignInParameters)
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
	logIgnored(rp.log, ctx, "the app asks for something else", ignored...)
	return all
}

// tightens reports whether a max_age requires a more recent sign-in than params do.
func tightens(value string, params url.Values) bool {
	old := maxAge(params)
	return old < 0 || maxAge(url.Values{"max_age": {value}}) < old
}

// maxAge returns the max_age of params in seconds, or -1 if they have none.
func maxAge(params url.Values) int {
	n, err := strconv.Atoi(params.Get("max_age"))
	if err != nil {
		return -1
	}
	return n
}

// logIgnored logs the names of parameters that have no effect. Anyone can write a link, so it logs at debug, no values,
// which may be personal data, and a limited number of names.
func logIgnored(log *slog.Logger, ctx context.Context, why string, names ...string) {
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	for i := range names {
		names[i] = ascii.Clean(names[i], 64)
	}
	log.DebugContext(ctx, "ginoidc: sign-in parameters ignored", "why", why, "names", names[:min(len(names), 16)])
}

const (
	sealedParameters    = "with"
	maxSealedParameters = 1500 // bytes, so that the URL stays below the limits of proxies
)

// SignInURLWith is [Auth.SignInURL] for a sign-in with further parameters for the provider, such as prompt=create for a
// sign-up, resource (RFC 8707) or claims (OpenID Connect Core 1.0, section 5.5). They replace configured ones, except
// that a max_age only replaces a larger one. They are sealed into the URL, so anyone can use the URL but nobody can
// change it. It returns an error if params has a parameter of the plugin itself, such as scope or redirect_uri, or
// takes more than 1,500 bytes.
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

// ownSignInURL is SignInURL for a sign-in that a guard or page of the plugin itself requires. The parameters are in the
// query, as in any link. There, parameters that are configured otherwise would be ignored, so these are also sealed.
// The seal is bound to this session, or a user who is asked for a weaker sign-in could pass the URL on to others.
func (a *Auth) ownSignInURL(c *gin.Context, returnTo string, params url.Values) string {
	query, sealed := maps.Clone(params), url.Values{}
	configured := a.providers.ofRequest(c.Request).settings.SignInParameters
	for name, values := range params {
		if name != "max_age" && configured.Has(name) {
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

// unsealed opens parameters that SignInURLWith or ownSignInURL sealed.
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

// ofSession returns the associated data that binds a sealed text to this session.
func ofSession(s *session.Session) string { return hex.EncodeToString(s.ID[:]) }
