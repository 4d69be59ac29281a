package flow

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// Bytes of headers from the IPv6 header on.
const (
	plain6UDP = wire.IPv6Size + wire.UDPSize
	plain6TCP = wire.IPv6Size + wire.TCPSize
)

// net6Word is what the block of IPv6 adds to blocksWord.
const net6Word = 1 << Net6 << (OffBlocks % 8 * 8)

// plain6 is plain for IPv6 packets without extension headers that did not come out of a tunnel, among the frames that
// have a bit in set. It returns a bit for each that is left.
func (k *Keys) plain6(p *frame.Pool, meta uint64, b *frame.Batch, seed *Seed, set uint64) (others uint64) {
	w0 := bits.ReverseBytes64(meta)
	// What is the same for all of them: as HashBlock has it, of the IPv6 block the third product.
	v3 := mix(seed[6], (blocksWord|net6Word)^seed[7])
	nd := mix(seed[4], seed[5])
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		f := b.Frames()[i]
		pkt := p.Bytes(f)
		if len(pkt) < wire.EthernetSize+plain6UDP || f.Flags()&frame.HasTunnel != 0 {
			others |= 1 << i
			continue
		}
		w2, w3, off := linkWords(pkt)
		rest := pkt[off:]
		if uint16(w2>>32) != plainType6 || len(rest) < plain6UDP {
			others |= 1 << i
			continue
		}
		h := (*[plain6UDP]byte)(rest)
		// Version, traffic class, label; then payload length, next header, hop limit.
		ip := binary.LittleEndian.Uint64(h[:])
		first := bits.ReverseBytes32(uint32(ip))
		length := wire.IPv6Size + int(bits.ReverseBytes16(uint16(ip>>32)))
		size := p.Total(f) - off
		ports, ok := transport6(rest, byte(ip>>48), length)
		if !ok || length > size || size-length > maxPadding {
			others |= 1 << i
			continue
		}
		w1 := binary.LittleEndian.Uint64(pkt)
		w3 |= ip >> 48 << 56
		w5 := ports | uint64(byte(first>>20))<<48 | ip>>56<<56
		base := &k.Block[Base][i]
		base.setWord(0, w0)
		base.setWord(1, w1)
		base.setWord(2, w2)
		base.setWord(3, w3)
		base.setWord(4, 0)
		base.setWord(5, w5)
		base.setWord(6, 0)
		base.setWord(7, blocksWord|net6Word)
		s0, s1 := binary.LittleEndian.Uint64(h[wire.IPv6Src:]), binary.LittleEndian.Uint64(h[wire.IPv6Src+8:])
		d0, d1 := binary.LittleEndian.Uint64(h[wire.IPv6Dst:]), binary.LittleEndian.Uint64(h[wire.IPv6Dst+8:])
		label := uint64(bits.ReverseBytes32(first & 0xfffff))
		ext := &k.Block[Net6][i]
		ext.setWord(0, s0)
		ext.setWord(1, s1)
		ext.setWord(2, d0)
		ext.setWord(3, d1)
		ext.setWord(4, 0)
		ext.setWord(5, 0)
		ext.setWord(6, label)
		ext.setWord(7, 0)
		k.L3[i], k.L4[i] = uint16(off), uint16(off+wire.IPv6Size)
		// As HashBlock(HashBlock(0, base, seed), ext, seed).
		hash := join(0, mix(w0^seed[0], w1^seed[1]), mix(w2^seed[2], w3^seed[3]), mix(seed[4], w5^seed[5]), v3, seed)
		k.Hash[i] = join(hash, mix(s0^seed[0], s1^seed[1]), mix(d0^seed[2], d1^seed[3]), nd, mix(label^seed[6], seed[7]), seed)
	}
	return others
}

// linkWords returns words 2 and 3 of the base block of a packet as far as the Ethernet header and one VLAN tag say, and the
// offset of what follows. pkt has room for both.
func linkWords(pkt []byte) (w2, w3 uint64, off int) {
	w2 = binary.LittleEndian.Uint64(pkt[6:]) >> 16
	if w2>>32 != plainVLAN {
		return w2, 0, wire.EthernetSize
	}
	tag := uint64(binary.LittleEndian.Uint32(pkt[wire.EthernetSize:])) // TCI, then the type behind it
	return w2&0xffffffff | tag>>16<<32 | plainVLAN<<48, tag&0xffff | plainPresent, wire.EthernetSize + wire.VLANTagSize
}

// transport6 returns what a whole TCP or UDP header puts into word 5 of the base block: ports and TCP's flags. rest is the
// packet from its IPv6 header on, of length bytes.
func transport6(rest []byte, proto byte, length int) (w5 uint64, ok bool) {
	w5 = uint64(binary.LittleEndian.Uint32(rest[wire.IPv6Size:]))
	if proto == wire.ProtoUDP {
		return w5, length >= plain6UDP
	}
	if proto != wire.ProtoTCP || length < plain6TCP || len(rest) < plain6TCP {
		return 0, false
	}
	flags := binary.LittleEndian.Uint16(rest[wire.IPv6Size+wire.TCPDataOff:])
	n := int(flags>>4&0x0f) * 4
	return w5 | uint64(flags&0xff0f)<<32, n >= wire.TCPSize && n <= length-wire.IPv6Size
}

// The words of plain6 are the fields where the layout has them; for the base block extract_plain.go says so.
var (
	_ = [1]struct{}{}[Version-3]
	_ = [1]struct{}{}[OffIP6Src-0]
	_ = [1]struct{}{}[OffIP6Dst-16]
	_ = [1]struct{}{}[OffIP6Label-48]
)
