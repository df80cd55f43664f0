package opsuite

import (
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

func TestIDPMock(t *testing.T) {
	for _, format := range []idpmock.AccessTokenType{idpmock.JWT, idpmock.Reference} {
		t.Run(string(format), func(t *testing.T) {
			Run(t, func(t *testing.T, c Clients) Target {
				return Target{Issuer: startMock(t, c, format, nil, nil, nil)}
			})
		})
	}
}
