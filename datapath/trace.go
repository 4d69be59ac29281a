package datapath

import (
	"errors"
	"fmt"
	"slices"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/upcall"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// maxTracePasses bounds how many look-ups one trace follows: a packet can be taken up again by several copies of it,
// each of which can be taken up again.
const maxTracePasses = 64

// A TraceQuery is a packet whose way through the switch is asked for.
type TraceQuery struct {
	Key    flow.Key // in_port is the datapath port it would come in by
	Packet []byte   // a packet with that key, on which the programs are carried out
	// Unseen: the packet only stands in for one that is not known. The rule table gets the key alone.
	Unseen bool
}

// A Trace is the way of a packet: its look-ups, in the order in which a worker does them.
type Trace struct {
	Passes []TracePass
	Cut    bool // there were more than a trace follows
}

// A TracePass is one look-up of a traced packet.
type TracePass struct {
	Look
	Steps   []TraceStep // what the rule table said it does
	Final   *flow.Key   // what it said the packet has become, in its own port numbers; nil: nothing
	Mask    flow.Mask   // bits consulted
	NoCache bool        // the verdict is for this packet only
	Program []uint64
	Err     error // why the table could not decide
	// EMC names the workers whose exact-match cache would answer; Megaflow is what the megaflow cache has for this
	// packet, nil if nothing. If neither has it, the slow path would answer.
	EMC      []int
	Megaflow *flow.Match
}

// A TraceStep is one line of what a rule table does: see rules.Tracer.
type TraceStep struct {
	Depth int
	Line  string
}

// A passTracer writes down what a table says. It is a rules.FlowTracer.
type passTracer struct{ p *TracePass }

// Step implements rules.Tracer.
func (t passTracer) Step(depth int, line string) {
	t.p.Steps = append(t.p.Steps, TraceStep{Depth: depth, Line: line})
}

// Final implements rules.FlowTracer.
func (t passTracer) Final(key *flow.Key) { t.p.Final = new(*key) }

// Trace returns what the switch would do with a packet now, to the end, copies that are looked up again included.
// It has no effect: nothing is learned, counted, cached or sent. The error is ErrTooLong, or that there is no memory.
func (s *Switch) Trace(q TraceQuery) (*Trace, error) {
	d, err := NewDryRun(s.extractor())
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	t, err := s.trace(d, q)
	return t, errors.Join(err, d.Close())
}

// Enter returns how a packet is looked up that comes in by a datapath port: one that comes out of a tunnel there as what
// is inside, by the tunnel's port. ok is false if it has no whole Ethernet header. The error is ErrTooLong, that there is
// no memory, or why it is not let out of the tunnel.
func (s *Switch) Enter(port uint32, packet []byte) (l Look, ok bool, err error) {
	d, err := NewDryRun(s.extractor())
	if err != nil {
		return l, false, fmt.Errorf("extract key: %w", err)
	}
	if t := s.tunnelsOf(port); t != nil {
		l, ok, err = d.enterUnderlay(port, t, packet)
	} else {
		l, ok, err = d.Enter(port, packet)
	}
	return l, ok, errors.Join(err, d.Close())
}

func (s *Switch) trace(d *DryRun, q TraceQuery) (*Trace, error) {
	first := Look{Port: uint32(q.Key.Uint(flow.FieldInPort)), Recirc: uint32(q.Key.Uint(flow.FieldRecircID)), Key: q.Key, Packet: q.Packet}
	var outer [frame.TunnelRoom]byte
	if q.Key.PutTunnel(&outer, s.options.Of(first.Port)) {
		first.Outer = &outer
	}
	t := new(Trace)
	for todo := []Look{first}; len(todo) > 0; todo = todo[1:] {
		if len(t.Passes) == maxTracePasses {
			t.Cut = true
			break
		}
		t.Passes = append(t.Passes, TracePass{Look: todo[0]})
		p := &t.Passes[len(t.Passes)-1]
		s.ask(p, q.Unseen)
		s.askCaches(p)
		_, again, err := d.Run(&p.Look, p.Program)
		if err != nil {
			return nil, err
		}
		for _, l := range again {
			carry(&l.Key, &p.Key)
			todo = append(todo, l)
		}
	}
	return t, nil
}

// carry gives a packet that is taken up again what it does not carry itself: its mark.
func carry(key, before *flow.Key) {
	key.SetUint(flow.FieldPktMark, before.Uint(flow.FieldPktMark))
}

// ask has the rule table decide about p.
func (s *Switch) ask(p *TracePass, unseen bool) {
	q := rules.Query{Key: &p.Key, Now: s.clock.Now(), Trace: passTracer{p}}
	if !unseen {
		q.Packet, q.Size = p.Packet[:min(len(p.Packet), s.o.Pool.Room())], len(p.Packet)
	}
	var v rules.Verdict
	upcall.Lookup(s.tableOf(p.Port), &q, &v, func(err error) { p.Err = err })
	p.Mask, p.NoCache, p.Program = v.Mask, v.NoCache, slices.Clone(v.Actions.Words())
}

// askCaches finds out which cache would answer.
func (s *Switch) askCaches(p *TracePass) {
	s.slow.Locked(func() {
		var f flowcache.Flow
		if slot, ok := s.flows.Find(&p.Key); ok && s.flows.Flow(slot, &f) {
			p.Megaflow = &flow.Match{Key: f.Key, Mask: f.Mask}
			p.Megaflow.Apply()
		}
	})
	for i, w := range s.pipes {
		knows := false
		s.onWorker(i, func() { knows = w.knows(&p.Key) })
		if knows {
			p.EMC = append(p.EMC, i)
		}
	}
}

// knows reports whether the exact-match cache has a key. The worker is between two batches: their scratch is free.
func (w *pipeline) knows(key *flow.Key) bool {
	w.keys.Set(key, &w.x.Seed)
	var slots [frame.MaxBatch]flowcache.Slot
	return len(w.emc.Lookup(&w.keys, 0, &slots, w.miss[:0])) == 0
}

// extractor returns what keys are extracted with.
func (s *Switch) extractor() flow.Extractor {
	return flow.Extractor{VLANLimit: s.o.VLANLimit, Seed: *s.o.Seed, Options: &s.options}
}
