//go:build integration

package peers

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/testpmd"
)

// load starts a generator on the two sockets.
func (s *site) load(g testpmd.Guest) *testpmd.Testpmd {
	s.Helper()
	var ports []testpmd.Port
	for i := range 2 {
		g.Socket = s.socket(i)
		ports = append(ports, g)
		if !g.Client {
			os.Remove(g.Socket) // a guest that was killed leaves it, and testpmd wants to make it
		}
	}
	p, err := testpmd.Start(s.ctx, s.generator(testpmd.Options{
		Name: "load", Ports: ports, Mode: "flowgen", Queues: g.Queues, RingSize: g.RingSize,
	}))
	must(s.T, err)
	must(s.T, p.Forward(s.ctx))
	return p
}

// layouts are the guests that are killed, and that see the switch killed.
func layouts() (all []testpmd.Guest) {
	for _, packed := range []bool{false, true} {
		all = append(all,
			testpmd.Guest{Packed: packed, Queues: 1, RingSize: 256},
			testpmd.Guest{Packed: packed, Queues: 1, RingSize: 256, InOrder: true},
			testpmd.Guest{Packed: packed, Queues: 2, RingSize: 256, InOrder: packed, Mergeable: true},
		)
	}
	return all
}

// A guest that is killed while packets move leaves its rings in any state. The switch loses no frame, and the next guest
// finds the port as if it were the first.
func TestAGuestIsKilledUnderLoadAndTheNextOneWorks(t *testing.T) {
	need(t, testpmd.Missing)
	s := newSite(t, 3*time.Minute)
	for _, server := range []bool{false, true} {
		options := []string{"queues: 2"}
		if server {
			options = append(options, "mode: server")
		}
		d := s.start([]string{s.vhostPort(0, options...), s.vhostPort(1, options...)}, across)
		for _, g := range layouts() {
			name := describe(g)
			if server {
				name += ", the switch listens"
			}
			t.Run(name, func(t *testing.T) {
				s := s.within(t)
				g.Client = server
				for _, end := range []func(*testpmd.Testpmd) error{(*testpmd.Testpmd).Kill, (*testpmd.Testpmd).Stop} {
					p := s.load(g)
					s.move(d, p, g.Queues)
					must(s.T, end(p))
				}
			})
		}
		s.faultless(d)
		s.stop(d)
	}
}

// A switch that is killed while packets move comes back, and the guest goes on without being told.
func TestTheSwitchIsKilledUnderLoadAndTheGuestGoesOn(t *testing.T) {
	need(t, testpmd.Missing)
	s := newSite(t, 3*time.Minute)
	ports := []string{s.vhostPort(0, "queues: 2"), s.vhostPort(1, "queues: 2")}
	for _, g := range layouts() {
		t.Run(describe(g), func(t *testing.T) {
			s := s.within(t)
			d := s.start(ports, across)
			p := s.load(g)
			defer p.Kill()
			s.move(d, p, g.Queues)
			must(s.T, d.Kill())
			d = s.start(ports, across)
			s.move(d, p, g.Queues)
			s.stop(d) // in order
			d = s.start(ports, across)
			s.move(d, p, g.Queues)
			must(s.T, p.Stop())
			s.faultless(d)
			s.stop(d)
		})
	}
}

// move waits until every port of the generator has received packets, and the switch has taken some from each of its pairs.
func (s *site) move(d *daemon.Daemon, p *testpmd.Testpmd, pairs int) {
	s.Helper()
	before := s.taken(d)
	s.arrive(p, 5000)
	for {
		now := s.taken(d)
		rest := 0
		for i := range now {
			for pair := range pairs {
				if now[i][pair] == before[i][pair] {
					rest++
				}
			}
		}
		if rest == 0 {
			return
		}
		select {
		case <-s.ctx.Done():
			s.Fatalf("wait for packets by each of %d pairs: had %d, now %d", pairs, before, now)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// taken is how many packets the switch has taken from each pair of each of its two ports. A daemon that has just started may
// not say of all yet: they are zero.
func (s *site) taken(d *daemon.Daemon) (packets [2][2]uint64) {
	s.Helper()
	tally, err := d.Tally(s.ctx)
	must(s.T, err)
	for i := range packets {
		p, _ := tally.Port(fmt.Sprint("vu", i))
		for _, q := range p.Queues {
			if q.Direction == "rx" {
				packets[i][q.Index] = q.Packets
			}
		}
	}
	return packets
}
