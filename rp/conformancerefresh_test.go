package rp_test

import (
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp/reason"
)

// refreshes is a log-in, and a refresh whose answer the module spoils.
func (c *conformance) refreshes() *visitor {
	v := c.visitor("ada")
	if a, in := c.attempt(v); !in || c.userinfos() != 1 {
		c.Fatalf("%v", a)
	}
	time.Sleep(6 * time.Minute)
	v.get("/private")
	synctest.Wait()
	time.Sleep(time.Second)
	if n := c.idp.Count(idpmock.EndpointRefresh, "notes"); n != 1 {
		c.Errorf("%d refreshes", n)
	}
	return v
}

func (c *conformance) refresh() {
	c.refreshes().expect("live", "")
	if c.userinfos() != 2 {
		c.Errorf("userinfo asked %d times", c.userinfos())
	}
}

func (c *conformance) refreshOtherIssuer() {
	c.refreshes().expect("live", "")
	if c.userinfos() != 1 {
		c.Error("userinfo was asked with the token beside a bad ID token")
	}
}

func (c *conformance) refreshOtherSub() {
	c.refreshes().expect("ended", reason.OtherSubject)
	if c.userinfos() != 1 {
		c.Error("userinfo was asked with another person's token")
	}
}
