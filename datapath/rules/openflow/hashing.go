package openflow

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strings"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// HashFields names the fields by which multipath and bundle choose, as ovs-actions(7) does.
type HashFields uint8

// Values of HashFields.
const (
	HashEthSrc HashFields = iota
	HashSymmetricL4
	HashSymmetricL3L4
	HashSymmetricL3L4UDP
	HashNWSrc
	HashNWDst
	HashSymmetricL3
)

// hashFieldNames are the names, by HashFields.
func hashFieldNames() []string {
	return []string{"eth_src", "symmetric_l4", "symmetric_l3l4", "symmetric_l3l4+udp", "nw_src", "nw_dst", "symmetric_l3"}
}

// String returns the name in ovs-actions(7).
func (f HashFields) String() string { return hashFieldNames()[f] }

func parseHashFields(s string) (HashFields, error) {
	names := hashFieldNames()
	for i, name := range names {
		if s == name {
			return HashFields(i), nil
		}
	}
	return 0, fmt.Errorf("want fields %s, found %q", strings.Join(names, ", "), s)
}

// hashed reports whether the packet has come with what an operation puts into its dp_hash. If not,
// translation stops for the packet to come back with it, and does the current action again.
func (x *xlate) hashed(op func(*action.Program)) bool {
	p := &x.v.Actions
	from := len(p.Words())
	op(p)
	word := p.Words()[from]
	p.Truncate(from)
	if x.hash == word {
		return true
	}
	x.recirculateBefore(stopHashed)
	op(p)
	x.hash = word
	return false
}

// A linkHash is a hash of a packet to choose a link by: value is one of 0 to last, all about as often.
type linkHash struct{ value, last uint32 }

// hashBy returns a hash of the packet with at least so many values. It reports false if the packet has to
// come back with one.
//
// Where ports of TCP, UDP or SCTP count, workers compute it, and no more of its bits are consulted than make
// so many values, so that connections share cached flows. Otherwise the fields are consulted.
func (x *xlate) hashBy(fields HashFields, basis uint16, values int) (hash linkHash, ok bool) {
	if x.byPorts(fields) {
		if !x.hashedBy(action.HashSymL4, uint32(basis)) {
			return linkHash{}, false
		}
		last := uint32(1)<<bits.Len32(uint32(values-1)) - 1
		x.seeBits(flow.FieldDPHash, uint64(last))
		return linkHash{uint32(x.work.Uint(flow.FieldDPHash)) & last, last}, true
	}
	h := mix64(uint64(basis))
	switch fields {
	case HashEthSrc:
		h += x.hashField(flow.FieldEthSrc)
	case HashNWSrc:
		h += x.hashField(flow.FieldIPSrc) + x.hashField(flow.FieldIPv6Src)
	case HashNWDst:
		h += x.hashField(flow.FieldIPDst) + x.hashField(flow.FieldIPv6Dst)
	case HashSymmetricL4: // of packets without addresses of IP
		h += x.hashField(flow.FieldEthSrc) + x.hashField(flow.FieldEthDst)
	default: // sums are the same in both directions
		h += x.hashField(flow.FieldIPSrc) + x.hashField(flow.FieldIPDst)
		h += x.hashField(flow.FieldIPv6Src) + x.hashField(flow.FieldIPv6Dst)
	}
	return linkHash{uint32(mix64(h)), math.MaxUint32}, true
}

// byPorts reports whether the packet is hashed with its transport ports. symmetric_l3l4 leaves those of UDP
// out, lest the fragments of a datagram part.
func (x *xlate) byPorts(fields HashFields) bool {
	switch fields {
	case HashSymmetricL4:
		return x.need(flow.NeedIP)
	case HashSymmetricL3L4, HashSymmetricL3L4UDP:
		if !x.need(flow.NeedIP) {
			return false
		}
		x.see(flow.FieldIPProto)
		proto := x.work.Uint(flow.FieldIPProto)
		return proto == wire.ProtoTCP || proto == wire.ProtoSCTP || proto == wire.ProtoUDP && fields == HashSymmetricL3L4UDP
	}
	return false
}

// hashField consults a field and returns its hash, 0 if the packet has it not.
func (x *xlate) hashField(f flow.FieldID) uint64 {
	info := f.Info()
	if !x.need(info.Need) {
		return 0
	}
	v := x.read(flow.Subfield{Field: f, Bits: info.Bits})
	return mix64(mix64(binary.BigEndian.Uint64(v[:])) ^ binary.BigEndian.Uint64(v[8:]))
}
