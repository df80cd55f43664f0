package deploy

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// engine is a Docker engine of the test's own: its processes, its mounts and its network are
// in namespaces that end with it. It reaches no registry and disturbs no other engine. Its
// base images are made of this machine's programs.
type engine struct {
	*testing.T
	env     []string // for docker, with Compose as it is pinned in tools/compose
	network string   // the file of its network namespace
}

// inNamespaces starts dockerd where nothing of this machine is in its way.
const inNamespaces = `mount --make-rprivate / && mount -t proc proc /proc && mount -t tmpfs tmpfs /run && ip link set lo up &&
exec "$1" --data-root "$0/data" --exec-root "$0/exec" --pidfile "$0/pid" --host "unix://$0/docker.sock"`

func newEngine(t *testing.T) *engine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may start a Docker engine")
	}
	dir := t.TempDir()
	said := &lines{}
	cmd := exec.Command("sh", "-c", inNamespaces, dir, program(t, "dockerd", "docker.io"))
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL,
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // what it said is shown
		close(done)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(patience):
			_ = cmd.Process.Kill() // the first of its namespace: the rest goes with it
			<-done
		}
		if t.Failed() {
			t.Logf("dockerd said:\n%s", said)
		}
	})

	plugins := filepath.Join(dir, "client", "cli-plugins")
	if err := os.MkdirAll(plugins, 0o755); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(plugins, "docker-compose"),
		"github.com/docker/compose/v2/cmd")
	build.Dir = filepath.Join(root, "tools", "compose")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("compose: %v\n%s", err, out)
	}
	e := &engine{t, append(os.Environ(), "DOCKER_HOST=unix://"+filepath.Join(dir, "docker.sock"),
		"DOCKER_CONFIG="+filepath.Join(dir, "client")), fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid)}
	eventually(t, "dockerd answers", func() bool {
		select {
		case <-done:
			t.Fatalf("dockerd ended at once:\n%s", said)
		default:
		}
		return e.command("version").Run() == nil
	})
	return e
}

func (e *engine) command(args ...string) *exec.Cmd {
	cmd := exec.Command("docker", args...)
	cmd.Dir, cmd.Env = root, e.env
	return cmd
}

// docker runs a command at the root of the clone, and returns what it says.
func (e *engine) docker(args ...string) string {
	e.Helper()
	out, err := e.command(args...).CombinedOutput()
	if err != nil {
		e.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// setns has no name in package syscall.
var setns = map[string]uintptr{"amd64": 308, "arm64": 268}[runtime.GOARCH]

// dial connects from inside: published ports are published there.
func (e *engine) dial(ctx context.Context, port string) (net.Conn, error) {
	runtime.LockOSThread() // unlocked only if the thread is back: else it ends with the goroutine
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	defer own.Close()
	theirs, err := os.Open(e.network)
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	if _, _, errno := syscall.Syscall(setns, theirs.Fd(), syscall.CLONE_NEWNET, 0); errno != 0 {
		return nil, errno
	}
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", "127.0.0.1:"+port)
	if _, _, errno := syscall.Syscall(setns, own.Fd(), syscall.CLONE_NEWNET, 0); errno != 0 {
		return nil, errno
	}
	runtime.UnlockOSThread()
	return conn, err
}

// image makes a base image: programs with their libraries, and whole folders. changes are
// lines of a Dockerfile.
func (e *engine) image(name string, programs []string, folders map[string]string, changes ...string) {
	e.Helper()
	args := []string{"import"}
	for _, change := range changes {
		args = append(args, "--change", change)
	}
	cmd := e.command(append(args, "-", name)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		e.Fatal(err)
	}
	said := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		e.Fatal(err)
	}
	out := tar.NewWriter(in)
	for _, program := range programs {
		path, err := exec.LookPath(program)
		if err != nil {
			e.Fatal(err)
		}
		files := []string{path}
		if libraries, err := exec.Command("ldd", path).Output(); err == nil { // fails for what is static
			files = append(files, library.FindAllString(string(libraries), -1)...)
		}
		for _, file := range files {
			if err := pack(out, file, file); err != nil {
				e.Fatal(err)
			}
		}
	}
	for to, from := range folders {
		if err := pack(out, from, to); err != nil {
			e.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		e.Fatal(err)
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		e.Fatalf("%s: %v\n%s", name, err, said)
	}
}

var library = regexp.MustCompile(`/\S+`)

// pack writes a file, or a folder with all that is in it.
func pack(out *tar.Writer, from, to string) error {
	from, err := filepath.EvalSymlinks(from)
	if err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		target := ""
		if entry.Type() == fs.ModeSymlink {
			if target, err = os.Readlink(path); err != nil {
				return err
			}
		}
		header, err := tar.FileInfoHeader(info, target)
		if err != nil {
			return err
		}
		header.Name = strings.TrimPrefix(filepath.Join(to, strings.TrimPrefix(path, from)), "/")
		if err := out.WriteHeader(header); err != nil || !entry.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(out, f)
		return err
	})
}

// modules is a folder with the modules that the programs need, as a golang image has none
// and this engine has no network.
func modules(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mod")
	cmd := exec.Command("go", "list", "-deps", "./demo", "./idp-mock")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOMODCACHE="+dir, "GOFLAGS=-modcacherw",
		"GOPROXY=file://"+goEnv(t, "GOMODCACHE")+"/cache/download,"+goEnv(t, "GOPROXY"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}
