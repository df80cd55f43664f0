package servertest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Postgres is a running PostgreSQL whose superuser "tandem" needs no password.
type Postgres struct {
	*server
	URL string // of the database "postgres"
	dir string
}

// StartPostgres starts one. Further arguments are passed on to postgres. The
// caller calls Close. Run as root it becomes the user postgres, as PostgreSQL
// refuses to run as root.
func StartPostgres(args ...string) (*Postgres, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tandem-postgres-")
	if err != nil {
		return nil, err
	}
	as, err := ownedByPostgres(dir)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir, cmd.SysProcAttr = dir, as
		return cmd
	}
	data := filepath.Join(dir, "data")
	initdb := command("initdb", "-D", data, "-U", "tandem", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("servertest: initdb: %w\n%s", err, out)
	}
	p := &Postgres{
		dir: dir,
		URL: fmt.Sprintf("postgres://tandem@127.0.0.1:%d/postgres?sslmode=disable", port),
		server: &server{
			Addr: fmt.Sprintf("127.0.0.1:%d", port),
			stop: syscall.SIGINT, // "fast": ends the connections
			log:  filepath.Join(dir, "log"),
		},
	}
	p.start = func() *exec.Cmd {
		// fsync only matters if the machine dies.
		return command("postgres", append([]string{"-D", data, "-k", dir, "-h", "127.0.0.1", "-p", strconv.Itoa(port),
			"-c", "fsync=off", "-c", "shared_buffers=32MB", "-c", "max_connections=100"}, args...)...)
	}
	p.ready = func() error { return postgresPing(p.Addr) }
	if err := p.Start(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return p, nil
}

// postgresPing asks for a session and looks whether it is granted.
func postgresPing(addr string) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	hello := "\x00\x03\x00\x00user\x00tandem\x00database\x00postgres\x00\x00" // protocol 3.0
	if _, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(4+len(hello))), hello...)); err != nil {
		return err
	}
	var kind [1]byte
	if _, err := c.Read(kind[:]); err != nil {
		return err
	}
	if kind[0] != 'R' {
		return errors.New("it does not accept sessions yet")
	}
	return nil
}

// Close kills the server and removes its data.
func (p *Postgres) Close() {
	p.end(syscall.SIGQUIT) // "immediate": takes its children along, as SIGKILL does not
	_ = os.RemoveAll(p.dir)
}

// Kill is a crash: no connection is ended in good order, and the next Start
// recovers from the log.
func (p *Postgres) Kill() { p.end(syscall.SIGQUIT) }

func postgresBin() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // Debian keeps it out of PATH
	if len(dirs) == 0 {
		return "", errors.New("servertest: PostgreSQL (initdb, postgres) is not installed (Debian: apt-get install " +
			"postgresql)")
	}
	slices.Sort(dirs)
	return filepath.Dir(dirs[len(dirs)-1]), nil
}

func ownedByPostgres(dir string) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("servertest: PostgreSQL does not run as root, and there is no user postgres: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// AsPostgres lets a command run as the user postgres, who then owns dir, where this program
// is root's: PostgreSQL and PgBouncer refuse to run as root.
func AsPostgres(cmd *exec.Cmd, dir string) (err error) {
	cmd.SysProcAttr, err = ownedByPostgres(dir)
	return err
}
