// Package action holds what a cached flow does to its packets: a short program of fixed operations,
// each run over a whole batch.
//
// A program is a list of 64-bit words, so that programs live in slabs the collector never scans and
// equal programs are one. It is built on the slow path ([Program]), interned by the flow cache, and
// run by workers (package datapath). It is not OpenFlow: rule tables translate their actions, groups and
// tables into these few operations, and everything that depends on the packet is resolved by then.
//
// Encoding of a word that starts an operation, from the low bits up:
//
//	0..7    Op
//	8..15   field (flow.FieldID), for OpSet; Excess, for OpPush
//	16..23  number of operand words that follow
//	32..63  argument: port, reason, id, TPID<<16|TCI, …
//
// Thread-safety: a Program belongs to one goroutine; its words never change once interned.
package action

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// Op is an operation.
type Op uint8

// Operations.
const (
	OpNone     Op = iota
	OpOutput      // argument: datapath port; a copy goes out, or the packet itself if it is the last operation
	OpDrop        // argument: Reason; ends the program
	OpSet         // field; operands: value words, then mask words, network byte order, right-aligned
	OpPushVLAN    // argument: TPID<<16 | TCI; becomes the outer tag
	OpPopVLAN     // removes the outer tag
	OpRecirc      // argument: recirculation id; looks the packet up anew; ends the program
	OpHash        // argument: HashAlg<<24 | basis (24 bits); computes dp_hash for the recirculation that follows
	OpLarger      // argument: bytes; dp_hash becomes 1 if the packet is longer, else 0
	OpTrunc       // argument: bytes that the next OpOutput or OpSend sends at most
	OpPushMPLS    // argument: label stack entry; one operand word: EtherType
	OpPopMPLS     // argument: EtherType behind the popped entry
	OpMeter       // argument: meter slot; packets over the rate are dropped (Metered)
	OpSend        // argument: context id; a copy goes to the rule table (rules.Receiver)
	OpClone       // argument: number of words that follow, a program of its own that runs on copies
	OpPush        // Excess in the field's place, argument: port of the tunnel; operands: Longest | Context<<32, then the stack
)

// A HashAlg is how OpHash makes dp_hash.
type HashAlg uint8

// Hash algorithms. All are keyed by the basis, the same for a packet wherever it came in, and 32 bits wide.
const (
	HashL4    HashAlg = iota // addresses, protocol and transport ports, in their directions
	HashSymL4                // the same for both directions of a connection
)

// A Program is a list of operations under construction. The zero value is empty and drops.
type Program struct {
	words []uint64
}

// Reset empties the program and keeps its memory.
func (p *Program) Reset() { p.words = p.words[:0] }

// Become makes the program a copy of an encoded one.
func (p *Program) Become(words []uint64) { p.words = append(p.words[:0], words...) }

// Words returns the encoded program, valid until the next change.
func (p *Program) Words() []uint64 { return p.words }

// Empty reports whether no operation was added.
func (p *Program) Empty() bool { return len(p.words) == 0 }

// Output sends a copy of the packet as it is now out of a datapath port.
func (p *Program) Output(port uint32) { p.op(OpOutput, port) }

// Drop ends the program: the packet goes no further, for the reason given.
func (p *Program) Drop(r Reason) { p.op(OpDrop, uint32(r)) }

// PushVLAN adds an outer VLAN tag.
func (p *Program) PushVLAN(tpid, tci uint16) { p.op(OpPushVLAN, uint32(tpid)<<16|uint32(tci)) }

// PopVLAN removes the outer VLAN tag.
func (p *Program) PopVLAN() { p.op(OpPopVLAN, 0) }

// Hash computes the dp_hash by which the packet is looked up under a recirculation id with
// flow.RecircHashed. basis has 24 bits.
func (p *Program) Hash(alg HashAlg, basis uint32) { p.op(OpHash, uint32(alg)<<24|basis&0xffffff) }

// Larger makes dp_hash 1 if the packet, its Ethernet header included, has more bytes than size, else 0.
func (p *Program) Larger(size uint32) { p.op(OpLarger, size) }

// Trunc makes the next Output or Send send at most size bytes of the packet.
func (p *Program) Trunc(size uint32) { p.op(OpTrunc, size) }

// PushMPLS adds an outermost label stack entry, in the host's byte order, behind the Ethernet header and
// its VLAN tags; typ becomes the packet's EtherType.
func (p *Program) PushMPLS(typ uint16, entry uint32) {
	p.words = append(p.words, uint64(OpPushMPLS)|1<<16|uint64(entry)<<32, uint64(typ))
}

// PopMPLS removes the outermost label stack entry; typ becomes the packet's EtherType.
func (p *Program) PopMPLS(typ uint16) { p.op(OpPopMPLS, uint32(typ)) }

// Meter drops the packets that exceed the rate of the meter in a slot of meter.Store.
func (p *Program) Meter(slot uint32) { p.op(OpMeter, slot) }

// Send gives a copy of the packet as it is now to the rule table, which knows by id what it is for.
func (p *Program) Send(id uint32) { p.op(OpSend, id) }

// Clone runs inner on copies of the packets; what it changes stays in the copies.
func (p *Program) Clone(inner *Program) {
	p.op(OpClone, uint32(len(inner.words)))
	p.words = append(p.words, inner.words...)
}

// Truncate removes the operations from word n on.
func (p *Program) Truncate(n int) { p.words = p.words[:n] }

// Enclose makes the operations from word from on those of a clone.
func (p *Program) Enclose(from int) {
	head := uint64(OpClone) | uint64(len(p.words)-from)<<32
	p.words = append(p.words, 0)
	copy(p.words[from+1:], p.words[from:])
	p.words[from] = head
}

// OpenTail does without the copy that the last operation works on, if that is a clone: nothing comes after
// it that needs the packet as it was before.
func (p *Program) OpenTail() {
	for at := 0; at < len(p.words); {
		in, rest, _ := Next(p.words[at:])
		switch next := len(p.words) - len(rest) + int(in.Arg); {
		case in.Op != OpClone:
			at = len(p.words) - len(rest)
		case next < len(p.words):
			at = next
		default:
			p.words = append(p.words[:at], rest...)
		}
	}
}

// Recirc ends the program: the packet is looked up anew under the recirculation id.
func (p *Program) Recirc(id uint32) { p.op(OpRecirc, id) }

// Set replaces the bits of a field that are one in mask. value and mask are the bytes the field lies in,
// as flow.Key.Bytes returns them: network byte order, as many as the field's Size. It panics on any
// other number, since a worker would have to do it later. A field that no header carries stays as it is.
func (p *Program) Set(f flow.FieldID, value, mask []byte) {
	if size := int(f.Info().Size); size == 0 || len(value) != size || len(mask) != size {
		panic("action: value and mask of another size than the field")
	}
	n := (len(value) + 7) / 8
	p.words = append(p.words, uint64(OpSet)|uint64(f)<<8|uint64(2*n)<<16)
	p.operand(value, n)
	p.operand(mask, n)
}

func (p *Program) op(o Op, arg uint32) {
	p.words = append(p.words, uint64(o)|uint64(arg)<<32)
}

// operand appends b as n words, right-aligned.
func (p *Program) operand(b []byte, n int) {
	var buf [16]byte
	copy(buf[n*8-len(b):], b)
	for i := range n {
		p.words = append(p.words, binary.BigEndian.Uint64(buf[i*8:]))
	}
}

// An Instruction is one decoded operation.
type Instruction struct {
	Op    Op
	Field flow.FieldID
	Arg   uint32
	Value []uint64 // OpSet: value words, right-aligned; OpPushMPLS: EtherType; OpPush: see Header
	Mask  []uint64
}

// MaskBytes returns the mask of an OpSet as Program.Set took it.
func (in *Instruction) MaskBytes() []byte { return operandBytes(in.Mask, int(in.Field.Info().Size)) }

// Next decodes the operation at the front of words and returns what follows it. ok is false at the
// end of the program.
func Next(words []uint64) (in Instruction, rest []uint64, ok bool) {
	if len(words) == 0 {
		return in, nil, false
	}
	w := words[0]
	n := int(w >> 16 & 0xff)
	in = Instruction{Op: Op(w), Field: flow.FieldID(w >> 8), Arg: uint32(w >> 32)}
	in.Value, in.Mask = words[1:1+(n+1)/2], words[1+(n+1)/2:1+n]
	return in, words[1+n:], true
}
