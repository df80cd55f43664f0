// Package fetchmetadata measures what real browsers say about a request, and whether
// a person made it. It holds only tests: they keep the table in
// rp/internal/classify/testdata true.
package fetchmetadata
