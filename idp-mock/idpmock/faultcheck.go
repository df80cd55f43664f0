package idpmock

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// faultEndpoints are the endpoints where a fault can meet a request.
var faultEndpoints = []Endpoint{EndpointDiscovery, EndpointJWKS, EndpointAuthorize, EndpointPAR, EndpointLogin,
	EndpointToken, EndpointCode, EndpointRefresh, EndpointClientCredentials, EndpointExchange, EndpointUserinfo,
	EndpointIntrospect, EndpointRevoke,
	EndpointEndSession, EndpointCheckSession, EndpointRegister, EndpointCallback}

// AddFault puts a fault in force, as [IDP.Fault] does, and refuses one that can
// meet nothing: an unknown endpoint, client, Response or IDToken. The error names
// those that are known.
func (p *IDP) AddFault(f Fault) (*ActiveFault, error) {
	cfg := p.settings()
	err := errors.Join(
		cfg.knowsClient("Fault.Client", f.Client),
		knowsFaultEndpoint(f.Endpoint),
		known("Fault.Response", f.Response, ResponseFaults()),
		known("Fault.IDToken", f.IDToken, IDTokenFaults()))
	if err != nil {
		return nil, err
	}
	return p.putFault(f), nil
}

// AddDeliveryFault puts a fault of deliveries in force, as [IDP.FaultDelivery]
// does, and refuses one of an unknown client or with an unknown Token. The error
// names those that are known.
func (p *IDP) AddDeliveryFault(f DeliveryFault) error {
	cfg := p.settings()
	err := errors.Join(
		cfg.knowsClient("DeliveryFault.Client", f.Client),
		known("DeliveryFault.Token", f.Token, LogoutFaults()))
	if err != nil {
		return err
	}
	p.putDeliveryFault(f)
	return nil
}

func knowsFaultEndpoint(e Endpoint) error {
	if e == EndpointBackchannel {
		return fmt.Errorf("idpmock: Fault.Endpoint: %q is no request to the provider; a delivery fault spoils those", e)
	}
	return known("Fault.Endpoint", e, faultEndpoints)
}

func (s *settings) knowsClient(field, id string) error {
	if id == "" || s.clients[id] != nil {
		return nil
	}
	names := slices.Sorted(maps.Keys(s.clients))
	return fmt.Errorf("%w: %s: %q is none of %s", ErrUnknownClient, field, id, strings.Join(names, ", "))
}

// known refuses a value that is neither empty nor in the list.
func known[T ~string](field string, v T, list []T) error {
	if v == "" || slices.Contains(list, v) {
		return nil
	}
	names := make([]string, 0, len(list))
	for _, one := range list {
		if one != "" {
			names = append(names, string(one))
		}
	}
	return fmt.Errorf("idpmock: %s: %q is none of %s", field, v, strings.Join(names, ", "))
}
