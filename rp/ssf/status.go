package ssf

import (
	"context"
	"fmt"
	"net/http"
)

// StreamStatus is the status of a stream (§8.1.2).
type StreamStatus string

// The statuses. A transmitter may keep the events of a paused stream for later,
// and drops those of a disabled one.
const (
	Enabled  StreamStatus = "enabled"
	Paused   StreamStatus = "paused"
	Disabled StreamStatus = "disabled"
)

func (s StreamStatus) known() bool { return s == Enabled || s == Paused || s == Disabled }

// Status reads the status of a stream (§8.1.2.1).
func (t *Transmitter) Status(ctx context.Context, id string) (StreamStatus, error) {
	where, err := withStream(t.metadata().StatusURL, id)
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
	in := map[string]any{"stream_id": id, "status": s}
	err := t.call(ctx, http.MethodPost, t.metadata().StatusURL, in, http.StatusOK, &got)
	if err != nil {
		return fmt.Errorf("ssf: the stream's status was not changed: %w", err)
	}
	return nil
}
