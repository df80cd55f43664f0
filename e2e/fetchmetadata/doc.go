// Package fetchmetadata measures what real browsers say about a request, and whether
// a person made it. It holds only tests: they keep the table in
// rp/internal/activity/testdata true.
package fetchmetadata
