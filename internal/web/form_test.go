package web_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

func TestReadForm(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	fill := func(size int) string { return "a=" + strings.Repeat("x", size-2) }
	for _, test := range []struct {
		name, contentType, encoding, body string
		want                              error
	}{
		{"form", form, "", "a=1&a=2&b=%20", nil},
		{"with a charset", "Application/X-WWW-Form-URLencoded; charset=UTF-8", "", "a=1&a=2&b=+", nil},
		{"as large as allowed", form, "", fill(web.MaxForm), nil},
		{"too large", form, "", fill(web.MaxForm + 1), web.ErrFormTooLarge},
		{"no type", "", "", "a=1", web.ErrNotAForm},
		{"JSON", "application/json", "", "{}", web.ErrNotAForm},
		{"multipart", "multipart/form-data; boundary=x", "", "--x--", web.ErrNotAForm},
		{"text", "text/plain", "", "a=1", web.ErrNotAForm},
		{"malformed type", form + "; =", "", "a=1", web.ErrNotAForm},
		{"compressed", form, "gzip", "a=1", web.ErrNotAForm},
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(test.body))
		r.Header.Set("Content-Type", test.contentType)
		if test.encoding != "" {
			r.Header.Set("Content-Encoding", test.encoding)
		}
		values, err := web.ReadForm(httptest.NewRecorder(), r)
		if !errors.Is(err, test.want) || test.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if (values != nil) != (test.want == nil) {
			t.Errorf("%s: values %v and error %v", test.name, values, err)
		}
	}
}

// TestReadFormValues: the values of the body alone count, and a part that is malformed makes the whole form so.
func TestReadFormValues(t *testing.T) {
	post := func(body string) (map[string][]string, error) {
		r := httptest.NewRequest("POST", "/?a=query&c=query", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return web.ReadForm(httptest.NewRecorder(), r)
	}
	values, err := post("a=1&a=2&b=%20")
	if err != nil || strings.Join(values["a"], " ") != "1 2" || strings.Join(values["b"], "") != " " || len(values) != 2 {
		t.Errorf("values %q, %v", values, err)
	}
	for _, body := range []string{"a=1&b=%zz", "a=1;b=2", "%"} {
		values, err := post(body)
		if err == nil || values != nil || strings.Contains(err.Error(), "zz") {
			t.Errorf("%q: %v, error %v", body, values, err)
		}
	}
}

func TestReadFormOfBrokenBody(t *testing.T) {
	broken := errors.New("the connection broke")
	r := httptest.NewRequest("POST", "/", iotest.ErrReader(broken))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if values, err := web.ReadForm(httptest.NewRecorder(), r); !errors.Is(err, broken) || values != nil {
		t.Errorf("%v, %v", values, err)
	}
}
