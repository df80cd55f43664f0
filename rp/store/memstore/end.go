package memstore

import (
	"context"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// End implements store.Store.
func (s *Store) End(ctx context.Context, sel store.Selector, end store.End) ([]store.Record, error) {
	if err := sel.Check(); err != nil {
		return nil, err
	}
	if err := end.Check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	how := &ending{end.Reason, storekit.Millis(end.At), storekit.Millis(end.Until)}
	if sel.Ref == (store.Key{}) {
		return s.endAll(s.byKey(&sel.Key), how, func(e *entry) bool {
			return (sel.Version == 0 || uint64(e.version) == sel.Version) &&
				(sel.IdleSince.IsZero() || e.active <= storekit.Millis(sel.IdleSince))
		}), nil
	}

	// The tombstone first: whoever creates from now on sees it, whoever has
	// created is in the list.
	begunBy, issuedBy := storekit.Millis(sel.BegunBy), storekit.Millis(sel.IssuedBy)
	tomb, now := storekit.NewTombstone(&sel, &end), s.clock()
	r := s.ref(&sel.Ref)
	r.mu.Lock()
	r.forgetSome(now, forgetPerCall)
	if how.until >= now {
		r.bury(sel.Ref, tomb)
	}
	list := r.under(&sel.Ref)
	r.mu.Unlock()
	return s.endAll(list, how, func(e *entry) bool {
		if issuedBy != 0 { // Selector.Covers
			return e.hasRef(sel.Ref) && e.issued <= issuedBy
		}
		return e.hasRef(sel.Ref) && (begunBy == 0 || e.begun <= begunBy)
	}), nil
}

func (s *Store) byKey(key *store.Key) []*entry {
	sh := s.session(key)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if e := sh.find(key); e != nil {
		return []*entry{e}
	}
	return nil
}

func (s *Store) endAll(list []*entry, how *ending, match func(*entry) bool) []store.Record {
	now := s.clock()
	var ended []store.Record
	for _, e := range list {
		if rec, ok := s.endOne(e, how, now, match); ok {
			ended = append(ended, rec)
		}
	}
	return ended
}

func (s *Store) endOne(e *entry, how *ending, now int64, match func(*entry) bool) (store.Record, bool) {
	sh := s.session(&e.key)
	sh.mu.Lock()
	sh.forgetSome(now, forgetPerCall)
	if e.end != nil || !match(e) { // an entry that is no longer in the map has ended as well
		sh.mu.Unlock()
		return store.Record{}, false
	}
	rec := e.record()
	rec.End = store.End{Reason: how.reason, At: storekit.Time(how.at), Until: storekit.Time(how.until)}
	sh.heap(e).remove(e)
	e.end, e.due = how, how.at
	sh.schedule(e)
	sh.forget.push(how.until, e)
	s.watchers.Tell(store.Change{Key: e.key, Version: uint64(e.version), Reason: how.reason})
	sh.mu.Unlock()

	s.unlink(rec.Refs, e)
	return rec, true
}

// unlink takes an entry that is over out of the index. The caller holds no lock.
func (s *Store) unlink(refs []store.Key, e *entry) {
	for i := range refs {
		r := s.ref(&refs[i])
		r.mu.Lock()
		r.unlink(&refs[i], e)
		r.mu.Unlock()
	}
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, ref store.Key) ([]store.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := s.ref(&ref)
	r.mu.RLock()
	list := r.under(&ref)
	r.mu.RUnlock()
	var live []store.Record
	for _, e := range list {
		sh := s.session(&e.key)
		sh.mu.RLock()
		if e.end == nil && e.hasRef(ref) {
			live = append(live, e.record())
		}
		sh.mu.RUnlock()
	}
	return live, nil
}
