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
	for _, t := range p.templates {
		t.id = bodies.newHead()
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
	for i := 0; i < n; {
		time := now
		if i != timed && s.seq != 0 {
			if k := s.untimed(fs[i:until(i, timed, n)]); k > 0 {
				i += k
				continue
			}
			time = 0
		}
		if !s.one(c, &fs[i], time) {
			s.drop(c, b, from+i)
			return i
		}
		i++
	}
	return n
}

// until returns where those frames of n end, from i on, that have no time.
func until(i, timed, n int) int {
	if i < timed {
		return timed
	}
	return n
}

// one makes a frame of any size, with a time unless that is 0.
func (s *Stream) one(c *frame.Cache, f *frame.Frame, time int64) bool {
	st := stamp.Stamp{Mark: s.mark, Sequence: s.seq, Time: time}
	st.First = time != 0 && s.choices == nil && s.seq < uint64(s.flows)
	t := s.templates[s.sizes[s.mix]]
	if !s.write(c, f, t, st, s.next()) {
		return false
	}
	s.passed()
	return true
}

// passed goes on to the next number and size.
func (s *Stream) passed() {
	s.seq++
	if s.mix++; s.mix == len(s.sizes) {
		s.mix = 0
	}
}

// untimed makes frames without a time, up to the first that takes several buffers, and returns how many. It is what nearly
// all frames are made by: in a buffer that holds the same head from another time, only what differs is written.
func (s *Stream) untimed(fs []frame.Frame) int {
	for i := range fs {
		f := &fs[i]
		t := s.templates[s.sizes[s.mix]]
		if t.total > s.pool.Room() {
			return i
		}
		s.pool.SetLen(f, t.total)
		if h := &s.bodies.held[s.pool.Buffer(*f)]; h.head != t.id || h.age != s.bodies.age {
			s.bodies.put(*f, t.total-stamp.Size, t.id, t.head)
		}
		b := s.pool.Bytes(*f)
		stamp.PutPlain(b[len(b)-stamp.Size:], s.mark, s.seq)
		t.write(b, s.edits, s.next(), stamp.SumPlain(s.mark, s.seq))
		s.passed()
	}
	return len(fs)
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
		s.bodies.put(*f, t.total-stamp.Size, t.id, t.head)
		last = *f
	} else {
		whole, l, ok := s.chain(c, *f, t)
		if !ok {
			return false
		}
		*f, last, end = whole, l, l.Len()
	}
	stamp.Put(s.pool.Bytes(last)[end-stamp.Size:end], st) // behind the head, which may reach as far
	t.write(s.pool.Bytes(*f), s.edits, flow, st.Sum())
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

// chain makes f the first buffer of a frame.
func (s *Stream) chain(c *frame.Cache, f frame.Frame, t *template) (whole, last frame.Frame, ok bool) {
	var ch frame.Chain
	room, rest := s.pool.Room(), t.total
	id, head := t.id, t.head
	for g := f; ; {
		n := piece(rest, room)
		s.pool.SetLen(&g, n)
		ch.Append(s.pool, g)
		if rest -= n; rest == 0 {
			s.bodies.put(g, n-stamp.Size, id, head)
			return ch.Frame(s.pool), g, true
		}
		s.bodies.put(g, n, id, head)
		id, head = 0, pattern[:headMax] // of the buffers behind
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
