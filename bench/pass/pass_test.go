package pass

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost"
	"github.com/culvertdev/culvert/vhost/frontend"
)

// TestMain gives the process the threads that workers ask for beside other work: see pmd.Worker.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0)))
	os.Exit(m.Run())
}

// BenchmarkPass sends packets of 1024 flows both ways as fast as they go.
func BenchmarkPass(b *testing.B) {
	for _, rings := range []string{"split", "packed"} {
		for _, size := range []int{64, 512, 1518} {
			for _, row := range []string{"nothing", "port", "addresses"} {
				b.Run(fmt.Sprintf("%s/%d/%s", rings, size, row), func(b *testing.B) {
					pass(b, rings == "split", size-4, row)
				})
			}
		}
	}
}

// pass is one row: b.N bursts of 64 packets from each guest.
func pass(b *testing.B, split bool, size int, row string) {
	if workerCPU() > 0 { // the guests have another CPU; the thread ends with its goroutine
		runtime.LockOSThread()
		if err := cpu.Pin(0); err != nil {
			b.Fatal(err)
		}
	}
	r := newRig(b, split, row)
	g := r.guests(b, size)
	for range 200 {
		g.turn() // caches and pages
	}
	g.got = 0
	b.ResetTimer()
	for range b.N {
		g.turn()
	}
	b.StopTimer()
	b.ReportMetric(float64(g.got)/1e6/b.Elapsed().Seconds(), "Mpps")
	r.stages.in.report(b, "recv-cycles/pkt")
	r.stages.between.report(b, "switch-cycles/pkt")
	r.stages.out.report(b, "send-cycles/pkt")
}

// A rig is two guests' ports and what is between them.
type rig struct {
	clock  *cpu.Clock
	stages *stages
	pool   *frame.Pool
	rx     [2]*timedRx
	tx     [2]*timedTx
	worker *pmd.Worker // of a patch
	sw     *datapath.Switch
	ends   [2]*frontend.Port
	memory [2]*frame.Pool // the guests'
}

func newRig(b *testing.B, split bool, row string) *rig {
	b.Helper()
	r := &rig{clock: cpu.NewClock()}
	r.stages = &stages{clock: r.clock}
	var err error
	if r.pool, err = frame.NewPool(frame.Options{}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { closed(b, r.pool.Close()) })
	var ports [2]*timedPort
	for i := range ports {
		path := filepath.Join(b.TempDir(), "s")
		memory, err := frame.NewPool(frame.Options{Buffers: 8192})
		if err != nil {
			b.Fatal(err)
		}
		r.memory[i] = memory
		b.Cleanup(func() { closed(b, memory.Close()) })
		r.ends[i], err = frontend.Open("guest", frontend.Options{Pool: memory, Path: path, Split: split, NoMergeable: true, NoEventIndex: true})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { closed(b, r.ends[i].Close()) })
		p, err := vhost.Open(fmt.Sprint("p", i), vhost.Options{Pool: r.pool, Path: path, Clock: r.clock})
		if err != nil {
			b.Fatal(err)
		}
		r.rx[i] = &timedRx{RxQueue: p.RxQueues()[0], stages: r.stages}
		r.tx[i] = &timedTx{TxQueue: p.TxQueues()[0], stages: r.stages}
		ports[i] = &timedPort{Port: p, rx: r.rx[i], tx: r.tx[i]}
	}
	if row == "nothing" {
		r.patch(b, ports)
	} else {
		r.bridge(b, ports, row)
	}
	for i := range ports {
		for !ports[i].LinkUp() || !r.ends[i].LinkUp() {
			time.Sleep(time.Millisecond)
		}
	}
	return r
}

// A patch sends what one port receives out of the other.
type patch struct{ out [2]*timedTx }

func (p *patch) Process(port uint32, b *frame.Batch) { p.out[1-port].Send(b) }
func (p *patch) Park() bool                          { return false }
func (p *patch) Resume()                             {}
func (p *patch) Flush(int64) int {
	for _, q := range p.out {
		q.Flush()
	}
	return 0
}

// patch puts nothing between the ports but a worker.
func (r *rig) patch(b *testing.B, ports [2]*timedPort) {
	r.worker = pmd.NewWorker(pmd.WorkerConfig{CPU: workerCPU(), Clock: r.clock}, &patch{out: r.tx})
	for i, q := range r.rx {
		if err := r.worker.AddQueue(uint32(i), q); err != nil {
			b.Fatal(err)
		}
	}
	if err := r.worker.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		r.worker.Stop()
		for i, q := range r.rx {
			r.worker.RemoveQueue(q)
			closed(b, ports[i].Close())
		}
	})
}

// bridge puts the switch between the ports.
func (r *rig) bridge(b *testing.B, ports [2]*timedPort, row string) {
	var err error
	r.sw, err = datapath.New(datapath.Options{
		Pool: r.pool, Clock: r.clock, Workers: datapath.WorkersConfig{CPUs: cpus(), Latency: -1},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { closed(b, r.sw.Close()) })
	t := &wires{byAddress: row == "addresses"}
	if err := r.sw.Apply(context.Background(), datapath.Config{Bridges: []datapath.BridgeConfig{{Name: "br0", Table: t}}}); err != nil {
		b.Fatal(err)
	}
	for i, p := range ports {
		if err := r.sw.AddDevice("br0", datapath.PortConfig{Name: fmt.Sprint("p", i)}, p); err != nil {
			b.Fatal(err)
		}
	}
}

// wires is a rule table: what comes in by port 1 leaves by port 2, and the other way round.
type wires struct{ byAddress bool }

func (w *wires) Lookup(q *rules.Query, v *rules.Verdict) error {
	if w.byAddress {
		v.Mask.SetExact(flow.FieldIPDst)
	}
	v.Actions.Output(3 - binary.BigEndian.Uint32(q.Key[flow.Base][flow.OffInPort:]))
	return nil
}
func (w *wires) Changes(uint64, *rules.ChangeSet) uint64 { return 1 }
func (w *wires) Credit([]uint64, uint64, uint64, int64)  {}

// workerCPU is where the worker runs: the last CPU, or anywhere if there is only one.
func workerCPU() int {
	if runtime.NumCPU() < 2 {
		return -1
	}
	return runtime.NumCPU() - 1
}

func cpus() []int {
	if n := workerCPU(); n >= 0 {
		return []int{n}
	}
	return nil
}

func closed(b *testing.B, err error) {
	if err != nil {
		b.Error(err)
	}
}
