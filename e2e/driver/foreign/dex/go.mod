module github.com/tandem-sso/tandem/e2e/driver/foreign/dex

go 1.26

require (
	github.com/AppsFlyer/go-sundheit v0.6.0
	github.com/dexidp/dex v0.0.0-20260806151424-ab64ed778070
	github.com/ghodss/yaml v1.0.0
	golang.org/x/crypto v0.54.0
)
