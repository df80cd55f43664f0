package doctest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	prefixed  = regexp.MustCompile("(?m)^## .*: `([a-z0-9-]+)`$")
	moduleRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (?:`(Test[A-Za-z0-9]+)` )?\\| ?(.*)\\|$")
)

// docs/conformance.md has a line for each module of the foundation's suite that concerns a client
// in the code flow, and the test of the line names the module, by itself or through the catalogue
// of idp-mock.
func TestConformanceIsWhole(t *testing.T) {
	tests := definedTests(t)
	page := read(t, root+"/docs/conformance.md")
	catalogue := read(t, root+"/idp-mock/idpmock/catalogue.go")
	var found []string
	sections := prefixed.FindAllStringSubmatchIndex(page, -1)
	for i, at := range sections {
		end := len(page)
		if i+1 < len(sections) {
			end = sections[i+1][0]
		}
		prefix := page[at[2]:at[3]]
		for _, row := range moduleRow.FindAllStringSubmatch(page[at[1]:end], -1) {
			suffix, test, says := strings.TrimPrefix(row[1], "(bare)"), row[2], row[3]
			found = append(found, prefix+suffix)
			if test == "" {
				if !strings.HasPrefix(says, "not built") {
					t.Errorf("%s%s has no test, and no reason why", prefix, suffix)
				}
				continue
			}
			short := strings.TrimPrefix(strings.TrimPrefix(suffix, "-"), "test-")
			if short == "" {
				short = prefix
			}
			if !slices.ContainsFunc(tests[test], func(dir string) bool { return names(t, dir, short) }) &&
				!strings.Contains(catalogue, `"`+short+`"`) {
				t.Errorf("%s, in %v, does not name %s%s", test, tests[test], prefix, suffix)
			}
		}
	}
	slices.Sort(found)
	want := strings.Fields(suiteModules)
	slices.Sort(want)
	for _, name := range want {
		if !slices.Contains(found, name) {
			t.Errorf("docs/conformance.md lacks %s", name)
		}
	}
	for i, name := range found {
		if !slices.Contains(want, name) || i > 0 && found[i-1] == name {
			t.Errorf("docs/conformance.md has %s, which the suite has not, or twice", name)
		}
	}
}

// names reports whether a source file of a directory has the words.
func names(t *testing.T, dir, words string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), words) {
			return true
		}
	}
	return false
}

// suiteModules are the names in the suite's source of 20 August 2026: the plans for clients,
// without what hybrid and implicit flow alone have and without Open Banking's; the first plans for
// receivers of Shared Signals; and those for IdPs that are about the end of a session.
const suiteModules = `
fapi2-security-profile-final-client-refresh-token-test
fapi2-security-profile-final-client-test-discovery-issuer-mismatch
fapi2-security-profile-final-client-test-ensure-authorization-response-with-invalid-missing-state-fails
fapi2-security-profile-final-client-test-ensure-authorization-response-with-invalid-state-fails
fapi2-security-profile-final-client-test-ensure-jarm-signature-is-not-none
fapi2-security-profile-final-client-test-ensure-jarm-with-expired-exp-fails
fapi2-security-profile-final-client-test-ensure-jarm-with-invalid-aud-fails
fapi2-security-profile-final-client-test-ensure-jarm-with-invalid-iss-fails
fapi2-security-profile-final-client-test-ensure-jarm-with-invalid-sig-fails
fapi2-security-profile-final-client-test-ensure-jarm-without-aud-fails
fapi2-security-profile-final-client-test-ensure-jarm-without-exp-fails
fapi2-security-profile-final-client-test-ensure-jarm-without-iss-fails
fapi2-security-profile-final-client-test-happy-path
fapi2-security-profile-final-client-test-happy-path-no-dpop-nonce
fapi2-security-profile-final-client-test-invalid-alternate-alg
fapi2-security-profile-final-client-test-invalid-aud
fapi2-security-profile-final-client-test-invalid-authorization-response-iss
fapi2-security-profile-final-client-test-invalid-expired-exp
fapi2-security-profile-final-client-test-invalid-iss
fapi2-security-profile-final-client-test-invalid-missing-aud
fapi2-security-profile-final-client-test-invalid-missing-exp
fapi2-security-profile-final-client-test-invalid-missing-iss
fapi2-security-profile-final-client-test-invalid-missing-nonce
fapi2-security-profile-final-client-test-invalid-nonce
fapi2-security-profile-final-client-test-invalid-null-alg
fapi2-security-profile-final-client-test-invalid-secondary-aud
fapi2-security-profile-final-client-test-remove-authorization-response-iss
fapi2-security-profile-final-client-test-rs-dpop-auth-scheme-case-insensitivity
fapi2-security-profile-final-client-test-token-endpoint-response-without-expires_in
fapi2-security-profile-final-client-test-token-type-case-insensitivity
fapi2-security-profile-final-client-test-valid-aud-as-array
oidcc-backchannel-rp-initiated-logout
oidcc-client-test
oidcc-client-test-3rd-party-init-login
oidcc-client-test-aggregated-claims
oidcc-client-test-client-secret-basic
oidcc-client-test-discovery-issuer-mismatch
oidcc-client-test-discovery-jwks-uri-keys
oidcc-client-test-discovery-openid-config
oidcc-client-test-discovery-webfinger-acct
oidcc-client-test-discovery-webfinger-url
oidcc-client-test-distributed-claims
oidcc-client-test-dynamic-registration
oidcc-client-test-form-post-error
oidcc-client-test-idtoken-sig-none
oidcc-client-test-idtoken-sig-rs256
oidcc-client-test-invalid-athash
oidcc-client-test-invalid-aud
oidcc-client-test-invalid-chash
oidcc-client-test-invalid-iss
oidcc-client-test-invalid-sig-es256
oidcc-client-test-invalid-sig-hs256
oidcc-client-test-invalid-sig-rs256
oidcc-client-test-kid-absent-multiple-jwks
oidcc-client-test-kid-absent-single-jwks
oidcc-client-test-missing-athash
oidcc-client-test-missing-aud
oidcc-client-test-missing-iat
oidcc-client-test-missing-sub
oidcc-client-test-mtls-endpoint-aliases
oidcc-client-test-nonce-invalid
oidcc-client-test-refresh-token
oidcc-client-test-refresh-token-invalid-issuer
oidcc-client-test-refresh-token-invalid-sub
oidcc-client-test-request-uri-signed-none
oidcc-client-test-request-uri-signed-rs256
oidcc-client-test-rp-backchannel-rpinitlogout
oidcc-client-test-rp-backchannel-rpinitlogout-alg-none
oidcc-client-test-rp-backchannel-rpinitlogout-no-event
oidcc-client-test-rp-backchannel-rpinitlogout-with-nonce
oidcc-client-test-rp-backchannel-rpinitlogout-wrong-alg
oidcc-client-test-rp-backchannel-rpinitlogout-wrong-aud
oidcc-client-test-rp-backchannel-rpinitlogout-wrong-event
oidcc-client-test-rp-backchannel-rpinitlogout-wrong-iss
oidcc-client-test-rp-frontchannel-opinitlogout
oidcc-client-test-rp-frontchannel-rpinitlogout
oidcc-client-test-rp-init-logout
oidcc-client-test-rp-init-logout-no-state
oidcc-client-test-rp-init-logout-other-state
oidcc-client-test-scope-userinfo-claims
oidcc-client-test-session-management
oidcc-client-test-signing-key-rotation
oidcc-client-test-signing-key-rotation-just-before-signing
oidcc-client-test-userinfo-bearer-body
oidcc-client-test-userinfo-bearer-header
oidcc-client-test-userinfo-invalid-sub
oidcc-client-test-userinfo-signed
oidcc-frontchannel-rp-initiated-logout
oidcc-refresh-token
oidcc-rp-initiated-logout
oidcc-rp-initiated-logout-bad-id-token-hint
oidcc-rp-initiated-logout-bad-post-logout-redirect-uri
oidcc-rp-initiated-logout-modified-id-token-hint
oidcc-rp-initiated-logout-no-id-token-hint
oidcc-rp-initiated-logout-no-params
oidcc-rp-initiated-logout-no-post-logout-redirect-uri
oidcc-rp-initiated-logout-no-state
oidcc-rp-initiated-logout-only-state
oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri
oidcc-session-management-rp-initiated-logout
openid-ssf-receiver-happypath
openid-ssf-receiver-stream-caep-interop
openid-ssf-receiver-stream-create-delete
openid-ssf-receiver-stream-status-update
openid-ssf-receiver-stream-supported-events
openid-ssf-receiver-stream-verification
openid-ssf-receiver-unsolicited-stream-verification
`
