package ssf_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/transmitter"
)

// Metadata and keys are read again, and a failure is told; what was known goes on.
func TestReread(t *testing.T) {
	var down, moved, movedAsked atomic.Bool
	front := func(w *world, next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			switch metadata := strings.HasPrefix(r.URL.Path, transmitter.PathSSFConfiguration); {
			case metadata && down.Load():
				rw.WriteHeader(http.StatusBadGateway)
			case metadata && moved.Load():
				rec := httptest.NewRecorder()
				next.ServeHTTP(rec, r)
				_, _ = rw.Write(bytes.ReplaceAll(rec.Body.Bytes(), []byte(w.idp.URL+idpmock.PathJWKS),
					[]byte(issuer+"/keys")))
			case r.URL.Path == "/keys":
				movedAsked.Store(true)
				r.URL.Path, r.Host = idpmock.PathJWKS, "idp.example"
				w.idp.Handler().ServeHTTP(rw, r)
			default:
				next.ServeHTTP(rw, r)
			}
		})
	}
	longLived := func(c *idpmock.Config) { c.IdleWindow, c.AbsoluteLifetime = 48*time.Hour, 48*time.Hour }
	bothWays(t, setup{idp: longLived, front: front}, func(w *world, method string) {
		down.Store(false)
		moved.Store(false)
		movedAsked.Store(false)
		_, stream := w.receiver(method)
		ada, bob := w.signedIn("ada"), w.signedIn("bob")
		time.Sleep(time.Second)
		w.accepted(stream, w.transmitter.SessionRevoked("nobody", "", "", "")) // the keys are read
		down.Store(true)                                                       // the well-known place
		outage := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointJWKS, Status: 500, Times: idpmock.Always})
		time.Sleep(time.Hour + time.Minute)
		w.accepted(stream, ada.revoked())
		ada.expect("ended")
		for _, line := range []string{"metadata could not be read again", "keys could not be read again"} {
			if !w.log.has(line) {
				w.Errorf("the log does not say %q:\n%s", line, w.log.text())
			}
		}
		down.Store(false)
		outage.Remove()
		moved.Store(true) // jwks_uri is another, and so are the keys
		if err := w.idp.RotateKeys(false); err != nil {
			w.Fatal(err)
		}
		time.Sleep(time.Hour + time.Minute)
		w.accepted(stream, bob.revoked())
		bob.expect("ended")
		if !movedAsked.Load() {
			w.Error("the keys were not asked for at their new place")
		}
	})
}
