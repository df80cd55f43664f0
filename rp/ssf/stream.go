package ssf

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// Delivery methods (§6.1).
const (
	Push = "urn:ietf:rfc:8935"
	Poll = "urn:ietf:rfc:8936"
)

// Stream is a stream as the transmitter describes it (§8.1.1).
type Stream struct {
	ID              string
	Audience        []string // for Config.Audience
	EventsDelivered []string // types of the events that will come
	Method          string   // Push or Poll
	URL             string   // where events are pushed to, or Config.PollURL
	// MinVerificationInterval is the least time between two calls of Verify.
	MinVerificationInterval time.Duration
	// InactivityTimeout is the time after which the transmitter may drop a stream whose
	// receiver does nothing; zero: none.
	InactivityTimeout time.Duration
}

// StreamRequest describes the stream that a receiver wants.
type StreamRequest struct {
	Method      string    // Push or Poll
	PushURL     string    // with Push: where the Receiver is mounted
	PushToken   rp.Secret // with Push: Config.PushToken
	Events      []string  // default: SessionRevoked
	Description string
}

type streamJSON struct {
	ID              string        `json:"stream_id"`
	Issuer          string        `json:"iss"`
	Audience        audience      `json:"aud"`
	EventsDelivered []string      `json:"events_delivered"`
	Delivery        *deliveryJSON `json:"delivery"`
	MinVerification int64         `json:"min_verification_interval"`
	Inactivity      int64         `json:"inactivity_timeout"`
}

type deliveryJSON struct {
	Method        string `json:"method"`
	URL           string `json:"endpoint_url,omitempty"`
	Authorization string `json:"authorization_header,omitempty"`
}

// CreateStream makes a stream (§8.1.1.1). Do it once and keep its ID: most
// transmitters allow one stream per receiver and answer 409 to another.
func (t *Transmitter) CreateStream(ctx context.Context, r StreamRequest) (Stream, error) {
	d, err := t.delivery(r)
	if err != nil {
		return Stream{}, err
	}
	var got streamJSON
	err = t.call(ctx, http.MethodPost, t.metadata().ConfigURL, streamChange{
		Delivery: d, Events: orEvents(r.Events), Description: r.Description,
	}, http.StatusCreated, &got)
	if err != nil {
		return Stream{}, fmt.Errorf("ssf: the stream was not created: %w", err)
	}
	return t.stream(got)
}

// UpdateStream changes a stream as r says; zero fields of r stay as they are (§8.1.1.3,
// PATCH). A *StatusError with status 202 means that the transmitter will do it later; the
// CAEP Interoperability Profile does not demand this call, so 405 is possible.
func (t *Transmitter) UpdateStream(ctx context.Context, id string, r StreamRequest) (Stream, error) {
	c := streamChange{ID: id, Events: r.Events, Description: r.Description}
	if r.Method != "" {
		d, err := t.delivery(r)
		if err != nil {
			return Stream{}, err
		}
		c.Delivery = d
	} else if r.PushURL != "" || r.PushToken != "" {
		return Stream{}, &ConfigError{"StreamRequest.Method", "is empty; set it to ssf.Push, because PushURL or " +
			"PushToken is set"}
	}
	return t.change(ctx, http.MethodPatch, c)
}

// ReplaceStream replaces a stream by the one that CreateStream would make from r; its ID
// stays (§8.1.1.4, PUT). The errors are those of UpdateStream.
func (t *Transmitter) ReplaceStream(ctx context.Context, id string, r StreamRequest) (Stream, error) {
	d, err := t.delivery(r)
	if err != nil {
		return Stream{}, err
	}
	return t.change(ctx, http.MethodPut, streamChange{
		ID: id, Delivery: d, Events: orEvents(r.Events), Description: r.Description,
	})
}

func (t *Transmitter) change(ctx context.Context, method string, c streamChange) (Stream, error) {
	if c.ID == "" {
		return Stream{}, errNoID
	}
	var got streamJSON
	if err := t.call(ctx, method, t.metadata().ConfigURL, c, http.StatusOK, &got); err != nil {
		return Stream{}, fmt.Errorf("ssf: the stream was not changed: %w", err)
	}
	if got.ID != c.ID {
		return Stream{}, errors.New("ssf: the transmitter answered with another stream")
	}
	return t.stream(got)
}

var errNoID = errors.New("ssf: the stream's id is empty; give the Stream.ID that CreateStream returned")

// streamChange has what a receiver may say of a stream (§8.1.1); what is empty is left
// out.
type streamChange struct {
	ID          string        `json:"stream_id,omitempty"`
	Delivery    *deliveryJSON `json:"delivery,omitempty"`
	Events      []string      `json:"events_requested,omitempty"`
	Description string        `json:"description,omitempty"`
}

// delivery checks how events are to come.
func (t *Transmitter) delivery(r StreamRequest) (*deliveryJSON, error) {
	switch r.Method {
	case Push:
		if err := weburl.Check(r.PushURL, t.cfg.InsecureAllowHTTP); err != nil {
			return nil, &ConfigError{"StreamRequest.PushURL", err.Error()}
		}
		if len(r.PushToken) < minPushToken {
			return nil, &ConfigError{"StreamRequest.PushToken",
				fmt.Sprintf("has %d characters; use at least %d random ones", len(r.PushToken), minPushToken)}
		}
		return &deliveryJSON{Method: Push, URL: r.PushURL, Authorization: "Bearer " + string(r.PushToken)}, nil
	case Poll:
		return &deliveryJSON{Method: Poll}, nil
	}
	return nil, &ConfigError{"StreamRequest.Method", "is neither ssf.Push nor ssf.Poll"}
}

func orEvents(events []string) []string {
	if len(events) == 0 {
		return []string{SessionRevoked}
	}
	return events
}

// Stream reads the configuration of a stream (§8.1.1.2).
func (t *Transmitter) Stream(ctx context.Context, id string) (Stream, error) {
	where, err := withStream(t.metadata().ConfigURL, id)
	if err != nil {
		return Stream{}, err
	}
	var got streamJSON
	if err := t.call(ctx, http.MethodGet, where, nil, http.StatusOK, &got); err != nil {
		return Stream{}, fmt.Errorf("ssf: the stream cannot be read: %w", err)
	}
	return t.stream(got)
}

// stream checks what every answer has to fulfil.
func (t *Transmitter) stream(got streamJSON) (Stream, error) {
	switch {
	case got.Issuer != t.cfg.Issuer: // §8.1.1.1
		return Stream{}, fmt.Errorf("ssf: the stream's iss is %q, not the transmitter's", got.Issuer)
	case got.ID == "" || len(got.Audience) == 0 || got.Delivery == nil:
		return Stream{}, fmt.Errorf("ssf: the stream's configuration lacks stream_id, aud or delivery")
	}
	s := Stream{ID: got.ID, Audience: got.Audience, EventsDelivered: got.EventsDelivered, Method: got.Delivery.Method,
		URL:                     got.Delivery.URL,
		MinVerificationInterval: seconds(got.MinVerification), InactivityTimeout: seconds(got.Inactivity)}
	if s.Method == Poll {
		if err := weburl.Check(s.URL, t.cfg.InsecureAllowHTTP); err != nil {
			return Stream{}, fmt.Errorf("ssf: the stream's endpoint_url %w", err)
		}
	}
	return s, nil
}

// DeleteStream removes a stream (§8.1.1.5).
func (t *Transmitter) DeleteStream(ctx context.Context, id string) error {
	where, err := withStream(t.metadata().ConfigURL, id)
	if err != nil {
		return err
	}
	if err := t.call(ctx, http.MethodDelete, where, nil, http.StatusNoContent, nil); err != nil {
		return fmt.Errorf("ssf: the stream was not deleted: %w", err)
	}
	return nil
}

// requestVerification asks for a verification event (§8.1.4.2).
func (t *Transmitter) requestVerification(ctx context.Context, id, state string) error {
	in := map[string]any{"stream_id": id, "state": state}
	err := t.call(ctx, http.MethodPost, t.metadata().VerificationURL, in, http.StatusNoContent, nil)
	if err != nil {
		return fmt.Errorf("ssf: the transmitter does not verify the stream: %w", err)
	}
	return nil
}

func withStream(endpoint, id string) (string, error) {
	if endpoint == "" {
		return "", ErrNoEndpoint
	}
	if id == "" {
		return "", errNoID
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", err
	}
	q := u.Query()
	q.Set("stream_id", id)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func seconds(n int64) time.Duration {
	if n <= 0 || n > 1<<31 {
		return 0
	}
	return time.Duration(n) * time.Second
}
