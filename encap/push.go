package encap

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// UDP source ports are taken from the range that Linux has for those that nobody asked for by number, as Open vSwitch
// does.
const (
	firstPort = 32768
	ports     = 61000 - firstPort + 1
)

// A Pusher puts packets into tunnels.
//
// Thread-safety: one goroutine at a time.
type Pusher struct {
	Pool     *frame.Pool
	Counters *Counters
	Now      int64 // ns; the time that ERSPAN type III packets say

	frames []frame.Frame
	d      descriptor
	l3, l4 []uint16
	hash   [frame.MaxBatch]uint32 // entropy of each packet
	stack  [MaxStack]byte         // of the batch: copied in one go where words would be written one by one

	template usual // the same, for pushUsual
}

// Push puts the header stack in words, made by AppendStack, in front of each frame. It returns a bit for each frame that
// it has left as it was, for the reason that Why gives; the caller drops these. There are at most frame.MaxBatch frames.
//
// l3 and l4 have the offsets of each frame's network and transport header in bytes, 0 if it has none; the source port comes
// from what is there. The frames must be complete: without offload wishes. Their tunnel metadata, if any, is gone afterwards.
func (u *Pusher) Push(words []uint64, frames []frame.Frame, l3, l4 []uint16) (left uint64) {
	u.d, u.frames, u.l3, u.l4 = descriptor(words[0]), frames, l3, l4
	writeStack(u.stack[:u.d.size()], words[1:])
	others, set := ^uint64(0)>>(64-len(frames)), uint64(0)
	if u.d&dPlain == dUDP {
		if others, set = u.plain(); others|set == 0 {
			return 0
		}
	} else if u.d&(dEntropy|dFlowID) != 0 {
		u.read(0)
	}
	set |= u.prepend(others)
	if u.d&dV6 == 0 {
		u.ipv4(set)
	} else {
		u.ipv6(set)
	}
	if u.d&dUDP == 0 {
		u.gre(set)
	}
	if u.d&dSum != 0 {
		u.checksums(set)
	}
	return others &^ set
}

// Why says why Push with words has left f as it was.
func (u *Pusher) Why(words []uint64, f frame.Frame) Reason {
	d := descriptor(words[0])
	switch {
	case u.unfinished(f):
		return Unfinished
	case u.Pool.Total(f)+d.size()-d.l3() > 0xffff:
		return TooLong
	}
	return NoHeadroom
}

// unfinished reports whether f lacks something that hardware was to do.
func (u *Pusher) unfinished(f frame.Frame) bool {
	if f.Flags()&frame.HasOffload == 0 {
		return false
	}
	o := &u.Pool.Meta(f).Offload
	return o.Csum&frame.NeedsCsum != 0 || o.GSO != frame.GSONone
}

// prepend writes the stack in front of all frames of those in all that it may be written in front of, and returns a bit
// for each.
func (u *Pusher) prepend(all uint64) (set uint64) {
	size := u.d.size()
	most := 0xffff - size + u.d.l3() // bytes of the longest frame
	for ; all != 0; all &= all - 1 {
		i := bits.TrailingZeros64(all)
		f := &u.frames[i]
		if flags := f.Flags(); flags != 0 && u.unfinished(*f) {
			continue
		}
		if u.Pool.Total(*f) > most || u.Pool.Headroom(*f) < size {
			continue
		}
		f.SetFlags(0)
		if !u.Pool.Prepend(f, size) {
			continue
		}
		copy(u.Pool.Bytes(*f), u.stack[:size])
		set |= 1 << i
	}
	return set
}

// ipv4 completes the IPv4 headers of the frames in set, and UDP headers behind them: what is filled in is added to the
// checksum of the IPv4 header as it was built (RFC 1624).
func (u *Pusher) ipv4(set uint64) {
	l3, size := u.d.l3(), u.d.size()
	built := uint32(^binary.BigEndian.Uint16(u.stack[l3+wire.IPv4Checksum:]))
	var id, step uint32
	if u.d&dID != 0 {
		own := u.Counters.identity(u.stack[l3:])
		id, step = own.take(bits.OnesCount64(set)), own.step
	}
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		pkt := u.Pool.Bytes(u.frames[i])
		h := (*[wire.IPv4Size]byte)(pkt[l3:])
		length := u.Pool.Total(u.frames[i]) - l3
		if u.d&dUDP != 0 {
			u.udp(pkt[l3+wire.IPv4Size:], length-wire.IPv4Size, i)
		}
		sum := built + uint32(length)
		binary.BigEndian.PutUint16(h[wire.IPv4Length:], uint16(length))
		if tos, ttl, ok := tosOf(pkt[size:], int(u.l3[i])); ok && (u.d&(dInheritTOS|dInheritTTL) != 0 || tos&ecnMask != 0) {
			sum += u.inherit4(h, tos, ttl)
		}
		if u.d&dID != 0 {
			binary.BigEndian.PutUint16(h[wire.IPv4ID:], uint16(id))
			sum += id & 0xffff
			id += step
		}
		binary.BigEndian.PutUint16(h[wire.IPv4Checksum:], ^wire.Fold(sum))
	}
}

// inherit4 takes over what an IPv4 header takes over from the inner packet and returns what that adds to its sum.
func (u *Pusher) inherit4(h *[wire.IPv4Size]byte, tos, ttl uint8) (sum uint32) {
	old := h[wire.IPv4TOS]
	now := old | tos&ecnMask
	if u.d&dInheritTOS != 0 {
		now = tos
	}
	h[wire.IPv4TOS] = now
	sum = uint32(^uint16(old)) + uint32(now)
	if u.d&dInheritTTL != 0 {
		sum += uint32(^(uint16(h[wire.IPv4TTL]) << 8)) + uint32(ttl)<<8
		h[wire.IPv4TTL] = ttl
	}
	return sum
}

// ipv6 completes the IPv6 headers of the frames in set, and UDP headers behind them.
func (u *Pusher) ipv6(set uint64) {
	l3, size := u.d.l3(), u.d.size()
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		pkt := u.Pool.Bytes(u.frames[i])
		h := (*[wire.IPv6Size]byte)(pkt[l3:])
		length := u.Pool.Total(u.frames[i]) - l3 - wire.IPv6Size
		binary.BigEndian.PutUint16(h[wire.IPv6Length:], uint16(length))
		if u.d&dUDP != 0 {
			u.udp(pkt[l3+wire.IPv6Size:], length, i)
		}
		tos, ttl, ok := tosOf(pkt[size:], int(u.l3[i]))
		if !ok {
			continue
		}
		if u.d&dInheritTOS == 0 {
			tos = h[0]<<4 | h[1]>>4 | tos&ecnMask
		}
		h[0], h[1] = 0x60|tos>>4, h[1]&0x0f|tos<<4
		if u.d&dInheritTTL != 0 {
			h[wire.IPv6HopLimit] = ttl
		}
	}
}

// udp fills in length and source port of the UDP header h, of frame i.
func (u *Pusher) udp(h []byte, length, i int) {
	binary.BigEndian.PutUint16(h[wire.UDPLength:], uint16(length))
	if u.d&dEntropy != 0 {
		binary.BigEndian.PutUint16(h[wire.SrcPort:], sourcePort(u.hash[i]))
	}
}
