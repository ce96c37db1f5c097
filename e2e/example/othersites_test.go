package example_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
)

// cases 161, 162: what a page of another site can make a signed-in browser send neither signs the user out nor writes.
// To a browser, 127.0.0.1 is another site than localhost.
func otherSites(v visit) {
	const page = `<title>Elsewhere</title>
		<img src="%[1]s/auth/signout"><iframe src="%[1]s/auth/signout"></iframe>
		<form method="post" action="%[1]s/auth/signout"><button>end it</button></form>
		<form method="post" action="%[1]s/api/notes"><input name="text" value="planted"><button>write it</button></form>
		<a href="%[1]s/auth/signout">follow it</a>`
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, page, v.app.URL)
	}))
	defer elsewhere.Close()
	v.signIn("alice")
	for label, want := range map[string]int{"end it": 403, "write it": 403, "follow it": 200} {
		v.tab.Open(elsewhere.URL)
		got := v.tab.Click(label)
		if got.Status != want || !strings.HasPrefix(got.URL, v.app.URL) {
			v.Errorf("%s: %+v, want status %d", label, got, want)
		}
		if answer := v.script()("/api/me"); answer.Status != 200 {
			v.Errorf("%s: signed out: %+v", label, answer)
		}
	}
	if answer := v.script()("/api/notes"); answer.Status != 200 || strings.Contains(answer.Body, "planted") {
		v.Errorf("/api/notes: %+v", answer)
	}
}
