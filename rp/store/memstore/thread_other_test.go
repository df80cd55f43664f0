//go:build !linux

package memstore

import "time"

var started = time.Now()

// threadTime is only a clock here: on a busy machine it shows too much.
func threadTime() time.Duration { return time.Since(started) }
