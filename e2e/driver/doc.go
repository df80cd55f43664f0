// Package driver holds what drives the suites of e2e: two browsers (browser is Chromium,
// firefox; drive is either), site (apps and an IdP for them), process (programs that are
// built and started), prometheus (which watches the demo), npm and axe. Drivers know no suite.
package driver
