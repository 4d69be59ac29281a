package action

import (
	"strings"

	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// FormatODP returns a program in the words in which Open vSwitch prints datapath actions, as far as it
// has words for it: "push_vlan(vid=10,pcp=0),2". key is that of a packet the program is for. Ports are
// named by portName; nil prints their numbers.
//
// Operations that OVS lacks are in the words of Format: check_pkt_larger, send, and set(vlan(…)), where OVS
// pops the tag and pushes another. A drop says nothing of its reason.
func FormatODP(words []uint64, key *flow.Key, portName func(uint32) string) string {
	var parts []string
	for in, rest, ok := Next(words); ok; in, rest, ok = Next(words) {
		switch in.Op {
		case OpSet:
			var part string
			part, rest = setODP(words, key)
			parts = append(parts, part)
		case OpClone:
			parts = append(parts, "clone("+FormatODP(rest[:in.Arg], key, portName)+")")
			rest = rest[in.Arg:]
		case OpDrop: // of what is left of a packet that a mirror has sent on, OVS says nothing
			if len(parts) == 0 {
				parts = append(parts, "drop")
			}
		case OpPush:
			parts = append(parts, in.pushODP(rest, portName))
		default:
			parts = append(parts, in.odp(portName))
		}
		words = rest
	}
	if len(parts) == 0 {
		return "drop"
	}
	return strings.Join(parts, ",")
}

// odp returns one operation other than OpSet, OpClone and OpDrop. Where Format has its own words are outputs.
func (in *Instruction) odp(portName func(uint32) string) string {
	if in.Op != OpOutput {
		return in.text(portName)
	}
	return portText(in.Arg, portName)
}

// pushODP returns an OpPush with the port that what leaves goes out of, which rest begins with.
func (in *Instruction) pushODP(rest []uint64, portName func(uint32) string) string {
	text := strings.TrimSuffix(in.text(portName), ")")
	if out, _, ok := Next(rest); ok && out.Op == OpOutput {
		text += ",out_port(" + portText(out.Arg, portName) + ")"
	}
	return text + ")"
}
