package foreign

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/process"
)

const springBoot = "3.5.7" // as in spring/pom.xml

// Spring builds and starts Spring Authorization Server. Its sessions are in memory.
func Spring(t testing.TB, o Options) *Server {
	t.Helper()
	java := need(t, "java", "Spring Authorization Server needs a JDK 17 or later; on Debian: apt-get install "+
		"openjdk-17-jdk-headless maven")
	mvn := need(t, "mvn", "Maven builds Spring Authorization Server; on Debian: apt-get install maven")
	dir := t.TempDir() // beside the sources nothing is built
	if err := os.CopyFS(dir, os.DirFS(folder(t, "spring"))); err != nil {
		t.Fatal(err)
	}
	do(t, dir, nil, mvn, "-q", "-B", "package")
	jar := filepath.Join(dir, "target", "spring-1.jar")
	addr := process.FreeAddr(t)
	var clients []string
	for _, c := range o.Clients {
		life := c.AccessToken
		if life == 0 {
			life = 5 * time.Minute // its own default
		}
		clients = append(clients, c.ID+"|"+c.Base+"|"+c.Secret()+"|"+seconds(life))
	}
	s := &Server{Issuer: "http://" + addr, Version: "Spring Boot " + springBoot, Field: "username", InMemory: true}
	s.LogOut = s.Issuer + "/logout"
	c := run(t, s, s.Issuer+"/.well-known/openid-configuration",
		&command{path: java, args: []string{"-XX:TieredStopAtLevel=1", "-Xmx400m", "-jar", jar},
			env: []string{"ISSUER=" + s.Issuer, "PORT=" + addr[strings.LastIndex(addr, ":")+1:], "WINDOW=" +
				seconds(o.Window),
				"PASSWORD=" + password, "CLIENTS=" + strings.Join(clients, "\n")}})
	s.Restart = func() {
		c.stop()
		c.start(s, s.Issuer+"/.well-known/openid-configuration")
	}
	s.RotateKeys = func() error { s.Restart(); return nil } // it makes new ones at each start
	return s
}
