package apps

import "github.com/tandem-sso/tandem/rp"

// about says what is special about a kind of client.
func about(k rp.Kind) string {
	switch k {
	case rp.RefreshToken:
		return "This app has a refresh token: while you are active it refreshes, which tells the IdP, and a refused " +
			"refresh tells it that the session is over."
	case rp.ReferenceToken:
		return "This app has only an access token, which the API asks the IdP about: that tells the IdP of activity, " +
			"and the API's 401 tells the app of the end."
	}
	return "This app keeps no token: it tells the IdP nothing by itself, and learns of the end when the IdP calls it " +
		"(back-channel logout)."
}
