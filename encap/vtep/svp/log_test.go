package svp

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/vtep/vteptest"
)

// A watch is an Invalidator with its server, and a clock that tests move.
type watch struct {
	t *testing.T
	*Invalidator
	server *server
	sink   *vteptest.Sink
	clock  int64
}

func newWatch(t *testing.T, o Options) *watch {
	t.Helper()
	w := &watch{t: t, server: newServer(t), sink: vteptest.NewSink()}
	o.Server = w.server.addr()
	if !o.Self.IsValid() {
		o.Self = netip.MustParseAddr("192.0.2.9")
	}
	var err error
	if w.Invalidator, err = NewInvalidator(o); err != nil {
		t.Fatal(err)
	}
	if err := w.Start(w.sink); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	w.pool.tick(0) // and no request yet
	until(t, "a connection", func() bool { up, _, _ := w.pool.connected(); return up == 1 })
	return w
}

// idle says that no request is under way.
func (w *watch) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.busy
}

// pass lets time pass, and waits until what that sets going is done.
func (w *watch) pass(d time.Duration) {
	w.t.Helper()
	w.clock += int64(d)
	w.Tick(w.clock)
	until(w.t, "the end of the request", w.idle)
}

func TestWhatIsInTheLogIsInvalidatedAndThenRemoved(t *testing.T) {
	w := newWatch(t, Options{})
	w.server.move(guestMAC, 7, guestIP, atA)
	w.pass(1)
	want := []vtep.Scope{{Question: vtep.ForMAC(7, guestMAC)}, {Question: vtep.ForIP(7, guestIP)}}
	got := w.sink.Scopes()
	slices.SortFunc(got, func(a, b vtep.Scope) int { return int(a.Question.Kind) - int(b.Question.Kind) })
	if !slices.Equal(got, want) {
		t.Fatalf("invalidated %v", got)
	}
	if n := w.server.logged(); n != 0 {
		t.Fatalf("%d entries left", n)
	}
	if w.server.logSelf != netip.MustParseAddr("192.0.2.9") {
		t.Fatalf("asked for the log of %v", w.server.logSelf)
	}
}

func TestWhatIsInTheLogTwiceCountsOnce(t *testing.T) {
	w := newWatch(t, Options{})
	w.server.move(guestMAC, 7, guestIP, atA)
	w.server.move(guestMAC, 7, guestIP, place{guestIP, 4789}) // entries of their own, about the same guest
	other := netip.MustParseAddr("10.0.0.2")
	w.server.move(guestMAC, 7, other, atA) // and one with two addresses
	w.server.do(func() { w.server.twice = true })
	w.pass(1)
	got := make(map[vtep.Scope]int)
	for _, s := range w.sink.Scopes() {
		got[s]++
	}
	for _, q := range []vtep.Question{vtep.ForMAC(7, guestMAC), vtep.ForIP(7, guestIP), vtep.ForIP(7, other)} {
		if n := got[vtep.Scope{Question: q}]; n != 1 || len(got) != 3 {
			t.Errorf("%v is invalidated %d times; all: %v", q, n, got)
		}
	}
	if n := w.server.logged(); n != 0 || !slices.Equal(w.server.removed, []int{6}) || w.entries != 6 {
		t.Errorf("%d entries left, ids in requests to remove them: %v, %d entries counted", n, w.server.removed, w.entries)
	}
}

func TestTheLogIsAskedForSoonAfterThereWasSomethingElseRarely(t *testing.T) {
	w := newWatch(t, Options{})
	w.server.move(guestMAC, 7, guestIP, atA)
	w.pass(1)
	w.pass(logSoon - 1)
	if n := w.server.times(opLogReq); n != 1 {
		t.Fatalf("asked %d times", n)
	}
	w.pass(1)
	w.pass(logIdle - 1)
	if n := w.server.times(opLogReq); n != 2 {
		t.Fatalf("asked %d times", n)
	}
	w.pass(logIdle + 1)
	if n := w.server.times(opLogReq); n != 3 {
		t.Fatalf("asked %d times", n)
	}
}

func TestALogThatCannotBeReadIsShownAndStays(t *testing.T) {
	w := newWatch(t, Options{})
	w.server.move(guestMAC, 7, guestIP, atA)
	w.server.do(func() {
		w.server.garble = func(b []byte) []byte {
			return appendMessage(nil, opLogAck, order.Uint32(b[8:]), b[headerLen:len(b)-1])
		}
	})
	w.pass(1)
	if st := w.Status(); !strings.Contains(st.Text, errSize.Error()) || w.server.logged() != 2 || len(w.sink.Scopes()) != 0 {
		t.Fatalf("status %+v", st)
	}
	w.server.do(func() { w.server.garble, w.server.status = nil, 1 })
	w.pass(2 * logIdle)
	if st := w.Status(); !strings.Contains(st.Text, "refused with status 1") {
		t.Fatalf("status %+v", st)
	}
	w.server.do(func() { w.server.status = statusOK })
	w.pass(2 * logIdle)
	if len(w.sink.Scopes()) != 2 || w.server.logged() != 0 {
		t.Fatal("the log is not taken up again")
	}
}

func TestAHostHearsFromAnotherThatAGuestIsNotThere(t *testing.T) {
	// The kernel has all of 127.0.0.0/8: two hosts with the same port.
	self, other := netip.MustParseAddr("127.0.0.8"), netip.MustParseAddr("127.0.0.9")
	a := newWatch(t, Options{Self: self, Shootdown: netip.AddrPortFrom(self, 0)})
	at, err := netip.ParseAddrPort(a.shoot.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b := newWatch(t, Options{Self: other, Shootdown: netip.AddrPortFrom(other, 0)})
	b.shoot.at = at // the port that both agree on
	b.Shoot(guest, other, self)
	a.sink.Until(t, "SHOOTDOWN", func() bool { return a.shoot.heard.Load() == 1 })
	if got := a.sink.Scopes(); len(got) != 1 || got[0] != (vtep.Scope{Question: guest, End: other}) {
		t.Fatalf("invalidated %v", got)
	}
	until(t, "the count", func() bool { return b.shoot.sent.Load() == 1 })

	b.Shoot(guest, netip.MustParseAddr("192.0.2.77"), self) // an address that is not this host's
	until(t, "the count", func() bool { return b.shoot.unsent.Load() == 1 })
}

func TestSilentConnectionsDoNotKeepSHOOTDOWNFromBeingHeard(t *testing.T) {
	self := netip.MustParseAddr("127.0.0.1")
	a := newWatch(t, Options{Self: self, Shootdown: netip.AddrPortFrom(self, 0)})
	at, err := netip.ParseAddrPort(a.shoot.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a.shoot.at = at
	for range 3 * shootConns {
		c, err := net.Dial("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	start := time.Now()
	a.Shoot(guest, self, self)
	until(t, "the message", func() bool { return a.shoot.heard.Load() == 1 })
	if took := time.Since(start); took >= shootTime/2 {
		t.Errorf("heard after %v", took)
	}
	if n := a.shoot.crowded.Load(); n < 2*shootConns {
		t.Errorf("%d connections were closed for others", n)
	}
}

// A sick listener cannot take the first connections, as where too many descriptors are open.
type sick struct {
	net.Listener
	left atomic.Int64
}

func (s *sick) Accept() (net.Conn, error) {
	if s.left.Add(-1) >= 0 {
		return nil, syscall.EMFILE
	}
	return s.Listener.Accept()
}

func TestAConnectionThatCannotBeTakenDoesNotEndSHOOTDOWN(t *testing.T) {
	self := netip.MustParseAddr("127.0.0.1")
	sink := vteptest.NewSink()
	a, err := newShooter(netip.AddrPortFrom(self, 0), sink)
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(a.listener.Addr().String())
	a.close()
	l := &sick{}
	l.left.Store(2)
	if l.Listener, err = net.Listen("tcp", at.String()); err != nil {
		t.Fatal(err)
	}
	b := newShooterAt(at, l, sink)
	t.Cleanup(b.close)
	b.send(guest, self, self)
	until(t, "the message", func() bool { return b.heard.Load() == 1 })
	if n := b.deaf.Load(); n != 2 {
		t.Errorf("%d times a connection could not be taken", n)
	}
}

func TestAStormOfSHOOTDOWNIsIgnoredBeyondARate(t *testing.T) {
	self := netip.MustParseAddr("127.0.0.8")
	a := newWatch(t, Options{Self: self, Shootdown: netip.AddrPortFrom(self, 0)})
	at, err := netip.ParseAddrPort(a.shoot.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a.shoot.at = at
	for n := range 3 * shootTick {
		a.Shoot(guest, self, self)
		until(t, "the message", func() bool { return a.shoot.heard.Load()+a.shoot.ignored.Load() == uint64(n+1) })
	}
	if n := a.shoot.heard.Load(); n != shootTick {
		t.Fatalf("%d heard", n)
	}
}

func TestTheLogNeedsAnEnd(t *testing.T) {
	if _, err := NewInvalidator(Options{Server: "svp"}); err == nil {
		t.Error("taken without an end")
	}
	if _, err := NewInvalidator(Options{Server: "", Self: hostA}); err == nil {
		t.Error("taken without a server")
	}
}

// With a Directory in front, as in the switch: look-up and invalidation are two plug-ins, and a guest that moves
// is followed when the log says so.
func TestADirectoryFollowsAMoveByTheLog(t *testing.T) {
	s := newServer(t)
	s.move(guestMAC, 7, guestIP, atA)
	look, err := NewClient(s.addr())
	if err != nil {
		t.Fatal(err)
	}
	inv, err := NewInvalidator(Options{Server: s.addr(), Self: netip.MustParseAddr("192.0.2.9")})
	if err != nil {
		t.Fatal(err)
	}
	var clock atomic.Int64
	d, err := vtep.New(vtep.Options{Clock: clock.Load}, look, inv)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	tick := func() {
		clock.Add(int64(10 * time.Millisecond)) // slowly: the server has 5 s of these for an answer
		d.Tick()
	}
	at := func(want netip.Addr) func() bool {
		return func() bool {
			tick()
			r := d.Ask(guest, true)
			return r.State == vtep.Known && r.Answer.Has(want)
		}
	}
	until(t, "the guest", at(hostA))
	until(t, "an empty log", func() bool { tick(); return s.logged() == 0 })
	b := netip.MustParseAddr("192.0.2.2")
	s.move(guestMAC, 7, guestIP, place{b, 4789})
	until(t, "the move", at(b))
}
