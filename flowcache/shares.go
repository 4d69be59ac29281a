package flowcache

import (
	"slices"
	"sync/atomic"
)

// Limits bound what one port may have in the cache. The zero value bounds nothing but by what ports share.
type Limits struct {
	Masks int // most masks, besides the connection and the exact one; 0: Options.MasksPerPort
	Flows int // most flows; 0: as many as the other ports leave
}

// PortUse is what a port has in the cache.
type PortUse struct {
	Flows      int    // cached
	Guaranteed int    // that the port can have whatever others do
	Masks      int    // that its packets are looked up under
	MaskLimit  int    // most of these, the connection and the exact one left out
	Narrowed   uint64 // flows that went under a more specific mask than they asked for
	Refused    uint64 // flows that were not cached because the port had its share
	Deferred   uint64 // flows that were not cached because the port was short of room and this was their first packet
	Lookups    uint64 // packets looked up
	Probes     uint64 // masks they were looked up under
}

// shares divide the capacity among ports. Half of it is guaranteed, in equal parts, to the ports that SetPort has
// named; the rest, and what others have not used of their part, is lent to whoever comes first, so long as what is
// still owed to others stays free. A port under its part therefore always finds room, and one port alone may
// have nearly everything.
//
// A lender does not wait: what is lent comes back by removal. Flows of a port that has borrowed go after a short
// time without traffic when little is left to lend: see Megaflow.Pressed.
type shares struct {
	of         []share // by port
	named      []uint32
	capacity   int
	guaranteed atomic.Int64 // to each named port; everybody may read it
	owed       int          // what named ports have not used of that, all together
	used       int          // slots that hold a flow, or had one that a worker may still use
}

// A share is one port's. The writer writes it, everybody may read it.
type share struct {
	flows    atomic.Uint32
	limit    atomic.Uint32 // most flows; 0: none
	masks    atomic.Uint32 // most masks; 0: the default
	named    atomic.Bool
	narrowed atomic.Uint64
	refused  atomic.Uint64
	deferred atomic.Uint64
	latest   maskID // of the latest flow, while the port lists it: the writer's alone, as the next
	scarce   int64  // ns: until then the port counts as short of room
}

// SetPort names a port, which has its part of the cache guaranteed from then on, or changes its limits.
// Masks and flows beyond a limit that is lowered stay until they go by themselves. Error: ErrPort.
func (m *Megaflow) SetPort(port uint32, l Limits) error {
	if port >= maxPorts {
		return ErrPort
	}
	s := &m.shares
	p := &s.of[port]
	p.limit.Store(uint32(max(l.Flows, 0)))
	p.masks.Store(uint32(min(max(l.Masks, 0), MaxMasksPerPort)))
	if !p.named.Load() {
		p.named.Store(true)
		p.narrowed.Store(0)
		p.refused.Store(0)
		p.deferred.Store(0)
		s.named = append(s.named, port)
		s.divide()
	}
	return nil
}

// ForgetPort ends what SetPort began.
func (m *Megaflow) ForgetPort(port uint32) {
	s := &m.shares
	if port >= maxPorts || !s.of[port].named.Load() {
		return
	}
	p := &s.of[port]
	p.named.Store(false)
	p.limit.Store(0)
	p.masks.Store(0)
	s.named = slices.DeleteFunc(s.named, func(q uint32) bool { return q == port })
	s.divide()
}

// divide makes the parts anew, after a port came or went.
func (s *shares) divide() {
	part := 0
	if len(s.named) > 0 {
		part = s.capacity / 2 / len(s.named)
	}
	s.guaranteed.Store(int64(part))
	s.owed = 0
	for _, port := range s.named {
		s.owed += max(0, part-int(s.of[port].flows.Load()))
	}
}

// within reports whether the port may have a flow more.
func (s *shares) within(port uint32) bool {
	p := &s.of[port]
	switch limit := p.limit.Load(); {
	case limit != 0 && p.flows.Load() >= limit:
		return false
	case s.owes(p):
		return true
	}
	return s.used+s.owed < s.capacity
}

// owes reports whether the port has less than its part.
func (s *shares) owes(p *share) bool {
	return p.named.Load() && int64(p.flows.Load()) < s.guaranteed.Load()
}

// add counts a flow of the port.
func (s *shares) add(port uint32) {
	p := &s.of[port]
	if s.owes(p) {
		s.owed--
	}
	p.flows.Add(1)
}

// drop counts a flow of the port less.
func (s *shares) drop(port uint32) {
	p := &s.of[port]
	p.flows.Add(^uint32(0))
	if s.owes(p) {
		s.owed++
	}
}

// nearly reports whether n is more than three quarters of limit. Of 65,536 flows the last quarter takes 80 ms of
// 200,000 new flows a second: about as long as until the next walk over the cache.
func nearly(n, limit int) bool { return 4*n > 3*limit }

// Pressed reports whether a port's flows should go soon when nothing uses them: it has nearly as many as it
// may, or it has borrowed and nearly nothing is left to lend. A port within its part is never pressed by others.
func (m *Megaflow) Pressed(port uint32) bool {
	if port >= maxPorts {
		return false
	}
	s := &m.shares
	p := &s.of[port]
	return p.full() || s.tight() && (!p.named.Load() || int64(p.flows.Load()) > s.guaranteed.Load())
}

// Tight reports whether any port may be pressed.
func (m *Megaflow) Tight() bool {
	s := &m.shares
	if s.tight() {
		return true
	}
	return slices.ContainsFunc(s.named, func(port uint32) bool { return s.of[port].full() })
}

// full reports whether a port has nearly as many flows as its limit says.
func (p *share) full() bool {
	limit := p.limit.Load()
	return limit != 0 && nearly(int(p.flows.Load()), int(limit))
}

// tight reports whether nearly nothing is left to lend.
func (s *shares) tight() bool { return nearly(s.used, s.capacity-s.owed) }

// PortUse returns what a port has. Safe for any goroutine.
func (m *Megaflow) PortUse(port uint32) PortUse {
	if port >= maxPorts {
		return PortUse{}
	}
	p := &m.shares.of[port]
	u := PortUse{
		Flows: int(p.flows.Load()), Masks: m.Masks(port), MaskLimit: m.maskLimit(port),
		Narrowed: p.narrowed.Load(), Refused: p.refused.Load(), Deferred: p.deferred.Load(),
	}
	if p.named.Load() {
		u.Guaranteed = int(m.shares.guaranteed.Load())
	}
	u.Lookups, u.Probes = m.probes(port)
	return u
}

// maskLimit returns how many masks a port may have, besides the connection and the exact one.
func (m *Megaflow) maskLimit(port uint32) int {
	if n := m.shares.of[port].masks.Load(); n != 0 {
		return int(n)
	}
	return m.masksPerPort
}
