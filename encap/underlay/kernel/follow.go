// Package kernel keeps an underlay informed of what the host's kernel has for a device: addresses, routes, rules about
// marks, neighbours, and of what that depends on: which devices are up. It uses netlink, changes nothing but asks the kernel
// for neighbours and to listen to multicast groups, and never answers for the device itself.
//
// Sources: linux include/uapi/linux/rtnetlink.h, fib_rules.h and neighbour.h, rtnetlink(7), ip-rule(8).
package kernel

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"time"

	"github.com/culvertdev/culvert/encap/neighbour"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const (
	// settle is how long addresses, routes and rules are let come before all are read: a routing daemon changes many at once.
	settle = 20 * time.Millisecond
	// retry is the time until the next attempt when netlink fails, or the device is not there.
	retry = time.Second
	// questions is how many neighbours may wait to be asked for; the rest is asked for a second later.
	questions = 1024
)

// A Follower follows one device. New makes one.
//
// Thread-safety: Ask may be called from anywhere, Run once.
type Follower struct {
	stack  *underlay.Stack
	port   string
	device string
	log    *slog.Logger
	asked  chan netip.Addr

	ns     netns.NsHandle
	handle *netlink.Handle
	index  int // of the device whose neighbours are known; one made anew has another. 0: of none
	groups *memberships
}

// New returns a follower that tells stack about device as the kernel's part of a port. It is for the network namespace
// of the calling thread.
func New(stack *underlay.Stack, port, device string, log *slog.Logger) (*Follower, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ns, err := netns.Get()
	if err != nil {
		return nil, fmt.Errorf("follow device %s: network namespace: %w", device, err)
	}
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		ns.Close()
		return nil, fmt.Errorf("follow device %s: open netlink: %w", device, err)
	}
	groups, err := newMemberships()
	if err != nil {
		ns.Close()
		h.Close()
		return nil, fmt.Errorf("follow device %s: %w", device, err)
	}
	return &Follower{groups: groups, stack: stack, port: port, device: device, log: log.With("port", port, "device", device),
		asked: make(chan netip.Addr, questions), ns: ns, handle: h}, nil
}

// Ask has the kernel find a neighbour, or see whether it is still there. It does not block; it is for
// underlay.Options.AskKernel.
func (f *Follower) Ask(addr netip.Addr) {
	select {
	case f.asked <- addr:
	default: // the stack asks again
	}
}

// Join has the kernel join a multicast group on the device, or leave it. It does not block; it is for
// underlay.Options.JoinKernel.
func (f *Follower) Join(group netip.Addr, join bool) { f.groups.set(group, join) }

// Run follows the device until ctx ends. Then the follower is of no use any more.
func (f *Follower) Run(ctx context.Context) {
	defer f.ns.Close()
	defer f.handle.Close()
	defer f.groups.close()
	defer f.stack.SetKernel(f.port, underlay.KernelState{})
	for ctx.Err() == nil {
		if err := f.follow(ctx); err != nil && ctx.Err() == nil {
			f.log.Warn("the kernel's addresses and routes are not followed", "error", err, "again_in", retry)
		}
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
	}
}

// news are the kernel's messages.
type news struct {
	addresses  chan netlink.AddrUpdate
	routes     chan netlink.RouteUpdate
	neighbours chan netlink.NeighUpdate
	others     <-chan struct{} // about rules, and devices that go up or down
	failed     chan error
}

// follow follows the device until something fails or ctx ends.
func (f *Follower) follow(ctx context.Context) error {
	done := make(chan struct{})
	n, err := f.subscribe(done)
	defer n.drain(done)
	if err != nil {
		return err
	}
	f.index = 0
	if err := f.read(); err != nil {
		return err
	}
	f.settleGroups()
	return f.listen(ctx, n)
}

// settleGroups has the kernel listen to the groups that it is to listen to.
func (f *Follower) settleGroups() {
	for _, err := range f.groups.settle(f.index) {
		f.log.Warn("the kernel does not listen to a multicast group as it should", "error", err)
	}
}

// listen takes in messages as they come.
func (f *Follower) listen(ctx context.Context, n *news) error {
	var due <-chan time.Time // when addresses and routes are to be read again
	later := func() {
		if due == nil {
			due = time.After(settle)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-n.failed:
			return fmt.Errorf("hear from the kernel: %w", err)
		case _, ok := <-n.addresses:
			if !ok {
				return errEnded
			}
			later()
		case _, ok := <-n.routes:
			if !ok {
				return errEnded
			}
			later()
		case _, ok := <-n.others:
			if !ok {
				return errEnded
			}
			later()
		case <-due:
			due = nil
			if err := f.read(); err != nil {
				return err
			}
		case u, ok := <-n.neighbours:
			if !ok {
				return errEnded
			}
			if u.LinkIndex == f.index {
				f.tell(&u.Neigh, u.Type == unix.RTM_DELNEIGH)
			}
		case addr := <-f.asked:
			f.ask(addr)
		case <-f.groups.news:
			f.settleGroups()
		}
	}
}

// ask has the kernel look for a neighbour, as if it had a packet for it (NTF_USE).
func (f *Follower) ask(addr netip.Addr) {
	err := f.handle.NeighSet(&netlink.Neigh{
		LinkIndex: f.index, IP: addr.AsSlice(), State: netlink.NUD_NONE, Flags: netlink.NTF_USE,
	})
	if err != nil {
		f.log.Debug("ask the kernel for a neighbour", "address", addr, "error", err)
	}
}

// tell tells the stack what the kernel knows of a neighbour.
func (f *Follower) tell(n *netlink.Neigh, gone bool) {
	addr, ok := netip.AddrFromSlice(n.IP)
	if addr = addr.Unmap(); !ok || addr.IsMulticast() {
		return
	}
	const known = netlink.NUD_REACHABLE | netlink.NUD_STALE | netlink.NUD_DELAY | netlink.NUD_PROBE | netlink.NUD_PERMANENT
	state, mac := neighbour.Unknown, [6]byte{}
	switch {
	case gone:
	case n.State&known != 0 && len(n.HardwareAddr) == 6:
		state, mac = neighbour.Told, [6]byte(n.HardwareAddr)
	case n.State&netlink.NUD_INCOMPLETE != 0:
		state = neighbour.Asked
	case n.State&netlink.NUD_FAILED != 0:
		state = neighbour.Failed
	}
	f.stack.SetNeighbour(f.port, addr, state, mac)
}
