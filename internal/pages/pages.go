// Package pages has the plugin's own pages: their texts in several languages, their design, and how they are sent. It
// knows nothing of users and sessions, and of errors only the codes.
package pages

import (
	"cmp"
	"net/http"

	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// Settings are what an app can change about the pages.
type Settings struct {
	AppName   string
	Logo      string                       // the address of an image
	Style     string                       // CSS after that of the plugin
	Languages []string                     // the default first; none for those with texts
	Texts     map[string]map[string]string // by language and key
	Home      string                       // the path of the app to which pages lead back
}

// Page is one page. All texts are in its language, and plain: what is HTML in them is escaped.
type Page struct {
	Title, Message string
	Choices        []Choice
	Form           *Form
	Link, Back     Link   // to where the user can go on, and back
	User, Request  string // who is signed in, and what to look up in the log; "" for neither
	CutAddress     bool   // the address may hold an authorization code
	Invalid        bool   // Message is about the address in the form, which is not accepted
}

// Choice is one of several links of the same rank.
type Choice struct{ Label, URL, Note string }

// Link is a link, or none if it has no address.
type Link struct{ URL, Text string }

// Form is a form with a button, hidden fields and, unless Label is "", a field for an e-mail address.
type Form struct {
	Action, Button string
	Hidden         []Field
	Label, Email   string
}

// Field is a hidden field of a form.
type Field struct{ Name, Value string }

// Many reports whether the choices need more room than one column.
func (p *Page) Many() bool { return len(p.Choices) > 6 }

// Called returns how pages call a user: by the name and the e-mail address, as far as they are known. A subject means
// nothing to people.
func Called(name, preferredUsername, email string) string {
	called := cmp.Or(name, preferredUsername)
	switch {
	case called == "":
		return email
	case email == "" || email == name:
		return called
	}
	return called + " (" + email + ")"
}

// Set has the pages of an app.
type Set struct {
	languages []*Language // the default first
	english   *Language   // as the plugin has it
	renderer  *renderer
	policy    string
}

// New returns the pages of an app. The settings are those that Check accepts. missing has, for each language, the
// keys of the texts that the app has left in English.
func New(s Settings) (set *Set, missing map[string][]string, err error) {
	_, sources := imageSource(s.Logo)
	r, err := newRenderer(s)
	if err != nil {
		return nil, nil, err
	}
	set = &Set{
		renderer: r, english: newLanguage(English, Texts(English)),
		// There is no form-action, because browsers apply it to the redirect to the provider after the sign-out form too.
		policy: "default-src 'none'; style-src " + web.SourceHash(style+s.Style) + "; script-src " + web.SourceHash(script) +
			sources + "; base-uri 'none'; frame-ancestors 'none'",
	}
	missing = map[string][]string{}
	for _, tag := range s.languages() {
		texts, lacks := textsIn(tag, s.Texts)
		if len(lacks) > 0 {
			missing[tag] = lacks
		}
		l := newLanguage(tag, texts)
		if err := r.prepare(l); err != nil {
			return nil, nil, err
		}
		set.languages = append(set.languages, l)
	}
	return set, missing, nil
}

// English returns the plugin's own texts, for responses that are not pages.
func (s *Set) English() *Language { return s.english }

// Back returns the link to the start page of the app.
func (s *Set) Back(l *Language) Link { return Link{s.renderer.home, s.renderer.backText(l)} }

// Headers sets the headers of a page, which an app may write itself: it is not stored and not framed, and sends no
// referrer. next is the address that the browser opens by itself, or "".
func (s *Set) Headers(h http.Header, l *Language, next string) {
	web.SecureHeaders(h)
	h.Set("Content-Security-Policy", "base-uri 'none'; frame-ancestors 'none'")
	h.Set("Content-Language", l.Tag)
	if len(s.languages) > 1 {
		h.Add("Vary", "Accept-Language")
	}
	if next != "" {
		h.Set("Refresh", "0;url="+next) // HTML Standard, section 4.2.5.3: as a meta element would, without any script
	}
}

// Write responds with a page, after Headers. An error means that the client disconnected.
func (s *Set) Write(w http.ResponseWriter, l *Language, status int, p *Page) error {
	body, err := s.renderer.render(l, p)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", s.policy)
	w.WriteHeader(status)
	_, err = w.Write(body)
	return err
}
