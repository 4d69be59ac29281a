package tunnel

import (
	"net/netip"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap"
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
	switch c.Type {
	case encap.VXLAN:
		o.GPE = c.Generic
		if o.HasGBP = c.GroupPolicy; o.HasGBP {
			o.GBP = encap.GBP{ID: uint16(d.all(flow.FieldTunGBPID)), Flags: uint8(d.all(flow.FieldTunGBPFlags)) & gbpFlags}
		}
	case encap.Geneve:
		o.OAM = d.all(flow.FieldTunFlags) != 0
		return d.tlvs()
	case encap.NVGRE:
		if d.some(flow.FieldVLANTCI, flow.VLANPresent) != 0 { // RFC 7637 section 3.2: no frame inside has a tag
			return action.BadTunnel
		}
	case encap.ERSPAN:
		return d.span()
	}
	return 0
}

// gbpFlags are the flags of a group policy that headers carry.
const gbpFlags = gbpDontLearn | 0x08

// span fills in the fields of an ERSPAN header. A reason says that the flow's session is none.
func (d *dispatch) span() action.Reason {
	e := &d.p.config.ERSPAN
	version := d.field(e.Version, flow.FieldTunErspanVer)
	if version != 0 && d.p.config.OutKey.From == Flow && d.all(flow.FieldTunID) > uint64(encap.ERSPAN.MaxKey()) {
		return action.BadTunnel
	}
	s := encap.Span{Version: uint8(version)}
	switch version {
	case 0:
		d.o.Key = 0 // a header without a session
	case 1:
		s.Index = d.field(e.Index, flow.FieldTunErspanIdx)
	case 2:
		s.Egress = d.field(e.Direction, flow.FieldTunErspanDir) != 0
		s.HWID = uint8(d.field(e.Hardware, flow.FieldTunErspanHWID))
	}
	d.o.ERSPAN = s
	return 0
}

// field returns what a field says that options or the flow fix.
func (d *dispatch) field(f Field, by flow.FieldID) uint32 {
	if f.Flow {
		return uint32(d.all(by))
	}
	return f.Value
}

// tlvs gathers the packet's tunnel options.
func (d *dispatch) tlvs() action.Reason {
	k, s := d.s.Key, d.s
	b := d.options[:0]
	for _, t := range s.Options.Options() {
		s.Uses.SetExact(t.Field)
		if k.Uint(t.Field) == 0 {
			continue
		}
		at := s.Options.Place(t.Field)
		if len(b)+optionHeader+at.Size() > encap.MaxOptions {
			return action.BadTunnel
		}
		b = append(b, byte(t.Class>>8), byte(t.Class), t.Type, t.Size/4)
		n := len(b)
		b = b[:n+at.Size()]
		k.Option(at, b[n:])
		s.Uses.SetOption(at, allOnes[:at.Size()])
	}
	d.o.Options = b
	return 0
}

// optionHeader is the bytes of an option's class, type and length (RFC 8926, section 3.5).
const optionHeader = 4

var allOnes = func() (b [124]byte) {
	for i := range b {
		b[i] = 0xff
	}
	return b
}()

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
