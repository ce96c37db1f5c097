package ginoidcotel_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// TestSpansOfCalls: each call to the provider has a span below that of the request, with its times and result.
func TestSpansOfCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *ginoidc.Config) {
			c.Providers[0].Timeout = 3 * time.Second
			c.OnProviderCall = func(context.Context, ginoidc.ProviderCall) { time.Sleep(time.Second) } // no part of the call
		})
		a.idp.Misbehave(t, ginoidctest.Slow)
		start := time.Now()
		a.get(a.stranger(), a.auth.SignInURL(""))
		a.idp.Misbehave(t)
		time.Sleep(time.Minute)
		a.signIn("alice")
		var got []string
		parents := map[trace.SpanID]string{}
		for _, span := range a.spans.Ended() {
			parents[span.SpanContext().SpanID()] = span.Name()
		}
		for _, span := range a.spans.Ended() {
			if span.SpanKind() != trace.SpanKindClient {
				continue
			}
			if strings.HasPrefix(span.Name(), "GET discovery") && len(got) == 0 {
				if span.StartTime() != start || span.EndTime().Sub(start) != 3*time.Second || span.Status().Code != codes.Error {
					t.Errorf("%v to %v, %v", span.StartTime(), span.EndTime(), span.Status())
				}
			} else if span.Status().Code != codes.Unset {
				t.Errorf("%s: %v", span.Name(), span.Status())
			}
			got = append(got, span.Name()+" in "+parents[span.Parent().SpanID()]+" "+attributes(span.Attributes()))
		}
		const server = "{server.address=idp.example server.port=443 ginoidc.operation="
		address := " http.request.method=GET url.full=https://idp.example"
		const ok = " ginoidc.provider=staff http.response.status_code=200}"
		want := []string{
			"GET discovery in /auth/signin " + server + "discovery" + address + "/.well-known/openid-configuration" +
				" ginoidc.provider=staff error.type=timeout}",
			"GET discovery in /auth/signin " + server + "discovery" + address + "/.well-known/openid-configuration" + ok,
			"POST token_request in /auth/callback " + server + "token_request http.request.method=POST" +
				" url.full=https://idp.example/token" + ok,
			"GET key_set in /auth/callback " + server + "key_set" + address + "/jwks" + ok,
			"GET userinfo in /auth/callback " + server + "userinfo" + address + "/userinfo" + ok,
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// TestEventsOfRequests: the span of a request has the events of the request, and its id leads to the log.
func TestEventsOfRequests(t *testing.T) {
	a := newApp(t, nil)
	client := a.signIn("alice")
	for _, page := range []string{"/page", "/none"} {
		a.get(client, page)
	}
	a.signOut(client)
	var got []string
	for _, span := range a.spans.Ended() {
		for _, e := range span.Events() {
			text, id, _ := strings.Cut(attributes(e.Attributes), " ginoidc.request_id=")
			if len(id) < 20 {
				t.Errorf("request id %q of %s", id, e.Name)
			}
			got = append(got, span.Name()+": "+e.Name+text)
		}
	}
	want := []string{
		"/auth/callback: ginoidc.session_started{ginoidc.provider=staff http.route=/auth/callback",
		"/auth/callback: ginoidc.sign_in{ginoidc.provider=staff http.route=/auth/callback",
		"/page: ginoidc.allowed{http.route=/page",
		"/none: ginoidc.denied{error.type=forbidden http.route=/none",
		"/auth/signout: ginoidc.session_ended{ginoidc.provider=staff ginoidc.end_reason=sign_out http.route=/auth/signout",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

var _ sdktrace.SpanExporter = panicky{}
