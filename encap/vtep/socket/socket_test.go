package socket

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/vtep/learn"
	"github.com/culvertdev/culvert/encap/vtep/plugin"
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
	s.Learn(here)
	s.Announce(here)
	s.Withdraw(here)
	for _, what := range []string{plugin.Learn, plugin.Announce, plugin.Withdraw} {
		if g, err := p.receive(what).Guest(); err != nil || g != here {
			t.Fatalf("%s: %v, %v", what, g, err)
		}
	}
	self, to := netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("192.0.2.1")
	s.Shoot(guest, self, to)
	if m := p.receive(plugin.Shoot); m.End != self || m.To != to {
		t.Fatalf("%+v", m)
	}
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
	c, err := s.listen.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
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
