// Package printtest proves that nothing of a package prints a secret: not one of its
// exported types, whatever is used to print it.
package printtest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"text/template"
)

// Secrets are what must not be printed, each by a name for the failure.
type Secrets map[string]string

// least is how many bytes of a secret that is cut off are already too many.
const least = 24

// Found returns the name of a secret that text shows, "" if it shows none: as it is,
// cut off, or in the ways in which fmt, encoding/json and URLs write strings and bytes.
func (s Secrets) Found(text string) string { return s.looks().in(text) }

// looks is how each secret may look.
type looks []struct{ name, form string }

func (s Secrets) looks() looks {
	var all looks
	for name, secret := range s {
		if secret == "" {
			return looks{{name + " (which is empty: nothing is proved)", ""}}
		}
		for _, form := range forms(secret) {
			all = append(all, struct{ name, form string }{name, form})
		}
	}
	return all
}

func (l looks) in(text string) string {
	for _, look := range l {
		if strings.Contains(text, look.form) {
			return look.name
		}
	}
	return ""
}

func forms(secret string) []string {
	part := secret[:min(len(secret), least)]
	bytes := []byte(part)
	quoted, _ := json.Marshal(part) // strings always encode
	return []string{
		part, url.QueryEscape(part), strings.Trim(string(quoted), `"`), strings.Trim(fmt.Sprintf("%q", part), `"`),
		fmt.Sprintf("%x", part), fmt.Sprintf("%X", part), fmt.Sprintf("% x", part), fmt.Sprintf("% X", part),
		strings.Trim(fmt.Sprint(bytes), "[]"),
		strings.Trim(strings.ReplaceAll(fmt.Sprint(bytes), " ", ","), "[]"),
		strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", bytes), "[]byte{"), "}"),
		base64.StdEncoding.EncodeToString(bytes[:len(bytes)/3*3]),
		base64.URLEncoding.EncodeToString(bytes[:len(bytes)/3*3]),
	}
}

// Exempt stands for a type that needs no value: it says why.
type Exempt string

// Types fails unless every exported type of the package in the current directory has
// an entry, and prints its values. So whoever adds a type decides what it shows.
func Types(t *testing.T, secrets Secrets, entries map[string][]any) {
	t.Helper()
	names := exported(t, ".")
	for name := range names {
		values, ok := entries[name]
		if !ok || len(values) == 0 {
			t.Errorf("%s is exported and has no entry here: give a value with secrets, or say why it needs none", name)
		}
		for _, v := range values {
			if _, ok := v.(Exempt); ok {
				continue
			}
			if kind := nameOf(v); kind != name {
				t.Errorf("the entry of %s holds a %s", name, kind)
			}
			Check(t, name, secrets, v)
		}
	}
	for name := range entries {
		if !names[name] {
			t.Errorf("%s has an entry and is no exported type", name)
		}
	}
}

func nameOf(v any) string {
	kind := reflect.TypeOf(v)
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	return kind.Name()
}

// verbs are all but %p, under which fmt asks no method.
var verbs = []string{
	"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%t", "%c", "%U", "%e", "%T %v", "%30.20v", "%v %[1]d",
}

// Check prints v in every way, alone and inside of other things.
func Check(t *testing.T, name string, secrets Secrets, v any) {
	t.Helper()
	inside := map[string]any{
		"": v, " in a list": []any{v}, " in a map": map[string]any{"k": v},
		" in a field": struct{ V any }{v}, " behind a pointer": &struct{ V any }{v},
	}
	if reflect.TypeOf(v).Kind() == reflect.Pointer {
		// What is no pointer is printed by fmt from such a field without being asked.
		inside[" in a field of its own package"] = struct{ v any }{v}
	}
	if err, ok := v.(error); ok {
		inside[" in an error"] = fmt.Errorf("failed: %w", err)
		inside[" among errors"] = errors.Join(errors.New("failed"), err)
		inside[" unwrapped"] = causes(err)
	}
	if ctx, ok := v.(context.Context); ok {
		inside[" under a value"] = context.WithValue(ctx, key{}, 1)
		under, cancel := context.WithCancel(ctx)
		defer cancel()
		inside[" under a cancellation"] = under
	}
	all := secrets.looks()
	for where, v := range inside {
		for how, text := range printed(v) {
			if found := all.in(text); found != "" {
				t.Errorf("%s%s by %s shows the %s: %.600s", name, where, how, found, text)
				break // one is enough
			}
		}
	}
}

type key struct{}

// causes are the texts on the way to the first cause, as reporters of errors list them.
func causes(err error) (all []string) {
	for err = errors.Unwrap(err); err != nil; err = errors.Unwrap(err) {
		all = append(all, err.Error())
	}
	return all
}

func printed(v any) map[string]string {
	out := map[string]string{"Sprint": fmt.Sprint(v), "Sprintln": fmt.Sprintln(v)}
	for _, verb := range verbs {
		out[verb] = fmt.Sprintf(verb, v)
	}
	var text, js bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&js, nil)} {
		slog.New(h).With("with", v).Info("x", "v", v, slog.Group("g", "v", v))
	}
	out["slog as text"], out["slog as JSON"] = text.String(), js.String()
	add := func(how string, b []byte, err error) {
		out[how] = string(b)
		if err != nil {
			out[how] += err.Error()
		}
	}
	b, err := json.Marshal(v)
	add("encoding/json", b, err)
	b, err = xml.Marshal(v)
	add("encoding/xml", b, err)
	var page bytes.Buffer
	err = template.Must(template.New("").Parse(`{{.}} {{printf "%d" .}}`)).Execute(&page, v)
	add("text/template", page.Bytes(), err)
	return out
}
