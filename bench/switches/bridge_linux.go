package switches

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/culvertdev/culvert/bench/machine"
)

// Bridge is the kernel's bridge between devices, with a VXLAN of the kernel's where there is a tunnel. It has no process: what it does
// is done in soft interrupts, which it is told to take on the scene's CPU (linux Documentation/networking/scaling.rst, RPS).
type Bridge struct{}

func (Bridge) Name() string { return "linux-bridge" }

// Missing makes a bridge, in a namespace that goes at once.
func (Bridge) Missing() error {
	if _, err := exec.LookPath("unshare"); err != nil {
		return fmt.Errorf("%w (package util-linux)", err)
	}
	if out, err := exec.Command("unshare", "--net", "ip", "link", "add", "br0", "type", "bridge").CombinedOutput(); err != nil {
		return fmt.Errorf("the kernel makes no bridge: %w: %s", err, out)
	}
	return nil
}

type runningBridge struct{ scene Scene }

func (Bridge) Start(_ context.Context, s Scene) (Running, error) {
	r := &runningBridge{s}
	if len(s.Ports) != 2 {
		return nil, fmt.Errorf("%d ports: the kernel's bridge has two here", len(s.Ports))
	}
	for _, p := range s.Ports {
		if p.Device == "" {
			return nil, errors.New("the kernel's bridge has devices alone")
		}
	}
	if err := s.Space.Do(r.make); err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	for _, p := range s.Ports {
		if err := r.steer(p.Device); err != nil {
			return nil, errors.Join(err, r.Stop())
		}
	}
	return r, nil
}

// make makes the bridge, in the calling thread's namespace, and its ports members of it. It drops everything until it is brought up.
func (r *runningBridge) make() error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = bridge
	b := &netlink.Bridge{LinkAttrs: attrs}
	if err := netlink.LinkAdd(b); err != nil {
		return fmt.Errorf("make a bridge: %w", err)
	}
	members := []string{r.scene.Ports[0].Device, r.scene.Ports[1].Device}
	if t := r.scene.Tunnel; t != nil {
		if err := r.wrap(t); err != nil {
			return err
		}
		members[1] = tunnel
	}
	for _, name := range members {
		l, err := netlink.LinkByName(name)
		if err == nil {
			err = netlink.LinkSetMaster(l, b)
		}
		if err != nil {
			return fmt.Errorf("make %s a member of the bridge: %w", name, err)
		}
	}
	return nil
}

// wrap makes the tunnel's device, and gives the second port the near end's address.
func (r *runningBridge) wrap(t *Tunnel) error {
	if t.Type != "vxlan" {
		return fmt.Errorf("the kernel's bridge has no %s here", t.Type)
	}
	l, err := netlink.LinkByName(r.scene.Ports[1].Device)
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(l, &netlink.Addr{IPNet: &net.IPNet{IP: t.Near.AsSlice(), Mask: net.CIDRMask(24, 32)}}); err != nil {
		return fmt.Errorf("address of the underlay: %w", err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = tunnel
	x := &netlink.Vxlan{LinkAttrs: attrs, VxlanId: int(t.Key), SrcAddr: t.Near.AsSlice(), Group: t.Far.AsSlice(), Port: 4789, Learning: true}
	if err := netlink.LinkAdd(x); err != nil {
		return fmt.Errorf("make the tunnel: %w", err)
	}
	return netlink.LinkSetUp(x)
}

// steer has the kernel handle what a device receives on the scene's CPU. The file is in the sysfs of the device's namespace, which is
// mounted nowhere yet.
func (r *runningBridge) steer(device string) error {
	script := fmt.Sprintf("mount -t sysfs none /sys && echo %x >/sys/class/net/%s/queues/rx-0/rps_cpus", 1<<r.scene.CPU, device)
	cmd := exec.Command("unshare", "--mount", "sh", "-c", script)
	if err := r.scene.Space.Start(cmd); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("have CPU %d handle what %s receives: %w", r.scene.CPU, device, err)
	}
	return nil
}

func (*runningBridge) Version() string { return machine.TakeFingerprint().Kernel }
func (*runningBridge) PID() int        { return 0 }

func (r *runningBridge) Config() []string {
	return []string{fmt.Sprintf("rps_cpus: %x on both ports", 1<<r.scene.CPU)}
}

// Forward brings the bridge up for NORMAL, and down for drop: there is nothing else that it can be told.
func (r *runningBridge) Forward(_ context.Context, rules []string) error {
	switch {
	case slices.Equal(rules, []string{"actions=NORMAL"}):
		return r.scene.Space.SetLink(bridge, true)
	case slices.Equal(rules, []string{"actions=drop"}):
		return r.scene.Space.SetLink(bridge, false)
	}
	return fmt.Errorf("the kernel's bridge has no rules such as %q", rules)
}

func (*runningBridge) Clear(context.Context) error { return nil }
func (*runningBridge) Account(context.Context) (Account, error) {
	return Account{Text: "the kernel does not say"}, nil
}

func (*runningBridge) Restart(context.Context) error {
	return errors.New("the kernel's bridge has no process to restart")
}

// Stop removes what Start has made. The ports stay.
func (r *runningBridge) Stop() error {
	return r.scene.Space.Do(func() error {
		var errs []error
		for _, name := range []string{tunnel, bridge} {
			l, err := netlink.LinkByName(name)
			if err == nil {
				errs = append(errs, netlink.LinkDel(l))
			} else if !errors.As(err, new(netlink.LinkNotFoundError)) {
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	})
}
