package foreign

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/opsuite/oidcprovider"
)

// OIDCProvider starts npm's oidc-provider. Its sessions are in memory.
func OIDCProvider(t testing.TB, o Options) *Server {
	t.Helper()
	var clients []any
	for _, c := range o.Clients {
		grants := []string{"authorization_code"}
		if c.Refresh {
			grants = append(grants, "refresh_token")
		}
		clients = append(clients, map[string]any{
			"client_id": c.ID, "client_secret": c.Secret(), "token_endpoint_auth_method": "client_secret_basic",
			"redirect_uris": []string{c.Base + "/auth/callback"}, "post_logout_redirect_uris": []string{c.Base + "/auth/logged-out"},
			"backchannel_logout_uri": c.Base + "/auth/backchannel-logout", "backchannel_logout_session_required": true,
			"response_types": []string{"code"}, "grant_types": grants,
		})
	}
	dir := folder(t, "../../../idp-mock/opsuite/oidcprovider")
	issuer, process := oidcprovider.StartProcess(t, dir, oidcprovider.Config{Clients: clients, TTL: map[string]int{
		"Session": int(o.Window.Seconds()), "AccessToken": 300, "RefreshToken": 8 * 3600, "Grant": 8 * 3600,
	}})
	return &Server{Issuer: issuer, Version: npmVersion(t, dir+"/node_modules/oidc-provider/package.json"), process: process, Field: "login"}
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
