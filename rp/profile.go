package rp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/keyset"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// errSigned names what cannot be read.
func errSigned(why error) error {
	return fmt.Errorf("userinfo answers with application/jwt (signed or encrypted), which cannot be read: %w; see "+
		"userinfo_signed_response_alg and userinfo_encrypted_response_alg in this client's registration", why)
}

// profiles are what userinfo says of a person at the log-in.
type profiles struct {
	cfg    *Config
	engine *engine.Engine
	idp    *idp.Provider
	log    *slog.Logger
}

// ask asks the userinfo endpoint once at the log-in, for one of two reasons.
//
// Config.UserinfoClaims: the app needs what only userinfo says, so without it no session
// begins. Or there is no refresh token: then a later 401 of userinfo is a word about the
// session if it takes this kind of access token now. A later call can say that too.
//
// The person came back at f.Back, and waits at most Config.WaitFor for the code's answer and
// for this one together. Its errors are *LoginError.
func (u *profiles) ask(ctx context.Context, f *loginflow.Flow, got *engine.Tokens, d *record.Data) error {
	needed := u.cfg.UserinfoClaims
	if !needed && (d.AccessToken == "" || d.RefreshToken != "" || u.idp.At().UserinfoURL == "") {
		return nil
	}
	if got.Access == "" || !got.IsAsked() {
		return u.unfit(errors.New("the token endpoint has given no usable access token to ask userinfo with: " +
			"some IdPs issue one only for a scope of an API"))
	}
	wait := stillWaits(u.cfg, f.Back)
	if wait <= 0 {
		if needed {
			return notFinished(late(u.cfg.WaitFor))
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	answer, out := u.idp.At().Client.Bound(got.Key).Userinfo(ctx, got.Access, d.Subject)
	if ctx.Err() == nil { // else it had less time than a call may take
		u.engine.Went(&out)
	}
	d.UserinfoFits = out.Err == nil
	u.engine.JudgeAnswer(&out)
	switch {
	case !needed && out.Err != nil:
		u.log.Warn("the userinfo endpoint refuses the access token of a new log-in; so its later refusals do not end "+
			"the session", "error", out.Err)
	case !needed:
	case out.Err != nil && ctx.Err() != nil:
		return notFinished(late(u.cfg.WaitFor))
	case out.Err != nil:
		return u.noClaims(&out)
	case answer == nil:
		if down := (*keyset.UnavailableError)(nil); errors.As(out.Unread, &down) {
			return notFinished(&reason.UnavailableError{RetryAfter: time.Second, Cause: reason.IdPFails,
				Err: out.Unread})
		}
		return u.unfit(errSigned(out.Unread))
	case !engine.TakeUserinfo(d, answer):
		return tooLarge(errTooLargeToKeep)
	}
	return nil
}

func late(waited time.Duration) *UnavailableError {
	return &UnavailableError{RetryAfter: 2 * time.Second, Cause: reason.IdPSilent,
		Err: fmt.Errorf("the answers to a code and of userinfo take longer than Config.WaitFor (%v)", waited)}
}

// noClaims describes a userinfo endpoint that brought no claims.
func (u *profiles) noClaims(out *idp.Outcome) error {
	switch {
	case out.Fault == verdict.OtherUser: // CORE-11
		return loginFailed(http.StatusBadRequest, out.Err, "failed-subject", "advice-tell")
	case verdict.Userinfo(out.Answer, false) == verdict.Retry, out.Fault != verdict.None:
		wait := max(out.RetryAfter, time.Second)
		return notFinished(&UnavailableError{RetryAfter: wait, Cause: engine.WhoFails(out), Err: out.Err})
	}
	return u.unfit(fmt.Errorf("%w: it does not take the access token of a log-in, "+
		"perhaps because that is bound to an API or lacks a scope", out.Err))
}

// unfit is a log-in that no second try can finish.
func (u *profiles) unfit(err error) error {
	u.log.Error("Config.UserinfoClaims: userinfo cannot be read for this client, so the log-in fails", "error", err)
	return loginFailed(http.StatusBadGateway, err, "failed-profile", "advice-tell")
}

var errTooLargeToKeep = errors.New("ID token, userinfo and tokens together are larger than 60 KiB: " +
	"let the IdP put fewer claims into them, such as the groups of this app only")

func tooLarge(err error) error {
	return loginFailed(http.StatusBadGateway, err, "failed-size", "advice-tell")
}

// scopeClaims are what a scope is asked for (OpenID Connect Core 1.0 §5.4).
var scopeClaims = map[string][]string{
	"profile": {"name", "given_name", "family_name", "preferred_username", "nickname", "picture", "updated_at"},
	"email":   {"email"},
}

// judgeProfile finds an IdP that tells what a scope is asked for at userinfo only, as Core
// §5.4 lets it.
func judgeProfile(c *Config, d *record.Data) []store.Finding {
	var told map[string]any
	if c.UserinfoClaims || decodeClaims(d, &told) != nil {
		return nil
	}
	for scope, names := range scopeClaims {
		has := func(name string) bool { _, ok := told[name]; return ok }
		if slices.Contains(c.Scopes, scope) && !slices.ContainsFunc(names, has) {
			return []store.Finding{{Code: "profile_at_userinfo",
				Text: fmt.Sprintf("The ID token has no claim of the scope %s. If the app needs one, set "+
					"Config.UserinfoClaims: many IdPs give these claims at userinfo only.", scope)}}
		}
	}
	return nil
}
