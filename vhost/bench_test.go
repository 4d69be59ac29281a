package vhost

import (
	"slices"
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

const burst = 4 * frame.MaxBatch // what a worker takes on one visit

// BenchmarkPort is what a packet costs the port on its way in and out, and what it costs the guest's half, all on
// one core: so without what it costs to bring cache lines from another.
func BenchmarkPort(b *testing.B) {
	for _, s := range []struct {
		name  string
		shape shape
	}{
		{"split", shape{features: common}},
		{"split-merged", shape{features: common | proto.MrgRxbuf}},
		{"split-inorder", shape{features: common | proto.InOrder}},
		{"packed", shape{features: common | proto.RingPacked}},
		{"packed-inorder", shape{features: common | proto.RingPacked | proto.InOrder}},
	} {
		s.shape.size = 1024
		b.Run(s.name+"/64", func(b *testing.B) { benchPort(b, s.shape, 60) })
		b.Run(s.name+"/1518", func(b *testing.B) { benchPort(b, s.shape, 1514) })
	}
}

// benchPort has packets go from one of a guest's rings to the other.
func benchPort(b *testing.B, s shape, size int) {
	l := newLoop(connected(b, s), size)
	b.ReportAllocs()
	for b.Loop() {
		l.turn()
	}
	b.ReportMetric(l.in.median(), "in-cycles/pkt")
	b.ReportMetric(l.out.median(), "out-cycles/pkt")
	b.ReportMetric(l.guest.median(), "guest-cycles/pkt")
}

// A loop sends bursts of packets from one of a guest's rings through the port to the other.
type loop struct {
	*bench
	from, to       *guestRing
	filled, empty  [burst][]driver.Buffer
	done           []driver.Done
	in, out, guest stage
	clock          func() int64
}

// newLoop prepares packets of size bytes for a guest that is connected.
func newLoop(r *bench, size int) *loop {
	l := &loop{bench: r, from: r.g.rings[1], to: r.g.rings[0], done: make([]driver.Done, burst), clock: testClock().Cycles}
	for i := range burst {
		_, buf, mem := r.g.buffer(r.g.header + size)
		copy(mem[r.g.header:], number(i, size))
		l.filled[i] = []driver.Buffer{buf}
		_, buf, _ = r.g.buffer(2048)
		l.empty[i] = []driver.Buffer{buf}
	}
	return l
}

// turn sends one burst. It returns the cycles that its packets cost the port.
func (l *loop) turn() int64 {
	begin := l.clock()
	for i := range burst {
		l.from.Add(0, l.filled[i], nil)
		l.to.Add(0, nil, l.empty[i])
	}
	l.from.Publish()
	l.to.Publish()
	last := l.clock()
	l.guest.add(last - begin)
	rx, tx := l.p.rx[0], l.p.tx[0]
	for range burst / frame.MaxBatch {
		rx.Recv(&l.b)
		now := l.clock()
		l.in.add(now - last)
		last = now
		tx.Send(&l.b)
		now = l.clock()
		l.out.add(now - last)
		last = now
	}
	tx.Flush()
	now := l.clock()
	l.out.add(now - last)
	if l.from.Reap(l.done) != burst || l.to.Reap(l.done) != burst {
		l.t.Fatal("packets are missing")
	}
	l.guest.add(l.clock() - now)
	cycles := l.in.burst + l.out.burst
	for _, s := range []*stage{&l.in, &l.out, &l.guest} {
		s.end()
	}
	return cycles
}

// A stage is how long one stage took for each of the last bursts. Their median is not upset by what else the
// machine does.
type stage struct {
	burst int64 // cycles so far in this one
	last  [1024]int64
	n     int
}

func (s *stage) add(cycles int64) { s.burst += cycles }

func (s *stage) end() {
	s.last[s.n%len(s.last)] = s.burst
	s.burst = 0
	s.n++
}

// median returns the cycles of a packet.
func (s *stage) median() float64 {
	all := s.last[:min(s.n, len(s.last))]
	slices.Sort(all)
	return float64(all[len(all)/2]) / burst
}
