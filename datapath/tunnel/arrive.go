package tunnel

import (
	"net/netip"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// Arrived implements rules.TunnelListener. Packets teach that came to an address of this host: not the answers that are
// given here in place of guests.
func (p *Port) Arrived(k *flow.Key, uses *flow.Mask) (l rules.Lesson, tags uint64) {
	c := p.config
	if c.Remote.From != Lookup || c.OutKey.From == Flow && c.InKey.From != Flow { // no key says which network it is of
		return l, 0
	}
	profile := p.set.profile(c.Profile)
	tags = profileTag(c.Profile)
	if profile == nil {
		return l, tags
	}
	learns, shoots := profile.Directory.Learns() && !rules.Secret(p, k, uses), profile.Directory.Shoots() && profile.Guests != nil
	if !learns && !shoots {
		return l, tags
	}
	for _, f := range [...]flow.FieldID{flow.FieldTunSrc, flow.FieldTunIPv6Src, flow.FieldTunDst, flow.FieldTunIPv6Dst} {
		uses.SetExact(f)
	}
	from, to := tunnelAddr(k, flow.FieldTunSrc, flow.FieldTunIPv6Src), tunnelAddr(k, flow.FieldTunDst, flow.FieldTunIPv6Dst)
	if !from.IsValid() || !to.IsValid() {
		return l, tags
	}
	l.From, l.To, l.VNI = from, to, c.OutKey.ID
	if c.OutKey.From == Flow {
		uses.SetExact(flow.FieldTunID)
		l.VNI = uint32(k.Uint(flow.FieldTunID))
	}
	if learns {
		uses.SetExact(flow.FieldEthSrc)
		l.Src = [6]byte(k.Bytes(flow.FieldEthSrc))
	}
	if shoots {
		uses.SetExact(flow.FieldEthDst)
		l.Dst = [6]byte(k.Bytes(flow.FieldEthDst))
	}
	if learns {
		l.IP = claimed(k, uses)
	}
	return l, tags
}

// Heed implements rules.TunnelListener: the look-up learns where the sender is, and whoever sends packets for a guest that
// has left hears of that.
func (p *Port) Heed(l *rules.Lesson) {
	profile := p.set.profile(p.config.Profile)
	if profile == nil || !l.From.IsValid() {
		return
	}
	if profile.Directory.Learns() && l.Src != [6]byte{} {
		profile.Directory.Learn(vtep.Guest{VNI: l.VNI, MAC: l.Src, IP: l.IP, End: vtep.End{Addr: l.From, Key: l.VNI}})
	}
	if profile.Guests != nil && profile.Directory.Shoots() && l.Dst[0]&1 == 0 && left(profile, l) {
		profile.Directory.Shoot(l.VNI, l.Dst, l.To, l.From)
	}
}

// left reports whether the guest that a packet is for has left this host: it was here, or is known to be elsewhere. One that
// has not said a word yet has not.
func left(profile *Profile, l *rules.Lesson) bool {
	here, was := profile.Guests.Has(l.VNI, l.Dst)
	if here || was {
		return !here
	}
	r := profile.Directory.Ask(vtep.ForMAC(l.VNI, l.Dst), true)
	return r.State == vtep.Known && !r.Flooded && r.Answer.Ends[0].Addr != l.To
}

// introduce tells of the guest here that a packet comes from: in which network it is, if the flow says so, and which address it
// has, if the packet does.
func (d *dispatch) introduce(profile *Profile) {
	s := d.s
	if s.Waited || profile.Guests == nil || !profile.Directory.Announces() || s.Came != nil && s.Came.Blocks()>>flow.Tunnel&1 != 0 {
		return
	}
	ip := claimed(s.Key, &s.Uses)
	enters := d.p.config.OutKey.From == Flow && s.Came != nil
	if !enters && !ip.IsValid() || d.some(flow.FieldEthSrc, groupBit) != 0 {
		return
	}
	d.all(flow.FieldEthSrc)
	s.Entry = rules.Entry{VNI: d.o.Key, Src: [6]byte(s.Key.Bytes(flow.FieldEthSrc)), IP: ip}
	if s.Came != nil {
		s.Entry.Port = uint32(s.Came.Uint(flow.FieldInPort))
	}
	if s.Live {
		d.p.entered(profile.Guests, &s.Entry, s.Now, false)
	}
}

// Entered implements rules.TunnelEntrance. So what there was no room to hear of is heard with the flow's later packets.
func (p *Port) Entered(e *rules.Entry, used int64) {
	c := p.config
	if c.Remote.From != Lookup || c.OutKey.From != Flow && c.OutKey.ID != e.VNI {
		return // another tunnel than the one that the flow went into, with its number
	}
	if profile := p.set.profile(c.Profile); profile != nil && profile.Guests != nil && profile.Directory.Announces() {
		p.entered(profile.Guests, e, used, true)
	}
}

// entered tells g what a packet shows that was seen at used. again: packets of its flow have shown it before.
func (p *Port) entered(g Guests, e *rules.Entry, used int64, again bool) {
	if p.config.OutKey.From == Flow && e.Port != 0 {
		g.Enter(e.VNI, e.Src, e.Port, used)
	}
	if e.IP.IsValid() {
		g.Claim(Saying{VNI: e.VNI, MAC: e.Src, IP: e.IP, Port: e.Port, Used: used, Again: again})
	}
}

// claimed returns the address that a packet says is that of its source Ethernet address, by ARP or neighbour discovery; invalid
// if it says nothing of the kind. It adds to uses what it looked at.
func claimed(k *flow.Key, uses *flow.Mask) (ip netip.Addr) {
	all := func(f flow.FieldID) uint64 {
		uses.SetExact(f)
		return k.Uint(f)
	}
	switch all(flow.FieldEthType) {
	case wire.TypeARP:
		all(flow.FieldARPSPA)
		if all(flow.FieldARPSHA) == all(flow.FieldEthSrc) {
			ip = netip.AddrFrom4([4]byte(k.Bytes(flow.FieldARPSPA)))
		}
	case wire.TypeIPv6:
		switch discovery(k, uses) {
		case wire.NDSolicit:
			all(flow.FieldIPv6Src)
			ip = netip.AddrFrom16([16]byte(k.Bytes(flow.FieldIPv6Src)))
		case wire.NDAdvert:
			all(flow.FieldNDTarget)
			ip = netip.AddrFrom16([16]byte(k.Bytes(flow.FieldNDTarget)))
		}
	}
	if ip.IsUnspecified() || ip.IsMulticast() || ip.IsLoopback() || ip.Is4In6() {
		return netip.Addr{}
	}
	return ip
}

// discovery returns what an IPv6 packet is of neighbour discovery, wire.NDSolicit or wire.NDAdvert; 0 if it is neither, has
// come over a router (RFC 4861 sections 7.1.1 and 7.1.2) or has a fragment header (RFC 6980 section 5). It adds to uses what it looked
// at.
func discovery(k *flow.Key, uses *flow.Mask) (typ uint64) {
	if uses.SetExact(flow.FieldIPProto); k.Uint(flow.FieldIPProto) != wire.ProtoICMPv6 {
		return 0
	}
	if k.FragmentHeader(uses) {
		return 0
	}
	uses.SetExact(flow.FieldICMPv6Type)
	if typ = k.Uint(flow.FieldICMPv6Type); typ != wire.NDSolicit && typ != wire.NDAdvert {
		return 0
	}
	uses.SetExact(flow.FieldICMPv6Code)
	uses.SetExact(flow.FieldIPTTL)
	if k.Uint(flow.FieldICMPv6Code) != 0 || k.Uint(flow.FieldIPTTL) != wire.NDHopLimit {
		return 0
	}
	return typ
}
