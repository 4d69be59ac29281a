package tunnel

import (
	"net/netip"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// find finds the ends that the packet goes to. SentOut says that they are known.
func (d *dispatch) find() rules.Sent {
	switch c := d.p.config; c.Remote.From {
	case Lookup:
		return d.lookUp()
	case Flow:
		dst := d.addr(flow.FieldTunDst, flow.FieldTunIPv6Dst)
		if !dst.IsValid() {
			d.s.Reason = action.NoEnd
			return rules.SentNot
		}
		d.ends = append(d.ends, end{addr: dst, key: d.o.Key})
	default:
		d.ends = append(d.ends, end{addr: c.Remote.Addr, key: d.o.Key})
	}
	return rules.SentOut
}

// groupBit is the bit of an Ethernet address that says that it is a group's.
const groupBit = 1 << 40

// lookUp asks the port's profile where the packet goes.
func (d *dispatch) lookUp() rules.Sent {
	profile := d.p.set.profile(d.p.config.Profile)
	d.s.Tags |= profileTag(d.p.config.Profile)
	if profile == nil {
		d.s.Reason = action.UnknownEnd
		return rules.SentNot
	}
	d.introduce(profile)
	if profile.Suppress {
		if result, done := d.suppress(profile); done {
			return result
		}
	}
	q := vtep.ForFlood(d.o.Key)
	if d.some(flow.FieldEthDst, groupBit) == 0 {
		d.all(flow.FieldEthDst)
		q = vtep.ForMAC(d.o.Key, [6]byte(d.s.Key.Bytes(flow.FieldEthDst)))
	}
	r := profile.Directory.Ask(q, d.s.Live)
	d.s.Tags |= r.Tags
	switch r.State {
	case vtep.Known:
		for _, e := range r.Answer.Ends {
			d.ends = append(d.ends, end{addr: e.Addr, port: e.Port, key: e.Key})
		}
		return rules.SentOut
	case vtep.None, vtep.Unanswered:
		d.s.Reason = action.UnknownEnd
		return rules.SentNot
	}
	return rules.SentLater // of what was refused each packet asks again
}

// suppress answers who asks for an address in the overlay, in place of the host that has it, if the profile knows it.
// done is false for other packets, and for questions that others must answer.
func (d *dispatch) suppress(profile *Profile) (result rules.Sent, done bool) {
	target, ok := d.target()
	if !ok {
		return 0, false
	}
	r := profile.Directory.Ask(vtep.ForIP(d.o.Key, target), d.s.Live)
	d.s.Tags |= r.Tags
	switch r.State {
	case vtep.Known:
		if d.own(r.Answer.Ends[0]) { // a guest of this host has got the question, and answers where it is
			d.s.Reason = action.OwnEnd
			return rules.SentNot, true
		}
		if d.s.Packet == nil {
			return rules.SentLater, true
		}
		if d.s.Reply = answer(d.s.Packet, r.Answer.MAC, target); d.s.Reply != nil {
			d.p.tally.answered.Add(1)
		}
		d.origin(r.Answer.Ends[0].Addr, netip.Addr{}) // nobody sent it: see Port.Arrived
		return rules.SentOut, true
	case vtep.None, vtep.Unanswered:
		return 0, false
	}
	return rules.SentLater, true
}

// own reports whether an end that a look-up says is this host's.
func (d *dispatch) own(e vtep.End) bool {
	w, status := d.p.set.router.Route(e.Addr, netip.Addr{}, d.mark(), hashOf(e.Addr, e.Key))
	d.s.Tags |= w.Tag
	return status == underlay.Local
}

// target returns the address that the packet asks for, if it is an ARP request or a neighbour solicitation.
func (d *dispatch) target() (addr netip.Addr, ok bool) {
	k := d.s.Key
	switch d.all(flow.FieldEthType) {
	case wire.TypeARP:
		if d.all(flow.FieldARPOp) != wire.ARPRequest {
			return addr, false
		}
		// Who has its own address tells, and does not ask; without one it tries an address out (RFC 5227 section 2.1.1).
		switch target := d.all(flow.FieldARPTPA); d.all(flow.FieldARPSPA) {
		case 0, target:
			return addr, false
		}
		return netip.AddrFrom4([4]byte(k.Bytes(flow.FieldARPTPA))), true
	case wire.TypeIPv6:
		if discovery(k, &d.s.Uses) != wire.NDSolicit {
			return addr, false
		}
		d.all(flow.FieldIPv6Src)
		d.all(flow.FieldNDTarget)
		addr = netip.AddrFrom16([16]byte(k.Bytes(flow.FieldNDTarget)))
		src := netip.AddrFrom16([16]byte(k.Bytes(flow.FieldIPv6Src)))
		// Duplicate address detection wants no proxy, and nobody is at an address that stands for one of IPv4.
		return addr, !src.IsUnspecified() && !addr.IsUnspecified() && !addr.Is4In6()
	}
	return addr, false
}
