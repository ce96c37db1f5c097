package cluster_test

import (
	"path/filepath"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// backing is where the instances keep sessions and shared state.
type backing struct {
	env   string             // for the instances
	kill  func(t testing.TB) // ends the server at once
	again func(t testing.TB) // starts it with its data
}

func redis(t *testing.T, program string) backing {
	port, dir := start.FreePort(t), t.TempDir()
	run := func(t testing.TB) start.Redis {
		return start.RunRedisProgram(t, program, port, dir, start.Durable()...)
	}
	server := run(t)
	return backing{
		"REDIS_URL=redis://127.0.0.1:" + port,
		func(t testing.TB) { server.Kill(t) },
		func(t testing.TB) { server = run(t) },
	}
}

// redisCluster has six processes. The primary of one of three shards is killed.
func redisCluster(t *testing.T, program string) backing {
	cluster := start.RunRedisCluster(t, program, 3, true)
	shard := &start.RedisPair{Nodes: [2]start.Redis{cluster.Primaries[1], cluster.Replicas[1]}, Run: cluster.RunAgain}
	return backing{"REDIS_URL=" + cluster.URL() + "&wait_replicas=1", shard.KillPrimary, shard.StartAgain}
}

// sentinel has a primary, which is killed, a replica, and a Sentinel.
func sentinel(t *testing.T, program string) backing {
	pair := start.RunRedisPair(t, program)
	watcher := start.RunSentinel(t, program, pair.Nodes[0].Addr)
	watcher.AwaitReplicaOf(t, "main")
	return backing{
		"REDIS_URL=redis://" + watcher.Addr + "?master_set=main&wait_replicas=1", pair.KillPrimary, pair.StartAgain,
	}
}

func postgres(t *testing.T) backing {
	port, dir := start.FreePort(t), start.DataDir(t)
	server := start.RunDurablePostgres(t, port, dir)
	return backing{
		"DATABASE_URL=" + server.URL,
		func(t testing.TB) { server.KillAll(t) },
		func(t testing.TB) { server = start.RunDurablePostgres(t, port, dir) },
	}
}

func mariaDB(t *testing.T) backing {
	port, dir := start.FreePort(t), start.DataDir(t)
	server := start.RunMariaDB(t, port, dir)
	return backing{
		"DATABASE_URL=mysql://app:secret@127.0.0.1:" + port + "/app",
		func(t testing.TB) { server.Kill(t) },
		func(t testing.TB) { server = start.RunMariaDB(t, port, dir) },
	}
}

// sqlite has no server: each instance writes to the file.
func sqlite(t *testing.T) backing {
	none := func(testing.TB) {}
	return backing{"DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "state.db"), none, none}
}

// kind is one of the backings, with how often each process is killed in the short slice.
type kind struct {
	start func(*testing.T) backing
	kills int
}

func kinds(t *testing.T) map[string]kind {
	all := map[string]kind{"PostgreSQL": {postgres, 2}, "MariaDB": {mariaDB, 1}, "SQLite": {sqlite, 2}}
	for name, program := range start.RedisPrograms(t) {
		of := func(run func(*testing.T, string) backing) func(*testing.T) backing {
			return func(t *testing.T) backing { return run(t, program) }
		}
		all[name] = kind{of(redis), 2}
		if name == "Redis" || start.IsLong() {
			all[name+" Cluster"], all[name+" Sentinel"] = kind{of(redisCluster), 1}, kind{of(sentinel), 1}
		}
	}
	return all
}
