package languages

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The container recipe, tried without containers: the program alone in a folder that is its
// whole world, with the recipe's user, environment and health check.
func TestContainerRecipe(t *testing.T) {
	text, err := os.ReadFile("../../idp-mock/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"RUN CGO_ENABLED=0 go build -trimpath -o /idp-mock ./idp-mock\n", "FROM scratch\n", "ENV IDP_MOCK_LISTEN=0.0.0.0:9000\n",
		"USER 65532:65532\n", ` CMD ["/idp-mock", "-health"]`, `ENTRYPOINT ["/idp-mock"]`} {
		if !strings.Contains(string(text), line) {
			t.Fatalf("the recipe has no line %q: this test does what it says", line)
		}
	}
	if os.Getuid() != 0 {
		t.Skip("only root can give a program a root of its own")
	}
	program := idpMock(t)
	root := filepath.Dir(program)
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	inside := func(env []string, args ...string) *exec.Cmd {
		return &exec.Cmd{Path: "/idp-mock", Args: append([]string{"/idp-mock"}, args...), Env: env, Dir: "/",
			SysProcAttr: &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}}
	}
	address := freeAddress(t)
	env := []string{"IDP_MOCK_LISTEN=" + address, "IDP_MOCK_ISSUER=http://idp:9000", "IDP_MOCK_CLIENT=notes,s3cret,http://localhost:9101"}
	if err := inside(env, "-health").Run(); err == nil {
		t.Error("healthy before it runs")
	}
	if issuer := serve(t, inside(env)); issuer != "http://idp:9000" {
		t.Errorf("issuer %s", issuer)
	}
	if out, err := inside(env, "-health").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	req, err := http.NewRequest(http.MethodGet, "http://"+strings.Replace(address, "0.0.0.0", "127.0.0.1", 1)+"/_mock/clients", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "idp:9000" // its own name, by which other containers call it
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the control API by its own name: %s", resp.Status)
	}
}

// freeAddress is of all addresses, with a port that nobody has.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return "0.0.0.0:" + port
}
