// Package deploy tries docs/deploy.md: the configurations of docs/deploy run as they stand,
// but for addresses, on real proxies and servers. A program that is not installed is a
// failure that names the package. make deploy-check runs all; the gate leaves out what
// takes more than some seconds.
package deploy
