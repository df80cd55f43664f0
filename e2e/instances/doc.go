// Package instances tests several instances of one app on one real store: Redis
// and PostgreSQL, started by the tests.
package instances
