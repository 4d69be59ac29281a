//go:build integration

package peers

import (
	"os"
	"testing"
	"time"

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
	p, err := testpmd.Start(s.ctx, s.generator(testpmd.Options{Name: "load", Ports: ports, Mode: "flowgen", RingSize: 256}))
	must(s.T, err)
	must(s.T, p.Forward(s.ctx))
	return p
}

var layouts = map[string]testpmd.Guest{
	"split":            {RingSize: 256},
	"split, in order":  {RingSize: 256, InOrder: true},
	"packed":           {RingSize: 256, Packed: true},
	"packed, in order": {RingSize: 256, Packed: true, InOrder: true},
}

// A guest that is killed while packets move leaves its rings in any state. The switch loses no frame, and the next guest
// finds the port as if it were the first.
func TestAGuestIsKilledUnderLoadAndTheNextOneWorks(t *testing.T) {
	need(t, testpmd.Missing)
	s := newSite(t, 2*time.Minute)
	for _, server := range []bool{false, true} {
		options := []string{}
		if server {
			options = []string{"mode: server"}
		}
		d := s.start([]string{s.vhostPort(0, options...), s.vhostPort(1, options...)}, across)
		for name, g := range layouts {
			if server {
				name += ", the switch listens"
			}
			t.Run(name, func(t *testing.T) {
				s := s.within(t)
				g.Client = server
				for range 2 {
					p := s.load(g)
					s.arrive(p, 5000)
					must(s.T, p.Kill())
				}
				p := s.load(g)
				s.arrive(p, 5000)
				must(s.T, p.Stop())
			})
		}
		s.faultless(d)
		s.stop(d)
	}
}

// A switch that is killed while packets move comes back, and the guest goes on without being told.
func TestTheSwitchIsKilledUnderLoadAndTheGuestGoesOn(t *testing.T) {
	need(t, testpmd.Missing)
	s := newSite(t, 2*time.Minute)
	ports := []string{s.vhostPort(0), s.vhostPort(1)}
	for name, g := range layouts {
		t.Run(name, func(t *testing.T) {
			s := s.within(t)
			d := s.start(ports, across)
			p := s.load(g)
			defer p.Kill()
			for i := range 3 {
				s.arrive(p, 5000)
				if i == 2 {
					s.stop(d) // in order
				} else {
					must(s.T, d.Kill())
				}
				d = s.start(ports, across)
			}
			s.arrive(p, 5000)
			must(s.T, p.Stop())
			s.faultless(d)
			s.stop(d)
		})
	}
}
