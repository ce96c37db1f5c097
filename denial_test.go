package ginoidc_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

func refuseBob(_ context.Context, s *ginoidc.PendingSignIn) error {
	if s.User.Subject == "bob" {
		return errors.New("bob is on the list")
	}
	return nil
}

// TestDenied: a handler of the app gets everything that the default page and JSON show.
func TestDenied(t *testing.T) {
	var seen ginoidc.Denial
	note := func(c *gin.Context) { seen = ginoidc.Denied(c) }
	a := testapp.New(t)
	own := a.Auth.With(ginoidc.AbortHandlers{Unauthenticated: note, Forbidden: note, Failed: note})
	for path, auth := range map[string]*ginoidc.Auth{"": a.Auth, "/own": own} {
		deny := func(err error) gin.HandlerFunc { return func(c *gin.Context) { auth.Deny(c, err) } }
		a.Engine.Any(path+"/in", auth.RequireAuth())
		a.Engine.Any(path+"/no", deny(ginoidc.ErrForbidden))
		a.Engine.Any(path+"/up", deny(&ginoidc.StepUpError{MaxAge: time.Minute, ACRValues: []string{"gold"}}))
		a.Engine.Any(path+"/away", deny(ginoidc.ErrSessionStore))
		a.Engine.Any(path+"/boom", deny(errors.New("boom")))
		a.Engine.Any(path+"/fails", deny(errors.ErrUnsupported))
	}
	b := a.Browser()
	for _, path := range []string{"/in", "/no", "/up", "/away", "/boom", "/fails"} {
		for _, kind := range []string{"GET page", "POST page", "GET fetch", "DELETE fetch"} {
			method, kind, _ := strings.Cut(kind, " ")
			headers := append(testapp.Navigation(), "Referer", testapp.URL+"/own"+path)
			if kind == "fetch" {
				headers = []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Referer", testapp.URL + "/own" + path}
			}
			seen = ginoidc.Denial{}
			mine := b.Do(method, "/own"+path, nil, headers...)
			headers[len(headers)-1] = testapp.URL + path
			theirs := b.Do(method, path, nil, headers...)
			name := method + " " + path + " " + kind
			if seen.Page != (kind == "page") || seen.Status != mine.StatusCode || seen.Err == nil ||
				seen.Code == "" || mine.Body != "" {
				t.Errorf("%s: %+v, %d %q", name, seen, mine.StatusCode, mine.Body)
			}
			same := strings.NewReplacer("%2Fown", "", "/own", "")
			switch {
			case theirs.StatusCode == http.StatusFound:
				if same.Replace(seen.SignInURL) != theirs.Location() || seen.Status != 401 {
					t.Errorf("%s: %+v, default to %s", name, seen, theirs.Location())
				}
			case seen.Page:
				title, text, link := shown(theirs, t)
				if seen.Title != title || seen.LinkText != text || same.Replace(seen.Link) != link ||
					!strings.Contains(theirs.Body, "<p>"+seen.Message+"</p>") ||
					(seen.RequestID != "") != strings.Contains(theirs.Body, "<small>") || seen.Status != theirs.StatusCode {
					t.Errorf("%s: %+v, default %s", name, seen, theirs.Body)
				}
			default:
				body := theirs.JSON(t)
				if signIn, told := body["sign_in_url"]; body["error"] != seen.Code || body["message"] != seen.Message ||
					seen.Status != theirs.StatusCode ||
					told && signIn != same.Replace(seen.SignInURL) || told != (seen.Status == 401) ||
					(body["request_id"] != nil) != (seen.RequestID != "") {
					t.Errorf("%s: %+v, default %s", name, seen, theirs.Body)
				} else {
					sent := seen
					sent.SignInURL = same.Replace(seen.SignInURL)
					sent.RequestID, _ = body["request_id"].(string)
					if own, err := json.Marshal(sent); err != nil || string(own) != theirs.Body {
						t.Errorf("%s: as JSON %s, %v, default %s", name, own, err, theirs.Body)
					}
				}
			}
			if seen.RequestID != "" && !strings.Contains(a.Logs.String(), "request_id="+seen.RequestID) {
				t.Errorf("%s: request %s is not in the log", name, seen.RequestID)
			}
		}
	}
	a.Engine.GET("/outside", func(c *gin.Context) {
		if d := ginoidc.Denied(c); d != (ginoidc.Denial{}) || ginoidc.Reason(c) != nil {
			t.Errorf("outside of handlers: %+v", d)
		}
	})
	b.Fetch("/outside")
}

// TestDeniedLog: the log has the groups that a guard requires and, at debug, those of the user.
func TestDeniedLog(t *testing.T) {
	for _, level := range []slog.Level{slog.LevelInfo, slog.LevelDebug} {
		a := testapp.New(t)
		auth := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Logger = slog.New(slog.NewTextHandler(a.Logs, &slog.HandlerOptions{Level: level}))
		})
		for path, guard := range map[string]gin.HandlerFunc{
			"/any": auth.Auth.RequireGroups("Domain Admins", "audit"), "/all": auth.Auth.RequireAllGroups("audit", "owners"),
			"/orgs/:org": auth.Auth.RequireOrganization("org"),
			"/check":     auth.Auth.Require(func(*ginoidc.User) error { return errors.New("not on Sundays") }),
		} {
			auth.Engine.GET(path, guard, auth.Protected)
		}
		b := auth.Browser()
		b.MustSignIn("bob")
		for path, wanted := range map[string]string{
			"/any": `any_of="[Domain Admins audit]"`, "/all": `all_of="[audit owners]"`, "/orgs/acme%0A": `organization=[acme?]`,
			"/check": `not on Sundays`,
		} {
			a.Logs.Reset()
			if r := b.Fetch(path); r.StatusCode != 403 || strings.Contains(r.Body, "audit") {
				t.Errorf("%s: %d %s", path, r.StatusCode, r.Body)
			}
			line := a.Logs.String()
			if !strings.Contains(line, "ginoidc: denied") || !strings.Contains(line, wanted) ||
				!strings.Contains(line, "sub=bob") {
				t.Errorf("%s: the log lacks %s: %s", path, wanted, line)
			}
			if own := "groups=[staff] organizations=[globex]"; strings.Contains(line, own) != (level == slog.LevelDebug) {
				t.Errorf("%s at %s: %s", path, level, line)
			}
		}
	}
}

// TestSignInURLOfAPI: a script's page is where the sign-in comes back to; a program that names none decides itself, and
// another site's page does not count.
func TestSignInURLOfAPI(t *testing.T) {
	a := testapp.New(t)
	for referer, want := range map[string]string{
		testapp.URL + "/board?tab=2#x":      "/auth/signin?return_to=%2Fboard%3Ftab%3D2",
		testapp.URL + "/":                   "/auth/signin?return_to=%2F",
		"":                                  "/auth/signin",
		testapp.URL:                         "/auth/signin",
		"https://evil.example/board":        "/auth/signin",
		testapp.URL + ".evil.example/board": "/auth/signin",
		testapp.URL + "//evil.example":      "/auth/signin",
		testapp.URL + "/auth/callback?code": "/auth/signin",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			r := a.Browser().Do(method, "/me", nil, "Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "same-origin", "Referer",
				referer)
			if got := r.JSON(t)["sign_in_url"]; r.StatusCode != 401 || got != want {
				t.Errorf("%s from %q: %d to %v, want %q", method, referer, r.StatusCode, got, want)
			}
		}
	}
}
