package example_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
)

// cases 161, 162: what a page of another site, or of another origin of the same site, can make a signed-in browser send
// neither signs the user out nor writes. To a browser, 127.0.0.1 is another site than localhost, and another port of
// localhost another origin of the same site, to whose requests it adds the session cookie.
func otherSites(v visit) {
	const page = `<title>Elsewhere</title>
		<img src="%[1]s/auth/signout"><img src="%[1]s/api/notes"><iframe src="%[1]s/auth/signout"></iframe>
		<form method="post" action="%[1]s/auth/signout"><button>end it</button></form>
		<form method="post" action="%[1]s/api/notes"><input name="text" value="planted"><button>write it</button></form>
		<a href="%[1]s/auth/signout">follow it</a>`
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, page, v.app.URL)
	}))
	defer elsewhere.Close()
	v.signIn("alice")
	for _, origin := range []string{elsewhere.URL, strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)} {
		for label, want := range map[string]int{"end it": 403, "write it": 403, "follow it": 200} {
			v.tab.Open(origin)
			got := v.tab.Click(label)
			if got.Status != want || !strings.HasPrefix(got.URL, v.app.URL) {
				v.Errorf("%s at %s: %+v, want status %d", label, origin, got, want)
			}
			if answer := v.script()("/api/me"); answer.Status != 200 {
				v.Errorf("%s at %s: signed out: %+v", label, origin, answer)
			}
		}
		v.tab.Open(origin)
		for _, options := range []string{
			`mode: "no-cors"`, `mode: "cors"`, `mode: "no-cors", keepalive: true`,
			`mode: "cors", headers: {"Content-Type": "application/json"}`, // asks first
		} {
			v.tab.Script(v.post("/api/notes", options))
		}
		v.tab.Script(fmt.Sprintf(`String(navigator.sendBeacon("%s/api/notes", "text=planted"))`, v.app.URL))
		v.tab.Script(v.post("/auth/signout", `mode: "no-cors"`))
		if answer := v.script()("/api/me"); answer.Status != 200 {
			v.Errorf("fetch at %s: signed out: %+v", origin, answer)
		}
	}
	const posts, refused = "method=POST path=/api/notes status=", "method=POST path=/api/notes status=403"
	end := time.Now().Add(time.Minute)
	for strings.Count(v.app.Output(), refused) < 10 { // a form, three of four scripts and a beacon, at two origins
		if time.Now().After(end) {
			v.Fatalf("the app has refused %d requests, want 10", strings.Count(v.app.Output(), refused))
		}
		time.Sleep(50 * time.Millisecond)
	}
	if all := strings.Count(v.app.Output(), posts); all != 10 {
		v.Errorf("%d requests of other origins reached the app, want 10, all of them refused", all)
	}
	own := v.tab.Sibling()
	own.Open(v.app.URL + "/healthz")
	if got := own.Script(v.post("/api/notes", `mode: "cors"`)); got != "cors 201" && got != "basic 201" {
		v.Errorf("from a page of the app: %s, want 201", got)
	}
	answer := own.Fetch("/api/notes")
	if answer.Status != 200 || strings.Count(answer.Body, "planted") != 1 {
		v.Errorf("/api/notes: %+v", answer)
	}
}

// post is a script that sends a note with the user's cookies. It returns the type of the response and its status, which
// a page of another origin does not see.
func (v visit) post(path, options string) string {
	return fmt.Sprintf(`fetch("%s%s", {
		method: "POST", credentials: "include", body: new URLSearchParams({text: "planted"}), %s,
	}).then(r => r.type + " " + r.status, e => e.name)`, v.app.URL, path, options)
}
