package main

import (
	"io"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// Whatever a configuration file and the flags say, there is a configuration or an error.
func FuzzConfiguration(f *testing.F) {
	f.Add(`{"control_api":true,"issuers":{"acme":{"idle_window":"5m"}},"clients":[{"id":"a"}]}`, "acme,globex",
		"notes,s,http://localhost:1,/cb")
	f.Add(`{"issuers":{"../x":{}}}`, ",", "a,,")
	f.Add(`{"issuers":null,"issuer":5}`, "", " , , ")
	f.Fuzz(func(t *testing.T, text, issuers, client string) {
		o, err := parse([]string{"-issuers", issuers, "-client", client}, func(string) string { return "" }, io.Discard)
		if err != nil {
			return
		}
		var read file
		if read.read([]byte(text)) != nil {
			return
		}
		configs, err := o.configs(read, "http://localhost:9000")
		if err != nil {
			return
		}
		for name, c := range configs {
			c.SweepEvery = -1
			c.SigningAlg = "ES256"
			idp, err := idpmock.New(c)
			if err != nil {
				continue
			}
			if issuer := idp.Issuer(); name != "" && issuer[len(issuer)-len(name)-1:] != "/"+name {
				t.Errorf("%q has issuer %s", name, issuer)
			}
			idp.Close()
		}
	})
}
