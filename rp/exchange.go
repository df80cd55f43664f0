package rp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/idtoken"
	"github.com/tandem-sso/tandem/rp/internal/keyset"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/reason"
)

// exchanges trades codes for tokens.
type exchanges struct {
	cfg    *Config
	engine *engine.Engine
	idp    *idp.Provider
	log    *slog.Logger
}

// inTime is exchange for a person who waits Config.WaitFor at most. An answer
// that comes too late begins no session: nobody has its cookie.
func (x *exchanges) inTime(ctx context.Context, code string, f *loginflow.Flow) (*engine.Tokens, error) {
	got, err := inTime(x.engine, x.cfg.WaitFor,
		func(context.Context) (*engine.Tokens, error) { return x.exchange(ctx, code, f) },
		func(got *engine.Tokens, err error) {
			if err == nil {
				x.engine.Orphaned(got, record.Data{Subject: got.ID.Subject, SID: got.ID.SID}, "")
			}
		})
	switch {
	case errors.Is(err, errClosing):
		return nil, laterFor(f, &UnavailableError{RetryAfter: time.Second, Cause: reason.Busy, Err: err})
	case errors.Is(err, errLate):
		return nil, laterFor(f, &UnavailableError{RetryAfter: 2 * time.Second, Cause: reason.IdPSilent,
			Err: fmt.Errorf("the token endpoint's answer to the code takes longer than Config.WaitFor (%v)",
				x.cfg.WaitFor)})
	}
	return got, err
}

// exchange trades the code for tokens. A code can be used once, so a browser
// that hangs up does not stop it.
func (x *exchanges) exchange(ctx context.Context, code string, f *loginflow.Flow) (*engine.Tokens, error) {
	ctx, cancel := x.engine.Detached(ctx)
	defer cancel()
	answer, out := x.idp.At().Client.Bound(f.DPoP).Exchange(ctx, code, f.Verifier, f.RedirectURI)
	x.engine.JudgeAnswer(&out)
	if out.Err != nil {
		return nil, x.noTokens(f, out)
	}
	want := idtoken.Want{Nonce: f.Nonce}
	if !f.Silent { // a silent round trip has not asked for it
		want.MaxAge = x.cfg.MaxAge
		if age := f.Wish.Age; age > 0 && (want.MaxAge == 0 || age < want.MaxAge) {
			want.MaxAge = age
		}
	}
	got := x.engine.Read(answer, f.DPoP)
	err := x.engine.VerifyLogin(ctx, got, want)
	if down := (*keyset.UnavailableError)(nil); errors.As(err, &down) {
		return nil, &UnavailableError{RetryAfter: time.Second, Cause: reason.IdPFails, Err: err}
	}
	if errors.Is(err, idtoken.ErrTooLarge) {
		return nil, tooLarge(err)
	}
	if err != nil {
		return nil, badLogin("failed-trust", err)
	}
	if !f.Silent && !f.Wish.MetBy(engine.AcrOf(string(got.ID.Raw)), got.ID.AuthTime, x.cfg.Now(), x.cfg.Skew) {
		x.engine.Orphaned(got, record.Data{Subject: got.ID.Subject, SID: got.ID.SID}, "")
		return nil, loginFailed(http.StatusForbidden,
			errors.New("the ID token does not have the acr or auth_time that was asked for"), "failed-weak",
			"advice-weak")
	}
	if !got.IsAsked() && x.cfg.Kind != NoToken && !f.Silent {
		return nil, loginFailed(http.StatusBadGateway, engine.ErrOtherType(engine.Quoted(got.Kind), got.Key),
			"failed-type", "advice-tell")
	}
	return got, nil
}

// noTokens describes a code that brought no tokens.
func (x *exchanges) noTokens(f *loginflow.Flow, out idp.Outcome) error {
	switch verdict.Exchange(out.Answer) {
	case verdict.Later:
		return laterFor(f, &UnavailableError{RetryAfter: max(out.RetryAfter, time.Second), Cause: engine.WhoFails(&out),
			Err: out.Err})
	case verdict.Spent:
		return badLogin("failed-code", out.Err)
	}
	x.log.Error("the settings of this client and of the IdP do not match", "error", out.Err)
	return loginFailed(http.StatusBadGateway, out.Err, "failed-client", "advice-tell")
}
