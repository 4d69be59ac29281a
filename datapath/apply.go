package datapath

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/culvertdev/culvert/datapath/rules"
)

// Apply makes the switch what c says and changes only the difference: bridges and ports that c does
// not name go, new ones come, and a port whose driver or options differ is closed and opened anew. A
// bridge keeps its table only if c brings the same one. An error means that nothing was changed; ctx is
// looked at before anything is. A port whose device does not open is no error: it is tried again until
// it does, and PortStatus says why it is not open.
func (s *Switch) Apply(ctx context.Context, c Config) error {
	s.apply.Lock()
	defer s.apply.Unlock()
	if err := errors.Join(ctx.Err(), c.check(s)); err != nil {
		return err
	}
	s.mu.Lock()
	closed := s.closed // only Close sets it, which takes s.apply first
	s.mu.Unlock()
	if closed {
		return ErrClosed
	}
	want := make(map[string]BridgeConfig, len(c.Bridges))
	for _, b := range c.Bridges {
		want[b.Name] = b
	}
	for _, p := range s.leaving(want) {
		s.removePort(p)
	}
	s.mu.Lock()
	gone := s.changeBridges(want)
	for _, b := range c.Bridges {
		s.settlePorts(s.bridges[b.Name], b.Ports)
	}
	left := s.leftNowhere()
	s.mu.Unlock()
	s.Sync()
	for _, p := range left {
		s.removeNowhere(p)
	}
	for _, t := range gone {
		s.reval.Forget(t)
		s.takeBack(t)
	}
	return nil
}

// check reports everything that is wrong with c.
func (c Config) check(s *Switch) error {
	var errs []error
	bridges, ports := make(map[string]bool), make(map[string]bool)
	tables := make(map[rules.Table]string) // the bridge each belongs to
	for _, b := range c.Bridges {
		if b.Name == "" || bridges[b.Name] {
			errs = append(errs, fmt.Errorf("bridge %q: want a name that no other bridge has", b.Name))
		}
		bridges[b.Name] = true
		switch {
		case b.Table == nil:
			errs = append(errs, fmt.Errorf("bridge %s: a rule table is missing", b.Name))
		case !reflect.ValueOf(b.Table).Comparable():
			errs = append(errs, fmt.Errorf("bridge %s: rule table of type %T: want one that == can compare, such as a pointer", b.Name, b.Table))
		case tables[b.Table] != "":
			errs = append(errs, fmt.Errorf("bridge %s: its rule table is bridge %s's", b.Name, tables[b.Table]))
		default:
			tables[b.Table] = b.Name
		}
		numbers := make(map[uint32]string)
		for _, p := range b.Ports {
			if p.Name == "" || ports[p.Name] {
				errs = append(errs, fmt.Errorf("port %q: want a name that no other port has", p.Name))
			}
			ports[p.Name] = true
			if s.o.Drivers[p.Driver] == nil && !s.brought(b.Name, p) {
				errs = append(errs, fmt.Errorf("port %s: driver %q: want one of %v", p.Name, p.Driver, slices.Sorted(maps.Keys(s.o.Drivers))))
			}
			if err := p.Limits.check(); err != nil {
				errs = append(errs, fmt.Errorf("port %s: %w", p.Name, err))
			}
			if !validNumber(p.Number) {
				errs = append(errs, fmt.Errorf("port %s: number %d: want 1 to %d, or %d for the local port", p.Name, p.Number, maxPortNumber, localNumber))
			}
			if other, taken := numbers[p.Number]; taken && p.Number != 0 {
				errs = append(errs, fmt.Errorf("port %s: number %d is port %s's", p.Name, p.Number, other))
			}
			numbers[p.Number] = p.Name
		}
	}
	if len(ports) > maxPortID {
		errs = append(errs, fmt.Errorf("%d ports: want at most %d", len(ports), maxPortID))
	}
	return errors.Join(errs...)
}

// brought reports whether cfg is a port that AddDevice has added and that can stay as it is.
func (s *Switch) brought(bridgeName string, cfg PortConfig) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.portNamed(cfg.Name)
	return p != nil && p.cfg.opened && p.staysAs(bridgeName, cfg)
}

// leaving returns the ports that cannot stay as they are: not wanted, on another bridge, or opened in
// another way.
func (s *Switch) leaving(want map[string]BridgeConfig) []*port {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gone []*port
	for _, id := range slices.Sorted(maps.Keys(s.ports)) {
		p := s.ports[id]
		if !slices.ContainsFunc(want[p.bridge.name].Ports, func(c PortConfig) bool { return p.staysAs(p.bridge.name, c) }) {
			gone = append(gone, p)
		}
	}
	return gone
}

// staysAs reports whether p can become what c says for a bridge without being removed: the same device
// opened in the same way, with the same number if c asks for one.
func (p *port) staysAs(bridgeName string, c PortConfig) bool {
	o := &p.cfg
	return p.bridge.name == bridgeName && c.Name == o.Name && c.Driver == o.Driver &&
		maps.Equal(c.Options, o.Options) && maps.Equal(c.Pins, o.Pins) && (c.Number == 0 || c.Number == p.number)
}

// changeBridges adds, removes and gives tables to bridges, and returns the tables that are in use no
// more. Bridges that go have no ports. s.mu is held.
func (s *Switch) changeBridges(want map[string]BridgeConfig) (gone []rules.Table) {
	old := s.bridges
	s.bridges = make(map[string]*bridge, len(want))
	for name, b := range want {
		br := old[name]
		if br == nil || br.table != b.Table {
			was := br
			br = &bridge{name: name, table: b.Table}
			if was != nil {
				br.ports, br.nowhere = was.ports, was.nowhere
				br.nowhere.bridge = br
			} else {
				br.ports = make(map[uint32]*port)
				s.addNowhere(br)
			}
			for _, p := range br.ports {
				p.bridge = br
			}
			s.lend(br)
			br.tellPorts()
		}
		s.bridges[name] = br
	}
	s.publishTables()
	for _, br := range old {
		if !slices.Contains(s.tables.Load().all, br.table) {
			gone = append(gone, br.table)
		}
	}
	return gone
}

// settlePorts adds the ports a bridge lacks and updates the others. Ports with a number of their
// choice come first, so that none of them finds it taken. s.mu is held.
func (s *Switch) settlePorts(br *bridge, ports []PortConfig) {
	chosen := make(map[uint32]bool)
	for _, cfg := range ports {
		chosen[cfg.Number] = true
	}
	var later []PortConfig
	for _, cfg := range ports {
		switch p := s.portNamed(cfg.Name); {
		case p != nil:
			p.cfg.VLAN, p.cfg.Protected, p.cfg.Number = cfg.VLAN.Clone(), cfg.Protected, cfg.Number
			p.cfg.Multicast = cfg.Multicast
			if p.cfg.Limits != cfg.Limits {
				p.cfg.Limits = cfg.Limits
				s.limit(p)
			}
			if cfg.Number == 0 && chosen[p.number] {
				// The number it was given is one that another port asks for now.
				p.number = lowestFree(func(n uint32) bool { return chosen[n] || br.hasNumber(n) })
			}
		default:
			later = append(later, cfg)
		}
	}
	slices.SortStableFunc(later, func(a, b PortConfig) int { return cmp.Compare(min(b.Number, 1), min(a.Number, 1)) })
	for _, cfg := range later {
		go s.supervise(s.addPort(br, cfg))
	}
	br.tellPorts()
}
