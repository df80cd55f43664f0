package deploy

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// long keeps what builds for minutes out of the gate.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv("TANDEM_DEPLOY") != "long" {
		t.Skip("make deploy-check runs it")
	}
}

// variable is a variable of the Makefile.
func variable(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + name + `\s*[:?]= (.*)$`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("the Makefile has no variable %s", name)
	}
	return string(m[1])
}

// build runs the Makefile's command in a copy of the module.
func build(t *testing.T, dir, out, program string, env ...string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", variable(t, "BUILD")+" -o "+out+" ./"+program)
	cmd.Dir = dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GOFLAGS=") }),
		env...)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, said)
	}
}

// Each program builds for each system, with nothing to install beside it.
func TestBinaries(t *testing.T) {
	long(t)
	dir := t.TempDir()
	platforms := strings.Fields(variable(t, "PLATFORMS"))
	for _, system := range []string{"linux", "darwin", "windows"} {
		if !slices.ContainsFunc(platforms, func(p string) bool { return strings.HasPrefix(p, system+"/") }) {
			t.Errorf("nothing is built for %s", system)
		}
	}
	for _, platform := range platforms {
		system, processor, _ := strings.Cut(platform, "/")
		for _, name := range []string{"demo", "idp-mock"} {
			out := filepath.Join(dir, name+"-"+system+"-"+processor)
			build(t, root, out, name, "GOOS="+system, "GOARCH="+processor)
			info, err := buildinfo.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			said := map[string]string{}
			for _, s := range info.Settings {
				said[s.Key] = s.Value
			}
			if said["CGO_ENABLED"] != "0" || said["-trimpath"] != "true" || said["GOOS"] != system ||
				said["vcs.revision"] != "" {
				t.Errorf("%s: %v", out, said)
			}
			if system != "linux" {
				continue
			}
			f, err := elf.Open(out)
			if err != nil {
				t.Fatal(err)
			}
			needed, err := f.ImportedLibraries()
			if err != nil && !strings.Contains(err.Error(), "section") || len(needed) > 0 ||
				slices.ContainsFunc(f.Progs,
					func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
				t.Errorf("%s is not static: %v, %v", out, needed, err)
			}
			_ = f.Close()
		}
	}
}

// Two builds in two folders, with nothing in common but the compiler, are the same bytes.
func TestBuildsAreReproducible(t *testing.T) {
	long(t)
	here, there := t.TempDir(), filepath.Join(t.TempDir(), "another", "place")
	copySources(t, root, there)
	for _, name := range []string{"demo", "idp-mock"} {
		build(t, root, filepath.Join(here, name), name)
		build(t, there, filepath.Join(here, name+"-again"), name, "GOCACHE="+filepath.Join(here, "cache"), "HOME="+here,
			"GOMODCACHE="+goEnv(t, "GOMODCACHE"))
		if a, b := sum(t, filepath.Join(here, name)), sum(t, filepath.Join(here, name+"-again")); !bytes.Equal(a, b) {
			t.Errorf("%s: %x here, %x there", name, a, b)
		}
	}
	// Without -trimpath they are not: the test can fail.
	plain := func(dir, out string) []byte {
		cmd := exec.Command("go", "build", "-buildvcs=false", "-o", out, "./idp-mock")
		cmd.Dir = dir
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		return sum(t, out)
	}
	if bytes.Equal(plain(root, filepath.Join(here, "plain")), plain(there, filepath.Join(here, "plain-again"))) {
		t.Error("paths are in no binary, even without -trimpath: is the comparison right?")
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func sum(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := sha256.Sum256(b)
	return s[:]
}

// copySources copies what a build can read, without the history.
func copySources(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains([]string{".git", "dist", "node_modules"}, entry.Name()) {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}
