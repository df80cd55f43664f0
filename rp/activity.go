package rp

import (
	"net/http"

	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/internal/web"
)

func classOf(active bool) activity.Class {
	if active {
		return activity.Active
	}
	return activity.Passive
}

// newClassifier makes the classifier of requests from Config.Classify and the trusted origins.
func newClassifier(c *Config, app *site.App) *web.Classifier {
	w := &web.Classifier{Trusted: func(r *http.Request) map[string]bool { return app.Of(r).Trusted }}
	if c.Classify != nil {
		w.Says = func(r *http.Request) (active, ok bool) {
			class, ok := c.Classify(r)
			return class == activity.Active, ok
		}
	}
	return w
}
