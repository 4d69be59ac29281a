package encap

import (
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// uncut reports whether frame i was left to others to be cut into segments. A kernel does that with its tunnels' packets
// on virtual devices: one with a whole TCP packet inside is good, and stays to be cut when it leaves. Its outer
// checksum would have been made for each segment: there is none to verify.
func (x *Popper) uncut(i int) (why Reason, is bool) {
	f := x.frames[i]
	if f.Flags()&frame.HasOffload == 0 {
		return Good, false
	}
	a, o := &x.arrivals[i], &x.pool.Meta(f).Offload
	if o.GSO == frame.GSONone {
		return Good, false
	}
	v6 := o.GSO&^frame.GSOECN == frame.GSOTCPv6
	if !v6 && o.GSO&^frame.GSOECN != frame.GSOTCPv4 || o.Csum&frame.NeedsCsum == 0 || o.GSOSize == 0 {
		return Unfinished, true
	}
	c, ok := wire.CutTCP(x.pool.Bytes(f)[a.inner:], int(a.size)-int(a.inner))
	if !ok || c.IPv6() != v6 || !c.ChecksumAt(int(o.CsumStart)-int(a.inner), int(o.CsumOffset)) {
		return Unfinished, true
	}
	o.HeaderLen = a.inner + uint16(c.Headers) // the sender's is a hint
	return Good, true
}

// moveOffload makes what is left to others of f relative to the inner frame, n bytes from the start.
func (x *Popper) moveOffload(f frame.Frame, n int) {
	if f.Flags()&frame.HasOffload == 0 {
		return
	}
	o := &x.pool.Meta(f).Offload
	o.CsumStart -= uint16(n)
	if o.GSO != frame.GSONone {
		o.HeaderLen -= uint16(n)
	}
}
