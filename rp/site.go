package rp

import (
	"slices"

	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/store"
)

// isOpen reports whether browsers reach this app by http over a network.
func (c *Config) isOpen() bool {
	return slices.ContainsFunc(append([]string{c.BaseURL}, c.BaseURLs...), site.IsOpen)
}

// judgeSites says what is wrong with where the app runs.
func judgeSites(c *Config) []store.Finding {
	if !c.isOpen() {
		return nil
	}
	return []store.Finding{{Code: "plain_http", Serious: true, Text: "Browsers reach this app by plain http " +
		"(Config.InsecureAllowHTTP): anybody who listens on the network can read the session cookie and act as that " +
		"person. " +
		"The cookies are not Secure and their names have no __Host- prefix, so another site of this domain can set " +
		"them, too. Pages have no Web Locks and no WebCrypto: every tab holds a stream of its own, and what a person " +
		"has typed is lost when the session ends. Use https."}}
}
