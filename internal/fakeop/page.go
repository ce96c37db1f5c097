package fakeop

import (
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
)

//go:embed pages.html
var pagesHTML string

func parsePages() (*template.Template, error) {
	pages, err := template.New("pages").Parse(pagesHTML)
	if err != nil {
		return nil, fmt.Errorf("test provider: pages: %w", err)
	}
	return pages, nil
}

// choice is one button of the log-in page.
type choice struct {
	User
	Initials string
	Hinted   bool
}

// logInPage shows one button for each user, beginning with the one that login_hint names.
func (p *Provider) logInPage(w http.ResponseWriter, r *http.Request, a *authorization) {
	p.mu.Lock()
	users := slices.Clone(p.users)
	p.mu.Unlock()
	var choices []choice
	for _, u := range users {
		c := choice{
			User: u, Initials: u.initials(), Hinted: a.loginHint != "" && (a.loginHint == u.Subject || a.loginHint == u.Email),
		}
		if c.Hinted {
			choices = slices.Insert(choices, 0, c)
			continue
		}
		choices = append(choices, c)
	}
	p.render(w, http.StatusOK, "log-in", map[string]any{
		"Action": p.path + string(Authorize) + "?" + p.pageQuery(r.Form, a),
		"Client": p.cfg.ClientID,
		"Users":  choices,
	})
}

// formPostPage carries the authorization response in a form (OAuth 2.0 Form Post Response Mode). Without JavaScript
// there is a button.
func (p *Provider) formPostPage(w http.ResponseWriter, action string, fields url.Values) {
	p.render(w, http.StatusOK, "form-post", map[string]any{"Action": action, "Fields": fields})
}

func (p *Provider) message(w http.ResponseWriter, status int, text string) {
	p.render(w, status, "message", text)
}

// render writes a page. There is no form-action in its policy: browsers apply that to redirects as well, and the form's
// response redirects to the app.
func (p *Provider) render(w http.ResponseWriter, status int, page string, data any) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "+
		"base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if err := p.pages.ExecuteTemplate(w, page, data); err != nil {
		p.log.Warn("page", "page", page, "error", err)
	}
}
