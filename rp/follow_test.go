package rp_test

import (
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// The IdP is asked again and again while it does not answer, and the log says so once per outage.
func TestAnOutageOfTheMetadataIsToldOnce(t *testing.T) {
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		const line = "could not be read again"
		for n := 1; n <= 2; n++ {
			w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointDiscovery, Status: 503, Times: idpmock.Always})
			w.idp.ResetRequests()
			time.Sleep(3 * time.Hour)
			if got := w.lines(line); got != n {
				t.Errorf("outage %d: told %d times", n, got)
			}
			if asked := w.idp.Count(idpmock.EndpointDiscovery, ""); asked < 100 {
				t.Errorf("outage %d: asked %d times", n, asked)
			}
			w.idp.ClearFaults()
			time.Sleep(2 * time.Hour)
		}
	})
}
