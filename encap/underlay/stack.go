// Package underlay is what tunnels stand on: the addresses that ports of the switch have in the physical network,
// who is next on the way to a tunnel's other end, and what every host says for its addresses: ARP, neighbour
// discovery, ICMP errors. Ping is answered by the workers themselves (package datapath/rules/underlay).
//
// It listens to the multicast groups of tunnels, and tells routers so (IGMPv3, MLDv2).
//
// It is a state machine: its owner brings packets and the time and sends what it wants to be sent. It opens nothing
// and starts nothing. It does not forward packets, fragment or reassemble, take part in routing protocols, or hear
// router advertisements.
//
// Packets from the wire are untrusted. They cost bounded time and no memory: neighbours enter the table when somebody
// wants to send to them, not because they say so.
//
// Sources: RFC 826 (ARP), RFC 4861 (neighbour discovery), RFC 5227 (addresses that somebody else has), RFC 792 and 4443
// (ICMP), RFC 3376 (IGMPv3) and RFC 3810 (MLDv2).
package underlay

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"sync"

	"github.com/culvertdev/culvert/encap/icmp"
	"github.com/culvertdev/culvert/encap/neighbour"
)

// Options are the settings of a stack that are not its configuration. Zero values mean the defaults.
type Options struct {
	// Clock returns the time in ns, never back.
	Clock func() int64
	// Seed keys the hash of tags; 0: a random one.
	Seed uint64
	// AskKernel, unless nil, has the host's kernel find a neighbour of an interface that is the kernel's. It must not
	// block and not call the stack.
	AskKernel func(port string, addr netip.Addr)
	// JoinKernel, unless nil, has the host's kernel join or leave a multicast group on an interface that is the kernel's. As
	// AskKernel.
	JoinKernel func(port string, group netip.Addr, join bool)
	// Duplicate, unless nil, hears that another host, mac, has one of the addresses. It must not call the stack.
	Duplicate func(port string, addr netip.Addr, mac [6]byte)
}

// A Port is a port of the switch as the stack knows it.
type Port struct {
	ID  uint32 // datapath port
	MAC [6]byte
	MTU int  // bytes of the largest IP packet that it takes; 0: not known
	Up  bool // it is there and has a carrier
	// Send sends a packet without a tag out of the port, with a tag if vlan is not 0, and reports whether it is on its
	// way. It keeps nothing of the packet and must not call the stack.
	Send func(vlan uint16, pkt []byte) bool
}

// A Stack is the underlay of one switch. New makes one.
//
// Thread-safety: all methods may be called at the same time.
type Stack struct {
	o          Options
	neighbours *neighbour.Table
	errors     icmp.Limit
	tally      tally
	log        changeLog

	mu     sync.Mutex
	config Config
	ports  map[string]Port
	kernel map[string]KernelState // by port
	ifaces []iface                // as the configuration has them
	byPort map[uint32]*iface      // those whose port is there
	fib    fib
	aged   []neighbour.Aged // Tick's
	wanted []netip.Addr     // groups that SetGroups has said
	// What has come of these, by interface and group.
	listenings []listening

	watchers []func(tags uint64)
}

// New returns a stack without interfaces.
func New(o Options) *Stack {
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	s := &Stack{o: o, neighbours: neighbour.New(neighbourOptions()), ports: make(map[string]Port), kernel: make(map[string]KernelState)}
	s.rebuild()
	return s
}

// Watch has told called, with the tags of what has changed, after each change of a way: a route, a neighbour, a port.
// It is called by whoever caused the change, outside the stack's locks.
func (s *Stack) Watch(told func(tags uint64)) {
	s.mu.Lock()
	s.watchers = append(s.watchers, told)
	s.mu.Unlock()
}

// tell tells those who watch of what has changed since the last call. The caller holds no lock.
func (s *Stack) tell() {
	tags := s.log.news()
	if tags == 0 {
		return
	}
	s.mu.Lock()
	watchers := s.watchers
	s.mu.Unlock()
	for _, told := range watchers {
		told(tags)
	}
}

// SetConfig makes c the configuration. Neighbours that are known stay as long as their interface keeps its addresses.
// On an error, which says all that is wrong, nothing changes.
func (s *Stack) SetConfig(c Config) error {
	var errs []error
	for _, e := range c.Check() {
		errs = append(errs, e)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	s.mu.Lock()
	if !reflect.DeepEqual(s.config, c) {
		old := s.config
		s.config = Config{slices.Clone(c.Interfaces)}
		s.renumber(old)
		s.rebuild()
		s.fix()
	}
	s.mu.Unlock()
	s.tell()
	return nil
}

// fix gives the neighbours that are configured their addresses. The lock is held.
func (s *Stack) fix() {
	list := make(map[neighbour.Host][6]byte)
	for i := range s.ifaces {
		f := &s.ifaces[i]
		for _, n := range f.Neighbours {
			list[f.host(n.Address)] = n.Ethernet
		}
	}
	for _, h := range s.neighbours.Fix(list, false) {
		s.log.changed(s.hostTag(h))
	}
}

// renumber keeps the neighbours of interfaces that are what they were, wherever they stand now. The lock is held.
func (s *Stack) renumber(old Config) {
	moved := make(map[uint16]uint16)
	for i := range old.Interfaces {
		for j := range s.config.Interfaces {
			if old.Interfaces[i].onSameLink(&s.config.Interfaces[j]) {
				moved[uint16(i)] = uint16(j)
			}
		}
	}
	s.neighbours.Relink(moved)
	s.relink(moved)
}

// onSameLink reports whether two interfaces have the same neighbours.
func (f *Interface) onSameLink(o *Interface) bool {
	return f.Port == o.Port && f.VLAN == o.VLAN && f.Kernel == o.Kernel && f.Ethernet == o.Ethernet && slices.Equal(f.Addresses, o.Addresses)
}

// SetPort says what is known of a port; ok is false when it is gone. A port without an interface may be told, too.
func (s *Stack) SetPort(name string, p Port, ok bool) {
	s.mu.Lock()
	old, was := s.ports[name]
	if ok {
		s.ports[name] = p
	} else {
		delete(s.ports, name)
	}
	if was != ok || old.ID != p.ID || old.MAC != p.MAC || old.MTU != p.MTU || old.Up != p.Up {
		s.rebuild()
	}
	s.mu.Unlock()
	s.tell()
}

// Tick lets time pass: neighbours in use are asked again, those that do not answer are given up, new addresses
// announced. Call it every 50 ms or so.
func (s *Stack) Tick() {
	s.mu.Lock()
	now := s.o.Clock()
	s.wantRouters(now)
	s.aged = s.neighbours.Age(now, s.aged[:0])
	for _, a := range s.aged {
		if a.Changed {
			s.log.changed(s.hostTag(a.Host))
		}
		if a.Ask {
			s.ask(a.Host, a.To)
		}
	}
	s.announce(now)
	s.reportDue(now)
	s.mu.Unlock()
	s.tell()
}

// wantRouters keeps the routers of all routes in use, so that it is known which of several answers before packets
// depend on it. The lock is held.
func (s *Stack) wantRouters(now int64) {
	for _, h := range s.fib.routers {
		if f := &s.ifaces[h.Link]; f.up() && s.neighbours.Want(h, nil, now) {
			s.ask(h, [6]byte{})
		}
	}
}
