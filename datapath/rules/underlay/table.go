// Package underlay is a rule table around a bridge's own: it takes what is for the addresses that ports have in the
// physical network, and leaves all else to the table inside.
//
// Ping is answered by the packet itself, turned around by the workers, of whatever size and in however many fragments. ARP,
// neighbour discovery and what nobody takes go to the stack (package encap/underlay) as copies, by one cached flow
// each, at the rate that a port has for such copies. Packets of tunnels never get here: the workers took them out
// before anything was looked up.
//
// Answers that rest on the way to a tunnel's end carry the stack's tags, whichever bridge gave them. So the table is
// around every bridge's, and says of the stack's changes, too.
package underlay

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/counter"
)

var (
	_ rules.Wrapper    = (*Table)(nil)
	_ rules.PortUser   = (*Table)(nil)
	_ rules.SenderUser = (*Table)(nil)
	_ rules.Receiver   = (*Table)(nil)
	_ rules.Counter    = (*Table)(nil)
	_ rules.Settler    = (*Table)(nil)
)

// toStack is the id of copies for the stack. Tables that give out ids of their own begin with 1.
const toStack = 0

// A Table is a bridge's rule table with an underlay in front. New makes one.
//
// Thread-safety: all methods may be called at the same time.
type Table struct {
	inner    rules.Table
	stack    *underlay.Stack
	versions versions
	views    atomic.Pointer[map[uint32]*view] // by datapath port; those with an underlay

	refreshing sync.Mutex // one Refresh at a time

	mu     sync.Mutex
	ports  []rules.Port
	sender rules.Sender // nil: none
}

// A view is what look-ups know of a port's underlay. It does not change.
type view struct {
	// shared: the kernel has the port, too, and what is of no tunnel is its alone.
	shared bool
	mac    [6]byte
	vlan   uint16 // 0: none
	addrs  []addr
}

// New returns a table around inner, whose ports have what stack says. The caller has the table told when that changes:
// Refresh.
func New(inner rules.Table, stack *underlay.Stack) *Table {
	t := &Table{inner: inner, stack: stack}
	t.views.Store(&map[uint32]*view{})
	return t
}

// Unwrap implements rules.Wrapper.
func (t *Table) Unwrap() rules.Table { return t.inner }

// Credit implements rules.Table: what the underlay decides is credited to nobody.
func (t *Table) Credit(trail []uint64, packets, bytes uint64, lastUsed int64) {
	if len(trail) > 0 {
		t.inner.Credit(trail, packets, bytes, lastUsed)
	}
}

// SetPorts implements rules.PortUser.
func (t *Table) SetPorts(list []rules.Port) {
	t.mu.Lock()
	old := t.ports
	t.ports = list
	t.mu.Unlock()
	for _, p := range old {
		if !slices.ContainsFunc(list, func(o rules.Port) bool { return o.Name == p.Name }) {
			t.stack.SetPort(p.Name, underlay.Port{}, false)
		}
	}
	for _, p := range list {
		t.stack.SetPort(p.Name, underlay.Port{ID: p.ID, MAC: p.MAC, MTU: p.MTU, Up: p.Up, Send: t.sendBy(p.ID)}, true)
	}
	t.Refresh()
	if u, ok := rules.As[rules.PortUser](t.inner); ok {
		u.SetPorts(list)
	}
}

// Refresh takes over from the stack which addresses there are.
func (t *Table) Refresh() {
	t.refreshing.Lock()
	defer t.refreshing.Unlock()
	own, shared := t.stack.Own(), t.stack.Shared() // which have a lock of their own, under which the stack may send
	t.mu.Lock()
	defer t.mu.Unlock()
	views := make(map[uint32]*view)
	for _, p := range t.ports {
		if shared[p.Name] {
			views[p.ID] = &view{shared: true}
		}
	}
	for _, o := range own {
		if o.Kernel || !slices.ContainsFunc(t.ports, func(p rules.Port) bool { return p.ID == o.Port }) {
			continue
		}
		if views[o.Port] == nil {
			views[o.Port] = &view{mac: o.MAC, vlan: o.VLAN}
		}
		views[o.Port].addrs = append(views[o.Port].addrs, newAddr(o.Addr))
	}
	if !sameViews(*t.views.Load(), views) {
		t.views.Store(&views)
		t.versions.everything()
	}
}

func sameViews(a, b map[uint32]*view) bool {
	if len(a) != len(b) {
		return false
	}
	for port, v := range a {
		o := b[port]
		if o == nil || o.shared != v.shared || o.mac != v.mac || o.vlan != v.vlan || !slices.Equal(o.addrs, v.addrs) {
			return false
		}
	}
	return true
}

// SetSender implements rules.SenderUser.
func (t *Table) SetSender(s rules.Sender) {
	t.mu.Lock()
	t.sender = s
	t.mu.Unlock()
	if u, ok := rules.As[rules.SenderUser](t.inner); ok {
		u.SetSender(s)
	}
}

// sendBy returns what sends packets of the stack out of a port.
func (t *Table) sendBy(port uint32) func(vlan uint16, pkt []byte) bool {
	return func(vlan uint16, pkt []byte) bool {
		t.mu.Lock()
		s := t.sender
		t.mu.Unlock()
		if s == nil {
			return false
		}
		var program action.Program
		if vlan != 0 {
			program.PushVLAN(wire.TypeVLAN, vlan)
		}
		program.Output(port)
		return s.Inject(0, pkt, program.Words()) == nil
	}
}

// Receive implements rules.Receiver.
func (t *Table) Receive(id uint32, q *rules.Query) {
	if id == toStack {
		t.stack.Receive(inPort(q), q.Packet)
		return
	}
	if r, ok := rules.As[rules.Receiver](t.inner); ok {
		r.Receive(id, q)
	}
}

// Samples implements rules.Counter. The stack's counters are with the bridge that has its first port.
func (t *Table) Samples() (list []counter.Sample) {
	if c, ok := rules.As[rules.Counter](t.inner); ok {
		list = c.Samples()
	}
	t.mu.Lock()
	ports := t.ports
	t.mu.Unlock()
	first := t.stack.First()
	if slices.ContainsFunc(ports, func(p rules.Port) bool { return p.Name == first }) {
		list = append(list, t.stack.Samples()...)
	}
	return list
}
