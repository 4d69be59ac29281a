//go:build integration

package netdev_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/culvertdev/culvert/pmd/netdev"
	"github.com/culvertdev/culvert/pmd/netdev/nstest"
)

// newDevice opens a veth device in a namespace of its own; its other end is in there, too.
func newDevice(t *testing.T) (*nstest.NS, *netdev.Device) {
	t.Helper()
	n := nstest.New(t)
	n.Veth("dev0", n, "peer0", 1500, 1)
	var d *netdev.Device
	n.Do(func() (err error) { d, err = netdev.Open("dev0"); return err })
	t.Cleanup(func() { d.Close(); d.Close() })
	return n, d
}

// change does something to the device with that name.
func change(t *testing.T, n *nstest.NS, name string, do func(l netlink.Link) error) {
	t.Helper()
	n.Do(func() error {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		return do(l)
	})
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("did not happen: %s", what)
		}
	}
}

func TestADeviceThatIsNotThereIsAnErrorThatNamesIt(t *testing.T) {
	n := nstest.New(t)
	if err := n.Try(func() error { _, err := netdev.Open("nothere"); return err }); err == nil || !strings.Contains(err.Error(), "nothere") {
		t.Errorf("error %v, want one with the name", err)
	}
}

func TestSetChangesWhatItIsToldAndNothingElse(t *testing.T) {
	n, d := newDevice(t)
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 7}
	if err := d.Set(netdev.Setup{MTU: 1400, MAC: mac, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}}); err != nil {
		t.Fatal(err)
	}
	if d.MTU() != 1400 || d.MAC().String() != mac.String() {
		t.Errorf("MTU %d, address %v; want 1400, %v", d.MTU(), d.MAC(), mac)
	}
	if err := d.Set(netdev.Setup{}); err != nil || d.MTU() != 1400 || d.MAC().String() != mac.String() {
		t.Errorf("an empty Setup: %v, MTU %d, address %v", err, d.MTU(), d.MAC())
	}
	change(t, n, "dev0", func(l netlink.Link) error {
		addrs, err := netlink.AddrList(l, netlink.FAMILY_V4)
		if err == nil && (len(addrs) != 1 || addrs[0].IPNet.String() != "192.0.2.1/24") {
			err = fmt.Errorf("addresses %v, want 192.0.2.1/24", addrs)
		}
		return err
	})
	if err := d.Set(netdev.Setup{MTU: 1}); err == nil || !strings.Contains(err.Error(), "MTU") {
		t.Errorf("an MTU of 1 byte: error %v, want one that names it", err)
	}
}

func TestFollowSeesTheCarrierComeAndGo(t *testing.T) {
	n, d := newDevice(t)
	n.Do(func() error { return d.Follow(slog.New(slog.DiscardHandler), func(err error) { t.Error(err) }) })
	for range 3 {
		change(t, n, "peer0", netlink.LinkSetDown)
		eventually(t, "the carrier goes", func() bool { return !d.LinkUp() })
		change(t, n, "peer0", netlink.LinkSetUp)
		eventually(t, "the carrier comes", d.LinkUp)
	}
	before := d.Stats().RxPackets
	n.Send("peer0", make([]byte, 60))
	eventually(t, "the kernel counts a packet", func() bool { return d.Stats().RxPackets > before })
}

func TestFollowStopsOnceAndSaysWhy(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(l netlink.Link) error
		want string
	}{
		{"deleted", netlink.LinkDel, netdev.ErrGone.Error()},
		{"another MTU", func(l netlink.Link) error { return netlink.LinkSetMTU(l, 1400) }, "MTU of dev0 changed from 1500 to 1400"},
		{"another address", func(l netlink.Link) error {
			return netlink.LinkSetHardwareAddr(l, net.HardwareAddr{2, 0, 0, 0, 0, 9})
		}, "address of dev0 changed"},
		{"another name", func(l netlink.Link) error {
			return errors.Join(netlink.LinkSetDown(l), netlink.LinkSetName(l, "dev1"))
		}, "renamed to dev1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, d := newDevice(t)
			reasons := make(chan error, 10)
			n.Do(func() error {
				return d.Follow(slog.New(slog.DiscardHandler), func(err error) { reasons <- err })
			})
			change(t, n, "dev0", c.do)
			select {
			case err := <-reasons:
				if !strings.Contains(err.Error(), c.want) || d.LinkUp() {
					t.Errorf("stopped because %q, link up %v; want %q, false", err, d.LinkUp(), c.want)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("was not told")
			}
			// What comes after is nobody's business any more, and must not block anyone.
			change(t, n, "lo", netlink.LinkSetDown)
			change(t, n, "lo", netlink.LinkSetUp)
			d.Close()
			if len(reasons) != 0 {
				t.Errorf("told again: %v", <-reasons)
			}
		})
	}
}

func TestAWatcherLooksAtItsDeviceOnly(t *testing.T) {
	n, d := newDevice(t)
	var looks atomic.Int64
	var w *netdev.Watcher
	n.Do(func() (err error) {
		w, err = netdev.Watch(d.Index(), func() bool { looks.Add(1); return false })
		return err
	})
	defer w.Close()
	eventually(t, "the first look", func() bool { return looks.Load() > 0 })
	began, before := time.Now(), looks.Load()
	for i := range 100 {
		change(t, n, "lo", func(l netlink.Link) error { return netlink.LinkSetMTU(l, 1500+i) })
	}
	most := before + 1 + int64(time.Since(began)/time.Second)
	if got := looks.Load(); got > most+1 {
		t.Errorf("looked %d times while only another device changed, want %d at most", got-before, most+1-before)
	}
	before = looks.Load()
	change(t, n, "dev0", func(l netlink.Link) error { return netlink.LinkSetMTU(l, 1400) })
	eventually(t, "a look after a change", func() bool { return looks.Load() > before })
}

func TestClosingEndsEveryGoroutine(t *testing.T) {
	n := nstest.New(t)
	n.Veth("dev0", n, "peer0", 1500, 1)
	before := runtime.NumGoroutine()
	for range 20 {
		var d *netdev.Device
		n.Do(func() (err error) {
			if d, err = netdev.Open("dev0"); err != nil {
				return err
			}
			return d.Follow(slog.New(slog.DiscardHandler), func(err error) { t.Error(err) })
		})
		d.Close()
	}
	eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}
