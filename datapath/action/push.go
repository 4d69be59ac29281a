package action

import "github.com/culvertdev/culvert/encap"

// An Excess is what becomes of a packet that is longer than its tunnel takes.
type Excess uint8

// Values of Excess.
const (
	ExcessDrop     Excess = iota // it is dropped
	ExcessSend                   // as ExcessCut, and of what is dropped a copy goes to the rule table, as by OpSend
	ExcessFragment               // its outer packet leaves in fragments
	ExcessCut                    // IPv4 that may be cut goes into the tunnel in fragments, IPv6 that must pass (encap.Least) as ExcessFragment; other packets are dropped
	numExcess
)

// A Header is what OpPush puts in front of packets, and which packets it takes.
type Header struct {
	Tunnel  uint32 // datapath port of the tunnel, which counts them
	Longest uint32 // bytes of the longest packet that the tunnel takes, its own Ethernet header included; 0: any
	Excess  Excess // what becomes of longer ones
	Context uint32 // with ExcessSend: what the rule table knows the copy by
	Stack   []uint64
}

// Push puts the outer headers h.Stack, made by encap.AppendStack, in front of the packet. What leaves is a packet of
// the underlay, whose port the next operation, an Output, names. A Trunc in front cuts the packet inside.
func (p *Program) Push(h *Header) {
	p.words = append(p.words, uint64(OpPush)|uint64(h.Excess)<<8|uint64(1+len(h.Stack))<<16|uint64(h.Tunnel)<<32,
		uint64(h.Longest)|uint64(h.Context)<<32)
	p.words = append(p.words, h.Stack...)
}

// Header returns what an OpPush was made from. Its Stack aliases the program.
func (in *Instruction) Header() Header {
	words := in.operands()
	return Header{
		Tunnel: in.Arg, Longest: uint32(words[0]), Excess: Excess(in.Field), Context: uint32(words[0] >> 32), Stack: words[1:],
	}
}

// operands returns all operand words.
func (in *Instruction) operands() []uint64 { return in.Value[:len(in.Value)+len(in.Mask)] }

// validPush reports whether an OpPush with n operands can be run.
func (in *Instruction) validPush(n int) bool {
	if n < 2 || Excess(in.Field) >= numExcess {
		return false
	}
	_, ok := encap.StackSize(in.operands()[1:])
	return ok
}
