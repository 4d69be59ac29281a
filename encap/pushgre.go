package encap

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
)

// stampUnit is what ERSPAN's timestamps count in (draft-foschiano-erspan-03 section 4.3).
const stampUnit = 100_000 // ns

// gre fills in what GRE headers have that depends on the packet.
func (u *Pusher) gre(set uint64) {
	if u.d&dEntropy != 0 {
		u.labels(set)
	}
	if u.d&dFlowID != 0 {
		u.flowIDs(set)
	}
	if u.d.sequence() != 0 {
		u.number(set)
	}
	if at := u.d.stamp(); at != 0 {
		for ; set != 0; set &= set - 1 {
			pkt := u.Pool.Bytes(u.frames[bits.TrailingZeros64(set)])
			binary.BigEndian.PutUint32(pkt[at:], uint32(u.Now/stampUnit))
		}
	}
}

// labels fills in the flow labels of IPv6 headers, which have none yet.
func (u *Pusher) labels(set uint64) {
	l3 := u.d.l3()
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		h := u.Pool.Bytes(u.frames[i])[l3:]
		binary.BigEndian.PutUint32(h, binary.BigEndian.Uint32(h)|flowLabel(u.hash[i]))
	}
}

// flowLabel returns the flow label of packets with a hash: never 0, which would be none (RFC 6437 section 2).
func flowLabel(hash uint32) uint32 { return 1 + uint32(uint64(hash)*maxLabel>>32) }

// flowIDs fills in the 8 bits that NVGRE has to tell flows apart, the last of its header.
func (u *Pusher) flowIDs(set uint64) {
	at := u.d.size() - 1
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		u.Pool.Bytes(u.frames[i])[at] = uint8(u.hash[i] >> 24)
	}
}

// number numbers the frames in set, in their order. The counter is touched once for all.
func (u *Pusher) number(set uint64) {
	n := uint32(bits.OnesCount64(set))
	seq := u.Counters.seq[u.d.counter()].Add(n) - n
	at := u.d.sequence()
	for ; set != 0; set &= set - 1 {
		pkt := u.Pool.Bytes(u.frames[bits.TrailingZeros64(set)])
		binary.BigEndian.PutUint32(pkt[at:], seq)
		seq++
	}
}

// checksums sums up the packets of the frames in set from the UDP or GRE header on. It is the only part of Push that
// reads whole packets.
func (u *Pusher) checksums(set uint64) {
	l3, l4 := u.d.l3(), u.d.l4()
	for ; set != 0; set &= set - 1 {
		f := u.frames[bits.TrailingZeros64(set)]
		pkt := u.Pool.Bytes(f)
		var s wire.Summer
		s.Add(pkt[l4:])
		for next, ok := u.Pool.Next(f); ok; next, ok = u.Pool.Next(next) {
			s.Add(u.Pool.Bytes(next))
		}
		at, sum := l4+greSize, s.Sum()
		if u.d&dUDP != 0 {
			at = l4 + wire.UDPChecksum
			size := u.Pool.Total(f) - l4
			if u.d&dV6 != 0 {
				sum += wire.PseudoIPv6(pkt[l3:], wire.ProtoUDP, size)
			} else {
				sum += wire.PseudoIPv4(pkt[l3:], wire.ProtoUDP, size)
			}
		}
		check := ^wire.Fold(sum)
		if check == 0 && u.d&dUDP != 0 {
			check = 0xffff // 0 means that there is none (RFC 768)
		}
		binary.BigEndian.PutUint16(pkt[at:], check)
	}
}
