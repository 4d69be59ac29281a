package encap

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
)

// A Tunnel is how packets that arrive from the other end are told.
type Tunnel struct {
	Port uint32 // datapath port that they come in by
	Type Type
	// Local is the address that packets are sent to; the zero Addr stands for any that the underlay has. LocalByFlow
	// is the same, for after those (local_ip=flow).
	Local       netip.Addr
	LocalByFlow bool
	Remote      netip.Addr // address they come from; the zero Addr stands for any
	UDPPort     uint16     // that they are sent to; 0: that of the type
	// Key is their key, AnyKey says that it may be any. GRE packets without a key have key 0.
	Key    uint32
	AnyKey bool

	GBP, GPE bool // VXLAN extensions that packets may have
	// ZeroChecksum6 takes UDP packets over IPv6 without a checksum (RFC 6936 section 5).
	ZeroChecksum6 bool
}

// An Address is one that an underlay port has, or a multicast group's that it listens to, where tunnels end with whatever
// Local.
type Address struct {
	Addr netip.Addr
	VLAN uint16 // identifier of the tag that packets to it have; 0: none, or a tag with identifier 0
	// MAC is the Ethernet address that packets to it have: others are another host's, which a switch floods or a device
	// takes that is promiscuous. Packets to a group have the group's, whatever MAC is.
	MAC [6]byte
}

// Tunnels are the tunnels that end at the addresses of an underlay port.
//
// A packet is of none of them whose destination Ethernet address is not that of the address that it is sent to, as in Open
// vSwitch (lib/tnl-ports.c). Which of several it is of is as in Open vSwitch, too: one with the packet's key comes before those
// of any key, among these one with the remote address before those of any, and then one with the local address before those of
// any. An NVGRE tunnel, whose packets are GRE packets with a key, comes after a GRE tunnel with that very key.
//
// Thread-safety: Tunnels do not change.
type Tunnels struct {
	id        uint64
	addresses []Address // that it was made of
	tunnels   []Tunnel

	classes []class
	ports   [256]portType // UDP ports of tunnels, where a hash of the port leads to or behind
	mine    table         // where tunnel packets are sent to, see ours
}

// A class is the tunnels that look at the same parts of a packet.
type class struct {
	table  table
	remote uint64 // all ones when the remote address counts, else 0
	where  uint64 // the bits of end.where that count
	rank   int
}

// generation counts Tunnels made.
var generation atomic.Uint64

// NewTunnels makes a table of tunnels for a port with some addresses. Tunnels to other local addresses are left out:
// they end elsewhere. Two that nothing tells apart are an error. The lists are not kept.
func NewTunnels(addresses []Address, tunnels []Tunnel) (*Tunnels, error) {
	t := &Tunnels{id: generation.Add(1), addresses: slices.Clone(addresses), tunnels: slices.Clone(tunnels)}
	var entries []entry
	for i := range t.tunnels {
		tun := &t.tunnels[i]
		if err := tun.check(); err != nil {
			return nil, fmt.Errorf("tunnel of port %d: %w", tun.Port, err)
		}
		for _, a := range addresses {
			if e, ok := tun.at(a); ok {
				entries = append(entries, e)
			}
		}
	}
	t.enterMine(entries)
	if err := t.usePorts(entries); err != nil {
		return nil, err
	}
	return t, t.fill(entries)
}

// Equal reports whether two tables were made of the same, and so are one as good as the other. Either may be nil.
func (t *Tunnels) Equal(o *Tunnels) bool {
	if t == nil || o == nil {
		return t == o
	}
	return slices.Equal(t.addresses, o.addresses) && slices.Equal(t.tunnels, o.tunnels)
}

// Len returns how many tunnels can be told apart here: each counts once for each address it ends at.
func (t *Tunnels) Len() int {
	n := 0
	for i := range t.classes {
		for j := range t.classes[i].table.slots {
			if t.classes[i].table.slots[j].value != nil {
				n++
			}
		}
	}
	return n
}

// destination returns where packets from anywhere, with any key, go to like those of e.
func destination(e *end) end { return end{dst: e.dst, where: e.where &^ whereKey, mac: e.mac} }

// fragment returns where fragments of such packets go to: what they are of shows in one of them only.
func fragment(e *end) end {
	const unknown = whereKey | whereERSPAN | 0xffff<<wherePort
	return end{dst: e.dst, where: e.where&^unknown | whereFragment, mac: e.mac}
}

// fill enters the tunnels, the most specific first.
func (t *Tunnels) fill(entries []entry) error {
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.class.rank, b.class.rank), cmp.Compare(a.local, b.local))
	})
	for i := range entries {
		e := &entries[i]
		if n := len(t.classes); n == 0 || t.classes[n-1].rank != e.class.rank {
			same := 1
			for i+same < len(entries) && entries[i+same].class.rank == e.class.rank {
				same++
			}
			t.classes = append(t.classes, e.class)
			t.classes[n].table = newTable(same)
		}
		c := &t.classes[len(t.classes)-1]
		old := c.table.put(&e.end, e.tunnel)
		if old != nil && !e.group && old.Local.IsValid() == e.tunnel.Local.IsValid() && old.LocalByFlow == e.tunnel.LocalByFlow {
			return fmt.Errorf("tunnels of ports %d and %d: packets of both have the same addresses and key", old.Port, e.tunnel.Port)
		}
	}
	return nil
}

// enterMine enters where packets of the tunnels, and their fragments, are sent to: many tunnels have that in common.
func (t *Tunnels) enterMine(entries []entry) {
	all := make(map[end]*Tunnel)
	for i := range entries {
		e := &entries[i]
		all[destination(&e.end)], all[fragment(&e.end)] = e.tunnel, e.tunnel
	}
	t.mine = newTable(len(all))
	for to, tun := range all {
		t.mine.put(&to, tun)
	}
}

// ours reports whether there is a tunnel that packets sent to where e was may be of.
func (t *Tunnels) ours(e *end) bool {
	to := destination(e)
	return t.mine.find(&to, t.mine.hash(&to)) != nil
}

// fragments is the same for the fragment e.
func (t *Tunnels) fragments(e *end) bool {
	to := fragment(e)
	return t.mine.find(&to, t.mine.hash(&to)) != nil
}
