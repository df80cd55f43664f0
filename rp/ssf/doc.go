// Package ssf receives Shared Signals (OpenID Shared Signals Framework 1.0): an IdP, or a
// security product, transmits Security Event Tokens (RFC 8417). On a CAEP session-revoked
// event the matching sessions that began before it end on every instance, with reason
// "admin".
//
// Events arrive by push (RFC 8935: a [Receiver] is an http.Handler) or by poll (RFC 8936: the
// Receiver asks), as the stream was made:
//
//	transmitter, err := ssf.Discover(ctx, ssf.TransmitterConfig{Issuer: "https://login.example.com", AccessToken: token})
//	receiver, err := ssf.New(ssf.Config{
//		Sessions:    auth, // *rp.RelyingParty
//		Transmitter: transmitter,
//		Audience:    []string{"https://notes.example.com"},
//		StreamID:    "f67e39a0",
//		PushToken:   rp.Secret(os.Getenv("SSF_PUSH_TOKEN")),
//	})
//	mux.Handle("POST /ssf/events", receiver)
//
// The package understands the events session-revoked, verification and stream-updated;
// subjects of the formats iss_sub (user), opaque (session) and, through Config.SubjectOf,
// email and any other; complex subjects with the members user and session. An app session
// does not know further members, such as device or tenant; by the framework's matching rules
// (§8.1.3.1) they match, unless the transmitter calls them critical: then the event is
// discarded. Other events reach Config.Received and change nothing.
//
// The subject is in sub_id (§3.1) or, if a token has none, inside the event, as Okta
// documents it. The subject_type of Google's RISC streams is not read. event_timestamp counts
// seconds or milliseconds.
//
// A transmitter whose default_subjects are NONE, such as Keycloak, sends events only about
// subjects that were added: see [Transmitter.AddSubject].
package ssf
