package web

import (
	"html/template"
	"net/http"
)

// Choice is the page on which a user chooses how to sign in. It needs no script.
type Choice struct {
	Message string // "" for none
	Options []Option
	// Action is where the form with the e-mail address and the hidden fields is posted; "" for no form.
	Action, Email string
	Hidden        []Field
}

// Option is one way to sign in.
type Option struct {
	Label, URL string
	Last       bool // the one that this browser used last
}

// Field is a hidden field of the form.
type Field struct{ Name, Value string }

// Many reports whether the options need more room than one column.
func (c Choice) Many() bool { return len(c.Options) > 6 }

// choiceStyle leaves sizes to the reader's settings, and the colors to the light or dark scheme. Contrast is at least
// 4.5:1 for text and 3:1 for the frames of controls (WCAG 2.2, 1.4.3 and 1.4.11).
const choiceStyle = `:root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--text:#1c2330;--soft:#556;` +
	`--line:#7a8294;--hover:#eef2fd;--act:#1c4fd8}
@media (prefers-color-scheme:dark){:root{--page:#0f1218;--card:#1a1f2a;--text:#e9ecf3;--soft:#aab2c3;` +
	`--line:#7d879c;--hover:#252d3d;--act:#3563e9}}
*{box-sizing:border-box}
body{font:1rem/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-items:center;` +
	`background:var(--page);color:var(--text)}
main{background:var(--card);width:calc(100% - 2rem);max-width:26rem;margin:1rem;padding:2rem;border-radius:12px;` +
	`box-shadow:0 1px 4px #0003}
main.many{max-width:42rem}
h1{font-size:1.3rem;margin:0 0 1rem}p{margin:0 0 1rem}
ul{list-style:none;margin:0;padding:0;display:grid;gap:.75rem}
.many ul{grid-template-columns:repeat(auto-fill,minmax(min(100%,15rem),1fr))}
li a{display:flex;height:100%;flex-wrap:wrap;gap:0 .75rem;justify-content:space-between;` +
	`align-items:center;min-height:3rem;padding:.5rem 1rem;border:1px solid var(--line);border-radius:8px;` +
	`color:inherit;text-decoration:none;overflow-wrap:anywhere}
li a:hover{background:var(--hover)}
li small{color:var(--soft)}
form{display:grid;gap:.5rem}ul+form{margin-top:1.5rem;padding-top:1.5rem;border-top:1px solid var(--line)}
input{font:inherit;color:inherit;background:var(--card);min-height:3rem;padding:.5rem 1rem;width:100%;` +
	`border:1px solid var(--line);border-radius:8px}
button{font:inherit;min-height:3rem;border:0;border-radius:8px;background:var(--act);color:#fff;cursor:pointer}
a:focus-visible,input:focus-visible,button:focus-visible{outline:3px solid var(--act);outline-offset:2px}`

var choiceTemplate = template.Must(template.New("choice").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sign in</title>
<style>` + choiceStyle + `</style></head><body><main{{if .Many}} class="many"{{end}}><h1>Sign in</h1>
{{with .Message}}<p role="status">{{.}}</p>
{{end}}{{with .Options}}<ul>
{{range .}}<li><a href="{{.URL}}"><span>{{.Label}}</span>{{if .Last}} <small>Last used</small>{{end}}</a></li>
{{end}}</ul>
{{end}}{{with .Action}}<form method="post" action="{{.}}">
{{range $.Hidden}}<input type="hidden" name="{{.Name}}" value="{{.Value}}">
{{end}}<label for="email">E-mail address</label>
<input id="email" name="email" type="email" value="{{$.Email}}" autocomplete="username" required>
<button>Continue</button></form>
{{end}}</main></body></html>
`))

// choicePolicy is pagePolicy for the page of choice.
var choicePolicy = "default-src 'none'; style-src " + sourceHash(choiceStyle) +
	"; base-uri 'none'; frame-ancestors 'none'"

// WriteChoice responds with the page. An error means that the client disconnected.
func WriteChoice(w http.ResponseWriter, c Choice) error {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", choicePolicy)
	SecureHeaders(h)
	h.Set("Referrer-Policy", "same-origin") // with no-referrer the form would come with Origin: null, which is refused
	w.WriteHeader(http.StatusOK)
	return choiceTemplate.Execute(w, c)
}
