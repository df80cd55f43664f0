package rp_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	"github.com/tandem-sso/tandem/rp"
)

// A Secret and Keys never print, however they are printed: by any verb, inside
// of a Config, in JSON, in logs, in templates. (Out of reach of any string type:
// %p, %w of what is no error, and the keys of a JSON object.)
func TestSecretsDoNotPrint(t *testing.T) {
	const secret = "s3cret-of-the-client"
	key := []byte("a master key, of exactly 32 byte")
	cfg := rp.Config{ClientID: "notes", ClientSecret: secret, Keys: rp.Keys{key}}
	values := map[string]any{
		"Secret": cfg.ClientSecret, "*Secret": &cfg.ClientSecret, "[]Secret": []rp.Secret{secret},
		"map":  map[string]rp.Secret{"x": secret},
		"Keys": cfg.Keys, "*Keys": &cfg.Keys, "Config": cfg, "*Config": &cfg, "any": struct{ V any }{cfg.ClientSecret},
	}
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "% x", "%X", "%d", "%T %v", "%10.3s", "%t",
			"%c", "%U"} {
			shows(t, name+" by "+verb, fmt.Sprintf(verb, v), secret, key)
		}
		shows(t, name+" by Sprint", fmt.Sprint(v), secret, key)
		shows(t, name+" in an error", fmt.Errorf("failed: %v", v).Error(), secret, key)
		for _, h := range []func(*bytes.Buffer) slog.Handler{
			func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var b bytes.Buffer
			slog.New(h(&b)).Info("x", "v", v, slog.Group("g", "v", v))
			shows(t, name+" in slog", b.String(), secret, key)
		}
		var b bytes.Buffer
		if err := template.Must(template.New("").Parse(`{{.}} {{printf "%d" .}}`)).Execute(&b, v); err == nil {
			shows(t, name+" in a template", b.String(), secret, key)
		}
	}
	for name, v := range map[string]fmt.Stringer{"Secret": cfg.ClientSecret, "Keys": cfg.Keys} {
		shows(t, name+" by String", v.String(), secret, key) // as go-cmp and go-spew print it
	}
	for name, v := range map[string]any{"Secret": cfg.ClientSecret, "Keys": cfg.Keys, "both": struct {
		S rp.Secret
		K rp.Keys
	}{secret, cfg.Keys}} {
		if b, err := json.Marshal(v); err != nil {
			t.Error(err)
		} else {
			shows(t, name+" in JSON", string(b), secret, key)
		}
	}
	if b, err := xml.Marshal(struct{ S rp.Secret }{secret}); err == nil {
		shows(t, "in XML", string(b), secret, key)
	}
	if string(cfg.ClientSecret) != secret {
		t.Error("who asks for the value does not get it")
	}
}

func shows(t *testing.T, how, printed, secret string, key []byte) {
	t.Helper()
	for _, form := range []string{
		secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), fmt.Sprintf("% x", secret),
		string(key), fmt.Sprintf("%x", key), fmt.Sprintf("% x", key), "97 32 109", "0x61, 0x20", secret[:3] + " ",
	} {
		if strings.Contains(printed, form) {
			t.Errorf("%s shows %q: %s", how, form, printed)
		}
	}
}

func TestParseKeys(t *testing.T) {
	one, two := strings.Repeat("0a", 32), strings.Repeat("FF", 32)
	for _, row := range []struct {
		in   string
		want int
	}{
		{one, 1}, {one + "," + two, 2}, {" " + one + " ,\n" + two + " ", 2},
		{"", 0}, {one + ",", 0}, {one[:62], 0}, {one + "00", 0}, {"zz" + one[2:], 0}, {one + ";" + two, 0},
	} {
		keys, err := rp.ParseKeys(row.in)
		if len(keys) != row.want || (err == nil) != (row.want > 0) {
			t.Errorf("ParseKeys(%q): %d keys, %v", row.in, len(keys), err)
		}
		if err != nil && row.in != "" && strings.Contains(err.Error(), one[:60]) {
			t.Errorf("the error shows the key: %v", err)
		}
	}
	if a, b := rp.NewKey(), rp.NewKey(); len(a) != 32 || bytes.Equal(a, b) {
		t.Errorf("NewKey: %d bytes", len(a))
	}
}

// A URL with a password in it is a mistake, which the error must not publish.
func TestErrorsHidePasswords(t *testing.T) {
	_, err := rp.New(t.Context(), rp.Config{Issuer: "https://ada:hunter2@idp.example",
		BaseURL: "https://ada:hunter2@notes.example"})
	var fault *rp.ConfigError
	if !errors.As(err, &fault) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add(strings.Repeat("0f", 32))
	f.Add(strings.Repeat("0f", 32) + ", " + strings.Repeat("E1", 32))
	f.Add(",")
	f.Fuzz(func(t *testing.T, s string) {
		keys, err := rp.ParseKeys(s)
		if (err == nil) != (len(keys) > 0) {
			t.Fatalf("%d keys, %v", len(keys), err)
		}
		for _, k := range keys {
			if len(k) != 32 {
				t.Errorf("a key of %d bytes", len(k))
			}
		}
		if err != nil && len(s) > 8 && strings.Contains(err.Error(), s) &&
			!strings.Contains("hexadecimal digits (make one with: openssl rand -hex 32)", s) {
			t.Errorf("the error repeats what was given: %v", err)
		}
	})
}
