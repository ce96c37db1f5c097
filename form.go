package ginoidc

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"
)

// maxForm bounds the body of a form before anything reads it (cases 45, 285).
const maxForm = 64 << 10

// What is wrong with a body before it is looked at.
var (
	errFormTooLarge = errors.New("the form is larger than 64 kB")
	errNoForm       = errors.New("the body is no form")
)

// isForm tells whether the body says to be an urlencoded form.
func isForm(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/x-www-form-urlencoded" && r.Header.Get("Content-Encoding") == ""
}

// readForm reads an urlencoded form without Gin, which would parse up to 32 MB of any kind.
func readForm(c *gin.Context) (url.Values, error) {
	if !isForm(c.Request) {
		return nil, errNoForm
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxForm))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, errFormTooLarge
	case err != nil:
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("the form is malformed")
	}
	return form, nil
}
