package pages

import (
	"bytes"
	_ "embed" // for the files
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed style.css
var style string

//go:embed page.html
var source string

// script removes the query and fragment from the address bar and the history (RFC 9700, section 4.3). On a page of the
// app they stay, so that a reload requests the same page. Without it everything else works the same.
const script = `history.replaceState(null,"",location.pathname)`

// renderer makes the HTML of pages, a template for each part. What does not depend on the request is rendered in
// advance, because a flood of denied requests should be cheap and templates are not.
type renderer struct {
	AppName string
	Logo    template.URL
	Style   template.CSS
	home    string // to which pages lead back
	parts   *template.Template
}

func newRenderer(s Settings) (*renderer, error) {
	logo, _ := imageSource(s.Logo)
	parts, err := template.New("page").Parse(source)
	if err != nil {
		return nil, templateError(err)
	}
	return &renderer{s.AppName, logo, template.CSS(style + s.Style), s.Home, parts}, nil
}

func templateError(err error) error { return fmt.Errorf("ginoidc: the template of pages: %w", err) }

// heading is what a page says at its top.
type heading struct {
	Title, Message string
	Invalid        bool // the message is about the form
}

// top is the data of its template.
type top struct {
	heading
	*renderer
}

// prepared are the parts of a language's pages that are rendered in advance.
type prepared struct {
	head  []byte
	tops  map[heading][]byte
	backs map[Link][]byte
}

// prepare renders in advance what the pages of a language have in common, and the parts with its texts.
func (r *renderer) prepare(l *Language) (err error) {
	l.head, err = r.bytes("head", struct {
		*Language
		Style template.CSS
	}{l, r.Style})
	l.tops, l.backs = map[heading][]byte{}, map[Link][]byte{}
	for key, title := range l.texts {
		if kind, ok := strings.CutSuffix(key, ".title"); ok && err == nil {
			h := heading{Title: title, Message: l.texts[kind+".text"]}
			l.tops[h], err = r.bytes("top", top{h, r})
		}
	}
	for _, text := range []string{r.backText(l), l.Text("sign_out.stay")} {
		if back := (Link{r.home, text}); err == nil {
			l.backs[back], err = r.bytes("back", back)
		}
	}
	return err
}

// backText returns the text of a link to the start page of the app.
func (r *renderer) backText(l *Language) string {
	if r.AppName == "" {
		return l.Text("link.back")
	}
	return l.With("link.back_to", r.AppName)
}

func (r *renderer) bytes(part string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := r.parts.ExecuteTemplate(&b, part, data); err != nil {
		return nil, templateError(err)
	}
	return b.Bytes(), nil
}

// render returns the HTML of a page.
func (r *renderer) render(l *Language, p *Page) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(len(l.head) + 1<<10)
	b.Write(l.head)
	h := heading{p.Title, p.Message, p.Invalid}
	w := partWriter{Writer: &b, parts: r.parts}
	w.prepared(l.tops[h], "top", func() any { return top{h, r} })
	if len(p.Choices) > 0 || p.Form != nil {
		w.part("choices", p)
	}
	if p.Link.URL != "" {
		w.part("link", p.Link)
	}
	b.WriteString("<footer>")
	if p.User != "" {
		b.WriteString("<p>" + template.HTMLEscapeString(p.User) + "</p>\n")
	}
	if p.Back.URL != "" {
		w.prepared(l.backs[p.Back], "back", func() any { return p.Back })
	}
	if p.Request != "" {
		b.WriteString("<small>" + template.HTMLEscapeString(p.Request) + "</small>\n")
	}
	b.WriteString("</footer></main>")
	if p.CutAddress {
		b.WriteString("<script>" + script + "</script>")
	}
	b.WriteString("</body></html>\n")
	return b.Bytes(), w.err
}

// partWriter writes parts until one fails.
type partWriter struct {
	io.Writer
	parts *template.Template
	err   error
}

func (w *partWriter) part(name string, data any) {
	if w.err == nil {
		if err := w.parts.ExecuteTemplate(w, name, data); err != nil {
			w.err = templateError(err)
		}
	}
}

// prepared writes a part that has been rendered in advance, or else renders it now.
func (w *partWriter) prepared(part []byte, name string, data func() any) {
	if part == nil {
		w.part(name, data())
	} else if w.err == nil {
		_, w.err = w.Write(part)
	}
}
