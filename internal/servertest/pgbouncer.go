package servertest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// PgBouncer is a connection pooler in front of a PostgreSQL server, with its
// defaults but for the mode.
type PgBouncer struct {
	*server
	URL string // of the database "postgres" behind it
	dir string
}

// StartPgBouncer starts one: mode is session, transaction or statement. The
// caller calls Close, before that of the server.
func StartPgBouncer(p *Postgres, mode string) (*PgBouncer, error) {
	bin, err := pgBouncerBin()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tandem-pgbouncer-")
	if err != nil {
		return nil, err
	}
	b := &PgBouncer{dir: dir, server: &server{
		Addr: fmt.Sprintf("127.0.0.1:%d", port),
		stop: syscall.SIGTERM,
		log:  filepath.Join(dir, "log"),
	}}
	b.URL = fmt.Sprintf("postgres://tandem@%s/postgres?sslmode=disable", b.Addr)
	if err := b.configure(p, port, mode, bin); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return b, nil
}

func (b *PgBouncer) configure(p *Postgres, port int, mode, bin string) error {
	host, dbPort, err := net.SplitHostPort(p.Addr)
	if err != nil {
		return err
	}
	config := fmt.Sprintf(`[databases]
postgres = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = %s
`, host, dbPort, port, filepath.Join(b.dir, "users"), mode)
	for name, text := range map[string]string{"config": config, "users": "\"tandem\" \"\"\n"} {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	as, err := ownedByPostgres(b.dir) // it does not run as root either
	if err != nil {
		return err
	}
	b.start = func() *exec.Cmd {
		cmd := exec.Command(bin, filepath.Join(b.dir, "config"))
		cmd.Dir, cmd.SysProcAttr = b.dir, as
		return cmd
	}
	b.ready = func() error { return postgresPing(b.Addr) }
	return b.Start()
}

// Close kills it and removes its files.
func (b *PgBouncer) Close() {
	b.Kill()
	_ = os.RemoveAll(b.dir)
}

func pgBouncerBin() (string, error) {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	const debian = "/usr/sbin/pgbouncer" // not in everybody's PATH
	if _, err := os.Stat(debian); err == nil {
		return debian, nil
	}
	return "", errors.New("servertest: pgbouncer is not installed (Debian: apt-get install pgbouncer)")
}
