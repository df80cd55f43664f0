package idpmock_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// factsOf are what a temperament says that is not the default, by their names in JSON. Those of
// Refusals count one by one.
func factsOf(t *testing.T, temper idpmock.Temperament) []string {
	t.Helper()
	var out []string
	var walk func(prefix string, v reflect.Value)
	walk = func(prefix string, v reflect.Value) {
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			switch f := v.Field(i); {
			case f.IsZero() || f.Kind() == reflect.Slice && f.Len() == 0 || name == "name" ||
				name == "no_logout_reason":
			case name == "refusals":
				walk(name+".", f)
			default:
				out = append(out, prefix+name)
			}
		}
	}
	walk("", reflect.ValueOf(temper))
	return out
}

var (
	factRow  = regexp.MustCompile("^\\| (`[^|]*`) \\| (.*) \\|$")
	factFrom = regexp.MustCompile(`^(measured|source|docs|issue|decided)(: \S.*|$)`)
)

// Every fact of every temperament names where it is from, once, in docs/temperaments.md; and
// that page names no fact that there is not.
func TestEveryFactHasASource(t *testing.T) {
	text, err := os.ReadFile("../docs/temperaments.md")
	if err != nil {
		t.Fatal(err)
	}
	rows, provider := map[string][]string{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "## "); ok {
			provider = name
			rows[name] = nil
		}
		m := factRow.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if !factFrom.MatchString(m[2]) {
			t.Errorf("%s: a row says where it is from in the words %q", provider, m[2])
		}
		for fact := range strings.SplitSeq(m[1], ", ") {
			rows[provider] = append(rows[provider], strings.Trim(fact, "`"))
		}
	}
	for _, name := range idpmock.TemperamentNames() {
		want, got := factsOf(t, must(idpmock.Like(name))), rows[name]
		delete(rows, name)
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: the page has\n%q, the table\n%q", name, got, want)
		}
	}
	for name := range rows {
		t.Errorf("the page has %s, of which there is no temperament", name)
	}
}

// Without each fact, a row of these tests fails. It takes minutes: with IDP_MOCK_FACTS=all.
func TestEveryFactIsHeld(t *testing.T) {
	names := strings.Split(os.Getenv("IDP_MOCK_FACTS"), ",")
	switch {
	case os.Getenv(withoutFact) != "":
		t.Skip("this is one of its own runs")
	case names[0] == "all":
		names = idpmock.TemperamentNames()
	case names[0] == "":
		names = []string{"janssen"} // the fewest facts
	}
	program := must(os.Executable())
	room := make(chan struct{}, 2)
	var all sync.WaitGroup
	for _, name := range names {
		for _, fact := range factsOf(t, must(idpmock.Like(name))) {
			all.Go(func() {
				room <- struct{}{}
				defer func() { <-room }()
				run := exec.Command(program, "-test.run", rowTests+"/^"+regexp.QuoteMeta(name)+"(#[0-9]+)?$")
				run.Env = append(os.Environ(), withoutFact+"="+name+" "+fact)
				if out, err := run.CombinedOutput(); err == nil {
					t.Errorf("%s without %s: no row fails", name, fact)
				} else if !strings.Contains(string(out), "--- FAIL: Test") {
					t.Errorf("%s without %s: %v\n%s", name, fact, err, out)
				}
			})
		}
	}
	all.Wait()
}

// rowTests are the tests with a subtest for each provider.
const rowTests = `^Test(` +
	`TokensOfTemperaments|Announcements|IntrospectionByAudience|ProfileOfTemperaments|LogoutTokensOfTemperaments|` +
	`WhoIsTold|FrontChannelOfTemperaments|SIDsOfTemperaments|EndSessionOfTemperaments|DiscoveryOfTemperaments|` +
	`RotationOfTemperaments|RepeatInGrace|ReusableBeforeRotation|Refusals|WordsOfAClientSession|SecondBrowserAtDex|` +
	`AudienceWords|RevocationAfterASecondLogIn|RevocationByTheLastClient|AccessTokenRevocation|ConsentRevoked|` +
	`ProvidersReadAbout|AccessTokenForAPIOnly|NoIDTokenOnRefresh|WhatExtends|VisitsThatDoNotExtend|` +
	`WhatProves|OfflineAccessOutlivesTheSession|ClientIdle|SilentWithoutHint|` +
	`AsMeasured|ReuseTakesOfTemperaments|WordsOfTemperaments|BoundRefreshDoesNotExtend|FormPostOfTemperaments)$`

// withoutFact is what the runs of TestEveryFactIsHeld leave out: the provider and the fact.
const withoutFact = "IDP_MOCK_WITHOUT_FACT"

// without clears a fact of temper, or changes it where the default says the same.
func without(temper idpmock.Temperament, fact string) (idpmock.Temperament, error) {
	text, err := json.Marshal(temper)
	if err != nil {
		return temper, err
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		return temper, err
	}
	into := members
	if rest, ok := strings.CutPrefix(fact, "refusals."); ok {
		into, fact = members["refusals"].(map[string]any), rest
	}
	switch {
	case fact == "rotation" && temper.Rotation == idpmock.RotationStrict:
		into[fact] = idpmock.RotationLenient // strict is what is done without the fact
	case fact == "revocation" && temper.Revocation == idpmock.ReachFamily:
		into[fact] = idpmock.ReachToken
	default:
		delete(into, fact)
	}
	delete(members, "name") // which would bring the whole table
	if text, err = json.Marshal(members); err != nil {
		return temper, err
	}
	out := idpmock.Temperament{}
	err = json.Unmarshal(text, &out)
	out.Name = temper.Name
	return out, err
}
