//go:build race

package process

// What the tests find with the race detector, the programs they start find too.
const raced = true
