package idpmock

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// DeliveryFault makes deliveries of logout tokens bad, late, or lost.
type DeliveryFault struct {
	Client string `json:"client,omitempty"` // "": every client
	Times  int    `json:"times,omitempty"`  // 0: once; Always: until ClearDeliveryFaults

	Token  LogoutFault   `json:"token,omitempty"`
	Lose   bool          `json:"lose,omitempty"`   // the token is never sent
	Delay  time.Duration `json:"delay,omitempty"`  // by the provider's clock
	Copies int           `json:"copies,omitempty"` // how many copies are sent at the same time: same token, same jti
	// Reorder sends the token only after the next one to the same client has arrived.
	// [IDP.Settle] waits for that.
	Reorder bool `json:"reorder,omitempty"`
}

// String says what the fault does.
func (f *DeliveryFault) String() string {
	var parts []string
	if f.Token != "" {
		parts = append(parts, "token "+string(f.Token))
	}
	if f.Lose {
		parts = append(parts, "lose")
	}
	if f.Delay > 0 {
		parts = append(parts, "delay "+f.Delay.String())
	}
	if f.Copies > 0 {
		parts = append(parts, strconv.Itoa(f.Copies)+" copies")
	}
	if f.Reorder {
		parts = append(parts, "reorder")
	}
	return strings.Join(parts, ", ")
}

type deliveryFaults struct{ list []*DeliveryFault }

// FaultDelivery activates a fault of deliveries. If several match, the oldest applies. It panics
// with the error of [IDP.AddDeliveryFault] if the client or the token's fault is unknown.
func (p *IDP) FaultDelivery(f DeliveryFault) {
	if err := p.AddDeliveryFault(f); err != nil {
		panic(err)
	}
}

func (p *IDP) putDeliveryFault(f DeliveryFault) {
	f.Times = or(f.Times, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spoilt.list = append(p.spoilt.list, &f)
}

// ClearDeliveryFaults ends all of them. Tokens that they delay stay delayed.
func (p *IDP) ClearDeliveryFaults() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spoilt.list = nil
}

func (p *IDP) takeDeliveryFault(client string) *DeliveryFault {
	for i, f := range p.spoilt.list {
		if f.Client != "" && f.Client != client {
			continue
		}
		taken := *f
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				p.spoilt.list = slices.Delete(p.spoilt.list, i, i+1)
			}
		}
		return &taken
	}
	return nil
}

// spoilDeliveryLocked applies a fault to a fresh delivery and reports whether it
// is to be sent at all.
func (p *IDP) spoilDeliveryLocked(d *Delivery) bool {
	f := p.takeDeliveryFault(d.Client)
	if f == nil {
		return true
	}
	d.fault, d.Fault = f, f.String()
	if f.Lose {
		p.emit(Event{Kind: EventDelivery, Client: d.Client, SID: d.session, Subject: d.Subject,
			Endpoint: EndpointBackchannel, Outcome: "lost by a fault"})
		return false
	}
	d.Next = d.Next.Add(f.Delay)
	d.held = f.Reorder
	d.copies = f.Copies
	return true
}

// releaseLocked lets go of what was held until a delivery to the client arrived.
func (p *IDP) releaseLocked(client string, now time.Time) {
	for _, d := range p.outbox {
		if d.Client == client && d.held {
			d.held = false
		}
	}
	p.dispatchLocked(now)
}
