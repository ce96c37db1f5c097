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

// MariaDB is a running MariaDB server.
type MariaDB struct {
	*Process
	DSN string // of its empty database "app", for go-sql-driver/mysql
}

// RunMariaDB starts an empty server on the port with its data in dir, which a server started later can take over. Every
// commit is on disk before it is acknowledged.
func RunMariaDB(t testing.TB, port, dir string) MariaDB {
	t.Helper()
	data := filepath.Join(dir, "data")
	asUser := unprivilegedAs(t, "mysql", dir)
	if _, err := os.Stat(data); err != nil {
		install := exec.Command(Find(t, "mariadb-server", "mariadb-install-db"), "--no-defaults", "--datadir="+data,
			"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
		install.Dir, install.SysProcAttr = dir, asUser
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("mariadb-install-db: %v\n%s", err, out)
		}
		if err := os.WriteFile(filepath.Join(dir, "init.sql"), []byte("CREATE DATABASE IF NOT EXISTS app;\n"+
			"CREATE USER IF NOT EXISTS app@'127.0.0.1' IDENTIFIED BY 'secret';\nGRANT ALL ON app.* TO app@'127.0.0.1';\n"),
			0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(Find(t, "mariadb-server", "mariadbd", "/usr/sbin/mariadbd"), "--no-defaults", "--datadir="+data,
		"--bind-address=127.0.0.1", "--port="+port, "--socket="+filepath.Join(dir, "socket"), "--skip-name-resolve",
		"--init-file="+filepath.Join(dir, "init.sql"), "--innodb-buffer-pool-size=128M", "--max-connections=300")
	cmd.Dir, cmd.SysProcAttr = dir, asUser
	client := Find(t, "mariadb-client", "mariadb")
	p := run(t, cmd, func(ctx context.Context) error {
		return exec.CommandContext(ctx, client, "--no-defaults", "-h127.0.0.1", "-P"+port, "-uapp", "-psecret", "app",
			"-e", "SELECT 1").Run()
	})
	return MariaDB{p, "app:secret@tcp(127.0.0.1:" + port + ")/app"}
}

// DataDir returns an empty directory for a server that does not run as root.
func DataDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ginoidc-data-") // t.TempDir is below a directory that only its owner may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// unprivilegedAs is for a server that refuses to run as root: it runs as the user that Debian's package creates, and
// who then owns dir. Any other user runs it directly.
func unprivilegedAs(t testing.TB, name, dir string) *syscall.SysProcAttr {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	account, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, uidErr := strconv.Atoi(account.Uid)
	gid, gidErr := strconv.Atoi(account.Gid)
	if uidErr != nil || gidErr != nil {
		t.Fatalf("user %s: %+v", name, account)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}
