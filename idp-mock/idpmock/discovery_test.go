package idpmock_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// It says that it is idp-mock, so that no app warns of an IdP that nobody knows. Where it
// behaves like another one, the app is to be told which, as in production.
func TestSaysThatItIsAMock(t *testing.T) {
	keycloak, err := idpmock.Like("keycloak")
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		is   idpmock.Temperament
		says bool
	}{"in its own ways": {idpmock.Temperament{}, true}, "like Keycloak": {keycloak, false}} {
		t.Run(name, func(t *testing.T) {
			idp, err := idpmock.New(idpmock.Config{Issuer: "https://idp.example", SigningAlg: "ES256",
				Temperament: row.is})
			if err != nil {
				t.Fatal(err)
			}
			defer idp.Close()
			w := httptest.NewRecorder()
			idp.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://idp.example"+idpmock.PathDiscovery,
				nil))
			var doc struct {
				Mock bool `json:"idp_mock"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || doc.Mock != row.says {
				t.Errorf("%v, %v: %s", doc.Mock, err, w.Body)
			}
		})
	}
}
