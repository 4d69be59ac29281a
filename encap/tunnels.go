package encap

import (
	"cmp"
	"encoding/binary"
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
	// ZeroChecksum6 takes UDP packets over IPv6 without a checksum (RFC 6936). Open vSwitch does.
	ZeroChecksum6 bool
	// NeedChecksum takes GRE packets with a checksum only.
	NeedChecksum bool
}

// An Address is one that an underlay port has.
type Address struct {
	Addr netip.Addr
	VLAN uint16 // identifier of the tag that packets to it have; 0: none, or a tag with identifier 0
}

// Tunnels are the tunnels that end at the addresses of an underlay port.
//
// Which of several a packet is of is as in Open vSwitch: one with the packet's key comes before those of any key, among
// these one with the remote address before those of any, and then one with the local address before those of any. An
// NVGRE tunnel, whose packets are GRE packets with a key, comes after a GRE tunnel with that very key.
//
// Thread-safety: Tunnels do not change.
type Tunnels struct {
	id      uint64
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

type portType struct {
	port uint16
	typ  Type
}

// maxPorts is the most UDP ports that tunnels may use: half of the table of ports.
const maxPorts = len(Tunnels{}.ports) / 2

// generation counts Tunnels made.
var generation atomic.Uint64

// NewTunnels makes a table of tunnels for a port with some addresses. Tunnels to other local addresses are left out:
// they end elsewhere. Two that nothing tells apart are an error.
func NewTunnels(addresses []Address, tunnels []Tunnel) (*Tunnels, error) {
	t := &Tunnels{id: generation.Add(1), mine: newTable(2 * len(addresses) * len(tunnels))}
	var entries []entry
	for i := range tunnels {
		tun := &tunnels[i]
		if err := tun.check(); err != nil {
			return nil, fmt.Errorf("tunnel of port %d: %w", tun.Port, err)
		}
		for _, a := range addresses {
			if e, ok := tun.at(a); ok {
				entries = append(entries, e)
			}
		}
	}
	if err := t.usePorts(entries); err != nil {
		return nil, err
	}
	return t, t.fill(entries)
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

// check says what is wrong with a tunnel.
func (tun *Tunnel) check() error {
	switch {
	case tun.Type == NoType || tun.Type >= numTypes:
		return fmt.Errorf("%s: there is no such type", tun.Type)
	case tun.Key > tun.Type.MaxKey():
		return fmt.Errorf("key %d: want at most %d", tun.Key, tun.Type.MaxKey())
	case tun.AnyKey && tun.Key != 0:
		return fmt.Errorf("key %d: it is any", tun.Key)
	case tun.UDPPort != 0 && !tun.Type.UDP():
		return fmt.Errorf("UDP port %d: %s has none", tun.UDPPort, tun.Type)
	case tun.LocalByFlow && tun.Local.IsValid():
		return fmt.Errorf("local address %s: it is any", tun.Local)
	case tun.Local.IsValid() && tun.Remote.IsValid() && tun.Local.Is4() != tun.Remote.Is4():
		return fmt.Errorf("from %s to %s: want addresses of one family", tun.Remote, tun.Local)
	}
	return nil
}

// An entry is a tunnel that ends at one address.
type entry struct {
	end
	tunnel *Tunnel
	class  class // without its table
	local  int   // less is more specific; does not take part in the look-up
}

// at returns the entry of the tunnel for an address; ok is false when it does not end there.
func (tun *Tunnel) at(a Address) (e entry, ok bool) {
	if tun.Local.IsValid() && tun.Local != a.Addr || tun.Remote.IsValid() && tun.Remote.Is4() != a.Addr.Is4() {
		return entry{}, false
	}
	e = entry{tunnel: tun, class: class{where: ^uint64(0)}}
	e.dst = addrWords(a.Addr)
	e.where = tun.place(a)
	e.class.where, e.class.rank = tun.keyMask()
	if tun.Remote.IsValid() {
		e.src = addrWords(tun.Remote)
		e.class.remote = ^uint64(0)
	} else {
		e.class.rank++
	}
	switch {
	case tun.LocalByFlow:
		e.local = 2
	case !tun.Local.IsValid():
		e.local = 1
	}
	return e, true
}

// place returns end.where of packets to a that are of the tunnel.
func (tun *Tunnel) place(a Address) uint64 {
	k := &kinds[tun.Type]
	w := k.where | uint64(tun.port())<<wherePort | uint64(a.VLAN&0xfff)<<whereVLAN
	if !a.Addr.Is4() {
		w |= whereV6
	}
	if !tun.Type.UDP() {
		return w | uint64(tun.Key)<<k.shift
	}
	return w | uint64(tun.Key)
}

// keyMask returns which bits of end.where tell the tunnel, and the rank of tunnels by these.
func (tun *Tunnel) keyMask() (mask uint64, rank int) {
	mask = ^uint64(0)
	switch {
	case tun.AnyKey:
		return mask &^ whereKey, 4
	case !tun.Type.UDP() && kinds[tun.Type].shift != 0:
		return mask << kinds[tun.Type].shift, 2 // the bits behind the key vary
	}
	return mask, 0
}

// port returns the UDP port that packets of the tunnel are sent to.
func (tun *Tunnel) port() uint16 {
	if tun.UDPPort == 0 {
		return tun.Type.Port()
	}
	return tun.UDPPort
}

// addrWords returns an address as an end has it.
func addrWords(a netip.Addr) [2]uint64 {
	if a.Is4() {
		b := a.As4()
		return [2]uint64{0, uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return [2]uint64{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])}
}

// usePorts enters the UDP ports of the tunnels and where they end.
func (t *Tunnels) usePorts(entries []entry) error {
	n := 0
	for i := range entries {
		e := &entries[i]
		for _, to := range [...]end{destination(&e.end), fragment(&e.end)} {
			t.mine.put(&to, e.tunnel)
		}
		if !e.tunnel.Type.UDP() {
			continue
		}
		p := portType{e.tunnel.port(), e.tunnel.Type}
		switch typ := t.typeOf(p.port); {
		case typ == p.typ:
			continue
		case typ != NoType:
			return fmt.Errorf("UDP port %d: it is used by %s and by %s", p.port, typ, p.typ)
		}
		if n++; n > maxPorts {
			return fmt.Errorf("UDP ports: tunnels use more than %d", maxPorts)
		}
		at := hashPort(p.port)
		for t.ports[at].typ != NoType {
			at++
		}
		t.ports[at] = p
	}
	return nil
}

// destination returns where packets from anywhere, with any key, go to like those of e.
func destination(e *end) end { return end{dst: e.dst, where: e.where &^ whereKey} }

// fragment returns where fragments of such packets go to: what they are of shows in one of them only.
func fragment(e *end) end {
	const unknown = whereKey | whereERSPAN | 0xffff<<wherePort
	return end{dst: e.dst, where: e.where&^unknown | whereFragment}
}

// hashPort returns the first place in the table of ports to look for one.
func hashPort(port uint16) uint8 { return uint8(uint32(port) * 0x9e37 >> 8) }

// typeOf returns the type of the tunnels that use a UDP port; NoType if none does.
func (t *Tunnels) typeOf(port uint16) Type {
	for at := hashPort(port); ; at++ {
		if p := t.ports[at]; p.port == port || p.typ == NoType {
			return p.typ
		}
	}
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
		if old != nil && old.Local.IsValid() == e.tunnel.Local.IsValid() && old.LocalByFlow == e.tunnel.LocalByFlow {
			return fmt.Errorf("tunnels of ports %d and %d: packets of both have the same addresses and key", old.Port, e.tunnel.Port)
		}
	}
	return nil
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
