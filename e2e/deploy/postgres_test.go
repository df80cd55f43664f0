package deploy

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp/store/pgstore"
)

// database is a PostgreSQL whose schema the owner has made, and whose role notes has what
// role.sql grants.
type database struct {
	*testing.T
	server *servertest.Postgres
	schema string
}

// newDatabase does what docs/deploy.md says: role.sql up to the migration, the migration
// as the owner, the grants.
func newDatabase(t *testing.T, schema string) *database {
	t.Helper()
	server, err := servertest.StartPostgres()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	d := &database{t, server, schema}
	pairs := []string{"DATABASE notes", "DATABASE postgres"}
	if schema != pgstore.DefaultSchema {
		pairs = append(pairs, "SCHEMA tandem", "SCHEMA "+schema)
	}
	before, grants, ok := strings.Cut(document(t, "role.sql", pairs...), "-- Then run pgstore.Migrate")
	if !ok {
		t.Fatal("role.sql does not say when to migrate")
	}
	_, grants, _ = strings.Cut(grants, "\n")
	d.exec(before)
	if err := pgstore.Migrate(t.Context(), server.URL, schema); err != nil {
		t.Fatal(err)
	}
	if _, err := pgstore.Open(t.Context(), d.url(server.Addr, "postgres"),
		pgstore.Options{Schema: schema}); err == nil || !strings.Contains(err.Error(), "pgstore.Migrate names") {
		t.Errorf("without the grants: %v", err)
	}
	d.exec(grants)
	return d
}

func (d *database) exec(sql string) {
	d.Helper()
	c, err := pgx.Connect(d.Context(), d.server.URL)
	if err != nil {
		d.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(d.Context())) }()
	if _, err := c.Exec(d.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		d.Fatalf("%s: %v", sql, err)
	}
}

// url is for the limited role.
func (d *database) url(addr, name string) string {
	return (&url.URL{Scheme: "postgres", User: url.UserPassword("notes", "change-me"), Host: addr, Path: name,
		RawQuery: "sslmode=disable"}).String()
}

// pooled starts PgBouncer with pgbouncer.ini and returns the URL through it.
func (d *database) pooled(mode string) string {
	d.Helper()
	dir, err := os.MkdirTemp("", "tandem-deploy-") // above a test's own folder only its user may look
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { _ = os.RemoveAll(dir) })
	addr := process.FreeAddr(d.T)
	_, port, _ := strings.Cut(addr, ":")
	_, dbPort, _ := strings.Cut(d.server.Addr, ":")
	list := write(d.T, filepath.Join(dir, "userlist.txt"), "\"notes\" \"change-me\"\n")
	conf := write(d.T, filepath.Join(dir, "pgbouncer.ini"), document(d.T, "pgbouncer.ini", "host=10.0.0.21 port=5432",
		"host=127.0.0.1 port="+dbPort, "dbname=notes", "dbname=postgres",
		"listen_port = 6432", "listen_port = "+port, "/etc/pgbouncer/userlist.txt", list, "pool_mode = session",
		"pool_mode = "+mode)+"unix_socket_dir =\n")
	cmd := exec.Command(program(d.T, "pgbouncer", "pgbouncer"), conf)
	cmd.Dir = dir
	if err := servertest.AsPostgres(cmd, dir); err != nil {
		d.Fatal(err)
	}
	serve(d.T, addr, cmd)
	return d.url(addr, "notes")
}

// schemaOfDemo is where the demo keeps the sessions of its client "notes".
func schemaOfDemo(t *testing.T) string {
	t.Helper()
	server, err := servertest.StartPostgres()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	a := newApp(t, server.URL, 1, "")
	p := a.start(0, sealKey)
	defer p.Stop()
	c, err := pgx.Connect(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	var name string
	err = c.QueryRow(t.Context(), "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tandem_notes%'").Scan(&name)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// The demo as the role of role.sql, directly and through PgBouncer with pgbouncer.ini.
func TestPostgresRole(t *testing.T) {
	d := newDatabase(t, schemaOfDemo(t))
	for name, url := range map[string]string{"directly": d.url(d.server.Addr, "postgres"),
		"PgBouncer": d.pooled("session")} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, url, 2, "")
			a.start(0, sealKey)
			a.start(1, sealKey)
			a.works()
		})
	}
	c, err := pgx.Connect(t.Context(), d.url(d.server.Addr, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	for _, sql := range []string{"CREATE TABLE %s.mine (x int)", "DROP TABLE %s.session", "TRUNCATE %s.session",
		"ALTER TABLE %s.session ADD x int",
		"CREATE SCHEMA mine", "CREATE ROLE mine"} {
		sql = strings.Replace(sql, "%s", d.schema, 1)
		if _, err := c.Exec(t.Context(), sql); err == nil {
			t.Errorf("the role may %s", sql)
		}
	}
}

// With another pool_mode the app does not start, and says why.
func TestPostgresTransactionPooling(t *testing.T) {
	d := newDatabase(t, pgstore.DefaultSchema)
	a := newApp(t, d.pooled("transaction"), 1, "")
	p := a.launch(0, sealKey)
	if code := p.Exit(); code == 0 || !strings.Contains(p.Output(), "use session pooling or a direct connection") {
		t.Errorf("exit code %d:\n%s", code, p.Output())
	}
}
