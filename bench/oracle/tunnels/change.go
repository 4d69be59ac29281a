package tunnels

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/encap/wire"
)

// A change is what may be another in a packet that comes back from a tunnel's far end.
type change struct {
	name string
	make func(g *generator, o *outer)
}

var changes = []change{
	{"nothing", func(*generator, *outer) {}},
	{"another source", func(g *generator, o *outer) {
		at, from := o.l3+wire.IPv4Src, pick(g, far4...)
		if o.v6 {
			at, from = o.l3+wire.IPv6Src, pick(g, far6...)
		}
		copy(o.b[at:], from.AsSlice())
		mac := farMAC(from) // Open vSwitch believes it
		copy(o.b[wire.EthSrc:], mac[:])
		o.mend()
	}},
	{"another host", func(g *generator, o *outer) { o.b[wire.EthDst+g.IntN(6)] ^= 1 << g.IntN(8) }},
	{"another ToS", func(g *generator, o *outer) {
		o.setTOS(byte(g.IntN(64))<<2, 0xfc)
		o.mend()
	}},
	{"another ECN", func(g *generator, o *outer) {
		if o.twoTags() {
			return // behind which Open vSwitch sees no IP packet
		}
		o.setTOS(byte(g.IntN(4)), 3)
		o.mend()
	}},
	{"another TTL", func(g *generator, o *outer) {
		at := o.l3 + wire.IPv4TTL
		if o.v6 {
			at = o.l3 + wire.IPv6HopLimit
		}
		o.b[at] = pick(g, byte(0), 1, 255)
		o.mend()
	}},
	{"a bit of the tunnel's header", func(g *generator, o *outer) {
		at := o.l4
		if o.proto == wire.ProtoUDP {
			at += wire.UDPSize
		}
		n, bit := g.IntN(min(len(o.b)-at, 16)), byte(1)<<g.IntN(8)
		if o.readApart(n, bit) {
			return
		}
		o.b[at+n] ^= bit
		o.mend()
	}},
	{"the IPv4 checksum", func(_ *generator, o *outer) {
		if !o.v6 {
			o.b[o.l3+wire.IPv4Checksum] ^= 1
		}
	}},
	{"the UDP checksum", func(g *generator, o *outer) {
		if o.proto != wire.ProtoUDP {
			return
		}
		sum := pick(g, uint16(0), 1)
		if o.v6 {
			sum = 1 // Open vSwitch takes packets over IPv6 that have none
		}
		binary.BigEndian.PutUint16(o.b[o.l4+wire.UDPChecksum:], sum)
	}},
	{"the end missing", func(g *generator, o *outer) { o.b = o.b[:o.l4+g.IntN(len(o.b)-o.l4)] }},
}
