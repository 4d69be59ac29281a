//go:build integration

package peers

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/ovs"
	"github.com/culvertdev/culvert/bench/testpmd"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/frontend"
)

// Ways to be a guest.
var guises = map[string]frontend.Options{
	"packed":                       {},
	"packed, not mergeable":        {NoMergeable: true},
	"packed, flags for events":     {NoEventIndex: true},
	"packed, any order, inflight":  {NoInOrder: true},
	"split":                        {Split: true},
	"split, not mergeable":         {Split: true, NoMergeable: true},
	"split, any order, flags":      {Split: true, NoInOrder: true, NoEventIndex: true},
	"split, offloads, no inflight": {Split: true, Offload: true, NoInflight: true},
}

// A pair is two frontends in one process, between which a switch is to pass packets.
type pair struct {
	*site
	pool  *frame.Pool
	cache *frame.Cache
	ports [2]*frontend.Port
	batch frame.Batch
	rand  *rand.Rand
	sent  uint64
}

// pair opens frontends that listen on the sockets of ports 0 and 1.
func (s *site) pair(o frontend.Options) *pair {
	s.Helper()
	pool, err := frame.NewPool(frame.Options{Buffers: 8192, Huge: frame.HugeNever, Audit: true})
	must(s.T, err)
	s.Cleanup(func() { must(s.T, pool.Close()) })
	p := &pair{site: s, pool: pool, rand: rand.New(rand.NewPCG(1, 2))}
	p.cache, err = pool.NewCache()
	must(s.T, err)
	s.Cleanup(p.cache.Close)
	for i := range p.ports {
		o.Pool, o.Path = pool, s.socket(i)
		if testing.Verbose() {
			o.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
		}
		p.ports[i], err = frontend.Open("guest", o)
		must(s.T, err)
		s.Cleanup(func() { must(s.T, p.ports[i].Close()) })
	}
	return p
}

// meet waits until both have a link and packets pass both ways: a switch begins to poll a port some time after it has
// accepted the guest, and what it gets for a port without buffers yet it drops.
func (p *pair) meet() {
	p.Helper()
	for passed := [2]bool{}; passed != [2]bool{true, true}; {
		if p.ctx.Err() != nil {
			p.Fatalf("nothing passes: %+v, %+v", p.ports[0].State(), p.ports[1].State())
		}
		for i, port := range p.ports {
			if f, ok := p.cache.FromBytes(p.packet()); ok {
				p.batch.Append(f)
				port.TxQueues()[0].Send(&p.batch)
				port.TxQueues()[0].Flush()
			}
			passed[1-i] = passed[1-i] || p.drain(p.ports[1-i]) > 0
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// packet makes the next packet: random length and bytes, with a number by which it is known.
func (p *pair) packet() []byte {
	b := make([]byte, 60+p.rand.IntN(1514-60+1))
	for i := range b {
		b[i] = byte(p.rand.Uint32())
	}
	copy(b, []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5}) // IEEE 802, local experimental
	binary.BigEndian.PutUint64(b[14:], p.sent)
	p.sent++
	return b
}

// exchange sends packets from one port and sees them arrive at the other, as they were and in order, a few at a time. What
// was sent before may still arrive.
func (p *pair) exchange(from, n int) {
	p.Helper()
	first := p.sent
	rx, tx := p.ports[1-from].RxQueues()[0], p.ports[from].TxQueues()[0]
	for n > 0 {
		var want [][]byte
		for range min(n, 1+p.rand.IntN(frame.MaxBatch)) {
			b := p.packet()
			f, ok := p.cache.FromBytes(b)
			if !ok {
				p.Fatal("the arena is empty")
			}
			p.batch.Append(f)
			want = append(want, b)
		}
		n -= len(want)
		tx.Send(&p.batch)
		tx.Flush()
		for end := time.Now().Add(30 * time.Second); len(want) > 0; {
			rx.Recv(&p.batch)
			for _, f := range p.batch.Frames() {
				got := p.pool.AppendTo(nil, f)
				if len(got) >= 22 && binary.BigEndian.Uint64(got[14:]) < first {
					continue
				}
				if len(want) == 0 || !bytes.Equal(got, want[0]) {
					p.Fatalf("received %d bytes, %x…; want %d packets, number %d first", len(got), got[:22], len(want), p.sent-uint64(len(want)))
				}
				want = want[1:]
			}
			p.cache.PutBatch(&p.batch)
			tx.Flush()
			if time.Now().After(end) {
				p.Fatalf("%d packets did not arrive: %+v", len(want), p.ports[1-from].State())
			}
		}
	}
}

// drain throws away what has arrived at a port, and returns how much that was.
func (p *pair) drain(port *frontend.Port) (n int) {
	for {
		got := port.RxQueues()[0].Recv(&p.batch)
		p.cache.PutBatch(&p.batch)
		if n += got; got == 0 {
			return n
		}
	}
}

// backend starts testpmd as the switch between the two sockets.
func (s *site) backend() *testpmd.Testpmd {
	s.Helper()
	p, err := testpmd.Start(s.ctx, s.generator(testpmd.Options{
		Name: "backend", Mode: "io", CPU: 1,
		Ports: []testpmd.Port{testpmd.Backend{Socket: s.socket(0), Client: true}, testpmd.Backend{Socket: s.socket(1), Client: true}},
	}))
	must(s.T, err)
	must(s.T, p.Forward(s.ctx))
	return p
}

// TestFrontendsUnderLoadBehindTestpmd has the next one after it.
func TestFrontendsOnTestpmdWhichIsKilled(t *testing.T) {
	need(t, testpmd.Missing)
	for name, o := range guises {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, 3*time.Minute) // testpmd takes its time where others work, too
			p := s.pair(o)
			b := s.backend()
			p.meet()
			p.exchange(0, 3000)
			p.exchange(1, 3000)
			must(t, b.Kill())
			for p.ports[0].LinkUp() || p.ports[1].LinkUp() {
				if s.ctx.Err() != nil {
					t.Fatal("the link outlives the back end")
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
}

func TestFrontendsOnOpenVSwitchWithDPDK(t *testing.T) {
	need(t, ovs.MissingDPDK)
	pages, err := machine.BorrowHugepages(320 << 20)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { must(t, pages.Give()) })
	s := newSite(t, 2*time.Minute)
	sw, err := ovs.Start(s.ctx, ovs.DPDK{CPU: 1, Memory: 256}.Apply(ovs.Options{Dir: s.path("ovs"), Spawn: s.lab.Switch.Start}))
	must(t, err)
	defer func() { must(t, sw.Stop()) }()
	must(t, sw.AddBridge(s.ctx, "br0", []ovs.Port{{Name: "vu0", Number: 1, Socket: s.socket(0)}, {Name: "vu1", Number: 2, Socket: s.socket(1)}}))
	for _, rule := range across {
		_, err := sw.Ofctl(s.ctx, "OpenFlow13", "add-flow", "br0", rule)
		must(t, err)
	}
	for name, o := range guises {
		t.Run(name, func(t *testing.T) {
			p := s.within(t).pair(o)
			p.meet()
			p.exchange(0, 3000)
			p.exchange(1, 3000)
		})
	}
}
