// Package storekit is what Tandem's own stores share: times as milliseconds, the
// binary head of a record, the rule of tombstones, the words that servers answer with,
// a bounded shelf of records in memory, and the fan-out of changes to watchers.
package storekit

import "time"

// Millis is t as a Store keeps it. Zero is the zero time.
func Millis(t time.Time) int64 { return max(0, t.UnixMilli()) }

// Time is the reverse of Millis, in UTC.
func Time(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
