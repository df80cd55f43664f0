// Command api writes docs/api.txt: every name that the module promises, one a line. A
// change of the promise is a change of that file, which nobody overlooks in a review.
//
//	cd tools && go run ./api
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

const (
	root = ".."
	file = "docs/api.txt"

	head = "# Every exported name that docs/versioning.md promises something about. Written by make generate.\n"
)

func main() {
	text, err := list(root)
	if err == nil {
		err = os.WriteFile(filepath.Join(root, file), []byte(head+text), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1)
	}
}
