package redisstore

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

const redacted = "[redacted]"

// Format prints all fields as by %+v, without the passwords, by every verb. (An Options
// in an unexported field of a struct of one's own is not asked: such a struct needs a
// Format method.)
func (o Options) Format(f fmt.State, _ rune) {
	type plain Options // without this method
	for _, p := range o.passwords() {
		if *p != "" {
			*p = redacted
		}
	}
	_, _ = fmt.Fprintf(f, "%+v", plain(o))
}

// LogValue logs what Format prints.
func (o Options) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(o)) }

// Format prints a name, by every verb: fmt must not read what other goroutines write, nor
// the passwords in the client.
func (s *Store) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "redisstore.Store("+s.prefix+")")
}

func (o *Options) passwords() []*string {
	return []*string{&o.Client.Password, &o.Client.Sentinel.Password}
}

// hide takes a password out of what a server says when it is shown one: "ERR unknown
// command 'AUTH', with args beginning with: …".
func (o *Options) hide(err error) error {
	text := err.Error()
	for _, p := range o.passwords() {
		if *p != "" {
			text = strings.ReplaceAll(text, *p, redacted)
		}
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}
