package firefox

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// remote is a JavaScript value as WebDriver BiDi writes it (script.RemoteValue).
type remote struct {
	Type     string          `json:"type"`
	Value    json.RawMessage `json:"value"`
	SharedID string          `json:"sharedId"`
}

// plain writes the value as JSON.stringify would; nothing for undefined.
func (v remote) plain() ([]byte, error) {
	switch v.Type {
	case "undefined":
		return nil, nil
	case "null":
		return []byte("null"), nil
	case "string", "boolean":
		return v.Value, nil
	case "number":
		if bytes.HasPrefix(v.Value, []byte(`"`)) { // "NaN", "Infinity", "-0"
			if string(v.Value) == `"-0"` {
				return []byte("0"), nil
			}
			return []byte("null"), nil
		}
		return v.Value, nil
	case "array":
		var items []remote
		if err := json.Unmarshal(v.Value, &items); err != nil {
			return nil, err
		}
		list := make([]json.RawMessage, len(items))
		for i, item := range items {
			text, err := item.plain()
			if err != nil {
				return nil, err
			}
			if text == nil {
				text = []byte("null")
			}
			list[i] = text
		}
		return json.Marshal(list)
	case "object":
		var pairs [][2]json.RawMessage
		if err := json.Unmarshal(v.Value, &pairs); err != nil {
			return nil, err
		}
		object := make(map[string]json.RawMessage, len(pairs))
		for _, pair := range pairs {
			var key string
			var value remote
			if err := json.Unmarshal(pair[0], &key); err != nil {
				return nil, fmt.Errorf("a key that is not a string: %s", pair[0])
			}
			if err := json.Unmarshal(pair[1], &value); err != nil {
				return nil, err
			}
			text, err := value.plain()
			if err != nil {
				return nil, err
			}
			if text != nil {
				object[key] = text
			}
		}
		return json.Marshal(object)
	}
	return nil, fmt.Errorf("a value of type %s has no JSON", v.Type)
}
