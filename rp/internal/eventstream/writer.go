package eventstream

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/web"
)

// writeTimeout bounds one event, to a browser that does not read.
const writeTimeout = 10 * time.Second

// Writer writes events: a browser that does not read cannot hold the goroutine.
type Writer struct {
	w  http.ResponseWriter
	to *http.ResponseController
}

// New makes a Writer of an answer that has not begun. See CanFlush.
func New(w http.ResponseWriter) *Writer { return &Writer{w, http.NewResponseController(w)} }

// Begin sends the header.
func (e *Writer) Begin() {
	h := e.w.Header()
	web.NoStore(h)
	web.OwnSite(h)
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	e.w.WriteHeader(http.StatusOK)   // before Flush: a compressing writer decides then
	_ = e.flush()                    // an error shows at the first event
}

// Event sends v as JSON. Its error means that the browser has gone or does not read, or that
// v is no JSON.
func (e *Writer) Event(name string, id uint64, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	b := bytes.NewBuffer(make([]byte, 0, len(data)+64))
	b.WriteString("event: " + name + "\nid: " + strconv.FormatUint(id, 10) + "\ndata: ")
	b.Write(data) // without line breaks
	b.WriteString("\n\n")
	return e.write(b.Bytes())
}

// Comment tells proxies and both sides that the other one is there.
func (e *Writer) Comment() error { return e.write([]byte(":\n\n")) }

func (e *Writer) write(b []byte) error {
	_ = e.to.SetWriteDeadline(time.Now().Add(writeTimeout)) // where it is not supported the server's own limit holds
	if _, err := e.w.Write(b); err != nil {
		return err
	}
	return e.to.Flush()
}

func (e *Writer) flush() error {
	_ = e.to.SetWriteDeadline(time.Now().Add(writeTimeout))
	return e.to.Flush()
}
