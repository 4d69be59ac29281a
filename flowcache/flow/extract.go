package flow

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// MaxVLANs is the most VLAN tags a key has room for.
const MaxVLANs = 2

// An Extractor turns the frames of a batch into flow keys. It is a value without state: one may serve
// several workers.
type Extractor struct {
	// VLANLimit is the most VLAN tags that are parsed, 1 or 2; 0 means 1 (Open_vSwitch table,
	// other_config:vlan-limit). A tag beyond the limit is the frame's EtherType.
	VLANLimit int
	// Options maps the tunnel options of packets to fields; nil: none is one.
	Options *PortOptions
	// Seed keys Keys.Hash. The caches of a process share one.
	Seed Seed
}

// Extract fills k with the keys of all frames of b, which came from port and carry the recirculation id
// recirc, 0 on their first pass. Lengths in headers are held against the whole packet, while the
// headers themselves must lie in its first buffer: what does not counts as cut off.
//
// Under an id with RecircHashed the key's dp_hash is the packet's frame.Meta.Hash. A packet with
// frame.HasTunnel has the blocks that its outer headers are in.
//
// A layer that is malformed or cut off leaves its fields, and those of the layers above, zero, as in
// OVS: the packet is matched on what parsed. Frames too short for an Ethernet header are marked in
// k.Short; the caller drops them.
//
// Plain packets are dealt with first, all in one go, then the others.
func (e *Extractor) Extract(p *frame.Pool, port, recirc uint32, b *frame.Batch, k *Keys) {
	k.N, k.Short, k.Refused, k.Guessed, k.Same = b.Len(), 0, 0, 0, 0
	meta := uint64(port)<<32 | uint64(recirc)
	var others uint64
	var flags frame.Flags
	if recirc&RecircHashed == 0 {
		others, flags = k.plain(p, meta, b, &e.Seed, 0)
		if others != 0 {
			others = k.plain6(p, meta, b, &e.Seed, others)
		}
	} else {
		others, flags = 1<<k.N-1, frame.HasTunnel // some may have it
	}
	if others != 0 {
		e.parse(p, meta, b, k, others)
	}
	if flags&frame.HasTunnel != 0 {
		e.tunnels(p, port, b, k, others)
	}
}

// ExtractAlike is Extract for packets on their first pass that came out of a tunnel with the same outer headers each, without
// options: those that kept says, as frame.Pool.Tunnel has it of packets with frame.HasTunnel, which these need not have.
func (e *Extractor) ExtractAlike(p *frame.Pool, port uint32, b *frame.Batch, k *Keys, kept *[frame.TunnelBlock]byte) {
	k.N, k.Short, k.Refused, k.Guessed, k.Same = b.Len(), 0, 0, 0, 0
	meta := uint64(port) << 32
	others, _ := k.plain(p, meta, b, &e.Seed, frame.HasTunnel)
	if others != 0 {
		e.parse(p, meta, b, k, others)
	}
	if k.Same != 1<<k.N-1 {
		k.alike((*Block)(kept), others, &e.Seed)
	}
}

// parse fills in the keys of the frames of b that have a bit in set, whatever they are.
//
// Each stage runs over all of them: when the hash loads the words of a key, the stores of its
// fields, smaller ones, have long left the store buffer that would make it wait.
func (e *Extractor) parse(p *frame.Pool, meta uint64, b *frame.Batch, k *Keys, set uint64) {
	frames := b.Frames()
	for left := set; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		k.link(i, p.Bytes(frames[i]), meta)
	}
	vlans := min(max(e.VLANLimit, 1), MaxVLANs)
	for left := set &^ k.Short; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		k.parse(i, p.Bytes(frames[i]), p.Total(frames[i]), vlans)
	}
	if meta&RecircHashed != 0 {
		k.hashed(p, b)
	}
	for left := set; left != 0; left &= left - 1 {
		k.hash(bits.TrailingZeros64(left), &e.Seed)
	}
}

// hashed takes over the dp_hash that an action has computed for each packet.
func (k *Keys) hashed(p *frame.Pool, b *frame.Batch) {
	for i, f := range b.Frames() {
		binary.BigEndian.PutUint32(k.Block[Base][i][OffDPHash:], p.Meta(f).Hash)
	}
}

// link starts the base block of a key: metadata and the Ethernet header as it stands, the rest
// zero. It does little per frame, so that the first loads from many frames are under way together.
func (k *Keys) link(i int, pkt []byte, meta uint64) {
	base := &k.Block[Base][i]
	var macs, rest uint64
	if len(pkt) >= wire.EthernetSize {
		// Bytes 0 to 7, and 6 to 13 less the first two: 14 bytes end to end, two zeros behind.
		macs = binary.LittleEndian.Uint64(pkt)
		rest = binary.LittleEndian.Uint64(pkt[6:]) >> 16
	} else {
		k.Short |= 1 << i
	}
	binary.BigEndian.PutUint64(base[OffInPort:], meta)
	base.setWord(1, macs)
	base.setWord(2, rest)
	base.setWord(3, 0)
	base.setWord(4, 0)
	base.setWord(5, 0)
	base.setWord(6, 0)
	base.setWord(7, blocksWord)
	k.L3[i], k.L4[i] = 0, 0
}

// parse fills in what lies behind the Ethernet header. total is the length of the packet in bytes,
// of which pkt is the first buffer.
func (k *Keys) parse(i int, pkt []byte, total, vlans int) {
	base := &k.Block[Base][i]
	off := wire.EthernetSize
	typ := binary.BigEndian.Uint16(base[OffEthType:])
	if typ != wire.TypeIPv4 && typ != wire.TypeIPv6 {
		off, typ = ethertype(base, pkt, vlans)
	}
	switch typ {
	case wire.TypeIPv4:
		k.ipv4(i, pkt, off, total)
	case wire.TypeIPv6:
		k.ipv6(i, pkt, off, total)
	case wire.TypeARP, wire.TypeRARP:
		k.arp(i, pkt, off)
	case wire.TypeMPLS, wire.TypeMPLSM:
		k.mpls(i, pkt, off)
	}
}

// hash sums up the blocks of key i.
func (k *Keys) hash(i int, seed *Seed) {
	base := &k.Block[Base][i]
	h := HashBlock(0, base, seed)
	for rest := base[OffBlocks] &^ (1 << Base); rest != 0; rest &= rest - 1 {
		h = HashBlock(h, &k.Block[bits.TrailingZeros8(rest)][i], seed)
	}
	k.Hash[i] = h
}
