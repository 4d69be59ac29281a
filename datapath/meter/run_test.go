package meter_test

import (
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/culvertdev/culvert/datapath/meter"
)

// second and friends are in ns, the unit of the clock.
const (
	microsecond = 1_000
	millisecond = 1_000_000
	second      = 1_000_000_000
)

// add adds a meter and fails the test if it cannot.
func add(t testing.TB, s *meter.Store, m meter.Meter) uint32 {
	t.Helper()
	slot, err := s.Add(m)
	if err != nil {
		t.Fatal(err)
	}
	return slot
}

func kbps(rate, burst uint32) meter.Meter {
	return meter.Meter{Bands: []meter.Band{{Rate: rate, Burst: burst}}}
}

func pktps(rate, burst uint32) meter.Meter {
	return meter.Meter{Packets: true, Bands: []meter.Band{{Rate: rate, Burst: burst}}}
}

// sizes returns n packets of a size.
func sizes(n int, size uint32) []uint32 { return slices.Repeat([]uint32{size}, n) }

// passed returns how many of n packets do not exceed.
func passed(n int, exceed uint64) (count int) {
	for i := range n {
		if exceed>>i&1 == 0 {
			count++
		}
	}
	return count
}

// A source is a worker with its traffic: batches of n packets of a size, one every so many ns.
type source struct {
	n     int
	size  uint32
	every int64
	from  int64 // ns: when the first comes
	// what came through
	packets, bytes uint64
}

// play lets sources send through a meter for some ns, each through a worker of its own, in the order of
// time, and adds up what passes.
func play(s *meter.Store, slot uint32, until int64, sources []*source) {
	next := make([]int64, len(sources))
	for i, src := range sources {
		next[i] = src.from
	}
	for {
		w := 0
		for i := range next {
			if next[i] < next[w] {
				w = i
			}
		}
		if next[w] >= until {
			return
		}
		src := sources[w]
		n := passed(src.n, s.Run(w, slot, next[w], sizes(src.n, src.size)))
		src.packets += uint64(n)
		src.bytes += uint64(n) * uint64(src.size)
		next[w] += src.every
	}
}

// within reports whether got is want but for a part of it.
func within(got, want, part float64) bool { return math.Abs(got-want) <= part*want }

func TestTheLongRunRateIsExact(t *testing.T) {
	const run = 100 * second
	for _, tc := range []struct {
		name    string
		m       meter.Meter
		sources []*source
	}{
		{"bytes, one worker", kbps(10_000, 1000), []*source{{n: 32, size: 1500, every: millisecond}}},
		{"bytes at a rate that divides nothing", kbps(9_973, 97), []*source{{n: 7, size: 333, every: 997 * microsecond}}},
		{"packets, one worker", pktps(1000, 100), []*source{{n: 1, size: 60, every: 370 * microsecond}}},
		{"packets, batches", pktps(777, 64), []*source{{n: 64, size: 60, every: 3 * millisecond}}},
		{"two workers, alike", kbps(50_000, 5000), []*source{{n: 16, size: 1500, every: millisecond}, {n: 16, size: 1500, every: millisecond, from: 500 * microsecond}}},
		{"two workers, unlike", pktps(5000, 500), []*source{{n: 64, size: 60, every: 2 * millisecond}, {n: 1, size: 60, every: 50 * microsecond}}},
		{"one of two needs little", kbps(20_000, 2000), []*source{{n: 1, size: 100, every: 10 * millisecond}, {n: 8, size: 1500, every: millisecond}}},
		{"a burst too small to save from", kbps(10_000, 60), []*source{{n: 4, size: 1500, every: millisecond}, {n: 1, size: 1500, every: 100 * microsecond}}},
		{"eight workers", pktps(10_000, 1000), []*source{
			{n: 1, size: 60, every: 400 * microsecond}, {n: 2, size: 60, every: millisecond}, {n: 4, size: 60, every: millisecond}, {n: 8, size: 60, every: millisecond},
			{n: 16, size: 60, every: 3 * millisecond}, {n: 32, size: 60, every: 5 * millisecond}, {n: 64, size: 60, every: 9 * millisecond}, {n: 1, size: 60, every: 8 * second},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := meter.NewStore(len(tc.sources))
			slot := add(t, s, tc.m)
			play(s, slot, run, tc.sources)
			var packets, bytes float64
			for _, src := range tc.sources {
				packets += float64(src.packets)
				bytes += float64(src.bytes)
			}
			b := tc.m.Bands[0]
			got, want := bytes*8/1000, float64(b.Rate)*100+float64(b.Burst)
			if tc.m.Packets {
				got = packets
			}
			if !within(got, want, 0.01) {
				t.Errorf("%.0f came through in 100 s, want %.0f within 1 %%", got, want)
			}
			if got > want {
				t.Errorf("%.0f came through, more than rate and burst allow: %.0f", got, want)
			}
		})
	}
}

func TestNoWorkerStarvesAnother(t *testing.T) {
	for _, tc := range []struct {
		name    string
		m       meter.Meter
		sources []*source
		least   []float64 // of the rate
	}{
		{"seldom large batches beside single packets all the time", pktps(10_000, 10_000),
			[]*source{{n: 64, size: 60, every: 4 * millisecond}, {n: 1, size: 60, every: 50 * microsecond}}, []float64{0.49, 0.49}},
		{"large packets beside small ones", kbps(10_000, 10_000),
			[]*source{{n: 4, size: 1500, every: 2 * millisecond}, {n: 8, size: 60, every: 50 * microsecond}}, []float64{0.49, 0.49}},
		{"one that keeps to a tenth beside one that does not", kbps(10_000, 1000),
			[]*source{{n: 1, size: 1250, every: 10 * millisecond}, {n: 32, size: 1500, every: millisecond}}, []float64{0.099, 0.89}},
		{"three, of which one sends nothing", pktps(9000, 900),
			[]*source{{n: 32, size: 60, every: millisecond}, {n: 2, size: 60, every: 200 * microsecond}, {n: 1, size: 60, from: math.MaxInt64}}, []float64{0.49, 0.49, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := meter.NewStore(len(tc.sources))
			slot := add(t, s, tc.m)
			const seconds = 20
			play(s, slot, seconds*second, tc.sources)
			for i, src := range tc.sources {
				got := float64(src.bytes) * 8 / 1000
				if tc.m.Packets {
					got = float64(src.packets)
				}
				if part := got / float64(tc.m.Bands[0].Rate) / seconds; part < tc.least[i] {
					t.Errorf("worker %d gets %.3f of the rate, want %.3f at least", i, part, tc.least[i])
				}
			}
		})
	}
}

func TestABurstPassesAtOnceAndNoMore(t *testing.T) {
	s := meter.NewStore(4)
	slot := add(t, s, pktps(10, 100))
	count := func(worker int, now int64) (n int) {
		for range 10 {
			n += passed(64, s.Run(worker, slot, now, sizes(64, 60)))
		}
		return n
	}
	if n := count(0, second); n != 100 {
		t.Errorf("%d packets of a burst came through, want 100", n)
	}
	if n := count(0, 2*second); n != 10 {
		t.Errorf("%d packets a second later, want 10", n)
	}
	if n := count(1, 60*second); n != 100 {
		t.Errorf("%d packets through another worker after a long rest, want 100", n)
	}
	if a, b := count(2, 120*second), count(3, 120*second); a+b != 100 {
		t.Errorf("%d and %d packets through two workers, want 100 together", a, b)
	}
}

func TestBytesCountAsTheyAreAndPacketsThatFitPass(t *testing.T) {
	s := meter.NewStore(1)
	slot := add(t, s, kbps(8, 8)) // a thousand bytes
	if exceed := s.Run(0, slot, 1, []uint32{600, 600, 300, 101, 100, 1}); exceed != 0b101010 {
		t.Errorf("packets %06b exceed, want 101010: those that fit pass", exceed)
	}
	if exceed := s.Run(0, slot, 1+second/2, []uint32{501, 500}); exceed != 0b01 {
		t.Errorf("packets %02b exceed half a second later, want 01", exceed)
	}
	var st meter.Stats
	s.Stats(slot, &st)
	want := meter.Stats{Packets: 8, Bytes: 2703, Bands: []meter.BandStats{{Packets: 4, Bytes: 600 + 101 + 1 + 501}}}
	if st.Packets != want.Packets || st.Bytes != want.Bytes || !slices.Equal(st.Bands, want.Bands) {
		t.Errorf("counted %+v, want %+v", st, want)
	}
}

func TestTheHighestRateExceededCounts(t *testing.T) {
	s := meter.NewStore(1)
	slot := add(t, s, meter.Meter{Packets: true, Bands: []meter.Band{{Rate: 10, Burst: 10}, {Rate: 30, Burst: 30}, {Rate: 20, Burst: 20}}})
	if exceed := s.Run(0, slot, 1, sizes(40, 100)); exceed != (1<<40-1)&^(1<<10-1) {
		t.Errorf("packets %b exceed, want all but the first ten", exceed)
	}
	var st meter.Stats
	s.Stats(slot, &st)
	// Of the thirty dropped, ten exceed 10 alone, ten 10 and 20, ten all three.
	want := []meter.BandStats{{Packets: 10, Bytes: 1000}, {Packets: 10, Bytes: 1000}, {Packets: 10, Bytes: 1000}}
	if !slices.Equal(st.Bands, want) {
		t.Errorf("bands dropped %v, want %v", st.Bands, want)
	}
}

func TestTheLargestNumbersDoNotOverflow(t *testing.T) {
	s := meter.NewStore(2)
	for _, m := range []meter.Meter{kbps(math.MaxUint32, 0), pktps(math.MaxUint32, math.MaxUint32), kbps(1, math.MaxUint32), kbps(math.MaxUint32, 1)} {
		slot := add(t, s, m)
		for now := int64(1); now > 0 && now < math.MaxInt64/3; now *= 3 {
			if m.Bands[0].Burst != 1 && s.Run(int(now%2), slot, now, sizes(64, 0xffff)) != 0 {
				t.Errorf("%+v: packets exceed at %d ns", m, now)
			}
			s.Run(int(now%2), slot, now, sizes(64, 0xffff))
		}
	}
}

// TestWorkersAndChangesAtOnce is for the race detector; whatever happens, no worker gets more than rate and
// bursts allow.
func TestWorkersAndChangesAtOnce(t *testing.T) {
	const workers, rounds = 4, 2000
	s := meter.NewStore(workers)
	steady := add(t, s, pktps(1000, 1000))
	changing := add(t, s, kbps(1000, 100))
	var wg sync.WaitGroup
	counts := make([]int, workers)
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				now := int64(i) * millisecond
				counts[w] += passed(16, s.Run(w, steady, now, sizes(16, 60)))
				s.Run(w, changing, now, sizes(64, 1500))
			}
		})
	}
	for i := range 200 {
		if err := s.Change(changing, pktps(uint32(i), 7)); err != nil {
			t.Error(err)
		}
		s.Stats(steady, new(meter.Stats))
	}
	s.Delete(changing)
	wg.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	if most := 1000 + rounds; sum > most {
		t.Errorf("%d packets came through, rate and burst allow %d", sum, most)
	}
	var st meter.Stats
	s.Stats(steady, &st)
	if st.Packets != workers*rounds*16 || st.Bands[0].Packets != st.Packets-uint64(sum) {
		t.Errorf("counted %+v, %d came through of %d", st, sum, workers*rounds*16)
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	s := meter.NewStore(2)
	slot := add(t, s, meter.Meter{Bands: []meter.Band{{Rate: 1000}, {Rate: 2000}}})
	batch, now := sizes(64, 1500), int64(0)
	if n := testing.AllocsPerRun(1000, func() {
		now += microsecond
		s.Run(0, slot, now, batch)
		s.Run(1, slot, now, batch)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// FuzzRun lets any batches through any meter: it never drops what a bucket has room for, and its counts
// add up.
func FuzzRun(f *testing.F) {
	f.Add(uint32(1000), uint32(10), true, []byte{1, 60, 0, 4, 200, 9})
	f.Add(uint32(math.MaxUint32), uint32(0), false, []byte{64, 255, 255})
	f.Fuzz(func(t *testing.T, rate, burst uint32, packets bool, script []byte) {
		s := meter.NewStore(3)
		slot := add(t, s, meter.Meter{Packets: packets, Bands: []meter.Band{{Rate: rate, Burst: burst}}})
		now, in, out := int64(0), uint64(0), uint64(0)
		for ; len(script) >= 3; script = script[3:] {
			n := int(script[0]) % (meter.MaxBatch + 1)
			now += int64(script[1]) << (script[2] % 40)
			in += uint64(n)
			out += uint64(passed(n, s.Run(int(script[2])%3, slot, now, sizes(n, uint32(script[1])<<8))))
		}
		var st meter.Stats
		s.Stats(slot, &st)
		if st.Packets != in || st.Bands[0].Packets != in-out {
			t.Errorf("counted %+v, want %d in and %d dropped", st, in, in-out)
		}
		if burst == 0 {
			burst = rate
		}
		most := float64(burst) + float64(rate)*float64(now)/second
		if packets && float64(out) > most*(1+1e-9) {
			t.Errorf("%d packets came through, rate and burst allow %.1f", out, most)
		}
	})
}

// BenchmarkRun is what a batch of 32 packets pays for a meter: one that it does not reach, one that drops
// most, and one shared with a worker that is not there at the time.
func BenchmarkRun(b *testing.B) {
	for _, bc := range []struct {
		name string
		m    meter.Meter
	}{{"below", kbps(math.MaxUint32, 0)}, {"above", kbps(1000, 1000)}} {
		b.Run(bc.name, func(b *testing.B) {
			s := meter.NewStore(2)
			slot := add(b, s, bc.m)
			batch, now := sizes(32, 1500), int64(0)
			b.ReportAllocs()
			for b.Loop() {
				now += microsecond
				s.Run(0, slot, now, batch)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*32), "ns/pkt")
		})
	}
}
