// Package learn is a look-up that nobody has to feed: what is for an unknown guest goes to all ends, and who
// answers shows where it is (RFC 7348 section 4.2).
package learn

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/ring/counter"
)

// Options of a plug-in.
type Options struct {
	// Flood are the ends that get what goes to all: every other host (head-end replication), or one IP
	// multicast group. Their keys do not count: a packet keeps the VNI it has.
	Flood []vtep.End
	Age   time.Duration // without a packet, after which a guest is forgotten; 0: 5 min
	Max   int           // addresses remembered; 0: 65,536
}

// A Plugin remembers behind which end addresses were seen.
//
// It is bounded: when it is full, the end with most addresses loses the one that was unused longest, so that
// a host that shows thousands of them loses its own and not those of others.
type Plugin struct {
	opt  Options
	sink vtep.Sink

	mu    sync.Mutex
	now   int64 // ns, of the last Tick
	seen  map[vtep.Question]*sight
	hosts map[netip.Addr]*host
	ranks ranking // of hosts

	moved, aged, crowded uint64
}

// A sight is where an address was seen. It is in the list of its host, in order of use.
type sight struct {
	q          vtep.Question
	a          vtep.Answer
	used       int64 // ns
	prev, next *sight
}

// A host is an end and a ring of what was seen behind it: next is what was used last.
type host struct {
	ring  sight
	count int
	at    int // its place in the ranking
}

// New returns a plug-in that has seen nothing.
func New(o Options) (*Plugin, error) {
	if o.Age == 0 {
		o.Age = 5 * time.Minute
	}
	if o.Max == 0 {
		o.Max = 65536
	}
	a := vtep.Answer{Ends: o.Flood}
	switch err := a.Check(vtep.ForFlood(0)); {
	case err != nil:
		return nil, fmt.Errorf("vtep learn: %w", err)
	case a.None():
		return nil, fmt.Errorf("vtep learn: without an end to flood to nobody will ever be found")
	case o.Age < 0 || o.Max < 0:
		return nil, fmt.Errorf("vtep learn: a bound is negative")
	}
	return &Plugin{opt: o, seen: make(map[vtep.Question]*sight), hosts: make(map[netip.Addr]*host)}, nil
}

// Groups implements vtep.Grouper.
func (p *Plugin) Groups() (list []netip.Addr) {
	for _, e := range p.opt.Flood {
		if e.Addr.IsMulticast() {
			list = append(list, e.Addr)
		}
	}
	return list
}

// Start implements vtep.Resolver.
func (p *Plugin) Start(s vtep.Sink) error { p.sink = s; return nil }

// Ask implements vtep.Resolver.
func (p *Plugin) Ask(q vtep.Question) error {
	p.sink.Answer(q, p.answer(q))
	return nil
}

func (p *Plugin) answer(q vtep.Question) (a vtep.Answer) {
	if q.Kind == vtep.Flood {
		a.Ends = slices.Clone(p.opt.Flood)
		for i := range a.Ends {
			a.Ends[i].Key = q.VNI
		}
		return a
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.seen[q]; s != nil {
		a = s.a
	}
	return a
}

// Learn implements vtep.Learner. What is known already costs no memory.
func (p *Plugin) Learn(g vtep.Guest) {
	q := vtep.ForMAC(g.VNI, g.MAC)
	if q.Kind != vtep.ByMAC || g.MAC == [6]byte{} || g.End.Addr.IsMulticast() {
		return
	}
	p.learn(q, g.End, [6]byte{})
	if g.IP.IsValid() && !g.IP.IsUnspecified() && !g.IP.IsMulticast() {
		p.learn(vtep.ForIP(g.VNI, g.IP), g.End, g.MAC)
	}
}

func (p *Plugin) learn(q vtep.Question, end vtep.End, mac [6]byte) {
	if a, changed := p.see(q, end, mac); changed {
		p.sink.Answer(q, a)
	}
}

// Tick implements vtep.Ager: guests without a packet for their age are forgotten.
func (p *Plugin) Tick(now int64) {
	for _, q := range p.expire(now) {
		p.sink.Invalidate(vtep.Scope{Question: q})
	}
}

func (p *Plugin) expire(now int64) (old []vtep.Question) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = max(p.now, now)
	for _, h := range p.hosts {
		for h.count > 0 && p.now-h.ring.prev.used >= int64(p.opt.Age) {
			old = append(old, h.ring.prev.q)
			p.aged++
			p.forget(h.ring.prev)
		}
	}
	return old
}

// Status implements vtep.Resolver.
func (p *Plugin) Status() vtep.Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	event := func(name, help string, n uint64) counter.Sample {
		return counter.Sample{Desc: counter.Desc{Name: name, Help: help, Kind: counter.Event}, Value: n}
	}
	return vtep.Status{
		Up:   true,
		Text: fmt.Sprintf("%d addresses learned behind %d ends, floods to %d", len(p.seen), len(p.hosts), len(p.opt.Flood)),
		Samples: []counter.Sample{
			event("vtep_learn_moved", "Guests seen behind another end than before.", p.moved),
			event("vtep_learn_aged", "Addresses forgotten since no packet came from them.", p.aged),
			event("vtep_learn_crowded", "Addresses forgotten to make room for others.", p.crowded),
		},
	}
}

// Close implements vtep.Resolver.
func (p *Plugin) Close() error { return nil }
