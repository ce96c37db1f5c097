package start

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/redis/rueidis"
)

// RedisCluster is the nodes of a cluster.
type RedisCluster struct {
	Primaries, Replicas []Redis

	program string
}

func runRedisNode(t testing.TB, program, port, dir string) Redis {
	t.Helper()
	return RunRedisProgram(t, program, port, dir,
		append(Durable(), "--cluster-enabled", "yes", "--cluster-node-timeout", "1000")...)
}

// RunRedisCluster starts a program of [RedisPrograms] as a cluster of so many primaries, each with a replica if that is
// wanted. Every node writes each change to a file before it responds.
func RunRedisCluster(t testing.TB, program string, primaries int, replicas bool) RedisCluster {
	t.Helper()
	node := func() Redis { return runRedisNode(t, program, FreePort(t), t.TempDir()) }
	c := RedisCluster{program: program}
	for i := range primaries {
		n := node()
		c.Primaries = append(c.Primaries, n)
		first, last := 16384*i/primaries, 16384*(i+1)/primaries-1
		c.command(t, n, "CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(first), fmt.Sprint(last))
	}
	if replicas {
		for range primaries {
			c.Replicas = append(c.Replicas, node())
		}
	}
	all := append(c.Primaries[:len(c.Primaries):len(c.Primaries)], c.Replicas...)
	for _, n := range all[1:] {
		host, port, _ := net.SplitHostPort(n.Addr)
		c.command(t, c.Primaries[0], "CLUSTER", "MEET", host, port)
	}
	for _, n := range all {
		n.awaitInfo(t, "CLUSTER INFO", "cluster_state:ok", fmt.Sprintf("cluster_known_nodes:%d", len(all)))
	}
	for i, replica := range c.Replicas {
		c.command(t, replica, "CLUSTER", "REPLICATE", c.command(t, c.Primaries[i], "CLUSTER", "MYID"))
	}
	for i, replica := range c.Replicas {
		replica.awaitInfo(t, "INFO replication", "master_link_status:up")
		c.Primaries[i].awaitInfo(t, "INFO replication", "connected_slaves:1")
	}
	return c
}

// RunAgain starts a node that has been killed, and which finds its part in its files.
func (c RedisCluster) RunAgain(t testing.TB, node, _ Redis) Redis {
	t.Helper()
	_, port, _ := net.SplitHostPort(node.Addr)
	return runRedisNode(t, c.program, port, node.cmd.Dir)
}

// URL names all nodes.
func (c RedisCluster) URL() string {
	url := "redis://" + c.Primaries[0].Addr + "?cluster=true"
	for _, n := range append(c.Primaries[1:len(c.Primaries):len(c.Primaries)], c.Replicas...) {
		url += "&addr=" + n.Addr
	}
	return url
}

func (c RedisCluster) command(t testing.TB, n Redis, args ...string) string {
	t.Helper()
	reply, err := n.Command(t.Context(), args...)
	if err != nil {
		t.Fatalf("%q at %s: %v", args, n.Addr, err)
	}
	return reply
}

// Command returns the server's reply as text.
func (r Redis) Command(ctx context.Context, args ...string) (string, error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{r.Addr}, ForceSingleClient: true, DisableCache: true,
	})
	if err != nil {
		return "", err
	}
	defer client.Close()
	return client.Do(ctx, client.B().Arbitrary(args...).Build()).ToString()
}

// awaitInfo polls a command until its reply contains all texts.
func (r Redis) awaitInfo(t testing.TB, command string, texts ...string) {
	t.Helper()
	r.await(t, func(ctx context.Context) error {
		reply, err := r.Command(ctx, strings.Fields(command)...)
		for _, text := range texts {
			if err == nil && !strings.Contains(reply, text) {
				err = fmt.Errorf("%s at %s does not say %s:\n%s", command, r.Addr, text, reply)
			}
		}
		return err
	})
}

// AwaitReplicaOf waits until a Sentinel knows a replica of the primary that it has under this name.
func (r Redis) AwaitReplicaOf(t testing.TB, name string) {
	t.Helper()
	r.awaitInfo(t, "INFO sentinel", "name="+name+",status=ok", "slaves=1")
}
