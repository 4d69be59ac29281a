package tunnel

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/pmd"
)

// A Set is the tunnel ports of a switch, and what they share.
//
// Thread-safety: all methods are safe for concurrent use.
type Set struct {
	router Router

	dispatches sync.Pool // of *dispatch

	mu       sync.RWMutex
	ports    map[string]*Port
	together Together // those of ports
	profiles map[string]*Profile
	changed  func() // nil: nobody wants to know
}

// NewSet returns a set without ports whose packets go the ways of a router.
func NewSet(r Router) *Set {
	s := &Set{router: r, ports: make(map[string]*Port)}
	s.dispatches.New = func() any { return new(dispatch) }
	return s
}

// Watch has changed called when ports have opened or closed. It must not block. It is to be called before the first
// port opens.
func (s *Set) Watch(changed func()) { s.changed = changed }

// tell says that ports have opened or closed.
func (s *Set) tell() {
	if s.changed != nil {
		s.changed()
	}
}

// Driver returns what opens ports of type t.
func (s *Set) Driver(t encap.Type) pmd.Driver { return &driver{set: s, typ: t} }

// Ports returns the open ports by name.
func (s *Set) Ports() []*Port {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*Port, 0, len(s.ports))
	for _, p := range s.ports {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *Port) int { return cmp.Compare(a.name, b.name) })
	return list
}

type driver struct {
	set *Set
	typ encap.Type
}

// Open implements pmd.Driver. A tunnel that cannot be open with the others does not open.
func (d *driver) Open(_ context.Context, name string, options map[string]string) (pmd.Port, error) {
	c, err := Parse(d.typ, options)
	if err != nil {
		return nil, err
	}
	p := &Port{set: d.set, name: name, config: c, done: make(chan struct{})}
	d.set.mu.Lock()
	defer d.set.mu.Unlock()
	if err := d.set.together.Add(name, c); err != nil {
		return nil, err
	}
	p.counter = d.set.freeCounter()
	d.set.ports[name] = p
	d.set.tell()
	return p, nil
}

// freeCounter returns a counter that no port numbers its packets by, or one of several ports' if there are too many: then
// numbers are left out. The lock is held.
func (s *Set) freeCounter() uint16 {
	var used [encap.NumCounters]bool
	for _, p := range s.ports {
		used[p.counter] = true
	}
	return uint16(max(0, slices.Index(used[:], false)))
}

// remove forgets a port.
func (s *Set) remove(p *Port) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ports[p.name] == p {
		delete(s.ports, p.name)
	}
	s.together.Remove(p.name, p.config)
	s.tell()
}
