package engine

import (
	"fmt"
	"io"
	"log/slog"
)

// private keeps Config, which has keys, behind a pointer: fmt shows the address of one
// inside of another value, and no more (see also rp's prints.go).
type private struct{ cfg Config }

const notShown = "engine"

func (*private) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, notShown) }
func (*private) LogValue() slog.Value       { return slog.StringValue(notShown) }
func (*private) String() string             { return notShown }
