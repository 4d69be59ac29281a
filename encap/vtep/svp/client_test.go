package svp

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/vtep/vteptest"
)

var (
	guestIP = netip.MustParseAddr("10.0.0.1")
	guest   = vtep.ForMAC(7, guestMAC)
	atA     = place{hostA, 4789}
)

// A stand is a Client with its server, and a clock that tests move.
type stand struct {
	t *testing.T
	*Client
	server *server
	sink   *vteptest.Sink
	clock  int64
}

func newStand(t *testing.T, s *server) *stand {
	t.Helper()
	c, err := NewClient(s.addr())
	if err != nil {
		t.Fatal(err)
	}
	st := &stand{t: t, Client: c, server: s, sink: vteptest.NewSink()}
	t.Cleanup(func() { c.Close() })
	return st
}

func (s *stand) start() {
	s.t.Helper()
	if err := s.Start(s.sink); err != nil {
		s.t.Fatal(err)
	}
	s.Tick(s.clock)
	s.connected(1)
}

// connected waits for the nth connection.
func (s *stand) connected(n int) {
	s.t.Helper()
	s.sink.Until(s.t, "a connection", func() bool { return s.sink.Recoveries() == n })
}

// lost waits until there is no connection, which nobody tells the sink.
func (s *stand) lost() {
	s.t.Helper()
	until(s.t, "the end of the connection", func() bool {
		s.pool.mu.Lock()
		defer s.pool.mu.Unlock()
		return len(s.pool.conns) == 1 && !s.pool.conns[0].busy
	})
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(vteptest.Patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", vteptest.Patience, what)
		}
	}
}

func (s *stand) pass(d time.Duration) {
	s.clock += int64(d)
	s.Tick(s.clock)
}

func (s *stand) ask(q vtep.Question) vtep.Answer {
	s.t.Helper()
	s.sink.Forget(q)
	if err := s.Ask(q); err != nil {
		s.t.Fatal(err)
	}
	return s.sink.WaitFor(s.t, q)
}

func TestAGuestIsFoundByMACAndByAddress(t *testing.T) {
	s := newStand(t, newServer(t))
	v6 := netip.MustParseAddr("2001:db8::1")
	s.server.move(guestMAC, 7, guestIP, atA)
	s.server.move([6]byte{2, 2}, 7, v6, place{v6, 1339})
	s.start()
	end := vtep.End{Addr: hostA, Port: 4789, Key: 7}
	if a := s.ask(guest); !a.Equal(&vtep.Answer{Ends: []vtep.End{end}}) {
		t.Errorf("%+v", a)
	}
	s.sink.Forget(guest)
	if a := s.ask(vtep.ForIP(7, guestIP)); !a.Equal(&vtep.Answer{Ends: []vtep.End{end}, MAC: guestMAC}) {
		t.Errorf("%+v", a)
	}
	if a, ok := s.sink.Got(guest); !ok || a.Ends[0] != end {
		t.Errorf("the answer about an address is one about its MAC as well: %+v", a)
	}
	if a := s.ask(vtep.ForIP(7, v6)); a.MAC != [6]byte{2, 2} || a.Ends[0] != (vtep.End{Addr: v6, Port: 1339, Key: 7}) {
		t.Errorf("%+v", a)
	}
	for _, q := range []vtep.Question{vtep.ForMAC(8, guestMAC), vtep.ForIP(8, guestIP), vtep.ForFlood(7)} {
		if a := s.ask(q); !a.None() {
			t.Errorf("%v: %+v", q, a)
		}
	}
}

// TestWhatTheServerSaysLastOfAGuestCounts: an answer about an address is one about the guest that has it, who may have others.
func TestWhatTheServerSaysLastOfAGuestCounts(t *testing.T) {
	s := newStand(t, newServer(t))
	other := netip.MustParseAddr("10.0.0.2")
	s.server.move(guestMAC, 7, guestIP, atA)
	s.server.move(guestMAC, 7, other, atA)
	s.start()
	first := s.ask(vtep.ForIP(7, guestIP))
	at := place{netip.MustParseAddr("192.0.2.2"), 4789}
	s.server.move(guestMAC, 7, other, at)
	second := s.ask(vtep.ForIP(7, other))
	if first.MAC != guestMAC || second.MAC != guestMAC || !first.Has(hostA) || !second.Has(at.addr) {
		t.Errorf("%+v and %+v", first, second)
	}
	if a, ok := s.sink.Got(guest); !ok || !a.Has(at.addr) {
		t.Errorf("the guest is at %+v", a)
	}
}

func TestASecondAnswerToOneRequestEndsTheConnection(t *testing.T) {
	s := newStand(t, newServer(t))
	s.server.move(guestMAC, 7, guestIP, atA)
	s.start()
	s.server.do(func() { s.server.garble = func(b []byte) []byte { return slices.Concat(b, b) } })
	if a := s.ask(guest); !a.Has(hostA) {
		t.Errorf("%+v", a)
	}
	s.lost()
	if n := s.pool.tally.wrong; n != 1 {
		t.Errorf("%d answers to nothing that was asked", n)
	}
}

func TestAServerThatRefusesIsCountedAndAskedAgain(t *testing.T) {
	s := newStand(t, newServer(t))
	s.server.move(guestMAC, 7, guestIP, atA)
	s.start()
	s.server.do(func() { s.server.status = 1 })
	if err := s.Ask(guest); err != nil {
		t.Fatal(err)
	}
	until(t, "the refusal", func() bool { return s.refused.Load() == 1 })
	if _, ok := s.sink.Got(guest); ok {
		t.Fatal("a refusal is an answer")
	}
	s.server.do(func() { s.server.status = statusOK })
	s.ask(guest)
}

func TestAServerThatLeavesIsConnectedToAgain(t *testing.T) {
	s := newStand(t, newServer(t))
	s.server.move(guestMAC, 7, guestIP, atA)
	s.start()
	s.ask(guest)
	s.server.drop()
	s.lost()
	if err := s.Ask(guest); err == nil {
		t.Fatal("a question is taken without a server")
	}
	if st := s.Status(); st.Up || !strings.Contains(st.Text, "0 of 1 servers") {
		t.Fatalf("status %+v", st)
	}
	s.pass(backoffFirst)
	s.connected(2)
	s.ask(guest)
}

func TestASilentServerIsGivenUp(t *testing.T) {
	s := newStand(t, newServer(t))
	s.start()
	s.server.do(func() { s.server.silent = true })
	if err := s.Ask(guest); err != nil {
		t.Fatal(err)
	}
	s.pass(answerTime - 1)
	if st := s.Status(); !st.Up {
		t.Fatalf("given up too early: %+v", st)
	}
	s.pass(1)
	s.lost()
	if st := s.Status(); st.Up || !strings.Contains(st.Text, errLate.Error()) {
		t.Fatalf("status %+v", st)
	}
}

func TestAServerThatTalksNonsenseIsDropped(t *testing.T) {
	for name, garble := range map[string]func([]byte) []byte{
		"a wrong CRC32":        func(b []byte) []byte { b[12]++; return b },
		"another version":      func(b []byte) []byte { b[1] = 2; return b },
		"a length of 4 GiB":    func(b []byte) []byte { order.PutUint32(b[4:], 1<<32-1); return b },
		"another's answer":     func(b []byte) []byte { return appendMessage(nil, opVL2Ack, 999, b[headerLen:]) },
		"something unheard of": func([]byte) []byte { return []byte(strings.Repeat("HTTP/1.1 400 ", 3)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, newServer(t))
			s.start()
			s.server.do(func() { s.server.garble = garble })
			if err := s.Ask(guest); err != nil {
				t.Fatal(err)
			}
			s.lost()
		})
	}
}

func TestAnAnswerOfAnotherKindIsNoAnswer(t *testing.T) {
	s := newStand(t, newServer(t))
	s.start()
	s.server.do(func() {
		s.server.garble = func(b []byte) []byte { return appendMessage(nil, opLogRmAck, order.Uint32(b[8:]), b[headerLen:]) }
	})
	if err := s.Ask(guest); err != nil {
		t.Fatal(err)
	}
	until(t, "the wrong answer", func() bool { return s.wrong.Load() == 1 })
}

func TestANameWithSeveralAddressesIsSeveralServers(t *testing.T) {
	s := newStand(t, newServer(t))
	addrs := make(chan []netip.Addr, 10)
	s.pool.host = "svp.example"
	s.pool.resolve = func(context.Context, string) ([]netip.Addr, error) { return <-addrs, nil }
	one, other := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.9") // nobody listens on the second
	addrs <- []netip.Addr{one, other}
	s.start()
	for range 4 {
		s.ask(guest)
	}
	addrs <- []netip.Addr{other}
	s.pass(resolveEvery)
	until(t, "the end of the first", func() bool {
		up, of, _ := s.pool.connected()
		return up == 0 && of == 1
	})
}

func TestAServerHasAHostAndPerhapsAPort(t *testing.T) {
	for text, want := range map[string]string{"svp": "svp:1296", "192.0.2.1": "192.0.2.1:1296", "svp:1": "svp:1", "[2001:db8::1]:2": "2001:db8::1:2"} {
		p, err := newPool(text, func() {})
		if err != nil || fmt.Sprintf("%s:%d", p.host, p.port) != want {
			t.Errorf("%s: %+v, %v", text, p, err)
		}
	}
	for _, text := range []string{"", ":1", "svp:0", "svp:65536", "svp:x"} {
		if _, err := newPool(text, func() {}); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// TestTheFirstRequestHasAsMuchTimeAsAllOthers: the clock of a directory may have begun long ago.
func TestTheFirstRequestHasAsMuchTimeAsAllOthers(t *testing.T) {
	s := newStand(t, newServer(t))
	var now atomic.Int64
	now.Store(int64(time.Hour))
	d, err := vtep.New(vtep.Options{Clock: now.Load}, s.Client, nil)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "a connection", func() bool { up, _, _ := s.pool.connected(); return up == 1 })
	s.server.do(func() { s.server.silent = true })
	d.Ask(guest, true)
	for _, c := range []struct {
		after time.Duration
		late  uint64
	}{{answerTime - 1, 0}, {1, 1}} {
		now.Add(int64(c.after))
		d.Tick()
		s.pool.mu.Lock()
		if n := s.pool.tally.late; n != c.late {
			t.Errorf("%v later %d connections are given up, want %d", c.after, n, c.late)
		}
		s.pool.mu.Unlock()
	}
}
