package encap

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/culvertdev/culvert/encap/wire"
)

// check says what is wrong with a tunnel.
func (tun *Tunnel) check() error {
	switch {
	case tun.Type == NoType || tun.Type >= NumTypes:
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
	group  bool  // a multicast group's: one of several tunnels gets its packets
}

// at returns the entry of the tunnel for an address; ok is false when it does not end there.
func (tun *Tunnel) at(a Address) (e entry, ok bool) {
	if tun.Local.IsValid() && tun.Local != a.Addr && !a.Addr.IsMulticast() || tun.Remote.IsValid() && tun.Remote.Is4() != a.Addr.Is4() {
		return entry{}, false
	}
	e = entry{tunnel: tun, class: class{where: ^uint64(0)}, group: a.Addr.IsMulticast()}
	e.dst = addrWords(a.Addr)
	e.where = tun.place(a)
	e.mac = a.mac()
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

// mac returns the destination Ethernet address of packets to a, as macOf does.
func (a *Address) mac() uint64 {
	mac := a.MAC
	if a.Addr.IsMulticast() {
		mac = wire.GroupMAC(a.Addr)
	}
	return macOf(append(mac[:], 0, 0))
}

// macOf returns the destination Ethernet address of a frame of eight bytes at least: its bytes as they stand in memory, in the
// lower 48 bits.
func macOf(pkt []byte) uint64 { return binary.LittleEndian.Uint64(pkt) & (1<<48 - 1) }

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
