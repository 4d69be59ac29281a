package tunnel

import (
	"net/netip"
	"slices"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// A dispatch is one packet's way out of a tunnel. Dispatches are used again, so that new flows make no garbage.
type dispatch struct {
	p *Port
	s *rules.Sending
	o encap.Outer

	ends    []end
	sent    int // ends that it goes out to
	words   []uint64
	options [encap.MaxOptions]byte
}

// An end is where a packet is to go.
type end struct {
	addr netip.Addr
	port uint16 // UDP; 0: as the options say
	key  uint32
}

// Send implements rules.Tunnel.
func (p *Port) Send(s *rules.Sending) rules.Sent {
	s.Reset()
	d := p.set.dispatches.Get().(*dispatch)
	defer p.set.dispatches.Put(d)
	d.p, d.s, d.o, d.ends, d.sent = p, s, encap.Outer{}, d.ends[:0], 0
	if s.Reason = d.headers(); s.Reason != 0 {
		return rules.SentNot
	}
	if result := d.find(); result != rules.SentOut || s.Reply != nil {
		return result
	}
	before := len(s.Program.Words())
	for _, e := range d.ends {
		if !d.back(e) && (s.Only == nil || slices.Contains(s.Only, e.addr)) {
			d.to(e)
		}
	}
	d.tell()
	switch {
	case len(s.Missing) > 0:
		if s.Packet == nil {
			s.Program.Become(s.Program.Words()[:before]) // see rules.SentLater
		}
		return rules.SentLater
	case d.sent > 0 || s.Room > 0 || s.Only != nil || s.TooLong:
		return rules.SentOut
	case s.Reason == 0:
		s.Reason = action.NoTarget
	}
	return rules.SentNot
}

// to sends the packet to one end.
func (d *dispatch) to(e end) {
	o, s := &d.o, d.s
	w, status := d.p.set.router.Route(e.addr, o.Src, d.mark(), hashOf(e.addr, e.key))
	s.Tags |= w.Tag
	switch status {
	case underlay.OK:
	case underlay.Asked:
		if !s.TooLong {
			s.Missing = append(s.Missing, e.addr)
		}
		return
	default:
		s.Reason = action.NoWay
		return
	}
	from := o.Src
	o.Src, o.Dst, o.SrcMAC, o.DstMAC, o.VLAN, o.Key = w.Src, e.addr, w.SrcMAC, w.DstMAC, w.VLAN, e.key
	o.Checksum = d.p.config.Checksum
	if e.addr.Is6() {
		o.Checksum = d.p.config.Checksum6
	}
	o.DstPort = d.p.config.DstPort
	if e.port != 0 {
		o.DstPort = e.port
	}
	d.emit(&w)
	o.Src = from
}

// mark returns the pkt_mark of outer packets: that of the options comes before the packet's (ovs-vswitchd.conf.db(5),
// egress_pkt_mark). Open vSwitch leaves the packet's out of the flow's mask, so that there packets with other marks go the way
// of the first.
func (d *dispatch) mark() uint32 {
	if c := d.p.config; c.HasMark {
		return c.Mark
	}
	return uint32(d.all(flow.FieldPktMark))
}

// emit adds the push and the output of one copy to the program.
func (d *dispatch) emit(w *underlay.Way) {
	s := d.s
	room, err := d.build(w)
	if err != nil { // an option or a field that the flow says, and no header can
		s.Reason = action.BadTunnel
		return
	}
	h := action.Header{Tunnel: s.Port, Longest: uint32(room), Context: s.Context, Stack: d.words}
	switch {
	case d.p.config.TooLong == Fragment:
		h.Excess = action.ExcessFragment
	case d.p.config.TooLong == TellSender && s.Context != 0:
		h.Excess = action.ExcessSend
	case d.p.config.TooLong == TellSender:
		h.Excess = action.ExcessCut
	}
	if longest := int(h.Longest); longest > 0 && len(s.Packet) > longest && !d.cut(h.Excess) {
		d.excess(longest)
		return
	}
	if s.TooLong {
		return
	}
	at := len(s.Program.Words())
	if s.Trunc != 0 {
		s.Program.Trunc(s.Trunc)
	}
	s.Program.Push(&h)
	s.Program.Output(w.Port)
	s.Program.Enclose(at)
	d.sent++
}

// build makes the header stack of packets that go a way, and returns how much room it leaves, as outerRoom.
func (d *dispatch) build(w *underlay.Way) (room int, err error) {
	o := &d.o
	o.DontFragment = d.p.config.DontFragment
	if d.words, err = encap.AppendStack(d.words[:0], o); err != nil {
		return 0, err
	}
	if room = outerRoom(o, w); o.DontFragment && d.narrow(room) {
		o.DontFragment = false
		d.words, err = encap.AppendStack(d.words[:0], o)
	}
	return room, err
}

// narrow reports whether a way with so much room has no place for an IPv6 packet that must go through, which then leaves in
// fragments of the outer packet: that may be cut, whatever the options say (RFC 4213 section 3.2.2).
func (d *dispatch) narrow(room int) bool {
	return d.p.config.TooLong == TellSender && room != 0 && room < wire.EthernetSize+2*wire.VLANTagSize+encap.LeastMTU6
}

// cut reports whether workers cut the packet, which is too long, or the packet that it goes into.
func (d *dispatch) cut(e action.Excess) bool {
	packet := d.s.Packet
	l3 := networkHeader(packet)
	return e == action.ExcessFragment || e != action.ExcessDrop && (encap.Cuttable(packet, l3) || encap.Least(packet, l3, len(packet)))
}

// excess notes that the packet is longer than the way to an end takes, from where its sender would be told so.
func (d *dispatch) excess(longest int) {
	s := d.s
	if s.Room != 0 && longest >= s.Room {
		return
	}
	s.Room = longest
	d.origin(d.o.Dst, d.o.Src)
}

// tell tells the sender of a packet that is too long, if it should be told, and not too many have been (RFC 1812 section
// 4.3.2.8, RFC 4443 section 2.4 f).
func (d *dispatch) tell() {
	s := d.s
	if s.Room == 0 || d.p.config.TooLong != TellSender {
		return
	}
	reply := tooBig(s.Packet, s.Room)
	switch {
	case reply == nil:
	case !d.p.errors.Take(s.Now):
		d.p.tally.hushed.Add(1)
	default:
		d.p.tally.told.Add(1)
		s.Reply = reply
	}
}

// origin makes the reply one that has come in by the tunnel: from an end, to an address of ours that need not be known, with
// the key that packets from there have.
func (d *dispatch) origin(end, own netip.Addr) {
	var k flow.Key
	switch in := d.p.config.InKey; in.From {
	case Fixed:
		k.SetUint(flow.FieldTunID, uint64(in.ID))
	case Flow:
		k.SetUint(flow.FieldTunID, uint64(d.o.Key))
	}
	if end.Is4() {
		k.SetBytes(flow.FieldTunSrc, end.AsSlice())
		k.SetBytes(flow.FieldTunDst, own.AsSlice())
	} else {
		k.SetBytes(flow.FieldTunIPv6Src, end.AsSlice())
		k.SetBytes(flow.FieldTunIPv6Dst, own.AsSlice())
	}
	d.s.Origin = k[flow.Tunnel]
}

// back reports whether a packet that came by a tunnel would go back to where it came from: to ourselves, or, when
// an Ethernet switch sends it, to the end that it came from.
func (d *dispatch) back(e end) bool {
	s := d.s
	if s.Came == nil || s.Came.Blocks()>>flow.Tunnel&1 == 0 {
		return false
	}
	s.CameUses = true
	if e.addr == tunnelAddr(s.Came, flow.FieldTunDst, flow.FieldTunIPv6Dst) {
		s.Reason = action.OwnEnd
		return true
	}
	if (s.Switched || d.p.config.Remote.From == Lookup) && e.key == uint32(s.Came.Uint(flow.FieldTunID)) &&
		e.addr == tunnelAddr(s.Came, flow.FieldTunSrc, flow.FieldTunIPv6Src) {
		s.Reason = action.SplitHorizon
		return true
	}
	return false
}

// tunnelAddr returns the address in one of two fields, of which the other is zero; invalid if both are.
func tunnelAddr(k *flow.Key, v4, v6 flow.FieldID) netip.Addr {
	if k.Uint(v4) != 0 {
		return netip.AddrFrom4([4]byte(k.Bytes(v4)))
	}
	if a := netip.AddrFrom16([16]byte(k.Bytes(v6))); !a.IsUnspecified() {
		return a
	}
	return netip.Addr{}
}
