package firefox

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// conn is one WebDriver BiDi session: commands go out, answers and events come in
// over one WebSocket. https://www.w3.org/TR/webdriver-bidi/
type conn struct {
	ws    *websocket.Conn
	event func(method string, params json.RawMessage) // called by the reader: must not call back

	mu      sync.Mutex
	last    int
	waiting map[int]chan message

	done chan struct{} // closed when the reader is gone
	err  error         // why; valid once done is closed
}

// message is what Firefox sends: an answer, an error or an event.
type message struct {
	Type    string          `json:"type"`
	ID      *int            `json:"id"`
	Result  json.RawMessage `json:"result"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Code    string          `json:"error"`
	Message string          `json:"message"`
}

// Error is a command that Firefox refused.
type Error struct{ Method, Code, Message string }

func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %s", e.Method, e.Code, e.Message) }

const maxMessage = 32 << 20 // bytes; axe tells a lot

func dial(ctx context.Context, url string, event func(string, json.RawMessage)) (*conn, error) {
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(maxMessage)
	c := &conn{ws: ws, event: event, waiting: map[int]chan message{}, done: make(chan struct{})}
	go c.read()
	return c, nil
}

func (c *conn) read() {
	defer close(c.done)
	for {
		_, text, err := c.ws.Read(context.Background()) // until close
		if err != nil {
			c.err = err
			return
		}
		var m message
		if err := json.Unmarshal(text, &m); err != nil {
			c.err = fmt.Errorf("not BiDi: %w", err)
			return
		}
		if m.Type == "event" {
			c.event(m.Method, m.Params)
			continue
		}
		if m.ID == nil {
			c.err = fmt.Errorf("a message was not understood: %s: %s", m.Code, m.Message)
			return
		}
		c.mu.Lock()
		answer := c.waiting[*m.ID]
		delete(c.waiting, *m.ID)
		c.mu.Unlock()
		if answer != nil {
			answer <- m // has room for it
		}
	}
}

// call sends a command and waits for its answer; result may be nil.
func (c *conn) call(ctx context.Context, method string, params, result any) error {
	answer := make(chan message, 1)
	c.mu.Lock()
	c.last++
	id := c.last
	c.waiting[id] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.waiting, id)
	}()
	text, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	if err != nil {
		return err
	}
	// Not bounded by ctx: whose end would close the connection of all.
	writing, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := c.ws.Write(writing, websocket.MessageText, text); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m := <-answer:
		if m.Type != "success" {
			return &Error{method, m.Code, m.Message}
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(m.Result, result)
	case <-c.done:
		return fmt.Errorf("%s: the connection is gone: %w", method, c.err)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

func (c *conn) close() {
	_ = c.ws.CloseNow()
	<-c.done
}
