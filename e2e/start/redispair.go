package start

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
)

// RedisPair is a primary and its replica, in either order. One of them at a time is killed: a replica that has not yet
// all that it had acknowledged before would lose it as the next primary.
type RedisPair struct {
	Nodes [2]Redis
	Run   func(t testing.TB, killed, primary Redis) Redis // starts a node again

	killed int
}

// RunRedisPair starts two servers that write every change to a file before they respond.
func RunRedisPair(t testing.TB, program string) *RedisPair {
	t.Helper()
	node := func(t testing.TB, port, dir string, args ...string) Redis {
		return RunRedisProgram(t, program, port, dir, append(Durable(), args...)...)
	}
	follow := func(primary Redis) []string {
		_, port, _ := net.SplitHostPort(primary.Addr)
		return []string{"--replicaof", "127.0.0.1 " + port}
	}
	primary := node(t, FreePort(t), t.TempDir())
	replica := node(t, FreePort(t), t.TempDir(), follow(primary)...)
	primary.AwaitReplica(t)
	return &RedisPair{Nodes: [2]Redis{primary, replica}, Run: func(t testing.TB, killed, primary Redis) Redis {
		t.Helper()
		_, port, _ := net.SplitHostPort(killed.Addr)
		return node(t, port, killed.cmd.Dir, follow(primary)...)
	}}
}

// KillPrimary kills the server that is the primary now.
func (p *RedisPair) KillPrimary(t testing.TB) {
	t.Helper()
	p.killed = 0
	if info, err := p.Nodes[1].Command(t.Context(), "INFO", "replication"); err == nil &&
		strings.Contains(info, "role:master") {
		p.killed = 1
	}
	p.Nodes[p.killed].Kill(t)
}

// StartAgain waits until the other server is the primary, and starts the killed one as its replica.
func (p *RedisPair) StartAgain(t testing.TB) {
	t.Helper()
	primary := p.Nodes[1-p.killed]
	primary.awaitInfo(t, "INFO replication", "role:master")
	p.Nodes[p.killed] = p.Run(t, p.Nodes[p.killed], primary)
	p.Nodes[p.killed].await(t, p.whole) // on a busy machine they may change places again
}

// whole reports an error unless one of them is the primary, and the other has everything.
func (p *RedisPair) whole(ctx context.Context) (err error) {
	for _, node := range p.Nodes {
		var info string
		if info, err = node.Command(ctx, "INFO", "replication"); err != nil {
			return err
		}
		if strings.Contains(info, "role:master") && strings.Contains(info, "state=online") {
			return nil
		}
	}
	return errNotWhole
}

var errNotWhole = errors.New("neither has the other as its replica")

// AwaitReplica waits until a replica has everything.
func (r Redis) AwaitReplica(t testing.TB) {
	t.Helper()
	r.awaitInfo(t, "INFO replication", "connected_slaves:1", "state=online")
}
