package datapath

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/frame"
	"golang.org/x/sys/unix"
)

// threadTime returns the CPU time of the calling thread, which the goroutine is locked to: what others do on
// the machine is not in it.
func threadTime(tb testing.TB) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// flood is a switch that serves its own slow path, on the goroutine of whoever holds it, under nothing but first
// packets of new flows: a batch a cycle, on a clock that has flows come at a steady rate, and walks over the cache
// whenever a running switch would make them.
type flood struct {
	sw     *Switch
	w      *pipeline
	out    *sink
	gen    *frame.Cache
	batch  frame.Batch
	packet []byte
	n      uint32
	now    int64
	walked int64
}

// floodInterval is the time between two new flows.
const floodInterval = 2500 * time.Nanosecond

func newFlood(tb testing.TB, rules string) *flood {
	tb.Helper()
	pool, err := frame.NewPool(frame.Options{Buffers: 4096, Huge: frame.HugeNever})
	if err != nil {
		tb.Fatal(err)
	}
	f := &flood{packet: append([]byte(nil), testPacket...), now: 1}
	f.sw, err = newSwitch(Options{
		Pool: pool, SlowPath: SlowPath{Server: ByWorkers}, Clock: cpu.NewManualClock(func() int64 { return f.now }),
	}, new(encap.Counters))
	if err != nil {
		tb.Fatal(err)
	}
	f.w = f.sw.pipes[0]
	f.w.flows.Offline() // but while a cycle runs
	table, err := openflow.New(openflow.Options{Clock: func() int64 { return f.now }})
	if err != nil {
		tb.Fatal(err)
	}
	flows, err := openflow.ParseFlows(strings.NewReader(rules), "rules")
	if err != nil {
		tb.Fatal(err)
	}
	if err := table.AddFlows(flows); err != nil {
		tb.Fatal(err)
	}
	if err := f.sw.Apply(context.Background(), Config{Bridges: []BridgeConfig{{Name: "br0", Table: table}}}); err != nil {
		tb.Fatal(err)
	}
	f.out = newSink(tb, pool)
	for i, dev := range []*sink{newSink(tb, pool), f.out} {
		if err := f.sw.AddDevice("br0", PortConfig{Name: fmt.Sprint("p", i+1)}, dev); err != nil {
			tb.Fatal(err)
		}
	}
	if f.gen, err = pool.NewCache(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		f.gen.Close()
		if err := f.sw.Close(); err != nil {
			tb.Error(err)
		}
		if err := pool.Close(); err != nil {
			tb.Error(err)
		}
	})
	return f
}

// cycle is a poll cycle with a batch of new flows, and what follows from it.
func (f *flood) cycle() {
	pool := f.gen.Pool()
	f.gen.Fill(&f.batch, frame.MaxBatch)
	for i := range f.batch.Frames() {
		fr := &f.batch.Frames()[i]
		pool.SetLen(fr, len(f.packet))
		b := pool.Bytes(*fr)
		copy(b, f.packet)
		f.n += 2654435769 // goes through all numbers, near ones far apart
		binary.BigEndian.PutUint32(b[34:], f.n)
	}
	f.w.flows.Online()
	f.w.Process(1, &f.batch)
	for f.w.Flush(f.now); f.w.asking || f.w.pending(); {
		f.w.Flush(f.now)
	}
	f.w.flows.Offline()
	f.now += frame.MaxBatch * floodInterval.Nanoseconds()
	f.housekeep()
}

// housekeep is Switch.revalidate.
func (f *flood) housekeep() {
	if f.now-f.walked >= int64(10*time.Millisecond) {
		select {
		case <-f.sw.learnt:
		default:
		}
		if f.now-f.walked >= int64(500*time.Millisecond) || f.sw.reval.Due() {
			f.sw.reval.Walk()
			f.sw.slow.Locked(f.sw.flows.SortMasks)
			f.walked = f.now
		}
	}
}

// floodRules are those of bench/tse.
const floodRules = `
table=0,priority=100,udp,in_port=1,actions=move:NXM_OF_UDP_SRC[]->NXM_NX_REG0[0..15],move:NXM_OF_UDP_DST[]->NXM_NX_REG0[16..31],resubmit(,1)
table=1,priority=20,udp,nw_src=192.0.2.0/24,actions=drop
table=1,priority=20,udp,reg0=0x12345678,actions=drop
table=1,priority=10,udp,actions=output:2
`

// BenchmarkNewFlows is CPU time for each new flow: the whole way of its first packet through a worker that serves
// the slow path itself, and the removal of older flows.
func BenchmarkNewFlows(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f := newFlood(b, floodRules)
	for range 4096 {
		f.cycle()
	}
	sent := f.out.sent
	b.ReportAllocs()
	b.ResetTimer()
	start := threadTime(b)
	for range b.N {
		f.cycle()
	}
	took := threadTime(b) - start
	if want := b.N * frame.MaxBatch; f.out.sent-sent != want {
		b.Fatalf("%d of %d packets left", f.out.sent-sent, want)
	}
	b.ReportMetric(float64(took.Nanoseconds())/float64(b.N)/frame.MaxBatch, "cpu-ns/flow")
}

func TestAFloodOfNewFlowsMakesNoGarbage(t *testing.T) {
	if testing.Short() {
		t.Skip("long, and of one goroutine: the race detector would see nothing in it")
	}
	f := newFlood(t, floodRules)
	for range 2048 { // until room is scarce, and a few walks
		f.cycle()
	}
	if n := testing.AllocsPerRun(1024, f.cycle); n != 0 {
		t.Errorf("%v objects allocated for %d new flows, want none", n, frame.MaxBatch)
	}
}
