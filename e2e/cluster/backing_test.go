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

func redis(t *testing.T) backing {
	port, dir := start.FreePort(t), t.TempDir()
	server := start.RunDurableRedis(t, port, dir)
	return backing{
		"REDIS_URL=redis://127.0.0.1:" + port,
		func(t testing.TB) { server.Kill(t) },
		func(t testing.TB) { server = start.RunDurableRedis(t, port, dir) },
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

// backings are all of them, with how often each process is killed.
func backings() map[string]struct {
	start func(*testing.T) backing
	kills int
} {
	type row = struct {
		start func(*testing.T) backing
		kills int
	}
	return map[string]row{
		"Redis": {redis, start.Long(5, 20)}, "PostgreSQL": {postgres, start.Long(3, 20)},
		"MariaDB": {mariaDB, start.Long(2, 20)}, "SQLite": {sqlite, start.Long(3, 20)},
	}
}
