package inside

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// A Tunnel says how to make a device at one end of a tunnel.
type Tunnel struct {
	Name     string
	Type     string // vxlan, geneve, gre or erspan
	Local    netip.Addr
	Remote   netip.Addr
	Key      uint32 // VXLAN's and GENEVE's network, ERSPAN's session, or GRE's key; 0 means no key for GRE
	Port     uint16 // of UDP, of those that have one
	Checksum bool   // what is sent has one of UDP or GRE; IPv6's is expected then, too
	Groups   bool   // VXLAN's group policy: a packet's mark is its group
	Version  uint8  // ERSPAN's: 1 is type II, 2 type III
}

// AddTunnel makes a tunnel's device. SetLink brings it up.
func (m *Machine) AddTunnel(t Tunnel, _ *struct{}) error {
	return m.do(func() error {
		if err := t.add(); err != nil {
			return fmt.Errorf("make the tunnel %s to %s: %w", t.Name, t.Remote, err)
		}
		return nil
	})
}

func (t Tunnel) add() error {
	if t.Type == "erspan" {
		return t.addERSPAN()
	}
	l, err := t.link()
	if err != nil {
		return err
	}
	return netlink.LinkAdd(l)
}

// tunnelTTL is the TTL of outer headers.
const tunnelTTL = 64

// link returns the device as netlink has it.
func (t Tunnel) link() (netlink.Link, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = t.Name
	switch t.Type {
	case "vxlan":
		return &netlink.Vxlan{
			LinkAttrs: attrs, VxlanId: int(t.Key), SrcAddr: t.Local.AsSlice(), Group: t.Remote.AsSlice(), Port: int(t.Port), TTL: tunnelTTL,
			Learning: true, UDPCSum: t.Checksum, UDP6ZeroCSumTx: !t.Checksum, UDP6ZeroCSumRx: !t.Checksum, GBP: t.Groups,
		}, nil
	case "geneve":
		return &netlink.Geneve{LinkAttrs: attrs, ID: t.Key, Remote: t.Remote.AsSlice(), Dport: t.Port, Ttl: tunnelTTL}, nil
	case "gre":
		g := &netlink.Gretap{LinkAttrs: attrs, Local: t.Local.AsSlice(), Remote: t.Remote.AsSlice(), IKey: t.Key, OKey: t.Key, Ttl: tunnelTTL}
		if t.Checksum {
			g.IFlags, g.OFlags = greChecksum, greChecksum
		}
		return g, nil
	}
	return nil, fmt.Errorf("type %q: want vxlan, geneve, gre or erspan", t.Type)
}

// greChecksum is GRE_CSUM of linux include/uapi/linux/if_tunnel.h, in the host's byte order: the library turns it.
const greChecksum = 0x8000

// A VLAN says how to make a device for one VLAN of a link.
type VLAN struct {
	Name, Link string
	ID         uint16
}

// AddVLAN makes a VLAN's device. SetLink brings it up.
func (m *Machine) AddVLAN(v VLAN, _ *struct{}) error {
	return m.do(func() error {
		under, err := netlink.LinkByName(v.Link)
		if err != nil {
			return fmt.Errorf("find link %s: %w", v.Link, err)
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.ParentIndex = v.Name, under.Attrs().Index
		if err := netlink.LinkAdd(&netlink.Vlan{LinkAttrs: attrs, VlanId: int(v.ID)}); err != nil {
			return fmt.Errorf("make VLAN %d of %s: %w", v.ID, v.Link, err)
		}
		return nil
	})
}
