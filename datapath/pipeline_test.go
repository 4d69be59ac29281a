package datapath

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// sink is a port that receives nothing and frees what it is sent: what is left when a benchmark of the
// pipeline has taken the ports away.
type sink struct {
	cache *frame.Cache
	count *counter.Block
	sent  int
	info  pmd.Info
	keep  bool     // the bytes of what is sent
	got   [][]byte // with keep

	offloads []frame.Offload // what those said that were not finished, with keep
}

func newSink(tb testing.TB, pool *frame.Pool) *sink {
	c, err := pool.NewCache()
	if err != nil {
		tb.Fatal(err)
	}
	return &sink{cache: c, count: counter.NewBlock(pmd.TxCounters()), info: pmd.Info{Name: "sink", MTU: 1500, NUMA: -1}}
}

func (s *sink) Send(b *frame.Batch) int {
	n := b.Len()
	s.sent += n
	if s.keep {
		for _, f := range b.Frames() {
			s.got = append(s.got, s.cache.Pool().AppendTo(nil, f))
			if f.Flags()&frame.HasOffload != 0 {
				s.offloads = append(s.offloads, s.cache.Pool().Meta(f).Offload)
			}
		}
	}
	s.cache.PutBatch(b)
	return n
}

func (s *sink) Flush() bool                                   { return false }
func (s *sink) Counters() *counter.Block                      { return s.count }
func (s *sink) Info() pmd.Info                                { return s.info }
func (s *sink) RxQueues() []pmd.RxQueue                       { return nil }
func (s *sink) TxQueues() []pmd.TxQueue                       { return []pmd.TxQueue{s} }
func (s *sink) LinkUp() bool                                  { return true }
func (s *sink) Done() <-chan struct{}                         { return nil }
func (s *sink) Err() error                                    { return nil }
func (s *sink) Samples(dst []counter.Sample) []counter.Sample { return dst }
func (s *sink) Close() error                                  { s.cache.Close(); return nil }

// byPort sends everything from port 1 to port 2 and, with mask, consults the bits of it.
type byPort struct{ mask flow.Mask }

func (t *byPort) Lookup(_ *rules.Query, v *rules.Verdict) error {
	v.Mask = t.mask
	v.Actions.Output(2)
	return nil
}
func (t *byPort) Changes(uint64, *rules.ChangeSet) uint64 { return 1 }
func (t *byPort) Credit([]uint64, uint64, uint64, int64)  {}

// rig is one worker's pipeline without the worker: whoever holds it is the worker.
type rig struct {
	tb    testing.TB
	sw    *Switch
	w     *pipeline
	in    *sink
	out   *sink
	gen   *frame.Cache
	batch frame.Batch
	n     int
	now   int64
	// flowAt is where in a packet cycle writes the flow's number, 4 bytes; 0: in the source address, -1: nowhere.
	flowAt int
}

func newRig(tb testing.TB, table rules.Table, emcInsert int) *rig {
	return newRigOf(tb, table, emcInsert, 1<<20)
}

// newRigOf returns a rig whose cache has room for so many flows. A thread serves the slow path, so that packets wait for
// it, as they do where it helps.
func newRigOf(tb testing.TB, table rules.Table, emcInsert, flows int) *rig {
	return newServedRig(tb, table, CacheConfig{Flows: flows, EMCInsert: emcInsert}, ByThread)
}

// newServedRig returns a rig with a cache and with somebody who serves the slow path.
func newServedRig(tb testing.TB, table rules.Table, cache CacheConfig, server Server) *rig {
	_, bench := tb.(*testing.B)
	pool, err := frame.NewPool(frame.Options{Buffers: 4096, Huge: frame.HugeNever, Audit: !bench})
	if err != nil {
		tb.Fatal(err)
	}
	sw, err := New(Options{
		Pool: pool, Cache: cache,
		SlowPath: SlowPath{Server: server, Revalidate: time.Hour, MaxIdle: time.Hour}, // the rig's clock is not the revalidator's
	})
	if err != nil {
		tb.Fatal(err)
	}
	c := Config{Bridges: []BridgeConfig{{Name: "br0", Table: table}}}
	if err := sw.Apply(context.Background(), c); err != nil {
		tb.Fatal(err)
	}
	r := &rig{tb: tb, sw: sw, w: sw.pipes[0], in: newSink(tb, pool), out: newSink(tb, pool)}
	r.in.info.PartialChecksums = true
	for _, dev := range []pmd.Port{r.in, r.out, noQueues{}} {
		if err := sw.AddDevice("br0", PortConfig{Name: fmt.Sprint("p", len(sw.ports)+1)}, dev); err != nil {
			tb.Fatal(err)
		}
	}
	if r.gen, err = pool.NewCache(); err != nil {
		tb.Fatal(err)
	}
	sw.group.Stop()
	tb.Cleanup(func() {
		r.gen.Close()
		// Closing waits for the worker to let go of what it uses.
		if err := sw.group.Start(); err != nil {
			tb.Error(err)
		}
		if err := sw.Close(); err != nil {
			tb.Error(err)
		}
		if err := pool.Close(); err != nil {
			tb.Error(err)
		}
	})
	return r
}

// cycle runs one poll cycle: a full batch of packets of the next flows comes in, everything goes out.
func (r *rig) cycle(packet []byte, flows int) {
	r.receive(packet, flows)
	r.now += 1000
	r.w.Flush(r.now)
}

// receive is the first half of cycle: the packets come in, and what the slow path has sent stays there.
func (r *rig) receive(packet []byte, flows int) {
	pool, at := r.gen.Pool(), cmp.Or(r.flowAt, 26)
	r.gen.Fill(&r.batch, frame.MaxBatch)
	for i := range r.batch.Frames() {
		f := &r.batch.Frames()[i]
		pool.SetLen(f, len(packet))
		b := pool.Bytes(*f)
		copy(b, packet)
		// The flow's number in the low bytes of the source address.
		if at > 0 {
			binary.BigEndian.PutUint32(b[at:], 0x0a000000|uint32(r.n))
		}
		if r.n++; r.n == flows {
			r.n = 0
		}
	}
	r.w.Process(1, &r.batch)
}

// pass sends one packet from port 1 through the switch and returns what left port 2.
func (r *rig) pass(packet []byte) [][]byte {
	r.tb.Helper()
	f, ok := r.gen.FromBytes(packet)
	if !ok {
		r.tb.Fatal("arena exhausted")
	}
	r.out.keep, r.out.got = true, nil
	r.batch.Append(f)
	r.w.Process(1, &r.batch)
	r.w.Flush(r.now)
	for r.w.waiting.Len() > 0 {
		r.w.Flush(r.now)
	}
	return r.out.got
}

// warm runs cycles until every flow is cached.
func (r *rig) warm(packet []byte, flows int) {
	for range 3 {
		for n := 0; n < flows+frame.MaxBatch; n += frame.MaxBatch {
			r.cycle(packet, flows)
			for r.w.waiting.Len() > 0 {
				r.w.Flush(r.now)
			}
		}
	}
}

// testPacket is a UDP packet of 60 bytes, as the headers say.
var testPacket = []byte{
	2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
	0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
	3, 232, 0, 9, 0, 26, 0, 0, 59: 0,
}

func TestForwardingAllocatesNothing(t *testing.T) {
	var mask flow.Mask
	mask.SetExact(flow.FieldIPSrc)
	for name, flows := range map[string]int{"from the exact-match cache": 64, "from the megaflow cache": 20000} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, &byPort{mask: mask}, 1)
			r.warm(testPacket, flows)
			sent := r.out.sent
			if n := testing.AllocsPerRun(100, func() { r.cycle(testPacket, flows) }); n != 0 {
				t.Errorf("a poll cycle makes %v allocations, want none", n)
			}
			if got := r.out.sent - sent; got != 101*frame.MaxBatch {
				t.Errorf("%d packets left, want %d", got, 101*frame.MaxBatch)
			}
		})
	}
}

// BenchmarkSwitch is a worker's whole cycle without a device's share: what the switch itself costs a
// packet of 60 bytes when many flows go round, as between two busy virtual machines. The figures
// contain the generator, which writes each packet anew (BenchmarkSwitch/generator).
func BenchmarkSwitch(b *testing.B) {
	var ip flow.Mask
	ip.SetExact(flow.FieldIPSrc)
	ip.SetExact(flow.FieldIPDst)
	var network flow.Mask // one megaflow
	network.SetBits(flow.FieldIPDst, 0xff000000)
	var tail flow.Mask // 24 megaflows of 768 destinations, as rows masks-* of the comparison have each way
	tail.SetBits(flow.FieldIPDst, 0x307)
	var rules flow.Mask // 1024 megaflows, as rules-1024
	rules.SetBits(flow.FieldIPDst, 0x3ff)
	shapes := []struct {
		name  string
		mask  flow.Mask
		flows int
		emc   int
		at    int  // where the flow's number is: rig.flowAt
		left  bool // the port's packets may lack their checksum, as those from a veth device or a tap
	}{
		{"port-rule-1flow", flow.Mask{}, 1, 1, 0, false},
		{"ip-rule-1flow", ip, 1, 1, 0, false},
		{"network-rule-100000flows", network, 100000, 1, 0, false},
		{"ip-rule-1024flows", ip, 1024, 1, 0, false},
		{"ip-rule-1024flows-partial-checksums", ip, 1024, 1, 0, true},
		{"ip-rule-100000flows", ip, 100000, 100, 0, false},
		{"24rules-768flows-megaflow", tail, 768, -1, 30, false},
		{"1024rules-32768flows", rules, 32768, 1, 30, false},
		{"megaflow-1024flows", ip, 1024, -1, 0, false},
	}
	for _, s := range shapes {
		b.Run(s.name, func(b *testing.B) {
			r := newRig(b, &byPort{mask: s.mask}, s.emc)
			r.w.port(1).partial, r.flowAt = s.left, s.at
			r.warm(testPacket, s.flows)
			b.ReportAllocs()
			for b.Loop() {
				r.cycle(testPacket, s.flows)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/frame.MaxBatch, "ns/pkt")
		})
	}
	b.Run("generator", func(b *testing.B) {
		r := newRig(b, &byPort{}, 1)
		b.ReportAllocs()
		for b.Loop() {
			n := r.gen.Fill(&r.batch, frame.MaxBatch)
			for i := range n {
				f := &r.batch.Frames()[i]
				r.gen.Pool().SetLen(f, len(testPacket))
				copy(r.gen.Pool().Bytes(*f), testPacket)
			}
			r.out.Send(&r.batch)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/frame.MaxBatch, "ns/pkt")
	})
}
