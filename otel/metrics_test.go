package ginoidcotel_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
	ginoidcotel "github.com/seed-d65cea4d/ginoidc/otel"
)

func attributes(attrs []attribute.KeyValue) string {
	texts := make([]string, 0, len(attrs))
	for _, kv := range attrs {
		texts = append(texts, string(kv.Key)+"="+kv.Value.String())
	}
	return "{" + strings.Join(texts, " ") + "}"
}

// scenario is what users, clients and the provider do, and what is counted.
type scenario struct {
	name   string
	do     func(*app)
	counts []string // of these names of metrics
	want   []string
}

const (
	calls = "ginoidc.provider.call.duration"
	staff = "ginoidc.provider=staff"
)

func scenarios() []scenario {
	return slices.Concat(ofSignIns(), ofRequests(), ofSessions())
}

func ofSignIns() []scenario {
	return []scenario{
		{"sign-in", func(a *app) { a.signIn("alice") },
			[]string{"ginoidc.sign_ins", "ginoidc.sessions", "ginoidc.events", calls},
			[]string{
				"ginoidc.events{ginoidc.event=session_started} 1", "ginoidc.events{ginoidc.event=sign_in} 1",
				calls + "{ginoidc.operation=discovery " + staff + " http.response.status_code=200} 1",
				calls + "{ginoidc.operation=key_set " + staff + " http.response.status_code=200} 1",
				calls + "{ginoidc.operation=token_request " + staff + " http.response.status_code=200} 1",
				calls + "{ginoidc.operation=userinfo " + staff + " http.response.status_code=200} 1",
				"ginoidc.sessions.started{" + staff + "} 1", "ginoidc.sign_ins{" + staff + "} 1",
			}},
		{"three sign-ins", func(a *app) { a.signIn("alice"); a.signIn("bob"); a.signIn("carol") },
			[]string{"ginoidc.sign_ins"}, []string{"ginoidc.sign_ins{" + staff + "} 3"}},
		{"refused sign-ins", func(a *app) {
			a.refuse(a.stranger())
			client := a.signIn("alice")
			a.refuse(client)
		}, []string{"ginoidc.sign_ins"},
			[]string{
				"ginoidc.sign_ins{error.type=attempt_missing " + staff + "} 1",
				"ginoidc.sign_ins{error.type=sign_in_refused " + staff + "} 1",
				"ginoidc.sign_ins{" + staff + "} 1",
			}},
		{"the provider is down", func(a *app) {
			a.idp.Intercept(a, "/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusServiceUnavailable)
			})
			a.get(a.stranger(), a.auth.SignInURL(""))
		}, []string{"ginoidc.sign_ins", calls, "ginoidc.failures"},
			[]string{
				calls + "{error.type=503 ginoidc.operation=discovery " + staff + " http.response.status_code=503} 1",
				"ginoidc.sign_ins{error.type=provider_unavailable " + staff + "} 1",
			}},
	}
}

func ofRequests() []scenario {
	return []scenario{
		{"guards", func(a *app) {
			client := a.signIn("alice")
			for _, page := range []string{"/page", "/page", "/none", "/strong", "/broken"} {
				a.get(client, page)
			}
			a.get(a.stranger(), "/page")
		}, []string{"ginoidc.guard", "ginoidc.failures"},
			[]string{
				"ginoidc.failures{error.type=internal} 1",
				"ginoidc.guard.decisions{error.type=forbidden ginoidc.outcome=denied} 1",
				"ginoidc.guard.decisions{error.type=internal ginoidc.outcome=failed} 1",
				"ginoidc.guard.decisions{error.type=step_up_required ginoidc.outcome=step_up} 1",
				"ginoidc.guard.decisions{error.type=unauthorized ginoidc.outcome=denied} 1",
				"ginoidc.guard.decisions{ginoidc.outcome=allowed} 2",
			}},
		{"a failure of a route of the plugin", func(a *app) {
			a.post(a.signIn("alice"), a.auth.SignOutURL(), "cross-site")
		}, []string{"ginoidc.failures", "ginoidc.guard.decisions"},
			[]string{"ginoidc.failures{error.type=cross_origin} 1"}},
		{"access tokens", func(a *app) {
			token := a.idp.AccessToken(a, "alice", audience)
			for range 3 {
				a.get(a.stranger(), "/page", "Authorization", "Bearer "+token)
			}
			a.get(a.stranger(), "/page", "Authorization", "Bearer bad")
		}, []string{"ginoidc.access_token", "ginoidc.guard"},
			[]string{
				"ginoidc.access_token.lookups{ginoidc.result=hit} 2", "ginoidc.access_token.lookups{ginoidc.result=miss} 2",
				"ginoidc.guard.decisions{error.type=invalid_access_token ginoidc.outcome=denied} 1",
				"ginoidc.guard.decisions{ginoidc.outcome=allowed} 3",
			}},
	}
}

func ofSessions() []scenario {
	return []scenario{
		{"ends of sessions", func(a *app) {
			a.signOut(a.signIn("alice"))
			a.signIn("bob")
			a.backChannelLogout("bob")
		}, []string{"ginoidc.sessions.ended"},
			[]string{
				"ginoidc.sessions.ended{ginoidc.end_reason=back_channel " + staff + "} 1",
				"ginoidc.sessions.ended{ginoidc.end_reason=sign_out " + staff + "} 1",
			}},
		{"refreshes", func(a *app) {
			client := a.signIn("alice")
			time.Sleep(time.Hour)
			a.get(client, "/token")
			time.Sleep(time.Hour)
			a.idp.Misbehave(a, ginoidctest.RefreshInvalidGrant)
			a.get(client, "/token")
		}, []string{"ginoidc.refreshes", "ginoidc.sessions.ended", calls + "{error.type"},
			[]string{
				calls + "{error.type=400 ginoidc.operation=refresh " + staff + " http.response.status_code=400} 1",
				"ginoidc.refreshes{error.type=invalid_grant " + staff + "} 1", "ginoidc.refreshes{" + staff + "} 1",
				"ginoidc.sessions.ended{ginoidc.end_reason=refresh " + staff + "} 1",
			}},
	}
}

func (a *app) signOut(client *http.Client) {
	a.Helper()
	a.post(client, a.auth.SignOutURL(), "same-origin")
}

// post sends a form without fields, as a page of the site does.
func (a *app) post(client *http.Client, target, site string) {
	a.Helper()
	r, err := http.NewRequest(http.MethodPost, target, nil)
	if err != nil {
		a.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", site)
	a.do(client, r)
}

func (a *app) backChannelLogout(subject string) {
	a.Helper()
	form := url.Values{"logout_token": {a.idp.LogoutToken(a, subject, "")}}
	r, err := http.NewRequest(http.MethodPost, "/auth/backchannel-logout", strings.NewReader(form.Encode()))
	if err != nil {
		a.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if response := a.do(a.stranger(), r); response.StatusCode != http.StatusOK {
		a.Fatalf("back-channel logout: %s", response.Status)
	}
}

// TestMetrics: what is counted of each scenario, and that no metric, span or event names a user or holds a secret.
func TestMetrics(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, nil)
				s.do(a)
				lines := a.measured()
				if got := only(lines, s.counts...); !slices.Equal(got, s.want) {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(s.want, "\n"))
				}
				for _, span := range a.spans.Ended() {
					line := span.Name() + attributes(span.Attributes())
					for _, e := range span.Events() {
						line += "; " + e.Name + attributes(e.Attributes)
					}
					lines = append(lines, line)
				}
				for _, line := range lines {
					for _, private := range []string{"alice", "bob", clientSecret, "?", "state=", "192.0.2", "eyJ"} {
						if strings.Contains(line, private) {
							t.Errorf("%q in %s", private, line)
						}
					}
				}
			})
		})
	}
}

// TestFoundProviders: providers that the app finds at run time share one value, however many customers there are.
func TestFoundProviders(t *testing.T) {
	a := newApp(t, func(c *ginoidc.Config) {
		template := c.Providers[0]
		c.FindProvider = func(_ context.Context, name string) (ginoidc.Provider, error) {
			p := template
			p.Name, p.Audience, p.AllowPrivateAddresses = name, "", true
			return p, nil
		}
	})
	for i := range 3 {
		at, err := a.idp.Deny(a.get(a.stranger(), fmt.Sprintf("/auth/signin?provider=customer-%d", i)), "access_denied")
		if err != nil {
			t.Fatal(err)
		}
		a.get(a.stranger(), at)
	}
	for _, line := range a.measured() {
		if strings.Contains(line, "customer") {
			t.Error(line)
		}
	}
	want := []string{
		"ginoidc.provider.call.duration{ginoidc.operation=discovery ginoidc.provider=_OTHER http.response.status_code=200} 3",
	}
	if got := only(a.measured(), "ginoidc.provider.call"); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// TestReplacedAuth: an app that builds a new Auth at run time keeps its counts, and the former Auth is collected.
func TestReplacedAuth(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	meters := ginoidcotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	collected := make(chan bool, 1)
	for i := range 2 {
		a := newApp(t, nil, meters)
		token := a.idp.AccessToken(a, "alice", audience)
		a.get(a.stranger(), "/page", "Authorization", "Bearer "+token)
		linesOf(t, reader)
		if i == 0 {
			runtime.AddCleanup(a.auth, func(c chan bool) { c <- true }, collected)
		}
	}
	for range 100 {
		runtime.GC()
		if len(collected) > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if len(collected) == 0 {
		t.Error("the former Auth is still in memory")
	}
	got := only(linesOf(t, reader), "ginoidc.access_token.lookups{ginoidc.result=miss}")
	if want := []string{"ginoidc.access_token.lookups{ginoidc.result=miss} 2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
