// Package npm fetches what tests need of npm, once, as package-lock.json pins it.
package npm

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
)

// Path returns where a file of an installed package lies, such as
// "axe-core/axe.min.js".
func Path(file string) (string, error) {
	modules, err := installed()
	if err != nil {
		return "", fmt.Errorf("npm: %w", err)
	}
	path := filepath.Join(modules, filepath.FromSlash(file))
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("npm: %w; remove %s to have it fetched anew", err, modules)
	}
	return path, nil
}

// installed is the folder of the packages.
var installed = sync.OnceValues(func() (string, error) {
	_, source, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("the folder of this package is not known")
	}
	dir := filepath.Dir(source)
	modules := filepath.Join(dir, "node_modules")
	fresh, err := current(dir, modules)
	if err != nil || fresh {
		return modules, err
	}
	return modules, install(dir, modules)
})

const (
	lock   = "package-lock.json"
	copied = ".pinned" // the lock that the packages were fetched by
)

// current reports whether the packages are there as the lock pins them.
func current(dir, modules string) (bool, error) {
	want, err := os.ReadFile(filepath.Join(dir, lock))
	if err != nil {
		return false, err
	}
	got, err := os.ReadFile(filepath.Join(modules, copied))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return bytes.Equal(got, want), err
}

// install fetches beside node_modules and moves the result in, so that several test
// binaries can do it at once.
func install(dir, modules string) error {
	tmp, err := os.MkdirTemp(dir, ".install-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	for _, name := range []string{"package.json", lock} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(tmp, name), text, 0o644); err != nil {
			return err
		}
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = tmp
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci in %s: %w (on Debian: apt-get install nodejs npm)\n%s", dir, err, out)
	}
	fetched := filepath.Join(tmp, "node_modules")
	if err := os.Rename(filepath.Join(tmp, lock), filepath.Join(fetched, copied)); err != nil {
		return err
	}
	if fresh, _ := current(dir, modules); fresh {
		return nil // another binary was faster
	}
	if err := os.Rename(modules, filepath.Join(tmp, "old")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err = os.Rename(fetched, modules)
	if fresh, _ := current(dir, modules); errors.Is(err, fs.ErrExist) && fresh {
		return nil
	}
	return err
}
