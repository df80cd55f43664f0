package ssf

import (
	"context"
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
	// MinVerificationInterval between two calls of RequestVerification.
	MinVerificationInterval time.Duration
	// InactivityTimeout after which the transmitter may drop a stream whose
	// receiver is not heard of; zero: none.
	InactivityTimeout time.Duration
}

// StreamRequest is what a receiver may wish for.
type StreamRequest struct {
	Method      string    // Push or Poll
	PushURL     string    // with Push: where the Receiver is mounted
	PushToken   rp.Secret // with Push: Config.PushToken
	Events      []string  // default: SessionRevoked
	Description string
}

// StreamStatus is how a stream stands (§8.1.2).
type StreamStatus string

// The statuses. A transmitter may keep the events of a paused stream for later,
// and drops those of a disabled one.
const (
	Enabled  StreamStatus = "enabled"
	Paused   StreamStatus = "paused"
	Disabled StreamStatus = "disabled"
)

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
	d := deliveryJSON{Method: r.Method}
	switch r.Method {
	case Push:
		if err := weburl.Check(r.PushURL, t.cfg.InsecureAllowHTTP); err != nil {
			return Stream{}, &ConfigError{"StreamRequest.PushURL", err.Error()}
		}
		if len(r.PushToken) < minPushToken {
			return Stream{}, &ConfigError{"StreamRequest.PushToken", fmt.Sprintf("has %d characters; use at least %d random ones", len(r.PushToken), minPushToken)}
		}
		d.URL, d.Authorization = r.PushURL, "Bearer "+string(r.PushToken)
	case Poll:
	default:
		return Stream{}, &ConfigError{"StreamRequest.Method", "is neither ssf.Push nor ssf.Poll"}
	}
	events := r.Events
	if len(events) == 0 {
		events = []string{SessionRevoked}
	}
	var got streamJSON
	err := t.call(ctx, http.MethodPost, t.meta.ConfigURL, map[string]any{
		"delivery": d, "events_requested": events, "description": r.Description,
	}, http.StatusCreated, &got)
	if err != nil {
		return Stream{}, fmt.Errorf("ssf: the stream was not created: %w", err)
	}
	return t.stream(got)
}

// Stream reads the configuration of a stream (§8.1.1.2).
func (t *Transmitter) Stream(ctx context.Context, id string) (Stream, error) {
	where, err := withStream(t.meta.ConfigURL, id)
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
	case got.Issuer != t.meta.Issuer: // §8.1.1.1
		return Stream{}, fmt.Errorf("ssf: the stream's iss is %q, not the transmitter's", got.Issuer)
	case got.ID == "" || len(got.Audience) == 0 || got.Delivery == nil:
		return Stream{}, fmt.Errorf("ssf: the stream's configuration lacks stream_id, aud or delivery")
	}
	s := Stream{ID: got.ID, Audience: got.Audience, EventsDelivered: got.EventsDelivered, Method: got.Delivery.Method, URL: got.Delivery.URL,
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
	where, err := withStream(t.meta.ConfigURL, id)
	if err != nil {
		return err
	}
	if err := t.call(ctx, http.MethodDelete, where, nil, http.StatusNoContent, nil); err != nil {
		return fmt.Errorf("ssf: the stream was not deleted: %w", err)
	}
	return nil
}

// Status asks how a stream stands (§8.1.2.1).
func (t *Transmitter) Status(ctx context.Context, id string) (StreamStatus, error) {
	where, err := withStream(t.meta.StatusURL, id)
	if err != nil {
		return "", err
	}
	var got struct {
		Status StreamStatus `json:"status"`
	}
	if err := t.call(ctx, http.MethodGet, where, nil, http.StatusOK, &got); err != nil {
		return "", fmt.Errorf("ssf: the stream's status cannot be read: %w", err)
	}
	if !got.Status.known() {
		return "", fmt.Errorf("ssf: the stream's status is none of the three")
	}
	return got.Status, nil
}

// SetStatus enables, pauses or disables a stream (§8.1.2.2).
func (t *Transmitter) SetStatus(ctx context.Context, id string, s StreamStatus) error {
	if !s.known() {
		return fmt.Errorf("ssf: %q is no status of a stream; use Enabled, Paused or Disabled", s)
	}
	var got struct{}
	err := t.call(ctx, http.MethodPost, t.meta.StatusURL, map[string]any{"stream_id": id, "status": s}, http.StatusOK, &got)
	if err != nil {
		return fmt.Errorf("ssf: the stream's status was not changed: %w", err)
	}
	return nil
}

// requestVerification asks for a verification event (§8.1.4.2).
func (t *Transmitter) requestVerification(ctx context.Context, id, state string) error {
	err := t.call(ctx, http.MethodPost, t.meta.VerificationURL, map[string]any{"stream_id": id, "state": state}, http.StatusNoContent, nil)
	if err != nil {
		return fmt.Errorf("ssf: the transmitter does not verify the stream: %w", err)
	}
	return nil
}

func (s StreamStatus) known() bool { return s == Enabled || s == Paused || s == Disabled }

func withStream(endpoint, id string) (string, error) {
	if endpoint == "" {
		return "", ErrNoEndpoint
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
