package encap

import "github.com/culvertdev/culvert/encap/wire"

// maxExtensions is the most bytes of IPv6 extension headers that are passed over in front of a tunnel's. Hosts that use
// them at all have 8: the tunnel encapsulation limit of RFC 2473 section 4.1.1.
const maxExtensions = 128 // bytes

// Offsets in bytes in an extension header of IPv6, and units (RFC 8200 sections 4.2 to 4.4).
const (
	extNext    = 0
	extLength  = 1 // beyond the first 8 bytes, in units of 8
	extOptions = 2
	extLeft    = 3 // of a routing header: segments that are left
	extUnit    = 8

	optPad1 = 0
	optSkip = 0xc0 // bits of an option's type that are 0 if who does not know it passes over it
)

// An extended is what extension headers of IPv6 lead to.
type extended struct {
	proto uint8  // what is behind them
	named int    // offset of the byte that says so
	end   int    // offset of what is behind them, of which 8 bytes are there
	why   Reason // one of them says that the packet must not be taken by who does not know more of them
}

// extensions passes over the extension headers of the IPv6 packet at l3 that senders may put in front of a tunnel's, or of a
// fragment header: hop-by-hop and destination options, and routing headers. Those that go on too long, or beyond the
// packet, have the proto of the one that does.
func extensions(pkt []byte, l3 int) extended {
	e := extended{proto: pkt[l3+wire.IPv6Next], named: l3 + wire.IPv6Next, end: l3 + wire.IPv6Size}
	for e.proto == wire.ProtoHopOpts || e.proto == wire.ProtoDstOpts || e.proto == wire.ProtoRouting {
		size := (int(pkt[e.end+extLength]) + 1) * extUnit
		next := e.end + size
		if next-l3-wire.IPv6Size > maxExtensions || next+extUnit > len(pkt) {
			break
		}
		if !known(e.proto, pkt[e.end:next]) {
			e.why = BadExtension
		}
		e.proto, e.named, e.end = pkt[e.end+extNext], e.end+extNext, next
	}
	return e
}

// known reports whether a packet with the extension header h may be taken by who knows none of its options (RFC 8200
// section 4.2), and has arrived (section 4.4).
func known(proto uint8, h []byte) bool {
	if proto == wire.ProtoRouting {
		return h[extLeft] == 0
	}
	for b := h[extOptions:]; len(b) > 0; {
		if b[0] == optPad1 {
			b = b[1:]
			continue
		}
		if b[0]&optSkip != 0 || len(b) < 2 || 2+int(b[1]) > len(b) {
			return false
		}
		b = b[2+int(b[1]):]
	}
	return true
}
