// Package netdev is a kernel network device as the ports on top of one see it: found by name, set up,
// followed while it lives.
//
// It moves no packets. A Device belongs to the network namespace that the thread that opened it was
// in, and stays with it.
//
// Thread-safety: all methods are safe for concurrent use.
package netdev

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ErrGone is the reason why a port whose device was deleted, or moved to another namespace, stops.
var ErrGone = errors.New("device is gone")

// A Device is one network device.
type Device struct {
	name   string
	index  int
	mtu    int // bytes
	mac    net.HardwareAddr
	handle *netlink.Handle
	up     atomic.Bool

	once    sync.Once
	watcher *Watcher // nil before Follow
}

// Open finds the device with that name in the calling thread's network namespace.
func Open(name string) (*Device, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	l, err := h.LinkByName(name)
	if err != nil {
		h.Close()
		return nil, fmt.Errorf("find device %s: %w", name, err)
	}
	d := &Device{handle: h, name: name, index: l.Attrs().Index}
	d.note(l.Attrs())
	return d, nil
}

// note takes over what may change as long as nothing follows the device.
func (d *Device) note(a *netlink.LinkAttrs) {
	d.mtu, d.mac = a.MTU, a.HardwareAddr
	d.up.Store(carrier(a))
}

// carrier reports whether packets can pass: the device is up, and its link.
func carrier(a *netlink.LinkAttrs) bool {
	const both = unix.IFF_UP | unix.IFF_RUNNING
	return a.RawFlags&both == both
}

// Setup is what is to be changed of a device; zero values change nothing.
type Setup struct {
	MTU       int              // bytes
	MAC       net.HardwareAddr //
	Addresses []netip.Prefix   // added to those it has
	Up        bool
}

// Set changes the device. Call it before Follow.
func (d *Device) Set(s Setup) error {
	l := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: d.index, Name: d.name}}
	if len(s.MAC) > 0 {
		if err := d.handle.LinkSetHardwareAddr(l, s.MAC); err != nil {
			return fmt.Errorf("set address of %s to %v: %w", d.name, s.MAC, err)
		}
	}
	if s.MTU > 0 {
		if err := d.handle.LinkSetMTU(l, s.MTU); err != nil {
			return fmt.Errorf("set MTU of %s to %d: %w", d.name, s.MTU, err)
		}
	}
	for _, p := range s.Addresses {
		ipNet := &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
		if err := d.handle.AddrReplace(l, &netlink.Addr{IPNet: ipNet}); err != nil {
			return fmt.Errorf("add address %v to %s: %w", p, d.name, err)
		}
	}
	if s.Up {
		if err := d.handle.LinkSetUp(l); err != nil {
			return fmt.Errorf("bring %s up: %w", d.name, err)
		}
	}
	a, err := d.attrs()
	if err != nil {
		return err
	}
	d.note(a)
	return nil
}

// Name returns the name the device was opened by.
func (d *Device) Name() string { return d.name }

// Index returns the device's number in its namespace.
func (d *Device) Index() int { return d.index }

// MTU returns the bytes of the largest layer-3 packet, as of Open or the last Set.
func (d *Device) MTU() int { return d.mtu }

// MAC returns the device's address, as of Open or the last Set.
func (d *Device) MAC() net.HardwareAddr { return d.mac }

// LinkUp reports whether the device is up and has carrier, as last seen.
func (d *Device) LinkUp() bool { return d.up.Load() }

// Stats returns what the kernel counts for the device; zeros when it is gone, or closed.
func (d *Device) Stats() netlink.LinkStatistics64 {
	a, err := d.attrs()
	if err != nil || a.Statistics == nil {
		return netlink.LinkStatistics64{}
	}
	return netlink.LinkStatistics64(*a.Statistics)
}

// attrs reads the device's state. The error is ErrGone when there is no such device any more.
func (d *Device) attrs() (*netlink.LinkAttrs, error) {
	l, err := d.handle.LinkByIndex(d.index)
	var gone netlink.LinkNotFoundError
	if errors.As(err, &gone) || errors.Is(err, unix.ENODEV) {
		return nil, fmt.Errorf("%s: %w", d.name, ErrGone)
	}
	if err != nil {
		return nil, fmt.Errorf("read state of %s: %w", d.name, err)
	}
	return l.Attrs(), nil
}

// Follow watches the device until Close. When it is not any more what was opened — gone, or with
// another name, address or MTU — stop is called once with the reason. The thread must be in the
// device's namespace. It is called once at most.
func (d *Device) Follow(log *slog.Logger, stop func(error)) (err error) {
	d.watcher, err = Watch(d.index, func() (stopped bool) { return d.look(log, stop) })
	return err
}

// look compares the device with what was opened and reports whether it had to stop the port.
func (d *Device) look(log *slog.Logger, stop func(error)) (stopped bool) {
	a, err := d.attrs()
	if err == nil {
		err = d.changed(a)
	} else if !errors.Is(err, ErrGone) {
		log.Warn("state of the device is unknown", "device", d.name, "error", err)
		return false
	}
	if err != nil {
		d.up.Store(false)
		stop(err)
		return true
	}
	if up := carrier(a); d.up.Swap(up) != up {
		log.Debug("link changed", "device", d.name, "up", up)
	}
	return false
}

// changed says what a port opened on the device as it was cannot go on with.
func (d *Device) changed(a *netlink.LinkAttrs) error {
	switch {
	case a.Name != d.name:
		return fmt.Errorf("device %s was renamed to %s", d.name, a.Name)
	case a.MTU != d.mtu:
		return fmt.Errorf("MTU of %s changed from %d to %d bytes", d.name, d.mtu, a.MTU)
	case a.HardwareAddr.String() != d.mac.String():
		return fmt.Errorf("address of %s changed from %v to %v", d.name, d.mac, a.HardwareAddr)
	}
	return nil
}

// Close ends Follow and waits for it. The device stays as it is.
func (d *Device) Close() {
	d.once.Do(func() {
		if d.watcher != nil {
			d.watcher.Close()
		}
		d.handle.Close()
	})
}
