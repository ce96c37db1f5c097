package provider

import (
	"context"
	"html"
	"net/url"
	"regexp"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/ascii"
)

const (
	maxVisible   = 2 << 10 // bytes of a page's text
	maxErrorCode = 64
)

// Reply is the answer to a request of a [Probe].
type Reply struct {
	Status      int    // 0 if there was none
	Err         *Error // why there is none, or why it is of no use
	Code        string // the error of an OAuth 2.0 error response, "" if it is none
	Description string // its description
}

// Outcomes of a request that a browser makes.
const (
	CameBack  = "came back" // to the redirect URI
	WentOn    = "went on"   // to another page, of the provider or elsewhere
	ShownPage = "page"
)

// BrowserOutcome is where an authorization or sign-out request ended. Reply has the error that came back to the
// redirect URI.
type BrowserOutcome struct {
	Reply
	Outcome string // "" if there was no answer
	To      string // the address of WentOn, without its query
	Text    string // the visible text of ShownPage
	Form    bool   // ShownPage has a form to fill in

	StateLost bool // CameBack without the state of the request
}

// replyOf reads the answer of an endpoint that authenticates clients. secrets must not be quoted.
func (p *Provider) replyOf(a *answer, err error, secrets ...string) Reply {
	if a == nil {
		return Reply{Err: asError(opToken, err)}
	}
	reply := Reply{Status: a.status, Err: asError(opToken, err)}
	object, _ := decodeObject(a.body, maxBody)
	code, _ := object["error"].(string)
	description, _ := object["error_description"].(string)
	reply.setError(code, redact(description, append(secrets, p.clientSecret)))
	return reply
}

// setError keeps what an error response says.
func (r *Reply) setError(code, description string) {
	if code != "" && len(code) <= maxErrorCode && ascii.Printable(code) {
		r.Code, r.Description = code, cut(description)
	}
}

// outcomeOf reads the answer to an authorization request with a state.
func (p *Provider) outcomeOf(ctx context.Context, a *answer, err error, state string) BrowserOutcome {
	o, params := pageOf(a, err, p.redirectURL)
	if o.Outcome == CameBack {
		o.Err = asError(opAuthorization, p.readParameters(ctx, &o, params, state))
	}
	return o
}

// pageOf reads where an answer leads a browser, and the parameters of [CameBack].
func pageOf(a *answer, err error, back string) (o BrowserOutcome, params url.Values) {
	if a == nil {
		o.Err = asError(opAuthorization, err)
		return o, nil
	}
	o.Status = a.status
	read := o.readPage
	if a.status >= 300 && a.status < 400 {
		read = o.readRedirect
	}
	if params = read(a, back); params != nil {
		o.Outcome = CameBack
	}
	return o, params
}

// readRedirect returns the parameters of the response, or nil if the redirect leads elsewhere. It is not followed.
func (o *BrowserOutcome) readRedirect(a *answer, redirectURL string) url.Values {
	o.Outcome = WentOn
	location, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		o.To = cut(a.header.Get("Location"))
		return nil
	}
	query := location.Query()
	location.RawQuery, location.Fragment, location.User = "", "", nil
	if location.String() == redirectURL {
		return query
	}
	o.To = cut(location.String())
	return nil
}

var (
	invisiblePattern = regexp.MustCompile(`(?is)<(?:script|style|head|template)\b.*?</(?:script|style|head|template)\s*>` +
		`|<!--.*?-->`)
	tagPattern       = regexp.MustCompile(`(?s)<[^>]*>`)
	formPattern      = regexp.MustCompile(`(?i)<form\b[^>]*>`)
	inputPattern     = regexp.MustCompile(`(?i)<input\b[^>]*>`)
	attributePattern = regexp.MustCompile(`(?i)\b(name|value|action)\s*=\s*(?:"([^"]*)"|'([^']*)')`)
)

// readPage returns the fields of a form that a browser would post to the redirect URI (OAuth 2.0 Form Post Response
// Mode), or nil for a page for people. It is a reader for a diagnosis and not for a decision about a user, so it does
// without a parser of HTML.
func (o *BrowserOutcome) readPage(a *answer, redirectURL string) url.Values {
	page := string(a.body)
	if form := formPattern.FindString(page); form != "" {
		if attributes(form)["action"] == redirectURL {
			fields := url.Values{}
			for _, input := range inputPattern.FindAllString(page, -1) {
				field := attributes(input)
				fields.Set(field["name"], field["value"])
			}
			return fields
		}
		o.Form = true
	}
	o.Outcome = ShownPage
	text := tagPattern.ReplaceAllString(invisiblePattern.ReplaceAllString(page, " "), " ")
	text = strings.ToValidUTF8(strings.Join(strings.Fields(html.UnescapeString(text)), " "), "?")
	o.Text = text[:min(len(text), maxVisible)]
	return nil
}

func attributes(tag string) map[string]string {
	found := map[string]string{}
	for _, m := range attributePattern.FindAllStringSubmatch(tag, -1) {
		found[strings.ToLower(m[1])] = html.UnescapeString(m[2] + m[3])
	}
	return found
}

// readParameters reads an authorization response as the callback does. The error says why that would refuse it.
func (p *Provider) readParameters(ctx context.Context, o *BrowserOutcome, params url.Values, state string) error {
	if strings.HasSuffix(p.responseMode, ResponseModeJWT) {
		signed, err := p.ReadResponse(params.Get("response"))
		if err != nil {
			return err
		}
		if err := p.VerifyResponse(ctx, signed); err != nil {
			return err
		}
		params = signed.Params
	}
	o.setError(params.Get("error"), params.Get("error_description"))
	o.StateLost = params.Get("state") != state
	return p.CheckResponseIssuer(ctx, params.Get("iss"), params.Has("iss"))
}
