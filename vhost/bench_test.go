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
	r := connected(b, s)
	from, to := r.g.rings[1], r.g.rings[0]
	var filled, empty [burst][]driver.Buffer
	for i := range burst {
		_, buf, mem := r.g.buffer(r.g.header + size)
		copy(mem[r.g.header:], number(i, size))
		filled[i] = []driver.Buffer{buf}
		_, buf, _ = r.g.buffer(2048)
		empty[i] = []driver.Buffer{buf}
	}
	done := make([]driver.Done, burst)
	var stages [3]stage
	in, out, guest := &stages[0], &stages[1], &stages[2]
	clock := testClock().Cycles
	rx, tx := r.p.rx[0], r.p.tx[0]
	b.ReportAllocs()
	for b.Loop() {
		begin := clock()
		for i := range burst {
			from.Add(0, filled[i], nil)
			to.Add(0, nil, empty[i])
		}
		from.Publish()
		to.Publish()
		last := clock()
		guest.add(last - begin)
		for range burst / frame.MaxBatch {
			rx.Recv(&r.b)
			now := clock()
			in.add(now - last)
			last = now
			tx.Send(&r.b)
			now = clock()
			out.add(now - last)
			last = now
		}
		tx.Flush()
		now := clock()
		out.add(now - last)
		if from.Reap(done) != burst || to.Reap(done) != burst {
			b.Fatal("packets are missing")
		}
		guest.add(clock() - now)
		for i := range stages {
			stages[i].end()
		}
	}
	b.ReportMetric(in.median(), "in-cycles/pkt")
	b.ReportMetric(out.median(), "out-cycles/pkt")
	b.ReportMetric(guest.median(), "guest-cycles/pkt")
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
