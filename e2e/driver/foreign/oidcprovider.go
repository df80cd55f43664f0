package foreign

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/opsuite/oidcprovider"
)

// OIDCProvider starts npm's oidc-provider. Its sessions are in memory.
func OIDCProvider(t testing.TB, o Options) *Server {
	t.Helper()
	var clients []any
	short := map[string]int{}
	for _, c := range o.Clients {
		if c.AccessToken > 0 {
			short[c.ID] = int(c.AccessToken.Seconds())
		}
		grants := []string{"authorization_code"}
		if c.Refresh {
			grants = append(grants, "refresh_token")
		}
		clients = append(clients, map[string]any{
			"client_id": c.ID, "client_secret": c.Secret(), "token_endpoint_auth_method": "client_secret_basic",
			"redirect_uris": []string{c.Base + "/auth/callback"}, "post_logout_redirect_uris": []string{c.Base +
				"/auth/logged-out"},
			"backchannel_logout_uri": c.Base + "/auth/backchannel-logout", "backchannel_logout_session_required": true,
			"response_types": []string{"code"}, "grant_types": grants,
		})
	}
	dir := folder(t, "../../../idp-mock/opsuite/oidcprovider")
	config := oidcprovider.Config{Clients: clients, AccessTokens: short, Keys: []any{rsaKey(t)}, TTL: map[string]int{
		"Session": int(o.Window.Seconds()), "AccessToken": 300, "RefreshToken": 8 * 3600, "Grant": 8 * 3600,
	}}
	issuer, process := oidcprovider.StartProcess(t, dir, config)
	s := &Server{Issuer: issuer, Version: npmVersion(t, dir+"/node_modules/oidc-provider/package.json"),
		process: process,
		Field:   "login", LogOut: issuer + "/session/end", InMemory: true}
	if u, err := url.Parse(issuer); err == nil {
		config.Port, _ = strconv.Atoi(u.Port()) // 0 would show: the issuer would be another
	}
	s.Restart = func() {
		_ = s.process.Kill()
		_, _ = s.process.Wait()
		_, s.process = oidcprovider.StartProcess(t, dir, config)
	}
	s.RotateKeys = func() error {
		config.Keys = append([]any{rsaKey(t)}, config.Keys...) // the first one signs
		s.Restart()
		return nil
	}
	return s
}

// rsaKey is one that signs.
func rsaKey(t testing.TB) jose.JSONWebKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: key, KeyID: strconv.FormatInt(time.Now().UnixNano(), 36), Algorithm: "RS256",
		Use: "sig"}
}

func npmVersion(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	var is struct{ Version string }
	if err == nil {
		err = json.Unmarshal(text, &is)
	}
	if err != nil {
		t.Fatal(err)
	}
	return is.Version
}
