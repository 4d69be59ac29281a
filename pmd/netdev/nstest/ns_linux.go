// Package nstest helps integration tests of ports that lead to kernel network devices: anonymous
// network namespaces, real traffic between their stacks, a switch of two ports. It needs root, and skips
// the test where it is not: see [NeedNamespaces].
package nstest

import (
	"runtime"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// An NS is an anonymous network namespace on a thread of its own. It goes, with all that is in it,
// when the test ends.
//
// Thread-safety: all methods are safe for concurrent use; functions run one at a time.
type NS struct {
	t     testing.TB
	calls chan func()
}

// New returns a namespace with the loopback device up.
func New(t testing.TB) *NS {
	t.Helper()
	NeedNamespaces(t)
	n := &NS{t: t, calls: make(chan func())}
	ready := make(chan error)
	var ended sync.WaitGroup
	ended.Go(func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine, and the namespace with it
		err := unix.Unshare(unix.CLONE_NEWNET)
		ready <- err
		if err != nil {
			return
		}
		for f := range n.calls {
			f()
		}
	})
	if err := <-ready; err != nil {
		t.Fatalf("new network namespace: %v", err)
	}
	t.Cleanup(func() { close(n.calls); ended.Wait() })
	n.Do(func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(lo)
	})
	return n
}

// Do runs f on the namespace's thread; an error ends the test. Sockets that f opens stay in the
// namespace wherever they are used.
func (n *NS) Do(f func() error) {
	n.t.Helper()
	if err := n.Try(f); err != nil {
		n.t.Fatal(err)
	}
}

// Try runs f on the namespace's thread and returns its error.
func (n *NS) Try(f func() error) error {
	done := make(chan error)
	n.calls <- func() { done <- f() }
	return <-done
}

// Set changes a device: with its address list, MTU unless 0, and up.
func (n *NS) Set(device string, mtu int, addresses ...string) {
	n.t.Helper()
	n.Do(func() error {
		l, err := netlink.LinkByName(device)
		if err != nil {
			return err
		}
		if mtu != 0 {
			if err := netlink.LinkSetMTU(l, mtu); err != nil {
				return err
			}
		}
		for _, a := range addresses {
			addr, err := netlink.ParseAddr(a)
			if err != nil {
				return err
			}
			addr.Flags = unix.IFA_F_NODAD // usable at once
			if err := netlink.AddrReplace(l, addr); err != nil {
				return err
			}
		}
		return netlink.LinkSetUp(l)
	})
}

// Send sends a packet out of a device as it is, from Ethernet header to end.
func (n *NS) Send(device string, packet []byte) {
	n.t.Helper()
	n.Do(func() error {
		l, err := netlink.LinkByName(device)
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, packet, 0, &unix.SockaddrLinklayer{Ifindex: l.Attrs().Index})
	})
}

// Veth creates a pair of veth devices with so many queues, one end here, the other in to, both up.
func (n *NS) Veth(here string, to *NS, there string, mtu, queues int) {
	n.t.Helper()
	var fd int
	to.Do(func() (err error) {
		fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		return err
	})
	defer unix.Close(fd)
	n.Do(func() error {
		return netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: here, MTU: mtu, NumTxQueues: queues, NumRxQueues: queues},
			PeerName:  there, PeerNamespace: netlink.NsFd(fd), PeerMTU: uint32(mtu),
			PeerNumTxQueues: uint32(queues), PeerNumRxQueues: uint32(queues),
		})
	})
	n.Set(here, 0)
	to.Set(there, 0)
}
