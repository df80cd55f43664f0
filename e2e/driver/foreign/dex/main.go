// Program dex is Dex as a library: server and storage are those of its module. Its own
// command does not compile from the module proxy, because the module of its gRPC API is
// there at an older state only, and nothing else needs that.
//
// The configuration is that of docs/idp/dex.md, with the fields and the words of Dex's own
// file. The lane changes addresses, W and the clients.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	gosundheit "github.com/AppsFlyer/go-sundheit"
	"github.com/ghodss/yaml"
	"golang.org/x/crypto/bcrypt"

	"github.com/dexidp/dex/server"
	"github.com/dexidp/dex/server/connectors"
	"github.com/dexidp/dex/server/session"
	"github.com/dexidp/dex/server/signer"
	"github.com/dexidp/dex/server/tokens"
	"github.com/dexidp/dex/storage"
	"github.com/dexidp/dex/storage/sql"
)

// order is what the lane says, as JSON in the variable ORDER.
type order struct {
	Config, Issuer, Listen, Window, SigningKeys string

	File    string // of SQLite
	Clients []struct{ ID, Base, Secret string }
	// Brief are the clients whose tokens live so long. Dex has one life for the tokens of
	// all clients, so these have an instance of their own, on the same storage.
	Brief    map[string]string
	People   []string
	Password string
}

// config are the fields of Dex's file that the guide uses.
type config struct {
	Issuer   string
	OAuth2   struct{ SkipApprovalScreen bool }
	Sessions struct{ ValidIfNotUsedFor, AbsoluteLifetime, SSOSharedWithDefault string }
	Expiry   struct {
		IDTokens      string
		RefreshTokens struct {
			DisableRotation                                    bool
			ReuseInterval, ValidIfNotUsedFor, AbsoluteLifetime string
		}
	}
	StaticClients []storage.Client
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	var is order
	if err := json.Unmarshal([]byte(os.Getenv("ORDER")), &is); err != nil {
		return fmt.Errorf("ORDER: %w", err)
	}
	c, err := is.parse("")
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	store, err := is.open(logger)
	if err != nil {
		return err
	}
	all, err := is.server(ctx, c, store, c.Expiry.IDTokens, logger)
	if err != nil {
		return err
	}
	brief := map[string]http.Handler{}
	for id, life := range is.Brief {
		if brief[id], err = is.server(ctx, c, store, life, logger); err != nil {
			return err
		}
	}
	return http.ListenAndServe(is.Listen, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, _, ok := r.BasicAuth(); ok && brief[id] != nil {
			brief[id].ServeHTTP(w, r)
			return
		}
		all.ServeHTTP(w, r)
	}))
}

// parse reads the guide's configuration, with base in place of its app.
func (is order) parse(base string) (c config, err error) {
	text := is.Config
	if base != "" {
		text = strings.ReplaceAll(text, "https://notes.example.com", base)
	}
	asJSON, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return c, err
	}
	strictly := json.NewDecoder(bytes.NewReader(asJSON))
	strictly.DisallowUnknownFields()
	if err = strictly.Decode(&c); err == nil && len(c.StaticClients) != 1 {
		err = errors.New("the guide's configuration has not one client")
	}
	return c, err
}

// open makes the storage: a file of SQLite, with the clients and the people. On PostgreSQL
// Dex does not try again where a transaction could not be serialized: with many people at
// once it then answers 500, or login_required although the session lives.
func (is order) open(logger *slog.Logger) (storage.Storage, error) {
	db := sql.SQLite3{File: "file:" + is.File + "?_sync=OFF"} // only the machine's death would need more
	store, err := db.Open(logger)
	if err != nil {
		return nil, err
	}
	var clients []storage.Client
	for _, client := range is.Clients {
		c, err := is.parse(client.Base)
		if err != nil {
			return nil, err
		}
		registered := c.StaticClients[0]
		registered.ID, registered.Secret, registered.SecretEnv = client.ID, client.Secret, ""
		clients = append(clients, registered)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(is.Password), 10) // the least cost that it takes
	if err != nil {
		return nil, err
	}
	var people []storage.Password
	for _, name := range is.People {
		people = append(people, storage.Password{Email: name, Username: name, UserID: name, Hash: hash})
	}
	store = storage.WithStaticPasswords(storage.WithStaticClients(store, clients), people, logger)
	return storage.WithStaticConnectors(store,
		[]storage.Connector{{ID: connectors.LocalConnector, Name: "Email", Type: connectors.LocalConnector}}), nil
}

// server is one instance.
func (is order) server(ctx context.Context, c config, store storage.Storage, life string,
	logger *slog.Logger) (http.Handler, error) {
	now := func() time.Time { return time.Now().UTC() }
	tokensLife, err := time.ParseDuration(life)
	if err != nil {
		return nil, err
	}
	window, err := time.ParseDuration(is.Window)
	if err != nil {
		return nil, err
	}
	absolute, err := time.ParseDuration(c.Sessions.AbsoluteLifetime)
	if err != nil {
		return nil, err
	}
	r := c.Expiry.RefreshTokens
	policy, err := tokens.NewRefreshTokenPolicy(logger, r.DisableRotation, r.ValidIfNotUsedFor, r.AbsoluteLifetime,
		r.ReuseInterval)
	if err != nil {
		return nil, err
	}
	keysLife, err := time.ParseDuration(c.Expiry.IDTokens) // the longest of all instances
	if err != nil {
		return nil, err
	}
	keys := signer.LocalConfig{KeysRotationPeriod: is.SigningKeys}
	signs, err := keys.Open(ctx, store, keysLife, now, logger)
	if err != nil {
		return nil, err
	}
	return server.NewServer(ctx, server.Config{
		Issuer: is.Issuer, Storage: store, SkipApprovalScreen: c.OAuth2.SkipApprovalScreen,
		IDTokensValidFor:   tokensLife,
		RefreshTokenPolicy: policy, Signer: signs, Now: now, Logger: logger, HealthChecker: gosundheit.New(),
		SessionConfig: &session.Config{CookieName: "dex_session", ValidIfNotUsedFor: window, AbsoluteLifetime: absolute,
			SSOSharedWithDefault: c.Sessions.SSOSharedWithDefault},
	})
}
