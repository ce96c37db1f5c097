package provider_test

import (
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// TestLinkRules: a link passes on well-formed parameters that are listed, and no others (case 4).
func TestLinkRules(t *testing.T) {
	for _, tt := range []struct {
		query, want        string
		malformed, unknown []string
	}{
		{"prompt=login&login_hint=alice%40example.com&max_age=60&acr_values=a+b&ui_locales=de&display=touch",
			"acr_values=a+b&display=touch&login_hint=alice%40example.com&max_age=60&prompt=login&ui_locales=de", nil, nil},
		{"prompt=login+consent", "prompt=login+consent", nil, nil},
		{"prompt=none+login&max_age=-1&display=huge", "", []string{"display", "max_age", "prompt"}, nil},
		{"login_hint=&acr_values=%00&ui_locales=" + strings.Repeat("a", 257), "",
			[]string{"acr_values", "login_hint", "ui_locales"}, nil},
		{"login_hint=" + strings.Repeat("a", 256), "login_hint=" + strings.Repeat("a", 256), nil, nil},
		{"scope=admin&redirect_uri=x&return_to=%2Fx", "", nil, []string{"redirect_uri", "scope"}},
	} {
		query, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		params, malformed, unknown := provider.SignInLink().Read(query, "return_to")
		slices.Sort(malformed)
		slices.Sort(unknown)
		if params.Encode() != tt.want || !slices.Equal(malformed, tt.malformed) || !slices.Equal(unknown, tt.unknown) {
			t.Errorf("%s: %s, malformed %v, unknown %v", tt.query, params.Encode(), malformed, unknown)
		}
	}
	params, _, unknown := provider.InitiationLink().Read(url.Values{"login_hint": {"alice"}, "prompt": {"none"}})
	if params.Encode() != "login_hint=alice" || !slices.Equal(unknown, []string{"prompt"}) {
		t.Errorf("initiation: %v, unknown %v", params, unknown)
	}
}

// TestMergeParameters: the app outranks the configuration and both outrank the link, and max_age only gets smaller.
func TestMergeParameters(t *testing.T) {
	for _, tt := range []struct{ configured, app, link, want, ignored string }{
		{"", "", "", "", ""},
		{"prompt=login", "", "prompt=none", "prompt=login", "prompt"},
		{"prompt=login", "", "prompt=login", "prompt=login", ""},
		{"prompt=login", "prompt=create", "", "prompt=create", ""},
		{"", "acr_values=mfa", "acr_values=pwd&display=page", "acr_values=mfa&display=page", "acr_values"},
		{"max_age=60", "", "max_age=30", "max_age=30", ""},
		{"max_age=60", "", "max_age=90", "max_age=60", "max_age"},
		{"max_age=60", "max_age=90", "", "max_age=60", ""},
		{"max_age=60", "max_age=10", "max_age=5", "max_age=10", "max_age"},
		{"", "", "max_age=90", "max_age=90", ""},
		{"", "max_age=90", "", "max_age=90", ""},
		{"max_age=0", "max_age=90", "", "max_age=0", ""},
		{"max_age=60", "", "max_age=060", "max_age=60", "max_age"},
		{"max_age=60", "login_hint=90", "", "login_hint=90&max_age=60", ""},
	} {
		configured, app, link := values(t, tt.configured), values(t, tt.app), values(t, tt.link)
		before := values(t, tt.configured)
		all, ignored := provider.MergeParameters(configured, app, link)
		if all.Encode() != tt.want || strings.Join(ignored, " ") != tt.ignored {
			t.Errorf("%+v: %s, ignored %v", tt, all.Encode(), ignored)
		}
		if !reflect.DeepEqual(configured, before) {
			t.Errorf("%+v: the configuration has changed to %v", tt, configured)
		}
	}
	if all, _ := provider.MergeParameters(nil, nil, url.Values{"prompt": {"none"}}); all.Get("prompt") != "none" {
		t.Errorf("without a configuration: %v", all)
	}
}

func values(t *testing.T, query string) url.Values {
	t.Helper()
	all, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestMaxAge: -1 stands for none.
func TestMaxAge(t *testing.T) {
	for query, want := range map[string]int{"": -1, "max_age=0": 0, "max_age=60": 60, "max_age=x": -1} {
		if got := provider.MaxAge(values(t, query)); got != want {
			t.Errorf("%q: %d, want %d", query, got, want)
		}
	}
}
