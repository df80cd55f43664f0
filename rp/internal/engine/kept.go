package engine

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/store"
)

// keptFor is how long an instance may start, and verify, with what the Store keeps of
// an IdP that does not answer.
const keptFor = 24 * time.Hour

// kept is what the Store keeps of the IdP, sealed: its metadata and its public keys, each
// with the time when the IdP said so. With it an instance starts while the IdP is down.
type kept struct {
	Metadata *idp.Metadata
	Read     time.Time
	Keys     json.RawMessage `json:",omitempty"`
	KeysRead time.Time
}

// readKept returns what the Store keeps of the IdP, and the record's version. If it is too old
// or cannot be read, that counts as nothing.
func (p *Engine) readKept(ctx context.Context) (k kept, version uint64, err error) {
	key := p.party.KeptKey()
	rec, err := p.cfg.Store.Load(ctx, key)
	if err != nil {
		return kept{}, 0, err
	}
	plain, err := p.ring.Open(rec.Sealed, p.party.Bound(&key))
	if err == nil {
		err = json.Unmarshal(plain, &k)
	}
	if err != nil {
		return kept{}, rec.Version, err
	}
	if now := p.Now(); !fresh(k.Read, now) {
		k = kept{}
	} else if !fresh(k.KeysRead, now) {
		k.Keys = nil
	}
	return k, rec.Version, nil
}

func fresh(read, now time.Time) bool { return !read.After(now) && now.Sub(read) < keptFor }

// keepIdP reads the IdP's keys where that is due, and stores what is known of it. Another
// instance may do the same at that moment. It does not matter which one comes last: both have
// it from the IdP.
func (p *Engine) keepIdP(ctx context.Context, read time.Time) error {
	if err := p.idp.Keys.Ready(ctx); err != nil {
		return err
	}
	k := kept{Metadata: p.idp.At().Metadata, Read: read}
	k.Keys, k.KeysRead = p.idp.Keys.Kept()
	plain, err := json.Marshal(k)
	if err == nil && len(plain) > store.MaxSealed/2 {
		p.log.Warn("the IdP's metadata and keys are too large for the store: an instance can start only while the "+
			"IdP answers", "bytes", len(plain))
		return nil
	}
	if err != nil {
		return err
	}
	key := p.party.KeptKey()
	rec := store.Record{Key: key, Owner: key, Refs: []store.Key{key}, Begun: read, Active: read, Due: read.Add(keptFor),
		Sealed: p.ring.Seal(plain, p.party.Bound(&key))}
	_, rec.Version, err = p.readKept(ctx)
	switch {
	case errors.Is(err, store.ErrNotFound):
		err = p.cfg.Store.Create(ctx, rec)
	case rec.Version > 0:
		err = p.cfg.Store.Replace(ctx, rec)
	}
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

// meet reads the IdP's metadata for the first time. If the IdP does not answer, it uses what
// the Store keeps.
func (p *Engine) meet(ctx context.Context) error {
	old, _, keptErr := p.readKept(ctx)
	if keptErr == nil && len(old.Keys) > 0 {
		if err := p.idp.Keys.Restore(old.Keys, old.KeysRead); err != nil {
			p.log.Warn("the store's copy of the IdP's keys cannot be read", "error", err)
		}
	}
	err := p.idp.Discover(ctx)
	if err == nil {
		p.met.Store(true)
		return nil
	}
	if unfit := idp.UnfitError(nil); errors.As(err, &unfit) || keptErr != nil || old.Metadata == nil {
		return err
	}
	if unfit := p.idp.Fits(old.Metadata); unfit != nil {
		return unfit
	}
	p.idp.Use(old.Metadata)
	p.log.Warn("the IdP does not answer: this instance serves sessions with the metadata and keys of the IdP that "+
		"the store keeps, and nobody can log in until the IdP answers",
		"read", old.Read, "error", err)
	return nil
}
