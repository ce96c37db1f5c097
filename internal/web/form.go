package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
)

// MaxForm is the largest form in bytes, checked before anything reads the body.
const MaxForm = 64 << 10

// Errors of [ReadForm] about the body as a whole.
var (
	ErrFormTooLarge = errors.New("the form is larger than 64 kB")
	ErrNotAForm     = errors.New("the body is not a form")
)

// IsForm reports whether the Content-Type is that of a URL-encoded form.
func IsForm(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/x-www-form-urlencoded" && r.Header.Get("Content-Encoding") == ""
}

// ReadForm reads a URL-encoded form from the body of r, of at most [MaxForm] bytes. It is not Gin's, which would parse
// up to 32 MB of any kind.
func ReadForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if !IsForm(r) {
		return nil, ErrNotAForm
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxForm))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, ErrFormTooLarge
	case err != nil:
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("the form is malformed")
	}
	return form, nil
}
