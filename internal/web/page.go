package web

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
)

// Page is one of the plugin's own small pages. Every text is the plugin's. The only part that comes from the request is
// an accepted return target.
type Page struct {
	Title, Message, RequestID string
	Link, LinkText            string // a link, or
	Post, PostText            string // a button that posts
	Referrer                  string // Referrer-Policy, default no-referrer
	CutAddress                bool   // the address may hold an authorization code
	Next                      string // address that the browser opens by itself
}

const pageStyle = `body{font:16px/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;` +
	`place-items:center;background:#f4f5f7;color:#1c2330}
main{background:#fff;max-width:26rem;margin:1rem;padding:2rem;border-radius:12px;box-shadow:0 1px 4px #0002}
h1{font-size:1.3rem;margin:0 0 .5rem}a,button{display:inline-block;margin-top:1rem;padding:.5rem 1rem;border:0;` +
	`border-radius:8px;background:#1c4fd8;color:#fff;font:inherit;text-decoration:none;cursor:pointer}
small{display:block;margin-top:1.5rem;color:#667}`

// pageScript removes the query and fragment from the address bar and the history (RFC 9700, section 4.3). On a
// page of the app they stay, so that a reload requests the same page.
const pageScript = `history.replaceState(null,"",location.pathname)`

var pageTemplate = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Title}}</title>
<style>` + pageStyle + `</style></head><body><main><h1>{{.Title}}</h1><p>{{.Message}}</p>
{{with .Link}}<a href="{{.}}">{{$.LinkText}}</a>{{end}}
{{with .Post}}<form method="post" action="{{.}}"><button>{{$.PostText}}</button></form>{{end}}
{{with .RequestID}}<small>Request {{.}}</small>{{end}}
</main>{{if .CutAddress}}<script>` + pageScript + `</script>{{end}}</body></html>
`))

// pagePolicy is the Content-Security-Policy of the pages: only their own style and script. There is no form-action,
// because browsers apply it to the redirect to the provider after the sign-out form too.
var pagePolicy = "default-src 'none'; style-src " + sourceHash(pageStyle) + "; script-src " + sourceHash(pageScript) +
	"; base-uri 'none'; frame-ancestors 'none'"

func sourceHash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// WritePage responds with p, which cannot be framed and sends no referrer. An error means that the client disconnected.
func WritePage(w http.ResponseWriter, status int, p Page) error {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	SecureHeaders(h)
	if p.Referrer != "" {
		h.Set("Referrer-Policy", p.Referrer)
	}
	if p.Next != "" {
		h.Set("Refresh", "0;url="+p.Next) // HTML Standard, section 4.2.5.3: as a meta element would, without any script
	}
	w.WriteHeader(status)
	return pageTemplate.Execute(w, p)
}
