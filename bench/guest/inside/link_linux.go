package inside

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/safchain/ethtool"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A Link says how a link shall be.
type Link struct {
	Name      string
	Addresses []netip.Prefix
	MTU       int             // 0 leaves it
	Offloads  map[string]bool // features by their names in ethtool -k, such as tx-checksum-ip-generic
	Queues    int             // queue pairs to use, as by ethtool -L; 0 leaves them
}

// A LinkState is how it is.
type LinkState struct {
	MAC      string
	MTU      int
	Features map[string]bool
}

// SetLink configures a link and brings it up.
func (m *Machine) SetLink(want Link, is *LinkState) error {
	return m.do(func() error {
		l, err := netlink.LinkByName(want.Name)
		if err != nil {
			return fmt.Errorf("find link %s: %w", want.Name, err)
		}
		if want.MTU > 0 {
			if err := netlink.LinkSetMTU(l, want.MTU); err != nil {
				return fmt.Errorf("give %s an MTU of %d: %w", want.Name, want.MTU, err)
			}
		}
		for _, a := range want.Addresses {
			ip := &net.IPNet{IP: a.Addr().AsSlice(), Mask: net.CIDRMask(a.Bits(), a.Addr().BitLen())}
			// Of use at once: nobody else in a laboratory has the address.
			if err := netlink.AddrReplace(l, &netlink.Addr{IPNet: ip, Flags: unix.IFA_F_NODAD}); err != nil {
				return fmt.Errorf("give %s the address %s: %w", want.Name, a, err)
			}
		}
		if err := netlink.LinkSetUp(l); err != nil {
			return fmt.Errorf("bring link %s up: %w", want.Name, err)
		}
		if err := setFeatures(want.Name, want.Offloads, is); err != nil {
			return fmt.Errorf("features of %s: %w", want.Name, err)
		}
		if want.Queues > 0 {
			if err := setQueues(want.Name, want.Queues); err != nil {
				return fmt.Errorf("have %s use %d queue pairs: %w", want.Name, want.Queues, err)
			}
		}
		if l, err = netlink.LinkByName(want.Name); err != nil {
			return err
		}
		is.MAC, is.MTU = l.Attrs().HardwareAddr.String(), l.Attrs().MTU
		return nil
	})
}

func setFeatures(link string, want map[string]bool, is *LinkState) error {
	e, err := ethtool.NewEthtool()
	if err != nil {
		return err
	}
	defer e.Close()
	if len(want) > 0 {
		if err := e.Change(link, want); err != nil {
			return err
		}
	}
	is.Features, err = e.Features(link)
	return err
}

// setQueues has a link use so many queue pairs; it may go on sending meanwhile.
func setQueues(link string, n int) error {
	e, err := ethtool.NewEthtool()
	if err != nil {
		return err
	}
	defer e.Close()
	c, err := e.GetChannels(link)
	if err != nil {
		return err
	}
	c.CombinedCount = uint32(n)
	_, err = e.SetChannels(link, c)
	return err
}
