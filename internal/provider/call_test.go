package provider_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// roundTripper answers without a network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestObserve: each call is reported with its result and duration, and without what may be secret.
func TestObserve(t *testing.T) {
	answer := func(status int, body string) roundTripper {
		return func(r *http.Request) (*http.Response, error) {
			time.Sleep(2 * time.Second)
			header := http.Header{"Content-Type": {"application/json"}}
			return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
		}
	}
	const path = "/.well-known/openid-configuration"
	for name, test := range map[string]struct {
		transport roundTripper
		want      provider.Call
	}{
		"broken JSON": {answer(200, "{"), provider.Call{Status: 200}},
		"not found":   {answer(404, ""), provider.Call{Status: 404}},
		"redirect":    {answer(302, ""), provider.Call{Status: 302, Code: "redirect"}},
		"overload":    {answer(503, ""), provider.Call{Status: 503, Code: "provider_status"}},
		"too large":   {answer(200, strings.Repeat(" ", 1<<20+1)), provider.Call{Code: "body_too_large"}},
		"no server": {func(*http.Request) (*http.Response, error) {
			time.Sleep(2 * time.Second)
			return nil, errors.New("no HTTP")
		}, provider.Call{Code: "not_http"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				type key struct{}
				var calls []provider.Call
				start := time.Now()
				p := provider.New(provider.Config{
					Issuer: "https://user:password@idp.example/a%2Fb", ClientID: "app", Transport: test.transport,
					Observe: func(ctx context.Context, call provider.Call) {
						if ctx.Value(key{}) != "request" {
							t.Error("the context is not that of the caller")
						}
						calls = append(calls, call)
					},
				})
				_, err := p.Metadata(context.WithValue(t.Context(), key{}, "request"))
				if failed := (*provider.Error)(nil); !errors.As(err, &failed) ||
					test.want.Code != "" && failed.Code != test.want.Code {
					t.Errorf("%v", err)
				}
				test.want.Op, test.want.Method, test.want.URL = "discovery", "GET", "https://idp.example/a%2Fb"+path
				test.want.Start, test.want.Duration = start, 2*time.Second
				if len(calls) != 1 || calls[0] != test.want {
					t.Errorf("got %+v\nwant %+v", calls, test.want)
				}
			})
		})
	}
}
