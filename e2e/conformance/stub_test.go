package conformance_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// TestDriver: the driver speaks the suite's API as the suite documents it, and judges on its own. This needs no suite.
func TestDriver(t *testing.T) {
	var got []string
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		query := r.URL.Query()
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %v %s", r.Method, r.URL.Path, query, body)))
		switch r.URL.Path {
		case "/api/plan":
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, `{"id":"p1","modules":[{"testModule":"m","variant":{"a":"b"}}]}`)
		case "/api/runner":
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, `{"id":"t1"}`)
		case "/api/info/t1":
			asked++
			fmt.Fprintf(w, `{"status":%q,"result":"PASSED"}`, []string{"CREATED", "WAITING", "FINISHED"}[min(asked, 3)-1])
		case "/api/log/t1":
			fmt.Fprint(w, `[{"http":"incoming","incoming_path":"/test/a/ginoidc/token"},
				{"http":"incoming","incoming_path":"/test/a/ginoidc/token"}, {"http":"outgoing"},
				{"src":"CheckX","result":"WARNING","msg":"old"}, {"src":"CheckY","result":"SUCCESS"}]`)
		case "/api/runner/browser/t1":
			fmt.Fprint(w, `{"urls":["https://app.example/start"]}`)
		case "/api/runner/browser/t1/visit":
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	suite := api{server.URL, server.Client()}
	created := suite.create(t, "plan", variant{"x": "y"}, map[string]string{"alias": "ginoidc"})
	id := suite.start(t, created, created.Modules[0].Name, created.Modules[0].Variant)
	address := suite.visit(t, id)
	end := suite.await(t, id, finished)
	log := suite.log(t, id)
	if want := []string{
		`POST /api/plan map[planName:[plan] variant:[{"x":"y"}]] {"alias":"ginoidc"}`,
		`POST /api/runner map[plan:[p1] test:[m] variant:[{"a":"b"}]]`,
		`GET /api/info/t1 map[]`, `GET /api/info/t1 map[]`,
		`GET /api/runner/browser/t1 map[]`, `POST /api/runner/browser/t1/visit map[url:[https://app.example/start]]`,
		`GET /api/info/t1 map[]`, `GET /api/log/t1 map[]`,
	}; !slices.Equal(got, want) {
		t.Errorf("requests\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if address != "https://app.example/start" || end.Result != "PASSED" || calls(log)["token"] != 2 ||
		!slices.Equal(complaints(log), []string{"WARNING CheckX: old"}) {
		t.Errorf("%q %+v %v %v", address, end, calls(log), complaints(log))
	}
}

// TestVerdict: the suite has to pass a module, and so have we.
func TestVerdict(t *testing.T) {
	none, once, twice := map[string]int{"token": 0}, map[string]int{"token": 1}, map[string]int{"token": 2}
	for name, tt := range map[string]struct {
		got  verdict
		want outcome
		ok   bool
	}{
		"as expected": {verdict{"PASSED", true, once, nil}, outcome{signedIn: true, calls: once}, true},
		"other requests do not count": {verdict{"PASSED", true, map[string]int{"token": 1, "jwks": 3}, nil},
			outcome{signedIn: true, calls: once}, true},
		"the suite fails it":         {verdict{"FAILED", true, once, nil}, outcome{signedIn: true, calls: once}, false},
		"the suite warns":            {verdict{"WARNING", true, once, nil}, outcome{signedIn: true, calls: once}, false},
		"the suite skips it":         {verdict{"SKIPPED", true, once, nil}, outcome{signedIn: true, calls: once}, false},
		"it is to be skipped":        {verdict{"SKIPPED", false, once, nil}, outcome{suite: "SKIPPED", calls: once}, true},
		"it was to be skipped":       {verdict{"PASSED", false, once, nil}, outcome{suite: "SKIPPED", calls: once}, false},
		"nobody is signed in":        {verdict{"PASSED", false, once, nil}, outcome{signedIn: true, calls: once}, false},
		"somebody is signed in":      {verdict{"PASSED", true, once, nil}, outcome{calls: once}, false},
		"a request too many":         {verdict{"PASSED", false, twice, nil}, outcome{calls: once}, false},
		"a request that must not be": {verdict{"PASSED", false, once, nil}, outcome{calls: none}, false},
	} {
		if problems := tt.got.problems(tt.want); (len(problems) == 0) != tt.ok {
			t.Errorf("%s: %q", name, problems)
		}
	}
}

// TestPlans: each plan registers its redirect URI, and each module has an outcome that can be checked.
func TestPlans(t *testing.T) {
	all, modules := plans(t, "https://app.example"), 0
	for _, p := range all {
		modules += len(p.expected)
		encoded, err := json.Marshal(driver{url: "https://app.example"}.registration(p))
		if err != nil || !strings.Contains(string(encoded), `"redirect_uri":"https://app.example/auth/callback"`) {
			t.Errorf("%s: %s (%v)", p.name, encoded, err)
		}
		for name, o := range p.expected {
			if o.signedIn && o.suite == "SKIPPED" || len(o.calls) == 0 {
				t.Errorf("%s: %s: %+v", p.name, name, o)
			}
		}
	}
	t.Logf("%d plans with %d modules", len(all), modules)
}
