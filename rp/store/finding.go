package store

import "context"

// Finding is one thing that an operator should know, in plain words: what will go wrong,
// and what is done about it.
type Finding struct {
	Code    string // stable, for tests and dashboards
	Serious bool   // people will be logged out too early, or stay too long
	Text    string
}

func (f Finding) String() string { return f.Text }

// FindingStore is what a Store may be besides: one that can say what is wrong with
// itself, such as a server that may throw sessions away. New and Diagnose ask it.
type FindingStore interface {
	Findings(ctx context.Context) []Finding
}
