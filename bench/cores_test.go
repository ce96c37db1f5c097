package bench

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"gonum.org/v1/plot/plotter"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/limit"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
	"github.com/seed-d65cea4d/ginoidc/memorystore"
)

// providers: the user's is the one configured last.
func (r *report) providers(t *testing.T) {
	one := series{name: "ginoidc, sealed cookie"}
	r.print("## Providers\n\nµs for a guarded request in an app with so many providers.\n\n| providers | µs |\n| " +
		"---: | ---: |\n")
	for _, n := range []int{1, 10, 100, 1000} {
		c := severalProviders(t, n)
		f := interleaved(t, []contender{c}, *rounds)
		one.points = append(one.points, plotter.XY{X: float64(n), Y: micro(f[0].least)})
		r.print("| %d | %.2f |\n", n, micro(f[0].least))
	}
	r.plot(t, "providers", "Providers", "providers", "µs", one)
}

// severalProviders guards with so many providers. The user's is the one configured last.
func severalProviders(t testing.TB, n int) contender {
	t.Helper()
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		of := c.Providers[0]
		c.Providers = nil
		for i := range n {
			of.Name, of.Issuer = fmt.Sprintf("p%d", i), fmt.Sprintf("https://p%d.example.com", i)
			c.Providers = append(c.Providers, of)
		}
	})
	e := guardedBy(a.Auth)
	e.GET("/start", func(c *gin.Context) {
		u := limit.Alice(3)
		if err := a.Auth.StartSession(c, &ginoidc.User{
			Subject: u.Subject, Email: u.Email, Name: u.Name, Groups: u.Groups, Provider: fmt.Sprintf("p%d", n-1),
		}); err != nil {
			t.Error(err)
		}
	})
	return contender{name: pluginName, handler: e, cookie: started(t, e)}
}

// cores: requests a second of one process, each core with requests of its own.
func (r *report) cores(t *testing.T) {
	all := []contender{
		bare(""), handWritten(t, 3), plugin(t, pluginName, 3, nil),
		plugin(t, memoryName, 3, func(c *ginoidc.Config) { c.Store = memorystore.New(memorystore.Config{}) }),
	}
	r.print("## Cores\n\nMillions of requests a second in the process, best of the rounds.\n\n" +
		"| | 1 core | 2 cores |\n| --- | ---: | ---: |\n")
	for _, c := range all {
		var best [3]float64
		for range max(3, *rounds/4) {
			for cores := 1; cores <= min(2, runtime.NumCPU()); cores++ {
				best[cores] = max(best[cores], parallel(t, c, cores))
			}
		}
		r.print("| %s | %.2f | %.2f |\n", c.name, best[1]/1e6, best[2]/1e6)
	}
	r.print("\n")
}

// parallel returns requests a second on so many cores.
func parallel(t *testing.T, c contender, cores int) float64 {
	t.Helper()
	const requests = 20_000
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	var all sync.WaitGroup
	serve := make([]func(), cores)
	for i := range serve {
		serve[i] = c.serving(t)
	}
	began := time.Now()
	for _, serve := range serve {
		all.Go(func() {
			for range requests {
				serve()
			}
		})
	}
	all.Wait()
	return float64(cores*requests) / time.Since(began).Seconds()
}
