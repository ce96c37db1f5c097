package provider_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// TestCheckParameters: an app adds neither what the plugin sets nor what every provider must refuse.
func TestCheckParameters(t *testing.T) {
	for _, tt := range []struct {
		params url.Values
		want   string // in the error; "": accepted
	}{
		{nil, ""}, {url.Values{"ui_locales": {"de"}}, ""},
		{url.Values{"resource": {"https://a.example", "https://b.example"}}, ""},
		{url.Values{"ui_locales": {"de", "fr"}}, "has 2 values"}, {url.Values{"ui_locales": {}}, "has 0 values"},
		{url.Values{"state": {"s"}}, "is set by the plugin"}, {url.Values{"request_uri": {"u"}}, "is set by the plugin"},
		{url.Values{"max_age": {"0"}}, ""}, {url.Values{"max_age": {"999999999"}}, ""},
		{url.Values{"max_age": {"-1"}}, "max_age"}, {url.Values{"max_age": {"1000000000"}}, "max_age"},
		{url.Values{"prompt": {"none"}}, ""}, {url.Values{"prompt": {"login consent"}}, ""},
		{url.Values{"login_hint": {"none of them"}}, ""},
		{url.Values{"prompt": {"none login"}}, "none together"}, {url.Values{"prompt": {"login none"}}, "none together"},
		{url.Values{"claims": {`{"id_token":{}}`}}, ""}, {url.Values{"claims": {"{"}}, "not a JSON object"},
		{url.Values{"claims": {"null"}}, "not a JSON object"}, {url.Values{"claims": {"[]"}}, "not a JSON object"},
	} {
		err := provider.CheckParameters(tt.params)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %q", tt.params, err, tt.want)
		}
	}
}
