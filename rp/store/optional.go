package store

import "context"

// Finding tells an operator, in plain words, what will go wrong and what to do about it.
type Finding struct {
	Code    string // stable, for tests and dashboards
	Serious bool   // people will be logged out too early, or stay too long
	Text    string
}

func (f Finding) String() string { return f.Text }

// FindingStore is an optional interface of a Store that can report its own problems, such as
// a server that may drop sessions. New and Diagnose ask it.
type FindingStore interface {
	Findings(ctx context.Context) []Finding
}

// CountingStore is what a Store may be besides: one that knows how many sessions a client
// has, for a gauge. It counts those that live, and may count those that have ended until
// Settle says that nothing remains to be done for them. Sessions that are never due
// (Record.Due) may be left out.
type CountingStore interface {
	Count(ctx context.Context, owner Key) (int, error)
}
