package authrequest

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/seal"
)

const (
	// maxURI bounds a request_uri, in characters: RFC 9101 §5.2 asks for it, and IdPs refuse longer ones.
	maxURI = 512
	// maxNamed bounds what is opened, in characters. An IdP that takes signed requests by reference alone gets
	// longer ones than maxURI.
	maxNamed = 8 << 10
)

// References are authorization requests that the IdP fetches at an address of this app (request_uri, OpenID Connect
// Core 1.0 §6.2, RFC 9101 §5.2). Nothing is kept: the request stands sealed in the address, so every instance of the
// client can serve it, and nobody else can make one.
type References struct {
	At       string // the address, without query
	ClientID string
	Ring     *seal.Ring
	Owner    []byte // the client: another one can open nothing of this
	Timeout  time.Duration
	Now      func() time.Time
}

// short are the names of frequent parameters in a sealed request: the address has to be short. Others stand behind a
// dot.
var short = map[string]string{"response_type": "t", "redirect_uri": "u", "response_mode": "m", "scope": "s",
	"state": "z", "nonce": "n", "code_challenge": "c", "code_challenge_method": "d", "dpop_jkt": "j"}

var long = func() map[string]string {
	names := map[string]string{}
	for name, letter := range short {
		names[letter] = name
	}
	return names
}()

// begun is the name of the time at which a request was sealed, in seconds since 1970.
const begun = "b"

// Name is the request_uri of an authorization request, good for a log-in's time. fits: it is not longer than IdPs take.
func (q *References) Name(params url.Values) (uri string, fits bool) {
	sealed := url.Values{begun: {strconv.FormatInt(q.Now().Unix(), 36)}}
	for name, values := range params {
		switch letter := short[name]; {
		case letter != "":
			sealed[letter] = values
		case name != "client_id": // which is this client's
			sealed["."+name] = values
		}
	}
	text := base64.RawURLEncoding.EncodeToString(q.Ring.Seal([]byte(sealed.Encode()), q.context()))
	uri = q.At + "?r=" + text
	return uri, len(uri) <= maxURI
}

// Open returns the request that Name has sealed in r. ok is false for everything else, and for one that is too old;
// which of these it is, nobody is told.
func (q *References) Open(r string) (params url.Values, ok bool) {
	if len(r) > maxNamed {
		return nil, false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(r)
	if err != nil {
		return nil, false
	}
	plain, err := q.Ring.Open(sealed, q.context())
	if err != nil {
		return nil, false
	}
	return q.read(string(plain))
}

// read reads what was sealed.
func (q *References) read(plain string) (params url.Values, ok bool) {
	sealed, err := url.ParseQuery(plain)
	if err != nil {
		return nil, false
	}
	at, err := strconv.ParseInt(sealed.Get(begun), 36, 64)
	if err != nil || q.Now().Sub(time.Unix(at, 0)) > q.Timeout {
		return nil, false
	}
	params = url.Values{"client_id": {q.ClientID}}
	for name, values := range sealed {
		if other, is := strings.CutPrefix(name, "."); is {
			params[other] = values
		} else if known := long[name]; known != "" {
			params[known] = values
		}
	}
	return params, true
}

// context is what a sealed request cannot be taken away from.
func (q *References) context() []byte {
	return append(q.Owner[:len(q.Owner):len(q.Owner)], "request"...)
}
