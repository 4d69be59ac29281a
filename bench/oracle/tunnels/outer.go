package tunnels

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/culvertdev/culvert/encap/wire"
)

// An outer is a packet of a tunnel's, and where its headers are.
type outer struct {
	b      []byte
	l3, l4 int
	v6     bool
	proto  byte
}

// parse finds the headers of a packet that one of the switches has sent.
func parse(b []byte) (o outer, ok bool) {
	o = outer{b: b, l3: wire.EthernetSize}
	if len(b) < wire.EthernetSize+wire.VLANTagSize+wire.IPv4Size {
		return o, false
	}
	typ := binary.BigEndian.Uint16(b[wire.EthType:])
	if typ == wire.TypeVLAN {
		typ = binary.BigEndian.Uint16(b[wire.EthType+wire.VLANTagSize:])
		o.l3 += wire.VLANTagSize
	}
	switch typ {
	case wire.TypeIPv4:
		o.l4, o.proto = o.l3+wire.IPv4Size, b[o.l3+wire.IPv4Protocol]
	case wire.TypeIPv6:
		o.l4, o.proto, o.v6 = o.l3+wire.IPv6Size, b[o.l3+wire.IPv6Next], true
	}
	return o, (o.proto == wire.ProtoUDP || o.proto == wire.ProtoGRE) && len(b) >= o.l4+wire.UDPSize
}

// tunnelled reports whether a packet is a tunnel's, as opposed to the underlay's own.
func tunnelled(b []byte) bool {
	_, ok := parse(b)
	return ok
}

// pseudo returns the sum of the pseudo header of what is behind the IP header.
func (o *outer) pseudo() uint32 {
	size := len(o.b) - o.l4
	if o.v6 {
		return wire.PseudoIPv6(o.b[o.l3:], o.proto, size)
	}
	return wire.PseudoIPv4(o.b[o.l3:], o.proto, size)
}

// normal returns the packet without what is made up as it leaves, which it checks.
func normal(b []byte) ([]byte, error) {
	o, ok := parse(bytes.Clone(b))
	if !ok {
		return nil, errors.New("no packet of a tunnel")
	}
	var errs []error
	if o.tos()&3 == 3 {
		o.setTOS(2, 3) // Open vSwitch has ECT(0) in front of a packet with a congestion mark, as RFC 3168 once said
	}
	if !o.v6 {
		h := o.b[o.l3:o.l4]
		if wire.Checksum(h) != 0 {
			errs = append(errs, errors.New("wrong IPv4 checksum"))
		}
		clear(h[wire.IPv4ID : wire.IPv4ID+2])
		clear(h[wire.IPv4Checksum : wire.IPv4Checksum+2])
	}
	if o.proto == wire.ProtoUDP {
		return o.b, errors.Join(append(errs, o.normalUDP())...)
	}
	if o.v6 { // Open vSwitch has no flow label
		h := o.b[o.l3:]
		h[1] &= 0xf0
		clear(h[2:4])
	}
	return o.b, errors.Join(append(errs, o.normalGRE())...)
}

// Source ports that both switches use, unless told otherwise.
const minPort, maxPort = 32768, 61000

func (o *outer) normalUDP() error {
	var errs []error
	h := o.b[o.l4:]
	if port := binary.BigEndian.Uint16(h); port < minPort || port > maxPort {
		errs = append(errs, fmt.Errorf("source port %d", port))
	}
	if sum := h[wire.UDPChecksum : wire.UDPChecksum+2]; sum[0]|sum[1] != 0 {
		if wire.Fold(wire.Sum(h, o.pseudo())) != 0xffff {
			errs = append(errs, errors.New("wrong UDP checksum"))
		}
		copy(sum, "\xff\xff") // there is one
	}
	clear(h[:2])
	return errors.Join(errs...)
}

// Flags of a GRE header, and the types of ERSPAN type II and III.
const (
	greSum, greKey, greSeq = 0x8000, 0x2000, 0x1000
	erspan2, erspan3       = 0x88be, 0x22eb
)

// UDP ports of tunnels, and parts of the first byte behind the UDP header.
var vxlanPorts, genevePorts = []uint16{4789, 8472}, []uint16{6081, 5000}

const (
	gpeNext, gpeVersion, gpeBUM = 0x04, 0x30, 0x02 // VXLAN: there is a next protocol; with it, version, and replicated traffic
	geneveLength                = 0x3f
	geneveSize                  = 8 // bytes, without options
)

func (o *outer) normalGRE() error {
	h := o.b[o.l4:]
	flags, typ := binary.BigEndian.Uint16(h), binary.BigEndian.Uint16(h[2:])
	at := 4
	if flags&greSum != 0 {
		if wire.Checksum(h) != 0 {
			return errors.New("wrong GRE checksum")
		}
		at += 4
	}
	if flags&greKey != 0 {
		at += 4
	}
	if flags&greSeq != 0 {
		clear(h[at : at+4]) // Open vSwitch's traces count, too
		at += 4
	}
	if typ == erspan3 && len(h) >= at+8 {
		clear(h[at+4 : at+8]) // the time stamp
	}
	return nil
}

// back returns the packet as one that its receiver sends: addresses are the other way round.
func back(b []byte) outer {
	o, _ := parse(bytes.Clone(b))
	swap(o.b, 0, 6, 6)
	if o.v6 {
		swap(o.b, o.l3+wire.IPv6Src, o.l3+wire.IPv6Dst, 16)
	} else {
		swap(o.b, o.l3+wire.IPv4Src, o.l3+wire.IPv4Dst, 4)
	}
	return o
}

// swap exchanges n bytes at i with as many at j.
func swap(b []byte, i, j, n int) {
	was := slices.Clone(b[i : i+n])
	copy(b[i:], b[j:j+n])
	copy(b[j:], was)
}

// mend makes the checksums of IPv4 and UDP right, where there are any.
func (o *outer) mend() {
	if !o.v6 {
		h := o.b[o.l3:o.l4]
		binary.BigEndian.PutUint16(h[wire.IPv4Checksum:], 0)
		binary.BigEndian.PutUint16(h[wire.IPv4Checksum:], wire.Checksum(h))
	}
	if h := o.b[o.l4:]; o.proto == wire.ProtoUDP && binary.BigEndian.Uint16(h[wire.UDPChecksum:]) != 0 {
		binary.BigEndian.PutUint16(h[wire.UDPChecksum:], 0)
		binary.BigEndian.PutUint16(h[wire.UDPChecksum:], max(1, ^wire.Fold(wire.Sum(h, o.pseudo()))))
	}
}

// tos returns the outer ToS or traffic class.
func (o *outer) tos() byte {
	if h := o.b[o.l3:]; o.v6 {
		return h[0]<<4 | h[1]>>4
	}
	return o.b[o.l3+wire.IPv4TOS]
}

// setTOS writes bits of the outer ToS or traffic class.
func (o *outer) setTOS(tos, mask byte) { wire.SetTOS(o.b, o.l3, tos, mask) }

// twoTags reports whether there may be a frame inside with two VLAN tags.
func (o *outer) twoTags() bool {
	tag := func(i int) bool {
		typ := binary.BigEndian.Uint16(o.b[i:])
		return typ == wire.TypeVLAN || typ == wire.TypeSVLAN
	}
	for i := o.l4; i+wire.VLANTagSize+2 <= len(o.b); i++ {
		if tag(i) && tag(i+wire.VLANTagSize) {
			return true
		}
	}
	return false
}

// readApart reports whether a bit of byte n of the tunnel's header is one that Open vSwitch takes for something else than
// Culvert does: see docs/differences.md.
func (o *outer) readApart(n int, bit byte) bool {
	h := o.b[o.l4:]
	if o.proto == wire.ProtoGRE {
		typ := binary.BigEndian.Uint16(h[2:])
		return (typ == erspan2 || typ == erspan3) && n == 0 && bit == greSeq>>8
	}
	port := binary.BigEndian.Uint16(h[wire.DstPort:])
	switch h = h[wire.UDPSize:]; {
	case slices.Contains(vxlanPorts, port):
		return n == 0 && h[0]&gpeNext != 0 && bit&(gpeVersion|gpeBUM) != 0
	case slices.Contains(genevePorts, port):
		return n >= geneveSize && n < geneveSize+3 && h[0]&geneveLength != 0 // class and type of the first option
	}
	return false
}
