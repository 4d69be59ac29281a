package encap

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// familiarHeaders is how many outer headers a Popper knows: more than hosts usually talk to at a time, at 32 KiB.
const familiarHeaders = 256

// familiarSize is what the header of a tunnel has that may be familiar, behind UDP: VXLAN's, or GENEVE's without options.
const familiarSize = 8 // bytes

// A familiar is an outer header that a packet has been taken out of, and what is kept of it. A packet with the same one,
// but for what differs from packet to packet (lengths, identification, TTL, flow label, UDP source port, IPv4 checksum)
// goes the same way and need not be looked at again. There is nothing else to do about such packets: they have no UDP
// checksum, no congestion mark and no options, and are in one buffer, with nothing behind the packet.
type familiar struct {
	of    uint64    // Tunnels.id
	addrs [4]uint64 // source and destination as they stand in memory; of IPv4 the first word has both
	place uint64    // end.where but for the key, and the type of service in the lower bits
	head  uint64    // the tunnel's header as it stands in memory
	port  uint32    // Tunnel.Port
	kept  [frame.TunnelBlock]byte
}

// familiarAt returns where a header is kept that has the word addr of its addresses and the tunnel header head. Those that
// lead to the same place take it from each other.
func familiarAt(addr, head uint64) uint8 {
	const c1, c2 = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93
	return uint8((addr*c1 ^ head*c2) >> 56)
}

// off takes frame i out of the tunnel of k, whose headers have inner bytes. It reports false, and has done nothing, when
// the frame has no room for what is kept of them.
func (x *Popper) off(i, inner int, k *familiar) bool {
	f := &x.frames[i]
	if x.pool.Headroom(*f)+inner < frame.TunnelRoom || f.Len() < inner+wire.EthernetSize || !x.pool.Trim(f, inner) {
		return false
	}
	f.SetFlags(frame.HasTunnel)
	room := x.pool.Tunnel(*f)
	for at := 0; at < frame.TunnelBlock; at += 8 { // a whole array would be a call
		binary.LittleEndian.PutUint64(room[at:], binary.LittleEndian.Uint64(k.kept[at:]))
	}
	x.Popped |= 1 << i
	x.Port[i] = k.port
	x.alike = x.alike && (x.last == nil || x.last == k)
	x.last = k
	return true
}

// learn makes the outer header of frame i, taken out of its tunnel just now, a familiar one if there is nothing in it that
// would have to be looked at in each packet.
func (x *Popper) learn(i int, outer []byte) {
	a := &x.arrivals[i]
	v6 := a.where&whereV6 != 0
	size := uint16(wire.IPv4Size)
	if v6 {
		size = wire.IPv6Size
	}
	udp := outer[a.l4:]
	if a.where&whereGRE != 0 || a.l4-a.l3 != size || len(udp) != wire.UDPSize+familiarSize || a.tos&ect1 != 0 ||
		binary.LittleEndian.Uint16(udp[wire.UDPChecksum:]) != 0 {
		return
	}
	var addrs [4]uint64
	addr := binary.LittleEndian.Uint64(outer[a.l3+wire.IPv4Src:])
	addrs[0] = addr
	if v6 {
		for w := range addrs {
			addrs[w] = binary.LittleEndian.Uint64(outer[int(a.l3)+wire.IPv6Src+8*w:])
		}
		addr = addrs[1]
	}
	head := binary.LittleEndian.Uint64(udp[wire.UDPSize:])
	k := &x.familiar[familiarAt(addr, head)]
	*k = familiar{of: x.tunnels.id, addrs: addrs, place: a.where&^whereKey | uint64(a.tos), head: head, port: a.tunnel.Port}
	copy(k.kept[:], x.pool.Tunnel(x.frames[i])[:])
}
