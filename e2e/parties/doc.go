// Package parties holds C9 on real stores: two relying parties of two IdPs, with the
// same client id and the same people, share one store and one key ring, and neither
// serves, ends, lists, claims or reads what the other has.
package parties
