package openflow

// Flags are what a flow asks for besides its match and actions (ovs-ofctl(8), "Flow Syntax").
type Flags uint8

// Flags of flows.
const (
	SendFlowRem  Flags = 1 << iota // tell subscribers when it goes: see Event.Asked
	CheckOverlap                   // refuse it where another of its priority matches some of its packets
	ResetCounts                    // a modification sets the counts to zero
	// NoPacketCounts and NoByteCounts say that nobody needs the counts. They are kept and shown; as in
	// OVS, counting goes on, since it costs no more than not to.
	NoPacketCounts
	NoByteCounts
)

// flagNames are the words for flags, in the order of their bits.
var flagNames = [...]string{"send_flow_rem", "check_overlap", "reset_counts", "no_packet_counts", "no_byte_counts"}

// flagByName returns the flag that a word of a flow's text stands for, 0 if it stands for none.
func flagByName(name string) Flags {
	for i, n := range flagNames {
		if n == name {
			return 1 << i
		}
	}
	return 0
}

// appendText appends the flags, each with a space behind it.
func (f Flags) appendText(b []byte) []byte {
	for i, n := range flagNames {
		if f>>i&1 != 0 {
			b = append(append(b, n...), ' ')
		}
	}
	return b
}
