package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/memorystore"
)

// series is what a plot shows of one contender.
type series struct {
	name   string
	points plotter.XYs
}

func (r *report) growth(t *testing.T) {
	r.print("# Performance: what grows\n\nWritten by the command of [performance.md](performance.md), with the same " +
		"contenders.\n\n")
	r.groups(t)
	r.foreignCookies(t)
	r.revocations(t)
	r.sessions(t)
	r.providers(t)
	r.cores(t)
}

// groups: cookies of more than about 100 groups are split, and those of 1,000 do not fit.
func (r *report) groups(t *testing.T) {
	sizes := []int{1, 3, 10, 25, 50, 100, 200, 500}
	big := func(c *ginoidc.Config) { c.Store = memorystore.New(memorystore.Config{}) }
	var limits, sealed, memory series
	limits.name, sealed.name, memory.name = "hand-written limit", "ginoidc, sealed cookie", "ginoidc, memorystore"
	var few time.Duration
	r.print("## Groups of the user\n\nµs for a guarded request. The limit decodes all groups. The plugin searches " +
		"them as they are:\nof more than 31, a few.\n\n" +
		"| groups | limit | sealed cookie | × limit | memorystore |\n| ---: | ---: | ---: | ---: | ---: |\n")
	for _, n := range sizes {
		f := interleaved(t, []contender{
			handWritten(t, n), plugin(t, pluginName, n, nil), plugin(t, memoryName, n, big),
		}, *rounds)
		x := float64(n)
		limits.points = append(limits.points, plotter.XY{X: x, Y: micro(f[0].least)})
		sealed.points = append(sealed.points, plotter.XY{X: x, Y: micro(f[1].least)})
		memory.points = append(memory.points, plotter.XY{X: x, Y: micro(f[2].least)})
		if n == 50 || n == 500 {
			r.most(fmt.Sprintf("%d groups, × limit", n), ratio(f, pluginName, limitName), 1)
		}
		if n == 3 {
			few = f[2].least
		}
		r.print("| %d | %.2f | %.2f | %.2f | %.2f |\n", n, micro(f[0].least), micro(f[1].least),
			ratio(f, pluginName, limitName), micro(f[2].least))
	}
	most := interleaved(t, []contender{plugin(t, memoryName, 1000, big)}, *rounds)[0]
	memory.points = append(memory.points, plotter.XY{X: 1000, Y: micro(most.least)})
	r.most(flatTarget, float64(most.least)/float64(few), 1.25)
	r.print("| 1000 | in no cookie | in no cookie | | %.2f |\n", micro(most.least))
	r.plot(t, "groups", "Groups of the user", "groups", "µs", limits, sealed, memory)
}

func (r *report) foreignCookies(t *testing.T) {
	var limits, sealed series
	limits.name, sealed.name = "hand-written limit", "ginoidc, sealed cookie"
	r.print("## Cookies of others\n\nµs for a guarded request, whose Cookie header has so many bytes of other " +
		"cookies.\n\n" +
		"| bytes | limit | sealed cookie |\n| ---: | ---: | ---: |\n")
	var without, with []figure
	for _, n := range []int{0, 35, 70, 140, 210, 280} {
		both := []contender{handWritten(t, 3), plugin(t, pluginName, 3, nil)}
		var foreign strings.Builder
		for i := range n {
			fmt.Fprintf(&foreign, "foreign_%03d=%015d; ", i, i)
		}
		for i := range both {
			both[i].cookie = foreign.String() + both[i].cookie
		}
		f := interleaved(t, both, *rounds)
		if with = f; n == 0 {
			without = f
		}
		x := float64(foreign.Len())
		limits.points = append(limits.points, plotter.XY{X: x, Y: micro(f[0].least)})
		sealed.points = append(sealed.points, plotter.XY{X: x, Y: micro(f[1].least)})
		r.print("| %d | %.2f | %.2f |\n", foreign.Len(), micro(f[0].least), micro(f[1].least))
	}
	r.most("8 kB of cookies of others, × what they cost the limit",
		float64(with[1].least-without[1].least)/float64(with[0].least-without[0].least), 1)
	r.plot(t, "cookies", "Cookies of others", "bytes", "µs", limits, sealed)
}

// revocations: how long a guarded request takes while so many other users are signed out.
func (r *report) revocations(t *testing.T) {
	one := series{name: "ginoidc, sealed cookie"}
	r.print("## Revocations\n\nµs for a guarded request while the process remembers so many ends of others' " +
		"sessions.\n\n" +
		"| revocations | µs |\n| ---: | ---: |\n")
	for _, n := range []int{0, 1_000, 10_000, 100_000, 1_000_000} {
		shared := state.NewMemory(2_000_000)
		c := plugin(t, pluginName, 3, func(c *ginoidc.Config) { c.State = shared })
		for i := range n {
			key := fmt.Sprintf("e%032x", i*2654435761)
			if err := shared.Revoke(context.Background(), key, time.Now(), time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		f := interleaved(t, []contender{c}, *rounds)
		one.points = append(one.points, plotter.XY{X: float64(n), Y: micro(f[0].least)})
		r.print("| %d | %.2f |\n", n, micro(f[0].least))
	}
	r.plot(t, "revocations", "Revocations", "revocations", "µs", one)
}

// sessions: memory and garbage collection of memorystore.
func (r *report) sessions(t *testing.T) {
	reads, pauses := series{name: "load of a session, µs"}, series{name: "forced garbage collection, ms"}
	r.print("## Sessions in `memorystore`\n\nRecords of 250 bytes. The collection is forced and has two cores.\n\n" +
		"| sessions | bytes each beyond the record | load of a random one, µs | collection, ms |\n| ---: | ---: | ---: " +
		"| ---: |\n")
	record := make([]byte, 250)
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		store := memorystore.New(memorystore.Config{MaxBytes: 2 << 30})
		sample := make([]*http.Request, 0, 1000)
		for i := range n {
			h := http.Header{}
			if err := store.SaveRecord(h, httptest.NewRequest(http.MethodGet, "/", nil), "sid", record, nil); err != nil {
				t.Fatal(err)
			}
			if i%(n/1000) == 0 {
				request := httptest.NewRequest(http.MethodGet, "/", nil)
				pair, _, _ := strings.Cut(h.Get("Set-Cookie"), ";")
				request.Header.Set("Cookie", pair)
				sample = append(sample, request)
			}
		}
		_, bytes := store.Usage()
		began := time.Now()
		for _, request := range sample {
			if got, _, err := store.LoadRecord(request, "sid"); len(got) != len(record) || err != nil {
				t.Fatal(len(got), err)
			}
		}
		load := micro(time.Since(began)) / float64(len(sample))
		runtime.GC()
		began = time.Now()
		runtime.GC()
		collected := micro(time.Since(began)) / 1000
		runtime.KeepAlive(store)
		reads.points = append(reads.points, plotter.XY{X: float64(n), Y: load})
		pauses.points = append(pauses.points, plotter.XY{X: float64(n), Y: collected})
		if n == 1_000_000 {
			r.most("a million sessions in memorystore, bytes each beyond the record", float64(bytes/n-len(record)), 450)
		}
		r.print("| %d | %d | %.2f | %.1f |\n", n, bytes/n-len(record), load, collected)
	}
	r.plot(t, "sessions", "Sessions in memorystore", "sessions", "", reads, pauses)
}

// plot writes an SVG file and links it.
func (r *report) plot(t *testing.T, file, title, x, y string, all ...series) {
	t.Helper()
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Y.Min, p.Legend.Top, p.Legend.Left = 0, true, true
	for i, s := range all {
		line, points, err := plotter.NewLinePoints(s.points)
		if err != nil {
			t.Fatal(err)
		}
		line.Color, points.Color, points.Shape = plotutil.Color(i), plotutil.Color(i), plotutil.Shape(i)
		p.Add(line, points)
		p.Legend.Add(s.name, line, points)
	}
	p.Add(plotter.NewGrid())
	if err := p.Save(16*vg.Centimeter, 9*vg.Centimeter, filepath.Join("../docs/performance", file+".svg")); err != nil {
		t.Fatal(err)
	}
	r.print("\n![%s](performance/%s.svg)\n\n", title, file)
}
