// Package ssf receives Shared Signals (OpenID Shared Signals Framework 1.0): an
// IdP, or a security product beside it, transmits Security Event Tokens (RFC
// 8417), and on a CAEP session-revoked event the matching sessions that had begun
// before it end on every instance, with reason "admin".
//
// Events arrive by push (RFC 8935: a [Receiver] is an http.Handler) or by poll
// (RFC 8936: it asks by itself), whichever the stream was made for:
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
// What is understood: events session-revoked, verification and stream-updated;
// subjects of the formats iss_sub (user), opaque (session) and, through
// Config.SubjectOf, email and any other; complex subjects with the members user
// and session. Further members, such as device or tenant, narrow a subject down
// to things that an app session does not know; by the framework's matching rules
// (§8.1.3.1) they match, unless the transmitter calls them critical: then the
// event is discarded. Other events reach Config.Received and change nothing.
//
// The subject is in sub_id (§3.1) or, where a token has none, inside the event, as Okta
// documents it. The subject_type of Google's RISC streams is not read. event_timestamp
// counts seconds or milliseconds.
//
// A transmitter whose default_subjects are NONE, such as Keycloak, sends nothing about a
// person whom nobody has added: see [Transmitter.AddSubject].
package ssf
