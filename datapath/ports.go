package datapath

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/pmd"
)

// Limits on ports.
const (
	maxPortID     = 4095   // datapath ports are 1 to this
	maxPortNumber = 0xfeff // OpenFlow ports are 1 to this (OFPP_MAX of OpenFlow 1.0 is 0xff00)
	localNumber   = 0xfffe // or this one: OFPP_LOCAL, the bridge's own port
)

// Errors that callers may want to tell apart.
var (
	ErrClosed   = errors.New("the switch is closed")
	ErrNoPort   = errors.New("no such port")
	ErrNoBridge = errors.New("no such bridge")
	ErrExists   = errors.New("exists already")
)

// AddPort adds a port to a bridge. It fails, and changes nothing, when the device does not open.
func (s *Switch) AddPort(ctx context.Context, bridgeName string, cfg PortConfig) error {
	s.apply.Lock()
	defer s.apply.Unlock()
	if err := s.mayAdd(bridgeName, cfg); err != nil {
		return err
	}
	dev, err := s.openDevice(ctx, &cfg)
	if err != nil {
		return err
	}
	return s.addOpen(bridgeName, cfg, dev)
}

// AddDevice adds a port whose device the caller has opened, from the switch's pool. The switch owns
// the device from now on, and closes it when it returns an error, too. A device that stops is not
// opened anew; cfg.Driver is only a name.
func (s *Switch) AddDevice(bridgeName string, cfg PortConfig, dev pmd.Port) error {
	s.apply.Lock()
	defer s.apply.Unlock()
	if err := s.mayAdd(bridgeName, cfg); err != nil {
		return errors.Join(err, dev.Close())
	}
	cfg.opened = true
	return s.addOpen(bridgeName, cfg, dev)
}

func (s *Switch) mayAdd(bridgeName string, cfg PortConfig) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.admit(bridgeName, cfg)
}

// addOpen adds a port that was admitted with its device.
func (s *Switch) addOpen(bridgeName string, cfg PortConfig, dev pmd.Port) error {
	s.mu.Lock()
	p := s.addPort(s.bridges[bridgeName], cfg)
	err := s.attach(p, dev)
	p.bridge.tellPorts()
	s.mu.Unlock()
	if err != nil {
		close(p.exited) // it was never supervised
		s.removePort(p)
		return errors.Join(fmt.Errorf("port %s: %w", cfg.Name, err), dev.Close())
	}
	go s.supervise(p)
	s.o.Log.Info("port added", "port", cfg.Name, "id", p.id, "number", p.number, "bridge", bridgeName)
	s.Sync()
	return nil
}

// DelPort removes a port. No packet is sent to it or taken from it any more when DelPort returns.
func (s *Switch) DelPort(name string) error {
	s.apply.Lock()
	defer s.apply.Unlock()
	s.mu.Lock()
	p := s.portNamed(name)
	s.mu.Unlock()
	if p == nil {
		return fmt.Errorf("port %s: %w", name, ErrNoPort)
	}
	s.removePort(p)
	s.o.Log.Info("port removed", "port", name, "bridge", p.bridge.name)
	return nil
}

// SetPortFlags changes what a port does not take part in, until it is removed: the bits in set come, those
// in clear go. When it returns, no packet is handled as before.
func (s *Switch) SetPortFlags(name string, set, clear rules.PortFlags) error {
	s.apply.Lock()
	defer s.apply.Unlock()
	s.mu.Lock()
	p := s.portNamed(name)
	if p == nil {
		s.mu.Unlock()
		return fmt.Errorf("port %s: %w", name, ErrNoPort)
	}
	p.flags = p.flags&^clear | set
	p.bridge.tellPorts()
	s.mu.Unlock()
	s.Sync()
	return nil
}

// admit reports why a port cannot be added. s.mu is held.
func (s *Switch) admit(bridgeName string, cfg PortConfig) error {
	br := s.bridges[bridgeName]
	switch {
	case s.closed:
		return ErrClosed
	case br == nil:
		return fmt.Errorf("bridge %s: %w", bridgeName, ErrNoBridge)
	case cfg.Name == "":
		return errors.New("port: a name is missing")
	case s.portNamed(cfg.Name) != nil:
		return fmt.Errorf("port %s: %w", cfg.Name, ErrExists)
	case !validNumber(cfg.Number):
		return fmt.Errorf("port %s: number %d: want 1 to %d, or %d for the local port", cfg.Name, cfg.Number, maxPortNumber, localNumber)
	case len(s.ports) == maxPortID:
		return fmt.Errorf("port %s: the switch has %d ports, the most it takes", cfg.Name, maxPortID)
	}
	if err := cfg.Limits.check(); err != nil {
		return fmt.Errorf("port %s: %w", cfg.Name, err)
	}
	for _, p := range br.ports {
		if cfg.Number != 0 && p.number == cfg.Number {
			return fmt.Errorf("port %s: number %d is port %s's", cfg.Name, cfg.Number, p.cfg.Name)
		}
	}
	return nil
}

// addPort adds a port that was admitted. The caller starts its supervisor. s.mu is held.
func (s *Switch) addPort(br *bridge, cfg PortConfig) *port {
	id := lowestFree(func(n uint32) bool { return s.ports[n] != nil })
	number := cfg.Number
	if number == 0 {
		number = lowestFree(func(n uint32) bool { return br.hasNumber(n) })
	}
	p := s.newPort(id, br, number, cfg)
	s.ports[id] = p
	br.ports[id] = p
	s.setQueues()
	br.tellPorts()
	s.publishTables()
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// removePort takes a port out of the switch. s.apply is held, s.mu is not.
func (s *Switch) removePort(p *port) {
	// 1. No rule sends to it any more.
	s.mu.Lock()
	delete(p.bridge.ports, p.id)
	p.bridge.tellPorts()
	s.mu.Unlock()
	s.Sync()
	// 2. The device goes, and with it new packets.
	p.cancel()
	<-p.exited
	// 3. Packets on their way to and from the slow path come home; they find the port gone.
	s.drain(p)
	// 4. Its cached flows go, and the number is free.
	s.mu.Lock()
	delete(s.ports, p.id)
	s.slow.Locked(func() { s.flows.ForgetPort(p.id) })
	s.setQueues()
	s.publishTables()
	s.mu.Unlock()
	s.Sync()
}

// publishTables tells the slow path which table decides for which port. s.mu is held.
func (s *Switch) publishTables() {
	t := &tables{}
	for _, name := range slices.Sorted(maps.Keys(s.bridges)) {
		t.all = append(t.all, s.bridges[name].table)
	}
	for id, p := range s.ports {
		for int(id) >= len(t.byPort) {
			t.byPort = append(t.byPort, nil)
		}
		t.byPort[id] = p.bridge.table
	}
	for _, br := range s.bridges {
		for int(br.nowhere.id) >= len(t.byPort) {
			t.byPort = append(t.byPort, nil)
		}
		t.byPort[br.nowhere.id] = br.table
	}
	s.publishOptions(t)
	s.tables.Store(t)
}

// tellPorts gives a table that wants to know them the bridge's ports, in order of their numbers.
func (b *bridge) tellPorts() {
	u, ok := rules.As[rules.PortUser](b.table)
	if !ok {
		return
	}
	var ports []rules.Port
	for _, p := range b.ports {
		ports = append(ports, rules.Port{
			ID: p.id, Number: p.number, Name: p.cfg.Name, Up: p.dev != nil && p.linkUp && p.flags&rules.PortDown == 0,
			Flags: p.flags, VLAN: p.cfg.VLAN, Protected: p.cfg.Protected, Multicast: p.cfg.Multicast, MTU: p.mtu(), MAC: p.mac(),
			Tunnel: p.tunnel(),
		})
	}
	slices.SortFunc(ports, func(x, y rules.Port) int { return int(x.Number) - int(y.Number) })
	u.SetPorts(ports)
}

// mtu returns the bytes of the largest layer-3 packet that the port's device takes, 0 if that is not known.
func (p *port) mtu() int {
	if p.dev == nil {
		return 0
	}
	return p.dev.Info().MTU
}

// mac returns the address of the port's device, zero if it has none.
func (p *port) mac() (mac [6]byte) {
	if p.dev != nil {
		copy(mac[:], p.dev.Info().MAC)
	}
	return mac
}

// tunnel returns what packets for the port leave by, nil if that is its device.
func (p *port) tunnel() rules.Tunnel {
	t, _ := p.dev.(rules.Tunnel)
	return t
}

// validNumber reports whether a port may have the OpenFlow number n; 0 leaves the choice to the switch.
func validNumber(n uint32) bool { return n <= maxPortNumber || n == localNumber }

func (b *bridge) hasNumber(n uint32) bool {
	for _, p := range b.ports {
		if p.number == n {
			return true
		}
	}
	return false
}

// portNamed returns the port of that name or nil. s.mu is held.
func (s *Switch) portNamed(name string) *port {
	for _, p := range s.ports {
		if p.cfg.Name == name {
			return p
		}
	}
	return nil
}

// lowestFree returns the lowest number from 1 that is not taken.
func lowestFree(taken func(uint32) bool) uint32 {
	n := uint32(1)
	for taken(n) {
		n++
	}
	return n
}
