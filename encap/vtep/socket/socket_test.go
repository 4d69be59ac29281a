package socket

import (
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/vtep/learn"
	"github.com/culvertdev/culvert/encap/vtep/plugin"
	"github.com/culvertdev/culvert/encap/vtep/vteptest"
)

func TestAPlugInInAnotherProcessAnswers(t *testing.T) {
	s := newStand(t)
	s.start()
	p := s.accept()
	if err := s.Ask(guest); err != nil {
		t.Fatal(err)
	}
	if q, err := p.receive(plugin.Ask).Question(); err != nil || q != guest {
		t.Fatalf("asked for %v, %v", q, err)
	}
	p.answer(guest, found)
	if a := s.sink.WaitFor(t, guest); !a.Equal(&found) {
		t.Fatalf("answer %v", a)
	}
	m := plugin.Message{Type: plugin.Invalidate, All: true}
	p.send(&m)
	s.sink.Until(t, "an invalidation", func() bool { return len(s.sink.Scopes()) == 1 })
	p.send(&plugin.Message{Type: plugin.Recovered})
	s.sink.Until(t, "a recovery", func() bool { return s.sink.Recoveries() == 2 })
	if st := s.Status(); !st.Up || !strings.HasSuffix(st.Text, ": test") {
		t.Fatalf("status %+v", st)
	}
}

func TestWhatHappensHereIsTold(t *testing.T) {
	s := newStand(t)
	s.start()
	p := s.accept()
	for _, c := range []struct {
		what string
		say  func(vtep.Guest)
	}{{plugin.Learn, s.Learn}, {plugin.Announce, s.Announce}, {plugin.Withdraw, s.Withdraw}} {
		c.say(here)
		if g, err := p.receive(c.what).Guest(); err != nil || g != here {
			t.Fatalf("%s: %v, %v", c.what, g, err)
		}
	}
	self, to := netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("192.0.2.1")
	s.Shoot(guest, self, to)
	if m := p.receive(plugin.Shoot); m.End != self || m.To != to {
		t.Fatalf("%+v", m)
	}
}

// A plug-in that is asked about a guest before it has been told where that is would say where it was.
func TestAQuestionComesBehindWhatWasSaidOfGuestsBefore(t *testing.T) {
	s := newStand(t)
	s.start()
	p := s.accept()
	ask := func() {
		t.Helper()
		if err := s.Ask(guest); err != nil {
			t.Fatal(err)
		}
	}
	announced := func(guests int) {
		t.Helper()
		for range guests {
			p.receive(plugin.Announce)
		}
		p.receive(plugin.Ask)
	}
	const guests = 3*told + 1
	for i := range guests {
		g := here
		g.MAC[5] = byte(i)
		s.Announce(g)
	}
	ask()
	announced(guests)
	p.raw.Close()
	s.down()
	s.pass(retryFirst)
	p = s.accept()
	ask()
	announced(guests)
}

func TestADeadPlugInIsConnectedToAgainAndToldWhoIsHere(t *testing.T) {
	s := newStand(t)
	s.start()
	p := s.accept()
	s.Announce(here)
	p.receive(plugin.Announce)
	p.raw.Close()
	s.down()
	if err := s.Ask(guest); err == nil {
		t.Fatal("a dead plug-in takes questions")
	}
	if st := s.Status(); st.Up {
		t.Fatalf("status %+v", st)
	}
	s.Tick(s.clock)
	if s.busy {
		t.Fatal("connected to again at once")
	}
	s.pass(retryFirst)
	p = s.accept()
	if g, err := p.receive(plugin.Announce).Guest(); err != nil || g != here {
		t.Fatalf("%v, %v", g, err)
	}
	if s.tally.connected != 2 || s.tally.unsent != 1 {
		t.Fatalf("%+v", s.tally)
	}
}

func TestAPlugInThatIsNotThereIsTriedLessAndLess(t *testing.T) {
	s := newStand(t)
	s.listen.Close()
	s.start()
	for range 20 {
		s.down()
		s.pass(retryLast)
	}
	s.down()
	if s.retry != retryLast {
		t.Fatalf("tried every %v", s.retry)
	}
	if st := s.Status(); st.Up || !strings.Contains(st.Text, "no such file") {
		t.Fatalf("status %+v", st)
	}
}

func TestASilentPlugInIsPingedThenGivenUp(t *testing.T) {
	s := newStand(t)
	s.start()
	p := s.accept()
	s.pass(pingEvery)
	p.receive(plugin.Ping)
	p.send(&plugin.Message{Type: plugin.Pong, Down: true, Text: "no database"})
	p.send(&plugin.Message{Type: plugin.Recovered}) // a mark: the pong has been read
	s.sink.Until(t, "the mark", func() bool { return s.sink.Recoveries() == 2 })
	if st := s.Status(); st.Up || !strings.HasSuffix(st.Text, "test, no database") {
		t.Fatalf("status %+v", st)
	}
	s.pass(silence - 1) // something was heard
	s.pass(silence - 1)
	s.pass(1)
	s.down()
	if st := s.Status(); !strings.Contains(st.Text, errSilent.Error()) {
		t.Fatalf("status %+v", st)
	}
}

func TestAPlugInThatDoesNotReadIsCutOff(t *testing.T) {
	s := newStand(t)
	s.start()
	s.accept()
	for n := 0; ; n++ {
		err := s.Ask(guest)
		if errors.Is(err, errSlow) {
			break
		}
		if err != nil || n > 1<<20 {
			t.Fatalf("%v after %d questions", err, n)
		}
	}
	s.down()
}

func TestALyingPlugInIsCutOffAndCounted(t *testing.T) {
	for _, line := range []string{
		"hello?",
		`{"type":"answer","vni":7}`,
		`{"type":"answer","vni":7,"flood":true,"life":-1}`,
		`{"type":"invalidate"}`,
		`{"type":"x","text":"` + strings.Repeat("x", plugin.MaxMessage) + `"}`,
	} {
		s := newStand(t)
		s.start()
		p := s.accept()
		if _, err := p.raw.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
		s.down()
		if s.tally.wrong != 1 {
			t.Errorf("%.40s: counted %d times", line, s.tally.wrong)
		}
	}
}

func TestAPlugInOfAnotherVersionIsRefused(t *testing.T) {
	s := newStand(t)
	s.start()
	c := s.silent()
	if err := plugin.NewConn(c).Send(&plugin.Message{Type: plugin.Hello, Version: plugin.Version + 1}); err != nil {
		t.Fatal(err)
	}
	s.down()
	if st := s.Status(); !strings.Contains(st.Text, "version 2 of the protocol") {
		t.Fatalf("status %+v", st)
	}
}

// A Resolver of this process, served by package plugin, is the same over a socket.
func TestAServedResolverIsTheSameOverTheSocket(t *testing.T) {
	s := newStand(t)
	look, err := learn.New(learn.Options{Flood: []vtep.End{{Addr: netip.MustParseAddr("239.1.1.1")}}})
	if err != nil {
		t.Fatal(err)
	}
	s.serve(look)
	s.start()
	s.sink.Until(t, "the connection", func() bool { return s.sink.Recoveries() == 1 })
	there := vtep.Guest{VNI: 7, MAC: guest.MAC(), End: found.Ends[0]}
	s.Learn(there)
	if a := s.sink.WaitFor(t, guest); !a.Equal(&found) {
		t.Fatalf("learned %v", a)
	}
	s.sink.Forget(guest)
	if err := s.Ask(guest); err != nil {
		t.Fatal(err)
	}
	if a := s.sink.WaitFor(t, guest); !a.Equal(&found) {
		t.Fatalf("answer %v", a)
	}
	if err := s.Ask(vtep.ForFlood(8)); err != nil {
		t.Fatal(err)
	}
	if a := s.sink.WaitFor(t, vtep.ForFlood(8)); len(a.Ends) != 1 || a.Ends[0].Key != 8 {
		t.Fatalf("answer %v", a)
	}
}

// TestNobodyHasTheEthernetAddressZero: it is no address in the protocol, so that whoever sends to it or from it must not end
// the session.
func TestNobodyHasTheEthernetAddressZero(t *testing.T) {
	s := newStand(t)
	s.start()
	zero := vtep.ForMAC(7, [6]byte{})
	who := here
	who.MAC = zero.MAC()
	for range 2 {
		p := s.accept()
		s.sink.Forget(zero)
		if err := s.Ask(zero); err != nil {
			t.Fatal(err)
		}
		if a := s.sink.WaitFor(t, zero); !a.None() {
			t.Errorf("it is at %v", a.Ends)
		}
		s.Announce(who)
		s.Learn(who)
		s.Shoot(zero, who.End.Addr, who.End.Addr)
		s.Withdraw(who)
		s.Announce(who)
		s.Announce(here)
		if g, err := p.receive(plugin.Announce).Guest(); err != nil || g != here {
			t.Errorf("the plug-in hears of %v, %v", g, err)
		}
		s.Withdraw(here)
		p.receive(plugin.Withdraw)
		p.raw.Close()
		s.down()
		s.pass(retryFirst)
	}
}

// TestAllGuestsMayComeAndGoAtOnce: a port with thousands of guests loses its carrier, and a plug-in reads as fast as it can.
func TestAllGuestsMayComeAndGoAtOnce(t *testing.T) {
	s := newStand(t)
	s.start()
	p := s.accept()
	const n = 3 * queued
	guest := func(i int) vtep.Guest {
		g := here
		g.MAC = [6]byte{2, 3: byte(i >> 16), 4: byte(i >> 8), 5: byte(i)}
		return g
	}
	for i := range n {
		s.Announce(guest(i))
	}
	for i := range n {
		s.Withdraw(guest(i))
		s.Announce(guest(i))
		if i%2 == 0 {
			s.Withdraw(guest(i))
		}
	}
	mark := guest(n)
	s.Announce(mark)
	known := make(map[vtep.Guest]bool)
	for !known[mark] {
		m, err := p.conn.Receive()
		if err != nil {
			t.Fatal(err)
		}
		g, err := m.Guest()
		if err != nil {
			t.Fatal(err)
		}
		known[g] = m.Type == plugin.Announce
	}
	for i := range n {
		if want := i%2 == 1; known[guest(i)] != want {
			t.Fatalf("guest %d is here: %v", i, !want)
		}
	}
}

func TestOfAGuestThatComesAndGoesThePlugInHearsTheLastInOrder(t *testing.T) {
	told := newTelling()
	other := here
	other.MAC[5]++
	for range 10000 {
		told.add(plugin.Announce, here)
		told.add(plugin.Withdraw, other)
		told.add(plugin.Withdraw, here)
	}
	told.add(plugin.Announce, other)
	if len(told.list) > 200 {
		t.Errorf("%d tidings are kept", len(told.list))
	}
	var got []string
	for more := true; more; {
		var list []plugin.Message
		list, more = told.take()
		for i := range list {
			got = append(got, list[i].Type)
		}
	}
	if len(got) != 2 || got[0] != plugin.Withdraw || got[1] != plugin.Announce || len(told.last) != 0 {
		t.Errorf("told %v", got)
	}
	for i := range maxTold + 1 {
		g := here
		g.VNI = uint32(i)
		if ok := told.add(plugin.Announce, g); ok != (i < maxTold) {
			t.Fatalf("%d of %d: room %v", i, maxTold, ok)
		}
	}
}

func TestAPlugInThatSaysNoHelloHoldsNobodyUp(t *testing.T) {
	s := newStand(t)
	s.start()
	s.silent()
	start := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > helloTime/2 {
		t.Errorf("closed after %v", took)
	}
}

// TestTheFirstConnectionIsNotTakenForASilentOne: the clock of a directory may have begun long ago.
func TestTheFirstConnectionIsNotTakenForASilentOne(t *testing.T) {
	s := newStand(t)
	var now atomic.Int64
	now.Store(int64(time.Hour))
	d, err := vtep.New(vtep.Options{Clock: now.Load}, s.Plugin, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := s.silent()
	p := &peer{t: t, raw: c, conn: plugin.NewConn(c)}
	p.receive(plugin.Hello)
	p.send(&plugin.Message{Type: plugin.Hello, Version: plugin.Version, Name: "test"})
	for end := time.Now().Add(vteptest.Patience); !s.Status().Up; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not connected")
		}
	}
	now.Add(int64(silence) - 1)
	d.Tick()
	p.receive(plugin.Ping)
}
