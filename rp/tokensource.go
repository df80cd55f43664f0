package rp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/oauth2"

	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// TokenSource returns access tokens for clients that cannot use Client: gRPC and cloud clients take
// an oauth2.TokenSource, and SetAuthHeader of a token sets the header of one request. Without an
// api they are the tokens of the log-in, with an api those of that origin of Config.APIs. Keep them
// out of logs, URLs and other hosts.
//
// Each call of Token looks at the session, as a request does, with the errors of Session.Client;
// ctx bounds it, also after the handler has returned. A client that caches tokens uses one until it
// expires, also after the end of the session. Token fetches a new one only if the person was active
// lately: Session.ReportActivity reports that. With Config.DPoP each call needs a proof by
// Session.DPoPProof. See docs/apis.md.
func (s *Session) TokenSource(ctx context.Context, api ...string) oauth2.TokenSource {
	return &tokenSource{ctx, s, api}
}

type tokenSource struct {
	ctx     context.Context
	session *Session
	api     []string
}

func (t *tokenSource) Token() (*oauth2.Token, error) {
	to, err := t.session.rp.apis.audienceOf(t.api)
	if err != nil {
		return nil, err
	}
	if err := t.ctx.Err(); err != nil {
		return nil, fmt.Errorf("rp: the context of a TokenSource is over: %w", err)
	}
	st, err := t.session.rp.apis.living(t.ctx, t.session.key())
	if err != nil {
		return nil, err
	}
	_, h, err := t.session.usable(t.ctx, st, to)
	if err != nil {
		return nil, err
	}
	return &oauth2.Token{AccessToken: h.Token, TokenType: engine.TypeOf(h.Key), Expiry: h.Until}, nil
}

func (a *apis) audienceOf(api []string) (*engine.Audience, error) {
	switch len(api) {
	case 0:
		return nil, nil
	case 1:
		if to, ok := a.of[weburl.Origin(api[0])]; ok {
			return to, nil
		}
		return nil, fmt.Errorf("rp: %+q is not in Config.APIs, so it gets no access token", api[0])
	}
	return nil, errors.New("rp: a TokenSource is for one API")
}

// living returns a session that has not ended, by the clocks either.
func (a *apis) living(ctx context.Context, key store.Key) (*engine.State, error) {
	for range 3 {
		st, err := a.engine.Load(ctx, key)
		if errors.Is(err, ErrAnonymous) {
			return nil, &EndedError{Reason: reason.Unconfirmed}
		}
		if err != nil {
			return nil, err
		}
		end := a.engine.Judge(st, lifetime.Passive).End
		if end == lifetime.Live {
			return st, nil
		}
		if err := a.engine.Expire(ctx, st, end); err != engine.ErrChanged {
			return nil, err
		}
	}
	return nil, engine.Busy(time.Second, "the session changes faster than it can be read")
}
