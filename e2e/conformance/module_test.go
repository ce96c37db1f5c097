package conformance_test

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/e2e/visitor"
)

// run is a module that waits for the app.
type run struct {
	suite   api
	id      string // of the module
	app     string // URL without a trailing slash
	visitor *visitor.Visitor
}

// step is something that a user does.
type step func(*testing.T, *run)

func (s step) then(next step) step {
	return func(t *testing.T, r *run) {
		t.Helper()
		s(t, r)
		next(t, r)
	}
}

func (s step) twice() step { return s.then(s) }

// signIn signs in. The suite's provider asks nothing.
func signIn(t *testing.T, r *run) {
	t.Helper()
	r.deliver(r.visitor.Open(r.app + "/auth/signin?return_to=%2F"))
}

// ready only asks whether the app is ready, for which it reads the provider's metadata and keys.
func ready(t *testing.T, r *run) {
	t.Helper()
	r.visitor.Fetch(r.app + "/readyz")
}

// initiated signs in where the suite asks for it.
func initiated(t *testing.T, r *run) {
	t.Helper()
	r.deliver(r.visitor.Open(r.suite.visit(t, r.id)))
}

// deliver submits an answer that is a form.
func (r *run) deliver(p visitor.Page) {
	if strings.Contains(p.Text, "form_post submission page") {
		r.visitor.Submit(p, nil)
	}
}

// recheck uses the app after the profile is due again, for which the app refreshes its tokens.
func recheck(t *testing.T, r *run) {
	t.Helper()
	time.Sleep(1500 * time.Millisecond)
	r.visitor.Fetch(r.app + "/api/me")
}

// resource calls the resource server.
func resource(t *testing.T, r *run) {
	t.Helper()
	if p := r.visitor.Fetch(r.app + "/api/upstream"); p.Status != http.StatusOK {
		t.Errorf("the resource server answered %d %s", p.Status, p.Text)
	}
}

// signOut signs out in the app, which takes the user to the suite and back.
func signOut(t *testing.T, r *run) {
	t.Helper()
	if p := r.visitor.Load(http.MethodPost, r.app+"/auth/signout", nil); !strings.HasPrefix(p.At.String(), r.app) {
		t.Errorf("after the sign-out the browser is at %s: %d", p.At, p.Status)
	}
}

// signOutFramed is signOut with a page of the suite in between, which loads the app in a frame.
func signOutFramed(t *testing.T, r *run) {
	t.Helper()
	page := r.visitor.Load(http.MethodPost, r.app+"/auth/signout", nil)
	r.frame(t, page)
	back := regexp.MustCompile(`location\.href='([^']+)'`).FindStringSubmatch(page.Text)
	if back == nil {
		t.Fatalf("no way back from %s: %d %s", page.At, page.Status, page.Text)
	}
	r.visitor.Open(unescape(back[1]))
}

// frame loads what the script of a page loads: the app in a frame, and then the suite.
func (r *run) frame(t *testing.T, page visitor.Page) {
	t.Helper()
	source := regexp.MustCompile(`iframe\.src = '([^']+)'`).FindStringSubmatch(page.Text)
	loaded := regexp.MustCompile(`let url = '([^']+)'`).FindStringSubmatch(page.Text)
	if source == nil || loaded == nil {
		t.Fatalf("no frame on %s: %d %s", page.At, page.Status, page.Text)
	}
	r.visitor.Open(unescape(source[1]))
	r.visitor.Fetch(unescape(loaded[1]) + "?loaded=true")
}

// unescape removes what a template has added to a URL in a script.
func unescape(s string) string {
	return strings.NewReplacer(`\/`, "/", "&amp;", "&", `\u0026`, "&", "&#38;", "&").Replace(s)
}

// verdict is what came of a module.
type verdict struct {
	suite    string // PASSED, WARNING, REVIEW, SKIPPED or FAILED
	signedIn bool
	calls    map[string]int
	remarks  []string
}

// problems returns what is wrong with a verdict, by the suite's judgement or by ours.
func (v verdict) problems(want outcome) (wrong []string) {
	if v.suite != cmp.Or(want.suite, "PASSED") {
		wrong = append(wrong, fmt.Sprintf("the suite says %s: %v", v.suite, v.remarks))
	}
	if v.signedIn != want.signedIn {
		wrong = append(wrong, fmt.Sprintf("signed in at the end: %t", v.signedIn))
	}
	for name, n := range want.calls {
		if v.calls[name] != n {
			wrong = append(wrong, fmt.Sprintf("%d requests to %s, want %d", v.calls[name], name, n))
		}
	}
	return wrong
}

// carryOut runs a module with a fresh process of the app.
func (d driver) carryOut(t *testing.T, p published, created plan, module string, v variant) verdict {
	t.Helper()
	r := &run{suite: d.suite, id: d.suite.start(t, created, module, v), app: d.url, visitor: visitor.New(t)}
	client := d.client
	if p.register {
		client = d.register(t, p)
	}
	running := d.app(p).Run(t, d.port, d.env(p, client)...)
	if do := p.expected[module].do; do != nil {
		do(t, r)
	} else {
		signIn(t, r)
	}
	got := verdict{signedIn: r.visitor.Fetch(r.app+"/api/me").Status == http.StatusOK}
	last := d.suite.await(t, r.id, finished, interrupted)
	running.Stop(t)
	log := d.suite.log(t, r.id)
	got.suite, got.calls, got.remarks = last.Result, calls(log), complaints(log)
	return got
}
