package sink

import (
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/bench/gen/stamp"
	"github.com/culvertdev/culvert/ring/frame"
)

const run = 0x123456

// A bed is a sink with frames to give it.
type bed struct {
	t *testing.T
	*Sink
	pool  *frame.Pool
	cache *frame.Cache
	batch frame.Batch
}

// newBed makes a sink of a clock with two cycles in a nanosecond.
func newBed(t *testing.T, streams ...Expect) *bed {
	t.Helper()
	p, err := frame.NewPool(frame.Options{Buffers: 256, Huge: frame.HugeNever, Audit: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	s := New(Options{Pool: p, Run: run, Streams: streams, Ports: 2, Nanos: 0.5, Interval: 1000, Intervals: 4})
	s.Start(10_000)
	return &bed{t: t, Sink: s, pool: p, cache: c}
}

// add puts a frame of a size with a stamp at its end into the batch.
func (b *bed) add(size int, s stamp.Stamp) {
	b.t.Helper()
	data := make([]byte, size)
	if size >= stamp.Size {
		stamp.Put(data[size-stamp.Size:], s)
	}
	f, ok := b.cache.FromBytes(data)
	if !ok {
		b.t.Fatal("no buffers")
	}
	b.batch.Append(f)
}

// give lets the batch arrive.
func (b *bed) give(port int, now int64) {
	b.Take(port, &b.batch, now)
	b.cache.PutBatch(&b.batch)
}

func TestWhatArrivesIsCounted(t *testing.T) {
	b := newBed(t, Expect{Port: 1}, Expect{Port: -1})
	of := func(stream int, seq uint64) stamp.Stamp { return stamp.Stamp{Mark: Mark(run, stream), Sequence: seq} }
	for _, seq := range []uint64{0, 1, 3, 2, 3, 6} {
		b.add(60, of(0, seq))
	}
	b.add(100, of(1, 0))
	b.give(1, 11_000)
	b.add(60, of(0, 7))                          // astray
	b.add(61, of(1, 1))                          // may come anywhere
	b.add(70, stamp.Stamp{Mark: Mark(run+1, 0)}) // of another run
	b.add(71, of(2, 0))                          // of no stream
	b.add(17, stamp.Stamp{})                     // too short for a stamp
	b.give(0, 12_000)

	r := b.Report(0)
	if r.Received != 5 || r.Bytes != 360 || r.Duplicates != 1 || r.Reordered != 1 || r.Extent != 1 || r.Astray != 1 || r.Late != 0 {
		t.Errorf("stream 0: %+v", r)
	}
	if r := b.Report(1); r.Received != 2 || r.Bytes != 161 || r.Astray != 0 || r.Latency != nil {
		t.Errorf("stream 1: %+v", r)
	}
	if o := b.Others(0); o != (Other{3, 70 + 71 + 17}) {
		t.Errorf("of nobody: %+v", o)
	}
	if b.Arrived(0) != 5 || b.Whole([]uint64{5, 3}) || !b.Whole([]uint64{5, 2}) {
		t.Errorf("%d arrived, whole: %v", b.Arrived(0), b.Whole([]uint64{5, 2}))
	}
}

func TestTimesAreThoseOfTheClock(t *testing.T) {
	b := newBed(t, Expect{Port: -1})
	at := func(seq uint64, sent, arrived int64, first bool) {
		b.add(60, stamp.Stamp{Mark: Mark(run, 0), Sequence: seq, Time: sent, First: first})
		b.give(0, arrived)
	}
	at(0, 10_100, 10_300, true)  // 100 ns, the first frame
	at(1, 10_200, 10_400, false) // 100 ns
	at(2, 10_400, 12_400, true)  // 1000 ns, behind the longest silence, which begins after 200 ns
	at(3, 0, 12_500, false)      // of no time
	at(4, 99_000, 99_200, false) // past the last interval
	r := b.Report(0)
	if l := r.Latency; l.Count != 4 || l.Min != 100 || l.P50 != 100 || l.Max/10 != 100 || l.Mean/10 != 32 {
		t.Errorf("latency %+v", *l)
	}
	if l := r.Firsts; l.Count != 2 || l.Min != 100 || l.Max/10 != 100 || r.First != 100 {
		t.Errorf("of first frames %+v, of frame 0 %d", *l, r.First)
	}
	if r.FirstAt != 150 || r.LastAt != 44_600 || r.Silence != 43_350 || r.SilenceAt != 1250 {
		t.Errorf("arrivals from %d to %d ns, the longest silence is %d at %d", r.FirstAt, r.LastAt, r.Silence, r.SilenceAt)
	}
	if want := []uint64{2, 0, 2, 1}; !slices.Equal(r.Course, want) {
		t.Errorf("course %v, want %v", r.Course, want)
	}
	if b.Quiet(99_300, 100) || !b.Quiet(99_500, 100) {
		t.Error("it is quiet 50 ns after a frame, or not 150 ns after it")
	}
	if l := b.Merge(); l.Count != 4 {
		t.Errorf("of all streams %+v", l)
	}
}

func TestSilenceBeginsWithTheRun(t *testing.T) {
	b := newBed(t, Expect{Port: -1})
	b.add(60, stamp.Stamp{Mark: Mark(run, 0)})
	b.give(0, 50_000)
	if r := b.Report(0); r.Silence != 20_000 || r.SilenceAt != 0 || r.FirstAt != 20_000 {
		t.Errorf("%+v", r)
	}
}

func TestAStampIsFoundHoweverAFrameIsCut(t *testing.T) {
	b := newBed(t, Expect{Port: -1})
	room := b.pool.Room()
	n := uint64(0)
	for size := room - 2; size < room+2*stamp.Size; size++ {
		b.add(size, stamp.Stamp{Mark: Mark(run, 0), Sequence: n})
		b.give(0, 20_000)
		n++
	}
	for size := 3*room - 3; size < 3*room+stamp.Size+3; size++ {
		b.add(size, stamp.Stamp{Mark: Mark(run, 0), Sequence: n})
		b.give(0, 20_000)
		n++
	}
	if r := b.Report(0); r.Received != n || r.Reordered+r.Duplicates != 0 {
		t.Errorf("%+v, want %d frames", r, n)
	}
}

func TestHistogramsOfSeveralRunsAddUp(t *testing.T) {
	one := func(values ...int64) *Latency {
		d := newDelay()
		for _, v := range values {
			d.add(v)
		}
		return d.latency()
	}
	sum, err := Add(one(10, 20, 30), nil, one(40), one())
	if err != nil || sum.Count != 4 || sum.Min != 10 || sum.Max != 40 || sum.P50 != 20 {
		t.Errorf("got %+v, %v", sum, err)
	}
	if sum, err := Add(); err != nil || sum != nil {
		t.Errorf("the sum of nothing is %+v, %v", sum, err)
	}
	for _, bad := range []string{"", "x", "AAAA", strings.Repeat("A", maxEncoded+4)} {
		if _, err := Add(&Latency{Histogram: bad}); err == nil {
			t.Errorf("%.20q is a histogram", bad)
		}
	}
	d := newDelay()
	d.add(-5)
	d.add(int64(2 * Longest))
	if l := d.latency(); l.Count != 2 || l.Min != 1 {
		t.Errorf("values out of range: %+v", l)
	}
}

func TestReceivingMakesNoGarbage(t *testing.T) {
	b := newBed(t, Expect{Port: -1})
	for i := range 32 {
		b.add(60, stamp.Stamp{Mark: Mark(run, 0), Sequence: uint64(i * 3), Time: 10_000})
	}
	b.add(3000, stamp.Stamp{Mark: Mark(run, 0), Sequence: 1})
	b.add(60, stamp.Stamp{})
	now := int64(20_000)
	if n := testing.AllocsPerRun(100, func() { now += 10; b.Take(0, &b.batch, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	b.cache.PutBatch(&b.batch)
}
