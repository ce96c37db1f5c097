package start

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Postgres is a running PostgreSQL server that is careless about crashes.
type Postgres struct {
	*Process
	URL string // of its empty database "postgres", for a superuser without a password
}

// RunPostgres starts an empty server.
func RunPostgres(t testing.TB) Postgres {
	t.Helper()
	bin, port := postgresBin(t), FreePort(t)
	// t.TempDir is below a directory that only its owner may enter.
	dir, err := os.MkdirTemp("", "ginoidc-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	command := func(name string, arg ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), arg...)
		cmd.Dir = dir
		cmd.SysProcAttr = unprivileged(t, dir)
		return cmd
	}
	data := filepath.Join(dir, "data")
	initdb := command("initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	server := command("postgres", "-D", data, "-h", "127.0.0.1", "-p", port, "-k", "", "-F")
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

// unprivileged is for a server that refuses to run as root: it runs as the user that Debian's package creates, and who
// then owns dir. Any other user runs it directly.
func unprivileged(t testing.TB, dir string) *syscall.SysProcAttr {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	postgres, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, uidErr := strconv.Atoi(postgres.Uid)
	gid, gidErr := strconv.Atoi(postgres.Gid)
	if uidErr != nil || gidErr != nil {
		t.Fatalf("user postgres: %+v", postgres)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}
