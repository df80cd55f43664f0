package storekit

import (
	"fmt"

	"github.com/tandem-sso/tandem/rp/store"
)

// Verdict is the error that a server's script or statement answers with, by a word; who
// names the store in the error of any other word.
func Verdict(who, word string) error {
	switch word {
	case "ok":
		return nil
	case "absent":
		return store.ErrNotFound
	case "ended":
		return store.ErrEnded
	case "conflict":
		return store.ErrConflict
	}
	return fmt.Errorf("%s: the server answered %q", who, word)
}
