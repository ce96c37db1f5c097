package web

import (
	"bytes"
	_ "embed" // for the files
	"html/template"
	"net/http"
	"time"
)

// The module for the scripts of an app's pages, and its types.
var (
	//go:embed client/client.js
	clientScript []byte
	//go:embed client/client.d.ts
	clientTypes []byte
)

// ServeClient responds with the module, or with its types. Browsers keep it and ask whether it has changed.
func ServeClient(w http.ResponseWriter, r *http.Request, types bool) {
	file, kind := clientScript, "text/javascript; charset=utf-8"
	if types {
		file, kind = clientTypes, "text/plain; charset=utf-8"
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", `"`+SourceHash(string(file))[1:20]+`"`)
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file))
}

// PostButton returns a form with one button that posts nothing to a path of the app.
func PostButton(action, label string) template.HTML {
	return template.HTML(`<form method="post" action="` + template.HTMLEscapeString(action) + `"><button>` +
		template.HTMLEscapeString(label) + `</button></form>`)
}
