package outcome

import "github.com/seed-d65cea4d/ginoidc/internal/pages"

// Explanation is what a response tells a person about an error: plain text without that of the request or the provider,
// and where to go next.
type Explanation struct{ Title, Message, Link, LinkText string }

// Facts are what an explanation depends on, next to the error.
type Facts struct {
	Cancelled bool   // the user cancelled the sign-in: see Cancelled
	Posted    bool   // the request is a form that a person has sent
	Wanted    string // the page that the user is on the way to, or ""
	SignIn    string // the path of the sign-in route with what the error requires
	Home      string // where pages link that offer nothing else
}

// Explain returns the texts about err, which has the outcome, and the link that the default page offers.
func (o Outcome) Explain(err error, l *pages.Language, f Facts) Explanation {
	texts := o.texts(err, f.Cancelled)
	e := Explanation{Title: l.Text(texts + ".title"), Message: l.Text(texts + ".text"), LinkText: l.Text(o.Link)}
	if f.Posted && o.Err == ErrUnauthenticated { // their session ended before they sent the form
		e.Message += " " + l.Text("form_not_processed")
	}
	switch o.Link {
	case LinkRetry:
		e.Link = f.Wanted
	case LinkSignIn, LinkAgain, LinkOther:
		e.Link = f.SignIn
	}
	if e.Link == "" {
		e.Link, e.LinkText = f.Home, l.Text(LinkContinue)
	}
	return e
}

// Body is the body of the default JSON response.
type Body struct {
	Code      string `json:"error"`
	Message   string `json:"message"`
	RequestID string `json:"request_id,omitempty"`
	SignInURL string `json:"sign_in_url,omitempty"`
}
