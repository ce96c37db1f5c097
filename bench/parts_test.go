package bench

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/cookiestore"
	"github.com/seed-d65cea4d/ginoidc/internal/limit"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

const (
	emptyName   = "an empty handler"
	publicName  = "**ginoidc**, a public route"
	openPart    = "find the cookie, decode base64, open it"
	decodePart  = "decode the record"
	headersPart = "two headers for the response"
)

// markedPrivate is the hand-written limit with the two headers that keep caches from storing a user's page.
func markedPrivate(t testing.TB) contender {
	c := handWritten(t, 3)
	app := c.handler
	c.name = markedName
	c.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["Cache-Control"], h["Vary"] = []string{"private, no-store"}, []string{"Cookie"}
		app.ServeHTTP(w, r)
	})
	return c
}

const markedName = "hand-written limit, marked private"

// partsOf returns handlers that do one part of a guarded request each.
func partsOf(t testing.TB) []contender {
	t.Helper()
	now := time.Now()
	u := limit.Alice(3)
	record := (&session.Record{
		ID: [16]byte{1}, Created: now, Renewed: now, AuthTime: now, Issued: now, Started: now, Subject: u.Subject,
		SID: u.SID, Email: u.Email, Name: u.Name, Groups: wire.NewList(u.Groups), SubjectHash: [16]byte{1},
		SIDHash: [16]byte{2},
	}).Encode()
	store, err := cookiestore.New(cookiestore.Config{Secrets: []string{testapp.CookieSecret}})
	if err != nil {
		t.Fatal(err)
	}
	set := http.Header{}
	if err := store.SaveRecord(set, httptest.NewRequest(http.MethodGet, "/", nil), "sid", record, nil); err != nil {
		t.Fatal(err)
	}
	cookie, _, _ := strings.Cut(set.Get("Set-Cookie"), ";")
	part := func(name string, do func(http.ResponseWriter, *http.Request)) contender {
		return contender{name: name, cookie: cookie, handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			do(w, r)
			w.WriteHeader(http.StatusOK)
		})}
	}
	return []contender{
		part(emptyName, func(http.ResponseWriter, *http.Request) {}),
		part(openPart, func(_ http.ResponseWriter, r *http.Request) {
			if got, _, err := store.LoadRecord(r, "sid"); len(got) != len(record) || err != nil {
				t.Error(len(got), err)
			}
		}),
		part(decodePart, func(http.ResponseWriter, *http.Request) {
			var rec session.Record
			if !rec.Decode(record) {
				t.Error("not decoded")
			}
		}),
		part(headersPart, func(w http.ResponseWriter, _ *http.Request) { web.KeepPrivate(w.Header()) }),
	}
}

// parts says where the time of a guarded request goes.
func (r *report) parts(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	sealed := plugin(t, pluginName, 3, nil)
	figures := interleaved(t, append(partsOf(t), bare(sealed.cookie), sealed.at("/public", publicName, 0), sealed),
		*rounds)
	least := func(name string) float64 { return micro(of(figures, name).least) }
	total, rest := least(pluginName), least(pluginName)
	r.print("### Where the time of a guarded request goes\n\nEach part by itself, least of the rounds. The rest is what " +
		"the limit does not do: judging by\nwhat ended sessions, the limits of a session, which site began the request, " +
		"and the guard.\n\n| | µs | of all |\n| --- | ---: | ---: |\n")
	line := func(name string, took float64) {
		rest -= took
		r.print("| %s | %.2f | %.0f %% |\n", name, took, 100*took/total)
	}
	line("Gin", least(bareName))
	line("the request's context and writer", least(publicName)-least(bareName))
	for _, name := range []string{openPart, decodePart, headersPart} {
		line(name, least(name)-least(emptyName))
	}
	line("the rest", rest)
	r.print("\n")
}
