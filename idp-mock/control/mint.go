package control

import (
	"net/http"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/internal/plain"
)

// mintTokens is [idpmock.IDP.Mint].
func (a *api) mintTokens(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Client   string         `json:"client"`
		User     string         `json:"user"`
		SID      string         `json:"sid"`
		Scope    *string        `json:"scope"`
		Audience []string       `json:"audience"`
		Claims   map[string]any `json:"claims"`
		Lifetime plain.Duration `json:"lifetime"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	m := idpmock.Mint{Client: in.Client, User: in.User, SID: in.SID, Audience: in.Audience, Claims: in.Claims,
		Lifetime: time.Duration(in.Lifetime)}
	if in.Scope != nil {
		m.Scope = append([]string{}, strings.Fields(*in.Scope)...)
	}
	tokens, err := a.idp.Mint(m)
	if err != nil {
		return err
	}
	return okJSON(w, tokens)
}
