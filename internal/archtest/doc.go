// Package archtest proves that Tandem's arrows point down only: demo, e2e →
// adapters → rp → rp/internal, and that no room reaches a library that its rule
// does not name. It holds tests alone; the rules are in rooms_test.go.
package archtest
