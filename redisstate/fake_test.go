package redisstate_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// fake implements as much of a Redis server as the package needs. It recognizes the scripts by what they call; the live
// tests of the end-to-end module run them.
type fake struct {
	mu      sync.Mutex
	entries map[string]entry
	lists   map[string]map[string]int64 // by owner's key and session: the end, in Unix milliseconds
	conns   map[net.Conn]bool
	dials   int    // connections
	calls   int    // commands of the package, not of the handshake
	silent  bool   // takes commands and answers none
	refusal string // answers every command of the package
	refuses string // or this command alone, if it is not ""
	down    bool   // neither has connections nor takes new ones
	info    string // its maxmemory-policy as INFO reports it; "": refuses INFO; "-": reports none
	config  string // and as CONFIG GET reports it
	copies  []int  // how many replicas acknowledge each WAIT; then none do
	lost    int    // replies that are missing to each MGET

	cluster []string      // the addresses of the nodes, which have the same number of slots; nil: none
	hold    chan struct{} // keeps the question for the nodes waiting, unless it is nil
}

type entry struct {
	value string
	ends  time.Time
}

func newFake() *fake {
	return &fake{entries: map[string]entry{}, lists: map[string]map[string]int64{}, conns: map[net.Conn]bool{}}
}

// listen serves on loopback and returns the URL.
func (f *fake) listen(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go f.accept(l)
	return "redis://" + l.Addr().String()
}

// listenTLS is listen for clients whose certificate the authority has issued.
func (f *fake) listenTLS(t testing.TB, authority *testapp.Authority) (addr string) {
	t.Helper()
	pem, err := os.ReadFile(authority.File)
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(pem)
	pair, err := tls.LoadX509KeyPair(authority.Issue(t, "server"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go f.accept(l)
	return l.Addr().String()
}

func (f *fake) accept(l net.Listener) {
	for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
		go f.serve(conn)
	}
}

// client is connected to f by pipes, so that it works in a bubble of testing/synctest.
func (f *fake) client(t testing.TB) rueidis.Client {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{"fake"}, ForceSingleClient: true, PipelineMultiplex: -1, DisableCache: true,
		ClientSetInfo: rueidis.DisableClientSetInfo, Dialer: net.Dialer{KeepAlive: -1},
		DialCtxFn: func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) {
			near, far := net.Pipe()
			go f.serve(far)
			return near, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	if f.down {
		for conn := range f.conns {
			conn.Close()
		}
	}
}

func (f *fake) serve(conn net.Conn) {
	defer conn.Close()
	f.set(func() { f.conns[conn] = true; f.dials++ })
	defer f.set(func() { delete(f.conns, conn) })
	r := bufio.NewReader(conn)
	for deaf := false; ; {
		args, err := readCommand(r)
		if err != nil {
			return
		}
		if args[0] == "CLUSTER" && f.hold != nil {
			<-f.hold // a test sends when it wants to know of the question, and closes when it wants the answer
			<-f.hold
		}
		reply := f.answer(args)
		if deaf = deaf || reply == ""; deaf {
			continue // forever, as on a network that lost the connection without notice
		}
		if _, err := io.WriteString(conn, reply); err != nil {
			return
		}
	}
}

func readCommand(r *bufio.Reader) ([]string, error) {
	n, err := readNumber(r)
	args := make([]string, n)
	for i := range args {
		var size int
		if size, err = readNumber(r); err != nil {
			return nil, err
		}
		b := make([]byte, size+len("\r\n"))
		if _, err = io.ReadFull(r, b); err != nil {
			return nil, err
		}
		args[i] = string(b[:size])
	}
	return args, err
}

// readNumber reads a line such as "*3" or "$12".
func readNumber(r *bufio.Reader) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}

func (f *fake) answer(args []string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if args[0] == "HELLO" && !f.silent {
		return "-ERR unknown command 'HELLO'\r\n"
	}
	f.calls++
	switch {
	case f.silent:
		return ""
	case f.refusal != "" && (f.refuses == "" || f.refuses == args[0]):
		return "-" + f.refusal + "\r\n"
	case args[0] == "CLUSTER" && f.cluster != nil:
		return f.slots()
	case args[0] == "INFO" && f.info == "-":
		return "$11\r\nmaxmemory:0\r\n"
	case args[0] == "INFO" && f.info != "":
		text := "# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:" + f.info + "\r\nallocator:x\r\n"
		return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
	case args[0] == "CONFIG" && f.config != "":
		return fmt.Sprintf("*2\r\n$16\r\nmaxmemory-policy\r\n$%d\r\n%s\r\n", len(f.config), f.config)
	case args[0] == "WAIT":
		n := 0
		if len(f.copies) > 0 {
			n, f.copies = f.copies[0], f.copies[1:]
		}
		return fmt.Sprintf(":%d\r\n", n)
	case args[0] == "PING":
		return "+PONG\r\n"
	case args[0] == "GET":
		if e, ok := f.live(args[1]); ok {
			return fmt.Sprintf("$%d\r\n%s\r\n", len(e.value), e.value)
		}
		return "$-1\r\n"
	case args[0] == "MGET" && len(args) == 1:
		return "-ERR wrong number of arguments for 'mget' command\r\n"
	case args[0] == "MGET":
		replies := fmt.Sprintf("*%d\r\n", len(args)-1-f.lost)
		for _, key := range args[1+f.lost:] {
			reply := "$-1\r\n"
			if e, ok := f.live(key); ok {
				reply = fmt.Sprintf("$%d\r\n%s\r\n", len(e.value), e.value)
			}
			replies += reply
		}
		return replies
	case args[0] == "SET":
		return f.store(args[1], args[2], args[3:])
	case args[0] == "DEL":
		_, ok := f.live(args[1])
		delete(f.entries, args[1])
		return map[bool]string{true: ":1\r\n", false: ":0\r\n"}[ok]
	case args[0] == "EVAL" && strings.Contains(args[1], "PTTL"):
		return f.revoke(args[3], args[4], args[5])
	case args[0] == "EVAL" && strings.Contains(args[1], "DEL"):
		if e, ok := f.live(args[3]); ok && e.value == args[4] {
			delete(f.entries, args[3])
		}
		return ":0\r\n"
	case args[0] == "EVAL" && strings.Contains(args[1], "ZSCORE"):
		if until, ok := f.lists[args[3]][args[4]]; ok && until > time.Now().UnixMilli() {
			return ":0\r\n"
		}
		if reply := f.enlist(args[3], args[4], args[5], args[6]); reply[0] == '-' {
			return reply
		}
		return ":1\r\n"
	case args[0] == "EVAL" && strings.Contains(args[1], "ZADD"):
		return f.enlist(args[3], args[4], args[5], args[6])
	case args[0] == "EVAL" && strings.Contains(args[1], "'ZREM'"):
		delete(f.lists[args[3]], args[4])
		return ":0\r\n"
	case args[0] == "EVAL" && strings.Contains(args[1], "ZRANGEBYSCORE"):
		return f.listed(args[3])
	}
	return "-ERR unknown command\r\n"
}

// slots answers CLUSTER SLOTS.
func (f *fake) slots() string {
	reply := fmt.Sprintf("*%d\r\n", len(f.cluster))
	for i, addr := range f.cluster {
		const all = 1 << 14
		host, port, _ := net.SplitHostPort(addr)
		reply += fmt.Sprintf("*3\r\n:%d\r\n:%d\r\n*3\r\n$%d\r\n%s\r\n:%s\r\n$1\r\n%d\r\n",
			all*i/len(f.cluster), all*(i+1)/len(f.cluster)-1, len(host), host, port, i)
	}
	return reply
}

func (f *fake) live(key string) (entry, bool) {
	e, ok := f.entries[key]
	return e, ok && time.Now().Before(e.ends)
}

func (f *fake) store(key, value string, options []string) string {
	_, exists := f.live(key)
	e := entry{value: value}
	for i, option := range options {
		switch option {
		case "NX":
			if exists {
				return "$-1\r\n"
			}
		case "XX":
			if !exists {
				return "$-1\r\n"
			}
		case "EX", "PX":
			unit := map[string]time.Duration{"EX": time.Second, "PX": time.Millisecond}[option]
			n, err := strconv.Atoi(options[i+1])
			if err != nil || n <= 0 {
				return "-ERR invalid expire time in 'set' command\r\n"
			}
			e.ends = time.Now().Add(time.Duration(n) * unit)
		}
	}
	f.entries[key] = e // without EX or PX it has ended already: everything the package sets has to end
	return "+OK\r\n"
}

func (f *fake) revoke(key, at, ttl string) string {
	e, _ := f.live(key)
	old, _ := strconv.ParseInt(e.value, 10, 64)
	ms, _ := strconv.ParseInt(at, 10, 64)
	life, _ := strconv.ParseInt(ttl, 10, 64)
	if life <= 0 {
		return "-ERR invalid expire time in 'set' command\r\n"
	}
	if end := time.Now().Add(time.Duration(life) * time.Millisecond); end.After(e.ends) {
		e.ends = end
	}
	e.value = strconv.FormatInt(max(old, ms), 10)
	f.entries[key] = e
	return "+OK\r\n"
}
