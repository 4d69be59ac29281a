package encap

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// verify drops the frames in set that are wrong behind headers that look right: too short inside, left for hardware to
// finish, wrong checksums.
func (x *Popper) verify(set uint64) {
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		if why := x.wrong(i); why != Good {
			x.drop(i, why)
		}
	}
}

func (x *Popper) wrong(i int) Reason {
	a, f := &x.arrivals[i], x.frames[i]
	pkt := x.pool.Bytes(f)
	if int(a.inner)+wire.EthernetSize > min(len(pkt), int(a.size)) {
		return BadLength
	}
	if a.where&whereV6 == 0 && wire.Fold(wire.Sum(pkt[a.l3:a.l4], 0)) != 0xffff {
		return BadIPChecksum
	}
	if why, uncut := x.uncut(i); uncut {
		return why
	}
	var sum uint32 // of what is summed up beside the packet
	var why Reason // when that goes wrong
	if a.where&whereGRE != 0 {
		if a.gre&greChecksum == 0 {
			return x.finish(i, false)
		}
		why = BadGREChecksum
	} else {
		if binary.BigEndian.Uint16(pkt[a.l4+wire.UDPChecksum:]) == 0 {
			if a.where&whereV6 != 0 && !a.tunnel.ZeroChecksum6 {
				return NoUDPChecksum
			}
			return x.finish(i, false)
		}
		sum, why = x.pseudo(i, pkt), BadUDPChecksum
	}
	if why := x.finish(i, true); why != Good {
		return why
	}
	return x.checksum(i, sum, why)
}

// pseudo returns the sum of the pseudo-header of frame i, a UDP packet.
func (x *Popper) pseudo(i int, pkt []byte) uint32 {
	a := &x.arrivals[i]
	size := int(a.size) - int(a.l4)
	if a.where&whereV6 != 0 {
		return wire.PseudoIPv6(pkt[a.l3:], wire.ProtoUDP, size)
	}
	return wire.PseudoIPv4(pkt[a.l3:], wire.ProtoUDP, size)
}

// checksum returns why, unless all bytes of frame i from the UDP or GRE header on, together with sum, add up. On a port
// whose senders leave checksums to hardware two other things are right: a UDP header with no more than the sum of its
// pseudo-header, and a sum that is right as soon as the inner packet's checksum is complete, which it is made then.
func (x *Popper) checksum(i int, sum uint32, why Reason) Reason {
	a := &x.arrivals[i]
	if wire.Fold(sum+x.sum(i)) == 0xffff {
		return Good
	}
	if !x.Partial {
		return why
	}
	field := binary.BigEndian.Uint16(x.pool.Bytes(x.frames[i])[a.l4+wire.UDPChecksum:])
	if a.where&whereGRE == 0 && field == wire.Fold(sum) {
		return Good
	}
	if x.complete(i) && wire.Fold(sum+x.sum(i)) == 0xffff {
		return Good
	}
	return why
}

// sum returns the running sum of frame i from the UDP or GRE header to the end of the packet.
func (x *Popper) sum(i int) uint32 {
	a, f := &x.arrivals[i], x.frames[i]
	from, left := int(a.l4), int(a.size)-int(a.l4)
	if f.More() == 0 {
		return wire.Sum(x.pool.Bytes(f)[from:from+left], 0)
	}
	var s wire.Summer
	for {
		piece := x.pool.Bytes(f)[from:]
		piece = piece[:min(left, len(piece))]
		s.Add(piece)
		if left -= len(piece); left == 0 {
			return s.Sum()
		}
		f, _ = x.pool.Next(f)
		from = 0
	}
}

// finish looks at what the sender of frame i has left to others. A wish about the checksum of the inner packet stays,
// unless the packet is about to be summed up; then it is fulfilled. One about the outer checksum means that there is
// nothing to verify.
func (x *Popper) finish(i int, summed bool) Reason {
	f := &x.frames[i]
	if f.Flags()&frame.HasOffload == 0 {
		return Good
	}
	a, o := &x.arrivals[i], &x.pool.Meta(*f).Offload
	switch {
	case o.Csum&frame.NeedsCsum == 0 || o.CsumStart == a.l4:
		if o.Csum&frame.NeedsCsum != 0 && !wire.FinishChecksum(x.pool, *f, int(o.CsumStart), int(o.CsumOffset)) {
			return Unfinished
		}
	case o.CsumStart < a.inner+wire.EthernetSize:
		return Unfinished
	case !summed:
		return Good
	case !wire.FinishChecksum(x.pool, *f, int(o.CsumStart), int(o.CsumOffset)):
		return Unfinished
	}
	f.SetFlags(f.Flags() &^ frame.HasOffload)
	return Good
}
