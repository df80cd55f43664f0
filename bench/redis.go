package main

import (
	"net/http"

	"github.com/tandem-sso/tandem/rp"
)

func redisSubjects(addr string, tandem func(string, rp.Store) error, add func(string, http.Handler, ...*http.Cookie)) (bool, func(), error) {
	return false, func() {}, nil
}
