package daemon

import (
	"context"
	"maps"
	"net/netip"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/datapath/tunnel"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/underlay/kernel"
	"github.com/culvertdev/culvert/pmd"
)

// followers are the devices whose addresses and routes are taken from the kernel.
//
// Thread-safety: all methods may be called at the same time.
type followers struct {
	mu   sync.Mutex
	all  map[string]*following // by port
	ends []pmd.TunnelEnd       // of tunnels that the configuration has, without their addresses

	asked atomic.Pointer[map[string]*following] // all, for ask: whoever asks holds a lock that followers wait for
}

type following struct {
	*kernel.Follower
	device string
	stop   context.CancelFunc
	done   chan struct{}
	told   []pmd.TunnelEnd // what the port's device was told last
}

// ask has the kernel find a neighbour of a port.
func (f *followers) ask(port string, addr netip.Addr) {
	if all := f.asked.Load(); all != nil && (*all)[port] != nil {
		(*all)[port].Ask(addr)
	}
}

// join has the kernel join or leave a multicast group on a port.
func (f *followers) join(port string, group netip.Addr, join bool) {
	if all := f.asked.Load(); all != nil && (*all)[port] != nil {
		(*all)[port].Join(group, join)
	}
}

// publish has ask know all that there are. f.mu is held.
func (f *followers) publish() {
	all := maps.Clone(f.all)
	f.asked.Store(&all)
}

// settleFollowers makes the devices that are followed those that c says.
func (d *Daemon) settleFollowers(c *config.Config) {
	want := make(map[string]string) // port -> device
	var ends []pmd.TunnelEnd
	for _, b := range c.Bridges {
		for _, p := range b.Ports {
			if p.Underlay != nil && p.Underlay.Kernel {
				want[p.Name] = deviceOf(p)
			}
			ends = append(ends, endsOf(p)...)
		}
	}
	f := &d.followers
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ends = ends
	for port, one := range f.all {
		if want[port] != one.device {
			one.end()
			delete(f.all, port)
		}
	}
	for port, device := range want {
		if f.all[port] == nil {
			d.follow(port, device)
		}
	}
	f.publish()
}

// follow begins to follow a device. d.followers.mu is held.
func (d *Daemon) follow(port, device string) {
	follower, err := kernel.New(d.stack, port, device, d.log)
	if err != nil {
		d.log.Warn("the kernel's addresses are not followed", "port", port, "error", err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	one := &following{Follower: follower, device: device, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(one.done)
		follower.Run(ctx)
	}()
	d.followers.all[port] = one
}

// end ends following a device. It waits: nothing is told of it any more.
func (f *following) end() {
	f.stop()
	<-f.done
}

// endFollowers ends following all devices.
func (d *Daemon) endFollowers() {
	d.followers.mu.Lock()
	defer d.followers.mu.Unlock()
	for port, one := range d.followers.all {
		one.end()
		delete(d.followers.all, port)
	}
}

// shareDevices tells devices that are shared with the kernel which packets are those of tunnels, if that has changed.
func (d *Daemon) shareDevices() {
	own := make(map[string][]netip.Addr)
	for _, f := range d.stack.Show().Interfaces {
		for _, p := range f.Addresses {
			if f.Kernel {
				own[f.Port] = append(own[f.Port], p.Addr())
			}
		}
		if f.Kernel {
			own[f.Port] = append(own[f.Port], f.Groups...)
		}
	}
	d.followers.mu.Lock()
	defer d.followers.mu.Unlock()
	for port, one := range d.followers.all {
		ends := []pmd.TunnelEnd{}
		for _, a := range own[port] {
			for _, e := range d.followers.ends {
				e.Addr = a
				ends = append(ends, e)
			}
		}
		if reflect.DeepEqual(ends, one.told) {
			continue
		}
		if err := d.sw.Share(port, ends); err != nil {
			d.log.Warn("the host gets packets of tunnels", "error", err)
			continue
		}
		one.told = ends
	}
}

// deviceOf returns the network device of a port.
func deviceOf(p config.Port) string {
	if device := p.Options["device"]; device != "" {
		return device
	}
	return p.Name
}

// endsOf returns what packets of a tunnel port are told by, beside their address; none of another port, nor of a tunnel
// that does not open.
func endsOf(p config.Port) []pmd.TunnelEnd {
	typ, err := encap.ParseType(p.Type)
	if err != nil {
		return nil
	}
	c, err := tunnel.Parse(typ, p.Options)
	if err != nil {
		return nil
	}
	return []pmd.TunnelEnd{{Proto: typ.Proto(), Port: c.DstPort}}
}
