package load_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// usage is what an instance uses.
type usage struct{ kilobytes, threads, descriptors int }

// usages are those of all instances.
type usages [instances]usage

func (u usages) String() (text string) {
	for i, u := range u {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%d MB, %d threads, %d descriptors", u.kilobytes>>10, u.threads, u.descriptors)
	}
	return text
}

// usage waits until the descriptors of idle connections are closed, and requires that few are left.
func (s *site) usage(t *testing.T) (u usages) {
	t.Helper()
	const descriptors = 60 // listener, log, Redis and the provider
	for i, app := range s.apps {
		for range 100 {
			if u[i] = usageOf(t, app.PID()); u[i].descriptors <= descriptors {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if u[i].descriptors > descriptors {
			t.Errorf("instance %d has %d descriptors open", i, u[i].descriptors)
		}
	}
	return u
}

// goroutines ends the instances, and requires that nothing is left of the requests: an idle connection has two
// goroutines, and the runtime, the server and the Redis client have some.
func (s *site) goroutines(t *testing.T, u usages) (n [instances]int) {
	t.Helper()
	for i, app := range s.apps {
		if n[i] = app.Goroutines(t); n[i] > 30+2*u[i].descriptors {
			t.Errorf("instance %d has %d goroutines", i, n[i])
		}
	}
	return n
}

func usageOf(t *testing.T, pid int) usage {
	t.Helper()
	dir := "/proc/" + strconv.Itoa(pid)
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		t.Fatal(err)
	}
	open, err := os.ReadDir(dir + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	number := func(name string) int {
		m := regexp.MustCompile(`(?m)^` + name + `:\s+(\d+)`).FindSubmatch(status)
		if m == nil {
			t.Fatalf("no %s in %s", name, status)
		}
		n, _ := strconv.Atoi(string(m[1])) // \d+
		return n
	}
	return usage{number("VmRSS"), number("Threads"), len(open)}
}
