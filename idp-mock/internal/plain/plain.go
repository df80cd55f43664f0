// Package plain reads and writes the JSON of configuration files and of the control API.
package plain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Duration reads "1m30s" or a number of seconds, and writes the former.
type Duration time.Duration

func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

func (d *Duration) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		v, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf(`idpmock: %q is no duration such as "15m" or "1.5s"`, text)
		}
		*d = Duration(v)
		return nil
	}
	var seconds float64
	if err := json.Unmarshal(b, &seconds); err != nil {
		return fmt.Errorf(`idpmock: %s is no duration: want "15m" or a number of seconds`, b)
	}
	if seconds > 1e9 || seconds < -1e9 {
		return fmt.Errorf("idpmock: %s is no duration: too many seconds", b)
	}
	*d = Duration(seconds * float64(time.Second))
	return nil
}

// Strict decodes JSON and refuses what it does not know: a misspelt setting
// must not be silently ignored.
func Strict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("idpmock: there is something after the JSON value")
	}
	return nil
}

// NameIn reads the member name of a JSON object, "" if there is none.
func NameIn(b []byte) string {
	var j struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(b, &j) != nil {
		return "" // the strict reading that follows tells why
	}
	return j.Name
}

// Write answers with JSON that nobody may keep.
func Write(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "the answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the reader has gone
}
