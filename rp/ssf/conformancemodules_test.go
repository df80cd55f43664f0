package ssf_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/tandem-sso/tandem/idp-mock/transmitter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/ssf"
)

func (c *conformance) supported() []string {
	if c.interop {
		return []string{ssf.SessionRevoked, caepEvent + "credential-change", caepEvent + "device-compliance-change"}
	}
	var all []string
	for event := range eventMembers {
		all = append(all, event)
	}
	slices.Sort(all)
	return all
}

func (c *conformance) happyPath() {
	_, s := c.create()
	read, err := c.client.Stream(c.Context(), s.ID)
	if err != nil || read.ID != s.ID {
		c.Errorf("read %+v, %v", read, err)
	}
	if got, err := c.client.UpdateStream(c.Context(), s.ID, ssf.StreamRequest{Description: "updated"}); err != nil ||
		got.ID != s.ID {
		c.Errorf("updated %+v, %v", got, err)
	}
	got, err := c.client.ReplaceStream(c.Context(), s.ID, ssf.StreamRequest{Method: c.method, PushURL: pushURL,
		PushToken: pushToken, Description: "replaced"})
	if err != nil || got.ID != s.ID || got.Method != c.method {
		c.Errorf("replaced %+v, %v", got, err)
	}
	c.deletes(s)
}

func (c *conformance) createDelete() {
	_, s := c.create()
	c.deletes(s)
	var status *ssf.StatusError
	if err := c.client.DeleteStream(c.Context(), s.ID); !errors.As(err, &status) || status.Status != 404 {
		c.Errorf("deleted again: %v", err)
	}
}

func (c *conformance) statusUpdate() {
	_, s := c.create()
	for _, status := range []ssf.StreamStatus{ssf.Paused, ssf.Enabled, ssf.Disabled} {
		c.must(c.client.SetStatus(c.Context(), s.ID, status))
		if got, err := c.client.Status(c.Context(), s.ID); got != status || err != nil {
			c.Errorf("status %q, %v; want %q", got, err, status)
		}
	}
	c.deletes(s)
}

func (c *conformance) verification() {
	r, s := c.create()
	c.verifies(r)
	c.deletes(s)
}

func (c *conformance) unsolicited() {
	r, s := c.create()
	c.accepted(s, transmitter.SET{Event: ssf.Verification, Subject: map[string]any{"format": "opaque", "id": s.ID}})
	if r.State().Verified.IsZero() || c.seen("POST "+transmitter.PathSSFVerify) {
		c.Error("the stream was not verified unasked")
	}
	c.deletes(s)
}

func (c *conformance) supportedEvents() {
	r, s := c.create()
	ada := c.signedIn("ada")
	c.verifies(r)
	for _, event := range c.supported() {
		ends := event == ssf.SessionRevoked
		c.accepted(s, c.about(event, "ada", time.Now().Unix()))
		if ends {
			ada.expect("ended")
			time.Sleep(time.Second) // what begins in the second of the event ends with it
			ada = c.signedIn("ada")
			time.Sleep(time.Second)
		}
		ada.expect("live")
	}
	if n := c.eventCount(); n != len(c.supported())+1 {
		c.Errorf("the app heard of %d events", n)
	}
	c.deletes(s)
}

func (c *conformance) caepInterop() {
	r, s := c.create()
	if read, err := c.client.Stream(c.Context(), s.ID); err != nil || read.ID != s.ID {
		c.Errorf("read %+v, %v", read, err)
	}
	if status, err := c.client.Status(c.Context(), s.ID); status != ssf.Enabled || err != nil {
		c.Errorf("status %q, %v", status, err)
	}
	ada := c.signedIn("ada")
	c.verifies(r)
	for _, event := range c.supported() {
		c.accepted(s, c.about(event, "ada", time.Now().UnixMilli()))
	}
	ada.expect("ended")
}

func (c *conformance) invalidSETs() {
	r, s := c.create()
	ada := c.signedIn("ada")
	c.verifies(r)
	for fault, code := range map[transmitter.SETFault]string{
		transmitter.SETBadSignature: "invalid_key", transmitter.SETUnknownKid: "invalid_key",
		transmitter.SETWrongIss: "invalid_issuer", transmitter.SETWrongAud: "invalid_audience",
	} {
		got := c.send(s, c.about(ssf.SessionRevoked, "ada", time.Now().Unix()), fault)
		if got.Err != code || c.method == ssf.Push && got.Status != 400 {
			c.Errorf("%s: %+v, want %s", fault, got, code)
		}
	}
	ada.expect("live")
	c.deletes(s)
}

func (c *conformance) redelivered() {
	r, s := c.create()
	ada := c.signedIn("ada")
	c.verifies(r)
	event := c.about(ssf.SessionRevoked, "ada", time.Now().Unix())
	event.JTI = "the-same"
	token, err := c.transmitter.Token(s.ID, event)
	c.must(err)
	for range 2 {
		c.must(c.transmitter.SendToken(s.ID, event.JTI, event.Event, token))
		c.settle()
		time.Sleep(2 * time.Second)
	}
	accepted := 0
	for _, d := range c.transmitter.Delivered(s.ID) {
		if d.JTI == event.JTI && d.Err == "" && !d.GivenUp {
			accepted++
		}
	}
	if accepted != 2 || c.eventCount() != 2 { // with the verification
		c.Errorf("accepted %d times, %d events", accepted, c.eventCount())
	}
	ada.expect("ended")
	c.deletes(s)
}

func (c *conformance) removedSubject() {
	r, s := c.create()
	c.verifies(r)
	c.must(c.client.RemoveSubject(c.Context(), s.ID, ssf.SubjectID{Format: "iss_sub", Issuer: c.idp.URL,
		Subject: "ada"}))
	c.accepted(s, c.about(ssf.SessionRevoked, "ada", time.Now().Unix()))
	c.deletes(s)
}

func (c *conformance) issuerMismatch() {
	c.issuer = issuer + "/not-this-transmitter"
	stream, err := c.client.CreateStream(c.Context(), ssf.StreamRequest{Method: c.method, PushURL: pushURL,
		PushToken: pushToken})
	if err == nil || stream.ID != "" || !strings.Contains(err.Error(), "iss") {
		c.Errorf("a stream of another issuer: %+v, %v", stream, err)
	}
	time.Sleep(time.Minute)
	if last := c.calls[len(c.calls)-1]; last != "POST "+transmitter.PathSSFStream {
		c.Errorf("the stream was used: %s", last)
	}
}

func (c *conformance) statusChange() {
	r, s := c.create()
	ada := c.signedIn("ada")
	c.verifies(r)
	c.must(c.transmitter.UpdateStatus(s.ID, "paused", "maintenance"))
	if got := r.State().Status; got != ssf.Paused {
		c.Errorf("status %q", got)
	}
	jti, err := c.transmitter.Send(s.ID, c.about(ssf.SessionRevoked, "ada", time.Now().Unix()))
	c.must(err)
	time.Sleep(15 * time.Second)
	ada.expect("live")
	c.must(c.transmitter.UpdateStatus(s.ID, "enabled", "maintenance finished"))
	if got := c.outcome(s, jti); got.Err != "" || got.GivenUp {
		c.Errorf("the event that was held: %+v", got)
	}
	c.settle()
	if got := r.State().Status; got != ssf.Enabled {
		c.Errorf("status %q", got)
	}
	ada.expect("ended")
	c.deletes(s)
}

func (c *conformance) behindQueue() {
	stream, err := c.client.CreateStream(c.Context(), ssf.StreamRequest{Method: c.method, PushURL: pushURL,
		PushToken: pushToken})
	c.must(err)
	for range 3 {
		_, err := c.transmitter.Send(stream.ID, c.about(ssf.SessionRevoked, "ada", time.Now().Unix()))
		c.must(err)
	}
	r := c.receiverOf(stream)
	c.verifies(r)
	if done := c.transmitter.Delivered(stream.ID); len(done) != 4 ||
		slices.ContainsFunc(done, func(d transmitter.SETRecord) bool { return d.Err != "" || d.GivenUp }) {
		c.Errorf("%+v", done)
	}
	c.deletes(stream)
}

func (c *conformance) wrongState() {
	r, s := c.create()
	got := c.send(s, transmitter.SET{Event: ssf.Verification, Subject: map[string]any{"format": "opaque", "id": s.ID},
		Payload: map[string]any{"state": "another"}})
	if got.Err != "invalid_state" || !r.State().Verified.IsZero() {
		c.Errorf("%+v", got)
	}
	c.verifies(r)
	c.deletes(s)
}

func (c *conformance) wrongSubject() {
	r, s := c.create()
	c.verifies(r) // so that there is a state
	verified := r.State().Verified
	got := c.send(s, transmitter.SET{Event: ssf.Verification, Subject: map[string]any{"format": "opaque", "id": s.ID +
		"x"}, Payload: map[string]any{"state": c.state}})
	if got.Err != "invalid_request" || c.state == "" || !r.State().Verified.Equal(verified) {
		c.Errorf("%+v", got)
	}
	c.deletes(s)
}

func (c *conformance) tokenExpiry() {
	c.tokens = map[string]time.Time{}
	c.serve("as.example", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		token := "short-lived-" + strconv.Itoa(len(c.tokens))
		c.tokens[token] = time.Now().Add(20 * time.Second)
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 20})
	}))
	source := (&clientcredentials.Config{ClientID: "notes", ClientSecret: "s3cret",
		TokenURL: "https://as.example/token", AuthStyle: oauth2.AuthStyleInHeader}).
		TokenSource(context.WithValue(c.Context(), oauth2.HTTPClient, c.idp.Net.Client()))
	cfg := c.transmitterConfig()
	cfg.AccessToken = func(context.Context) (rp.Secret, error) {
		token, err := source.Token()
		if err != nil {
			return "", err
		}
		return rp.Secret(token.AccessToken), nil
	}
	var err error
	c.client, err = ssf.Discover(c.Context(), cfg)
	c.must(err)
	r, s := c.create()
	ada := c.signedIn("ada")
	c.verifies(r)
	time.Sleep(time.Minute)
	c.accepted(s, c.about(ssf.SessionRevoked, "ada", time.Now().Unix()))
	ada.expect("ended")
	c.deletes(s)
	c.must(r.Close()) // it asks with them
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.tokens); n < 2 {
		c.Errorf("%d access tokens", n)
	}
}
