package tunnel

import (
	"net/netip"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// headers fills in what the outer headers say wherever the packet goes. A reason says that there are no such
// headers.
func (d *dispatch) headers() action.Reason {
	c, o := d.p.config, &d.o
	o.Type = c.Type
	o.TOS, o.InheritTOS = c.TOS.Value, c.TOS.Inherit
	o.TTL, o.InheritTTL = c.TTL.Value, c.TTL.Inherit
	o.DontFragment, o.Sequence = c.DontFragment, c.Sequence
	o.Counter = d.p.counter
	o.HasKey = c.OutKey.From != Any
	o.Key = c.OutKey.ID
	if c.OutKey.From == Flow {
		o.Key = uint32(d.some(flow.FieldTunID, uint64(c.Type.MaxKey())))
	}
	switch c.Local.From {
	case Fixed:
		o.Src = c.Local.Addr
	case Flow:
		o.Src = d.addr(flow.FieldTunSrc, flow.FieldTunIPv6Src)
	}
	if fill := kinds[c.Type].fill; fill != nil {
		return fill(d)
	}
	return 0
}

// all returns a field of the packet, every bit of which counts.
func (d *dispatch) all(f flow.FieldID) uint64 {
	d.s.Uses.SetExact(f)
	return d.s.Key.Uint(f)
}

// some returns some bits of a field of the packet.
func (d *dispatch) some(f flow.FieldID, bits uint64) uint64 {
	d.s.Uses.SetBits(f, bits)
	return d.s.Key.Uint(f) & bits
}

// addr returns the address in one of two fields of the packet.
func (d *dispatch) addr(v4, v6 flow.FieldID) netip.Addr {
	d.s.Uses.SetExact(v4)
	if d.s.Key.Uint(v4) == 0 {
		d.s.Uses.SetExact(v6)
	}
	return tunnelAddr(d.s.Key, v4, v6)
}
