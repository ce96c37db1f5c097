package start

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Durable returns the arguments of [RunRedisProgram] that let Redis write every change to a file before it responds, so
// that it loses nothing when it is killed and restarted.
func Durable() []string { return []string{"--appendonly", "yes", "--appendfsync", "always"} }

// Kill ends the process at once, so that it cannot finish anything.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	p.stopped = true
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Errorf("%s was gone before it was killed: %v", p.cmd.Path, err)
	}
	<-p.exited
}

// KillAll ends the process and its children at once. A PostgreSQL whose main process alone was killed does not start
// again as long as one of its children runs.
func (p *Process) KillAll(t testing.TB) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGSTOP) // no further children
	children := childrenOf(t, p.cmd.Process.Pid)
	for _, child := range children {
		_ = syscall.Kill(child, syscall.SIGKILL) // it may have ended by itself
	}
	p.Kill(t)
	for _, child := range children {
		for deadline := time.Now().Add(stopLimit); runs(child) && time.Now().Before(deadline); {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// childrenOf reads Linux's list of processes.
func childrenOf(t testing.TB, parent int) (children []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		t.Fatalf("no /proc: %v", err)
	}
	for _, stat := range stats {
		text, _ := os.ReadFile(stat) // it may have ended meanwhile
		if fields := afterName(text); len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			children = append(children, pid)
		}
	}
	return children
}

func runs(pid int) bool {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := afterName(text)
	return len(fields) > 0 && fields[0] != "Z"
}

// afterName returns the fields of a /proc/PID/stat after the name, which may contain spaces: state, parent …
func afterName(stat []byte) []string {
	text := string(stat)
	return strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
}
