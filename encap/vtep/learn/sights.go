package learn

import (
	"github.com/culvertdev/culvert/encap/vtep"
)

// see notes where an address was seen and reports whether that is new.
func (p *Plugin) see(q vtep.Question, end vtep.End, mac [6]byte) (a vtep.Answer, changed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.seen[q]
	if s != nil && s.a.Ends[0] == end && s.a.MAC == mac {
		s.used = p.now
		p.first(s)
		return s.a, false
	}
	a = vtep.Answer{Ends: []vtep.End{end}, MAC: mac}
	if a.Check(q) != nil {
		return a, false
	}
	if s != nil {
		p.moved++
		p.forget(s)
	}
	if len(p.seen) >= p.opt.Max {
		p.crowded++
		p.forget(p.ranks[0].ring.prev)
	}
	s = &sight{q: q, a: a, used: p.now}
	p.seen[q] = s
	p.insert(s)
	return a, true
}

// insert puts s in front of the ring of its host.
func (p *Plugin) insert(s *sight) {
	at := s.a.Ends[0].Addr
	h := p.hosts[at]
	if h == nil {
		h = &host{}
		h.ring.prev, h.ring.next = &h.ring, &h.ring
		p.hosts[at] = h
		p.ranks.add(h)
	}
	s.prev, s.next = &h.ring, h.ring.next
	s.prev.next, s.next.prev = s, s
	h.count++
	p.ranks.settle(h)
}

// first moves s to the front of its ring.
func (p *Plugin) first(s *sight) {
	ring := &p.hosts[s.a.Ends[0].Addr].ring
	s.prev.next, s.next.prev = s.next, s.prev
	s.prev, s.next = ring, ring.next
	s.prev.next, s.next.prev = s, s
}

func (p *Plugin) forget(s *sight) {
	at := s.a.Ends[0].Addr
	h := p.hosts[at]
	s.prev.next, s.next.prev = s.next, s.prev
	if h.count--; h.count == 0 {
		delete(p.hosts, at)
		p.ranks.remove(h)
	} else {
		p.ranks.settle(h)
	}
	delete(p.seen, s.q)
}
