//go:build integration

package peers

import (
	"fmt"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/testpmd"
)

var across = []string{"in_port=1,actions=output:2", "in_port=2,actions=output:1"}

// One daemon sees guests of all kinds come and go. Each layout of rings sees short packets and long ones: starting a generator
// takes longer than its packets.
func TestTestpmdWithEveryKindOfRings(t *testing.T) {
	need(t, testpmd.Missing)
	s := newSite(t, 4*time.Minute)
	d := s.start([]string{s.vhostPort(0, "queues: 2"), s.vhostPort(1, "queues: 2")}, across)
	defer s.stop(d)
	for _, packed := range []bool{false, true} {
		for _, mergeable := range []bool{false, true} {
			for _, inOrder := range []bool{false, true} {
				for queues, length := range map[int]int{1: 64, 2: 1518} {
					g := testpmd.Guest{Packed: packed, Mergeable: mergeable, InOrder: inOrder, Queues: queues, RingSize: 256 * queues}
					t.Run(describe(g), func(t *testing.T) { s.within(t).passPackets(d, g, length) })
				}
			}
		}
	}
	s.faultless(d)
}

func describe(g testpmd.Guest) string {
	name := map[bool]string{false: "split", true: "packed"}[g.Packed]
	if g.Mergeable {
		name += ", mergeable"
	}
	if g.InOrder {
		name += ", in order"
	}
	return fmt.Sprintf("%s, %d pairs", name, g.Queues)
}

// within is the site for a part of the test.
func (s *site) within(t *testing.T) *site {
	part := *s
	part.T = t
	return &part
}

// passPackets lets a generator with two ports of the given kind send itself packets, of the given length.
func (s *site) passPackets(d *daemon.Daemon, g testpmd.Guest, length int) {
	var ports []testpmd.Port
	for i := range 2 {
		g.Socket = s.socket(i)
		ports = append(ports, g)
	}
	pmd, err := testpmd.Start(s.ctx, s.generator(testpmd.Options{
		Name: "guest", Ports: ports, Mode: "flowgen", Length: length, Queues: g.Queues, RingSize: g.RingSize,
	}))
	must(s.T, err)
	defer pmd.Kill()
	must(s.T, pmd.Forward(s.ctx))
	s.arrive(pmd, 5000)
	must(s.T, pmd.Halt(s.ctx)) // while it forwards, its counters are not of one moment
	counters, err := pmd.Counters(s.ctx)
	must(s.T, err)
	for i, c := range counters {
		if want := c.RxPackets * uint64(length-4); c.RxBytes != want || c.RxErrors > 0 {
			s.Errorf("port %d, packets of %d bytes: want %d bytes, got %+v", i, length-4, want, c)
		}
	}
	for i := range 2 {
		p := s.port(d, fmt.Sprint("vu", i))
		if !p.LinkUp {
			s.Errorf("%s has no link while its guest receives: %+v", p.Name, p.Notes)
		}
		for _, q := range p.Queues {
			if q.Direction == "rx" && q.Index < g.Queues && q.Packets == 0 {
				s.Errorf("%s: nothing has come by pair %d", p.Name, q.Index)
			}
		}
	}
	must(s.T, pmd.Stop())
}

// Packets in several buffers: what testpmd sends first has four segments, and what it receives is merged of buffers
// that hold a third of a packet. It passes packets round and round, so each is sent both ways.
func TestTestpmdWithPacketsInSeveralBuffers(t *testing.T) {
	need(t, testpmd.Missing)
	s := newSite(t, time.Minute)
	d := s.start([]string{s.vhostPort(0), s.vhostPort(1)}, across)
	defer s.stop(d)
	for _, packed := range []bool{false, true} {
		t.Run(map[bool]string{false: "split", true: "packed"}[packed], func(t *testing.T) {
			s := s.within(t)
			pmd, err := testpmd.Start(s.ctx, s.generator(testpmd.Options{
				Name: "guest", Mode: "io", RingSize: 256,
				Ports: []testpmd.Port{
					testpmd.Guest{Socket: s.socket(0), Packed: packed, Mergeable: true, RingSize: 256},
					testpmd.Guest{Socket: s.socket(1), Packed: packed, Mergeable: true, RingSize: 256},
				},
				// Buffers of 640 bytes, 128 of them headroom; RX scatter, TX of several segments (rte_ethdev.h).
				Extra: []string{"--mbuf-size=640", "--enable-scatter", "--tx-offloads=0x8000", "--txpkts=100,500,500,200"},
			}))
			must(s.T, err)
			defer pmd.Kill()
			_, err = pmd.Run(s.ctx, "start tx_first 2")
			must(s.T, err)
			s.arrive(pmd, 2000)
			must(s.T, pmd.Halt(s.ctx))
			counters, err := pmd.Counters(s.ctx)
			must(s.T, err)
			for i, c := range counters {
				if c.RxBytes != 1300*c.RxPackets || c.RxErrors > 0 {
					s.Errorf("port %d, packets of 1300 bytes: got %+v", i, c)
				}
			}
			must(s.T, pmd.Stop())
		})
	}
	s.faultless(d)
}
