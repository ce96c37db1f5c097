package main

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startLimit bounds how long Prometheus may take to start and to scrape.
const startLimit = time.Minute

// program returns the path of a program of Debian's package prometheus. Without it the tests fail: a test that skips
// itself looks like one that passed.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: apt-get install prometheus", err)
	}
	return path
}

// TestRules: the rules and the configuration are valid, and each alert fires when it should and not otherwise.
func TestRules(t *testing.T) {
	for _, args := range [][]string{
		{"check", "config", "prometheus.yml"}, {"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"},
	} {
		if out, err := exec.Command(program(t, "promtool"), args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %q: %v\n%s", args, err, out)
		}
	}
	tests, page := readFile(t, "alerts_test.yml"), readFile(t, "../../docs/observability.md")
	for _, m := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(readFile(t, "alerts.yml"), -1) {
		quiet := strings.Count(tests, "{alertname: "+m[1]+", ")
		if fires := strings.Count(tests, "- alertname: "+m[1]+"\n"); quiet == 0 || fires == 0 {
			t.Errorf("alerts_test.yml has %s %d times when it fires and %d times when it does not", m[1], fires, quiet)
		}
		if !strings.Contains(page, "| `"+m[1]+"` |") {
			t.Errorf("docs/observability.md lacks the alert %s", m[1])
		}
	}
}

// TestPrometheus: a real Prometheus with the files of this directory finds each metric that the alerts and the
// dashboard name, and evaluates all of their expressions.
func TestPrometheus(t *testing.T) {
	app := start(t)
	app.drive()
	p := startPrometheus(t, app)
	alerts, dashboard := readFile(t, "alerts.yml"), readDashboard(t)
	named := regexp.MustCompile(`ginoidc_\w+_(total|count|bucket)`)
	metrics := named.FindAllString(alerts+strings.Join(dashboard.expressions(), " "), -1)
	slices.Sort(metrics)
	if metrics = slices.Compact(metrics); len(metrics) < 9 {
		t.Fatalf("only %q are named", metrics)
	}
	for _, name := range metrics {
		p.await("two samples of "+name, func() bool { return p.query("count_over_time("+name+"[1m]) > 1") > 0 })
	}
	const interval = "$__rate_interval"
	for _, expr := range dashboard.expressions() {
		if expr = strings.NewReplacer(interval, "1m", "$provider", ".*").Replace(expr); p.query(expr) == 0 {
			t.Errorf("no data for %s", expr)
		}
	}
	for name, rule := range p.rules() {
		if !strings.Contains(alerts, "alert: "+name+"\n") || rule.Health != "ok" {
			t.Errorf("rule %s: %+v", name, rule)
		}
	}
	page := app.scrape()
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) (\w+)`).FindAllStringSubmatch(page, -1) {
		name := m[1]
		if m[2] == "histogram" {
			name += "_bucket"
		}
		if !slices.Contains(metrics, name) {
			t.Errorf("neither an alert nor the dashboard has %s", name)
		}
	}
}

// TestDashboard: what Grafana needs is there, each panel has a place of its own, and all use the chosen data source.
func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	taken := map[[2]int]string{}
	ids := map[int]bool{}
	for _, panel := range d.Panels {
		at := panel.GridPos
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q is in the place of %q, or too far to the right", panel.Title, other)
				}
				taken[[2]int{x, y}] = panel.Title
			}
		}
		if ids[panel.ID] || panel.Title == "" || panel.Datasource.UID != "${datasource}" || len(panel.Targets) == 0 {
			t.Errorf("%+v", panel)
		}
		ids[panel.ID] = true
	}
	if len(d.Panels) < 10 || d.UID == "" || d.Title == "" || len(d.Templating.List) != 2 {
		t.Errorf("%d panels, uid %q, title %q", len(d.Panels), d.UID, d.Title)
	}
}

// dashboard is the part of the model of Grafana's dashboards that the tests look at.
type dashboard struct {
	UID, Title string
	Templating struct{ List []struct{ Name string } }
	Panels     []struct {
		ID         int
		Title      string
		Datasource struct{ UID string }
		GridPos    struct{ X, Y, W, H int }
		Targets    []struct{ Expr string }
	}
}

func (d dashboard) expressions() (all []string) {
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			all = append(all, target.Expr)
		}
	}
	return all
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal([]byte(readFile(t, "dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// promServer is a running Prometheus.
type promServer struct {
	*testing.T
	url string
}

// startPrometheus runs Prometheus with the files of this directory, except that it scrapes the app of the test, and
// each second.
func startPrometheus(t *testing.T, app *running) promServer {
	t.Helper()
	target, err := url.Parse(app.metrics.URL)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := strings.NewReplacer("'localhost:9464'", "'"+target.Host+"'", "15s", "1s").
		Replace(readFile(t, "prometheus.yml"))
	if !strings.Contains(config, target.Host) {
		t.Fatal("prometheus.yml has another target")
	}
	for name, text := range map[string]string{"prometheus.yml": config, "alerts.yml": readFile(t, "alerts.yml")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := freeAddress(t)
	cmd := exec.Command(program(t, "prometheus"), "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=warn")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("prometheus: %v\n%s", err, out.String())
		}
	})
	p := promServer{t, "http://" + address}
	p.await("Prometheus", func() bool {
		response, err := http.Get(p.url + "/-/ready")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return p
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// await polls, because a scrape takes its time.
func (p promServer) await(what string, ready func() bool) {
	p.Helper()
	for deadline := time.Now().Add(startLimit); !ready(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.Fatalf("%s: not within %s", what, startLimit)
		}
	}
}

// get asks the HTTP API and decodes data.
func (p promServer) get(path string, data any) {
	p.Helper()
	response, err := http.Get(p.url + path)
	if err != nil {
		p.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var body struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		p.Fatal(err)
	}
	if body.Status != "success" {
		p.Fatalf("%s: %s", path, body.Error)
	}
	if err := json.Unmarshal(body.Data, data); err != nil {
		p.Fatal(err)
	}
}

// query returns how many series an expression has.
func (p promServer) query(expr string) int {
	p.Helper()
	var data struct{ Result []json.RawMessage }
	p.get("/api/v1/query?query="+url.QueryEscape(expr), &data)
	return len(data.Result)
}

// rule is an alert as Prometheus has evaluated it.
type rule struct{ Name, Health, State string }

// rules returns the rules by name once all have been evaluated.
func (p promServer) rules() map[string]rule {
	p.Helper()
	found := map[string]rule{}
	p.await("the rules", func() bool {
		var data struct{ Groups []struct{ Rules []rule } }
		p.get("/api/v1/rules", &data)
		for _, group := range data.Groups {
			for _, r := range group.Rules {
				found[r.Name] = r
			}
		}
		unknown := func(r rule) bool { return r.Health == "unknown" }
		return len(found) > 0 && !slices.ContainsFunc(slices.Collect(maps.Values(found)), unknown)
	})
	return found
}
