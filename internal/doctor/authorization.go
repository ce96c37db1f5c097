package doctor

import (
	"net/http"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// authorization judges the authorization request, and the pushed one if there was one. A provider that knows the client
// and its redirect URI sends the browser back, with an error since nobody is signed in. A provider that does not must
// not (RFC 6749, section 4.1.2.1), and shows a page.
func (c *check) authorization() {
	if c.Pushed != nil && c.Pushed.Status != 201 {
		c.pushed()
		return
	}
	if c.Pushed != nil {
		c.ok("pushed_request", "the provider accepts pushed requests")
	}
	o := c.Authorization
	switch {
	case o.Outcome == provider.CameBack:
		c.cameBack()
	case o.Outcome == provider.WentOn && mentions(o.To, "error"):
		c.fail("redirect_uri_refused", c.redirectFix(), "the provider leads to an error page at %s", o.To)
	case o.Outcome == provider.WentOn:
		c.warn("authorization_unclear", "sign in to find out, with "+c.RedirectURL+" as a redirect URI of the client "+
			c.ClientID+" at the provider",
			"the provider leads on to %s, which is not followed: whether it knows the redirect URI is unclear", o.To)
	case o.Outcome == provider.ShownPage:
		c.page()
	default:
		c.warn("authorization_failed", tryAgain,
			"the authorization request was not answered: %s", failure(o.Reply))
	}
}

// cameBack judges an error that came back to the redirect URI.
func (c *check) cameBack() {
	o := c.Authorization
	switch {
	case o.Err != nil:
		c.fail("response_refused", "see docs/errors.md for the reason "+o.Err.Code,
			"the callback would refuse the provider's response: %v", o.Err.Err)
	case o.StateLost:
		c.fail("state_lost", "report it to the provider: no sign-in can succeed",
			"the provider's response lacks the state of the request")
	case silentRefusal(o.Code), o.Code == "":
		c.ok("redirect_uri", "the provider sends browsers back to %s", c.RedirectURL)
	default:
		c.refused(o.Reply)
	}
}

// silentRefusal reports whether an error only says that the user has to do something (OpenID Connect Core 1.0, section
// 3.1.2.6), or may have been caused by that.
func silentRefusal(code string) bool {
	switch code {
	case "login_required", "interaction_required", "consent_required", "account_selection_required", "access_denied":
		return true
	}
	return false
}

// refused judges an error of the authorization endpoint or of that for pushed requests.
func (c *check) refused(r provider.Reply) {
	answered := "the provider refuses the authorization request" + said(r)
	about := func(phrases ...string) bool { return mentions(r.Description, phrases...) }
	switch {
	case r.Code == "invalid_scope":
		c.fail("scope_refused", "correct "+c.Setting("Scopes")+", which is "+strings.Join(c.Scopes, " ")+
			", or allow these scopes for the client at the provider", "%s", answered)
	case r.Code == "unauthorized_client", r.Code == "unsupported_response_type":
		c.fail("flow_refused", "allow the authorization code flow (the standard flow) for the client at the provider",
			"%s", answered)
	case about("pkce", "code_challenge", "code challenge"):
		c.fail("pkce_refused", "let the client at the provider use PKCE with the method S256", "%s", answered)
	case about("pushed"):
		c.fail("par_required", c.pushFix(), "%s", answered)
	case r.Code == "server_error", r.Code == "temporarily_unavailable":
		c.warn("authorization_failed", tryAgain, "%s", answered)
	default:
		c.fail("request_refused", "compare what the client at the provider requires and allows with "+
			c.Setting("SignInParameters")+", "+c.Setting("ResponseMode")+" and "+c.Setting("SignRequests"), "%s", answered)
	}
}

// pushed judges the refusal of a pushed request, which says in one answer what else pages and redirects would (RFC
// 9126, section 2.3).
func (c *check) pushed() {
	r := *c.Pushed
	switch {
	case r.Status == 0, r.Status >= 500:
		c.warn("pushed_request_failed", tryAgain,
			"the pushed request was not answered: %s", failure(r))
	case refusesClient(r):
		if !refusesClient(c.Token) {
			c.fail("client_refused", c.clientFix(),
				"the provider does not accept the client for pushed requests: it answered %d%s", r.Status, said(r))
		}
	case mentions(r.Description, redirectPhrases()...):
		c.fail("redirect_uri_refused", c.redirectFix(), "the provider refuses the pushed request%s", said(r))
	default:
		c.refused(r)
	}
}

// page judges a page. With prompt=none it should be an error page, but some providers show their sign-in.
func (c *check) page() {
	o := c.Authorization
	shown := shortened(o.Text, maxPage)
	switch {
	case mentions(o.Text, redirectPhrases()...):
		c.fail("redirect_uri_refused", c.redirectFix(), "the provider shows an error page (%d): %q", o.Status, shown)
	case c.unknownClient():
		c.fail("client_unknown",
			"copy "+c.Setting("ClientID")+" from the provider again, and check that the client is enabled",
			"the provider shows an error page (%d): %q", o.Status, shown)
	case o.Status >= 500, o.Status == http.StatusTooManyRequests:
		c.warn("authorization_failed", tryAgain,
			"the provider shows an error page (%d): %q", o.Status, shown)
	case o.Status >= 400:
		c.fail("authorization_refused", "open a sign-in in a browser to see the whole page; in most cases the "+
			"provider does not know the client id, or the redirect URI: "+c.redirectFix(),
			"the provider shows an error page (%d): %q", o.Status, shown)
	case o.Form:
		c.ok("redirect_uri", "the provider shows its sign-in page")
	default:
		c.warn("authorization_unclear", "open a sign-in in a browser to see the page",
			"the provider shows a page that may be an error page: %q", shown)
	}
}

// unknownClient reports whether the page of the authorization endpoint says that there is no such client.
func (c *check) unknownClient() bool {
	return mentions(c.Authorization.Text, "client not found", "unknown client", "invalid client", "invalid_client",
		"client_id", "client disabled", "aadsts700016")
}

// redirectPhrases are what error pages call the redirect URI.
func redirectPhrases() []string {
	return []string{"redirect_uri", "redirect uri", "redirect url", "callback url", "reply url", "aadsts50011"}
}

// pushFix is for a provider that requires pushed requests.
func (c *check) pushFix() string {
	return "switch pushed authorization requests on with " + c.Setting("PushedAuthorization")
}

// redirectFix is for a provider that does not know the redirect URI.
func (c *check) redirectFix() string {
	return "register " + c.RedirectURL + " as a redirect URI of the client " + c.ClientID + " at the provider, exactly so"
}
