package rp

import (
	"encoding/binary"
	"errors"
	"net/http"
	"sort"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"github.com/tandem-sso/tandem/rp/internal/record"
)

// MaxValues bounds an app's own values of one session, encoded, in bytes.
const MaxValues = 32 << 10

// Values returns a gorilla sessions.Store whose values live in the session's own
// record: encrypted with it, on every instance, and gone when the session ends.
// It serves requests that RequireLogin has let through; without a session Get
// returns empty values and Save answers ErrAnonymous.
//
// The same person's next log-in in the same browser takes them over, if the session
// still lives then. Another person starts without any.
//
// A save never overwrites a logout or a refresh that happens meanwhile. Of two
// requests that save the same name at the same time, the later one stands, as in
// gorilla's own stores. Types other than strings, numbers and the like must be
// registered with encoding/gob. Session.Options have no effect: there is no
// second cookie.
func (p *RelyingParty) Values() sessions.Store { return valueStore{p} }

type valueStore struct{ rp *RelyingParty }

func (v valueStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(v, name)
}

func (v valueStore) New(r *http.Request, name string) (*sessions.Session, error) {
	s := sessions.NewSession(v, name)
	s.IsNew = true
	st, err := v.state(r)
	if errors.Is(err, ErrAnonymous) || errors.Is(err, ErrEnded) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	all, err := decodeValues(st.data.Values)
	if err != nil {
		return s, err
	}
	raw, ok := all[name]
	if !ok {
		return s, nil
	}
	if err := (securecookie.GobEncoder{}).Deserialize([]byte(raw), &s.Values); err != nil {
		return s, errors.New("rp: the values of a session cannot be decoded; are their types registered with encoding/gob?")
	}
	s.IsNew = false
	return s, nil
}

// Save stores the values; with Options.MaxAge below zero it removes them.
func (v valueStore) Save(r *http.Request, _ http.ResponseWriter, s *sessions.Session) error {
	remove := s.Options != nil && s.Options.MaxAge < 0
	var raw []byte
	if !remove {
		var err error
		if raw, err = (securecookie.GobEncoder{}).Serialize(s.Values); err != nil {
			return errors.New("rp: the values of a session cannot be encoded; are their types registered with encoding/gob?")
		}
	}
	st, err := v.state(r)
	if err != nil {
		return err
	}
	ctx, cancel := v.rp.detached(r.Context())
	defer cancel()
	var fault error
	_, err = v.rp.commit(ctx, st, func(d *record.Data) bool {
		var all map[string]string
		if all, fault = decodeValues(d.Values); fault != nil {
			return false
		}
		if remove {
			delete(all, s.Name())
		} else {
			all[s.Name()] = string(raw)
		}
		encoded := encodeValues(all)
		if len(encoded) > MaxValues {
			fault = errors.New("rp: the values of a session are larger than 32 KiB")
			return false
		}
		if encoded == d.Values {
			return false
		}
		d.Values = encoded
		return true
	})
	return errors.Join(fault, err)
}

// state is read anew: the session of the request may be older than its values.
func (v valueStore) state(r *http.Request) (*state, error) {
	if s := FromContext(r.Context()); s != nil {
		return v.rp.load(r.Context(), s.key())
	}
	key, ok := v.rp.sessionKey(r.Header)
	if !ok {
		return nil, ErrAnonymous
	}
	return v.rp.load(r.Context(), key)
}

func encodeValues(all map[string]string) string {
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	sort.Strings(names)
	var b []byte
	for _, name := range names {
		for _, s := range []string{name, all[name]} {
			b = binary.AppendUvarint(b, uint64(len(s)))
			b = append(b, s...)
		}
	}
	return string(b)
}

func decodeValues(text string) (map[string]string, error) {
	all := map[string]string{}
	b := []byte(text)
	next := func() (string, bool) {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return "", false
		}
		s := string(b[size : size+int(n)])
		b = b[size+int(n):]
		return s, true
	}
	for len(b) > 0 {
		name, ok1 := next()
		value, ok2 := next()
		if !ok1 || !ok2 {
			return nil, errors.New("rp: the values of a session are malformed")
		}
		all[name] = value
	}
	return all, nil
}
