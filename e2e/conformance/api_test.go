package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"testing"
	"time"
)

// api is the HTTP API of a running suite.
type api struct {
	base   string // without a trailing slash
	client *http.Client
}

// variant selects between the forms of a plan or a module, such as "client_auth_type": "private_key_jwt".
type variant map[string]string

// plan is a plan that the suite has created.
type plan struct {
	ID      string `json:"id"`
	Modules []struct {
		Name    string  `json:"testModule"`
		Variant variant `json:"variant"`
	} `json:"modules"`
}

// The statuses in which the suite waits for a request, and in which a module has ended.
const (
	waiting     = "WAITING"
	finished    = "FINISHED"
	interrupted = "INTERRUPTED"
)

// info is what the suite says about a module that it has started.
type info struct {
	Status string `json:"status"`
	Result string `json:"result"`
}

// entry is a line of a module's log.
type entry struct {
	Message string `json:"msg"`
	Result  string `json:"result"` // of a check: SUCCESS, INFO, WARNING, FAILURE or REVIEW
	Source  string `json:"src"`
	HTTP    string `json:"http"`          // "incoming" for a request to the suite
	Path    string `json:"incoming_path"` // of that request
	Method  string `json:"incoming_method"`
}

func (a api) create(t testing.TB, name string, v variant, config any) plan {
	t.Helper()
	var p plan
	a.call(t, http.MethodPost, "/api/plan", url.Values{"planName": {name}, "variant": {text(t, v)}}, config, &p)
	return p
}

// start starts a module of a plan and returns its id when it waits for requests.
func (a api) start(t testing.TB, p plan, module string, v variant) string {
	t.Helper()
	var started struct {
		ID string `json:"id"`
	}
	a.call(t, http.MethodPost, "/api/runner",
		url.Values{"test": {module}, "plan": {p.ID}, "variant": {text(t, v)}}, nil, &started)
	if got := a.await(t, started.ID, waiting, finished, interrupted); got.Status != waiting {
		t.Fatalf("%s is %s before it began: %v", module, got.Status, complaints(a.log(t, started.ID)))
	}
	return started.ID
}

// await returns when the module has one of the statuses.
func (a api) await(t testing.TB, id string, statuses ...string) info {
	t.Helper()
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(200 * time.Millisecond) {
		var now info
		a.call(t, http.MethodGet, "/api/info/"+id, nil, nil, &now)
		if slices.Contains(statuses, now.Status) {
			return now
		}
		if time.Now().After(deadline) {
			t.Fatalf("still %s after %s, not %s: %v", now.Status, waitLimit, statuses, complaints(a.log(t, id)))
		}
	}
}

const waitLimit = time.Minute

func (a api) log(t testing.TB, id string) (entries []entry) {
	t.Helper()
	a.call(t, http.MethodGet, "/api/log/"+id, nil, nil, &entries)
	return entries
}

// visit returns the address that the suite asks its user to open, and reports it as opened.
func (a api) visit(t testing.TB, id string) string {
	t.Helper()
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(200 * time.Millisecond) {
		var b struct {
			URLs []string `json:"urls"`
		}
		a.call(t, http.MethodGet, "/api/runner/browser/"+id, nil, nil, &b)
		if len(b.URLs) > 0 {
			a.call(t, http.MethodPost, "/api/runner/browser/"+id+"/visit", url.Values{"url": {b.URLs[0]}}, nil, nil)
			return b.URLs[0]
		}
		if time.Now().After(deadline) {
			t.Fatalf("no address to open after %s", waitLimit)
		}
	}
}

func (a api) call(t testing.TB, method, path string, query url.Values, in, out any) {
	t.Helper()
	var body io.Reader
	if in != nil {
		body = bytes.NewBufferString(text(t, in))
	}
	r, err := http.NewRequestWithContext(t.Context(), method, a.base+path+"?"+query.Encode(), body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := a.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil || resp.StatusCode < 200 || resp.StatusCode > 299 {
		t.Fatalf("%s %s: %s %.600s (%v)", method, path, resp.Status, answer, err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			t.Fatalf("%s %s: %v in %.600s", method, path, err, answer)
		}
	}
}

func text(t testing.TB, v any) string {
	t.Helper()
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// calls counts the requests to the suite by the last element of their paths.
func calls(entries []entry) map[string]int {
	count := map[string]int{}
	for _, e := range entries {
		if e.HTTP == "incoming" {
			count[path.Base(e.Path)]++
		}
	}
	return count
}

// complaints returns what a log says about failed checks.
func complaints(entries []entry) (lines []string) {
	for _, e := range entries {
		if e.Result == "FAILURE" || e.Result == "WARNING" {
			lines = append(lines, fmt.Sprintf("%s %s: %s", e.Result, e.Source, e.Message))
		}
	}
	return lines
}
