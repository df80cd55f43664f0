package otelrp_test

import (
	"context"
	"log"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/otelrp"
)

// The program sets OpenTelemetry up as for everything else, and measures what rp does.
func ExampleInstrument() {
	var config rp.Config // as ever
	config, err := otelrp.Instrument(config)
	if err != nil {
		log.Fatal(err)
	}
	auth, err := rp.New(context.Background(), config)
	if err != nil {
		log.Print(err) // this one has no Issuer
		return
	}
	defer auth.Close()
}
