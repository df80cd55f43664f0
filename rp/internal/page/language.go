package page

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

const maxRanges = 20 // of an Accept-Language that are looked at

// choose returns the tag that fits an Accept-Language best (RFC 9110 §12.5.4, by the
// lookup of RFC 4647 §3.4), "" if none does. A browser that asks for a language gets one of
// its regions, too: "de" is content with de-AT.
func choose(accept string, tags []string) string {
	for _, want := range ranges(accept) {
		if tag := lookUp(want, tags); tag != "" {
			return tag
		}
	}
	return ""
}

func lookUp(want string, tags []string) string {
	for part := want; part != ""; part = part[:max(0, strings.LastIndexByte(part, '-'))] {
		for _, tag := range tags {
			if strings.EqualFold(tag, part) {
				return tag
			}
		}
	}
	for _, tag := range tags {
		if len(tag) > len(want) && tag[len(want)] == '-' && strings.EqualFold(tag[:len(want)], want) {
			return tag
		}
	}
	return ""
}

// ranges are the languages of an Accept-Language, the most wanted first. What cannot be
// read, what is not wanted (q=0) and "*" are left out.
func ranges(accept string) []string {
	type weighed struct {
		tag string
		q   float64
	}
	var all []weighed
	for part := range strings.SplitSeq(accept[:min(len(accept), 1<<10)], ",") {
		tag, param, hasQ := strings.Cut(strings.TrimSpace(part), ";")
		tag, q := strings.TrimSpace(tag), 1.0
		if hasQ {
			number, ok := strings.CutPrefix(strings.ReplaceAll(param, " ", ""), "q=")
			n, err := strconv.ParseFloat(number, 64)
			if !ok || err != nil {
				continue
			}
			q = n
		}
		if isLanguage(tag) && q > 0 && q <= 1 {
			all = append(all, weighed{tag, q})
		}
		if len(all) == maxRanges {
			break
		}
	}
	slices.SortStableFunc(all, func(a, b weighed) int { return cmp.Compare(b.q, a.q) })
	var tags []string
	for _, w := range all {
		tags = append(tags, w.tag)
	}
	return tags
}

// isLanguage is the form of a language tag (RFC 5646 §2.1), whatever it names.
func isLanguage(tag string) bool {
	for part := range strings.SplitSeq(tag, "-") {
		if len(part) == 0 || len(part) > 8 || strings.ContainsFunc(part, func(r rune) bool {
			return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
		}) {
			return false
		}
	}
	return len(tag) <= 35
}
