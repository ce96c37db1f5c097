package signin

import (
	"context"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/ascii"
	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/returnto"
)

const (
	returnParameter   = "return_to"
	rememberParameter = "remember" // the user asks to stay signed in
	targetParameter   = "target_link_uri"
)

// Request is what a sign-in is for, and its authentication request parameters in addition to the configured ones, by
// origin.
type Request struct {
	Purpose attempt.Purpose // its return target is always acceptable
	App     url.Values      // from the app or a guard; sealed on the way through the browser
	Link    url.Values      // from the link, which anyone can write
	Address string          // the e-mail address that the user has entered
	Chosen  Chosen          // what leads to the provider
	sealed  string          // App as it came
}

// Kept returns the parameters of the request with which the user chooses a provider.
func (of *Request) Kept() url.Values {
	kept := maps.Clone(of.Link)
	kept.Set(returnParameter, of.Purpose.ReturnTo)
	if of.sealed != "" {
		kept.Set(SealedParameter, of.sealed)
	}
	if of.Purpose.Remember {
		kept.Set(rememberParameter, "true")
	}
	if of.Address != "" { // the form has it
		kept.Del("login_hint")
	}
	return kept
}

// Reader reads requests to the sign-in route. Anyone can write a link there, so a link may only choose among what does
// not weaken a sign-in: what the app requires is configured, or sealed into the link by the app or a guard.
type Reader struct {
	Links   Links
	Choice  Choice
	Targets returnto.Rule
	Home    string       // the return target if the request names no other
	Linking bool         // accounts can be linked
	Log     *slog.Logger // what has no effect, at debug: anyone can write a link
}

// Read reads what a request says before it is known which provider it is about. form is the query, or the form if it
// was posted. The result has no Link yet.
func (rd *Reader) Read(ctx context.Context, form url.Values, posted bool, own OwnSession) Request {
	of := Request{sealed: form.Get(SealedParameter)}
	of.Purpose.ReturnTo = rd.target(ctx, form.Get(returnParameter))
	of.Purpose.Remember = form.Get(rememberParameter) == "true"
	if of.sealed != "" {
		var ok bool
		if of.App, ok = rd.Links.Open(of.sealed, own); !ok { // forged, or sealed with an old secret: do without
			rd.LogIgnored(ctx, "they do not open", SealedParameter)
		}
	}
	if !rd.Choice.Several {
		return of
	}
	if name := of.App.Get(ProviderParameter); name != "" { // it outranks what anyone can write
		delete(of.App, ProviderParameter)
		of.Chosen.Name = name
		return of
	}
	if posted && form.Has(EmailParameter) {
		of.Address = strings.TrimSpace(form.Get(EmailParameter))
		of.Chosen = rd.Choice.forAddress(of.Address)
		return of
	}
	of.Chosen = rd.Choice.forLink(form)
	return of
}

// Initiated reports whether a third party initiates the sign-in (OpenID Connect Core 1.0, section 4). The only other
// form that is posted to the route is that of the selection page.
func Initiated(form url.Values, posted bool) bool {
	return form.Has(issuerParameter) || posted && !form.Has(EmailParameter)
}

// ReadInitiated completes the request of a third party. Its return target is checked as that of every link.
func (rd *Reader) ReadInitiated(ctx context.Context, of *Request, form url.Values) {
	of.Link = rd.readLink(ctx, provider.InitiationLink(), form, issuerParameter, targetParameter)
	of.Purpose.ReturnTo = rd.target(ctx, form.Get(targetParameter))
}

// ReadLink completes any other request.
func (rd *Reader) ReadLink(ctx context.Context, of *Request, form url.Values) {
	own := []string{returnParameter, rememberParameter, SealedParameter}
	if rd.Linking {
		own = append(own, LinkParameter, ProviderParameter)
	}
	if rd.Choice.Several {
		own = append(own, ProviderParameter, EmailParameter)
	}
	of.Link = rd.readLink(ctx, provider.SignInLink(), form, own...)
	if provider.IsHint(of.Address) {
		of.Link.Set("login_hint", of.Address)
	}
}

// target returns a return target if it is acceptable, and otherwise the default. A link with another one still signs
// the user in, but leads to no site of an attacker (open redirector, RFC 9700, section 4.11).
func (rd *Reader) target(ctx context.Context, target string) string {
	if rd.Targets.Accept(target) {
		return target
	}
	if target != "" {
		rd.Log.DebugContext(ctx, "ginoidc: return target ignored: it is not acceptable")
	}
	return rd.Home
}

// readLink returns those parameters of a link that may be passed on, and logs the others. own are those of the route.
func (rd *Reader) readLink(ctx context.Context, rules provider.LinkRules, link url.Values, own ...string) url.Values {
	params, malformed, unknown := rules.Read(link, own...)
	rd.LogIgnored(ctx, "their values are malformed", malformed...)
	rd.LogIgnored(ctx, "a link may not ask for them", unknown...)
	return params
}

// LogIgnored logs the names of parameters that have no effect. Anyone can write a link, so it logs no values, which may
// be personal data, and a limited number of names.
func (rd *Reader) LogIgnored(ctx context.Context, why string, names ...string) {
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	for i := range names {
		names[i] = ascii.Clean(names[i], 64)
	}
	rd.Log.DebugContext(ctx, "ginoidc: sign-in parameters ignored", "why", why, "names", names[:min(len(names), 16)])
}
