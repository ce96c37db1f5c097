package load_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// gate is an address of the provider or of Redis whose connections fail on demand. A connection that is open when a
// fault begins is reset, like one that a firewall forgets.
type gate struct {
	name, addr, backend string
	faults              []fault
	often               float64 // the probability of a fault

	fault atomic.Pointer[fault]
	mu    sync.Mutex
	open  map[net.Conn]bool
	met   map[string]int // connections by the fault that they met
}

// fault is a way to serve a connection.
type fault struct {
	name  string
	serve func(net.Conn)
}

func newGate(t *testing.T, name, backend string, faults []fault) *gate {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{
		name: name, addr: listener.Addr().String(), backend: backend, faults: faults, often: 0.25,
		open: map[net.Conn]bool{}, met: map[string]int{},
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { g.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		g.closeAll()
		serving.Wait()
	})
	return g
}

func (g *gate) serve(conn net.Conn) {
	defer conn.Close()
	f := g.fault.Load()
	g.mu.Lock()
	g.open[conn] = true
	if f != nil {
		g.met[f.name]++
	}
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		delete(g.open, conn)
		g.mu.Unlock()
	}()
	if f != nil {
		f.serve(conn)
		return
	}
	backend, err := net.Dial("tcp", g.backend)
	if err != nil {
		return
	}
	defer backend.Close()
	go func() {
		_, _ = io.Copy(backend, conn)
		_ = backend.Close()
	}()
	_, _ = io.Copy(conn, backend)
}

// roll makes the gate fail in a random way, or work.
func (g *gate) roll(r *rand.Rand) {
	var next *fault
	if r.Float64() < g.often {
		next = &g.faults[r.IntN(len(g.faults))]
	}
	g.set(next)
}

func (g *gate) set(next *fault) {
	if g.fault.Swap(next) != next {
		g.closeAll()
	}
}

func (g *gate) closeAll() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for conn := range g.open {
		_ = conn.Close()
	}
}

// report returns how many faults of the gate were met, and by how many connections.
func (g *gate) report() (kinds, connections int, missing []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, f := range g.faults {
		if n := g.met[f.name]; n > 0 {
			kinds, connections = kinds+1, connections+n
		} else {
			missing = append(missing, f.name)
		}
	}
	return kinds, connections, missing
}

func (g *gate) String() string {
	kinds, connections, missing := g.report()
	if len(missing) == 0 {
		return fmt.Sprintf("%s %d", g.name, connections)
	}
	return fmt.Sprintf("%s %d (%d of %d faults, without %s)", g.name, connections, kinds, len(g.faults),
		strings.Join(missing, ", "))
}
