package ginoidcotel_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	ginoidcotel "github.com/seed-d65cea4d/ginoidc/otel"
)

// row is what the page says of a metric.
type row struct {
	kind, unit, description string
	attributes              map[string]bool
}

// TestDocumented: the table of docs/observability.md has each metric with the kind, unit, attributes and description
// that it has when all scenarios have happened.
func TestDocumented(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page, err := os.ReadFile("../docs/observability.md")
		if err != nil {
			t.Fatal(err)
		}
		reader := sdkmetric.NewManualReader()
		meters := ginoidcotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
		for _, s := range scenarios() {
			s.do(newApp(t, nil, meters))
		}
		documented, measured := documentedRows(string(page)), measuredRows(t, reader)
		for _, name := range slices.Sorted(maps.Keys(documented)) {
			if got, want := fmt.Sprint(documented[name]), fmt.Sprint(measured[name]); got != want {
				t.Errorf("%s is documented as\n%s\nand measured as\n%s", name, got, want)
			}
		}
		if len(documented) != 9 || len(measured) != 9 {
			t.Errorf("%d metrics are documented, %d measured", len(documented), len(measured))
		}
	})
}

// documentedRows reads the table of metrics.
func documentedRows(page string) map[string]row {
	rows := map[string]row{}
	code := regexp.MustCompile("`([^`]*)`")
	_, table, _ := strings.Cut(page, "## Metrics")
	table, _, _ = strings.Cut(table, "## Attributes")
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || !strings.HasPrefix(cells[1], " `ginoidc.") {
			continue
		}
		r := row{
			kind: strings.TrimSpace(cells[2]), unit: strings.Trim(cells[3], " `"), attributes: map[string]bool{},
			description: strings.ReplaceAll(strings.TrimSpace(cells[5]), "`", ""),
		}
		for _, name := range code.FindAllStringSubmatch(cells[4], -1) {
			r.attributes[name[1]] = true
		}
		rows[strings.Trim(cells[1], " `")] = r
	}
	return rows
}

// measuredRows returns the same of what the reader collects.
func measuredRows(t *testing.T, reader sdkmetric.Reader) map[string]row {
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	rows := map[string]row{}
	for _, m := range all.ScopeMetrics[0].Metrics {
		r := row{unit: m.Unit, description: m.Description, attributes: map[string]bool{}}
		var sets []attribute.Set
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			r.kind = "counter"
			for _, p := range data.DataPoints {
				sets = append(sets, p.Attributes)
			}
		case metricdata.Histogram[float64]:
			r.kind = "histogram"
			for _, p := range data.DataPoints {
				sets = append(sets, p.Attributes)
			}
		}
		for _, set := range sets {
			for _, kv := range set.ToSlice() {
				r.attributes[string(kv.Key)] = true
			}
		}
		rows[m.Name] = r
	}
	return rows
}
