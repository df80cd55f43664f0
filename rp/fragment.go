package rp

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/activity"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/web"
)

// maxFragmentQuery bounds the query of a log-in's address that a page repeats, in bytes.
const maxFragmentQuery = 8 << 10

// wantsFragment reports whether a log-in is to begin with the page that tells the fragment
// (Config.KeepFragments). A browser takes a fragment along over redirects, and so it is
// still in the address of that page; the form of a log-in loses it. A log-in that another
// site has started (iss) has it in target_link_uri, and takes none beside.
func (p *RelyingParty) wantsFragment(r *http.Request, q url.Values) bool {
	return p.cfg.KeepFragments && web.Navigation(r) && q.Has("return_to") && !q.Has("fragment") && !q.Has("iss") &&
		!strings.Contains(q.Get("return_to"), "#") && len(r.URL.RawQuery) <= maxFragmentQuery
}

// sentUser reports whether the browser says that a person began this log-in (ACT-05):
// now, or on the page before, whose word only a page of this app can repeat.
func sentUser(r *http.Request, q url.Values) bool {
	return activity.SendsUser(r.Header) || q.Get("sent_user") == "1" && web.First(r.Header, "Sec-Fetch-Site") == "same-origin"
}

func (p *RelyingParty) fragmentPage(w http.ResponseWriter, r *http.Request) error {
	return p.pages.Write(w, r, page.Page{Title: "almost-title",
		Follow: &page.Follow{On: "?" + r.URL.RawQuery + "&fragment=", User: activity.SendsUser(r.Header)}})
}
