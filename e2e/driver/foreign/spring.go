package foreign

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/process"
)

const springBoot = "3.5.7" // as in spring/pom.xml

// Spring builds and starts Spring Authorization Server. Its sessions are in memory.
func Spring(t testing.TB, o Options) *Server {
	t.Helper()
	java := need(t, "java", "Spring Authorization Server needs a JDK 17 or later; on Debian: apt-get install openjdk-17-jdk-headless maven")
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
		clients = append(clients, c.ID+"|"+c.Base+"|"+c.Secret())
	}
	s := &Server{Issuer: "http://" + addr, Version: "Spring Boot " + springBoot, Field: "username"}
	run(t, s, s.Issuer+"/.well-known/openid-configuration", &command{path: java, args: []string{"-XX:TieredStopAtLevel=1", "-Xmx400m", "-jar", jar},
		env: []string{"ISSUER=" + s.Issuer, "PORT=" + addr[strings.LastIndex(addr, ":")+1:], "WINDOW=" + seconds(o.Window),
			"PASSWORD=" + password, "CLIENTS=" + strings.Join(clients, "\n")}})
	return s
}
