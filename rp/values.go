package rp

import (
	"encoding/binary"
	"errors"
	"net/http"
	"sort"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/store"
)

// maxValues bounds an app's own values of one session, encoded, in bytes.
const maxValues = 32 << 10

// Values returns a gorilla sessions.Store whose values live in the session's own record: encrypted,
// on every instance, at most 32 KiB, and gone when the session ends; while it lives, the same
// person's log-ins in the same browser keep them. Without a session they are those of
// Config.VisitorValues; if that is not set, Get is empty and Save returns ErrAnonymous.
//
// A save never overwrites a log-out or a refresh. If Get could not read the values in this request,
// Save overwrites nothing and returns the error of Get, which is for RelyingParty.Answer. Of two
// saves of one name the later one wins. Types other than strings, numbers and the like must be
// registered with encoding/gob. Session.Options have no effect.
func (p *RelyingParty) Values() sessions.Store {
	return valueStore{p.gate.browsers, p.cfg.VisitorValues}
}

type valueStore struct {
	browsers *browsers
	visitors sessions.Store // Config.VisitorValues
}

func (v valueStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	if v.visitors != nil && v.visits(r) {
		return v.visitors.Get(r, name)
	}
	return sessions.GetRegistry(r).Get(v, name)
}

func (v valueStore) New(r *http.Request, name string) (*sessions.Session, error) {
	if v.visitors != nil && v.visits(r) {
		return v.visitors.New(r, name)
	}
	var all map[string]string
	st, err := v.state(r)
	switch {
	case errors.Is(err, ErrAnonymous) || errors.Is(err, store.ErrEnded):
		err = nil
	case err == nil:
		all, err = decodeValues(st.Data.Values)
	}
	s, unread := readValues(v, name, all)
	return s, errors.Join(err, unread)
}

// visits reports whether nobody is logged in. A request that was let through with a session
// is no visitor's, even if that has ended since.
func (v valueStore) visits(r *http.Request) bool {
	if FromContext(r.Context()) != nil {
		return false
	}
	_, err := v.state(r)
	return errors.Is(err, ErrAnonymous) || errors.Is(err, store.ErrEnded)
}

// Save stores the values; with Options.MaxAge below zero it removes them.
func (v valueStore) Save(r *http.Request, w http.ResponseWriter, s *sessions.Session) error {
	if _, own := s.Store().(valueStore); !own && s.Store() != nil { // a visitor's
		return s.Store().Save(r, w, s)
	}
	// Many who use gorilla's stores do not look at the error of Get. What they save then would
	// replace what is there.
	if _, err := sessions.GetRegistry(r).Get(v, s.Name()); errors.As(err, new(*UnavailableError)) {
		return err
	}
	raw, err := encodeOne(s)
	if err != nil {
		return err
	}
	st, err := v.state(r)
	if err != nil {
		return err
	}
	ctx, cancel := v.browsers.engine.Detached(r.Context())
	defer cancel()
	var fault error
	_, err = v.browsers.engine.Commit(ctx, st, func(d *record.Data) bool {
		encoded, ok := overlay(d.Values, map[string]string{s.Name(): raw})
		if !ok {
			fault = errValuesTooLarge
		}
		if !ok || encoded == d.Values {
			return false
		}
		d.Values = encoded
		return true
	})
	return errors.Join(fault, err)
}

// state is read anew: the session of the request may be older than its values.
func (v valueStore) state(r *http.Request) (*engine.State, error) {
	if s := FromContext(r.Context()); s != nil {
		return v.browsers.engine.Load(r.Context(), s.key())
	}
	return v.browsers.session(r)
}

var errValuesTooLarge = errors.New("rp: the values of a session are larger than 32 KiB, or malformed")

// readValues makes the gorilla session of one name.
func readValues(kept sessions.Store, name string, all map[string]string) (*sessions.Session, error) {
	s := sessions.NewSession(kept, name)
	s.Options = &sessions.Options{Path: "/"} // gorilla's users set MaxAge in it without a look
	raw, ok := all[name]
	if s.IsNew = !ok; s.IsNew {
		return s, nil
	}
	if err := (securecookie.GobEncoder{}).Deserialize([]byte(raw), &s.Values); err != nil {
		s.IsNew = true
		return s, errors.New("rp: the values of a session cannot be decoded; are their types registered with " +
			"encoding/gob?")
	}
	return s, nil
}

// encodeOne is what readValues reads; empty: they are to be removed.
func encodeOne(s *sessions.Session) (string, error) {
	if s.Options != nil && s.Options.MaxAge < 0 {
		return "", nil
	}
	raw, err := (securecookie.GobEncoder{}).Serialize(s.Values)
	if err != nil {
		return "", errors.New("rp: the values of a session cannot be encoded; are their types registered with " +
			"encoding/gob?")
	}
	return string(raw), nil
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
