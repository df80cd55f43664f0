package doctest

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// claims are the sentences and the rows of the README, by some words of each, and what
// holds them: tests and Examples by directory and name, targets of the Makefile that show
// it, or why nothing has to.
var claims = []struct{ words, held string }{
	// Tandem
	{"keeps the session of a Go web application in tandem", "demo/system.TestFourSessions"},
	{"Active anywhere: signed in everywhere", "e2e/virtualtime.TestOneActiveAppKeepsAll"},
	{"Gone for a while: signed out everywhere",
		"e2e/virtualtime.TestOneActiveAppKeepsAll e2e/page.TestCoveredWithinASecond " +
			"e2e/controlroom.TestWhyWasILoggedOut"},
	{"Banks, health services and governments demand", "because: whom it is for"},
	{"each expire by", "because: OpenID Connect Session Management 1.0 and the RFCs of OAuth define no common end"},
	{"Tandem tells the IdP that a person is active", "rp.TestOneClock rp.TestLogoutTokens"},
	{"It works in a Go web application with `net/http` or echo", "e2e/readme.TestProgramRuns " +
		"echoadapter.TestErrorsReachEcho"},
	{"[A whole program](#a-whole-program)", "internal/doctest.TestContents"},
	{"In a clone, two commands", "e2e/readme.TestCommandsExist e2e/readme.TestStranger"},
	{"The control room tells twenty-seven", "demo/scenario.TestTheReadmeCountsTheScenarios " +
		"e2e/controlroom.TestEveryStoryOnThePage e2e/controlroom.TestAStoryStepByStep"},
	{"For each session that ended it shows", "demo/controlroom.TestExplain e2e/controlroom.TestWhyWasILoggedOut"},
	{"It compares two policies", "e2e/controlroom.TestThePlanner e2e/controlroom.TestTheComparison " +
		"demo/planner.TestWhatMadeIt demo/planner.TestThePlayIsAsPlanned"},
	{"And it [tries your own IdP]", "e2e/controlroom.TestYourOwnIdPThatHonoursAll"},
	{"lists what else the demo does", "e2e/readme.TestFlagsExist e2e/stories.TestSeveralInstances " +
		"demo/apps.TestEachAppAlone"},
	{"The demo needs nothing but Go", "e2e/readme.TestStranger"},
	{"it installs them as root on Debian", "make need"},
	{"lists the other targets", "make help"},

	// A whole program
	{"It needs no account", "e2e/readme.TestProgramRuns"},
	{"In a clone:", "e2e/readme.TestProgramRuns"},
	{"Save this as", "e2e/readme.TestProgramRuns e2e/readme.TestStranger"},
	{"log in under any name", "e2e/readme.TestProgramRuns"},
	{"and press *End*", "e2e/readme.TestProgramRuns e2e/page.TestCoveredWithinASecond e2e/idppages.TestStatusPage"},
	{"The page's second line does this", "e2e/readme.TestProgramRuns"},
	{"tells the app when a person uses the page",
		"e2e/page.TestInputKeepsTheSession e2e/page.TestCoveredWithinASecond"},
	{"It warns before the end", "e2e/page.TestWarning"},
	{"For your own IdP, see its [page]", "internal/doctest.TestGuidesForm"},
	{"You change `Issuer`", "internal/doctest.TestGuidesPrograms"},
	{"Many IdPs issue a refresh token only if", "e2e/interop.TestInterop rp.TestDiagnose"},
	{"At Keycloak leave it out", "because: Keycloak's documentation of offline access; docs/idp/keycloak.md"},
	{"Tell the IdP these addresses", "internal/doctest.TestGuidesPrograms"},
	{"| `/auth/callback` |", "rp.TestLogin"},
	{"| `/auth/logged-out` |", "rp.TestLogoutAtEveryIdP"},
	{"| `/auth/backchannel-logout` |", "rp.TestLogoutTokens"},
	{"| `/auth/frontchannel-logout` |", "rp.TestFrontchannelLogout"},
	{"| call an API |", "rp.TestClientAddsTheToken rp/internal/verdict.TestSecondLook rp.TestTokensStayWithTheirAPIs"},
	{"| a route that a page polls by itself |",
		"rp/internal/lifetime.TestPassiveNeverSignals rp.TestPollingKeepsNobody"},
	{"| a page for everybody |", "nethttpadapter.ExampleAdapter_OptionalLogin"},
	{"| log in, log out |", "rp.TestReturnTo rp.TestLogout rp.TestLogoutEverywhere"},
	{"| echo |", "echoadapter.TestErrorsReachEcho examples/echo.TestMoveOfEcho"},

	// Three kinds of client
	{"says which tokens your app gets", "demo/system.TestFourSessions"},
	{"Take `RefreshToken`, the default", "demo/system.TestFourSessions internal/doctest.TestGuidesPrograms"},
	{"Take `ReferenceToken` if it issues none", "demo/system.TestFourSessions rp.TestCapabilitiesWhatExtends"},
	{"Take `NoToken` if", "demo/system.TestFourSessions"},
	{"The program on your IdP's", "internal/doctest.TestGuidesPrograms"},
	{"| `RefreshToken` |", "rp.TestActiveStaysIdleEnds rp/internal/verdict.TestTokenEndsOnlyByInvalidGrant " +
		"rp.TestLogoutTokens"},
	{"| `ReferenceToken` |", "demo/system.TestFourSessions rp/internal/verdict.TestSecondLook " +
		"rp.TestConfirmedRefusalEnds"},
	{"| `NoToken` |", "rp.TestSilentCheckIsASignal rp.TestSilentCheckNoticesTheEnd rp.TestFrontchannelLogout"},
	{"A session ends for exactly one reason", "rp.TestReasonsInTheSameWords e2e/page.TestReasons " +
		"rp.ExampleConfig_events"},
	{"The page, the log and the event all show", "rp.TestReasonsInTheSameWords e2e/page.TestReasons " +
		"rp.ExampleConfig_events"},
	{"An outage of the IdP, an API or the store", "rp.TestOutage rp.TestStoreOutage rp.TestBlamedAPI"},
	{"Tandem keeps the session and asks again", "rp.TestOutage rp.TestStoreOutage rp.TestBlamedAPI"},

	// What it promises
	{"W is the IdP's idle window", "rp/internal/lifetime.TestDefaultSignalEvery"},
	{"at most once in this time", "rp/internal/lifetime.TestDefaultSignalEvery"},
	{"**Active stays.", "rp/internal/lifetime.TestActiveStays"},
	{"A person who acts at least every", "rp/internal/lifetime.TestActiveStays e2e/simulation.TestContract"},
	{"**Idle ends.", "rp/internal/lifetime.TestIdleEnds"},
	{"When a person is inactive in every app", "rp.TestActiveStaysIdleEnds e2e/simulation.TestContract"},
	{"Polls and streams do not count", "rp.TestPollingKeepsNobody e2e/stories.TestOpenPagesKeepNobodyIn"},
	{"**One clock.", "rp.TestOneClock"},
	{"Activity in one app keeps", "e2e/virtualtime.TestOneActiveAppKeepsAll"},
	{"An app that the person does not use asks the IdP",
		"rp.TestQuietAppAtEveryIdP e2e/page.TestQuietAppInSingleSignOn"},
	{"**One refresh.", "rp.TestOneRefresh"},
	{"One call to the IdP per session at a time", "rp.TestOneRefresh e2e/instances.TestStorm"},
	{"**Nothing comes back.", "rp.TestNothingComesBack"},
	{"After a log-out no request", "rp.TestLogoutBeatsRefresh rp.TestLogoutOvertakesLogin rp.TestNothingComesBack"},
	{"**An outage is not a log-out.", "rp.TestOutage"},
	{"Tandem tries again, then answers 503", "e2e/badinput.TestIdPOutage rp.TestStoreOutage demo/system.TestIdPDown"},
	{"**The absent do not stay signed in.", "rp/internal/lifetime.TestPassiveNeverSignals"},
	{"Tandem reports to the IdP only what a person did", "rp/internal/lifetime.TestPassiveNeverSignals " +
		"e2e/absent.TestHTMXPolls rp/internal/classify.TestClassify"},
	{"**Everybody is told.", "e2e/firefox.TestEndReachesEveryTab"},
	{"Every end has one reason", "e2e/firefox.TestEndReachesEveryTab rp.ExampleConfig_events"},
	{"**To each its own.", "e2e/parties.TestToEachItsOwn"},
	{"may share a store and keys", "e2e/parties.TestToEachItsOwn demo/apps.TestSharedStores"},
	{"No app can serve, end, list or read", "e2e/parties.TestToEachItsOwn rp.TestForeignReferences"},
	{"Tests hold these promises in virtual time", "e2e/simulation.TestContract " +
		"make simulate"},
	{"also finds each of 122 mistakes", "e2e/simulation.TestTheReadmeCountsTheMistakes make simulate"},
	{"tests for ten minutes with real processes", "e2e/chaos.TestChaos e2e/chaos.TestTheCheckerBites make chaos"},
	{"`make test` runs it for half a minute", "e2e/chaos.TestChaos"},

	// What it costs: the ratios count, the times are those of one machine
	{"prints these and more in one run", "make bench"},
	{"On two cores, per authenticated request", "make bench"},
	{"| floor: cookie", "make bench"},
	{"| Tandem in memory", "rp.TestHotPath make bench"},
	{"| gorilla CookieStore", "make bench"},
	{"| scs in memory", "make bench"},
	{"| Tandem in a file, session not in the cache", "make bench"},
	{"| Tandem on Redis, session not in the cache", "make bench"},
	{"| Tandem on PostgreSQL", "make bench"},
	{"| scs on Redis", "make bench"},
	{"A whole server that does nothing else", "make bench"},
	{"200 requests of one session", "e2e/instances.TestStorm make bench"},
	{"Tandem sends one token request", "e2e/instances.TestStorm make bench"},
	{"The IdP rotates refresh tokens and takes", "e2e/instances.TestStorm make bench"},
	{"50,000 people click at once", "make bench"},
	{"The IdP gets at most 64 calls at a time", "make bench"},
	{"Everybody is served within 15 s", "make bench"},
	{"The ratios count, not the times", "make bench"},
	{"On a slower machine, also with two cores", "make bench"},

	// How it compares
	{"| tells the IdP of activity", "rp.TestDueSignalDoesNotDelay rp.TestOneClock"},
	{"| polling does not count", "rp.TestPollingKeepsNobody"},
	{"| one refresh at a time across instances", "rp.TestOneRefresh"},
	{"| distinguishes an outage from a rejection", "rp/internal/verdict.TestTokenEndsOnlyByInvalidGrant"},
	{"| a 401 of an API ends the session", "rp/internal/verdict.TestSecondLook rp.TestConfirmedRefusalEnds"},
	{"| nothing comes back", "rp.TestNothingComesBack"},
	{"| end reason reaches", "rp.TestReasonsInTheSameWords rp.ExampleConfig_events"},
	{"| ships a fault-injecting IdP", "idp-mock/idpmock.TestNamedFaults " +
		"idp-mock/idpmock.TestReadmeShowsTheTemperaments"},
	{"We read the other projects' sources", "because: what the other columns say is theirs, and the sentence says " +
		"when it was read"},

	// Where to read on
	{"| connect your IdP |", "e2e/readme.TestLinksLead"},
	{"| build an app |", "e2e/readme.TestLinksLead"},
	{"| look things up |", "e2e/readme.TestLinksLead"},
	{"| start from a whole app |", "e2e/readme.TestLinksLead"},
	{"| test your app |", "e2e/readme.TestLinksLead"},
	{"| run it |", "e2e/readme.TestLinksLead"},
	{"| watch it |", "e2e/readme.TestLinksLead"},
	{"| have it reviewed |", "e2e/readme.TestLinksLead"},
	{"| update it |", "e2e/readme.TestLinksLead"},
	{"| change Tandem |", "e2e/readme.TestLinksLead"},
	{"| see all pages |", "e2e/readme.TestLinksLead"},

	// Licence
	{"Apache-2.0, see", "internal/doctest.TestDependencies"},
}

var (
	sentenceEnd = regexp.MustCompile("[.:](?:\\*\\*)? +[A-Z`\\[*]")
	picture     = regexp.MustCompile(`(?s)<picture>.*?</picture>`)
	toElsewhere = regexp.MustCompile("^\\| (?:`go doc` of )?\\[") // TestLinksLead
)

// Each sentence and each row of the README has something that holds it, and what is said
// to hold it is there.
func TestReadmeIsHeld(t *testing.T) {
	tests, targets := definedTests(t), makeTargets(t)
	used := make([]bool, len(claims))
	for _, sentence := range sentences(read(t, root+"/README.md")) {
		found := false
		for i, c := range claims {
			if strings.Contains(sentence, c.words) {
				found, used[i] = true, true
			}
		}
		if !found && !toElsewhere.MatchString(sentence) {
			t.Errorf("no claim in claims_test.go has these words, so nothing holds them: %s", sentence)
		}
	}
	for i, c := range claims {
		if !used[i] {
			t.Errorf("the README does not say %q", c.words)
		}
		if strings.HasPrefix(c.held, "because: ") {
			continue
		}
		words := strings.Fields(c.held)
		if len(words) == 0 {
			t.Errorf("nothing holds %q", c.words)
		}
		for i := 0; i < len(words); i++ {
			if words[i] == "make" && i+1 < len(words) {
				if i++; !targets[words[i]] {
					t.Errorf("%q: the Makefile has no target %s", c.words, words[i])
				}
			} else if dir, name, _ := strings.Cut(words[i], "."); !slices.Contains(tests[name], dir) {
				t.Errorf("%q: there is no test %s", c.words, words[i])
			}
		}
	}
}

// sentences are those of a page, and the rows of its tables; not its heads and programs.
func sentences(page string) (all []string) {
	page = picture.ReplaceAllString(fenced.ReplaceAllString(page, ""), "")
	for paragraph := range strings.SplitSeq(page, "\n\n") {
		lines := strings.Split(strings.TrimSpace(paragraph), "\n")
		switch {
		case strings.HasPrefix(lines[0], "#"):
		case strings.HasPrefix(lines[0], "|"):
			all = append(all, lines[min(2, len(lines)):]...) // without the head and its rule
		default:
			text := strings.Join(lines, " ")
			for text != "" {
				at := len(text)
				if m := sentenceEnd.FindStringIndex(text); m != nil {
					at = m[1] - 1
				}
				all, text = append(all, strings.TrimSpace(text[:at])), text[at:]
			}
		}
	}
	return all
}
