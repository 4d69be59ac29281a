// Package direct is the look-up of a point-to-point overlay: whoever is asked for is at the one other end.
package direct

import (
	"fmt"

	"github.com/culvertdev/culvert/encap/vtep"
)

// A Plugin answers every question with the same end. Addresses of guests it does not know: ARP and ND cross
// the tunnel.
type Plugin struct {
	end  vtep.End
	sink vtep.Sink
}

// New returns a plug-in for the end given, whose Key does not count: a packet keeps the VNI it has.
func New(end vtep.End) (*Plugin, error) {
	a := vtep.Answer{Ends: []vtep.End{end}}
	if err := a.Check(vtep.ForMAC(0, [6]byte{})); err != nil { // not a group: packets for one guest go there, too
		return nil, fmt.Errorf("vtep direct: %w", err)
	}
	return &Plugin{end: end}, nil
}

// Start implements vtep.Resolver.
func (p *Plugin) Start(s vtep.Sink) error { p.sink = s; return nil }

// Ask implements vtep.Resolver.
func (p *Plugin) Ask(q vtep.Question) error {
	var a vtep.Answer
	if q.Kind != vtep.ByIP {
		end := p.end
		end.Key = q.VNI
		a.Ends = []vtep.End{end}
	}
	p.sink.Answer(q, a)
	return nil
}

// Status implements vtep.Resolver.
func (p *Plugin) Status() vtep.Status { return vtep.Status{Up: true, Text: "to " + p.end.String()} }

// Close implements vtep.Resolver.
func (p *Plugin) Close() error { return nil }
