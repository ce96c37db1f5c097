package pages

import (
	"bytes"
	_ "embed" // for the files
	"fmt"
	"html/template"
	"strings"
)

//go:embed style.css
var style string

//go:embed page.html
var source string

// script removes the query and fragment from the address bar and the history (RFC 9700, section 4.3). On a page
// of the app they stay, so that a reload requests the same page. Without it everything else works the same.
const script = `history.replaceState(null,"",location.pathname)`

// renderer makes the HTML of pages, in three parts: the head of a language, the top with title and message, and the
// rest. What does not depend on the request is rendered in advance, because a flood of denied requests should be cheap
// and templates are not.
type renderer struct {
	AppName string
	Logo    template.URL
	Style   template.CSS

	head, top, rest *template.Template
}

func newRenderer(appName string, logo template.URL, style string) (renderer, error) {
	t, err := template.New("page").Parse(source)
	if err != nil {
		return renderer{}, templateError(err)
	}
	return renderer{appName, logo, template.CSS(style), t.Lookup("head"), t.Lookup("top"), t.Lookup("rest")}, nil
}

func templateError(err error) error { return fmt.Errorf("ginoidc: the template of pages: %w", err) }

// heading is what a page says at its top.
type heading struct {
	Title, Message string
	Invalid        bool // the message is about the form
}

// prepare renders in advance what the pages of a language have in common, and the top of each error page.
func (r *renderer) prepare(l *Language) (err error) {
	if l.head, err = execute(r.head, struct {
		*Language
		Style template.CSS
	}{l, r.Style}); err != nil {
		return err
	}
	l.tops = map[heading][]byte{}
	for key, title := range l.texts {
		if code, ok := strings.CutSuffix(key, ".title"); ok {
			h := heading{Title: title, Message: l.texts[code+".text"]}
			if l.tops[h], err = r.renderTop(h); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *renderer) renderTop(h heading) ([]byte, error) {
	return execute(r.top, struct {
		heading
		*renderer
	}{h, r})
}

// render returns the HTML of a page.
func (r *renderer) render(l *Language, p *Page) ([]byte, error) {
	h := heading{p.Title, p.Message, p.Invalid}
	top, ok := l.tops[h]
	if !ok {
		var err error
		if top, err = r.renderTop(h); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	b.Grow(len(l.head) + len(top) + 1<<10)
	b.Write(l.head)
	b.Write(top)
	if err := r.rest.Execute(&b, p); err != nil {
		return nil, templateError(err)
	}
	return b.Bytes(), nil
}

func execute(t *template.Template, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return nil, templateError(err)
	}
	return b.Bytes(), nil
}
