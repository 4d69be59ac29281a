package encap

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// familiarHeaders is how many outer headers a Popper knows: more than hosts usually talk to at a time, at 34 KiB.
const familiarHeaders = 256

// What a packet with a familiar header has behind its Ethernet header: IP, UDP, and VXLAN's header or GENEVE's without
// options.
const (
	familiarOuter4 = wire.IPv4Size + wire.UDPSize + 8 // bytes
	familiarOuter6 = wire.IPv6Size + wire.UDPSize + 8 // bytes
)

// A familiar is an outer header that a packet has been taken out of, and what is kept of it. A packet with the same one,
// but for what differs from packet to packet (lengths, identification, TTL, flow label, UDP source port, IPv4 checksum)
// goes the same way and need not be looked at closely. There is nothing else to do about such packets: they have no UDP
// checksum, no congestion mark and no options, and are in one buffer, with nothing behind the packet.
type familiar struct {
	of    uint64    // Tunnels.id
	addrs [4]uint64 // source and destination as they stand in memory; of IPv4 the first word has both
	place uint64    // see below
	mac   uint64    // destination Ethernet address, as end.mac
	head  uint64    // the tunnel's header as it stands in memory
	port  uint32    // Tunnel.Port
	kept  [frame.TunnelBlock]byte
}

// The parts of familiar.place beside the VLAN identifier and the flags, which are as in end.where: the type of service in
// bits 0 to 7, and the UDP port in 48 to 63, with its bytes as they stand in memory.

// A meeting is a frame with a familiar header.
type meeting struct {
	k     uint8 // of familiarHeaders
	inner uint8 // offset of the inner frame in bytes
}

// familiarAt returns where a header is kept that has the word addr of its addresses and the tunnel header head. Those that
// lead to the same place take it from each other.
func familiarAt(addr, head uint64) uint8 {
	const c1, c2 = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93
	return uint8((addr*c1 ^ head*c2) >> 56)
}

// front returns where the IP header of a packet begins that has room for a tag, its EtherType, and the VLAN as in
// familiar.place.
func front(pkt []byte) (l3 int, ether uint16, place uint64) {
	ether = binary.BigEndian.Uint16(pkt[wire.EthType:])
	if ether != wire.TypeVLAN {
		return wire.EthernetSize, ether, 0
	}
	tag := binary.BigEndian.Uint32(pkt[wire.EthernetSize:])
	return wire.EthernetSize + wire.VLANTagSize, uint16(tag), uint64(tag>>16&0xfff) << whereVLAN
}

// meet takes the frames with familiar headers out of their tunnels. It returns a bit for each other.
func (x *Popper) meet() (others uint64) {
	var met uint64
	for i, f := range x.frames {
		pkt := x.pool.Bytes(f)
		if !f.Plain() || len(pkt) < wire.EthernetSize+wire.VLANTagSize+familiarOuter4+wire.EthernetSize {
			continue
		}
		l3, ether, place := front(pkt)
		mac := macOf(pkt)
		k, size, ok := uint8(0), familiarOuter4, false
		switch ether {
		case wire.TypeIPv4:
			k, ok = x.meet4((*[familiarOuter4]byte)(pkt[l3:]), len(pkt)-l3, place, mac)
		case wire.TypeIPv6:
			size = familiarOuter6
			k, ok = x.meet6(pkt[l3:], place, mac)
		}
		if ok {
			met |= 1 << i
			x.met[i] = meeting{k, uint8(l3 + size)}
		}
	}
	return ^uint64(0) >> (64 - len(x.frames)) &^ x.takeOut(met)
}

// meet4 looks for the header h of an IPv4 packet of size bytes, with place and mac saying what is in front of it.
func (x *Popper) meet4(h *[familiarOuter4]byte, size int, place, mac uint64) (k uint8, ok bool) {
	w0 := binary.LittleEndian.Uint64(h[:])
	w1 := binary.LittleEndian.Uint64(h[8:])
	w2 := binary.LittleEndian.Uint64(h[16:]) // destination, then ports
	udp := binary.LittleEndian.Uint32(h[wire.IPv4Size+wire.UDPLength:])
	head := binary.LittleEndian.Uint64(h[wire.IPv4Size+wire.UDPSize:])
	addr := w1>>32 | w2<<32
	place |= w2&(0xffff<<wherePort) | w0>>8&0xff
	k = familiarAt(addr, head)
	known := &x.familiar[k]
	d := (known.addrs[0] ^ addr) | (known.head ^ head) | (known.place ^ place) | (known.mac ^ mac) | (known.of ^ x.tunnels.id)
	d |= (w0^plainVersion)&(plainFragment|0xff) | (w1>>8^wire.ProtoUDP)&0xff
	// Lengths are those of the frame, and there is no UDP checksum behind the second.
	d |= w0>>16&0xffff ^ uint64(bits.ReverseBytes16(uint16(size)))
	d |= uint64(udp ^ uint32(bits.ReverseBytes16(uint16(size-wire.IPv4Size))))
	return k, d|uint64(size>>16) == 0 && sums(w0, w1, w2&0xffffffff)
}

// meet6 is the same for IPv6. The packet is all there is from the IPv6 header on.
func (x *Popper) meet6(pkt []byte, place, mac uint64) (k uint8, ok bool) {
	if len(pkt) < familiarOuter6+wire.EthernetSize {
		return 0, false
	}
	h := (*[familiarOuter6]byte)(pkt)
	w0 := binary.BigEndian.Uint64(h[:]) // version, traffic class, flow label; length, next header, hop limit
	udp := binary.LittleEndian.Uint64(h[wire.IPv6Size:])
	head := binary.LittleEndian.Uint64(h[wire.IPv6Size+wire.UDPSize:])
	src0, src1 := binary.LittleEndian.Uint64(h[wire.IPv6Src:]), binary.LittleEndian.Uint64(h[wire.IPv6Src+8:])
	dst0, dst1 := binary.LittleEndian.Uint64(h[wire.IPv6Dst:]), binary.LittleEndian.Uint64(h[wire.IPv6Dst+8:])
	place |= whereV6 | udp>>16<<wherePort | w0>>52&0xff
	k = familiarAt(src1, head)
	known := &x.familiar[k]
	d := (known.addrs[0] ^ src0) | (known.addrs[1] ^ src1) | (known.addrs[2] ^ dst0) | (known.addrs[3] ^ dst1)
	d |= (known.head ^ head) | (known.place ^ place) | (known.mac ^ mac) | (known.of ^ x.tunnels.id)
	size := uint64(len(pkt) - wire.IPv6Size)
	d |= (w0>>60 ^ 6) | (w0>>8^wire.ProtoUDP)&0xff | (w0>>16&0xffff ^ size)
	d |= udp>>32 ^ uint64(bits.ReverseBytes16(uint16(size)))
	return k, d == 0
}

// takeOut takes the frames in met out of their tunnels, and returns those that have room for what is kept of the headers.
func (x *Popper) takeOut(met uint64) (out uint64) {
	pool, frames := x.pool, x.frames
	if met != 0 && met == ^uint64(0)>>(64-len(frames)) && x.sameMet() {
		x.takeAlike(x.met[0])
		return met
	}
	for ; met != 0; met &= met - 1 {
		i := bits.TrailingZeros64(met)
		f, m := &frames[i], x.met[i]
		if pool.Headroom(*f)+int(m.inner) < frame.TunnelRoom || !pool.Trim(f, int(m.inner)) {
			continue
		}
		k := &x.familiar[m.k]
		f.SetFlags(frame.HasTunnel)
		copyKept(pool.Tunnel(*f), &k.kept)
		x.Port[i] = k.port
		out |= 1 << i
	}
	x.Popped = out
	return out
}

// sameMet reports whether all frames of the batch have met the same header, and have room for what is kept of it.
func (x *Popper) sameMet() bool {
	for i, f := range x.frames {
		if x.met[i] != x.met[0] || x.pool.Headroom(f)+int(x.met[0].inner) < frame.TunnelRoom {
			return false
		}
	}
	return true
}

// takeAlike takes the whole batch, whose headers are all as m says, out of their tunnel.
func (x *Popper) takeAlike(m meeting) {
	x.alike = &x.familiar[m.k]
	x.pool.TrimAll(x.frames, int(m.inner))
	for i := range x.frames {
		x.Port[i] = x.alike.port
	}
	x.Popped = ^uint64(0) >> (64 - len(x.frames))
}

// copyKept writes what is kept of outer headers word by word: as one array it would be a call.
func copyKept(room *[frame.TunnelRoom]byte, kept *[frame.TunnelBlock]byte) {
	le := binary.LittleEndian
	le.PutUint64(room[0:], le.Uint64(kept[0:]))
	le.PutUint64(room[8:], le.Uint64(kept[8:]))
	le.PutUint64(room[16:], le.Uint64(kept[16:]))
	le.PutUint64(room[24:], le.Uint64(kept[24:]))
	le.PutUint64(room[32:], le.Uint64(kept[32:]))
	le.PutUint64(room[40:], le.Uint64(kept[40:]))
	le.PutUint64(room[48:], le.Uint64(kept[48:]))
	le.PutUint64(room[56:], le.Uint64(kept[56:]))
}

// learn makes the outer header of frame i, taken out of its tunnel just now, a familiar one if there is nothing in it that
// would have to be looked at in each packet.
func (x *Popper) learn(i int, outer []byte) {
	a := &x.arrivals[i]
	v6, size, headers := a.where&whereV6 != 0, wire.IPv4Size, familiarOuter4
	if v6 {
		size, headers = wire.IPv6Size, familiarOuter6
	}
	ip := outer[a.l3:]
	if a.where&whereGRE != 0 || len(ip) != headers || int(a.l4-a.l3) != size || a.tos&ect1 != 0 {
		return
	}
	udp := binary.LittleEndian.Uint64(ip[size:])
	if udp>>48 != 0 {
		return // a checksum
	}
	k := familiar{
		of: x.tunnels.id, port: a.tunnel.Port, head: binary.LittleEndian.Uint64(ip[size+wire.UDPSize:]),
		mac: a.mac, place: a.where&(0xfff<<whereVLAN|whereV6) | udp>>16<<wherePort | uint64(a.tos),
	}
	addr := binary.LittleEndian.Uint64(ip[wire.IPv4Src:])
	k.addrs[0] = addr
	if v6 {
		for w := range k.addrs {
			k.addrs[w] = binary.LittleEndian.Uint64(ip[wire.IPv6Src+8*w:])
		}
		addr = k.addrs[1]
	}
	copy(k.kept[:], x.pool.Tunnel(x.frames[i])[:])
	x.familiar[familiarAt(addr, k.head)] = k
}
