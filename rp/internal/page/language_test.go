package page

import (
	"slices"
	"testing"
)

func TestChoose(t *testing.T) {
	tags := []string{"de", "de-AT", "en", "pt-BR", "zh-Hant-TW"}
	for accept, want := range map[string]string{
		"de": "de", "de-at": "de-AT", "de-CH": "de", "DE-CH-1996": "de", "pt": "pt-BR", "pt-PT": "",
		"zh-Hant": "zh-Hant-TW", "zh": "zh-Hant-TW", "z": "",
		"fr, de;q=0.5": "de", "fr": "", "": "", "*": "", "en;q=0": "", "en;q=2": "", "en;q=-1": "", "en;q=x": "",
		"en;level=1": "", "en ; q = 0.5": "en",
		"de;q=0.2, en;q=0.9, pt-BR;q=0.3": "en", "a-,-,de": "de", "toolonglanguage": "",
	} {
		if got := choose(accept, tags); got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
	}
}

// Whatever a browser sends, what is chosen is one of the app's tags.
func FuzzChoose(f *testing.F) {
	f.Add("de-CH, fr;q=0.9, *;q=0.5")
	f.Add(";;,,q=")
	tags := []string{"de", "en", "pt-BR"}
	f.Fuzz(func(t *testing.T, accept string) {
		if tag := choose(accept, tags); tag != "" && !slices.Contains(tags, tag) {
			t.Errorf("%q chose %q", accept, tag)
		}
		if len(ranges(accept)) > maxRanges {
			t.Errorf("%q has %d ranges", accept, len(ranges(accept)))
		}
	})
}
