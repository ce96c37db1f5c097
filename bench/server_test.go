package bench

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const serveVariable = "GINOIDC_BENCH_SERVE"

// TestMain serves one contender in a process of its own if the parent asks for it.
func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) != "" {
		runtime.GOMAXPROCS(1)
	}
	os.Exit(m.Run())
}

// TestServe is the server in the child process: it prints the address and the credentials, and serves until its
// standard input is closed.
func TestServe(t *testing.T) {
	name := os.Getenv(serveVariable)
	if name == "" {
		t.Skip("for the child processes of TestReport")
	}
	all := overHTTP(t)
	i := slices.IndexFunc(all, func(c contender) bool { return c.name == name })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := all[i]
	fmt.Printf("\n%s%s\t%s\t%s\n", serving, l.Addr(), c.cookie, c.authorization)
	server := &http.Server{Handler: c.handler, ReadHeaderTimeout: time.Second}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	if err := server.Serve(l); err != http.ErrServerClosed {
		t.Error(err)
	}
}

const serving = "serving: "

// process is a contender in a process with one core.
type process struct {
	name, addr, cookie, authorization string
	stop                              func()
}

func start(t testing.TB, name string) process {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestServe$")
	cmd.Env = append(os.Environ(), serveVariable+"="+name)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := process{name: name, stop: sync.OnceFunc(func() { stdin.Close(); _ = cmd.Wait() })}
	t.Cleanup(p.stop)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), serving); ok {
			parts := strings.Split(text, "\t")
			p.addr, p.cookie, p.authorization = parts[0], parts[1], parts[2]
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return p
		}
	}
	t.Fatal(name + ": no server")
	return p
}

// load sends requests over so many connections for a while, each after the answer to the one before, and returns how
// many were answered per second.
func (p process) load(t testing.TB, connections int, d time.Duration) float64 {
	t.Helper()
	request := contender{cookie: p.cookie, authorization: p.authorization}.request()
	var all sync.WaitGroup
	counts, failures := make([]int, connections), make([]error, connections)
	began := time.Now()
	for i := range connections {
		all.Go(func() { counts[i], failures[i] = exchange(p.addr, request, began.Add(d)) })
	}
	all.Wait()
	took, total := time.Since(began), 0
	for i, n := range counts {
		if failures[i] != nil {
			t.Fatalf("%s: %v", p.name, failures[i])
		}
		total += n
	}
	return float64(total) / took.Seconds()
}

// request returns the request of the contender as it is sent.
func (c contender) request() string {
	request := "GET /x HTTP/1.1\r\nHost: app.example.com\r\nAccept: application/json\r\n"
	if c.cookie != "" {
		request += "Cookie: " + c.cookie + "\r\n"
	}
	if c.authorization != "" {
		request += "Authorization: " + c.authorization + "\r\n"
	}
	return request + "\r\n"
}

func exchange(addr, request string, until time.Time) (n int, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 16<<10)
	for ; time.Now().Before(until); n++ {
		if _, err := io.WriteString(conn, request); err != nil {
			return n, err
		}
		status, err := r.ReadString('\n')
		if err != nil {
			return n, err
		}
		if !strings.Contains(status, " 200 ") {
			return n, fmt.Errorf("%q", status)
		}
		for line := status; line != "\r\n"; { // no contender has a body
			if line, err = r.ReadString('\n'); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// rates measures the processes in turn, in many short rounds, and returns the upper quartile of the requests a second.
func rates(t testing.TB, all []process, rounds int, d time.Duration) map[string]float64 {
	t.Helper()
	perSecond := map[string][]float64{}
	for range rounds {
		for _, p := range all {
			perSecond[p.name] = append(perSecond[p.name], p.load(t, 16, d))
		}
	}
	result := map[string]float64{}
	for name, rates := range perSecond {
		slices.Sort(rates)
		result[name] = rates[len(rates)-1-len(rates)/4]
	}
	return result
}
