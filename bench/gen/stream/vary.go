package stream

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/culvertdev/culvert/encap/wire"
)

// A field is one in which flows may differ.
type field struct {
	name string
	bits int // of a flow's number that it takes
	// at returns where the word is that the number is added to: 4 bytes, or 2 of a port.
	at func(l offsets, six bool) int
}

// Bits of a flow's number that fields take.
const (
	portBits    = 15
	addressBits = 24
)

// fields are the ones in which flows may differ.
var fields = []field{
	{"source-port", portBits, func(l offsets, _ bool) int { return l.l4 }},
	{"destination-port", portBits, func(l offsets, _ bool) int { return l.l4 + 2 }},
	{"source-address", addressBits, func(l offsets, six bool) int { return l.l3 + low(six, wire.IPv4Src, wire.IPv6Src) }},
	{"destination-address", addressBits, func(l offsets, six bool) int { return l.l3 + low(six, wire.IPv4Dst, wire.IPv6Dst) }},
	{"source-mac", addressBits, func(l offsets, _ bool) int { return l.l2 + wire.EthSrc + 2 }},
	{"destination-mac", addressBits, func(l offsets, _ bool) int { return l.l2 + wire.EthDst + 2 }},
}

// low returns where the low 4 bytes of an address are.
func low(six bool, four, sixteen int) int {
	if six {
		return sixteen + 12
	}
	return four
}

// An edit adds bits of a flow's number to a word of the frame.
type edit struct {
	at    int    // offset of the word in the frame
	base  uint32 // its value in flow 0
	shift uint8
	mask  uint32
	port  bool // the word has 2 bytes, else 4
	in    cover
}

// A cover says which checksums a word counts in.
type cover uint8

const (
	inUDP cover = 1 << iota // the UDP checksum, by the pseudo-header or in person
	inIP                    // the IPv4 header's
	inMAC                   // none of the frame's own
)

// edits returns how flows differ in frames with these headers.
func edits(vary []string, flows int, l offsets, head []byte, six bool) (list []edit, err error) {
	shift := 0
	for i, name := range vary {
		at := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		if at < 0 || slices.Contains(vary[:i], name) {
			return nil, fmt.Errorf("vary %q, want some of %s, each once", vary, fieldNames())
		}
		f := fields[at]
		e := edit{at: f.at(l, six), shift: uint8(min(shift, 31)), mask: 1<<f.bits - 1, port: f.bits == portBits, in: inUDP}
		switch {
		case strings.HasSuffix(name, "mac"):
			e.in = inMAC
		case strings.HasSuffix(name, "address") && !six:
			e.in |= inIP
		}
		if e.port {
			e.base = uint32(binary.BigEndian.Uint16(head[e.at:]))
		} else {
			e.base = binary.BigEndian.Uint32(head[e.at:])
		}
		if flows > 1<<shift {
			list = append(list, e)
		}
		shift += f.bits
	}
	if flows > 1<<min(shift, 30) {
		return nil, fmt.Errorf("%d flows that differ in %q, want at most %d", flows, vary, 1<<shift)
	}
	return list, nil
}

func fieldNames() string {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

// value returns what the word is in a flow. It goes around at its end.
func (e *edit) value(flow uint32) uint32 {
	v := e.base + flow>>e.shift&e.mask
	if e.port {
		v &= 0xffff
	}
	return v
}

// put writes the word of a frame.
func (e *edit) put(b []byte, v uint32) {
	if e.port {
		binary.BigEndian.PutUint16(b[e.at:], uint16(v))
	} else {
		binary.BigEndian.PutUint32(b[e.at:], v)
	}
}
