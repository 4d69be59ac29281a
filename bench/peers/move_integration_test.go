//go:build integration

package peers

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/guest"
	"github.com/culvertdev/culvert/bench/guest/inside"
	"github.com/culvertdev/culvert/bench/traffic"
)

// Two guests, one with split and one with packed rings, send TCP to each other all the time, every byte compared. Meanwhile
// they enable and disable queue pairs, and then each is moved to another machine, on another port of the switch.
func TestGuestsMoveUnderLoad(t *testing.T) {
	need(t, guest.Missing)
	s := newSite(t, 4*time.Minute)
	var ports []string
	for i := range 4 {
		ports = append(ports, s.vhostPort(i, "queues: 2"))
	}
	d := s.start(ports, []string{"actions=NORMAL"})
	defer s.stop(d)
	kinds := []guest.Options{{Queues: 2}, {Queues: 2, Device: []string{"packed=on"}}}
	guests := s.bootAll(kinds)
	load := s.stream(guests[0], guests[1])
	t.Run("queues are disabled and enabled", func(t *testing.T) { s.within(t).changeQueues(d, guests, load) })
	t.Run("guests move", func(t *testing.T) { s.within(t).moveGuests(d, guests, kinds, load) })
	load.stop(t)
	e, err := guests[0].Ping(s.ctx, guests[1].addrs[0], traffic.Ping{Count: 3, Timeout: 5 * time.Second})
	must(t, err)
	if e.Lost() > 0 {
		t.Errorf("ping after all: %s", e)
	}
	s.faultless(d)
}

// Guests behind an IOMMU, one of which has packed rings: what the switch writes to is noted by the guest's own addresses, and
// the address that QEMU sends for the log of a ring is none of those.
func TestGuestsBehindAnIOMMUMove(t *testing.T) {
	need(t, guest.Missing)
	s := newSite(t, 4*time.Minute)
	var ports []string
	for i := range 4 {
		ports = append(ports, s.vhostPort(i))
	}
	d := s.start(ports, []string{"actions=NORMAL"})
	defer s.stop(d)
	kinds := []guest.Options{{IOMMU: true}, {IOMMU: true, Device: []string{"packed=on"}}}
	guests := s.bootAll(kinds)
	for e := (traffic.Echoes{}); e.Received == 0; { // the first ones may be dropped while their buffers are asked about
		var err error
		e, err = guests[0].Ping(s.ctx, guests[1].addrs[0], traffic.Ping{Count: 1, Timeout: time.Second})
		must(t, err)
	}
	load := s.stream(guests[0], guests[1])
	s.moveGuests(d, guests, kinds, load)
	load.stop(t)
	s.faultless(d)
}

// changeQueues has each guest use one pair and two, in turn.
func (s *site) changeQueues(d *daemon.Daemon, guests []party, load *stream) {
	for i, g := range guests {
		name := fmt.Sprint("vu", i)
		for _, pairs := range []int{1, 2, 1, 2} {
			_, err := g.SetLink(s.ctx, inside.Link{Name: guest.Link, Queues: pairs})
			must(s.T, err)
			load.pass(s)
			// A disabled pair's ring that the guest transmits on runs, too: what comes there is dropped.
			s.Logf("%s with %d pairs: %+v", name, pairs, s.port(d, name).Notes)
		}
	}
}

// moveGuests moves each guest to the port that is two further.
func (s *site) moveGuests(d *daemon.Daemon, guests []party, kinds []guest.Options, load *stream) {
	for i, g := range guests {
		o := kinds[i]
		o.MAC = hardware(i)
		p, err := guest.Prepare(s.ctx, s.place(o, "place", i+2))
		must(s.T, err)
		begun := time.Now()
		if err := g.guest.MoveTo(s.ctx, p); err != nil {
			s.Fatal(errors.Join(err, p.Kill()))
		}
		s.Logf("%s has moved in %v", g.name, time.Since(begun).Round(time.Millisecond))
		load.pass(s)
		from, to := s.port(d, fmt.Sprint("vu", i)), s.port(d, fmt.Sprint("vu", i+2))
		if n := daemon.Value(from.Counters, "migrations"); n != 1 {
			s.Errorf("%s: dirty pages were logged %d times, want once", from.Name, n)
		}
		if from.LinkUp || !to.LinkUp {
			s.Errorf("the links of %s and %s are up: %t, %t", from.Name, to.Name, from.LinkUp, to.LinkUp)
		}
	}
}

// A stream is TCP from one party to another, in one connection after the other.
type stream struct {
	cancel context.CancelFunc
	sums   chan traffic.Transfer // the latest connection that has ended well
	err    chan error            // how the stream ended
}

func (s *site) stream(from, to party) *stream {
	ctx, cancel := context.WithCancel(s.ctx)
	l := &stream{cancel, make(chan traffic.Transfer, 1), make(chan error, 1)}
	go func() {
		for ctx.Err() == nil {
			sum, err := guest.Bulk(s.ctx, from.Host, to.Host, to.addrs[0], 300*time.Millisecond)
			if err != nil {
				l.err <- err
				return
			}
			l.forget()
			l.sums <- sum
		}
		l.err <- nil
	}()
	return l
}

func (l *stream) forget() {
	select {
	case <-l.sums:
	default:
	}
}

// pass waits until a connection has ended well whose last bytes were sent from now on.
func (l *stream) pass(s *site) {
	s.Helper()
	l.forget()
	select {
	case sum := <-l.sums:
		s.Log(sum)
	case err := <-l.err:
		l.err <- err
		s.Fatal(err)
	}
}

// stop ends the stream, which has met no error.
func (l *stream) stop(t *testing.T) {
	t.Helper()
	l.cancel()
	must(t, <-l.err)
}
