package flood

import (
	"errors"
	"fmt"
	"slices"

	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/switches"
)

// Options say what a flood consists of.
type Options struct {
	Sockets [2]string        `json:"sockets"`          // of its guests, who listen there
	Packed  bool             `json:"packed,omitempty"` // rings, else split ones
	CPU     int              `json:"cpu"`              // that sends and receives; -1: any
	Both    bool             `json:"both,omitempty"`   // both guests send, else one
	Out     bool             `json:"out,omitempty"`    // that is the second, else the first
	Frames  stream.Spec      `json:"frames"`           // in turn; with more than Packets flows see Counts
	Tunnel  *switches.Tunnel `json:"tunnel,omitempty"` // of the switch, by the second port; with Out frames come out of it, else they go into it
}

// Packets is how many different packets are kept ready at most, which are sent in turn.
const Packets = 1024

// Counts reports whether there are too many flows to keep a packet of each. The destination address is counted on then, from one packet
// to the next, and nothing else; a stream differs in the same, so it is the only field that such flows can differ in. The UDP checksum is left out (RFC 768).
func (o Options) Counts() bool { return o.Frames.Flows > Packets }

// check is what can be said before packets are made.
func (o Options) check() error {
	if o.Out && o.Both {
		return errors.New("a flood both ways that comes out of a tunnel")
	}
	if slices.Contains(o.Frames.Vary, "source-mac") && o.Frames.Flows > 1 {
		return errors.New("flows of different source MAC addresses: by a part of it packets that arrive are known")
	}
	if !o.Counts() {
		return nil
	}
	s := o.Frames
	six, tunnel := s.IPv6 || s.Source.Address.Is6() || s.Destination.Address.Is6(), s.Tunnel != nil || o.Tunnel != nil
	if !slices.Equal(s.Vary, []string{"destination-address"}) || six || tunnel || s.VLAN != 0 || s.Order != "" && s.Order != "cyclic" {
		return fmt.Errorf("%d flows, want at most %d where they differ in anything but the destination's IPv4 address, or are in a tunnel", s.Flows, Packets)
	}
	return nil
}
