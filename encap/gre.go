package encap

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
)

// The GRE header (RFC 2784 section 2, RFC 2890 section 2): flags and version, EtherType, then checksum and 16 reserved
// bits, key and sequence number, each only with its flag.
const (
	greSize = 4 // bytes, and as many for each optional field

	greChecksum = 1 << 15
	greKey      = 1 << 13
	greSequence = 1 << 12
	greReserved = 1<<16 - 1 - greChecksum - greKey - greSequence // and the version, 0
)

func checkGRE(o *Outer) error {
	if o.Key != 0 && !o.HasKey {
		return errors.New("key: the header has none")
	}
	return nil
}

func sizeGRE(o *Outer) int { return greFieldsSize(greFlags(o)) }

// greFlags returns the flags of o's header.
func greFlags(o *Outer) uint16 {
	flags := uint16(0)
	if o.Checksum {
		flags |= greChecksum
	}
	if o.HasKey {
		flags |= greKey
	}
	if o.Sequence {
		flags |= greSequence
	}
	return flags
}

// greFieldsSize returns the size of a header with some flags.
func greFieldsSize(flags uint16) int {
	return greSize + 4*bits.OnesCount16(flags&(greChecksum|greKey|greSequence))
}

func buildGRE(b []byte, o *Outer, d *descriptor) []byte {
	flags := greFlags(o)
	b = appendGRE(b, flags, wire.TypeTEB, o.Key, d)
	if o.Sequence {
		d.setCounter(o.Counter)
	}
	return b
}

// appendGRE appends a header with what its flags say.
func appendGRE(b []byte, flags, typ uint16, key uint32, d *descriptor) []byte {
	b = binary.BigEndian.AppendUint16(b, flags)
	b = binary.BigEndian.AppendUint16(b, typ)
	if flags&greChecksum != 0 {
		b = append(b, 0, 0, 0, 0)
	}
	if flags&greKey != 0 {
		b = binary.BigEndian.AppendUint32(b, key)
	}
	if flags&greSequence != 0 {
		d.setSequence(len(b))
		b = append(b, 0, 0, 0, 0)
	}
	return b
}

func readGRE(b []byte, _ descriptor, o *Outer) bool {
	flags := binary.BigEndian.Uint16(b)
	if binary.BigEndian.Uint16(b[2:]) != wire.TypeTEB || len(b) != greFieldsSize(flags) {
		return false
	}
	o.HasKey, o.Sequence = flags&greKey != 0, flags&greSequence != 0
	if o.HasKey {
		o.Key = binary.BigEndian.Uint32(greKeyOf(b, flags))
	}
	return true
}

// greKeyOf returns the header b from its key on, which is behind the checksum if there is one.
func greKeyOf(b []byte, flags uint16) []byte { return b[greSize+4*(flags>>15):] }

// gre reads the GRE header of frame i up to its key.
func (x *Popper) gre(i int, pkt []byte) bool {
	a := &x.arrivals[i]
	h := pkt[min(int(a.l4), len(pkt)):]
	if len(h) < greSize {
		return false
	}
	a.where |= whereGRE
	a.gre = binary.BigEndian.Uint16(h)
	size := greFieldsSize(a.gre)
	switch typ := binary.BigEndian.Uint16(h[2:]); {
	case typ == typeERSPAN2 || typ == typeERSPAN3:
		a.where |= whereERSPAN
	case typ != wire.TypeTEB:
		return false
	}
	switch {
	// A receiver must discard packets with bits 1 to 5 of the flags, as far as it knows none (RFC 2784 section 2.3), and another
	// version. It must ignore bits 6 to 12, which that says, too; Open vSwitch discards packets with them, and so does this.
	case a.gre&greReserved != 0:
		a.bad = BadHeader
		return true
	case size > len(h) || int(a.l4)+size > int(a.size) || int(a.size) > x.pool.Total(x.frames[i]):
		a.bad = BadLength
		return true
	}
	a.inner = a.l4 + uint16(size)
	if a.where&whereERSPAN != 0 {
		x.erspan(i, pkt)
		return true
	}
	if a.gre&greKey != 0 {
		a.where |= uint64(binary.BigEndian.Uint32(greKeyOf(h, a.gre)))
	}
	return true
}

// openGRE has nothing to check. Sequence numbers and whether there is a checksum are not looked at, as in Open vSwitch:
// dropping what comes out of order would be worse than passing it on, and csum is about what is sent.
func openGRE(*Popper, uint64) {}
