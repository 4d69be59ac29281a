package replay

import (
	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A Packet is what became of one packet of the inputs.
type Packet struct {
	Number int    `json:"number"` // of all inputs, from 1
	In     string `json:"in"`     // port it came in by
	Frame  int    `json:"frame"`  // number in that port's capture, from 1
	TimeNs int64  `json:"time_ns"`
	Length int    `json:"length"` // bytes
	// Captured is how many bytes of it the capture has; the others were taken as zeros. 0: all.
	Captured int      `json:"captured,omitempty"`
	Looks    []Look   `json:"looks"`          // look-ups: one, and one more each time it was taken up again
	Out      []Out    `json:"out"`            // what left, in order
	Drop     []string `json:"drop,omitempty"` // why it, or a copy of it, went no further: names of drop counters
}

// A Look is one look-up of a packet.
type Look struct {
	RecircID uint32 `json:"recirc_id,omitempty"`
	Cache    string `json:"cache"`              // what answered: emc, megaflow or slow
	Megaflow string `json:"megaflow,omitempty"` // the flow it belongs to; none: the answer was not cached
	Actions  string `json:"actions"`            // in the words of `culvert cache dump`
}

// Out is a packet that left.
type Out struct {
	Port   string `json:"port"`
	Length int    `json:"length"` // bytes
}

// portNames names datapath ports: index i is port i.
type portNames []string

// PortName implements flow.PortNames.
func (n portNames) PortName(id uint32) (string, bool) {
	if int(id) >= len(n) || n[id] == "" {
		return "", false
	}
	return n[id], true
}

// PortNumber implements flow.PortNames.
func (n portNames) PortNumber(name string) (uint32, bool) {
	for id, one := range n {
		if one == name && name != "" {
			return uint32(id), true
		}
	}
	return 0, false
}

func (n portNames) name(id uint32) string {
	name, _ := n.PortName(id)
	return name
}

// look describes a look-up; match is the megaflow it belongs to, nil if the answer was not cached.
func (n portNames) look(p *datapath.Pass, match *flow.Match) Look {
	l := Look{RecircID: p.Recirc, Cache: p.Level.String(), Actions: action.Format(p.Program, n.name)}
	if match != nil {
		l.Megaflow = string(match.Append(nil, flow.Names{Ports: n}))
	}
	return l
}
