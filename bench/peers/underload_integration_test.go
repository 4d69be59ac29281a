//go:build integration

package peers

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/ovs"
	"github.com/culvertdev/culvert/bench/testpmd"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/frontend"
	"github.com/culvertdev/culvert/vhost/frontend/vnf/vnftest"
)

// ends are two guests of a switch that has a wire between them: each sends numbered packets to the other, which looks at
// the order they come in.
type ends struct {
	t     testing.TB
	pool  *frame.Pool
	cache *frame.Cache
	batch frame.Batch
	ports [2]*frontend.Port
	next  uint32 // number to send next
	stop  chan struct{}
	wg    sync.WaitGroup

	mu    sync.Mutex
	last  [2][]int64 // by port and pair: number received last
	count [2]int     // received
}

// newEnds opens both, with the options given, and has them send.
func newEnds(t testing.TB, paths []string, o frontend.Options) *ends {
	t.Helper()
	pool, err := frame.NewPool(frame.Options{Buffers: 8192, Audit: true}) // on hugepages, where there are some
	must(t, err)
	e := &ends{t: t, pool: pool, stop: make(chan struct{})}
	e.cache, err = pool.NewCache()
	must(t, err)
	o.Pool, o.RingSize = pool, 256
	for i := range e.ports {
		o.Path = paths[i]
		e.ports[i], err = frontend.Open(fmt.Sprintf("guest%d", i), o)
		must(t, err)
		for range e.ports[i].RxQueues() {
			e.last[i] = append(e.last[i], -1)
		}
	}
	e.wg.Go(e.run)
	return e
}

// run sends and receives until the end.
func (e *ends) run() {
	for {
		select {
		case <-e.stop:
			return
		default:
		}
		idle := true
		for i, p := range e.ports {
			for q, rx := range p.RxQueues() {
				e.send(p, q)
				if rx.Recv(&e.batch) > 0 {
					e.check(i, q)
					idle = false
				}
				e.cache.PutBatch(&e.batch)
			}
		}
		if idle {
			time.Sleep(20 * time.Microsecond) // the switch wants a CPU, too
		}
	}
}

func (e *ends) send(p *frontend.Port, q int) {
	e.cache.Fill(&e.batch, 16)
	for k := range e.batch.Frames() {
		f := &e.batch.Frames()[k]
		e.pool.SetLen(f, 60)
		b := e.pool.Bytes(*f)
		copy(b, []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5}) // an experimental type (IEEE 802)
		binary.BigEndian.PutUint32(b[14:], e.next)
		e.next++
	}
	p.TxQueues()[q].Send(&e.batch)
	p.TxQueues()[q].Flush()
}

// check looks at what a port received: a switch may drop, and nothing else.
func (e *ends) check(port, q int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.batch.Frames() {
		b := e.pool.Bytes(f)
		if binary.BigEndian.Uint16(b[12:]) != 0x88b5 {
			continue // the switch's own
		}
		n := int64(binary.BigEndian.Uint32(b[14:]))
		if n <= e.last[port][q] {
			e.t.Errorf("port %d queue %d: packet %d comes behind %d", port, q, n, e.last[port][q])
		}
		e.last[port][q] = n
		e.count[port]++
	}
}

// proceed waits until n more packets have come to each end.
func (e *ends) proceed(ctx context.Context, n int) {
	e.t.Helper()
	received := func() [2]int {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.count
	}
	start := received()
	for now := start; now[0] < start[0]+n || now[1] < start[1]+n; now = received() {
		select {
		case <-ctx.Done():
			e.t.Fatalf("%d and %d packets came, want %d; %+v %+v", now[0]-start[0], now[1]-start[1], n, e.ports[0].State(), e.ports[1].State())
		case <-time.After(time.Millisecond):
		}
	}
}

// close ends both; every frame is home then.
func (e *ends) close() {
	close(e.stop)
	e.wg.Wait()
	err := errors.Join(e.ports[0].Close(), e.ports[1].Close())
	e.cache.Close()
	if err := errors.Join(err, e.pool.Close()); err != nil {
		e.t.Error(err)
	}
}

// TestFrontendsUnderLoadBehindTestpmd has DPDK's vhost library at the other end, in all shapes of rings, and kills one side or the other
// under load.
func TestFrontendsUnderLoadBehindTestpmd(t *testing.T) {
	need(t, testpmd.Missing)
	for name, o := range map[string]frontend.Options{
		"packed":                    {},
		"packed, out of order":      {NoInOrder: true},
		"packed, by flags":          {NoEventIndex: true, NoMergeable: true},
		"split":                     {Split: true},
		"split, out of order":       {Split: true, NoInOrder: true, NoMergeable: true},
		"split, offloads, by flags": {Split: true, NoEventIndex: true, Offload: true},
		"two pairs":                 {Queues: 2},
		"two pairs, as client":      {Queues: 2, Client: true, Split: true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			paths := vnftest.Paths(t, 2)
			e := newEnds(t, paths, o)
			for range 2 {
				peer, err := testpmd.Start(ctx, testpmd.Options{
					Name: "switch", Mode: "io", CPU: 1, Memory: 192, NoHuge: true, Buffers: 16384,
					Ports: []testpmd.Port{
						testpmd.Backend{Socket: paths[0], Client: !o.Client, Queues: o.Queues},
						testpmd.Backend{Socket: paths[1], Client: !o.Client, Queues: o.Queues},
					},
				})
				must(t, err)
				defer peer.Kill()
				must(t, peer.Forward(ctx))
				e.proceed(ctx, 20000)
				must(t, peer.Kill())
				if o.Client { // DPDK does not listen where a socket is left behind
					must(t, errors.Join(os.Remove(paths[0]), os.Remove(paths[1])))
				}
			}
			e.close()
		})
	}
}

// TestFrontendsUnderLoadBehindOpenVSwitch has Open vSwitch with DPDK at the other end. It, and the guests, are started anew under load.
func TestFrontendsUnderLoadBehindOpenVSwitch(t *testing.T) {
	need(t, ovs.MissingDPDK)
	pages, err := machine.BorrowHugepages(512 << 20)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { must(t, pages.Give()) })
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	ns, err := lab.NewNamespace("ovs") // its bridge is an interface there
	must(t, err)
	defer func() { must(t, ns.Close()) }()
	paths := vnftest.Paths(t, 2)
	start := func() *ovs.Instance {
		sw, err := ovs.Start(ctx, ovs.DPDK{CPU: 1, Memory: 256}.Apply(ovs.Options{Dir: filepath.Join(t.TempDir(), "ovs"), Spawn: ns.Start}))
		must(t, err)
		must(t, sw.AddBridge(ctx, "br0", []ovs.Port{
			{Name: "vu0", Number: 1, Socket: paths[0]}, {Name: "vu1", Number: 2, Socket: paths[1]},
		}))
		for _, rule := range []string{"in_port=1,actions=2", "in_port=2,actions=1"} {
			_, err := sw.Ofctl(ctx, "OpenFlow13", "add-flow", "br0", rule)
			must(t, err)
		}
		return sw
	}
	sw := start()
	defer func() { must(t, sw.Stop()) }()
	for name, o := range map[string]frontend.Options{
		"packed": {}, "split": {Split: true}, "split, out of order, by flags": {Split: true, NoInOrder: true, NoEventIndex: true, Offload: true},
	} {
		t.Run(name, func(t *testing.T) {
			for range 3 { // the guests come and go
				e := newEnds(t, paths, o)
				e.proceed(ctx, 20000)
				e.close()
			}
		})
	}
	e := newEnds(t, paths, frontend.Options{})
	defer e.close()
	e.proceed(ctx, 1000)
	must(t, sw.Stop())
	sw = start()
	e.proceed(ctx, 20000)
}

// TestFrontendsUnderLoadBehindCulvert has the daemon at the other end, which is killed under load. It notes what it has taken from the rings:
// they outlive it, nothing that was in them is lost or comes twice.
func TestFrontendsUnderLoadBehindCulvert(t *testing.T) {
	need(t)
	for name, o := range map[string]frontend.Options{
		"packed": {}, "split": {Split: true}, "split, out of order": {Split: true, NoInOrder: true}, "packed, by flags": {NoEventIndex: true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			ns, err := lab.NewNamespace("culvert")
			must(t, err)
			defer func() { must(t, ns.Close()) }()
			paths := vnftest.Paths(t, 2)
			config := fmt.Sprintf("bridges:\n  - name: br0\n    ports:\n"+
				"      - {name: a, number: 1, type: vhost-user, options: {path: %s}}\n"+
				"      - {name: b, number: 2, type: vhost-user, options: {path: %s}}\n"+
				"    flows: [in_port=1 actions=2, in_port=2 actions=1]\n", paths[0], paths[1])
			e := newEnds(t, paths, o)
			dir := t.TempDir()
			for i := range 4 {
				d, err := daemon.Start(ctx, daemon.Options{Namespace: ns, Binary: built, Dir: dir, Config: config})
				must(t, err)
				e.proceed(ctx, 20000)
				for _, p := range e.ports {
					if s := p.State(); s.Resumed != (i > 0) {
						t.Errorf("start %d: rings resumed: %v", i, s.Resumed)
					}
				}
				must(t, d.Kill())
			}
			for i, p := range e.ports {
				for _, s := range p.Samples(nil) {
					if s.Name != "vhost_sessions" && s.Value != 0 {
						t.Errorf("port %d: %s is %d", i, s.Name, s.Value)
					}
				}
			}
			e.close()
		})
	}
}
