package stream

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/culvertdev/culvert/bench/gen/stamp"
	"github.com/culvertdev/culvert/ring/frame"
)

// A Stream makes frames.
type Stream struct {
	plan
	mark   uint32
	bodies *Bodies
	pool   *frame.Pool
	seq    uint64 // of the next frame
	flow   uint32 // place in choices, or the next flow if there are none
	mix    int    // place in sizes
	bursts uint
}

// A plan is what a Spec comes to.
type plan struct {
	flows     uint32
	templates []*template // by size
	edits     []edit
	choices   []uint32 // which flow is next; nil: all in turn
	sizes     []uint8  // which template is next
	longest   int      // bytes in memory
}

// plan builds what a Spec describes, for buffers with so much room.
func (s Spec) plan(room int) (p plan, err error) {
	s = s.withDefaults()
	if s.Tunnel != nil {
		t := s.Tunnel.withDefaults()
		s.Tunnel = &t
		if err := t.check(); err != nil {
			return p, err
		}
	}
	mix, err := parseSizes(s.Size)
	if err != nil {
		return p, err
	}
	if s.Flows < 1 || s.Flows > MaxFlows {
		return p, fmt.Errorf("%d flows, want 1 to %d", s.Flows, MaxFlows)
	}
	if err := errors.Join(checkVLAN(s.VLAN), checkPair(s.Source, s.Destination)); err != nil {
		return p, err
	}
	least := headerSize(s.Source.Address.Is6(), s.VLAN) + stamp.Size
	for _, m := range mix {
		m.size = max(m.size, least)
		if most := MaxSize - s.outerSize(); m.size+checkSequence > most {
			return p, fmt.Errorf("size %d in this tunnel, want at most %d", m.size+checkSequence, most)
		}
		t, how, err := newTemplate(s, m.size, room)
		if err != nil {
			return p, err
		}
		p.templates, p.edits = append(p.templates, t), how // which words change does not depend on the size
		p.longest = max(p.longest, t.total)
	}
	r := rand.New(rand.NewPCG(s.Seed, 0))
	p.flows, p.sizes = uint32(s.Flows), drawSizes(mix, r)
	p.choices, err = drawFlows(s.Order, s.Flows, s.Skew, r)
	return p, err
}

// New returns a stream whose frames carry a mark and have their payload by way of bodies.
func New(s Spec, mark uint32, bodies *Bodies) (*Stream, error) {
	p, err := s.plan(bodies.pool.Room())
	if err != nil {
		return nil, err
	}
	return &Stream{plan: p, mark: mark, bodies: bodies, pool: bodies.pool}, nil
}

// Longest returns the size in bytes of the longest frame, in memory.
func (s *Stream) Longest() int { return s.longest }

// Sequence returns the number of the next frame: how many were made.
func (s *Stream) Sequence() uint64 { return s.seq }

// Fill appends up to n frames to b, as many as it has room for and c has buffers, and returns how many. One of them,
// not always at the same place, has now as its time.
func (s *Stream) Fill(c *frame.Cache, b *frame.Batch, n int, now int64) int {
	from := b.Len()
	n = c.Fill(b, n)
	s.bursts++
	timed := int(s.bursts*7) % max(n, 1)
	fs := b.Frames()[from:]
	for i := range fs {
		st := stamp.Stamp{Mark: s.mark, Sequence: s.seq}
		if i == timed || s.seq == 0 {
			st.Time, st.First = now, s.choices == nil && s.seq < uint64(s.flows)
		}
		t := s.templates[s.sizes[s.mix]]
		if !s.write(c, &fs[i], t, st, s.next()) {
			s.drop(c, b, from+i)
			return i
		}
		s.seq++
		if s.mix++; s.mix == len(s.sizes) {
			s.mix = 0
		}
	}
	return n
}

// next returns the next flow.
func (s *Stream) next() (flow uint32) {
	if s.choices != nil {
		flow = s.choices[s.flow]
		s.flow = (s.flow + 1) & uint32(len(s.choices)-1)
		return flow
	}
	flow = s.flow
	if s.flow++; s.flow == s.flows {
		s.flow = 0
	}
	return flow
}

// write makes f, which is empty, a frame. It reports false, and has freed f, when there are no buffers for the rest of
// a long one.
func (s *Stream) write(c *frame.Cache, f *frame.Frame, t *template, st stamp.Stamp, flow uint32) bool {
	var last frame.Frame
	end := t.total
	if t.total <= s.pool.Room() {
		s.pool.SetLen(f, t.total)
		s.bodies.put(*f, t.total-stamp.Size)
		last = *f
	} else {
		whole, l, ok := s.chain(c, *f, t.total)
		if !ok {
			return false
		}
		*f, last, end = whole, l, l.Len()
	}
	b := s.pool.Bytes(*f)
	copy(b, t.head)
	stamp.Put(s.pool.Bytes(last)[end-stamp.Size:end], st) // behind the head, which may reach as far
	t.write(b, s.edits, flow, st)
	return true
}

// piece returns how much of the rest of a frame goes to a buffer with so much room: the last one is to hold all of the
// stamp.
func piece(rest, room int) int {
	n := min(rest, room)
	if left := rest - n; left > 0 && left < stamp.Size {
		n -= stamp.Size
	}
	return n
}

// chain makes f the first buffer of a frame of total bytes.
func (s *Stream) chain(c *frame.Cache, f frame.Frame, total int) (whole, last frame.Frame, ok bool) {
	var ch frame.Chain
	room := s.pool.Room()
	for g := f; ; {
		n := piece(total, room)
		s.pool.SetLen(&g, n)
		if ch.Len() > 0 {
			copy(s.pool.Bytes(g), pattern[:min(n, headMax)])
		}
		ch.Append(s.pool, g)
		if total -= n; total == 0 {
			s.bodies.put(g, n-stamp.Size)
			return ch.Frame(s.pool), g, true
		}
		s.bodies.put(g, n)
		if g, ok = c.Get(); !ok {
			c.Put(ch.Frame(s.pool))
			return f, f, false
		}
	}
}

// drop leaves the frames of b from one on unmade. That one is freed already.
func (s *Stream) drop(c *frame.Cache, b *frame.Batch, from int) {
	for _, f := range b.Frames()[from+1:] {
		c.Put(f)
	}
	b.Truncate(from)
}
