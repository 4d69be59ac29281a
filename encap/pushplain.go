package encap

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/encap/wire"
)

// Flags of header stacks in which there is more to fill in than plain does, but for the first.
const dPlain = dUDP | dSum | dInheritTOS | dInheritTTL | dID

// linkPart is how much of a stack is written for the sake of its Ethernet header: a whole vector, of which what is too much is
// written over.
const linkPart = 32 // bytes

// plainOuter6 is plainOuter for IPv6.
const plainOuter6 = wire.IPv6Size + wire.UDPSize + 8 // bytes

// plain puts a stack with no flag of dPlain but dUDP in front of the frames that need no more than lengths, source port and
// IPv4 checksum filled in, as most do: in one buffer, with nothing left to hardware. It returns a bit for each other, which it
// has left alone, and one for each that may have a congestion mark, whose headers are still to be completed.
func (u *Pusher) plain() (others, marked uint64) {
	done := u.usual()
	if done == ^uint64(0)>>(64-len(u.frames)) {
		return 0, 0
	}
	marked = u.read(done)
	others = u.Pool.PrependAll(u.frames, u.d.size(), done)
	if u.d&dV6 == 0 {
		u.write4(others | done)
	} else {
		u.write6(others | done)
	}
	return others, marked &^ others
}

// write4 writes the stack, over IPv4, to the start of all frames but some, complete: each packet's memory is touched once, of
// many packets those before do not stay in the first-level cache. What is the same in all and what differs go into words of
// eight bytes together. The IPv4 checksum is that of the header as it was built, with the length added (RFC 1624).
func (u *Pusher) write4(but uint64) {
	be := binary.BigEndian
	pool, frames, l3, entropy := u.Pool, u.frames, u.d.l3(), u.d&dEntropy != 0
	hash := u.hash[:len(frames)]
	stack := u.stack[:u.d.size()]
	link := [linkPart]byte(stack)
	h := (*[plainOuter]byte)(stack[l3:])
	w0, w8, w16, w24, w28 := be.Uint64(h[:]), be.Uint64(h[8:]), be.Uint64(h[16:]), be.Uint64(h[24:]), be.Uint64(h[28:])
	options := stack[l3+plainOuter:]
	built := uint32(^uint16(w8 >> 32))
	w8 &^= 0xffff << 32
	for i := range frames {
		if but>>(i&63)&1 != 0 {
			continue
		}
		pkt := pool.Bytes(frames[i])
		length := uint64(len(pkt) - l3)
		*(*[linkPart]byte)(pkt) = link
		h := (*[plainOuter]byte)(pkt[l3:])
		be.PutUint64(h[:], w0|length<<32)
		be.PutUint64(h[8:], w8|uint64(^wire.Fold(built+uint32(length)))<<32)
		w := w16
		if entropy {
			w |= uint64(sourcePort(hash[i])) << 16
		}
		be.PutUint64(h[16:], w)
		be.PutUint64(h[24:], w24|(length-wire.IPv4Size)<<48)
		be.PutUint64(h[28:], w28)
		if len(options) > 0 {
			copy(pkt[l3+plainOuter:], options)
		}
	}
}

// write6 is the same over IPv6.
func (u *Pusher) write6(but uint64) {
	be := binary.BigEndian
	pool, frames, l3, entropy := u.Pool, u.frames, u.d.l3(), u.d&dEntropy != 0
	hash := u.hash[:len(frames)]
	stack := u.stack[:u.d.size()]
	link := [linkPart]byte(stack)
	h := (*[plainOuter6]byte)(stack[l3:])
	w0, addresses, w40, w48 := be.Uint64(h[:]), [2 * 16]byte(h[wire.IPv6Src:]), be.Uint64(h[40:]), be.Uint64(h[48:])
	options := stack[l3+plainOuter6:]
	for i := range frames {
		if but>>(i&63)&1 != 0 {
			continue
		}
		pkt := pool.Bytes(frames[i])
		length := uint64(len(pkt) - l3 - wire.IPv6Size)
		*(*[linkPart]byte)(pkt) = link
		h := (*[plainOuter6]byte)(pkt[l3:])
		be.PutUint64(h[:], w0|length<<16)
		*(*[2 * 16]byte)(h[wire.IPv6Src:]) = addresses
		w := w40 | length<<16
		if entropy {
			w |= uint64(sourcePort(hash[i])) << 48
		}
		be.PutUint64(h[40:], w)
		be.PutUint64(h[48:], w48)
		if len(options) > 0 {
			copy(pkt[l3+plainOuter6:], options)
		}
	}
}

// sourcePort returns the UDP source port of packets with a hash.
func sourcePort(hash uint32) uint16 { return uint16(firstPort + uint64(hash)*ports>>32) }
