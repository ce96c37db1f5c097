package start

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Postgres is a running PostgreSQL server. RunPostgres makes one that is careless about crashes.
type Postgres struct {
	*Process
	URL string // of its empty database "postgres", for a superuser without a password
}

// RunPostgres starts an empty server.
func RunPostgres(t testing.TB) Postgres {
	t.Helper()
	return runPostgres(t, FreePort(t), DataDir(t), "-F")
}

// RunDurablePostgres starts a server on the port with its data in dir, which a server started later can take over.
// Every commit is on disk before it is acknowledged.
func RunDurablePostgres(t testing.TB, port, dir string) Postgres {
	t.Helper()
	return runPostgres(t, port, dir)
}

func runPostgres(t testing.TB, port, dir string, options ...string) Postgres {
	t.Helper()
	bin, asUser := postgresBin(t), unprivilegedAs(t, "postgres", dir)
	command := func(name string, arg ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), arg...)
		cmd.Dir, cmd.SysProcAttr = dir, asUser
		return cmd
	}
	data := filepath.Join(dir, "data")
	if _, err := os.Stat(data); err != nil {
		initdb := command("initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C",
			"--no-sync")
		if out, err := initdb.CombinedOutput(); err != nil {
			t.Fatalf("initdb: %v\n%s", err, out)
		}
	}
	server := command("postgres", append(options, "-D", data, "-h", "127.0.0.1", "-p", port, "-k", "")...)
	p := run(t, server, func(ctx context.Context) error {
		return exec.CommandContext(ctx, filepath.Join(bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", port).Run()
	})
	p.signal = syscall.SIGINT // after SIGTERM it waits for its clients
	return Postgres{p, "postgres://postgres@127.0.0.1:" + port + "/postgres?sslmode=disable"}
}

// postgresBin returns the directory of the server's programs: Debian keeps them out of PATH.
func postgresBin(t testing.TB) string {
	t.Helper()
	versions, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range versions {
		if path, err := exec.LookPath(filepath.Join(dir, "postgres")); err == nil {
			return filepath.Dir(path)
		}
	}
	return filepath.Dir(Find(t, "postgresql", "initdb"))
}
