package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/tandem-sso/tandem/idp-mock/control"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/transmitter"
)

// file is a configuration file: what idpmock.Config has, control_api, and issuers, which has
// by its name what is different for each of several providers.
type file struct {
	config  idpmock.Config
	control *bool
	issuers map[string]json.RawMessage
}

func (f *file) read(text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	for name, into := range map[string]any{"control_api": &f.control, "issuers": &f.issuers} {
		if own, ok := members[name]; ok {
			if err := json.Unmarshal(own, into); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			delete(members, name)
		}
	}
	text, err := json.Marshal(members)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, &f.config)
}

var issuerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// configs are the providers to serve, by the names that their issuers end in; one alone has
// no name. base is the URL of the server.
func (o *options) configs(f file, base string) (map[string]idpmock.Config, error) {
	over := maps.Clone(f.issuers)
	if over == nil {
		over = map[string]json.RawMessage{}
	}
	if o.issuers != "" {
		for name := range strings.SplitSeq(o.issuers, ",") {
			if over[name] == nil {
				over[name] = json.RawMessage("{}")
			}
		}
	}
	root := f.config.Issuer
	if o.given["issuer"] {
		root = o.issuer
	}
	if root == "" {
		root = base
	}
	if len(over) == 0 {
		c := f.config
		c.Issuer = root
		err := o.apply(&c)
		return map[string]idpmock.Config{"": c}, err
	}
	out := map[string]idpmock.Config{}
	for name, text := range over {
		if !issuerName.MatchString(name) || name == "healthz" {
			return nil, fmt.Errorf("issuers: %q is no name: want letters, digits, dots and dashes", name)
		}
		c := f.config
		if err := json.Unmarshal(text, &c); err != nil {
			return nil, fmt.Errorf("issuers: %s: %w", name, err)
		}
		c.Issuer = root + "/" + name
		if err := o.apply(&c); err != nil {
			return nil, err
		}
		out[name] = c
	}
	return out, nil
}

// providers are what one process serves.
type providers struct {
	handler http.Handler
	issuers []string
	close   []func()
}

func (p *providers) Close() {
	for _, f := range slices.Backward(p.close) {
		f()
	}
}

// open makes the providers. On an error there is nothing to close.
func (o *options) open(f file, base string) (*providers, error) {
	configs, err := o.configs(f, base)
	if err != nil {
		return nil, err
	}
	p := &providers{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		h, err := p.add(o, configs[name], o.wantsControl(f))
		if err != nil {
			p.Close()
			return nil, err
		}
		if name == "" {
			mux.Handle("/", h)
			continue
		}
		issuer, err := url.Parse(configs[name].Issuer)
		if err != nil { // idpmock.New has checked it
			p.Close()
			return nil, err
		}
		mux.Handle(issuer.Path+"/", h)
	}
	if len(configs) > 1 {
		mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, strings.Join(p.issuers, "\n")+"\n")
		})
	}
	p.handler = mux
	return p, nil
}

func (o *options) wantsControl(f file) bool {
	if f.control != nil && !o.given["control"] {
		return *f.control
	}
	return o.control
}

// add makes one provider with what stands beside it.
func (p *providers) add(o *options, c idpmock.Config, withControl bool) (http.Handler, error) {
	idp, err := idpmock.New(c)
	if err != nil {
		return nil, err
	}
	p.issuers = append(p.issuers, idp.Issuer())
	p.close = append(p.close, idp.Close)
	h := idp.Handler()
	if withControl {
		h = control.Beside(idp, h)
	}
	if o.signals == "" {
		return h, nil
	}
	token, audience, _ := strings.Cut(o.signals, ",")
	signals, err := transmitter.New(idp, transmitter.Config{OnEnd: true,
		Receivers: []transmitter.Receiver{{Token: token, Audience: []string{audience}}}})
	if err != nil {
		return nil, err
	}
	p.close = append(p.close, func() { _ = signals.Close() }) // always nil
	return signals.Beside(h), nil
}
