package store

import (
	"errors"
	"fmt"
)

// Limits of a Record; a Store may rely on them.
const (
	MaxRefs   = 8        // references of a record
	MaxSealed = 64 << 10 // bytes of Record.Sealed
	maxReason = 64       // bytes of End.Reason
)

// Check returns an error if r breaks the contract of Create and Replace. Every Store calls it
// first.
func (r *Record) Check() error {
	switch {
	case r.Key == Key{}:
		return errors.New("store: Record.Key is zero: use the SHA-256 of the session's id")
	case r.Owner == Key{}:
		return errors.New("store: Record.Owner is zero: use the hash of the client")
	case len(r.Refs) == 0 || len(r.Refs) > MaxRefs:
		return fmt.Errorf("store: Record.Refs has %d entries: 1 to %d are allowed", len(r.Refs), MaxRefs)
	case len(r.Sealed) > MaxSealed:
		return fmt.Errorf("store: Record.Sealed has %d bytes: at most %d are allowed", len(r.Sealed), MaxSealed)
	}
	for i, ref := range r.Refs {
		if ref == (Key{}) {
			return fmt.Errorf("store: Record.Refs[%d] is zero: leave it out", i)
		}
		for _, other := range r.Refs[:i] {
			if ref == other {
				return fmt.Errorf("store: Record.Refs[%d] is a double: leave it out", i)
			}
		}
	}
	return nil
}

// Check returns an error if s breaks the contract of Store.End. A Selector with nothing set
// is an error: it would mean "all".
func (s Selector) Check() error {
	switch {
	case s.Key == Key{} && s.Ref == Key{}:
		return errors.New("store: Selector has neither Key nor Ref: set one")
	case s.Key != Key{} && s.Ref != Key{}:
		return errors.New("store: Selector has both Key and Ref: set one")
	case s.Key != Key{} && (!s.BegunBy.IsZero() || !s.IssuedBy.IsZero()):
		return errors.New("store: Selector.BegunBy and IssuedBy go with Ref, not with Key")
	case s.Ref != Key{} && (s.Version != 0 || !s.IdleSince.IsZero()):
		return errors.New("store: Selector.Version and IdleSince go with Key, not with Ref")
	}
	return nil
}

// Check returns an error if e breaks the contract of Store.End.
func (e End) Check() error {
	switch {
	case e.Reason == "" || len(e.Reason) > maxReason:
		return fmt.Errorf("store: End.Reason has %d bytes: 1 to %d are allowed", len(e.Reason), maxReason)
	case e.At.UnixMilli() <= 0:
		return errors.New("store: End.At is zero: set it to the time of the end")
	case e.Until.UnixMilli() <= 0:
		return errors.New("store: End.Until is zero: set how long the end is remembered")
	}
	return nil
}
