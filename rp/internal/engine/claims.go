package engine

import (
	"context"
	"encoding/json"

	"github.com/tandem-sso/tandem/rp/internal/claims"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/store"
)

func Said(d *record.Data) claims.Said {
	return claims.Said{IDToken: d.IDToken, Kept: d.Kept, Userinfo: d.Userinfo}
}

// say makes the ID token the latest one. Its signature was good, so it can be read.
func (t *Tokens) say(d *record.Data, keep bool) {
	if next, err := Said(d).ByIDToken(t.rawID, keep); err == nil {
		d.IDToken, d.Kept, d.Userinfo = next.IDToken, next.Kept, next.Userinfo
	}
}

// AcrOf is the authentication context class that an ID token names.
func AcrOf(claims string) string {
	var c struct {
		ACR string `json:"acr"`
	}
	_ = json.Unmarshal([]byte(claims), &c) // it was valid when it was stored
	return c.ACR
}

// TakeUserinfo notes what userinfo has said of this subject, unless that does not fit into
// the record.
func TakeUserinfo(d *record.Data, answer []byte) bool {
	next, err := Said(d).ByUserinfo(answer)
	if err != nil {
		return false
	}
	with := *d
	with.Kept, with.Userinfo = next.Kept, next.Userinfo
	if !with.Fits() {
		return false
	}
	d.Kept, d.Userinfo = with.Kept, with.Userinfo
	return true
}

// ReadProfile asks userinfo again once tokens have been renewed (Config.UserinfoAgain).
// It runs beside: nobody waits for it, and what it cannot bring stays as it was.
func (p *Engine) ReadProfile(st *State) {
	if !p.cfg.UserinfoAgain || st.Data.AccessToken == "" || p.idp.At().UserinfoURL == "" {
		return
	}
	p.Go(func(ctx context.Context) {
		ctx, cancel := p.Detached(ctx)
		defer cancel()
		answer, out := p.callUserinfo(ctx, st.Data)
		err := out.Err
		if err == nil {
			_, err = p.Commit(ctx, st, func(d *record.Data) bool {
				return d.Generation == st.Data.Generation && p.profileNews(st.Rec.Key, d, answer)
			})
		}
		if err != nil {
			p.log.Warn("userinfo could not be read again; the session's claims stay as they were",
				"session", st.Rec.Key.Short(), "error", err)
		}
	})
}

// profileNews takes an answer of userinfo that came after the log-in, where that is wanted.
func (p *Engine) profileNews(key store.Key, d *record.Data, answer []byte) bool {
	if !p.cfg.UserinfoAgain || answer == nil {
		return false
	}
	kept, userinfo := d.Kept, d.Userinfo
	if !TakeUserinfo(d, answer) {
		p.log.Warn("the answer of userinfo is too large for the session; the session's claims stay as they were",
			"session", key.Short(), "bytes", len(answer))
	}
	return d.Kept != kept || d.Userinfo != userinfo
}
