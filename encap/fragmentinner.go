package encap

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// maxIPv4 is the most bytes of an IPv4 header, its options included.
const maxIPv4 = 60

// Options of an IPv4 header (RFC 791 section 3.1).
const (
	optEnd    = 0
	optNop    = 1
	optCopied = 0x80 // of the type: all fragments have the option
)

// Cuttable reports whether the packet with its network header at l3, 0 if there is none, is IPv4 and may be cut into
// fragments on its way (RFC 791 section 2.3).
func Cuttable(pkt []byte, l3 int) bool {
	return l3 >= wire.EthernetSize && len(pkt) >= l3+wire.IPv4Size && binary.BigEndian.Uint16(pkt[l3-2:]) == wire.TypeIPv4 &&
		pkt[l3]>>4 == 4 && binary.BigEndian.Uint16(pkt[l3+wire.IPv4Fragment:])&wire.IPv4DontFragment == 0
}

// FragmentInner is Fragment for a packet that is yet to go into a tunnel, Cuttable and with its network header at l3:
// frames of at most longest bytes are appended to out, as a router would make them (RFC 791 section 3.2, RFC 1812 section
// 4.2.2.7). It may be a fragment itself. TooBig says that its headers are wrong or leave no room, or that there would be
// too many.
func FragmentInner(c *frame.Cache, f frame.Frame, l3, longest int, out *frame.Batch) Reason {
	x := cut{c: c, p: c.Pool(), from: f, l3: l3}
	if !x.startInner() {
		return TooBig
	}
	return x.all(f, longest-l3, fragmentSize, out)
}

// startInner reads the headers; ok is false when they are wrong.
func (x *cut) startInner() bool {
	pkt := x.p.Bytes(x.from)
	h := pkt[x.l3:]
	size, total := int(h[0]&0x0f)*4, int(binary.BigEndian.Uint16(h[wire.IPv4Length:]))
	x.off = x.l3 + size
	if size < wire.IPv4Size || total <= size || x.off > min(len(pkt), maxHead) || x.l3+total > x.p.Total(x.from) {
		return false
	}
	place := binary.BigEndian.Uint16(h[wire.IPv4Fragment:])
	x.more, x.base = place&wire.IPv4MoreFragments != 0, int(place&wire.IPv4FragOffset)*fragmentSize
	x.size, x.left = x.off, total-size
	copy(x.head[:], pkt[:x.off])
	return size+x.base+x.left <= 0xffff
}

// shortenOptions takes out of head those options that only the first fragment has.
func (x *cut) shortenOptions() {
	from, to := x.l3+wire.IPv4Size, x.l3+wire.IPv4Size
	for from < x.size && x.head[from] != optEnd {
		n := 1
		if x.head[from] != optNop {
			if from+1 >= x.size || x.head[from+1] < 2 || from+int(x.head[from+1]) > x.size {
				break // what cannot be read is not copied
			}
			n = int(x.head[from+1])
		}
		if x.head[from]&optCopied != 0 {
			copy(x.head[to:], x.head[from:from+n])
			to += n
		}
		from += n
	}
	for ; (to-x.l3)%4 != 0; to++ {
		x.head[to] = optEnd
	}
	x.size = to
	x.head[x.l3] = 0x40 | byte((to-x.l3)/4)
}
