package flow

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// Bytes of headers from the IP header on.
const (
	plainUDP = wire.IPv4Size + wire.UDPSize
	plainTCP = wire.IPv4Size + wire.TCPSize
)

// blocksWord is word 7 of the base block of a packet that has no other.
const blocksWord = 1 << Base << (OffBlocks % 8 * 8)

// tunnelWord is what a tunnel block adds to that.
const tunnelWord = 1 << Tunnel << (OffBlocks % 8 * 8)

// plain fills in the keys of plain packets, which most are: IPv4 without options behind a VLAN tag or none, not a
// fragment, with a whole TCP or UDP header. It returns a bit for each frame that is not one, whose key it has left
// alone, and the flags that any of them has. Of packets that came out of a tunnel the tunnel block is still to come: their
// keys say that they have one, and what they hash to is the base block. So are all packets if all is frame.HasTunnel.
// Packets that are as guessed get no keys.
//
// It makes words of a key, not fields, and hashes them while they are in registers. The branches go the same way
// for all packets of most batches, so that the work on many of them is under way together.
func (k *Keys) plain(p *frame.Pool, meta uint64, b *frame.Batch, seed *Seed, all frame.Flags) (others uint64, flags frame.Flags) {
	w0 := bits.ReverseBytes64(meta)
	w7, v3 := [2]uint64{blocksWord, blocksWord | tunnelWord}, [2]uint64{}
	for i := range v3 {
		v3[i] = bits.RotateLeft64(mix(seed[6], w7[i]^seed[7]), 41)
	}
	guessing, mask, want := k.guess.current(w0, w7[:]), k.guess.Mask, k.guess.Want
	var same, unasked uint64
	var unlike [2]uint64
	if !k.guess.Tunnel {
		unlike[1] = 1
	}
	k.guess = Guess{}
	for i, f := range b.Frames() {
		flags |= f.Flags()
		pkt := p.Bytes(f)
		if len(pkt) < wire.EthernetSize+plainUDP {
			others |= 1 << i
			continue
		}
		off := wire.EthernetSize
		w2 := binary.LittleEndian.Uint64(pkt[6:]) >> 16
		w3 := uint64(0)
		if typ := w2 >> 32; typ != plainType {
			if typ != plainVLAN {
				others |= 1 << i
				continue
			}
			off += wire.VLANTagSize
			tag := uint64(binary.LittleEndian.Uint32(pkt[wire.EthernetSize:])) // TCI, then the type behind it
			w2 = w2&0xffffffff | tag>>16<<32 | typ<<48
			w3 = tag&0xffff | plainPresent
		}
		rest := pkt[off:]
		if len(rest) < plainUDP {
			others |= 1 << i
			continue
		}
		h := (*[plainUDP]byte)(rest)
		// Version, header length, TOS, total length, identification, fragment; then TTL, protocol.
		ip := binary.LittleEndian.Uint64(h[:])
		tail := binary.LittleEndian.Uint16(h[wire.IPv4TTL:])
		length := int(bits.ReverseBytes16(uint16(ip >> 16)))
		size := len(rest)
		if f.More() != 0 {
			size = p.Total(f) - off
		}
		if uint16(w2>>32) != plainType || ip&0x0f != wire.IPv4Size/4 || ip&plainFragment != 0 || length > size || size-length > maxPadding {
			others |= 1 << i
			continue
		}
		w5 := uint64(binary.LittleEndian.Uint32(h[wire.IPv4Size:])) | ip>>8&0xff<<48 | uint64(tail)<<56
		switch proto := byte(tail >> 8); {
		case proto == wire.ProtoUDP && length >= plainUDP:
		case proto == wire.ProtoTCP && length >= plainTCP && len(rest) >= plainTCP:
			flags := binary.LittleEndian.Uint16(rest[wire.IPv4Size+wire.TCPDataOff:])
			if n := int(flags>>4&0x0f) * 4; n < wire.TCPSize || n > length-wire.IPv4Size {
				others |= 1 << i
				continue
			}
			w5 |= uint64(flags&0xff0f) << 32
		default:
			others |= 1 << i
			continue
		}
		w1 := binary.LittleEndian.Uint64(pkt)
		w3 |= uint64(tail>>8) << 56
		w4 := binary.LittleEndian.Uint64(h[wire.IPv4Src:])
		kind := (f.Flags() | all) / frame.HasTunnel & 1
		k.L3[i], k.L4[i] = uint16(off), uint16(off+wire.IPv4Size)
		if guessing {
			d := w1&mask.word(1) ^ want.word(1)
			d |= w2&mask.word(2) ^ want.word(2)
			d |= w3&mask.word(3) ^ want.word(3)
			d |= w4&mask.word(4) ^ want.word(4)
			d |= w5&mask.word(5) ^ want.word(5)
			if d|unlike[kind] == 0 {
				same |= 1 << i
				continue
			}
			unasked |= unlike[kind] << i
		}
		base := &k.Block[Base][i]
		base.setWord(0, w0)
		base.setWord(1, w1)
		base.setWord(2, w2)
		base.setWord(3, w3)
		base.setWord(4, w4)
		base.setWord(5, w5)
		base.setWord(6, 0)
		base.setWord(7, w7[kind])
		// As HashBlock(0, base, seed).
		v0 := mix(w0^seed[0], w1^seed[1])
		v1 := mix(w2^seed[2], w3^seed[3])
		v2 := mix(w4^seed[4], w5^seed[5])
		k.Hash[i] = mix(v0^bits.RotateLeft64(v1, 17)^seed[1], v2^v3[kind]^seed[6])
	}
	if guessing {
		k.Guessed, k.Same = (1<<k.N-1)&^(others|unasked), same
	}
	return others, flags
}

// Values of fields as their bytes stand in a word.
const (
	plainType     = wire.TypeIPv4>>8 | wire.TypeIPv4&0xff<<8
	plainVLAN     = wire.TypeVLAN>>8 | wire.TypeVLAN&0xff<<8
	plainType6    = wire.TypeIPv6>>8 | wire.TypeIPv6&0xff<<8
	plainPresent  = VLANPresent >> 8
	plainFragment = uint64(0xff3f) << 48 // more fragments, and the offset
)

// The words of plain are the fields where the layout has them.
var (
	_ = [1]struct{}{}[Version-3]
	_ = [1]struct{}{}[OffEthType-20]
	_ = [1]struct{}{}[OffIPProto-31]
	_ = [1]struct{}{}[OffIPSrc-32]
	_ = [1]struct{}{}[OffL4Src-40]
	_ = [1]struct{}{}[OffTCPFlags-44]
	_ = [1]struct{}{}[OffIPTOS-46]
	_ = [1]struct{}{}[OffIPTTL-47]
)
