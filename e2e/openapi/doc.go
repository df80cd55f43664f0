// Package openapi holds the control API of idp-mock against its description, openapi.json, by
// a validator that knows neither. It is a module of its own, so that the validator stays out
// of the library's go.mod.
package openapi
